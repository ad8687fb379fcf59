/**
 * What rules read from snapshots: families by name, and growth over a window.
 *
 * @module
 */

import type { EventCounts } from "./burn_rate_events.ts";
import type { RuleEvents } from "./rules_types.ts";
import type { HistogramDelta } from "./rates.ts";
import type {
  HistogramSeries,
  LabelValues,
  MetricFamily,
  MetricsSnapshot,
  NumberSeries,
} from "./snapshot.ts";

/** Slots of a window of growth: it forgets in steps of a 30th. */
const SLOTS = 30;

/**
 * Growth of a total over the last `overMs`; of a gauge, what it rose by. Memory is fixed: 240 bytes.
 * A total below the last one began anew, as after a restart, unless it is a gauge's.
 */
export class GrowthWindow {
  readonly #slots = new Float64Array(SLOTS);
  readonly #slotMs: number;
  #latest = -Infinity;
  #total: number | null;
  #beganMs: number | null = null;

  /** Empty; `began`: the total before the first one that is seen, null = not known. */
  constructor(readonly overMs: number, began: number | null) {
    this.#slotMs = overMs / SLOTS;
    this.#total = began;
  }

  /** Takes the total at monotonic time `nowMs`; gives what it grew by since the last one. O(1). */
  take(total: number, kind: "counter" | "gauge", nowMs: number): number {
    const before = this.#total ?? total;
    this.#total = total;
    this.#beganMs ??= nowMs;
    const grown = total >= before ? total - before : kind === "counter" ? total : 0;
    this.#moveTo(nowMs);
    const at = slotAt(this.#latest);
    this.#slots[at] = (this.#slots[at] as number) + grown;
    return grown;
  }

  /** Whether it has been looked at for as long as it is: before, its sum is too small. */
  isWhole(nowMs: number): boolean {
    return this.#beganMs !== null && nowMs - this.#beganMs >= this.overMs;
  }

  /** Growth within the window before `nowMs`. O(1) in the window. */
  sum(nowMs: number): number {
    this.#moveTo(nowMs);
    let sum = 0;
    for (const grown of this.#slots) sum += grown;
    return sum;
  }

  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / this.#slotMs);
    if (!(slot > this.#latest)) return;
    for (let at = Math.max(this.#latest + 1, slot - SLOTS + 1); at <= slot; at++) {
      this.#slots[slotAt(at)] = 0;
    }
    this.#latest = slot;
  }
}

const slotAt = (slot: number) => ((slot % SLOTS) + SLOTS) % SLOTS;

/** What a histogram took within the last `overMs`: a window for each of its numbers. */
export class HistogramWindow {
  readonly #overMs: number;
  readonly #isNew: boolean;
  readonly #windows: GrowthWindow[] = [];

  /** Empty; `isNew`: it began after the first look, with nothing in it. */
  constructor(overMs: number, isNew: boolean) {
    this.#overMs = overMs;
    this.#isNew = isNew;
  }

  /** Takes it as it is at monotonic time `nowMs`; gives its growth in the window. O(edges). */
  take({ count, sum, buckets }: HistogramSeries, nowMs: number): HistogramDelta {
    const [ofCount = 0, ofSum = 0, ...ofBuckets] = [
      count,
      sum,
      ...buckets.map((bucket) => bucket.count),
    ].map((total, i) => {
      const window = this.#windows[i] ??= new GrowthWindow(this.#overMs, this.#isNew ? 0 : null);
      window.take(total, "counter", nowMs);
      return window.sum(nowMs);
    });
    return {
      count: ofCount,
      sum: ofSum,
      mean: ofCount === 0 ? null : ofSum / ofCount,
      buckets: buckets.map(({ le }, i) => ({ le, count: ofBuckets[i] ?? 0 })),
    };
  }
}

/** A snapshot whose families are found by name. */
export class SnapshotIndex {
  readonly #families: ReadonlyMap<string, MetricFamily>;

  /** Of a snapshot. O(families). */
  constructor(readonly snapshot: MetricsSnapshot) {
    this.#families = new Map(snapshot.families.map((family) => [family.name, family]));
  }

  /** Series of a counter or gauge with its kind; none when it is not one. */
  numbers(name: string): { kind: "counter" | "gauge"; series: readonly NumberSeries[] } {
    const family = this.#families.get(name);
    if (family === undefined || family.kind === "histogram") return { kind: "gauge", series: [] };
    return family;
  }

  /** Series of a histogram; none when it is not one. */
  histograms(name: string): readonly HistogramSeries[] {
    const family = this.#families.get(name);
    return family?.kind === "histogram" ? family.series : [];
  }

  /** Count, sum and number at most `edge` of all series of a histogram; null when it has none. */
  histogram(name: string, edge: number): { count: number; sum: number; atMost: number } | null {
    const family = this.#families.get(name);
    if (family?.kind !== "histogram" || family.series.length === 0) return null;
    let count = 0, sum = 0, atMost = 0;
    for (const series of family.series) {
      count += series.count;
      sum += series.sum;
      atMost += series.buckets.findLast(({ le }) => le <= edge)?.count ?? 0;
    }
    return { count, sum, atMost };
  }

  /** Totals of an objective's events by the value of its `by`, `""` without one. O(series). */
  events(events: RuleEvents): Map<string, EventCounts> {
    const found = new Map<string, { events: number; bad: number }>();
    if (events.from === "histogram") {
      const totals = this.histogram(events.metric, events.goodAtMost);
      if (totals !== null) {
        found.set("", { events: totals.count, bad: totals.count - totals.atMost });
      }
      return found;
    }
    const add = (metric: string, to: "events" | "bad") => {
      for (const { labels, value } of this.numbers(metric).series) {
        const key = events.by === undefined ? "" : labels[events.by] ?? "";
        const counts = found.get(key) ?? { events: 0, bad: 0 };
        counts[to] += value;
        found.set(key, counts);
      }
    };
    for (const metric of events.all) add(metric, "events");
    add(events.bad, "bad");
    return found;
  }
}

/** One string for the labels of a series. */
export function seriesKey(labels: LabelValues): string {
  const names = Object.keys(labels);
  return names.length < 2
    ? labels[names[0] ?? ""] ?? ""
    : JSON.stringify(names.sort().map((name) => [name, labels[name]]));
}
