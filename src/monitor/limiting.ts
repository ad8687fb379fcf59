/**
 * What limits the health of the service most: where to look first.
 *
 * @module
 */

import type { ComponentHealth } from "./health_components.ts";
import type { HealthPart, MeasureHealth } from "./health_score.ts";

/** What limits it. */
export interface LimitingFactor {
  /** `component`: it is down. `part`, `measure`: it is not at its target. */
  readonly kind: "component" | "part" | "measure";
  /** Name of it. */
  readonly name: string;
  /** Points of the score that it costs: 0 to 100. */
  readonly lostPoints: number;
  /** For people: the measure, its value, and what it should be. */
  readonly reason: string;
}

/** The score, as far as it is looked at. */
export interface LimitedScore {
  /** The four. */
  readonly parts: readonly HealthPart[];
  /** Measures that no part is made of. */
  readonly measures: readonly MeasureHealth[];
  /** All components. */
  readonly components: readonly ComponentHealth[];
  /** Before the cap; null when nothing is known. */
  readonly uncapped: number | null;
}

/** The highest score while something is critical. */
export const CRITICAL_SCORE_MAX = 59;

/** Parts that cost less are no limit: a score of 100 is rounded from these. */
const LOST_MIN = 0.5;

/**
 * What costs the most points; null when nothing costs any. What is critical costs what the cap takes
 * away; a component that is down comes before what suffers from it. O(parts + components).
 */
export function limitingFactor(score: LimitedScore): LimitingFactor | null {
  const { parts, measures, components, uncapped } = score;
  const byCap = Math.max(0, (uncapped ?? 100) - CRITICAL_SCORE_MAX);
  const down = components.find(({ state }) => state === "down");
  if (down !== undefined) {
    return { kind: "component", name: down.name, lostPoints: byCap, reason: down.reason };
  }
  const found: LimitingFactor[] = [];
  for (const { name, points, level, weight, measures } of parts) {
    if (points === null) continue;
    const lost = (100 - points) * weight;
    const lostPoints = level === "critical" ? Math.max(lost, byCap) : lost;
    const worst = measures.find((measure) => measure.points === points);
    if (worst === undefined || lostPoints < LOST_MIN) continue;
    found.push({ kind: "part", name, lostPoints, reason: reasonOf(worst) });
  }
  for (const measure of measures) {
    if (measure.level !== "critical") continue;
    const reason = reasonOf(measure);
    found.push({ kind: "measure", name: measure.measure, lostPoints: byCap, reason });
  }
  return found.reduce<LimitingFactor | null>(
    (most, one) => most === null || one.lostPoints > most.lostPoints ? one : most,
    null,
  );
}

function reasonOf({ measure, value, target, of }: MeasureHealth): string {
  const { unit, good, better } = target;
  const whose = of === null ? "" : ` of ${of}`;
  const should = `${better === "lower" ? "at most" : "at least"} ${figure(good, unit)}`;
  return `${measure}${whose} is ${figure(value ?? 0, unit)}: it should be ${should}`;
}

/** A value of a target for people: `50 ms`, `99.9 %`, `1.2 GB`, `800/s`. */
export function figure(value: number, unit: MeasureHealth["target"]["unit"]): string {
  const short = (number: number) => String(Number(number.toPrecision(4)));
  switch (unit) {
    case "seconds":
      return value < 1 ? `${short(value * 1_000)} ms` : `${short(value)} s`;
    case "bytes":
      return value < 1e9 ? `${short(value / 1e6)} MB` : `${short(value / 1e9)} GB`;
    case "ratio":
      return `${short(value * 100)} %`;
    case "per_second":
      return `${short(value)}/s`;
    case "count":
      return short(value);
  }
}
