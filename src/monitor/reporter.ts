/**
 * What one actor or thread counts between two reports to the monitor. On its hot path it adds to a
 * number or records into a histogram; now and then it sends what has come together.
 *
 * @module
 */

import { Histogram, type HistogramOptions } from "./histogram.ts";
import type { Sample } from "./samples.ts";
import type { LabelValues } from "./snapshot.ts";

/** Series of one reporter: a histogram takes 21 kB, and a report names every series that moved. */
export const REPORTER_SERIES_MAX = 64;

/** Counts how much came since the last report. */
export class Tally {
  #added = 0;

  /** Counts `by` more; default 1. */
  add(by = 1): void {
    this.#added += by;
  }

  /** What was added since the last call. */
  take(): number {
    const added = this.#added;
    this.#added = 0;
    return added;
  }
}

/**
 * Counters and histograms of one actor, reported as differences.
 *
 * The metrics have to be declared where the report is received; one that is not is refused and
 * counted there. What is not reported when the actor crashes is lost.
 *
 * @example
 * ```ts
 * import { Reporter } from "./reporter.ts";
 *
 * const reporter = new Reporter();
 * const commits = reporter.counter("wick_pool_commits_total");
 * commits.add();
 * console.log(reporter.take()); // [{ name: "wick_pool_commits_total", labels: {}, add: 1 }]
 * console.log(reporter.take()); // null
 * ```
 */
export class Reporter {
  readonly #tallies: { name: string; labels: LabelValues; tally: Tally }[] = [];
  readonly #histograms: { name: string; labels: LabelValues; histogram: Histogram }[] = [];

  /**
   * A new counter; call it once per series and keep it.
   *
   * @throws {RangeError} when there are {@linkcode REPORTER_SERIES_MAX} series.
   */
  counter(name: string, labels: LabelValues = {}): Tally {
    this.#assertRoom(name);
    const tally = new Tally();
    this.#tallies.push({ name, labels, tally });
    return tally;
  }

  /**
   * A new histogram, emptied by each report; its range must be that of the declared metric.
   *
   * @throws {RangeError} as {@linkcode Reporter.counter}.
   */
  histogram(name: string, labels: LabelValues = {}, range: HistogramOptions = {}): Histogram {
    this.#assertRoom(name);
    const histogram = new Histogram(range);
    this.#histograms.push({ name, labels, histogram });
    return histogram;
  }

  /** What came since the last report, to be told to the monitor; null when nothing did. */
  take(): Sample[] | null {
    const samples: Sample[] = [];
    for (const { name, labels, tally } of this.#tallies) {
      const add = tally.take();
      if (add !== 0) samples.push({ name, labels, add });
    }
    for (const { name, labels, histogram } of this.#histograms) {
      if (histogram.count === 0 && histogram.rejected === 0) continue;
      samples.push({ name, labels, merge: histogram.encode() });
      histogram.reset();
    }
    return samples.length === 0 ? null : samples;
  }

  #assertRoom(name: string): void {
    if (this.#tallies.length + this.#histograms.length < REPORTER_SERIES_MAX) return;
    throw new RangeError(
      `Cannot report ${name}: expected at most ${REPORTER_SERIES_MAX} series of one reporter`,
    );
  }
}
