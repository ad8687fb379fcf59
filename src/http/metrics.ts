/**
 * Metrics in the text format of Prometheus, version 0.0.4, written by prom-client from a snapshot.
 *
 * prom-client's own default metrics stay off: its event-loop lag and garbage collector figures are
 * wrong or empty on Deno. `deno compile` fails on `test/perf/100k` of its dependency `bintrees`:
 * a build has to exclude that folder.
 *
 * @module
 */

import { Gauge, Registry } from "prom-client";
import type {
  HistogramSeries,
  LabelValues,
  MetricFamily,
  MetricsSnapshot,
} from "../monitor/snapshot.ts";

/** Content type of {@linkcode metricsText}. */
export const METRICS_CONTENT_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;

type Exposed = Awaited<ReturnType<Gauge["get"]>>;
type ExposedValue = Exposed["values"][number] & { readonly metricName?: string };

/**
 * A metric of prom-client whose values are those of a family. Its own classes count by themselves
 * and cannot be set to what a histogram holds; how any of them is written is decided by `get`.
 */
class SnapshotMetric extends Gauge {
  readonly #family: MetricFamily;

  constructor(family: MetricFamily) {
    super({ name: family.name, help: family.help, registers: [] });
    this.#family = family;
  }

  override get(): Promise<Exposed> {
    const { name, help, kind } = this.#family;
    const values = valuesOf(this.#family);
    // The typing of `type` is an enumeration of names that the package does not export as values.
    const type = kind as unknown as Exposed["type"];
    return Promise.resolve({ name, help, type, aggregator: "sum", collect() {}, values });
  }
}

function valuesOf(family: MetricFamily): ExposedValue[] {
  return family.kind === "histogram"
    ? family.series.flatMap((series) => histogramValues(family.name, series))
    : family.series.map(({ labels, value }) => ({ labels, value }));
}

function histogramValues(name: string, series: HistogramSeries): ExposedValue[] {
  const { labels, count, sum, buckets } = series;
  const bucket = (le: string, value: number) => ({
    metricName: `${name}_bucket`,
    labels: { le, ...labels } as LabelValues,
    value,
  });
  return [
    ...buckets.map(({ le, count }) => bucket(String(le), count)),
    bucket("+Inf", count),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/**
 * The text of `/metrics`. Metrics without a single series are left out. O(series).
 */
export async function metricsText(snapshot: MetricsSnapshot): Promise<string> {
  const registry = new Registry();
  for (const family of snapshot.families) {
    if (family.series.length > 0) registry.registerMetric(new SnapshotMetric(family));
  }
  return await registry.metrics();
}
