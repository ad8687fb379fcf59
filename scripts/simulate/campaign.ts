/**
 * A campaign: many seeds, each run on the production runtime and on the oracle and compared; and
 * the one history of a seed.
 *
 * @module
 */

import { ScheduleGenerator, STEPS_DEFAULT } from "./generator.ts";
import { type IntensityScope, Oracle } from "./oracle.ts";
import { escalationsOf, firstDivergence, Outcome } from "./outcome.ts";
import { Runner } from "./runner.ts";
import { emptySchedule, NODES_MAX, type Schedule } from "./schedule.ts";
import { formatSchedule, formatTree } from "./text.ts";
import { formatDivergence } from "./trace.ts";

/** Per what restarts are counted; `both` takes turns: even seeds per child, odd ones per supervisor. */
export type ScopeChoice = IntensityScope | "both";

/** Which schedules to run: those of the seeds `seed` to `seed + schedules - 1`. */
export interface Campaign {
  readonly seed: number;
  readonly schedules: number;
  /** Steps of a schedule; 40 unless given. */
  readonly steps?: number;
  /** `both` unless given. */
  readonly scope?: ScopeChoice;
}

/** A schedule on which the runtime did something wrong. */
export interface Finding {
  readonly seed: number;
  /** The schedule and what went wrong, as text that `parseSchedule` reads. */
  readonly trace: string;
}

/** What a campaign came to; tallies of parts add up with {@linkcode addTally}. */
export interface CampaignTally {
  schedules: number;
  /** Restarts that supervisors granted. */
  restarts: number;
  /** Supervisors below the root that gave up, so that their own supervisor had to decide. */
  escalations: number;
  messages: number;
  violations: number;
  /** The one with the smallest seed. */
  first: Finding | null;
}

/** A tally of nothing. */
export function emptyTally(): CampaignTally {
  return { schedules: 0, restarts: 0, escalations: 0, messages: 0, violations: 0, first: null };
}

/** Adds `part` to `sum`. */
export function addTally(sum: CampaignTally, part: CampaignTally): void {
  sum.schedules += part.schedules;
  sum.restarts += part.restarts;
  sum.escalations += part.escalations;
  sum.messages += part.messages;
  sum.violations += part.violations;
  const earlier = part.first !== null && (sum.first === null || part.first.seed < sum.first.seed);
  if (earlier) sum.first = part.first;
}

/** The scope under which a seed is run. */
export function scopeOf(seed: number, choice: ScopeChoice = "both"): IntensityScope {
  if (choice !== "both") return choice;
  return seed % 2 === 0 ? "child" : "supervisor";
}

/** What is needed to run schedules under one scope; reusable. */
class Bench {
  readonly oracle: Oracle;
  readonly runner: Runner;
  readonly ours: Outcome;
  readonly theirs: Outcome;

  constructor(readonly scope: IntensityScope, steps: number) {
    this.oracle = new Oracle(scope);
    this.runner = new Runner(scope);
    this.ours = new Outcome(steps);
    this.theirs = new Outcome(steps);
  }

  /** Runs a schedule on both sides; what is wrong, or null. */
  run(schedule: Schedule): string | null {
    const { oracle, runner, ours, theirs } = this;
    oracle.run(schedule, theirs);
    try {
      runner.run(schedule, ours);
    } catch (error) {
      return `${formatSchedule(schedule)}\n# the runtime threw ${error}`;
    }
    const where = firstDivergence(ours, theirs);
    if (where !== null) {
      return formatDivergence(schedule, where, { name: "runtime", outcome: ours }, {
        name: "oracle",
        outcome: theirs,
      });
    }
    return runner.violation === null
      ? null
      : `${formatSchedule(schedule)}\n# messages: ${runner.violation}`;
  }

  add(tally: CampaignTally): void {
    const last = (this.theirs.rows - 1) * NODES_MAX;
    tally.restarts += this.oracle.granted;
    tally.escalations += escalationsOf(this.theirs) - (this.theirs.giveUps[last] as number);
    tally.messages += this.runner.tally.told;
  }
}

/** Schedules between two turns of the microtask queue: what a stopped system leaves is freed there. */
const SCHEDULES_PER_TURN = 16;

/** Runs a campaign in this isolate; ends early after `violationsMax` violations. */
export async function runCampaign(
  { seed, schedules, steps = STEPS_DEFAULT, scope = "both" }: Campaign,
  violationsMax = Infinity,
): Promise<CampaignTally> {
  const generator = new ScheduleGenerator("virtual", steps);
  const schedule = emptySchedule(steps);
  const benches = [new Bench("child", steps), new Bench("supervisor", steps)] as const;
  const tally = emptyTally();
  for (let i = 0; i < schedules && tally.violations < violationsMax; i++) {
    const now = (seed + i) >>> 0;
    const bench = benches[scopeOf(now, scope) === "child" ? 0 : 1];
    const trace = bench.run(generator.fill(schedule, now));
    tally.schedules++;
    if (trace === null) bench.add(tally);
    else {
      tally.violations++;
      tally.first ??= { seed: now, trace };
    }
    if (i % SCHEDULES_PER_TURN === 0) await null;
  }
  return tally;
}

/** Everything that happens in one schedule, in its order. */
export interface History {
  readonly lines: readonly string[];
  /** FNV-1a over the lines: equal hashes, equal histories. */
  readonly hash: string;
  /** What went wrong, as {@linkcode Finding.trace}; null = nothing. */
  readonly trace: string | null;
}

/** The history of a seed: the same, message by message, each time. */
export function historyOf(
  seed: number,
  { steps = STEPS_DEFAULT, scope = "both" }: Omit<Campaign, "seed" | "schedules"> = {},
): History {
  const schedule = new ScheduleGenerator("virtual", steps).fill(emptySchedule(steps), seed);
  const bench = new Bench(scopeOf(seed, scope), steps);
  const lines = [formatTree(schedule)];
  bench.runner.record = (line) => lines.push(line);
  const trace = bench.run(schedule);
  return { lines, hash: hashOf(lines), trace };
}

/** FNV-1a, 32 bits, as eight hexadecimal digits. */
export function hashOf(lines: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 10, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
