/**
 * `deno task model:cache --operations N --seed S`: random operations on the table of a shard, with
 * each policy, against a slow twin. Exits with 1 at the first disagreement.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { POLICY_NAMES, type PolicyName } from "../src/cache/types.ts";
import { runModel } from "./model_cache/run.ts";
import { wholeNumber } from "./support/whole_number.ts";

const HELP = `Random operations on the table of a shard against a slow twin.

Options:
  --operations N  for each policy (default 10000000)
  --seed S        of the first episode (default by chance, or WICK_SEED); each next one has one more
  --policy P      only this one, may repeat: ${POLICY_NAMES.join(", ")}
  --help

Examples:
  deno task model:cache --operations 1000000
  deno task model:cache --policy lru --seed 4711 --operations 20000
`;

/** Episodes count upwards from the seed. */
const SEED_MAX = 2 ** 32 - 1;

function main(): number {
  const { values } = parseArgs({
    options: {
      operations: { type: "string", default: "10000000" },
      seed: { type: "string", default: Deno.env.get("WICK_SEED") ?? chance() },
      policy: { type: "string", multiple: true, default: [...POLICY_NAMES] },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const operations = wholeNumber("operations", values.operations, 1, 1e12);
  const seed = wholeNumber("seed", values.seed, 0, SEED_MAX);
  console.log(`seed ${seed}`);
  let failed = 0;
  for (const name of values.policy) failed += tryPolicy(policyOf(name), operations, seed);
  console.log(failed === 0 ? "ok" : "FAILED");
  return failed === 0 ? 0 : 1;
}

function tryPolicy(policy: PolicyName, operations: number, seed: number): number {
  const startMs = performance.now();
  try {
    const tally = runModel({ policy, operations, seed });
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    console.log(
      `${policy}: ${tally.operations} operations, ${seconds} s, ${JSON.stringify(tally)}`,
    );
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

function policyOf(name: string): PolicyName {
  const found = POLICY_NAMES.find((policy) => policy === name);
  if (found !== undefined) return found;
  throw new RangeError(
    `Cannot read --policy: expected ${POLICY_NAMES.join(", ")}: current value is ${name}`,
  );
}

function chance(): string {
  return String(crypto.getRandomValues(new Uint32Array(1))[0]);
}

if (import.meta.main) Deno.exit(main());
