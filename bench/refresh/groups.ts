/**
 * Correlations of edges in groups: above the threshold of clusters within a group, noise elsewhere.
 *
 * @module
 */

import type { Random } from "../../src/actor/clock.ts";
import { type CorrelationInput, pairsOf } from "../../src/refresh/correlation.ts";

/** Edges of which each group has {@linkcode GROUP_EDGES}. */
export const GROUPED_EDGES = 1_000;
/** Edges of a group. */
export const GROUP_EDGES = 20;
/** Groups. */
export const GROUPS: number = GROUPED_EDGES / GROUP_EDGES;

/** A strict lower triangle by rows. */
export type Triangle = Extract<CorrelationInput, { kind: "triangle" }>;

/**
 * A matrix of 1,000 edges in groups of 20 that are dealt out in turn: above the threshold where
 * `connects` says so of two groups, noise elsewhere.
 */
export function triangleOf(
  random: Random,
  connects: (a: number, b: number) => boolean = (a, b) => a === b,
): Triangle {
  const edges = Array.from({ length: GROUPED_EDGES }, (_, at) => `EDGE_${at}`);
  const values = new Float64Array(pairsOf(GROUPED_EDGES));
  for (let i = 1, at = 0; i < GROUPED_EDGES; i++) {
    for (let j = 0; j < i; j++, at++) {
      const noise = random.next();
      values[at] = connects(i % GROUPS, j % GROUPS) ? 0.45 + 0.5 * noise : 0.7 * (noise - 0.5);
    }
  }
  return { kind: "triangle", edges, values };
}
