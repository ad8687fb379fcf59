/**
 * Clusters of edges that move together: edges connected by |correlation| above a threshold.
 *
 * - With single linkage a cluster is a connected component, found with a union-find whose root is
 *   always its lowest member (R. E. Tarjan, "Efficiency of a good but not linear set union
 *   algorithm", JACM 22(2), 1975). O(cells + edges · log edges).
 * - Average and complete linkage part such a component further: both only merge what at least one
 *   pair above the threshold connects, so nothing outside it matters to them.
 * - The result depends on which edges and correlations there are, and on nothing else: edges are
 *   numbered in the order of their ids before anything is compared.
 * - The id of a cluster is that of its lowest member, by code units.
 * - An unknown correlation connects nothing; an edge of which nothing is known is a cluster by
 *   itself.
 *
 * @module
 */

import { byCodeUnits, checkWhole, checkWithin } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";
import type { Correlations } from "./correlation.ts";
import { agglomerate, type Linkage, LINKAGES } from "./linkage.ts";

/** What one may set of clusters. */
export interface ClusterSettings {
  /** Edges are connected by a |correlation| above that: 0 to 1. */
  readonly threshold: number;
  /** How groups are compared. */
  readonly linkage: Linkage;
  /** Most edges; by default as many as the linkage allows, see {@linkcode CLUSTER_BOUNDS}. */
  readonly edgesMax: number;
}

/** What holds unless told otherwise. */
export const CLUSTER_DEFAULTS: ClusterSettings = {
  threshold: 0.4,
  linkage: "single",
  edgesMax: 10_000,
};

/** Bounds of {@linkcode ClusterSettings}. */
export const CLUSTER_BOUNDS = {
  /** Single linkage takes 4 bytes an edge, and a pass over the pairs that are known. */
  edgesMax: 10_000,
  /** Average linkage takes 12 bytes a pair both ways: 48 MB while it works. */
  linkedEdgesMax: 2_000,
} as const;

/** Edges that move together. */
export interface Cluster {
  /** Its lowest member. */
  readonly id: string;
  /** Ascending by code units. */
  readonly members: readonly string[];
}

/**
 * Whole settings from what is set.
 *
 * @throws {RefreshError} code `options` for a value out of bounds.
 */
export function clusterSettings(overrides: Partial<ClusterSettings> = {}): ClusterSettings {
  const { edgesMax, linkedEdgesMax } = CLUSTER_BOUNDS;
  const { linkage = CLUSTER_DEFAULTS.linkage } = overrides;
  const most = linkage === "single" ? edgesMax : linkedEdgesMax;
  const settings = { ...CLUSTER_DEFAULTS, edgesMax: most, ...overrides };
  if (!LINKAGES.includes(settings.linkage)) {
    throw new RefreshError(
      "options",
      `Cannot set linkage: expected ${LINKAGES.join(", ")}: current value is ` +
        shown(settings.linkage),
    );
  }
  checkWithin("threshold", settings.threshold, 0, 1);
  checkWhole("edgesMax", settings.edgesMax, 1, most);
  return settings;
}

/** Which edges belong together. Never changes. */
export class Clusters {
  /** Ascending by id. */
  readonly all: readonly Cluster[];
  readonly #byEdge: ReadonlyMap<string, Cluster>;

  /** Of clusters that do not overlap, ascending by id. */
  constructor(all: readonly Cluster[]) {
    this.all = all;
    const byEdge = new Map<string, Cluster>();
    for (const cluster of all) {
      for (const member of cluster.members) byEdge.set(member, cluster);
    }
    this.#byEdge = byEdge;
  }

  /** Edges in all of them. */
  get edges(): number {
    return this.#byEdge.size;
  }

  /** Cluster of an edge. O(1). */
  of(edgeId: string): Cluster | undefined {
    return this.#byEdge.get(edgeId);
  }

  /**
   * Checks that every edge is in one cluster, named after its lowest member. O(edges).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    let edges = 0, before = "";
    for (const { id, members } of this.all) {
      edges += members.length;
      const isSorted = members.every((member, at) => at === 0 || (members[at - 1] ?? "") < member);
      if (id !== members[0] || !isSorted || id <= before) throw broken("members that ascend", id);
      if (members.some((member) => this.of(member)?.id !== id)) throw broken("one cluster", id);
      before = id;
    }
    if (edges !== this.edges) throw broken(`${this.edges} edges in clusters`, edges);
  }
}

/** Clusters of edges, each named once, in any order. `correlations` may name others: they are left. */
export function clustersOf(
  edges: Iterable<string>,
  correlations: Correlations | null,
  settings: ClusterSettings = CLUSTER_DEFAULTS,
): Clusters {
  const sorted = [...edges].sort(byCodeUnits);
  const rootOf = Int32Array.from({ length: sorted.length }, (_, rank) => rank);
  if (correlations !== null) {
    const rankOf = ranksOf(sorted, correlations), { triangle } = correlations;
    if (triangle !== null) connect(rootOf, rankOf, triangle, settings.threshold);
    else {
      correlations.eachAbove(settings.threshold, (i, j) => {
        const a = rankOf[i] as number, b = rankOf[j] as number;
        if (a >= 0 && b >= 0) join(rootOf, a, b);
      });
    }
    for (let rank = 0; rank < rootOf.length; rank++) rootOf[rank] = find(rootOf, rank);
    if (settings.linkage !== "single") part(rootOf, sorted, correlations, settings);
  }
  return new Clusters(membersOf(sorted, rootOf));
}

/** Rank by handle; -1 for an edge that is not there. */
function ranksOf(sorted: readonly string[], correlations: Correlations): Int32Array {
  const rankOf = new Int32Array(correlations.edges.length).fill(-1);
  sorted.forEach((edge, rank) => {
    const handle = correlations.handleOf(edge);
    if (handle !== undefined) rankOf[handle] = rank;
  });
  return rankOf;
}

/**
 * Joins all pairs of a triangle above the threshold. Where much is connected, most pairs are of one
 * cluster already: they cost a look at the root.
 */
function connect(
  rootOf: Int32Array,
  rankOf: Int32Array,
  triangle: Float64Array,
  threshold: number,
): void {
  for (let i = 1, at = 0; i < rankOf.length; i++) {
    const a = rankOf[i] as number;
    let root = a < 0 ? a : find(rootOf, a);
    for (let j = 0; j < i; j++, at++) {
      if (!(Math.abs(triangle[at] as number) > threshold)) continue;
      const b = rankOf[j] as number;
      if (a < 0 || b < 0 || rootOf[b] === root) continue;
      join(rootOf, a, b);
      root = find(rootOf, a);
      // A short cut for the pairs of later edges with this one.
      rootOf[b] = root;
    }
  }
}

function find(rootOf: Int32Array, rank: number): number {
  let at = rank;
  for (;;) {
    const up = rootOf[at] as number;
    if (up === at) return at;
    // Halves the path, so that later searches are short.
    rootOf[at] = rootOf[up] as number;
    at = up;
  }
}

/** The lower root stays a root. */
function join(rootOf: Int32Array, a: number, b: number): void {
  // Most pairs that are joined again point to one root.
  if (rootOf[a] === rootOf[b]) return;
  const one = find(rootOf, a), other = find(rootOf, b);
  if (one < other) rootOf[other] = one;
  else rootOf[one] = other;
}

/** Parts each component by the linkage. */
function part(
  rootOf: Int32Array,
  sorted: readonly string[],
  correlations: Correlations,
  { linkage, threshold }: ClusterSettings,
): void {
  if (linkage === "single") return;
  for (const ranks of ranksByRoot(rootOf)) {
    // One is alone, and two are as alike as their only pair.
    if (ranks.length < 3) continue;
    const handles = ranks.map((rank) => correlations.handleOf(sorted[rank] as string) as number);
    const likenessOf = (a: number, b: number) =>
      Math.abs(correlations.at(handles[a] as number, handles[b] as number));
    const groups = agglomerate(ranks.length, likenessOf, linkage, threshold);
    ranks.forEach((rank, at) => rootOf[rank] = ranks[groups[at] as number] as number);
  }
}

function ranksByRoot(rootOf: Int32Array): readonly number[][] {
  const byRoot = new Map<number, number[]>();
  for (let rank = 0; rank < rootOf.length; rank++) {
    const ranks = byRoot.get(rootOf[rank] as number);
    if (ranks === undefined) byRoot.set(rank, [rank]);
    else ranks.push(rank);
  }
  return [...byRoot.values()];
}

/** A root is the lowest of its members, so clusters come ascending by id. */
function membersOf(sorted: readonly string[], rootOf: Int32Array): readonly Cluster[] {
  return ranksByRoot(rootOf).map((ranks) => ({
    id: sorted[ranks[0] as number] as string,
    members: ranks.map((rank) => sorted[rank] as string),
  }));
}

const broken = (expected: string, value: unknown) =>
  new RefreshError(
    "invariant",
    `Cannot trust clusters: expected ${expected}: current value is ${shown(value)}`,
  );
