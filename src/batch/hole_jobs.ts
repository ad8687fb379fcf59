/**
 * Jobs that fetch what a feed left out: how they are called, what they ask for, and the queue of
 * those that have to wait.
 *
 * @module
 */

import type { SeriesKey } from "../market/block.ts";
import type { Hole } from "../market/holes.ts";
import { parseSeries } from "../market/series.ts";
import { FILTER_NAMES } from "./filter.ts";
import type { JobSpec } from "./job_spec.ts";

/** Jobs for holes that run at the same time: enough for one to be called while one is committed. */
export const HOLE_JOBS_RUNNING_MAX = 2;

/**
 * Holes that wait for a job, each some 500 bytes: at a call a second they are done in a quarter of
 * an hour.
 */
export const HOLES_WAITING_MAX = 1_000;

/** When bars are missing. */
export type HoleRange = Pick<Hole, "fromTs" | "toTs">;

/** A job for a hole: prices of one symbol in one stretch of time. */
export interface HoleJob extends JobSpec {
  readonly granularity: NonNullable<JobSpec["granularity"]>;
  readonly from: number;
  readonly to: number;
}

const FILTERS_OFF = Object.fromEntries(FILTER_NAMES.map((name) => [name, false]));

/**
 * The job of a hole, `holes-SYMBOL-GRANULARITY-FROM`. What no job can be called by is a dash there.
 *
 * @throws {MarketError} code `series`.
 */
export function holeJob(
  series: SeriesKey,
  { fromTs, toTs }: HoleRange,
  provider: string,
): HoleJob {
  const { symbol, granularity } = parseSeries(series);
  return {
    name: `holes-${symbol}-${granularity}-${fromTs}`.replace(/[^A-Za-z0-9._-]/g, "-"),
    symbols: [symbol],
    kinds: ["prices"],
    provider,
    granularity,
    profile: "conservative",
    from: fromTs,
    to: toTs,
    filters: FILTERS_OFF,
  };
}

/**
 * Holes that wait for a job.
 *
 * - FIFO order; each hole once
 * - at most {@linkcode HOLES_WAITING_MAX}; those beyond are counted, and not kept
 */
export class HoleQueue {
  readonly #provider: string;
  readonly #waiting = new Map<string, HoleJob>();
  #leftOut = 0;

  /** Holes that the provider of this name is to fill. */
  constructor(provider: string) {
    this.#provider = provider;
  }

  /** Holes that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Holes for which there was no room, since the start. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /**
   * Takes in holes of a series but those whose job `isTried`; how many there was no room for.
   * O(holes).
   */
  add(
    series: SeriesKey,
    holes: readonly HoleRange[],
    isTried: (job: string) => boolean,
  ): number {
    let leftOut = 0;
    for (const hole of holes) {
      const job = holeJob(series, hole, this.#provider);
      if (isTried(job.name) || this.#waiting.has(job.name)) continue;
      if (this.#waiting.size < HOLES_WAITING_MAX) this.#waiting.set(job.name, job);
      else leftOut++;
    }
    this.#leftOut += leftOut;
    return leftOut;
  }

  /** The job that has waited longest; null when none waits. O(1). */
  take(): HoleJob | null {
    for (const [name, job] of this.#waiting) {
      this.#waiting.delete(name);
      return job;
    }
    return null;
  }
}
