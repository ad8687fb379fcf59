/**
 * What entries are made of, and so which entries a change ends: those made of it, those made of
 * these, and so on.
 *
 * - candles of a series are found by their time: an interval tree a series
 *   (`dependencies_ranges.ts`), so that a commit at the live edge passes over whatever is older
 *   without looking at it
 * - levels and other entries are found by name; nothing needs to be known of an entry for others to
 *   depend on it
 * - a circle of entries ends: each is found once
 * - nothing throws: dependencies for which there is no room are **refused**, and then the entry
 *   must not be kept, since no change would end it
 *
 * An entry that was evicted is no change: what was made of it stands. But a change of what *it* was
 * made of must still reach them by way of it. So whoever keeps entries calls
 * {@linkcode DependencyIndex.remove} when nothing depends on the entry any more, not when it is
 * evicted.
 *
 * @module
 */

import { condensed } from "./dependencies_condense.ts";
import { NO_NODE, RangeTrees } from "./dependencies_ranges.ts";
import { shown } from "./error.ts";
import type { Dependency, TouchedRange } from "./types.ts";

/** Bounds of a {@linkcode DependencyIndex}, each with its reason. */
export const DEPENDENCY_BOUNDS = {
  /**
   * Dependencies of one entry, after joining ranges: a matrix of correlations has some 50 series.
   */
  perKeyMax: 256,
  /** Dependencies of all entries: some 100 MB. */
  linksMax: 500_000,
} as const;

/** Bounds that differ from {@linkcode DEPENDENCY_BOUNDS}. */
export type DependencyBounds = { readonly [Bound in keyof typeof DEPENDENCY_BOUNDS]?: number };

interface Entry {
  readonly key: string;
  readonly dependencies: readonly Dependency[];
  /** Nodes of its candle dependencies, in their order. */
  readonly nodes: readonly number[];
}

/** What may end entries: a commit, other levels, another entry. */
export type Change = Dependency | TouchedRange;

/** See the head of this file. */
export class DependencyIndex {
  readonly #bounds: { readonly [Bound in keyof typeof DEPENDENCY_BOUNDS]: number };
  readonly #entries = new Map<string, Entry>();
  readonly #ranges = new RangeTrees<string>();
  readonly #series = new Map<string, { root: number }>();
  /** Keys by the instrument, and by the key, that they depend on. */
  readonly #byLevels = new Map<string, Set<string>>();
  readonly #byKey = new Map<string, Set<string>>();
  #links = 0;

  /** Empty. */
  constructor(bounds: DependencyBounds = {}) {
    this.#bounds = { ...DEPENDENCY_BOUNDS, ...bounds };
  }

  /** Entries that have dependencies. */
  get size(): number {
    return this.#entries.size;
  }

  /** Dependencies of all entries. */
  get links(): number {
    return this.#links;
  }

  /**
   * The entry is made of these, in place of what it was made of before. `refused` when there is no
   * room: then it is made of nothing. O(dependencies · log ranges).
   */
  set(key: string, dependencies: readonly Dependency[]): "set" | "refused" {
    this.remove(key);
    const kept = condensed(key, dependencies, this.#bounds.perKeyMax);
    if (kept === null || this.#links + kept.length > this.#bounds.linksMax) return "refused";
    if (kept.length === 0) return "set";
    const nodes: number[] = [];
    for (const dependency of kept) {
      if (dependency.kind === "candles") nodes.push(this.#insertRange(key, dependency));
      else if (dependency.kind === "levels") link(this.#byLevels, dependency.instrument, key);
      else link(this.#byKey, dependency.key, key);
    }
    this.#entries.set(key, { key, dependencies: kept, nodes });
    this.#links += kept.length;
    return "set";
  }

  /** The entry is made of nothing; what depends on it still does. O(dependencies · log ranges). */
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#links -= entry.dependencies.length;
    let at = 0;
    for (const dependency of entry.dependencies) {
      if (dependency.kind === "candles") {
        this.#removeRange(dependency.series, entry.nodes[at++] as number);
      } else if (dependency.kind === "levels") {
        unlink(this.#byLevels, dependency.instrument, key);
      } else unlink(this.#byKey, dependency.key, key);
    }
  }

  /** No entry is made of anything. */
  clear(): void {
    this.#entries.clear();
    this.#ranges.clear();
    this.#series.clear();
    this.#byLevels.clear();
    this.#byKey.clear();
    this.#links = 0;
  }

  /**
   * The entries that a change, or any of several, ends: made of it, or made of what was. An entry
   * that is named itself is among them only if it is made of itself by way of others.
   *
   * O(changes · log ranges + dependents); a change that hits nothing costs some 50 ns.
   */
  dependentsOf(changes: Change | readonly Change[]): Set<string> {
    const found: string[] = [];
    if (isSeveral(changes)) { for (const change of changes) this.#collect(change, found); }
    else this.#collect(changes, found);
    return this.#closure(found);
  }

  /** The entries made of any candles, directly or by way of others. O(entries). */
  dependentsOfCandles(): Set<string> {
    const found: string[] = [];
    for (const { key, nodes } of this.#entries.values()) if (nodes.length > 0) found.push(key);
    return this.#closure(found);
  }

  /** What an entry is made of, as it is kept: ranges that overlap or touch are one. */
  dependenciesOf(key: string): readonly Dependency[] {
    return this.#entries.get(key)?.dependencies ?? [];
  }

  /** Keys of which others are made, whether or not there are such entries. */
  neededKeys(): Iterable<string> {
    return this.#byKey.keys();
  }

  /** How many entries are made directly of this one. O(1). */
  dependentsCount(key: string): number {
    return this.#byKey.get(key)?.size ?? 0;
  }

  /**
   * Checks what must hold at any time. O(entries + dependencies · log ranges).
   *
   * @throws {Error} saying what does not.
   */
  invariant(): void {
    const trees = new Map(
      [...this.#series].map(([series, { root }]) => [series, this.#ranges.invariant(root)]),
    );
    let links = 0;
    for (const entry of this.#entries.values()) {
      links += entry.dependencies.length;
      if (entry.dependencies.length > 0 && this.#isFound(entry, trees)) continue;
      throw new Error(`Cannot trust dependencies: those of ${shown(entry.key)} are not found`);
    }
    let found = 0;
    for (const index of [trees, this.#byLevels, this.#byKey]) {
      for (const [name, { size }] of index) {
        found += size;
        if (size === 0) throw new Error(`Cannot trust dependencies: ${shown(name)} has none`);
      }
    }
    if (links !== this.#links || links !== found || links > this.#bounds.linksMax) {
      throw new Error(
        `Cannot trust dependencies: ${links} held, ${found} found, ${this.#links} said`,
      );
    }
  }

  #isFound(entry: Entry, trees: ReadonlyMap<string, ReadonlySet<number>>): boolean {
    let at = 0;
    return entry.dependencies.every((dependency) => {
      if (dependency.kind === "levels") {
        return this.#byLevels.get(dependency.instrument)?.has(entry.key) ?? false;
      }
      if (dependency.kind === "key") {
        return this.#byKey.get(dependency.key)?.has(entry.key) ?? false;
      }
      return trees.get(dependency.series)?.has(entry.nodes[at++] as number) ?? false;
    });
  }

  #collect(change: Change, into: string[]): void {
    if (!("kind" in change) || change.kind === "candles") {
      const { series, fromTs, toTs } = change;
      const tree = this.#series.get(series);
      if (tree !== undefined && fromTs < toTs) this.#ranges.collect(tree.root, fromTs, toTs, into);
      return;
    }
    const dependents = change.kind === "levels"
      ? this.#byLevels.get(change.instrument)
      : this.#byKey.get(change.key);
    if (dependents !== undefined) { for (const key of dependents) into.push(key); }
  }

  /** Keys, what is made of them, and so on. */
  #closure(keys: readonly string[]): Set<string> {
    const all = new Set(keys);
    if (this.#byKey.size === 0) return all;
    // A set that grows while it is walked is walked to its end.
    for (const key of all) {
      for (const dependent of this.#byKey.get(key) ?? NONE) all.add(dependent);
    }
    return all;
  }

  #insertRange(key: string, { series, fromTs, toTs }: TouchedRange): number {
    let tree = this.#series.get(series);
    if (tree === undefined) this.#series.set(series, tree = { root: NO_NODE });
    const { root, node } = this.#ranges.insert(tree.root, fromTs, toTs, key);
    tree.root = root;
    return node;
  }

  #removeRange(series: string, node: number): void {
    const tree = this.#series.get(series) as { root: number };
    tree.root = this.#ranges.remove(tree.root, node);
    if (tree.root === NO_NODE) this.#series.delete(series);
  }
}

const NONE: readonly string[] = [];

function isSeveral(changes: Change | readonly Change[]): changes is readonly Change[] {
  return Array.isArray(changes);
}

function link(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  if (keys === undefined) index.set(name, new Set([key]));
  else keys.add(key);
}

function unlink(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(name);
}
