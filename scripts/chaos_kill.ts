/**
 * The command `deno task chaos:kill`: kills the service with SIGKILL at random moments and in every
 * named phase while candles stream in, and compares what it holds in the end with a run that was
 * never killed. Exits with 1 on any difference.
 *
 * @module
 */

import { wholeNumber } from "./support/whole_number.ts";
import { parseArgs } from "node:util";
import { runCampaign } from "./chaos_kill/campaign.ts";
import { FLAWS } from "./chaos_kill/journal.ts";
import { PHASES } from "./chaos_kill/phases.ts";

const HELP =
  `Kills the service with SIGKILL again and again while candles stream in from a file and over HTTP.
Candles, labels, revisions and cursors must equal those of a run that was never killed, and a
subscriber that resumes must have seen each row of the label log once.

Options:
  --kills N     how many kills (default 200)
  --seed S      decides input and kills (default WICK_SEED, or one that is printed)
  --store NAME  sqlite, or journal: a small store of the harness itself (default sqlite)
  --canary      plant flaws into that store, one each, and see that each is found
  --help

Examples:
  deno task chaos:kill --kills 200 --seed 7
  deno task chaos:kill --canary --kills 20
`;

/** Kills in each phase that a full run must have. */
const PHASE_KILLS_MUST = 20;
const FULL_RUN_KILLS = 200;

/** A line of progress every so many kills: some 15 s. */
const PROGRESS_KILLS = 20;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: "string", default: "200" },
      seed: { type: "string", default: Deno.env.get("WICK_SEED") ?? String(randomSeed()) },
      store: { type: "string", default: "sqlite" },
      canary: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const kills = wholeNumber("kills", values.kills, 1, 100_000);
  const seed = wholeNumber("seed", values.seed, 0, 0xffff_ffff);
  return values.canary ? await canaries(kills, seed) : await campaign(kills, seed, values.store);
}

async function campaign(kills: number, seed: number, store: string): Promise<number> {
  const startMs = performance.now();
  console.log(`${kills} kills from seed ${seed} on store ${store}`);
  const result = await runCampaign({
    kills,
    seed,
    storeArgs: ["--store", store],
    onKill: (done) => {
      if (done % PROGRESS_KILLS === 0) console.log(`  ${done} kills`);
    },
  });
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  for (const [phase, count] of Object.entries(result.killedIn)) {
    console.log(`  ${phase.padEnd(14)} ${String(count).padStart(4)} ${"#".repeat(count)}`);
  }
  console.log(
    `  ${result.fileLines} lines of a file, ${result.pushes} pushes acknowledged, ` +
      `${result.pushesRepeated} sent again after a kill, ${result.pushesRefused} after a refusal`,
  );
  console.log(
    `  ${result.streamRows} rows in the label log, a subscriber resumed ` +
      `${result.streamResumed} times`,
  );
  console.log(`  ${result.dumpLines} rows and cursors compared, ${seconds} s`);
  for (const difference of result.differences) console.log(difference);
  const isShort = kills >= FULL_RUN_KILLS &&
    PHASES.some((phase) => result.killedIn[phase] < PHASE_KILLS_MUST);
  if (isShort) console.log(`short: expected at least ${PHASE_KILLS_MUST} kills in each phase`);
  console.log(result.differences.length === 0 ? "no difference" : "DIFFERENT");
  return result.differences.length > 0 || isShort ? 1 : 0;
}

async function canaries(kills: number, seed: number): Promise<number> {
  let missed = 0;
  for (const flaw of FLAWS) {
    const storeArgs = ["--store", "journal", "--flaw", flaw];
    const found = await runCampaign({ kills, seed, storeArgs }).then(
      ({ differences }) => differences[0],
      (error) => String(error),
    );
    if (found === undefined) missed++;
    console.log(`${flaw.padEnd(14)} ${found === undefined ? "MISSED" : "found"} ${found ?? ""}`);
  }
  return missed === 0 ? 0 : 1;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
