/**
 * The command `deno task chaos:jobs`: kills the process of a backfill job with SIGKILL at random
 * moments and in every named phase, and compares what the job leaves with one that was never killed.
 * Exits with 1 on any difference.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { runJobCampaign } from "./chaos_jobs/campaign.ts";
import { JOB_PHASES } from "./chaos_jobs/phases.ts";
import { wholeNumber } from "./support/whole_number.ts";

const HELP =
  `Kills the process of a backfill job with SIGKILL again and again. Every item's effect must be there
once, none lost, none repeated; nothing may be asked for again that was committed; candles, labels,
data, letters and reports must equal those of a job that was never killed.

Options:
  --kills N     how many kills (default 200)
  --seed S      decides provider and kills (default WICK_SEED, or one that is printed)
  --items N     items of a job (default 5000)
  --http        the provider is a server that outlives the process
  --help

Examples:
  deno task chaos:jobs --kills 200 --seed 7
  deno task chaos:jobs --http --kills 40
`;

/** Kills in each phase that a full run must have. */
const PHASE_KILLS_MUST = 20;
const FULL_RUN_KILLS = 200;
const PROGRESS_KILLS = 20;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: "string", default: "200" },
      seed: { type: "string", default: Deno.env.get("WICK_SEED") ?? String(randomSeed()) },
      items: { type: "string", default: "5000" },
      http: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const kills = wholeNumber("kills", values.kills, 1, 100_000);
  const seed = wholeNumber("seed", values.seed, 0, 0xffff_ffff);
  const items = wholeNumber("items", values.items, 300, 100_000);
  return await campaign(kills, seed, items, values.http);
}

async function campaign(
  kills: number,
  seed: number,
  items: number,
  overHttp: boolean,
): Promise<number> {
  const startMs = performance.now();
  const where = overHttp ? "over HTTP" : "in the process";
  console.log(`${kills} kills of jobs of ${items} items from seed ${seed}, the provider ${where}`);
  const result = await runJobCampaign({
    kills,
    seed,
    items,
    overHttp,
    onKill: (done) => {
      if (done % PROGRESS_KILLS === 0) console.log(`  ${done} kills`);
    },
  });
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  for (const [phase, count] of Object.entries(result.killedIn)) {
    console.log(`  ${phase.padEnd(14)} ${String(count).padStart(4)} ${"#".repeat(count)}`);
  }
  console.log(
    `  ${result.jobs} jobs to their end, ${result.calls} calls, of these for items that were ` +
      `committed: ${result.askedAgain}; refused for the limit: ${result.limited}`,
  );
  console.log(`  ${result.lines} lines compared of each, ${seconds} s`);
  for (const difference of result.differences.slice(0, 20)) console.log(difference);
  const isShort = kills >= FULL_RUN_KILLS &&
    JOB_PHASES.some((phase) => result.killedIn[phase] < PHASE_KILLS_MUST);
  if (isShort) console.log(`short: expected at least ${PHASE_KILLS_MUST} kills in each phase`);
  const isWrong = result.differences.length > 0 || result.limited > 0;
  console.log(isWrong ? "DIFFERENT" : "no difference");
  return isWrong || isShort ? 1 : 0;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
