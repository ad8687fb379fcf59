/**
 * How many of something came per second, lately.
 *
 * @module
 */

/** Seconds that are looked back at. */
const SECONDS = 10;

/** Counts of the last seconds, one number each. The whole second under way is left out. */
export class ChangeRate {
  readonly #counts = new Float64Array(SECONDS + 1);
  #second = -Infinity;
  #sinceSecond: number | null = null;

  /** So many came now, monotonic ms. O(1). */
  add(count: number, nowMs: number): void {
    this.#pass(nowMs);
    const at = this.#second % this.#counts.length;
    this.#counts[at] = (this.#counts[at] as number) + count;
  }

  /** A mean of the last 10 whole seconds, of fewer at the beginning; 0 before the first ended. */
  perS(nowMs: number): number {
    this.#pass(nowMs);
    const seconds = Math.min(SECONDS, this.#second - (this.#sinceSecond ?? this.#second));
    if (seconds === 0) return 0;
    let sum = 0;
    for (let back = 1; back <= seconds; back++) {
      sum += this.#counts[(this.#second - back) % this.#counts.length] as number;
    }
    return sum / seconds;
  }

  #pass(nowMs: number): void {
    const second = Math.max(0, Math.floor(nowMs / 1_000));
    this.#sinceSecond ??= second;
    const passed = Math.min(this.#counts.length, second - this.#second);
    for (let i = 0; i < passed; i++) this.#counts[(second - i) % this.#counts.length] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
