/**
 * Watches the levels of one rule: one for each series that it reads.
 *
 * @module
 */

import { type AlertPhase, levelNext, levelStart, type LevelState } from "./level_rule.ts";
import { bucketQuantile } from "./health_quantile.ts";
import { GrowthWindow, HistogramWindow, seriesKey, type SnapshotIndex } from "./rules_read.ts";
import type { LevelRule, RuleRead } from "./rules_types.ts";
import type { LabelValues } from "./snapshot.ts";

/** Series of a rule that are watched; families have half as many unless they say otherwise. */
export const LEVELS_MAX = 256;
/** Series of a histogram that are watched: some 4 kB each. */
export const HISTOGRAM_LEVELS_MAX = 64;
/** A series that is not measured any more is forgotten after so long, ms. */
export const FORGET_MS = 600_000;

/** How a series is. */
export interface LevelReading {
  /** Of the series. */
  readonly labels: LabelValues;
  /** See `level_rule.ts`. */
  readonly phase: AlertPhase;
  /** Null when it is missing. */
  readonly value: number | null;
}

interface Watched {
  readonly labels: LabelValues;
  state: LevelState;
}

type Values = Map<string, { readonly labels: LabelValues; readonly value: number }>;

/** See the module. */
export class LevelWatch {
  readonly #rule: LevelRule;
  readonly #watched = new Map<string, Watched>();
  readonly #windows = new Map<string, GrowthWindow>();
  readonly #histograms = new Map<string, HistogramWindow>();
  #isFirst = true;

  /** One that has seen nothing. */
  constructor(rule: LevelRule) {
    this.#rule = rule;
  }

  /** How every series is. O(series). */
  look(index: SnapshotIndex): LevelReading[] {
    const { nowMs } = index.snapshot;
    const values = this.#read(this.#rule.value, index);
    this.#isFirst = false;
    for (const [key, { labels }] of values) {
      if (this.#watched.has(key) || this.#watched.size >= LEVELS_MAX) continue;
      this.#watched.set(key, { labels, state: levelStart(nowMs) });
    }
    return [...this.#watched].map(([key, watched]) => {
      const value = values.get(key)?.value ?? null;
      watched.state = levelNext(this.#rule.level, watched.state, value, nowMs);
      const { phase, seenMs } = watched.state;
      if (value === null && nowMs - seenMs > FORGET_MS) {
        this.#watched.delete(key);
        return { labels: watched.labels, phase: "clear", value };
      }
      return { labels: watched.labels, phase, value };
    });
  }

  #read(read: RuleRead, index: SnapshotIndex): Values {
    switch (read.read) {
      case "value":
        return valuesOf(read.metric, read.where ?? {}, index);
      case "quotient":
        return quotientsOf(read.metric, read.of, index);
      case "grew": {
        const { metric, overMs, sum = false, by = 1 } = read;
        // Too little is what a window shows that has only begun.
        const isWhole = this.#rule.level.side === "below";
        return scaled(summed(this.#growth(metric, overMs, index, isWhole), sum), () => by);
      }
      case "share":
        return this.#shares(read, index);
      case "histogram":
        return this.#taken(read, index);
    }
  }

  #shares(read: RuleRead & { readonly read: "share" }, index: SnapshotIndex): Values {
    const { overMs, eventsMin, sum = false } = read;
    const bad = summed(this.#growth(read.metric, overMs, index), sum);
    const events = new Map<string, number>();
    for (const metric of read.of) {
      for (const [key, { value }] of summed(this.#growth(metric, overMs, index), sum)) {
        events.set(key, (events.get(key) ?? 0) + value);
      }
    }
    return scaled(bad, (key) => {
      const count = events.get(key) ?? 0;
      return count >= eventsMin ? count : 0;
    });
  }

  /** Of every series of a histogram that took something within the window. */
  #taken(read: RuleRead & { readonly read: "histogram" }, index: SnapshotIndex): Values {
    const { nowMs } = index.snapshot;
    const values: Values = new Map();
    for (const series of index.histograms(read.metric)) {
      const key = seriesKey(series.labels);
      let window = this.#histograms.get(key);
      if (window === undefined) {
        if (this.#histograms.size >= HISTOGRAM_LEVELS_MAX) continue;
        window = new HistogramWindow(read.overMs, !this.#isFirst);
        this.#histograms.set(key, window);
      }
      const delta = window.take(series, nowMs);
      const value = read.of === "mean" ? delta.mean : bucketQuantile(delta, 0.99);
      if (value !== null) values.set(key, { labels: series.labels, value });
    }
    return values;
  }

  /**
   * Growth of every series of a metric. One that appears after the first look began at 0; `isWhole`:
   * without those that were not looked at for the whole time.
   */
  #growth(metric: string, overMs: number, index: SnapshotIndex, isWhole = false): Values {
    const { nowMs } = index.snapshot;
    const { kind, series } = index.numbers(metric);
    const grown: Values = new Map();
    for (const { labels, value } of series) {
      const key = seriesKey(labels);
      const ofWindow = `${metric} ${key}`;
      let window = this.#windows.get(ofWindow);
      if (window === undefined) {
        if (this.#windows.size >= 3 * LEVELS_MAX) continue;
        const began = this.#isFirst || kind === "gauge" ? null : 0;
        this.#windows.set(ofWindow, window = new GrowthWindow(overMs, began));
      }
      window.take(value, kind, nowMs);
      if (isWhole && !window.isWhole(nowMs)) continue;
      grown.set(key, { labels, value: window.sum(nowMs) });
    }
    return grown;
  }
}

function valuesOf(metric: string, where: LabelValues, index: SnapshotIndex): Values {
  const values: Values = new Map();
  for (const { labels, value } of index.numbers(metric).series) {
    if (Object.entries(where).some(([name, wanted]) => labels[name] !== wanted)) continue;
    values.set(seriesKey(labels), { labels, value });
  }
  return values;
}

function quotientsOf(metric: string, of: string, index: SnapshotIndex): Values {
  const divisors = valuesOf(of, {}, index);
  return scaled(valuesOf(metric, {}, index), (key) => divisors.get(key)?.value ?? 0);
}

/** Each by its divisor; those whose divisor is not above 0 are left out. */
function scaled(values: Values, divisorOf: (key: string) => number): Values {
  const quotients: Values = new Map();
  for (const [key, { labels, value }] of values) {
    const divisor = divisorOf(key);
    if (divisor > 0) quotients.set(key, { labels, value: value / divisor });
  }
  return quotients;
}

/** One value for all series when they are to be added up. */
function summed(values: Values, isSum: boolean): Values {
  if (!isSum || values.size === 0) return values;
  let sum = 0;
  for (const { value } of values.values()) sum += value;
  return new Map([["", { labels: {}, value: sum }]]);
}
