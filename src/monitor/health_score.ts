/**
 * How well the service does, as one number of 0 to 100, and what keeps it from being more.
 *
 * Four parts make it up, each with points against its targets (see `pointsOf`): latency 40 %,
 * success 30 %, cache 20 %, throughput 10 %. Parts of which nothing is known, or that nobody asked
 * anything of, are left out and the weights of the others grow in proportion; the score says so.
 * When a part or a component is critical the score is at most {@linkcode CRITICAL_SCORE_MAX}: an
 * average of four must not hide that one of them is broken.
 *
 * @module
 */

import type { PartHealth } from "./finding.ts";
import { type ComponentHealth, componentsOf } from "./health_components.ts";
import type { HealthInputs, MeasureReading, SuccessReading } from "./health_inputs.ts";
import { CRITICAL_SCORE_MAX, type LimitingFactor, limitingFactor } from "./limiting.ts";
import {
  levelOf,
  type OwnTarget,
  pointsOf,
  type Target,
  type TargetLevel,
  type Targets,
  TARGETS_DEFAULT,
  worseLevel,
} from "./targets.ts";

/** The parts of the score. */
export type HealthPartName = "latency" | "success" | "cache" | "throughput";

/** Weight of each part; they add up to 1. */
export const HEALTH_WEIGHTS: Readonly<Record<HealthPartName, number>> = {
  latency: 0.4,
  success: 0.3,
  cache: 0.2,
  throughput: 0.1,
};

/**
 * Pieces of work that a share of bad ones is at least measured against: among fewer a single bad
 * one would be worse than a warning, while ten bad of ten are still critical.
 */
export const SUCCESS_EVENTS_MIN = 100;

/** A value against its target. */
export interface MeasureHealth {
  /** Name of the measure: a key of the targets, or the name of one's own. */
  readonly measure: string;
  /** `known`, `idle` (nothing happened), `unknown` (nobody measures it). */
  readonly state: MeasureReading["state"];
  /** In the unit of the target; null unless known. */
  readonly value: number | null;
  /** Points of 0 to 100; null unless known. */
  readonly points: number | null;
  /** Against the target; null unless known. */
  readonly level: TargetLevel | null;
  /** What it is held against. */
  readonly target: Target;
  /** Which one, where there are several: the actor of a mailbox, the kind of work. */
  readonly of: string | null;
}

/** One of the four. */
export interface HealthPart {
  /** Which one. */
  readonly name: HealthPartName;
  /** `idle`: nothing was asked of it, so it does not count. `unknown`: nobody measures it. */
  readonly state: MeasureReading["state"];
  /** 0 to 100; null unless known. */
  readonly points: number | null;
  /** Against the targets, the worst of its measures; null unless known. */
  readonly level: TargetLevel | null;
  /** Its share of the score now, 0 to 1: more than its own while others do not count. */
  readonly weight: number;
  /** What it is made of; the worst decides. */
  readonly measures: readonly MeasureHealth[];
}

/** How the service does. */
export interface HealthScore {
  /** Epoch ms of what was measured. */
  readonly at: number;
  /** 0 to 100, rounded; null when nothing is known. */
  readonly score: number | null;
  /** `unknown` when there is no score. */
  readonly state: "good" | "fair" | "warning" | "critical" | "unknown";
  /** Sum of the parts by their weights, before the cap; null when nothing is known. */
  readonly uncapped: number | null;
  /** What is critical, by name; the cap holds while there is any. */
  readonly critical: readonly string[];
  /** The four. */
  readonly parts: readonly HealthPart[];
  /** Measures that no part is made of: queue, memory, processor, and those of one's own. */
  readonly measures: readonly MeasureHealth[];
  /** See {@linkcode ComponentHealth}. */
  readonly components: readonly ComponentHealth[];
  /** What costs the most; null when nothing does. */
  readonly limiting: LimitingFactor | null;
  /** Names of components, parts and measures of which nothing is known. */
  readonly unknown: readonly string[];
  /** Share of the weights that is known, 0 to 1; the score is of these alone. */
  readonly knownWeight: number;
}

/** What a score is held against. */
export interface HealthOptions {
  /** Default {@linkcode TARGETS_DEFAULT}. */
  readonly targets?: Targets;
  /** Targets of metrics of one's own; each counts as a component. */
  readonly own?: readonly OwnTarget[];
}

/** Edges of the states of a score: those of the points at good less a little, warning, critical. */
const FAIR_BELOW = 95;
const WARNING_BELOW = 75;
const CRITICAL_BELOW = 50;

/** The score of what was measured and of how the parts are. O(parts · components). */
export function healthScore(
  inputs: HealthInputs,
  found: readonly PartHealth[],
  options: HealthOptions = {},
): HealthScore {
  const { targets = TARGETS_DEFAULT, own = [] } = options;
  const parts = weighted([
    partOf("latency", [
      measureOf("latencyP99", inputs.latencyP99, targets.latencyP99),
      measureOf("latencyMean", inputs.latencyMean, targets.latencyMean),
    ]),
    partOf("success", successOf(inputs.work, targets.success)),
    partOf("cache", [measureOf("cacheHits", inputs.cacheHits, targets.cacheHits)]),
    partOf("throughput", [throughputOf(inputs, targets)]),
  ]);
  const measures = [
    measureOf("queueTime", inputs.queueTime, targets.queueTime),
    measureOf("queueUsed", inputs.queueUsed, targets.queueUsed, inputs.fullest),
    measureOf("memory", inputs.memory, targets.memory),
    measureOf("cpu", inputs.cpu, targets.cpu),
    ...own.map((target) =>
      measureOf(target.measure, inputs.own[target.measure] ?? UNKNOWN, plain(target))
    ),
  ];
  const components = componentsOf(found);
  const critical = [
    ...components.filter(({ state }) => state === "down").map(({ name }) => name),
    ...parts.filter(({ level }) => level === "critical").map(({ name }) => name),
    ...measures.filter(({ level }) => level === "critical").map(({ measure }) => measure),
  ];
  const uncapped = sumOf(parts);
  const score = capped(uncapped, critical.length > 0);
  return {
    at: inputs.at,
    score,
    state: stateOf(score, critical.length > 0),
    uncapped,
    critical,
    parts,
    measures,
    components,
    limiting: limitingFactor({ parts, measures, components, uncapped }),
    unknown: [
      ...components.filter(({ state }) => state === "unknown").map(({ name }) => name),
      ...parts.filter(({ state }) => state === "unknown").map(({ name }) => name),
      ...measures.filter(({ state }) => state === "unknown").map(({ measure }) => measure),
    ],
    knownWeight: knownWeight(parts),
  };
}

const UNKNOWN: MeasureReading = { state: "unknown", value: null };
const IDLE: MeasureReading = { state: "idle", value: null };

const plain = ({ better, unit, good, warning, critical }: Target): Target => (
  { better, unit, good, warning, critical }
);

function measureOf(
  measure: string,
  reading: MeasureReading,
  target: Target,
  of: string | null = null,
): MeasureHealth {
  const { state, value } = reading;
  return {
    measure,
    state,
    value,
    points: value === null ? null : pointsOf(target, value),
    level: value === null ? null : levelOf(target, value),
    target,
    of,
  };
}

/** Of each kind of work; one that had nothing to do is idle. */
function successOf(work: readonly SuccessReading[], target: Target): MeasureHealth[] {
  if (work.length === 0) return [measureOf("success", UNKNOWN, target)];
  return work.map(({ work, good, bad }) => {
    const all = good + bad;
    const value = 1 - bad / Math.max(SUCCESS_EVENTS_MIN, all);
    return measureOf("success", all === 0 ? IDLE : { state: "known", value }, target, work);
  });
}

/**
 * Counts only while more is wished for than is done: batches are refused, or one that comes now waits
 * longer than it should. A service with little to do is not slow.
 */
function throughputOf(inputs: HealthInputs, targets: Targets): MeasureHealth {
  const { throughput, queueTime, refused } = inputs;
  const waits = queueTime.value !== null && queueTime.value > targets.queueTime.good;
  const hasDemand = waits || (refused ?? 0) > 0;
  const isUnknown = queueTime.state === "unknown" && refused === null;
  const reading = hasDemand ? throughput : isUnknown ? UNKNOWN : IDLE;
  return measureOf(
    "throughput",
    throughput.state === "unknown" ? throughput : reading,
    targets.throughput,
  );
}

/** As good as the worst of its measures; those that are not known do not count. */
function partOf(name: HealthPartName, measures: readonly MeasureHealth[]): HealthPart {
  let points: number | null = null;
  let level: TargetLevel | null = null;
  for (const measure of measures) {
    if (measure.points === null || measure.level === null) continue;
    points = Math.min(points ?? 100, measure.points);
    level = worseLevel(level ?? "good", measure.level);
  }
  const isIdle = measures.some(({ state }) => state === "idle");
  const state = points !== null ? "known" : isIdle ? "idle" : "unknown";
  return { name, state, points, level, weight: HEALTH_WEIGHTS[name], measures };
}

const knownWeight = (parts: readonly HealthPart[]) =>
  parts.reduce((sum, { name, points }) => sum + (points === null ? 0 : HEALTH_WEIGHTS[name]), 0);

/** Shares what parts that do not count would have weighed among the others. */
function weighted(parts: readonly HealthPart[]): HealthPart[] {
  const all = knownWeight(parts);
  return parts.map((part) => ({
    ...part,
    weight: part.points === null ? 0 : HEALTH_WEIGHTS[part.name] / all,
  }));
}

function sumOf(parts: readonly HealthPart[]): number | null {
  if (parts.every(({ points }) => points === null)) return null;
  return parts.reduce((sum, { points, weight }) => sum + (points ?? 0) * weight, 0);
}

/** Rounded down: 100 is said only of what is whole. */
function capped(uncapped: number | null, hasCritical: boolean): number | null {
  if (uncapped === null) return null;
  // Sums of weights are a little off their decimal value.
  const score = Math.floor(uncapped + 1e-9);
  return hasCritical ? Math.min(CRITICAL_SCORE_MAX, score) : score;
}

function stateOf(score: number | null, hasCritical: boolean): HealthScore["state"] {
  if (hasCritical) return "critical";
  if (score === null) return "unknown";
  if (score < CRITICAL_BELOW) return "critical";
  if (score < WARNING_BELOW) return "warning";
  return score < FAIR_BELOW ? "fair" : "good";
}
