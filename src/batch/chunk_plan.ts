/**
 * The work list of a job: which items go out next, in ranges of whatever size is asked for at that
 * moment. A size that changes can therefore neither skip nor double an item: nobody strides.
 *
 * Every item is in exactly one of four places, and moves only along these arrows:
 *
 * ```
 * fresh ──▶ out ──▶ settled
 *            │ ▲
 *            ▼ │
 *           parked
 * ```
 *
 * What failed is parked as two halves, so that the item to blame ends up alone after log₂ n tries
 * while the others are done; what was not tried (a rate limit, a pause) is parked whole. Parked
 * ranges go out before fresh ones once they are due, the smallest first: the search for one bad
 * item ends before the next begins, which is what keeps the list short.
 *
 * @module
 */

import { type Interval, IntervalSet } from "./interval_set.ts";
import { ParkedChunks } from "./chunk_parked.ts";

/** A range of items that is out, with the history its items share. */
export interface Chunk extends Interval {
  /** Failed tries of these items, this one not counted. */
  readonly attempts: number;
  /** The last pause before a retry, ms; 0 before the first. For decorrelated jitter. */
  readonly pauseMs: number;
  /** Whether the range has never been cut out of a failed one: its failure says how risky n is. */
  readonly isFresh: boolean;
}

/** What {@linkcode ChunkPlan.next} has to give. */
export type NextChunk =
  | { readonly state: "chunk"; readonly chunk: Chunk }
  /** Nothing before `untilMs` unless a chunk settles; Infinity: only a chunk that settles helps. */
  | { readonly state: "wait"; readonly untilMs: number }
  /** Every item is settled. */
  | { readonly state: "done" };

/** When parked items may be tried again. */
export interface Retry {
  /** Time on the clock of {@linkcode ChunkPlan.next}, ms. */
  readonly atMs: number;
  /** The pause that led to `atMs`, kept for the next one. */
  readonly pauseMs?: number;
}

/** How a plan is set up. */
export interface ChunkPlanOptions {
  /** How many items there are, numbered from 0. */
  readonly items: number;
  /** Items settled by an earlier run; copied. */
  readonly settled?: Iterable<Interval>;
  /** Fresh items wait while more ranges than this are parked. */
  readonly parkedMax?: number;
}

/**
 * Ranges parked before fresh work stops. In an outage all that goes out comes back; 256 ranges of a
 * hundred items are two minutes of work at 200 items a second, enough to ride out a short one.
 */
export const PARKED_MAX_DEFAULT = 256;

/**
 * The work list of one job. It decides, and neither waits nor works.
 *
 * - every item is handed out to one at a time, and settled exactly once
 * - state: one range for each chunk out, parked or between settled ones; at most `parkedMax` parked
 *   ranges and those that the chunks out come back as
 * - `next` and what settles cost O(log n) in the parked ranges; see {@linkcode IntervalSet}
 */
export class ChunkPlan {
  readonly #items: number;
  readonly #parkedMax: number;
  readonly #settled = new IntervalSet();
  readonly #fresh: Iterator<Interval>;
  /** What is left of the fresh range begun; empty when from = to. */
  #freshFrom = 0;
  #freshTo = 0;
  /** Parked ranges that failed, and those that were never tried. */
  readonly #retries = new ParkedChunks();
  readonly #untried = new ParkedChunks();
  readonly #out = new Set<Chunk>();
  #outItems = 0;

  /**
   * Every item that is not settled, fresh.
   *
   * @throws {RangeError} when `items` is no count, or items beyond it are settled.
   */
  constructor({ items, settled = [], parkedMax = PARKED_MAX_DEFAULT }: ChunkPlanOptions) {
    if (!Number.isSafeInteger(items) || items < 0) {
      throw new RangeError(`Cannot plan chunks: expected a count: current value is ${items}`);
    }
    this.#items = items;
    this.#parkedMax = parkedMax;
    const before = new IntervalSet();
    for (const { from, to } of settled) {
      if (to > items) {
        throw new RangeError(
          `Cannot resume: expected at most ${items} items: current value is ${from}-${to}`,
        );
      }
      before.add(from, to);
      this.#settled.add(from, to);
    }
    this.#fresh = before.holes(items);
    this.#moveFresh();
  }

  /** What is settled: the content of a checkpoint. Not to be changed. */
  get settled(): Omit<IntervalSet, "add"> {
    return this.#settled;
  }

  /** Items that are not settled. */
  get left(): number {
    return this.#items - this.#settled.size;
  }

  /** Items that have not gone out yet, parked ones included. */
  get waiting(): number {
    return this.left - this.#outItems;
  }

  /** Chunks out. */
  get out(): number {
    return this.#out.size;
  }

  /** Ranges parked. */
  get parked(): number {
    return this.#retries.size + this.#untried.size;
  }

  /**
   * The next chunk, of at most `sizeMax` items; smaller where a parked range is, or a hole.
   *
   * @param mayRetry Whether what has failed may go out (a retry budget); time to wait for is then
   * the caller's.
   * @throws {RangeError} when `sizeMax` is not an integer ≥ 1.
   */
  next(sizeMax: number, nowMs: number, mayRetry = true): NextChunk {
    if (!Number.isSafeInteger(sizeMax) || sizeMax < 1) {
      throw new RangeError(
        `Cannot cut a chunk: expected an integer size ≥ 1: current value is ${sizeMax}`,
      );
    }
    const chunk = (mayRetry ? this.#retries.take(sizeMax, nowMs) : null) ??
      this.#untried.take(sizeMax, nowMs) ?? this.#takeFresh(sizeMax);
    if (chunk === null) {
      if (this.left === 0) return { state: "done" };
      const retryAtMs = mayRetry ? this.#retries.nextAtMs() : Infinity;
      return { state: "wait", untilMs: Math.min(retryAtMs, this.#untried.nextAtMs()) };
    }
    this.#out.add(chunk);
    this.#outItems += chunk.to - chunk.from;
    return { state: "chunk", chunk };
  }

  /** All items of `chunk` are done, or given up: their effects and this belong in one commit. */
  settle(chunk: Chunk): void {
    this.#comeBack("settle", chunk);
    this.#markSettled(chunk.from, chunk.to);
  }

  /**
   * `chunk` failed as a whole: its halves are parked, a single item as it is.
   *
   * @returns whether its item is alone, so that its own failure is known.
   */
  failed(chunk: Chunk, { atMs, pauseMs = 0 }: Retry): boolean {
    this.#comeBack("fail", chunk);
    const { from, to } = chunk;
    const again = { attempts: chunk.attempts + 1, pauseMs, isFresh: false };
    const middle = from + ((to - from + 1) >> 1);
    this.#retries.add({ from, to: middle, ...again }, atMs);
    if (middle < to) this.#retries.add({ from: middle, to, ...again }, atMs);
    return to - from === 1;
  }

  /**
   * Some items of `chunk` failed, each on its own; the others are settled.
   *
   * @param failedItems ascending, each within the chunk.
   * @throws {RangeError} when they are not.
   */
  partlyFailed(chunk: Chunk, failedItems: readonly number[], retry: Retry): void {
    assertWithin(chunk, failedItems);
    this.#comeBack("fail", chunk);
    const again = { attempts: chunk.attempts + 1, pauseMs: retry.pauseMs ?? 0, isFresh: false };
    let from = chunk.from;
    for (let at = 0; at < failedItems.length; at++) {
      const item = failedItems[at] as number;
      if (item > from) this.#markSettled(from, item);
      from = item + 1;
      this.#retries.add({ from: item, to: from, ...again }, retry.atMs);
    }
    if (chunk.to > from) this.#markSettled(from, chunk.to);
  }

  /** `chunk` was not tried, or by nobody's fault: parked whole, its attempts unchanged. */
  putBack(chunk: Chunk, { atMs, pauseMs = chunk.pauseMs }: Retry): void {
    this.#comeBack("put back", chunk);
    (chunk.attempts === 0 ? this.#untried : this.#retries).add({ ...chunk, pauseMs }, atMs);
  }

  /** `chunk` is tried again as it is, one attempt more: where it is known to be no item's fault. */
  again(chunk: Chunk, { atMs, pauseMs = 0 }: Retry): void {
    this.#comeBack("retry", chunk);
    this.#retries.add({ ...chunk, attempts: chunk.attempts + 1, pauseMs, isFresh: false }, atMs);
  }

  /**
   * Checks that every item is in exactly one place, O(n log n): for tests.
   *
   * @throws {Error} when one is not.
   */
  invariant(): void {
    this.#settled.invariant();
    const all = IntervalSet.parse(this.#settled.toText());
    const put = (where: string, { from, to }: Interval) => {
      if (from === to) return;
      if (all.add(from, to) !== to - from) throw new Error(`${from}-${to} is twice: ${where}`);
    };
    for (const chunk of this.#out) put("out", chunk);
    for (const chunk of this.#retries) put("parked", chunk);
    for (const chunk of this.#untried) put("parked", chunk);
    put("fresh", { from: this.#freshFrom, to: this.#freshTo });
    // Fresh ranges not begun are behind; whatever is before them must be covered.
    const first = all.holes(this.#items).next();
    if (!first.done && first.value.from < this.#freshTo) {
      throw new Error(`${first.value.from}-${first.value.to} is nowhere`);
    }
  }

  #takeFresh(sizeMax: number): Chunk | null {
    if (this.#freshFrom === this.#freshTo || this.parked >= this.#parkedMax) return null;
    const from = this.#freshFrom;
    const to = Math.min(this.#freshTo, from + sizeMax);
    this.#freshFrom = to;
    if (to === this.#freshTo) this.#moveFresh();
    return { from, to, attempts: 0, pauseMs: 0, isFresh: true };
  }

  #moveFresh(): void {
    const next = this.#fresh.next();
    if (next.done) return;
    this.#freshFrom = next.value.from;
    this.#freshTo = next.value.to;
  }

  #comeBack(verb: string, chunk: Chunk): void {
    if (!this.#out.delete(chunk)) {
      throw new Error(
        `Cannot ${verb} a chunk: expected one that is out: ` +
          `current value is ${chunk.from}-${chunk.to}`,
      );
    }
    this.#outItems -= chunk.to - chunk.from;
  }

  #markSettled(from: number, to: number): void {
    if (this.#settled.add(from, to) !== to - from) {
      throw new Error(`Cannot settle ${from}-${to}: expected items that are not settled yet`);
    }
  }
}

function assertWithin({ from, to }: Chunk, items: readonly number[]): void {
  let before = from - 1;
  for (const item of items) {
    if (!Number.isSafeInteger(item) || item <= before || item >= to) {
      throw new RangeError(
        `Cannot fail an item: expected ascending items of ${from}-${to}: current value is ${item}`,
      );
    }
    before = item;
  }
}
