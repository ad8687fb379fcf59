/**
 * Caches that hold no values: what would have been hit, with another window or another size.
 *
 * A shadow sees the keys of a sample (those whose hash begins with so many zeros) and is smaller
 * than the real cache in the same proportion, which keeps its hit ratio (C. Waldspurger, N. Park, A.
 * Garthwaite, I. Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015; for whole policies, C.
 * Waldspurger, T. Saemundsson, I. Ahmad, N. Park, "Cache Modeling and Optimization using Miniature
 * Simulations", ATC 2017). All shadows see the same keys, so what the sample distorts it distorts
 * for all of them.
 *
 * Each one is a W-TinyLFU of its own window, step for step as in `policy_adaptive.ts`. A key that is
 * in any of them is a node, found once and counted once for all. Which shadows have a node, and in
 * which of them it was hit since it was looked at, are bits of one byte each: so an access that is a
 * hit everywhere, as most are, is one step and not one for each shadow.
 *
 * Time is respected: what has ended is no hit for anybody, whatever a larger cache would keep.
 *
 * @module
 */

import { COUNT_MAX, Sketch } from "./sketch.ts";

/** One shadow. */
export interface ShadowOptions {
  /** Its size by that of the cache. */
  readonly sizeRatio: number;
  /** Share of its window. */
  readonly windowRatio: number;
}

/**
 * Reads by which what leaves the window must lead over what would leave in its place. With a lead of
 * one, every halving of the counts lets a round of keys in that are read no more than what they
 * displace: loops over more than the cache holds lose most of their hits by it.
 */
export const READS_LEAD = 2;
/** Share of what is not window that the protected segment may hold. */
export const PROTECTED_RATIO = 0.8;
/** Entries of a list that are looked at for one eviction, so that none takes long. */
export const STEPS_MAX = 16;

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;
const SEGMENTS = 3;
const COUNTERS_PER_ENTRY = 16;
/** Most entries of all shadows together: links are 16 bits. */
const NODES_MAX = 32_000;
/** Most shadows: as many bits as a byte has. */
const SHADOWS_MAX = 8;

/** Shadows over one sample. */
export class ShadowSet {
  readonly #count: number;
  readonly #windowRatios: number[];
  readonly #sizes: number[];
  readonly #windowMax: number[];
  readonly #protectedMax: number[];
  readonly #nodes: number;
  /** Nodes and heads of one shadow in the columns of links. */
  readonly #stride: number;
  readonly #next: Int16Array;
  readonly #prev: Int16Array;
  readonly #segment: Uint8Array;
  readonly #counts: Int32Array;
  readonly #index = new Map<number, number>();
  readonly #hashes: Int32Array;
  readonly #reads: Uint8Array;
  /** Which shadows have a node. */
  readonly #holders: Uint8Array;
  /** In which of them it was hit since it was looked at last. */
  readonly #marks: Uint8Array;
  readonly #endsMs: Float64Array;
  readonly #sketch: Sketch;
  readonly #ageEvery: number;
  /** Accesses by the set of shadows that had the node. */
  readonly #hits: Float64Array;
  #accesses = 0;
  readonly #free: number[] = [];

  /**
   * Shadows whose size 1 is `entries`.
   *
   * @throws {RangeError} when there are too many, or they are too large.
   */
  constructor(entries: number, shadows: readonly ShadowOptions[], ageEvery: number) {
    const count = shadows.length;
    this.#count = count;
    this.#sizes = shadows.map(({ sizeRatio }) => Math.max(1, Math.round(entries * sizeRatio)));
    this.#windowRatios = shadows.map(({ windowRatio }) => windowRatio);
    this.#windowMax = new Array(count);
    this.#protectedMax = new Array(count);
    for (let shadow = 0; shadow < count; shadow++) this.#divide(shadow);
    this.#ageEvery = ageEvery * entries;
    this.#nodes = this.#sizes.reduce((sum, size) => sum + size, 1);
    if (this.#nodes > NODES_MAX || count > SHADOWS_MAX) {
      throw new RangeError(
        `Cannot make shadows: expected at most ${SHADOWS_MAX} of ${NODES_MAX} entries: ` +
          `current value is ${count} of ${this.#nodes}`,
      );
    }
    this.#stride = this.#nodes + SEGMENTS;
    this.#next = new Int16Array(this.#stride * count);
    this.#prev = new Int16Array(this.#stride * count);
    this.#segment = new Uint8Array(this.#stride * count);
    this.#counts = new Int32Array(SEGMENTS * count);
    this.#hashes = new Int32Array(this.#nodes);
    this.#reads = new Uint8Array(this.#nodes);
    this.#holders = new Uint8Array(this.#nodes);
    this.#marks = new Uint8Array(this.#nodes);
    this.#endsMs = new Float64Array(this.#nodes);
    this.#hits = new Float64Array(2 ** count);
    this.#sketch = new Sketch(Math.max(...this.#sizes) * COUNTERS_PER_ENTRY);
    for (let shadow = 0; shadow < count; shadow++) {
      for (let head = this.#nodes; head < this.#stride; head++) {
        this.#next[shadow * this.#stride + head] = head;
        this.#prev[shadow * this.#stride + head] = head;
      }
    }
    for (let node = this.#nodes - 1; node >= 0; node--) this.#free.push(node);
  }

  #divide(shadow: number): void {
    const size = this.#sizes[shadow] as number;
    const windowMax = windowMaxOf(size, this.#windowRatios[shadow] as number);
    this.#windowMax[shadow] = windowMax;
    this.#protectedMax[shadow] = Math.floor((size - windowMax) * PROTECTED_RATIO);
  }

  /** Gives a shadow another window. */
  setWindow(shadow: number, windowRatio: number): void {
    this.#windowRatios[shadow] = windowRatio;
    this.#divide(shadow);
  }

  /** Adds the hits of each shadow since this was called last. O(2^shadows). */
  takeHits(sums: Float64Array): void {
    const hits = this.#hits;
    for (let holders = 1; holders < hits.length; holders++) {
      const count = hits[holders] as number;
      if (count === 0) continue;
      hits[holders] = 0;
      for (let shadow = 0; shadow < this.#count; shadow++) {
        if ((holders >> shadow & 1) !== 0) sums[shadow] = (sums[shadow] as number) + count;
      }
    }
  }

  /**
   * A key of the sample was asked for.
   *
   * @param isHit Whether the cache itself had it.
   * @param nowMs When it was asked for; only read when the cache did not have it.
   * @param endMs When what the cache holds for it now ends.
   */
  access(hash: number, isHit: boolean, nowMs: number, endMs: number): void {
    let node = this.#index.get(hash);
    let isAlive = true;
    if (node === undefined) {
      node = this.#create(hash, endMs);
    } else {
      isAlive = isHit || nowMs < (this.#endsMs[node] as number);
      if (isHit || !isAlive) this.#endsMs[node] = endMs;
    }
    const reads = this.#reads[node] as number;
    if (reads < COUNT_MAX) this.#reads[node] = reads + 1;
    const holders = this.#holders[node] as number;
    if (isAlive) this.#hits[holders] = (this.#hits[holders] as number) + 1;
    this.#marks[node] = (this.#marks[node] as number) | holders;
    const without = (1 << this.#count) - 1 & ~holders;
    for (let shadow = 0; without >> shadow !== 0; shadow++) {
      if ((without >> shadow & 1) !== 0) this.#insert(shadow, node);
    }
    if (++this.#accesses >= this.#ageEvery || this.#sketch.isCrowded) this.#age();
  }

  /** What there is for a key has ended before its time. */
  forget(hash: number): void {
    const node = this.#index.get(hash);
    if (node !== undefined) this.#endsMs[node] = -Infinity;
  }

  #create(hash: number, endMs: number): number {
    const node = this.#free.pop() as number;
    this.#index.set(hash, node);
    this.#hashes[node] = hash;
    this.#reads[node] = this.#sketch.count(hash);
    this.#endsMs[node] = endMs;
    return node;
  }

  #age(): void {
    this.#accesses >>= 1;
    this.#sketch.halve();
    const reads = this.#reads;
    for (let node = 0; node < reads.length; node++) reads[node] = (reads[node] as number) >> 1;
  }

  #insert(shadow: number, node: number): void {
    const base = shadow * SEGMENTS;
    const counts = this.#counts;
    const entries = (counts[base + WINDOW] as number) + (counts[base + PROBATION] as number) +
      (counts[base + PROTECTED] as number);
    if (entries >= (this.#sizes[shadow] as number)) this.#evict(shadow);
    this.#holders[node] = (this.#holders[node] as number) | 1 << shadow;
    this.#link(shadow, node, WINDOW);
  }

  #evict(shadow: number): void {
    const candidate = this.#leaveWindow(shadow);
    const victim = this.#leaveMain(shadow, candidate);
    if (victim < 0) return this.#drop(shadow, candidate);
    if (candidate < 0) return this.#drop(shadow, victim);
    const lead = (this.#reads[candidate] as number) - (this.#reads[victim] as number);
    this.#drop(shadow, lead >= READS_LEAD ? victim : candidate);
  }

  #leaveWindow(shadow: number): number {
    let candidate = -1;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const count = this.#counts[shadow * SEGMENTS + WINDOW] as number;
      if (count < (this.#windowMax[shadow] as number)) break;
      const last = this.#last(shadow, WINDOW);
      if (last < 0) break;
      if (this.#takeMark(shadow, last)) this.#move(shadow, last, WINDOW);
      else {
        this.#move(shadow, last, PROBATION);
        candidate = last;
      }
    }
    return candidate;
  }

  #leaveMain(shadow: number, candidate: number): number {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const last = this.#last(shadow, PROBATION);
      if (last < 0 || last === candidate) break;
      if (!this.#takeMark(shadow, last)) return last;
      this.#move(shadow, last, PROTECTED);
      this.#leaveProtected(shadow);
    }
    const last = this.#last(shadow, PROBATION);
    if (last >= 0 && last !== candidate) return last;
    const other = this.#last(shadow, PROTECTED);
    if (other >= 0) return other;
    return candidate < 0 ? this.#last(shadow, WINDOW) : -1;
  }

  #leaveProtected(shadow: number): void {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const count = this.#counts[shadow * SEGMENTS + PROTECTED] as number;
      if (count <= (this.#protectedMax[shadow] as number)) return;
      const last = this.#last(shadow, PROTECTED);
      this.#move(shadow, last, this.#takeMark(shadow, last) ? PROTECTED : PROBATION);
    }
  }

  #takeMark(shadow: number, node: number): boolean {
    const marks = this.#marks[node] as number;
    this.#marks[node] = marks & ~(1 << shadow);
    return (marks >> shadow & 1) !== 0;
  }

  #drop(shadow: number, node: number): void {
    this.#unlink(shadow, node);
    const bit = 1 << shadow;
    this.#marks[node] = (this.#marks[node] as number) & ~bit;
    const holders = (this.#holders[node] as number) & ~bit;
    this.#holders[node] = holders;
    if (holders !== 0) return;
    const hash = this.#hashes[node] as number;
    this.#sketch.raise(hash, this.#reads[node] as number);
    this.#index.delete(hash);
    this.#free.push(node);
  }

  #last(shadow: number, segment: number): number {
    const last = this.#prev[shadow * this.#stride + this.#nodes + segment] as number;
    return last >= this.#nodes ? -1 : last;
  }

  #move(shadow: number, node: number, segment: number): void {
    this.#unlink(shadow, node);
    this.#link(shadow, node, segment);
  }

  #link(shadow: number, node: number, segment: number): void {
    const base = shadow * this.#stride, head = this.#nodes + segment;
    const next = this.#next[base + head] as number;
    this.#next[base + node] = next;
    this.#prev[base + node] = head;
    this.#prev[base + next] = node;
    this.#next[base + head] = node;
    this.#segment[base + node] = segment;
    const count = shadow * SEGMENTS + segment;
    this.#counts[count] = (this.#counts[count] as number) + 1;
  }

  #unlink(shadow: number, node: number): void {
    const base = shadow * this.#stride;
    const next = this.#next[base + node] as number, previous = this.#prev[base + node] as number;
    this.#next[base + previous] = next;
    this.#prev[base + next] = previous;
    const count = shadow * SEGMENTS + (this.#segment[base + node] as number);
    this.#counts[count] = (this.#counts[count] as number) - 1;
  }

  /** Throws unless every shadow keeps to its size, and holds the nodes that its lists have. */
  invariant(): void {
    for (let shadow = 0; shadow < this.#count; shadow++) this.#invariantOf(shadow);
    for (const [hash, node] of this.#index) {
      const isSound = this.#hashes[node] === hash && (this.#holders[node] as number) !== 0;
      if (!isSound) throw new Error(`The shadows are broken: node ${node} is nobody's`);
    }
    if (this.#index.size + this.#free.length === this.#nodes) return;
    throw new Error(`The shadows are broken: ${this.#index.size} nodes of ${this.#nodes}`);
  }

  #invariantOf(shadow: number): void {
    const base = shadow * this.#stride;
    let entries = 0;
    for (let segment = 0; segment < SEGMENTS; segment++) {
      const head = this.#nodes + segment;
      let listed = 0;
      let node = this.#next[base + head] as number;
      for (; node !== head; node = this.#next[base + node] as number) {
        const isHeld = ((this.#holders[node] as number) >> shadow & 1) !== 0;
        if (!isHeld || this.#segment[base + node] !== segment || ++listed > this.#nodes) {
          throw new Error(`Shadow ${shadow} is broken: node ${node} in segment ${segment}`);
        }
      }
      if (listed !== this.#counts[shadow * SEGMENTS + segment]) {
        throw new Error(`Shadow ${shadow} is broken: ${listed} in segment ${segment}`);
      }
      entries += listed;
    }
    if (entries > (this.#sizes[shadow] as number)) {
      throw new Error(`Shadow ${shadow} is broken: ${entries} entries`);
    }
  }
}

/** Most entries of a window with that share of a cache of so many: at least one. */
export function windowMaxOf(entries: number, windowRatio: number): number {
  return Math.max(1, Math.min(entries - 1, Math.round(entries * windowRatio)));
}
