/**
 * Parts of a workload.
 *
 * @module
 */

import type { Workload } from "./workloads.ts";

/** The requests from ≤ t < to, epoch ms. Shares what it can. */
export function stretchOf(workload: Workload, fromMs: number, toMs: number): Workload {
  const from = placeAt(workload.atMs, fromMs), to = placeAt(workload.atMs, toMs);
  return {
    ...workload,
    atMs: workload.atMs.subarray(from, to),
    keyOf: workload.keyOf.subarray(from, to),
    userOf: workload.userOf.subarray(from, to),
  };
}

/** The first hours of a workload. */
export function firstHours(workload: Workload, hours: number): Workload {
  return stretchOf(workload, 0, (workload.atMs[0] ?? 0) + hours * 3_600_000);
}

/** The place of the first time at or after `ms`. */
function placeAt(atMs: Float64Array, ms: number): number {
  let low = 0, high = atMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((atMs[middle] as number) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
