/**
 * The five regimes of chunk times (`data/workloads/README.md`), as models in virtual time.
 *
 * How their rules are read here:
 *
 * - One worker, but for `mixed`. The chunk fails or not by chance of its own at each try; there is no
 *   item to blame. A failed chunk has cost its whole time.
 * - `shift` changes once 100,000 items are settled, for chunks that begin after that.
 * - `mixed` gives only service_ms and 60 workers. Two readings, both measured: each worker has a
 *   chunk of its own, whose time is the sum of its items; or all 60 share one chunk at a time, which
 *   ends with its last item, each item going to the worker that is free first. The 21,340 symbols
 *   come round until there are 200,000 items. No further scatter: the items scatter enough.
 *
 * @module
 */

import type { Interval } from "../../src/batch/interval_set.ts";

/** Where, when and how chunks run. */
export interface Regime {
  readonly name: string;
  /** Chunks under way at once. */
  readonly workers: number;
  /** Largest size that the controller may choose. */
  readonly max: number;
  /** Mean time of a chunk that begins when `settled` items are, ms. */
  chunkMs(chunk: Interval, settled: number): number;
  /** Standard deviation of the logarithm of the time. */
  readonly scatter: number;
  /** Probability that an item fails. */
  failureRatio(settled: number): number;
}

/** Items of a job. */
export const ITEMS = 200_000;
const HALF = ITEMS / 2;
const SCATTER = 0.25;
const WORKERS = 60;
const MIXED_FAILURE_RATIO = 0.0002;
/** As the controller bounds itself. */
const MAX = 500;
/** One chunk shared by sixty workers can be larger than a request: it is a unit of work. */
const SHARED_MAX = 1_500;

interface Cost {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly knee: number;
  readonly p: number;
}

const OVERHEAD: Cost = { a: 200, b: 2, c: 0, knee: 0, p: 0.0002 };
const KNEE: Cost = { a: 100, b: 1, c: 0.05, knee: 150, p: 0.0001 };
const FLAKY: Cost = { a: 50, b: 5, c: 0, knee: 0, p: 0.005 };
const SHIFTED: Cost = { a: 50, b: 5, c: 0.05, knee: 60, p: 0.005 };

function regimeOf(name: string, before: Cost, after = before): Regime {
  const costAt = (settled: number) => settled < HALF ? before : after;
  return {
    name,
    workers: 1,
    max: MAX,
    scatter: SCATTER,
    chunkMs({ from, to }, settled) {
      const { a, b, c, knee } = costAt(settled);
      const n = to - from;
      return a + b * n + c * Math.max(0, n - knee) ** 2;
    },
    failureRatio: (settled) => costAt(settled).p,
  };
}

/** The four regimes that are formulas. */
export const REGIMES: readonly Regime[] = [
  regimeOf("overhead", OVERHEAD),
  regimeOf("knee", KNEE),
  regimeOf("flaky", FLAKY),
  regimeOf("shift", OVERHEAD, SHIFTED),
];

/** The two readings of `mixed`. */
export function mixedRegimes(serviceMs: readonly number[]): readonly Regime[] {
  const each: Regime = {
    name: "mixed, a chunk for each worker",
    workers: WORKERS,
    max: MAX,
    scatter: 0,
    chunkMs: sumOf(serviceMs),
    failureRatio: () => MIXED_FAILURE_RATIO,
  };
  const shared: Regime = {
    ...each,
    name: "mixed, a chunk shared by all",
    workers: 1,
    max: SHARED_MAX,
    chunkMs: makespanOf(serviceMs),
  };
  return [each, shared];
}

function sumOf(serviceMs: readonly number[]): Regime["chunkMs"] {
  const count = serviceMs.length;
  const before = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) before[i + 1] = (before[i] ?? 0) + (serviceMs[i] ?? 0);
  const upTo = (i: number) =>
    Math.floor(i / count) * (before[count] ?? 0) + (before[i % count] ?? 0);
  return ({ from, to }) => upTo(to) - upTo(from);
}

function makespanOf(serviceMs: readonly number[]): Regime["chunkMs"] {
  const freeMs = new Float64Array(WORKERS);
  return ({ from, to }) => {
    freeMs.fill(0);
    let endMs = 0;
    for (let i = from; i < to; i++) {
      let first = 0;
      for (let worker = 1; worker < WORKERS; worker++) {
        if ((freeMs[worker] as number) < (freeMs[first] as number)) first = worker;
      }
      freeMs[first] = (freeMs[first] as number) + (serviceMs[i % serviceMs.length] as number);
      endMs = Math.max(endMs, freeMs[first] as number);
    }
    return endMs;
  };
}
