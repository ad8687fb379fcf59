/**
 * How two sides are compared on a machine that others use too: both are warmed for the same time,
 * then take turns in short rounds (A B A B …), and the median of the ratios of neighbouring rounds
 * counts. Load that comes and goes hits neighbours alike; a pause of the garbage collector spoils
 * one round, not the median.
 *
 * @module
 */

import { type Spread, spreadOf } from "./figures.ts";

/** One side of a comparison: a rival, or Wick, behind the same face. */
export interface Contender {
  readonly name: string;
  /**
   * Does at least `units` units of work; resolves to how many it did once all of them are done.
   *
   * @throws {Error} when a message was not handled or a checksum is wrong.
   */
  run(units: number): Promise<number>;
  close(): Promise<void>;
}

/** How long to measure. */
export interface Effort {
  readonly rounds: number;
  /** Aimed length of one round of one side. */
  readonly roundMs: number;
  /** Warm-up of each side. */
  readonly warmMs: number;
}

/** Rounds of a figure to quote: an odd number, so that the median is a round. */
export const FULL: Effort = { rounds: 11, roundMs: 150, warmMs: 1_000 };
/** Shows that the bench works. */
export const QUICK: Effort = { rounds: 3, roundMs: 30, warmMs: 100 };

/** What two sides did. */
export interface Comparison {
  /** Rate of the first side over that of the second, of neighbouring rounds. */
  readonly ratio: Spread;
  /** Units per second. */
  readonly ours: Spread;
  readonly rival: Spread;
}

/** Runs for `forMs` and returns units per ms over the second half, when code is compiled. */
export async function warm(side: Contender, forMs: number): Promise<number> {
  const startMs = performance.now();
  let units = 16;
  let done = 0, doneMs = 0;
  while (true) {
    const beforeMs = performance.now();
    const count = await side.run(units);
    const nowMs = performance.now();
    const spentMs = nowMs - beforeMs;
    if (beforeMs - startMs >= forMs / 2) {
      done += count;
      doneMs += spentMs;
    }
    if (nowMs - startMs >= forMs && done > 0) return done / doneMs;
    if (spentMs < forMs / 16) units *= 2;
  }
}

/** Compares two sides in interleaved rounds; `ours` goes first in every other pair. */
export async function compare(
  ours: Contender,
  rival: Contender,
  effort: Effort,
): Promise<Comparison> {
  const oursUnits = Math.ceil(await warm(ours, effort.warmMs) * effort.roundMs);
  const rivalUnits = Math.ceil(await warm(rival, effort.warmMs) * effort.roundMs);
  const oursRates: number[] = [], rivalRates: number[] = [], ratios: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    let oursRate = 0, rivalRate = 0;
    if (round % 2 === 0) oursRate = await rateOf(ours, oursUnits);
    rivalRate = await rateOf(rival, rivalUnits);
    if (round % 2 === 1) oursRate = await rateOf(ours, oursUnits);
    oursRates.push(oursRate);
    rivalRates.push(rivalRate);
    ratios.push(oursRate / rivalRate);
  }
  return { ratio: spreadOf(ratios), ours: spreadOf(oursRates), rival: spreadOf(rivalRates) };
}

/** Units per second of one round. */
export async function rateOf(side: Contender, units: number): Promise<number> {
  const startMs = performance.now();
  const done = await side.run(units);
  return done / (performance.now() - startMs) * 1_000;
}

/** A setting of a rival that did not work, and why. */
export interface Failure {
  readonly name: string;
  readonly why: string;
}

/** Outcome of trying the settings of one rival. */
export interface Sweep {
  /** Still open; whoever swept closes it. Null when no setting worked. */
  readonly best: Contender | null;
  readonly tried: readonly { readonly name: string; readonly perSecond: number }[];
  readonly failed: readonly Failure[];
}

/** A setting that has not answered by then counts as failed. */
const SETTING_LIMIT_MS = 3_000;
/** Settings that are run a second time: one short run on a shared machine picks by luck. */
const FINALISTS = 3;

interface Trial {
  readonly name: string;
  readonly make: () => Contender;
  perSecond: number;
}

/**
 * Runs each setting alone for `forMs`, the fastest ones twice, and keeps the fastest on average;
 * failing ones are reported. One pool at a time, so that their threads do not compete.
 */
export async function sweep(settings: readonly (() => Contender)[], forMs: number): Promise<Sweep> {
  const tried: Trial[] = [];
  const failed: Failure[] = [];
  const byRate = (a: Trial, b: Trial) => b.perSecond - a.perSecond;
  for (const make of settings) {
    const { name, outcome } = await tryOut(make, forMs);
    if (typeof outcome === "number") tried.push({ name, make, perSecond: outcome });
    else failed.push({ name, why: outcome.message });
  }
  tried.sort(byRate);
  for (const trial of tried.slice(0, FINALISTS)) {
    const { outcome } = await tryOut(trial.make, forMs);
    const second = typeof outcome === "number" ? outcome : 0;
    trial.perSecond = (trial.perSecond + second) / 2;
  }
  tried.sort(byRate);
  return { best: tried[0]?.make() ?? null, tried, failed };
}

async function tryOut(
  make: () => Contender,
  forMs: number,
): Promise<{ name: string; outcome: number | Error }> {
  const side = make();
  const outcome = await within(SETTING_LIMIT_MS + forMs, warm(side, forMs));
  await within(SETTING_LIMIT_MS, side.close());
  return { name: side.name, outcome: typeof outcome === "number" ? outcome * 1_000 : outcome };
}

/** The value, or the error: the promise's own, or that it did not settle in time. */
function within<T>(limitMs: number, promise: Promise<T>): Promise<T | Error> {
  return new Promise((resolve) => {
    const late = () => resolve(new Error(`no answer within ${limitMs} ms`));
    const timer = setTimeout(late, limitMs);
    promise.then(resolve, (error) => resolve(error instanceof Error ? error : new Error(error)))
      .finally(() => clearTimeout(timer));
  });
}
