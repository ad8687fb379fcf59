/**
 * Whether evaluating what is dirty is cheaper than evaluating everything, learned from how long
 * either took.
 *
 * - full: milliseconds per set, the ratio of two decayed sums
 * - partial: a + b · dirty sets, least squares over decayed samples (a: what every refresh costs,
 *   b ≥ 0: per dirty set; with lazy evaluation b is far below the cost of a score)
 *
 * Two made-up samples stand for what is believed before anything was measured: a partial refresh
 * costs per set what a rebuild does, and nothing beside. So an unknown partial refresh is tried.
 * Samples decay whenever a rebuild is preferred, too: after a while belief outweighs them and a
 * partial refresh is tried again, instead of a verdict that nothing can revise.
 *
 * The other way round, what a rebuild costs is known from a cold start only, unless it is tried
 * where a partial refresh saves little: the first times, and once in a while after that.
 *
 * @module
 */

import { RefreshError } from "./error.ts";

/** What a refresh can do. */
export type RefreshKind = "partial" | "full";

/** Share of its weight that a partial sample keeps with each later one: 50 samples count. */
const KEEP_RATIO = 0.98;
/** The same of a rebuild: they are rare, and the first, on cold code, says little. */
const FULL_KEEP_RATIO = 0.8;
/** Rebuilds after which their cost counts as known. */
const TRIAL_COUNT = 8;
/**
 * Until then one takes the place of a partial refresh that is expected to save less than half: the
 * first rebuild, on cold code, takes about twice as long as later ones.
 */
const FIRST_TRIAL_RATIO = 0.5;
/** From then on, if it is expected to save less than a quarter. */
const TRIAL_RATIO = 0.75;
/** And then one in so many gives way to a trial. */
const TRIAL_EVERY = 64;
/** Weight of each made-up sample, in samples. */
const BELIEF_WEIGHT = 1;
/** From so many samples on, one that is far off is cut. */
const CUT_FROM_COUNT = 4;
/** A sample counts at most so many times what was predicted: a pause of the collector is no cost. */
const CUT_RATIO = 4;

/** Decayed sums over samples (sets, ms). */
interface Sums {
  readonly count: number;
  readonly sets: number;
  readonly ms: number;
  readonly sets2: number;
  readonly setsMs: number;
}

const NOTHING: Sums = { count: 0, sets: 0, ms: 0, sets2: 0, setsMs: 0 };

/** What is predicted, and what follows. */
export interface CostChoice {
  /** The cheaper one; partial if they are equal, or if nothing is known. */
  readonly kind: RefreshKind;
  /** Predicted duration of a partial refresh, ms; null without any sample. */
  readonly partialMs: number | null;
  /** Predicted duration of a rebuild, ms; null without any sample. */
  readonly fullMs: number | null;
}

/** What outlives the process: plain numbers. */
export interface CostSnapshot {
  /** Decayed count, sets, ms, sets², sets · ms of partial refreshes. */
  readonly partial: readonly number[];
  /** The same of rebuilds. */
  readonly full: readonly number[];
}

/** See the head of this file. All is O(1). */
export class CostModel {
  #partial = NOTHING;
  #full = NOTHING;
  /** Rebuilds measured; they are counted anew after a restart, when code is cold again. */
  #fullCount = 0;
  /** Partial refreshes that were expected to save little since the last rebuild. */
  #closeCount = 0;

  /** Cost of a set in a rebuild, ms; null before the first. */
  get fullMsPerSet(): number | null {
    return this.#full.sets > 0 ? this.#full.ms / this.#full.sets : null;
  }

  /** Cost of a partial refresh: ms of each, and per dirty set; null before there is any belief. */
  get partial(): { readonly baseMs: number; readonly msPerSet: number } | null {
    const sums = this.#partial;
    if (sums.count === 0) return null;
    return lineOf(sums);
  }

  /** A refresh looked at `sets` sets and took `ms`. Impossible figures are ignored. */
  record(kind: RefreshKind, sets: number, ms: number): void {
    if (!(sets >= 0 && ms >= 0 && sets < Infinity && ms < Infinity)) return;
    if (kind === "partial") {
      const predicted = this.partial === null ? Infinity : at(lineOf(this.#partial), sets);
      this.#partial = added(this.#partial, sets, cut(this.#partial, predicted, ms));
    } else if (sets > 0) {
      const predicted = (this.fullMsPerSet ?? Infinity) * sets;
      this.#full = added(this.#full, sets, cut(this.#full, predicted, ms), FULL_KEEP_RATIO);
      this.#fullCount++;
      this.#closeCount = 0;
    }
  }

  /** What is predicted for `dirtySets` of `totalSets`; changes nothing. */
  predict(dirtySets: number, totalSets: number): CostChoice {
    const perSet = this.fullMsPerSet;
    if (perSet === null) return { kind: "partial", partialMs: null, fullMs: null };
    const fullMs = perSet * totalSets;
    // Nothing was measured yet: a part of the work costs a part of the time.
    const partialMs = this.#partial.count === 0
      ? perSet * dirtySets
      : at(lineOf(believed(this.#partial, totalSets, perSet)), dirtySets);
    return { kind: partialMs <= fullMs ? "partial" : "full", partialMs, fullMs };
  }

  /**
   * As {@linkcode CostModel.predict}, but for trials. A verdict against a partial refresh lets what
   * is known of it fade.
   */
  choose(dirtySets: number, totalSets: number): CostChoice & { readonly isTrial: boolean } {
    const choice = this.predict(dirtySets, totalSets);
    const { kind, partialMs, fullMs } = choice;
    if (kind === "full") {
      this.#partial = decayed(this.#partial, KEEP_RATIO);
      return { ...choice, isTrial: false };
    }
    const isNew = this.#fullCount < TRIAL_COUNT;
    const ratio = isNew ? FIRST_TRIAL_RATIO : TRIAL_RATIO;
    const isClose = partialMs !== null && fullMs !== null && partialMs > ratio * fullMs;
    if (!isClose) return { ...choice, isTrial: false };
    this.#closeCount++;
    const isTrial = isNew || this.#closeCount >= TRIAL_EVERY;
    return isTrial ? { ...choice, kind: "full", isTrial } : { ...choice, isTrial };
  }

  /** What outlives the process. */
  snapshot(): CostSnapshot {
    return { partial: numbersOf(this.#partial), full: numbersOf(this.#full) };
  }

  /**
   * Goes on from a snapshot.
   *
   * @throws {RefreshError} code `snapshot`, when its numbers cannot be.
   */
  restore(saved: CostSnapshot): void {
    const partial = sumsOf(saved?.partial), full = sumsOf(saved?.full);
    this.#partial = partial;
    this.#full = full;
  }
}

const added = (sums: Sums, sets: number, ms: number, keepRatio = KEEP_RATIO): Sums =>
  weighted(decayed(sums, keepRatio), sets, ms, 1);

function weighted(sums: Sums, sets: number, ms: number, weight: number): Sums {
  return {
    count: sums.count + weight,
    sets: sums.sets + weight * sets,
    ms: sums.ms + weight * ms,
    sets2: sums.sets2 + weight * sets * sets,
    setsMs: sums.setsMs + weight * sets * ms,
  };
}

function decayed(sums: Sums, keepRatio: number): Sums {
  return {
    count: sums.count * keepRatio,
    sets: sums.sets * keepRatio,
    ms: sums.ms * keepRatio,
    sets2: sums.sets2 * keepRatio,
    setsMs: sums.setsMs * keepRatio,
  };
}

function believed(sums: Sums, totalSets: number, msPerSet: number): Sums {
  const atNone = weighted(sums, 0, 0, BELIEF_WEIGHT);
  return weighted(atNone, totalSets, msPerSet * totalSets, BELIEF_WEIGHT);
}

/** The line of least squares; neither of its parts is below 0, as no cost is. */
function lineOf(sums: Sums): { readonly baseMs: number; readonly msPerSet: number } {
  const { count, sets, ms, sets2, setsMs } = sums;
  const spread = count * sets2 - sets * sets;
  // All samples are of one size: their cost is per set, which errs towards a rebuild.
  if (!(spread > 1e-9 * count * sets2)) {
    return sets > 0 ? { baseMs: 0, msPerSet: ms / sets } : { baseMs: ms / count, msPerSet: 0 };
  }
  const msPerSet = (count * setsMs - sets * ms) / spread;
  if (msPerSet < 0) return { baseMs: ms / count, msPerSet: 0 };
  const baseMs = (ms - msPerSet * sets) / count;
  return baseMs < 0 ? { baseMs: 0, msPerSet: setsMs / sets2 } : { baseMs, msPerSet };
}

const at = (line: { readonly baseMs: number; readonly msPerSet: number }, sets: number) =>
  line.baseMs + line.msPerSet * sets;

function cut(sums: Sums, predictedMs: number, ms: number): number {
  // A prediction of nothing would cut everything to nothing.
  return sums.count >= CUT_FROM_COUNT && predictedMs > 0
    ? Math.min(ms, CUT_RATIO * predictedMs)
    : ms;
}

const numbersOf = ({ count, sets, ms, sets2, setsMs }: Sums) => [count, sets, ms, sets2, setsMs];

function sumsOf(numbers: readonly number[] | undefined): Sums {
  const isRight = Array.isArray(numbers) && numbers.length === 5 &&
    numbers.every((number) => typeof number === "number" && number >= 0 && number < Infinity);
  if (!isRight) {
    throw new RefreshError(
      "snapshot",
      "Cannot restore a cost model: expected five finite numbers ≥ 0: " +
        `current value is ${JSON.stringify(numbers)}`,
    );
  }
  const [count = 0, sets = 0, ms = 0, sets2 = 0, setsMs = 0] = numbers;
  return { count, sets, ms, sets2, setsMs };
}
