/**
 * Which component explains the failures of which others: a tree of component names.
 *
 * A component is explained by those above it in the supervision tree, whose path begins its own, and
 * by those it depends on. A dead store explains that labels are not committed, feeds wait and
 * webhooks fall behind.
 *
 * @module
 */

/** A component with those that fail when it does. */
export interface CauseNode {
  /** Path below the root: `core/store`. */
  readonly name: string;
  /** What depends on it. */
  readonly explains?: readonly CauseNode[];
}

/** Depth of a tree of causes: a chain of failures longer than that is a mistake in the tree. */
const DEPTH_MAX = 16;
/** Reasons of one component: each step has its own and those by path. */
const FOUND_MAX = 64;

/** The tree of this service: everything that works needs the store; refresh needs the cache. */
export const WICK_CAUSES: CauseNode = {
  name: "core/store",
  explains: [
    {
      name: "core/providers",
      explains: [
        { name: "core/cache", explains: [{ name: "core/work/refresh" }] },
        { name: "core/work/warmer" },
        { name: "core/work/backfill" },
      ],
    },
    {
      name: "core/work/ingest/label_pool",
      explains: [
        { name: "core/work/ingest/feeds" },
        { name: "core/sinks" },
        { name: "core/work/webhooks" },
      ],
    },
  ],
};

/** Answers which components explain a component. */
export class Causes {
  /** Component → the one that explains it directly; `""` = none does. */
  readonly #by = new Map<string, string>();

  /**
   * Of a tree; null = only the supervision tree's paths count.
   *
   * @throws {RangeError} when a component occurs twice or the tree is deeper than it may be.
   */
  constructor(root: CauseNode | null = WICK_CAUSES) {
    if (root !== null) this.#add(root, null, 0);
  }

  #add(node: CauseNode, by: string | null, depth: number): void {
    if (depth > DEPTH_MAX || this.#by.has(node.name)) {
      throw new RangeError(
        `Cannot read a tree of causes: expected each component once, ${DEPTH_MAX} deep at most: ` +
          `current value is ${node.name}`,
      );
    }
    this.#by.set(node.name, by ?? "");
    for (const child of node.explains ?? []) this.#add(child, node.name, depth + 1);
  }

  /**
   * The components that explain `component`, the nearest first, itself not among them: each one
   * above it by path, what those depend on, and so on. The service as a whole, `""`, is nobody's
   * reason and has none. O(depth²).
   */
  of(component: string): string[] {
    const found = new Set<string>();
    const visit = [component];
    for (const at of visit) {
      const slash = at.lastIndexOf("/");
      const above = slash < 0 ? "" : at.slice(0, slash);
      for (const next of [this.#by.get(at) ?? "", above]) {
        if (next === "" || next === component || found.has(next)) continue;
        if (found.size >= FOUND_MAX) return [...found];
        found.add(next);
        visit.push(next);
      }
    }
    return [...found];
  }
}
