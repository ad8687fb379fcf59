/**
 * What the monitor may change by itself: one change at a time of each knob, on trial first, judged
 * against what was expected of it, and undone if it did not help.
 *
 * ## A change's life
 * A rule proposes a change with its evidence and with what it expects: a measure that shall be at
 * most or at least so much. The change is made and its trial begins. Readings of its second half are
 * averaged; when they meet all expectations the change is kept, otherwise it is undone, and the same
 * direction is not tried again for a while that doubles each time. When what was expected cannot be
 * told, because nothing was measured or because the load became another one meanwhile, the change is
 * kept and its log says that nobody knows.
 *
 * Knobs whose trials look at the same measure wait for each other: which of them helped could not be
 * told.
 *
 * @module
 */

import { assertKnobBounds, type KnobBounds, withinBounds } from "./tuning_bounds.ts";
import type { TuningReading } from "./tuning_inputs.ts";
import type { Expectation, ExpectedMeasure, Proposal, TuningRules } from "./tuning_rules.ts";

/** What may be changed. */
export type Knob = "label_workers" | "cache_capacity" | "warming_budget" | "batch_linger";

/** All knobs, in the order in which they are looked at. */
export const KNOBS: readonly Knob[] = [
  "label_workers",
  "cache_capacity",
  "warming_budget",
  "batch_linger",
];

/** A change and why. */
export interface Decision {
  /** Counted from 1, one up. */
  readonly id: number;
  /** When it was made, epoch ms. */
  readonly at: number;
  /** What is changed. */
  readonly knob: Knob;
  /** Value before. */
  readonly from: number;
  /** Value to be set. */
  readonly to: number;
  /** For people: why. */
  readonly reason: string;
  /** The figures that it was decided by. */
  readonly evidence: Readonly<Record<string, number>>;
  /** What the change is expected to bring; all have to be met. */
  readonly expected: readonly Expectation[];
}

/** How a change came out. `unjudged`: kept, without knowing whether it helped. */
export type Outcome = "trial" | "kept" | "undone" | "unjudged";

/** A change in the log. */
export interface TuningEntry extends Decision {
  /** How it came out. */
  readonly outcome: Outcome;
  /** For people: what was measured; empty while on trial. */
  readonly judged: string;
}

/** How often changes of a knob came out in one way. */
export interface EndedCount {
  /** Which knob. */
  readonly knob: Knob;
  /** How they came out. */
  readonly outcome: Outcome;
  /** How many. */
  readonly count: number;
}

/** What is to be done now: set the knob to `to`. */
export interface TuningAction {
  /** `change`: a trial begins. `undo`: the value before comes back. */
  readonly kind: "change" | "undo";
  /** Which one. */
  readonly knob: Knob;
  /** Its value now. */
  readonly from: number;
  /** Value to be set. */
  readonly to: number;
  /** The change as it stands in the log. */
  readonly entry: TuningEntry;
}

/** Time of trials and pauses. */
export interface TuningTimes {
  /** Length of a trial by knob, ms. */
  readonly trialMs: Readonly<Record<Knob, number>>;
  /** Pause of a knob after a trial, ms. */
  readonly pauseMs: number;
  /** How long a direction rests that did not help, ms; doubles with each time in a row. */
  readonly restMs: number;
  /** Longest rest, ms. */
  readonly restMaxMs: number;
}

/** Workers show their effect at once, a warmer cache within minutes. */
export const TUNING_TIMES: TuningTimes = {
  trialMs: {
    label_workers: 30_000,
    cache_capacity: 120_000,
    warming_budget: 600_000,
    batch_linger: 120_000,
  },
  pauseMs: 30_000,
  restMs: 600_000,
  restMaxMs: 4 * 3_600_000,
};

/** Changes kept in the log: a day of one every quarter of an hour. */
export const TUNING_LOG_MAX = 100;

/** How much the load may change, up or down, for a trial still to be comparable. */
export const LOAD_CHANGE_RATIO = 0.3;

/** How it is set up. */
export interface TunerOptions {
  /** What proposes changes. */
  readonly rules: TuningRules;
  /** Bounds by knob; a knob without is left alone. */
  readonly bounds: Readonly<Partial<Record<Knob, KnobBounds>>>;
  /** Default {@linkcode TUNING_TIMES}. */
  readonly times?: TuningTimes;
}

/** What survives a restart; a change on trial is then kept without being judged. */
export interface TuningSnapshot {
  /** Oldest first. */
  readonly log: readonly TuningEntry[];
  /** Id of the last change. */
  readonly lastId: number;
  /** Directions at rest: how long still, ms, and how often they failed in a row. */
  readonly rests: readonly Rest[];
}

/** A direction of a knob that rests. */
export interface Rest {
  /** Which one. */
  readonly knob: Knob;
  /** 1 = up, −1 = down. */
  readonly direction: 1 | -1;
  /** Time left, ms; 0 = over, but it is remembered how often it failed. */
  readonly leftMs: number;
  /** Times in a row that it did not help. */
  readonly failures: number;
}

interface Trial {
  entry: TuningEntry;
  startMs: number;
  load: number | null;
  /** Sums over the readings of the second half, by measure. */
  readonly sums: Map<keyof TuningReading, { sum: number; count: number }>;
  loadSum: number;
  loadCount: number;
}

/** A change that a rule wishes for, with the moment and the load. */
interface Wish {
  readonly nowMs: number;
  readonly at: number;
  readonly knob: Knob;
  readonly from: number;
  readonly proposal: Proposal;
  readonly load: number | null;
}

interface Resting {
  untilMs: number;
  failures: number;
}

/** Figures of a trial as they were found. */
type Verdict = { readonly outcome: Exclude<Outcome, "trial">; readonly judged: string };

/**
 * Decides on changes and follows them.
 *
 * - no change of a knob while another of its changes is on trial or it pauses
 * - no value beyond its bounds, whatever a rule proposes
 * - nothing while a rule lacks data: it proposes nothing
 * - the log holds the last {@linkcode TUNING_LOG_MAX}
 * - O(knobs) a step; no timers: time is handed in
 */
export class Tuner {
  readonly #rules: TuningRules;
  readonly #bounds: TunerOptions["bounds"];
  readonly #times: TuningTimes;
  readonly #trials = new Map<Knob, Trial>();
  readonly #pausedUntilMs = new Map<Knob, number>();
  readonly #resting = new Map<string, Resting>();
  readonly #ended = new Map<string, EndedCount>();
  #log: TuningEntry[] = [];
  #lastId = 0;

  /**
   * Nothing is on trial.
   *
   * @throws {RangeError} as {@linkcode assertKnobBounds}.
   */
  constructor(options: TunerOptions) {
    for (const [knob, bounds] of Object.entries(options.bounds)) assertKnobBounds(knob, bounds);
    this.#rules = options.rules;
    this.#bounds = options.bounds;
    this.#times = options.times ?? TUNING_TIMES;
  }

  /** Changes, oldest first; those on trial too. */
  get log(): readonly TuningEntry[] {
    return this.#log;
  }

  /** Changes that came to an end in this life, by knob and outcome. */
  get ended(): readonly EndedCount[] {
    return [...this.#ended.values()];
  }

  /** Knobs with a change on trial. */
  get onTrial(): readonly Knob[] {
    return [...this.#trials.keys()];
  }

  /**
   * Takes a reading at monotonic time `nowMs` and epoch time `at`. `values` are the knobs as they are
   * set; one that is left out is not touched. Gives what is to be set, at most once per knob.
   */
  step(
    nowMs: number,
    at: number,
    reading: TuningReading,
    values: Readonly<Partial<Record<Knob, number>>>,
  ): TuningAction[] {
    const actions: TuningAction[] = [];
    for (const knob of KNOBS) {
      const value = values[knob];
      // Rules see every reading, also those of a trial.
      const proposal = value === undefined
        ? null
        : this.#rules.propose(knob, nowMs, value, reading);
      const trial = this.#trials.get(knob);
      const action = trial !== undefined
        ? this.#follow(nowMs, trial, reading, value)
        : value === undefined || proposal === null
        ? null
        : this.#begin({ nowMs, at, knob, from: value, proposal, load: reading.load });
      if (action !== null) actions.push(action);
    }
    return actions;
  }

  /**
   * What was to be set could not be: its trial ends, and the direction rests as if it had not
   * helped.
   */
  failed(nowMs: number, knob: Knob, reason: string): void {
    const trial = this.#trials.get(knob);
    if (trial !== undefined) this.#end(nowMs, trial, { outcome: "undone", judged: reason });
  }

  /** What survives a restart. */
  snapshot(nowMs: number): TuningSnapshot {
    const rests = Array.from(this.#resting, ([key, { untilMs, failures }]): Rest => {
      const [knob, direction] = JSON.parse(key) as [Knob, 1 | -1];
      return { knob, direction, leftMs: Math.max(0, untilMs - nowMs), failures };
    });
    return { log: [...this.#log], lastId: this.#lastId, rests };
  }

  /**
   * Goes on from another life, unless something was changed in this one already. Changes that were on
   * trial count as unjudged: what they are to be compared with is gone.
   */
  restore(nowMs: number, { log, lastId, rests }: TuningSnapshot): void {
    if (this.#lastId > 0) return;
    this.#log = log.slice(-TUNING_LOG_MAX).map((entry) =>
      entry.outcome === "trial"
        ? { ...entry, outcome: "unjudged", judged: "the monitor was started anew" }
        : entry
    );
    this.#lastId = Math.max(lastId, ...log.map(({ id }) => id));
    for (const { knob, direction, leftMs, failures } of rests) {
      if (!KNOBS.includes(knob)) continue;
      const untilMs = nowMs + Math.min(this.#times.restMaxMs, leftMs);
      this.#resting.set(keyOf(knob, direction), { untilMs, failures });
    }
  }

  #begin(wish: Wish): TuningAction | null {
    const { nowMs, at, knob, from, proposal, load } = wish;
    const bounds = this.#bounds[knob];
    if (bounds === undefined || nowMs < (this.#pausedUntilMs.get(knob) ?? -Infinity)) return null;
    const to = withinBounds(bounds, proposal.to);
    if (to === from || Math.sign(to - from) !== Math.sign(proposal.to - from)) return null;
    const resting = this.#resting.get(keyOf(knob, directionOf(from, to)));
    if (resting !== undefined && nowMs < resting.untilMs) return null;
    const { reason, evidence, expected } = proposal;
    if (this.#isLookedAt(expected)) return null;
    const entry: TuningEntry = {
      ...{ id: ++this.#lastId, at, knob, from, to, reason, evidence, expected },
      outcome: "trial",
      judged: "",
    };
    this.#log.push(entry);
    if (this.#log.length > TUNING_LOG_MAX) this.#log.shift();
    const none = { sums: new Map(), loadSum: 0, loadCount: 0 };
    this.#trials.set(knob, { entry, startMs: nowMs, load, ...none });
    this.#rules.changed(knob, nowMs);
    return { kind: "change", knob, from, to, entry };
  }

  /** Whether a trial looks at one of these measures. */
  #isLookedAt(expected: readonly Expectation[]): boolean {
    const measures = new Set(expected.flatMap(bounds).map(({ measure }) => measure));
    return [...this.#trials.values()].some(({ entry }) =>
      entry.expected.flatMap(bounds).some(({ measure }) => measures.has(measure))
    );
  }

  #follow(
    nowMs: number,
    trial: Trial,
    reading: TuningReading,
    value: number | undefined,
  ): TuningAction | null {
    const { entry, startMs } = trial;
    const trialMs = this.#times.trialMs[entry.knob];
    if (nowMs - startMs >= trialMs / 2) addReading(trial, reading);
    if (nowMs - startMs < trialMs) return null;
    if (value !== entry.to) {
      this.#end(nowMs, trial, { outcome: "unjudged", judged: "it was set otherwise meanwhile" });
      return null;
    }
    const ended = this.#end(nowMs, trial, verdictOf(trial));
    if (ended.outcome !== "undone") return null;
    const { knob, from, to } = ended;
    return { kind: "undo", knob, from: to, to: from, entry: ended };
  }

  #end(nowMs: number, { entry }: Trial, verdict: Verdict): TuningEntry {
    const { knob, from, to } = entry;
    const ended: TuningEntry = { ...entry, ...verdict };
    this.#log = this.#log.map((one) => one.id === entry.id ? ended : one);
    this.#trials.delete(knob);
    const { outcome } = verdict;
    const place = `${knob} ${outcome}`;
    const count = (this.#ended.get(place)?.count ?? 0) + 1;
    this.#ended.set(place, { knob, outcome, count });
    this.#pausedUntilMs.set(knob, nowMs + this.#times.pauseMs);
    this.#rules.changed(knob, nowMs);
    const key = keyOf(knob, directionOf(from, to));
    if (verdict.outcome === "kept") this.#resting.delete(key);
    if (verdict.outcome === "undone") {
      const failures = (this.#resting.get(key)?.failures ?? 0) + 1;
      const { restMs, restMaxMs } = this.#times;
      const untilMs = nowMs + Math.min(restMaxMs, restMs * 2 ** (failures - 1));
      this.#resting.set(key, { untilMs, failures });
    }
    return ended;
  }
}

const keyOf = (knob: Knob, direction: 1 | -1) => JSON.stringify([knob, direction]);
const directionOf = (from: number, to: number): 1 | -1 => to > from ? 1 : -1;

function addReading(trial: Trial, reading: TuningReading): void {
  for (const { measure } of trial.entry.expected.flatMap(bounds)) {
    const value = reading[measure];
    if (value === null) continue;
    const sum = trial.sums.get(measure) ?? { sum: 0, count: 0 };
    trial.sums.set(measure, { sum: sum.sum + value, count: sum.count + 1 });
  }
  if (reading.load === null) return;
  trial.loadSum += reading.load;
  trial.loadCount++;
}

/** What is expected, and what does as well. */
function bounds({ or, ...first }: Expectation): ExpectedMeasure[] {
  return or === undefined ? [first] : [first, or];
}

/** Whether what was expected came. A load that became another one says nothing about the change. */
function verdictOf({ entry, sums, load, loadSum, loadCount }: Trial): Verdict {
  const valueOf = (measure: keyof TuningReading) => {
    const { sum = 0, count = 0 } = sums.get(measure) ?? {};
    return count === 0 ? null : sum / count;
  };
  const text = ({ measure, atMost, atLeast }: ExpectedMeasure) => {
    const value = valueOf(measure);
    const wanted = atMost !== undefined
      ? `at most ${short(atMost)}`
      : `at least ${short(atLeast ?? 0)}`;
    return `${measure} is ${value === null ? "not known" : short(value)}, expected ${wanted}`;
  };
  const came = ({ measure, atMost = Infinity, atLeast = -Infinity }: ExpectedMeasure) => {
    const value = valueOf(measure);
    return value !== null && value <= atMost && value >= atLeast;
  };
  const { expected } = entry;
  const judged = expected.map((one) => bounds(one).map(text).join(", or ")).join("; ");
  if (expected.every((one) => bounds(one).some(came))) return { outcome: "kept", judged };
  if (expected.some(({ measure }) => valueOf(measure) === null)) {
    return { outcome: "unjudged", judged };
  }
  const later = loadCount === 0 ? null : loadSum / loadCount;
  if (load !== null && later !== null && Math.abs(later - load) > LOAD_CHANGE_RATIO * load) {
    return {
      outcome: "unjudged",
      judged: `${judged}; the load went from ${short(load)} to ${short(later)}`,
    };
  }
  return { outcome: "undone", judged };
}

const short = (value: number) => String(Number(value.toPrecision(4)));
