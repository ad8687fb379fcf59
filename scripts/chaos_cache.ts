/**
 * The command `deno task chaos:cache`: two caches over one Redis under load; the server is killed,
 * comes back empty or with older data, or hangs, again and again. Exits with 1 on any fault.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { runCacheCampaign, type Shares, type Trouble, TROUBLES } from "./chaos_cache/campaign.ts";
import { isInstalled, SERVICES } from "./support/services.ts";
import { wholeNumber } from "./support/whole_number.ts";

const HELP =
  `Kills the Redis of two caches under load and brings it back, with the data of an earlier
moment or empty, or holds it up. No get may fail; none may answer with what its process was told is
invalidated; in the end every key must be as upstream; and Redis must be of use again.

Options:
  --seconds N   about how long (default 30)
  --seed S      decides load and chances (default WICK_SEED, or one that is printed)
  --keys N      keys upstream (default 2000)
  --help

Examples:
  deno task chaos:cache --seconds 30
  deno task chaos:cache --seconds 300 --seed 7
`;

/** Length of each part of a round, ms; a round has some four. */
const PART_MS = 750;
const PARTS = 4;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: "string", default: "30" },
      seed: { type: "string", default: Deno.env.get("WICK_SEED") ?? String(randomSeed()) },
      keys: { type: "string", default: "2000" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (!isInstalled("redis")) {
    console.error(`Cannot run: install ${SERVICES.redis.package}`);
    return 2;
  }
  const seconds = wholeNumber("seconds", values.seconds, 1, 100_000);
  const seed = wholeNumber("seed", values.seed, 0, 0xffff_ffff);
  const keys = wholeNumber("keys", values.keys, 20, 100_000);
  return await campaign(seconds, seed, keys);
}

async function campaign(seconds: number, seed: number, keys: number): Promise<number> {
  const rounds = Math.max(TROUBLES.length, Math.round(seconds * 1_000 / (PARTS * PART_MS)));
  console.log(`${rounds} rounds over ${keys} keys from seed ${seed}`);
  console.log(
    "  trouble    gets   upstream before/away/after   hits in Redis before/away/after   recovered",
  );
  const troubles = Array.from({ length: rounds }, (_, i) => TROUBLES[i % 3] as Trouble);
  const result = await runCacheCampaign({
    seed,
    keys,
    troubles,
    partMs: PART_MS,
    onRound: ({ trouble, before, away, after, recoveredMs }) => {
      const parts = [before, away, after];
      const row = (of: (shares: Shares) => number) =>
        parts.map((shares) => `${(100 * of(shares)).toFixed(0)} %`.padStart(5)).join(" ");
      const gets = parts.reduce((sum, one) => sum + one.gets, 0);
      console.log(
        `  ${trouble.padEnd(9)} ${String(gets).padStart(5)}   ` +
          `${row((one) => one.upstreamRatio).padEnd(28)} ${
            row((one) => one.tierHitRatio).padEnd(33)
          }` +
          (recoveredMs === null ? "never" : `${(recoveredMs / 1_000).toFixed(1)} s`),
      );
    },
  });
  const { gets, changes, loads, gaps, repeated, faults } = result;
  console.log(
    `  ${gets} gets, ${loads} loads, ${changes} invalidations, ${gaps} gaps, ` +
      `${repeated} messages published again`,
  );
  for (const { process, what } of faults.slice(0, 20)) console.log(`${process}: ${what}`);
  const lame = result.rounds.filter(({ recoveredMs }) => recoveredMs === null);
  for (const { trouble } of lame) console.log(`Redis did not recover after ${trouble}`);
  const isGood = faults.length + lame.length === 0;
  console.log(isGood ? "no fault" : `FAULTS: ${faults.length + lame.length}`);
  return isGood ? 0 : 1;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
