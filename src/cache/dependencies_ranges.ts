/**
 * Candle ranges of many owners, to be found by what overlaps them: for each series an interval
 * tree, that is, a search tree by the beginning of a range in which each node knows the latest end
 * below it (T. H. Cormen et al., "Introduction to Algorithms", interval trees). It is kept in
 * balance as a treap (R. Seidel and C. R. Aragon, "Randomized search trees", Algorithmica 16,
 * 1996). All trees share one set of columns: 40 bytes a range.
 *
 * @module
 */

import { mix } from "./hash.ts";

/** No node, and an empty tree. */
export const NO_NODE = 0;

const CAPACITY_FIRST = 64;

/** Trees of ranges from ≤ t < to with an owner each. Nodes and roots are numbers. */
export class RangeTrees<Owner> {
  #from = new Float64Array(CAPACITY_FIRST);
  #to = new Float64Array(CAPACITY_FIRST);
  /** The latest `to` in the node's subtree. */
  #lastTo = new Float64Array(CAPACITY_FIRST);
  #left = new Int32Array(CAPACITY_FIRST);
  /** Also the next free node. */
  #right = new Int32Array(CAPACITY_FIRST);
  #priority = new Int32Array(CAPACITY_FIRST);
  readonly #owners: (Owner | null)[] = [null];
  #free = NO_NODE;
  #size = 0;
  #made = 0;

  /** Everything empty. */
  constructor() {
    this.#lastTo[NO_NODE] = -Infinity;
  }

  /** Ranges in all trees. */
  get size(): number {
    return this.#size;
  }

  /** Puts a range into the tree of `root`: its new root, and the node. O(log ranges) expected. */
  insert(root: number, from: number, to: number, owner: Owner): { root: number; node: number } {
    const node = this.#take();
    this.#from[node] = from;
    this.#to[node] = to;
    this.#lastTo[node] = to;
    this.#left[node] = NO_NODE;
    this.#right[node] = NO_NODE;
    this.#priority[node] = mix(++this.#made);
    this.#owners[node] = owner;
    this.#size++;
    return { root: this.#inserted(root, node), node };
  }

  /** Takes a node out of the tree of `root`, which must hold it: the new root. O(log ranges). */
  remove(root: number, node: number): number {
    const left = this.#removed(root, node);
    this.#owners[node] = null;
    this.#right[node] = this.#free;
    this.#free = node;
    this.#size--;
    return left;
  }

  /**
   * Appends the owners of the ranges that overlap from ≤ t < to. O(log ranges) when there are none;
   * at most O(hits · log ranges).
   */
  collect(root: number, from: number, to: number, into: Owner[]): void {
    let node = root;
    while ((this.#lastTo[node] as number) > from) {
      this.collect(this.#left[node] as number, from, to, into);
      // All to the right of it begin no earlier.
      if ((this.#from[node] as number) >= to) return;
      if ((this.#to[node] as number) > from) into.push(this.#owners[node] as Owner);
      node = this.#right[node] as number;
    }
  }

  /** Removes all trees. */
  clear(): void {
    this.#owners.length = 1;
    this.#free = NO_NODE;
    this.#size = 0;
  }

  /**
   * Checks a tree and gives its nodes. O(ranges of it).
   *
   * @throws {Error} saying what is wrong.
   */
  invariant(root: number): Set<number> {
    const nodes = new Set<number>();
    const visit = (node: number): number => {
      if (node === NO_NODE) return -Infinity;
      const [left, right] = [this.#left[node] as number, this.#right[node] as number];
      const lastTo = Math.max(visit(left), this.#to[node] as number);
      nodes.add(node);
      const isRight =
        [left, right].every((child) =>
          child === NO_NODE || (this.#priority[child] as number) < (this.#priority[node] as number)
        ) && (left === NO_NODE || this.#isBefore(left, node)) &&
        (right === NO_NODE || this.#isBefore(node, right));
      const whole = Math.max(lastTo, visit(right));
      if (!isRight || whole !== this.#lastTo[node]) {
        throw new Error(`Cannot trust candle ranges: node ${node} is out of order`);
      }
      return whole;
    };
    visit(root);
    return nodes;
  }

  #take(): number {
    const free = this.#free;
    if (free !== NO_NODE) {
      this.#free = this.#right[free] as number;
      return free;
    }
    const node = this.#owners.length;
    if (node >= this.#from.length) this.#grow();
    this.#owners.push(null);
    return node;
  }

  #grow(): void {
    const doubled = <T extends Float64Array | Int32Array>(made: T, old: T): T => {
      made.set(old);
      return made;
    };
    const capacity = 2 * this.#from.length;
    this.#from = doubled(new Float64Array(capacity), this.#from);
    this.#to = doubled(new Float64Array(capacity), this.#to);
    this.#lastTo = doubled(new Float64Array(capacity), this.#lastTo);
    this.#left = doubled(new Int32Array(capacity), this.#left);
    this.#right = doubled(new Int32Array(capacity), this.#right);
    this.#priority = doubled(new Int32Array(capacity), this.#priority);
  }

  /** By beginning; nodes that begin together by number, so that each is found again. */
  #isBefore(a: number, b: number): boolean {
    const [fromA, fromB] = [this.#from[a] as number, this.#from[b] as number];
    return fromA < fromB || (fromA === fromB && a < b);
  }

  #update(node: number): void {
    let lastTo = this.#to[node] as number;
    const left = this.#lastTo[this.#left[node] as number] as number;
    const right = this.#lastTo[this.#right[node] as number] as number;
    if (left > lastTo) lastTo = left;
    this.#lastTo[node] = right > lastTo ? right : lastTo;
  }

  /** Insertion by rotation: down as into any search tree, and up as far as the priority says. */
  #inserted(root: number, node: number): number {
    if (root === NO_NODE) return node;
    if (this.#isBefore(node, root)) {
      const left = this.#inserted(this.#left[root] as number, node);
      this.#left[root] = left;
      if ((this.#priority[left] as number) > (this.#priority[root] as number)) {
        this.#left[root] = this.#right[left] as number;
        this.#right[left] = root;
        this.#update(root);
        this.#update(left);
        return left;
      }
    } else {
      const right = this.#inserted(this.#right[root] as number, node);
      this.#right[root] = right;
      if ((this.#priority[right] as number) > (this.#priority[root] as number)) {
        this.#right[root] = this.#left[right] as number;
        this.#left[right] = root;
        this.#update(root);
        this.#update(right);
        return right;
      }
    }
    this.#update(root);
    return root;
  }

  #removed(root: number, node: number): number {
    if (root === node) {
      return this.#merged(this.#left[node] as number, this.#right[node] as number);
    }
    if (root === NO_NODE) throw new Error(`Cannot remove candle range: node ${node} is not there`);
    if (this.#isBefore(node, root)) {
      this.#left[root] = this.#removed(this.#left[root] as number, node);
    } else this.#right[root] = this.#removed(this.#right[root] as number, node);
    this.#update(root);
    return root;
  }

  /** One tree of two, all of the first before all of the second. */
  #merged(a: number, b: number): number {
    if (a === NO_NODE) return b;
    if (b === NO_NODE) return a;
    if ((this.#priority[a] as number) > (this.#priority[b] as number)) {
      this.#right[a] = this.#merged(this.#right[a] as number, b);
      this.#update(a);
      return a;
    }
    this.#left[b] = this.#merged(a, this.#left[b] as number);
    this.#update(b);
    return b;
  }
}
