/**
 * Ranges that wait to be tried again: by time until they are due, then by size.
 *
 * @module
 */

import type { Chunk } from "./chunk_plan.ts";
import { Heap } from "./chunk_heap.ts";

interface Parked {
  readonly chunk: Chunk;
  readonly atMs: number;
}

const sizeOf = ({ from, to }: Chunk): number => to - from;

/** Parked ranges of a {@linkcode ChunkPlan}; `add` and `take` cost O(log n). */
export class ParkedChunks {
  readonly #later = new Heap<Parked>((a, b) => a.atMs - b.atMs || a.chunk.from - b.chunk.from);
  readonly #due = new Heap<Chunk>((a, b) => sizeOf(a) - sizeOf(b) || a.from - b.from);

  /** How many ranges are parked. */
  get size(): number {
    return this.#later.size + this.#due.size;
  }

  /** Parks `chunk` until `atMs`. */
  add(chunk: Chunk, atMs: number): void {
    this.#later.push({ chunk, atMs });
  }

  /** The smallest range that is due, its first `sizeMax` items if it is larger; null if none is. */
  take(sizeMax: number, nowMs: number): Chunk | null {
    for (let first = this.#later.peek(); first !== undefined; first = this.#later.peek()) {
      if (first.atMs > nowMs) break;
      this.#later.pop();
      this.#due.push(first.chunk);
    }
    const chunk = this.#due.pop();
    if (chunk === undefined) return null;
    if (sizeOf(chunk) <= sizeMax) return chunk;
    const middle = chunk.from + sizeMax;
    this.#due.push({ ...chunk, from: middle });
    return { ...chunk, to: middle };
  }

  /** When the first range falls due that was not at the last `take`; Infinity if there is none. */
  nextAtMs(): number {
    return this.#due.size > 0 ? -Infinity : this.#later.peek()?.atMs ?? Infinity;
  }

  /** All of them, in no order. */
  *[Symbol.iterator](): IterableIterator<Chunk> {
    for (const { chunk } of this.#later) yield chunk;
    yield* this.#due;
  }
}
