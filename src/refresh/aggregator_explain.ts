/**
 * Why an edge is in its cluster: what is known of its correlations.
 *
 * @module
 */

import { byCodeUnits } from "./aggregator_checks.ts";
import type { EdgeExplanation, EdgeLink } from "./aggregator_types.ts";
import type { Correlations } from "./correlation.ts";

/** Most links that an explanation shows. */
export const LINKS_SHOWN_MAX = 20;

/** The part of an explanation that correlations give. O(edges · log edges). */
export function explainEdge(
  edgeId: string,
  edges: ReadonlySet<string>,
  correlations: Correlations | null,
  threshold: number,
): Pick<EdgeExplanation, "edgeId" | "threshold" | "links" | "known" | "unknown"> {
  const links: EdgeLink[] = [];
  for (const other of edges) {
    if (other === edgeId) continue;
    const correlation = correlations?.of(edgeId, other) ?? NaN;
    if (Number.isNaN(correlation)) continue;
    links.push({ edgeId: other, correlation, connects: Math.abs(correlation) > threshold });
  }
  links.sort((a, b) =>
    Math.abs(b.correlation) - Math.abs(a.correlation) || byCodeUnits(a.edgeId, b.edgeId)
  );
  return {
    edgeId,
    threshold,
    links: links.slice(0, LINKS_SHOWN_MAX),
    known: links.length,
    unknown: edges.size - 1 - links.length,
  };
}
