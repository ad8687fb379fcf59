/**
 * The most hits that any cache could have on a trace whose future it knows: L. A. Belady, "A study
 * of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5 (1966), 78–101.
 * On a miss of a full cache the key that is wanted again last goes, which may be the new one: a
 * policy that turns keys away is measured by what it could have had too.
 *
 * @module
 */

/** Keys larger than every position are those that are never wanted again; see {@linkcode nextUses}. */
const NEVER = 0x7fff_ffff;

/** For each request the position of the next one of its key; NEVER for the last one. O(n). */
function nextUses(ids: Uint32Array, footprint: number): Int32Array {
  const next = new Int32Array(ids.length);
  const seen = new Int32Array(footprint).fill(NEVER);
  for (let at = ids.length - 1; at >= 0; at--) {
    const id = ids[at] as number;
    next[at] = seen[id] as number;
    seen[id] = at;
  }
  return next;
}

/**
 * Hits of the best possible cache of `entriesMax` keys. O(n log n).
 *
 * @param ids the requests: keys as whole numbers below `footprint`.
 */
export function beladyHits(ids: Uint32Array, footprint: number, entriesMax: number): number {
  const next = nextUses(ids, footprint);
  const kept = new Uint8Array(footprint);
  // The next uses of what is kept. A key that is wanted once more leaves its old position behind,
  // but that lies in the past, below those of all kept keys, and so never comes to the top.
  const heap = new MaxHeap(ids.length);
  let size = 0, hits = 0;
  for (let at = 0; at < ids.length; at++) {
    const id = ids[at] as number;
    const nextAt = next[at] as number;
    if (kept[id] === 1) {
      hits++;
      if (nextAt === NEVER) {
        // Gone at once: nobody will miss it.
        kept[id] = 0;
        size--;
      } else heap.push(nextAt);
      continue;
    }
    if (nextAt === NEVER) continue;
    if (size === entriesMax) {
      if (heap.top() < nextAt) continue;
      kept[ids[heap.pop()] as number] = 0;
      size--;
    }
    kept[id] = 1;
    size++;
    heap.push(nextAt);
  }
  return hits;
}

/** A binary heap of whole numbers with the largest on top. */
class MaxHeap {
  readonly #values: Int32Array;
  #size = 0;

  constructor(sizeMax: number) {
    this.#values = new Int32Array(sizeMax);
  }

  /** The largest; there must be one. */
  top(): number {
    return this.#values[0] as number;
  }

  push(value: number): void {
    const values = this.#values;
    let at = this.#size++;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = values[up] as number;
      if (parent >= value) break;
      values[at] = parent;
      at = up;
    }
    values[at] = value;
  }

  /** Takes the largest out. */
  pop(): number {
    const values = this.#values;
    const top = values[0] as number;
    const size = --this.#size;
    const last = values[size] as number;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && (values[child + 1] as number) > (values[child] as number)) child++;
      if ((values[child] as number) <= last) break;
      values[at] = values[child] as number;
      at = child;
    }
    values[at] = last;
    return top;
  }
}
