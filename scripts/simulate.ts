/**
 * The command `deno task simulate`: random schedules on the production runtime against the oracle,
 * random chaos against invariants, and the planted bugs that both must find. Exits with 1 when
 * something is wrong or a figure is short of its must.
 *
 * @module
 */

import { wholeNumber } from "./support/whole_number.ts";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import {
  type Campaign,
  type CampaignTally,
  historyOf,
  type ScopeChoice,
  scopeOf,
} from "./simulate/campaign.ts";
import { CANARIES } from "./simulate/canaries.ts";
import { Aviary } from "./simulate/aviary.ts";
import { runChaos } from "./simulate/chaos.ts";
import { STEPS_MAX } from "./simulate/schedule.ts";
import { runInThreads } from "./simulate/threads.ts";

const HELP =
  `Runs random supervisor schedules on the production runtime, in virtual time, and compares
restarts, give-ups and their order with an oracle of OTP.

Options:
  --schedules N   how many schedules (default 100000)
  --seed S        seed of the first one; each next one has one more (default WICK_SEED, or 1)
  --scope S       child, supervisor, or both in turns: even seeds child (default both)
  --steps N       steps of a schedule (default 40)
  --threads N     default: as many as there are cores
  --replay SEED   print the history of one schedule, message by message
  --chaos N       run N random trees with asynchronous handlers, asks, timers, watches, faults and
                  a stop at the end, and check invariants; with --replay, print one history
  --canary        plant bugs into copies of the runtime, one each, and see that each is caught
  --help

Examples:
  deno task simulate --schedules 1000000
  deno task simulate --schedules 20000 --seed 7 --scope supervisor
  deno task simulate --replay 4711
  deno task simulate --chaos 2000 --seed 7
  deno task simulate --chaos 1 --replay 12
  deno task simulate --canary
`;

/** Fewer schedules say nothing about speed: threads start and code warms up meanwhile. */
const TIMED_SCHEDULES_MIN = 100_000;
const SECONDS_MUST = 120;
const SECONDS_AIM = 30;
const RESTARTS_MUST = 4;
const ESCALATIONS_MUST = 0.3;
const SEED_MAX = 0xffff_ffff;

interface Options extends Required<Campaign> {
  readonly threads: number;
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      schedules: { type: "string", default: "100000" },
      seed: { type: "string", default: Deno.env.get("WICK_SEED") ?? "1" },
      scope: { type: "string", default: "both" },
      steps: { type: "string", default: "40" },
      threads: { type: "string", default: String(availableParallelism()) },
      replay: { type: "string" },
      chaos: { type: "string" },
      canary: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const options: Options = {
    schedules: wholeNumber("schedules", values.schedules, 1, 100_000_000),
    seed: wholeNumber("seed", values.seed, 0, SEED_MAX),
    scope: scopeChoice(values.scope),
    steps: wholeNumber("steps", values.steps, 1, STEPS_MAX),
    threads: wholeNumber("threads", values.threads, 1, 1_024),
  };
  if (values.canary) return await tryCanaries(options.seed);
  const replay = values.replay === undefined
    ? null
    : wholeNumber("replay", values.replay, 0, SEED_MAX);
  if (values.chaos !== undefined) {
    const runs = wholeNumber("chaos", values.chaos, 1, 100_000_000);
    return replay === null ? await runManyChaos(runs, options.seed) : await replayChaos(replay);
  }
  return replay === null ? await compare(options) : replaySchedule(replay, options);
}

function scopeChoice(text: string): ScopeChoice {
  if (text === "child" || text === "supervisor" || text === "both") return text;
  throw new RangeError(
    `Cannot read --scope: expected child, supervisor or both: current value is ${text}`,
  );
}

// ---- schedules ------------------------------------------------------------------------------------

async function compare(options: Options): Promise<number> {
  const { schedules, seed, scope, steps, threads } = options;
  console.log(
    `${schedules} schedules of ${steps} steps from seed ${seed}, scope ${scope}, ` +
      `${threads} threads`,
  );
  const startMs = performance.now();
  const tally = await runInThreads(options, threads, progressOf(schedules));
  const seconds = (performance.now() - startMs) / 1_000;
  const { first } = tally;
  if (first !== null) {
    const again = `--replay ${first.seed} --scope ${scopeOf(first.seed, scope)} --steps ${steps}`;
    console.log(`First violation, replay with ${again}:\n\n${first.trace}\n`);
  }
  console.log(`${tally.schedules} schedules, ${tally.messages} messages, ${seconds.toFixed(1)} s`);
  return reportFigures(tally, seconds) ? 0 : 1;
}

/** Reports on stderr about every tenth of the way. */
function progressOf(schedules: number): (tally: CampaignTally) => void {
  let next = 0.1;
  return (tally) => {
    const share = tally.schedules / schedules;
    if (share < next) return;
    next = Math.floor(share * 10) / 10 + 0.1;
    console.error(`${tally.schedules} of ${schedules} schedules, ${tally.violations} violations`);
  };
}

function reportFigures(tally: CampaignTally, seconds: number): boolean {
  const restarts = tally.restarts / tally.schedules;
  const escalations = tally.escalations / tally.schedules;
  const oks = [
    figure("violations", tally.violations, "must 0", tally.violations === 0),
    figure("restarts_per_schedule", restarts, `must ${RESTARTS_MUST}`, restarts >= RESTARTS_MUST),
    figure(
      "escalations_per_schedule",
      escalations,
      `must ${ESCALATIONS_MUST}`,
      escalations >= ESCALATIONS_MUST,
    ),
  ];
  if (tally.schedules < TIMED_SCHEDULES_MIN) {
    console.log(`seconds per million: told from ${TIMED_SCHEDULES_MIN} schedules on`);
  } else {
    const perMillion = seconds / tally.schedules * 1e6;
    const bars = `must ${SECONDS_MUST}, aim ${SECONDS_AIM}`;
    oks.push(figure("seconds_per_million", perMillion, bars, perMillion <= SECONDS_MUST));
  }
  return oks.every((ok) => ok);
}

function figure(name: string, value: number, bars: string, ok: boolean): boolean {
  const digits = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
  console.log(`simulator_${name} ${digits} (${bars}) ${ok ? "ok" : "short"}`);
  return ok;
}

function replaySchedule(seed: number, { steps, scope }: Options): number {
  const { lines, hash, trace } = historyOf(seed, { steps, scope });
  console.log(lines.join("\n"));
  console.log(`\nseed ${seed}, scope ${scopeOf(seed, scope)}, history ${hash}`);
  if (trace !== null) console.log(`\nviolation:\n\n${trace}`);
  return trace === null ? 0 : 1;
}

// ---- chaos ----------------------------------------------------------------------------------------

async function runManyChaos(runs: number, from: number): Promise<number> {
  let violations = 0;
  const startMs = performance.now();
  for (let i = 0; i < runs; i++) {
    const seed = (from + i) >>> 0;
    const { violation } = await runChaos(seed);
    if (violation !== null) {
      if (violations++ < 10) console.log(`seed ${seed}: ${violation}`);
    }
    if ((i + 1) % 1_000 === 0) console.error(`${i + 1} of ${runs} runs, ${violations} violations`);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  console.log(`${runs} runs from seed ${from}, ${seconds.toFixed(1)} s`);
  return figure("chaos_violations", violations, "must 0", violations === 0) ? 0 : 1;
}

async function replayChaos(seed: number): Promise<number> {
  const { violation, hash } = await runChaos(seed, (line) => console.log(line));
  console.log(`\nseed ${seed}, history ${hash}`);
  if (violation !== null) console.log(`violation: ${violation}`);
  return violation === null ? 0 : 1;
}

// ---- canaries -------------------------------------------------------------------------------------

async function tryCanaries(seed: number): Promise<number> {
  await using aviary = await Aviary.create();
  const found = await Promise.all(CANARIES.map((canary) => aviary.release(canary, seed)));
  found.forEach(({ caught, by }, i) => {
    console.log(`${caught ? "caught" : "MISSED"}  ${CANARIES[i]?.bug}: ${by}`);
  });
  const missed = found.filter(({ caught }) => !caught).length;
  return figure("canaries_missed", missed, "must 0", missed === 0) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
