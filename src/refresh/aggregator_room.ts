/**
 * Room for edges of which something is new, where an aggregator is full: edges of which nothing is
 * known but that they once were there make it. They come back with their next change.
 *
 * @module
 */

/** What is known of edges. */
export interface EdgeFacts {
  /** Whether something waits of it, or it has correlations, or bars. O(1). */
  isInUse(edgeId: string): boolean;
  /** When it last changed, epoch ms; -Infinity when that is long ago, or never was. O(1). */
  changedAt(edgeId: string): number;
}

/** Share of all edges that go at once, so that looking for them costs each new edge next to nothing. */
const SHARE = 1 / 16;

/** Which edges go: those that have not changed for the longest time; none when all are in use. O(edges · log). */
export function idleEdges(edges: ReadonlySet<string>, facts: EdgeFacts): readonly string[] {
  const most = Math.ceil(edges.size * SHARE);
  return Array.from(edges)
    .filter((edgeId) => !facts.isInUse(edgeId))
    .map((edgeId) => ({ edgeId, at: facts.changedAt(edgeId) }))
    // Of the same time, those that came first.
    .sort((a, b) => a.at === b.at ? 0 : a.at - b.at)
    .slice(0, most)
    .map(({ edgeId }) => edgeId);
}
