/**
 * The frontiers of the simple predictor as the README of the workloads states them, and how far a
 * result is above them.
 *
 * @module
 */

import type { WorkloadName } from "./workloads.ts";

/** Keys fetched, and the share that was answered, %. */
export type FrontierPoint = readonly [keys: number, percent: number];

/** A frontier, keys ascending. */
export type Frontier = readonly FrontierPoint[];

/** Unbounded cache, nothing past its TTL is served: fresh hits. */
export const FRESH_FRONTIERS: Readonly<Record<WorkloadName, Frontier>> = {
  day1: [
    [87_595, 71.99],
    [92_361, 76.5],
    [101_032, 80.0],
    [115_522, 83.4],
    [145_302, 87.1],
    [204_754, 91.0],
  ],
  week1: [
    [317_214, 61.81],
    [327_935, 65.5],
    [350_469, 68.5],
    [398_699, 72.3],
    [515_160, 77.5],
    [813_170, 84.1],
  ],
};

/** Unbounded cache, served up to twice the TTL while renewed behind. */
export const SERVED_FRONTIERS: Readonly<Record<WorkloadName, Frontier>> = {
  day1: [
    [87_965, 84.5],
    [92_945, 84.7],
    [101_781, 85.6],
    [116_390, 86.9],
    [146_311, 89.0],
    [205_972, 91.8],
  ],
  week1: [[318_556, 75.4], [401_750, 78.0], [817_568, 86.0]],
};

/**
 * Points above a frontier at equal keys, straight between its points; before its first and behind its
 * last as there.
 */
export function aboveFrontier(frontier: Frontier, [keys, percent]: FrontierPoint): number {
  const behind = frontier.findIndex(([at]) => at >= keys);
  const [last, first] = [frontier.at(-1), frontier[0]];
  if (last === undefined || first === undefined) throw new RangeError("Cannot compare: no points");
  if (behind < 0) return percent - last[1];
  if (behind === 0) return percent - first[1];
  const [fromKeys, fromPercent] = frontier[behind - 1] ?? first;
  const [toKeys, toPercent] = frontier[behind] ?? last;
  const share = (keys - fromKeys) / (toKeys - fromKeys);
  return percent - (fromPercent + share * (toPercent - fromPercent));
}
