/**
 * What each measure should be: good, warning and critical, as configuration.
 *
 * Values are in the base units of metrics: seconds, bytes, shares of 1, per second.
 *
 * @module
 */

import type { LabelValues } from "./snapshot.ts";

/** Which way is better. */
export type TargetDirection = "lower" | "higher";

/** What a value is counted in. */
export type TargetUnit = "seconds" | "bytes" | "ratio" | "per_second" | "count";

/** What a measure should be. */
export interface Target {
  /** Which way is better: `lower` for times, `higher` for hits. */
  readonly better: TargetDirection;
  /** What the three are counted in. */
  readonly unit: TargetUnit;
  /** As it should be. */
  readonly good: number;
  /** From here on somebody should know. */
  readonly warning: number;
  /** From here on it does not do what it is for. */
  readonly critical: number;
}

/** Measures that have a target whatever else is set. */
export type TargetMeasure = keyof typeof TARGETS_DEFAULT;

/** A target for every measure. */
export type Targets = Readonly<Record<TargetMeasure, Target>>;

/** The three values of a target, any of them. */
export type TargetChange = Partial<Pick<Target, "good" | "warning" | "critical">>;

/** How a number is read from a metric: as it is, its growth per second, or of its histogram. */
export type TargetRead = "value" | "rate" | "mean" | "p99";

/** A target for a metric of one's own. */
export interface OwnTarget extends Target {
  /** Name of the measure, unlike that of any other. */
  readonly measure: string;
  /** A declared metric. */
  readonly metric: string;
  /** Labels of its series, some or all; of several series the worst counts. */
  readonly labels?: LabelValues;
  /** `value` of a gauge, `rate` of a counter, `mean` or `p99` of a histogram. */
  readonly read: TargetRead;
}

/**
 * How a value stands to its target: at least as good as `good`, between `good` and `warning`
 * (`fair`), from `warning` on, from `critical` on.
 */
export type TargetLevel = "good" | "fair" | "warning" | "critical";

/** Own targets: each is looked at with every score. */
export const OWN_TARGETS_MAX = 64;

const lower = (unit: TargetUnit, good: number, warning: number, critical: number): Target => ({
  better: "lower",
  unit,
  good,
  warning,
  critical,
});
const higher = (unit: TargetUnit, good: number, warning: number, critical: number): Target => ({
  better: "higher",
  unit,
  good,
  warning,
  critical,
});

/** Targets unless they are set otherwise. */
export const TARGETS_DEFAULT = {
  /** From a batch's arrival to its commit, 99th percentile. */
  latencyP99: lower("seconds", 0.05, 0.08, 0.1),
  /** The same, mean. */
  latencyMean: lower("seconds", 0.025, 0.04, 0.05),
  /** Expected wait of a batch that comes now. */
  queueTime: lower("seconds", 0.01, 0.05, 0.1),
  /** Candles committed while more are wished for. */
  throughput: higher("per_second", 1_000, 800, 500),
  /** Share of what was begun that ended well. */
  success: higher("ratio", 0.999, 0.99, 0.95),
  /** Share of the cache's requests that it had an answer for. */
  cacheHits: higher("ratio", 0.95, 0.9, 0.8),
  /** Memory of the process. */
  memory: lower("bytes", 1.2e9, 1.6e9, 1.8e9),
  /** Processor time by what all cores could give. */
  cpu: lower("ratio", 0.5, 0.6, 0.8),
  /** Depth by bound of the fullest mailbox. */
  queueUsed: lower("ratio", 0.5, 0.7, 0.9),
} as const satisfies Readonly<Record<string, Target>>;

/** All measures with a target, in the order of the table. */
export const TARGET_MEASURES: readonly TargetMeasure[] = Object.keys(
  TARGETS_DEFAULT,
) as TargetMeasure[];

/**
 * Checks the order of the three.
 *
 * @throws {RangeError} when a value is not finite or below 0, or they do not go the way that
 * `better` says.
 */
export function assertTarget(measure: string, target: Target): void {
  const { better, unit, good, warning, critical } = target;
  const values = [good, warning, critical];
  const [first, second, third] = better === "lower" ? values : values.toReversed();
  const isOrdered = Number(first) < Number(second) && Number(second) < Number(third);
  const isWithin = values.every((value) =>
    value >= 0 && value < Infinity && (unit !== "ratio" || value <= 1)
  );
  if (isOrdered && isWithin) return;
  const order = better === "lower" ? "good < warning < critical" : "good > warning > critical";
  const bounds = unit === "ratio" ? "within 0 to 1" : "of at least 0";
  throw new RangeError(
    `Cannot set the target of ${measure}: expected ${order}, ${bounds}: ` +
      `current value is ${values.join(", ")}`,
  );
}

/**
 * The defaults with changes.
 *
 * @throws {TypeError} when a measure is not known. @throws {RangeError} as
 * {@linkcode assertTarget}.
 */
export function targetsWith(changes: Readonly<Record<string, TargetChange>> = {}): Targets {
  const targets: Record<TargetMeasure, Target> = { ...TARGETS_DEFAULT };
  for (const [name, change] of Object.entries(changes)) {
    const measure = TARGET_MEASURES.find((known) => known === name);
    if (measure === undefined) {
      throw new TypeError(
        `Cannot set a target: expected one of ${TARGET_MEASURES.join(", ")}: ` +
          `current value is ${name}`,
      );
    }
    const { better, unit, good, warning, critical } = { ...targets[measure], ...change };
    assertTarget(name, targets[measure] = { better, unit, good, warning, critical });
  }
  return targets;
}

/**
 * Checks targets of one's own.
 *
 * @throws {RangeError} when there are more than {@linkcode OWN_TARGETS_MAX}, or as
 * {@linkcode assertTarget}. @throws {TypeError} when two measures have one name.
 */
export function assertOwnTargets(own: readonly OwnTarget[]): void {
  if (own.length > OWN_TARGETS_MAX) {
    throw new RangeError(
      `Cannot set targets: expected at most ${OWN_TARGETS_MAX}: current value is ${own.length}`,
    );
  }
  const names = new Set<string>(TARGET_MEASURES);
  for (const target of own) {
    assertTarget(target.measure, target);
    if (names.has(target.measure)) {
      throw new TypeError(
        `Cannot set a target: expected a new name: current value is ${target.measure}`,
      );
    }
    names.add(target.measure);
  }
}

/** Whether `value` is at `edge` or worse. */
export function isAtLeastAsBad(target: Target, value: number, edge: number): boolean {
  return target.better === "lower" ? value >= edge : value <= edge;
}

/** How a value stands to its target. */
export function levelOf(target: Target, value: number): TargetLevel {
  if (isAtLeastAsBad(target, value, target.critical)) return "critical";
  if (isAtLeastAsBad(target, value, target.warning)) return "warning";
  return value === target.good || !isAtLeastAsBad(target, value, target.good) ? "good" : "fair";
}

/**
 * Points of a value: 100 at good, 75 at warning, 50 at critical, linear between; beyond critical
 * on to 0 at as far from it as it is from good. With the default of throughput (1,000, 800, 500
 * a second) nothing at all has 0 points.
 */
export function pointsOf(target: Target, value: number): number {
  const { good, warning, critical } = target;
  // Measured away from good, so that one formula serves both directions.
  const sign = target.better === "lower" ? 1 : -1;
  const off = sign * (value - good);
  const toWarning = sign * (warning - good);
  const toCritical = sign * (critical - good);
  if (off <= 0) return 100;
  if (off <= toWarning) return 100 - 25 * (off / toWarning);
  if (off <= toCritical) return 75 - 25 * ((off - toWarning) / (toCritical - toWarning));
  return Math.max(0, 50 - 50 * ((off - toCritical) / toCritical));
}

const LEVELS: readonly TargetLevel[] = ["good", "fair", "warning", "critical"];

/** The worse of two levels. */
export function worseLevel(a: TargetLevel, b: TargetLevel): TargetLevel {
  return LEVELS.indexOf(a) >= LEVELS.indexOf(b) ? a : b;
}
