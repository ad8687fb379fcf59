/**
 * Measurements as plain data: what a collector found, what an actor or thread reports. A registry
 * takes them by the declared metric, so that who measures need not hold the registry.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";
import { Counter, Gauge } from "./metric.ts";
import type { Registry } from "./registry.ts";
import type { LabelValues } from "./snapshot.ts";

/** One measurement. */
export type Sample =
  & {
    /** A metric that is declared. */
    readonly name: string;
    /** Every label of the metric; left out for one without. */
    readonly labels?: LabelValues;
  }
  & (
    /** Counters: `add` so many more; `total` as a source that counts by itself says. */
    | { readonly add: number }
    | { readonly total: number }
    /** Gauges: the value now. */
    | { readonly value: number }
    /** Histograms: numbers to be recorded. */
    | { readonly observe: readonly number[] }
    /** Histograms: what was recorded since the last report, as `Histogram.encode` wrote it. */
    | { readonly merge: Float64Array }
  );

/** A sample that could not be taken, and why. */
export interface RefusedSample {
  /** Metric named by it. */
  readonly name: string;
  /** For people. */
  readonly reason: string;
}

/**
 * Takes measurements into a registry. Gauges remember `nowMs`, so that `Registry.expire` can take
 * out those that nobody measures any more. Gives those that were refused: their metric is not
 * declared, or is of another kind, or a value is none. O(samples), O(buckets) for histograms.
 */
export function applySamples(
  registry: Registry,
  samples: readonly Sample[],
  nowMs: number,
): RefusedSample[] {
  const refused: RefusedSample[] = [];
  for (const sample of samples) {
    try {
      applySample(registry, sample, nowMs);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      refused.push({ name: sample.name, reason });
    }
  }
  return refused;
}

function applySample(registry: Registry, sample: Sample, nowMs: number): void {
  const family = registry.family(sample.name);
  if (family === null) {
    throw new TypeError(`Cannot record ${sample.name}: expected a metric that is registered`);
  }
  const series = family.with(sample.labels ?? {});
  if ("add" in sample && series instanceof Counter) return series.add(sample.add);
  if ("total" in sample && series instanceof Counter) return series.follow(sample.total);
  if ("merge" in sample && series instanceof Histogram) {
    return series.merge(Histogram.decode(sample.merge));
  }
  if ("observe" in sample && series instanceof Histogram) {
    for (const value of sample.observe) series.record(value);
    return;
  }
  if ("value" in sample && series instanceof Gauge) {
    series.set(sample.value);
    series.atMs = nowMs;
    return;
  }
  throw new TypeError(
    `Cannot record ${sample.name}: expected a sample of a ${family.spec.kind}: current value has ` +
      Object.keys(sample).filter((key) => key !== "name" && key !== "labels").join(", "),
  );
}
