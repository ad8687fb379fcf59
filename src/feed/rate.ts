/**
 * How many a second, lately.
 *
 * @module
 */

/** How fast the past is forgotten: what was this long ago weighs 1/e. */
const MEMORY_MS = 10_000;

/**
 * A rate that forgets: each event weighs less the longer ago it was, so that the figure follows a
 * change within some {@linkcode MEMORY_MS} and falls to 0 when nothing comes. O(1), two numbers.
 */
export class Rate {
  #perMs = 0;
  #atMs: number;

  /** Nothing happened before `nowMs`. */
  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** `count` events happened at `nowMs`. */
  add(nowMs: number, count: number): void {
    this.#forget(nowMs);
    this.#perMs += count / MEMORY_MS;
  }

  /** Events a second at `nowMs`. */
  perSecond(nowMs: number): number {
    this.#forget(nowMs);
    return this.#perMs * 1_000;
  }

  #forget(nowMs: number): void {
    this.#perMs *= Math.exp((this.#atMs - nowMs) / MEMORY_MS);
    this.#atMs = nowMs;
  }
}
