/**
 * The command `deno task otp`: the production runtime, or the oracle of `scripts/simulate`, against
 * the supervisor of a real Erlang/OTP, on random schedules. Exits with 1 when they differ.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { compareWithOtp, type Comparison, type RunOurs } from "./otp/compare.ts";
import { Erlang } from "./otp/erlang.ts";
import { Oracle } from "./simulate/oracle.ts";
import { firstDivergence, Outcome, outcomeFor } from "./simulate/outcome.ts";
import { Runner } from "./simulate/runner.ts";
import { STEPS_MAX } from "./simulate/schedule.ts";
import { formatChanges, formatRow, formatStep, parseSchedule } from "./simulate/text.ts";
import { isInstalled, SERVICES } from "./support/services.ts";

export {
  type CompareOptions,
  compareWithOtp,
  type Comparison,
  type RunOurs,
} from "./otp/compare.ts";

const HELP = `Compares Wick's supervision with the one of Erlang/OTP on random schedules.

Options:
  --against WHAT  runtime: the production supervisors (default); oracle: the model of them
  --schedules N   how many schedules (default 10000)
  --seed S        seed of the first one; each next one has one more (default 1)
  --steps N       steps of a schedule (default 40)
  --waiting       let real seconds pass, so that restarts leave their windows
  --file PATH     run one schedule written as text, for example a trace of this command
  --help

Examples:
  deno task otp --schedules 100000 --seed 7
  deno task otp --schedules 1 --seed 4711
  deno task otp --against oracle --waiting --schedules 400
`;

/** What is compared with OTP. */
export type Against = "runtime" | "oracle";

/**
 * Runs schedules on the runtime or the oracle, restarts counted over the whole supervisor as in OTP.
 *
 * - the runtime throws when it lost or repeated a message
 */
export function runOurs(against: Against, steps: number): RunOurs {
  const outcome = new Outcome(steps);
  if (against === "oracle") {
    const oracle = new Oracle("supervisor");
    return (schedule) => oracle.run(schedule, outcome);
  }
  const runner = new Runner("supervisor");
  return (schedule) => {
    runner.run(schedule, outcome);
    if (runner.violation === null) return outcome;
    throw new Error(`seed ${schedule.seed}: ${runner.violation}`);
  };
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      schedules: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      steps: { type: "string", default: "40" },
      against: { type: "string", default: "runtime" },
      waiting: { type: "boolean", default: false },
      file: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (!isInstalled("erlang")) {
    const { package: debian } = SERVICES.erlang;
    console.error(`Cannot compare with OTP: expected erl, of Debian package ${debian}: none found`);
    return 1;
  }
  const against = againstOf(values.against);
  if (values.file !== undefined) return await compareFile(values.file, against);
  const steps = wholeNumber("steps", values.steps, STEPS_MAX);
  const startMs = performance.now();
  const comparison = await compareWithOtp(runOurs(against, steps), {
    schedules: wholeNumber("schedules", values.schedules, 100_000_000),
    seed: wholeNumber("seed", values.seed, 0xffff_ffff),
    steps,
    profile: values.waiting ? "seconds" : "endless",
    name: against,
    onProgress: progress,
  });
  report(comparison, (performance.now() - startMs) / 1_000);
  return comparison.diverged === 0 && comparison.compared > 0 ? 0 : 1;
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= max) return value;
  throw new RangeError(
    `Cannot read --${name}: expected a whole number up to ${max}: current value is ${text}`,
  );
}

function againstOf(text: string): Against {
  if (text === "runtime" || text === "oracle") return text;
  throw new RangeError(
    `Cannot read --against: expected runtime or oracle: current value is ${text}`,
  );
}

function progress(compared: number): void {
  if (compared % 10_000 === 0) console.error(`${compared} schedules`);
}

function report(comparison: Comparison, seconds: number): void {
  const { compared, late, diverged, restartsMean, escalationsMean, first } = comparison;
  if (first !== null) {
    console.log(`First divergence, replay with --schedules 1 --seed ${first.seed}:\n`);
    console.log(`${first.trace}\n`);
  }
  console.log(`${compared} schedules compared in ${seconds.toFixed(1)} s, ${diverged} diverged`);
  if (late > 0) console.log(`${late} more were left out: the machine was too slow for them`);
  console.log(
    `restarts ${restartsMean.toFixed(2)}, escalations ${escalationsMean.toFixed(2)} each`,
  );
}

/** Prints what OTP does at every step of a schedule, and says where we differ. */
async function compareFile(path: string, against: Against): Promise<number> {
  const { schedule, names } = parseSchedule(await Deno.readTextFile(path));
  await using erlang = await Erlang.create();
  const theirs = outcomeFor(schedule);
  (await erlang.run([schedule], "waiting")).read(schedule.nodeCount, theirs);
  const ours = await runOurs(against, schedule.stepCount)(schedule);
  const where = firstDivergence(ours, theirs);
  for (let row = 0; row < theirs.rows; row++) {
    console.log(row === 0 ? "start" : formatStep(schedule, row - 1, names));
    console.log(`  ${formatChanges(theirs, row, names) || "nothing"}`);
    if (where?.row === row) console.log(`  the ${against} differs: ${where.what}`);
  }
  console.log(formatRow(theirs, theirs.rows - 1, names));
  return where === null ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
