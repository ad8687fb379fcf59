/**
 * Barriers of the events that no candle has touched yet.
 *
 * @module
 */

/**
 * A ring of barrier pairs by event index, with guards, that finds the events a candle touches.
 *
 * - A candle can touch something only if its high reaches `guardUp` or its low `guardDown`: two
 *   comparisons, false for most candles. The guards may be too cautious after `end`; never too
 *   strict; `take` makes them exact.
 * - `add`, `skip` and `end` are O(1); `take` reads the guards of all chunks of about √H events and
 *   the events of those that were touched, O(√H + touched chunks · √H).
 * - Nothing is allocated after construction.
 *
 * A dead event's barriers are +∞ and −∞, which nothing touches. The ring is longer than the
 * horizon by at least one chunk, so two open events in one chunk belong to one lap of the ring.
 */
export class LiveBarriers {
  /** Lowest upper barrier, or below it. */
  guardUp = Infinity;
  /** Highest lower barrier, or above it. */
  guardDown = -Infinity;
  /** Event indices found by the last `take`, ascending. */
  readonly taken: Int32Array;

  readonly #mask: number;
  readonly #chunkBits: number;
  readonly #chunkMask: number;
  readonly #ups: Float64Array;
  readonly #downs: Float64Array;
  readonly #chunkUps: Float64Array;
  readonly #chunkDowns: Float64Array;

  /** @param horizon Most events ever live at once. Memory: about 40 bytes each. */
  constructor(horizon: number) {
    this.#chunkBits = Math.max(3, Math.ceil(Math.log2(horizon) / 2));
    const size = 1 << Math.ceil(Math.log2(horizon + (1 << this.#chunkBits)));
    const chunks = size >> this.#chunkBits;
    this.#mask = size - 1;
    this.#chunkMask = chunks - 1;
    this.#ups = new Float64Array(size);
    this.#downs = new Float64Array(size);
    this.#chunkUps = new Float64Array(chunks);
    this.#chunkDowns = new Float64Array(chunks);
    this.taken = new Int32Array(horizon);
  }

  /** The next index has no event. Every index is added or skipped, in order, from 0. */
  skip(index: number): void {
    this.#startChunk(index);
    this.#kill(index);
  }

  /** The next index has an event with these barriers. */
  add(index: number, up: number, down: number): void {
    this.#startChunk(index);
    const chunk = (index >> this.#chunkBits) & this.#chunkMask;
    this.#ups[index & this.#mask] = up;
    this.#downs[index & this.#mask] = down;
    // Chunks are inside the ring.
    if (up < (this.#chunkUps[chunk] as number)) this.#chunkUps[chunk] = up;
    if (down > (this.#chunkDowns[chunk] as number)) this.#chunkDowns[chunk] = down;
    if (up < this.guardUp) this.guardUp = up;
    if (down > this.guardDown) this.guardDown = down;
  }

  /** Takes one event out, touched or not. Whether the candle touches it. */
  end(index: number, high: number, low: number): boolean {
    const slot = index & this.#mask;
    const isTouched = high >= (this.#ups[slot] as number) || low <= (this.#downs[slot] as number);
    this.#kill(index);
    return isTouched;
  }

  /**
   * Takes out the events of from ≤ index < to that the candle touches: their count, with their
   * indices in `taken`. Events before `from` must have been ended, none may lie at `to` or after.
   */
  take(from: number, to: number, high: number, low: number): number {
    const bits = this.#chunkBits;
    const chunkUps = this.#chunkUps;
    const chunkDowns = this.#chunkDowns;
    let guardUp = Infinity;
    let guardDown = -Infinity;
    let count = 0;
    for (let lap = from >> bits; lap <= (to - 1) >> bits; lap++) {
      const chunk = lap & this.#chunkMask;
      // Chunks are inside the ring.
      if (high >= (chunkUps[chunk] as number) || low <= (chunkDowns[chunk] as number)) {
        const first = Math.max(from, lap << bits);
        count = this.#takeChunk(chunk, first, Math.min(to, (lap + 1) << bits), high, low, count);
      }
      guardUp = Math.min(guardUp, chunkUps[chunk] as number);
      guardDown = Math.max(guardDown, chunkDowns[chunk] as number);
    }
    this.guardUp = guardUp;
    this.guardDown = guardDown;
    return count;
  }

  /** Forgets all events; the next index is 0. O(1). */
  clear(): void {
    this.guardUp = Infinity;
    this.guardDown = -Infinity;
  }

  /** Whether the event is live. */
  isLive(index: number): boolean {
    const slot = index & this.#mask;
    return this.#ups[slot] !== Infinity || this.#downs[slot] !== -Infinity;
  }

  /**
   * Checks, for tests: no guard is stricter than an event it guards, from ≤ index < to.
   * O(to − from).
   *
   * @throws {Error} naming what is broken.
   */
  invariant(from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const chunk = (index >> this.#chunkBits) & this.#chunkMask;
      const up = this.#ups[index & this.#mask] as number;
      const down = this.#downs[index & this.#mask] as number;
      const isGuarded = (this.#chunkUps[chunk] as number) <= up &&
        (this.#chunkDowns[chunk] as number) >= down && this.guardUp <= up && this.guardDown >= down;
      if (!isGuarded) throw new Error(`Broken barriers: a guard lets event ${index} be missed`);
    }
  }

  #takeChunk(
    chunk: number,
    from: number,
    to: number,
    high: number,
    low: number,
    count: number,
  ): number {
    const ups = this.#ups;
    const downs = this.#downs;
    let guardUp = Infinity;
    let guardDown = -Infinity;
    for (let index = from; index < to; index++) {
      const slot = index & this.#mask;
      const up = ups[slot] as number;
      const down = downs[slot] as number;
      if (high >= up || low <= down) {
        this.taken[count++] = index;
        ups[slot] = Infinity;
        downs[slot] = -Infinity;
      } else {
        if (up < guardUp) guardUp = up;
        if (down > guardDown) guardDown = down;
      }
    }
    this.#chunkUps[chunk] = guardUp;
    this.#chunkDowns[chunk] = guardDown;
    return count;
  }

  /** The first index of a chunk finds only dead events of an earlier lap in it. */
  #startChunk(index: number): void {
    if ((index & ((1 << this.#chunkBits) - 1)) !== 0) return;
    const chunk = (index >> this.#chunkBits) & this.#chunkMask;
    this.#chunkUps[chunk] = Infinity;
    this.#chunkDowns[chunk] = -Infinity;
  }

  #kill(index: number): void {
    this.#ups[index & this.#mask] = Infinity;
    this.#downs[index & this.#mask] = -Infinity;
  }
}
