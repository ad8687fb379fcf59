/**
 * The provider's side of a limit, which is the judge, and the client that cannot be beaten, which
 * is the measure.
 *
 * @module
 */

/**
 * Counts every sliding window [t, t + W) exactly: a violation is an arrival that is one too many.
 */
export class WindowOracle {
  /** Times of the last N arrivals, oldest at `#next`. */
  readonly #times: Float64Array;
  #next = 0;
  arrivals = 0;
  violations = 0;
  /** How much too early the worst one came, ms. */
  worstMs = 0;

  constructor(readonly requests: number, readonly windowMs: number) {
    this.#times = new Float64Array(requests).fill(-Infinity);
  }

  /** One request of this cost is counted; times must not go back. */
  arrive(nowMs: number, cost = 1): void {
    for (let unit = 0; unit < cost; unit++) {
      const earlyMs = (this.#times[this.#next] as number) + this.windowMs - nowMs;
      // Sums of doubles: what is early by less than a nanosecond is not.
      if (earlyMs > 1e-6) {
        this.violations++;
        this.worstMs = Math.max(this.worstMs, earlyMs);
      }
      this.#times[this.#next] = nowMs;
      this.#next = (this.#next + 1) % this.requests;
      this.arrivals++;
    }
  }
}

/**
 * The best that can be: knows beforehand when each request will be counted, forgets nothing in a
 * restart, and sends so that it is counted the moment the oldest of N is W old.
 */
export class Clairvoyant {
  /** Binary heap of the last arrival of each slot. */
  readonly #slots: Float64Array;

  constructor(requests: number, readonly windowMs: number) {
    this.#slots = new Float64Array(requests).fill(-Infinity);
  }

  /** When a request that travels `upMs` may be sent. */
  freeAtMs(upMs: number): number {
    return (this.#slots[0] as number) + this.windowMs - upMs;
  }

  /** A request is sent that will be counted at `arrivalMs`. */
  take(arrivalMs: number): void {
    const heap = this.#slots;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= arrivalMs) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = arrivalMs;
  }
}
