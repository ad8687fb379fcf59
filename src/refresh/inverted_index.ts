/**
 * Which sets hold an edge: an inverted index in compressed rows, with an overlay for what came and
 * went since it was compressed.
 *
 * ```
 * offsets  0 │ 3 │ 4 │ …        row of edge e = entries[offsets[e] … offsets[e + 1])
 * entries  7 12 30 │ 5 │ …      handles of sets, ascending in each row; bit 31 = removed since
 * overlay  e → 41 → 9           sets added since, a chain per edge
 * ```
 *
 * When overlay and removed entries are more than a quarter of what lives, everything should be
 * compressed anew, which {@linkcode InvertedIndex.isDue} tells: O(entries), some 3 ms for half a
 * million, after 125,000 changes at the least.
 *
 * @module
 */

import { assertInvariant } from "./error.ts";
import type { CandidateSets } from "./candidate_sets.ts";

const REMOVED = 0x80000000;
/** Changes below which compressing is not worth a pass. */
const OVERLAY_MIN = 1_024;
const NONE = -1;

/** See the head of this file. */
export class InvertedIndex {
  #offsets = new Uint32Array(1);
  #entries = new Uint32Array(0);
  /** Sets that hold an edge. */
  #degrees = new Uint32Array(0);
  #heads = new Int32Array(0);
  #next = new Int32Array(OVERLAY_MIN);
  #added = new Uint32Array(OVERLAY_MIN);
  #freeHead = NONE;
  #addedEnd = 0;
  #addedCount = 0;
  #removedCount = 0;
  #liveCount = 0;
  #row = new Uint32Array(64);

  /** Pairs of an edge and a set that holds it. */
  get count(): number {
    return this.#liveCount;
  }

  /** Pairs that are not compressed: added or removed since. */
  get overlayCount(): number {
    return this.#addedCount + this.#removedCount;
  }

  /** Whether so much came and went that {@linkcode InvertedIndex.rebuild} is worth its time. */
  get isDue(): boolean {
    return this.overlayCount > Math.max(OVERLAY_MIN, this.#liveCount >>> 2);
  }

  /** Sets that hold an edge. O(1). */
  degree(edge: number): number {
    return this.#degrees[edge] ?? 0;
  }

  /** What {@linkcode InvertedIndex.read} read; holds until the next call of it. */
  get row(): Uint32Array {
    return this.#row;
  }

  /** Reads the sets that hold an edge into {@linkcode InvertedIndex.row}; returns how many. */
  read(edge: number): number {
    const degree = this.degree(edge);
    if (degree === 0) return 0;
    if (degree > this.#row.length) this.#row = new Uint32Array(2 * degree);
    const row = this.#row, entries = this.#entries;
    let count = 0;
    const end = this.#endOf(edge);
    for (let i = this.#startOf(edge); i < end; i++) {
      const set = entries[i] as number;
      if (set < REMOVED) row[count++] = set;
    }
    for (let at = this.#heads[edge] as number; at !== NONE; at = this.#next[at] as number) {
      row[count++] = this.#added[at] as number;
    }
    return count;
  }

  /** A set was added, with these members. O(members · log row). */
  add(set: number, members: Uint32Array): void {
    for (const edge of members) {
      this.#reserve(edge + 1);
      const at = this.#find(edge, set);
      if (at === NONE) this.#chain(edge, set);
      else {
        this.#entries[at] = set;
        this.#removedCount--;
      }
      this.#degrees[edge] = this.degree(edge) + 1;
    }
    this.#liveCount += members.length;
  }

  /** A set with these members was removed. O(members · (log row + overlay of the edge)). */
  remove(set: number, members: Uint32Array): void {
    for (const edge of members) {
      const at = this.#find(edge, set);
      if (at !== NONE && (this.#entries[at] as number) < REMOVED) {
        this.#entries[at] = (set | REMOVED) >>> 0;
        this.#removedCount++;
      } else this.#unchain(edge, set);
      this.#degrees[edge] = this.degree(edge) - 1;
    }
    this.#liveCount -= members.length;
  }

  /** Makes everything anew from the sets. O(members of all sets). */
  rebuild(sets: CandidateSets, edgesLimit: number): void {
    this.#degrees = new Uint32Array(edgesLimit);
    this.#heads = new Int32Array(edgesLimit).fill(NONE);
    const { members, starts, sizes } = sets, degrees = this.#degrees;
    const limit = sets.limit;
    let count = 0;
    for (let set = 0; set < limit; set++) {
      const start = starts[set] as number, end = start + (sizes[set] as number);
      for (let i = start; i < end; i++) (degrees[members[i] as number] as number)++;
      count += end - start;
    }
    const offsets = offsetsOf(degrees), cursor = offsets.slice();
    const entries = new Uint32Array(count);
    for (let set = 0; set < limit; set++) {
      const start = starts[set] as number, end = start + (sizes[set] as number);
      for (let i = start; i < end; i++) {
        const edge = members[i] as number, at = cursor[edge] as number;
        entries[at] = set;
        cursor[edge] = at + 1;
      }
    }
    this.#compressed(offsets, entries);
  }

  /**
   * Compares all of it with the sets. O(members of all sets · log row).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(sets: CandidateSets): void {
    let pairs = 0;
    for (let edge = 0; edge < this.#degrees.length; edge++) {
      const count = this.read(edge);
      assertInvariant(count === this.#degrees[edge], `edge ${edge}`, "as many sets as counted");
      const row = this.#row.slice(0, count).sort();
      for (let i = 0; i < count; i++) {
        const set = row[i] as number;
        assertInvariant(set !== row[i - 1], `edge ${edge}`, `set ${set} once`);
        const isHeld = sets.isAlive(set) && sets.membersOf(set).includes(edge);
        assertInvariant(isHeld, `edge ${edge}`, `set ${set} to hold it`);
      }
      pairs += count;
    }
    let expected = 0;
    for (let set = 0; set < sets.limit; set++) expected += sets.sizes[set] as number;
    assertInvariant(pairs === expected, "the inverted index", `${expected} pairs, not ${pairs}`);
    assertInvariant(pairs === this.#liveCount, "the inverted index", "a right count");
  }

  #startOf(edge: number): number {
    return this.#offsets[Math.min(edge, this.#offsets.length - 1)] as number;
  }

  #endOf(edge: number): number {
    return this.#startOf(edge + 1);
  }

  /** Where the compressed row of an edge holds a set, removed or not. */
  #find(edge: number, set: number): number {
    const entries = this.#entries, end = this.#endOf(edge);
    let low = this.#startOf(edge), high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((entries[middle] as number) & ~REMOVED) < set) low = middle + 1;
      else high = middle;
    }
    return low < end && ((entries[low] as number) & ~REMOVED) === set ? low : NONE;
  }

  #chain(edge: number, set: number): void {
    let at = this.#freeHead;
    if (at !== NONE) this.#freeHead = this.#next[at] as number;
    else at = this.#addedEnd++;
    if (at >= this.#added.length) {
      this.#next = copied(this.#next, new Int32Array(2 * at));
      this.#added = copied(this.#added, new Uint32Array(2 * at));
    }
    this.#added[at] = set;
    this.#next[at] = this.#heads[edge] as number;
    this.#heads[edge] = at;
    this.#addedCount++;
  }

  #unchain(edge: number, set: number): void {
    let before = NONE;
    let at = this.#heads[edge] ?? NONE;
    while (at !== NONE && this.#added[at] !== set) {
      before = at;
      at = this.#next[at] as number;
    }
    assertInvariant(at !== NONE, `edge ${edge}`, `set ${set} in its row`);
    const after = this.#next[at] as number;
    if (before === NONE) this.#heads[edge] = after;
    else this.#next[before] = after;
    this.#next[at] = this.#freeHead;
    this.#freeHead = at;
    this.#addedCount--;
  }

  #reserve(edges: number): void {
    const before = this.#degrees.length;
    if (edges <= before) return;
    const size = Math.max(edges, 2 * before, 64);
    this.#degrees = copied(this.#degrees, new Uint32Array(size));
    this.#heads = copied(this.#heads, new Int32Array(size).fill(NONE));
  }

  #compressed(offsets: Uint32Array<ArrayBuffer>, entries: Uint32Array<ArrayBuffer>): void {
    this.#offsets = offsets;
    this.#entries = entries;
    this.#liveCount = entries.length;
    this.#addedEnd = 0;
    this.#freeHead = NONE;
    this.#addedCount = 0;
    this.#removedCount = 0;
  }
}

function offsetsOf(degrees: Uint32Array): Uint32Array<ArrayBuffer> {
  const offsets = new Uint32Array(degrees.length + 1);
  for (let edge = 0; edge < degrees.length; edge++) {
    offsets[edge + 1] = (offsets[edge] as number) + (degrees[edge] as number);
  }
  return offsets;
}

function copied<T extends Int32Array | Uint32Array>(before: T, after: T): T {
  after.set(before);
  return after;
}
