/**
 * The registry of metrics: counters, gauges and histograms by name and labels, bounded in number,
 * read as plain data.
 *
 * A metric is registered once and gives a {@linkcode Family}; `family.with(labels)` gives the
 * series. Labels have few values by design, and a bound makes sure: beyond it counters and
 * histograms count on in one series whose labels say `other`, so that sums stay right; gauges, which
 * cannot be summed blindly, are left out. Both are counted.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";
import { Counter, Gauge, type SeriesOf } from "./metric.ts";
import {
  assertMetricSpec,
  EDGES_SECONDS,
  FAMILY_SERIES_DEFAULT,
  LABEL_CHARS_MAX,
  type MetricKind,
  type MetricOwner,
  type MetricSpec,
} from "./metric_spec.ts";
import type {
  HistogramSeries,
  LabelValues,
  MetricFamily,
  MetricsSnapshot,
  NumberSeries,
} from "./snapshot.ts";

/** Metrics of a registry: the service has some sixty, each a few lines of `/metrics`. */
export const FAMILIES_MAX = 512;
/** Series of a registry: some 75 bytes each in `/metrics`. */
export const SERIES_MAX_DEFAULT = 4_096;
/** Histograms of a registry: 21 kB each. */
export const HISTOGRAMS_MAX_DEFAULT = 256;

/** Value of every label of the series that stands for those beyond a bound. */
export const OTHER = "other";

/** Bounds of a registry. */
export interface RegistryOptions {
  /** Series of all metrics; default {@linkcode SERIES_MAX_DEFAULT}. */
  readonly seriesMax?: number;
  /** Histograms among them; default {@linkcode HISTOGRAMS_MAX_DEFAULT}. */
  readonly histogramsMax?: number;
}

interface Held<S> {
  readonly labels: LabelValues;
  readonly series: S;
}

/** A metric: its series by their labels. Made by {@linkcode Registry.register}. */
export class Family<L extends string = string, K extends MetricKind = MetricKind> {
  readonly #registry: Registry;
  readonly #names: readonly L[];
  readonly #seriesMax: number;
  readonly #held = new Map<string, Held<SeriesOf[K]>>();
  #other: SeriesOf[K] | null = null;
  #overflowed = 0;

  /** @internal */
  constructor(registry: Registry, readonly spec: MetricSpec<L, K>) {
    this.#registry = registry;
    this.#names = spec.labels ?? [];
    this.#seriesMax = spec.seriesMax ?? FAMILY_SERIES_DEFAULT;
  }

  /** How often a series was asked for beyond a bound. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** Series there are, without the one for those beyond a bound. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * The series with these labels, made when it is new. Keep it where it is used often: looking it
   * up costs a hundred additions.
   *
   * @throws {TypeError} when a label is missing.
   */
  with(labels: Readonly<Record<L, string>>): SeriesOf[K] {
    const values = this.#names.map((name) => {
      const value: string | undefined = labels[name];
      if (typeof value === "string") return value.slice(0, LABEL_CHARS_MAX);
      throw new TypeError(
        `Cannot find a series of ${this.spec.name}: expected the labels ` +
          `${this.#names.join(", ")}: current value lacks ${name}`,
      );
    });
    const key = JSON.stringify(values);
    const known = this.#held.get(key);
    if (known !== undefined) return known.series;
    if (this.#held.size >= this.#seriesMax || !this.#registry.admit(this.spec.kind)) {
      this.#overflowed++;
      return this.#other ??= this.#make();
    }
    const series = this.#make();
    this.#held.set(key, { labels: this.#labelled(values), series });
    return series;
  }

  /** The series with these labels, or null when there is none. */
  find(labels: Readonly<Record<L, string>>): SeriesOf[K] | null {
    const key = JSON.stringify(this.#names.map((name) => labels[name].slice(0, LABEL_CHARS_MAX)));
    return this.#held.get(key)?.series ?? null;
  }

  /** Takes out the gauges that were last set before `atMs`; held ones stay. O(series). */
  expire(atMs: number): void {
    const { keepMs = 0 } = this.spec;
    for (const [key, { series }] of this.#held) {
      if (!(series instanceof Gauge) || series.atMs >= atMs - keepMs) continue;
      this.#held.delete(key);
      this.#registry.release(this.spec.kind);
    }
  }

  /** As plain data. O(series), and O(buckets) for each histogram. */
  snapshot(): MetricFamily {
    const { name, help, kind } = this.spec;
    const held: Held<SeriesOf[MetricKind]>[] = [...this.#held.values()];
    if (this.#other !== null && kind !== "gauge") {
      const labels = this.#labelled(this.#names.map(() => OTHER));
      held.push({ labels, series: this.#other });
    }
    if (kind === "histogram") {
      const edges = this.spec.edges ?? EDGES_SECONDS;
      const series = held.flatMap(({ labels, series }) =>
        series instanceof Histogram ? [describeHistogram(labels, series, edges)] : []
      );
      return { name, help, kind, series };
    }
    const series = held.flatMap(({ labels, series }): NumberSeries[] =>
      series instanceof Histogram ? [] : [{ labels, value: series.value }]
    );
    return { name, help, kind: kind === "counter" ? "counter" : "gauge", series };
  }

  #labelled(values: readonly string[]): LabelValues {
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? ""]));
  }

  #make(): SeriesOf[K] {
    return MAKE[this.spec.kind](this.spec);
  }
}

const MAKE: { readonly [K in MetricKind]: (spec: MetricSpec<string, K>) => SeriesOf[K] } = {
  counter: () => new Counter(),
  gauge: () => new Gauge(),
  histogram: ({ range }) => new Histogram(range),
};

function describeHistogram(
  labels: LabelValues,
  histogram: Histogram,
  edges: readonly number[],
): HistogramSeries {
  const { count, sum } = histogram;
  const counts = histogram.countsAtMost(edges);
  const [p50 = null, p95 = null, p99 = null] = count === 0
    ? []
    : histogram.percentiles([0.5, 0.95, 0.99]);
  return {
    labels,
    count,
    sum,
    min: count === 0 ? null : histogram.min,
    max: count === 0 ? null : histogram.max,
    p50,
    p95,
    p99,
    buckets: edges.map((le, i) => ({ le, count: counts[i] ?? 0 })),
  };
}

/**
 * All metrics of one process or thread.
 *
 * @example
 * ```ts
 * import { Registry } from "./registry.ts";
 *
 * const registry = new Registry();
 * const requests = registry.register({
 *   name: "wick_http_requests_total",
 *   kind: "counter",
 *   help: "Requests answered",
 *   labels: ["method"],
 * });
 * const gets = requests.with({ method: "GET" });
 * gets.add();
 * console.log(gets.value); // 1
 * ```
 */
export class Registry {
  readonly #families = new Map<string, Family>();
  readonly #seriesMax: number;
  readonly #histogramsMax: number;
  readonly #count = { counter: 0, gauge: 0, histogram: 0 };

  /** An empty one. */
  constructor(options: RegistryOptions = {}) {
    this.#seriesMax = options.seriesMax ?? SERIES_MAX_DEFAULT;
    this.#histogramsMax = options.histogramsMax ?? HISTOGRAMS_MAX_DEFAULT;
  }

  /** Series there are. */
  get series(): number {
    return this.#count.counter + this.#count.gauge + this.#count.histogram;
  }

  /** How often a series was asked for beyond a bound. O(families). */
  get overflowed(): number {
    let times = 0;
    for (const family of this.#families.values()) times += family.overflowed;
    return times;
  }

  /**
   * Declares a metric.
   *
   * @throws {TypeError} when the name is taken, or a name breaks the rules of
   * {@linkcode MetricSpec}.
   * @throws {RangeError} when there are {@linkcode FAMILIES_MAX} already, or its edges or range
   * cannot be.
   */
  register<const L extends string = never, const K extends MetricKind = MetricKind>(
    spec: MetricSpec<L, K>,
    owner: MetricOwner = "wick",
  ): Family<L, K> {
    assertMetricSpec(spec, owner);
    // Throws now what the first series would throw.
    if (spec.kind === "histogram") new Histogram(spec.range);
    if (this.#families.has(spec.name)) {
      throw new TypeError(`Cannot register ${spec.name}: expected a new name: it is taken`);
    }
    if (this.#families.size >= FAMILIES_MAX) {
      throw new RangeError(
        `Cannot register ${spec.name}: expected at most ${FAMILIES_MAX} metrics`,
      );
    }
    const family = new Family<L, K>(this, spec);
    this.#families.set(spec.name, family as unknown as Family);
    return family;
  }

  /** The metric of that name, or null. */
  family(name: string): Family | null {
    return this.#families.get(name) ?? null;
  }

  /** The same when it is of that kind, so that its series have their type; else null. */
  familyOf<K extends MetricKind>(name: string, kind: K): Family<string, K> | null {
    const family = this.family(name);
    return family?.spec.kind === kind ? family as unknown as Family<string, K> : null;
  }

  /** Takes out gauges that nobody has set since monotonic time `atMs`; see `applySamples`. */
  expire(atMs: number): void {
    for (const family of this.#families.values()) family.expire(atMs);
  }

  /** All metrics as plain data; `at` is the time in epoch ms, `nowMs` the monotonic one. */
  snapshot(at: number, nowMs: number): MetricsSnapshot {
    const families = [...this.#families.values()];
    return {
      at,
      nowMs,
      families: families.map((family) => family.snapshot()),
      series: this.series,
      overflowed: families.filter(({ overflowed }) => overflowed > 0)
        .map(({ spec, overflowed }) => ({ name: spec.name, times: overflowed })),
    };
  }

  /**
   * Whether one more series of this kind fits; it is counted.
   *
   * @internal
   */
  admit(kind: MetricKind): boolean {
    const isFull = this.series >= this.#seriesMax ||
      (kind === "histogram" && this.#count.histogram >= this.#histogramsMax);
    if (!isFull) this.#count[kind]++;
    return !isFull;
  }

  /**
   * A series of this kind is gone.
   *
   * @internal
   */
  release(kind: MetricKind): void {
    this.#count[kind]--;
  }
}
