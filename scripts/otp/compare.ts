/**
 * Compares an implementation of supervision with the one of Erlang/OTP on random schedules.
 *
 * @module
 */

import { generateSchedule, STEPS_DEFAULT } from "../simulate/generator.ts";
import { escalationsOf, firstDivergence, Outcome, restartsOf } from "../simulate/outcome.ts";
import type { Schedule } from "../simulate/schedule.ts";
import { formatDivergence } from "../simulate/trace.ts";
import { Erlang } from "./erlang.ts";
import type { OutcomeReader } from "./wire.ts";

/**
 * Runs a schedule on the implementation in question, restarts counted over the whole supervisor.
 * The outcome is read before the next call, so its memory may be used again.
 */
export type RunOurs = (schedule: Schedule) => Outcome | Promise<Outcome>;

/** What to compare. */
export interface CompareOptions {
  /** How many schedules: those of the seeds `seed` to `seed + schedules - 1`. */
  readonly schedules: number;
  readonly seed: number;
  /** Steps of a schedule; 40 unless given. */
  readonly steps?: number;
  /**
   * `endless` (default): nothing leaves a restart window. `seconds`: seconds really pass on OTP,
   * about ten for every 400 schedules.
   */
  readonly profile?: "endless" | "seconds";
  /** What to call the implementation in a trace. */
  readonly name?: string;
  /** Told after every batch how many schedules were compared. */
  readonly onProgress?: (compared: number) => void;
}

/** How the comparison went. */
export interface Comparison {
  /** Schedules that ran on both sides. */
  readonly compared: number;
  /** Schedules of the profile `seconds` that this machine was too slow for. */
  readonly late: number;
  readonly diverged: number;
  /** Processes that OTP started again, and supervisors that gave up, per schedule. */
  readonly restartsMean: number;
  readonly escalationsMean: number;
  /** The schedule with the smallest seed on which the two differ. */
  readonly first: { readonly seed: number; readonly trace: string } | null;
}

/** Erlangs that run at the same time, each on one core. */
const ERLANGS = 2;
/** Schedules of one start of Erlang: enough to make its 0.1 s unimportant, at 2 MB of text. */
const BATCH_SCHEDULES = 1_000;
/** As many as run side by side, see `erlang.ts`. */
const BATCH_WAITING_SCHEDULES = 400;

/**
 * Runs the same schedules on OTP and on `runOurs`, one after the other, and compares every row.
 *
 * @throws {Error} when Erlang cannot be run.
 */
export async function compareWithOtp(
  runOurs: RunOurs,
  options: CompareOptions,
): Promise<Comparison> {
  await using erlang = await Erlang.create();
  const tally = new Tally(runOurs, options);
  const waiting = options.profile === "seconds";
  const size = waiting ? BATCH_WAITING_SCHEDULES : BATCH_SCHEDULES;
  const queue: Promise<Batch>[] = [];
  let next = 0;
  const startBatch = () => {
    if (next >= options.schedules) return;
    queue.push(runBatch(erlang, options, next, Math.min(options.schedules, next + size)));
    next += size;
  };
  try {
    for (let i = 0; i < ERLANGS; i++) startBatch();
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      const done = await batch;
      startBatch();
      await tally.addBatch(done);
      options.onProgress?.(tally.compared);
    }
  } finally {
    await Promise.allSettled(queue);
  }
  return tally.result();
}

interface Batch {
  readonly schedules: readonly Schedule[];
  readonly outcomes: OutcomeReader;
}

async function runBatch(
  erlang: Erlang,
  { seed, steps, profile = "endless" }: CompareOptions,
  from: number,
  to: number,
): Promise<Batch> {
  const schedules: Schedule[] = [];
  for (let i = from; i < to; i++) {
    schedules.push(generateSchedule((seed + i) >>> 0, profile, steps));
  }
  const outcomes = await erlang.run(schedules, profile === "seconds" ? "waiting" : "batch");
  return { schedules, outcomes };
}

class Tally {
  compared = 0;
  #late = 0;
  #diverged = 0;
  #restarts = 0;
  #escalations = 0;
  #first: Comparison["first"] = null;
  readonly #runOurs: RunOurs;
  readonly #name: string;
  readonly #theirs: Outcome;

  constructor(runOurs: RunOurs, { name = "ours", steps = STEPS_DEFAULT }: CompareOptions) {
    this.#runOurs = runOurs;
    this.#name = name;
    this.#theirs = new Outcome(steps);
  }

  async addBatch({ schedules, outcomes }: Batch): Promise<void> {
    for (const [position, schedule] of schedules.entries()) {
      const { index, late } = outcomes.read(schedule.nodeCount, this.#theirs);
      if (index !== position) {
        throw new RangeError(
          `Cannot compare with OTP: expected outcome ${position}: current value is ${index}`,
        );
      }
      if (late) this.#late++;
      else await this.#add(schedule);
    }
  }

  async #add(schedule: Schedule): Promise<void> {
    const theirs = this.#theirs;
    this.compared++;
    this.#restarts += restartsOf(theirs);
    this.#escalations += escalationsOf(theirs);
    const result = this.#runOurs(schedule);
    const ours = result instanceof Outcome ? result : await result;
    const where = firstDivergence(ours, theirs);
    if (where === null) return;
    this.#diverged++;
    this.#first ??= {
      seed: schedule.seed,
      trace: formatDivergence(schedule, where, { name: this.#name, outcome: ours }, {
        name: "OTP",
        outcome: theirs,
      }),
    };
  }

  result(): Comparison {
    const count = Math.max(1, this.compared);
    return {
      compared: this.compared,
      late: this.#late,
      diverged: this.#diverged,
      restartsMean: this.#restarts / count,
      escalationsMean: this.#escalations / count,
      first: this.#first,
    };
  }
}
