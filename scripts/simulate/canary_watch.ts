/**
 * Run from a copy of the runtime by `aviary.ts`: looks for anything wrong there, with schedules and
 * with chaos, and prints the first thing as one line; `nothing` when all is well. The argument is
 * the first seed.
 *
 * @module
 */

import { runCampaign } from "./campaign.ts";
import { runChaos } from "./chaos.ts";

const SCHEDULES = 3_000;
/** Ten times what the rarest bug needs on average. */
const CHAOS_RUNS = 4_000;

async function watch(seed: number): Promise<string> {
  const { first } = await runCampaign({ seed, schedules: SCHEDULES }, 1);
  if (first !== null) {
    const what = first.trace.split("\n").find((line) => /^# (diff|mess|the runtime)/.test(line));
    return `schedule ${first.seed}: ${what?.slice(2) ?? "wrong"}`;
  }
  for (let i = 0; i < CHAOS_RUNS; i++) {
    const { violation } = await runChaos((seed + i) >>> 0);
    if (violation !== null) return `chaos ${(seed + i) >>> 0}: ${violation.split("\n")[0]}`;
  }
  return "nothing";
}

if (import.meta.main) {
  console.log(await watch(Number(Deno.args[0])));
  // Whatever a planted bug has left behind must not keep the process.
  Deno.exit(0);
}
