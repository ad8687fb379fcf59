/**
 * The largest of the last values and when it was first attained.
 *
 * @module
 */

/**
 * A sliding maximum: a monotone deque of candidates, largest in front, each later one smaller or
 * equal. For a sliding minimum push negated values; negation of a double is exact.
 *
 * - Of equal values the **first** stays in front: a new value removes only strictly smaller ones.
 * - `push` is O(1) amortised and allocates nothing.
 */
export class SlidingMaximum {
  readonly #indices: Int32Array;
  readonly #values: Float64Array;
  readonly #mask: number;
  /** Candidates stand at `head` … `tail` − 1, modulo the ring's size. */
  #head = 0;
  #tail = 0;

  /** @param size Ring size: a power of two above the most values the window ever holds. */
  constructor(size: number) {
    this.#indices = new Int32Array(size);
    this.#values = new Float64Array(size);
    this.#mask = size - 1;
  }

  /** Adds the value of `index`, one above the last, and forgets that of `expired` and before. */
  push(index: number, value: number, expired: number): void {
    const values = this.#values;
    const mask = this.#mask;
    let tail = this.#tail;
    let head = this.#head;
    // Positions are inside the ring.
    while (tail > head && (values[(tail - 1) & mask] as number) < value) tail--;
    values[tail & mask] = value;
    this.#indices[tail & mask] = index;
    tail++;
    if ((this.#indices[head & mask] as number) <= expired) head++;
    this.#head = head;
    this.#tail = tail;
  }

  /** The maximum of the window, which must not be empty. */
  value(): number {
    return this.#values[this.#head & this.#mask] as number;
  }

  /** The first index that attained the maximum. */
  index(): number {
    return this.#indices[this.#head & this.#mask] as number;
  }

  /** Empties the window. O(1). */
  clear(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  /**
   * Checks, for tests: values fall or repeat, indices rise and lie in [first, end).
   *
   * @throws {Error} naming what is broken. O(window).
   */
  invariant(first: number, end: number): void {
    let index = first - 1;
    let value = Infinity;
    for (let at = this.#head; at < this.#tail; at++) {
      const nextIndex = this.#indices[at & this.#mask] as number;
      const nextValue = this.#values[at & this.#mask] as number;
      if (nextIndex <= index || nextIndex >= end) {
        throw new Error(`Broken deque: index ${nextIndex} after ${index}, window ${first}..${end}`);
      }
      if (nextValue > value) throw new Error(`Broken deque: ${nextValue} after ${value}`);
      index = nextIndex;
      value = nextValue;
    }
    if (end > first && index !== end - 1) {
      throw new Error(
        `Broken deque: expected the last index ${end - 1}: current value is ${index}`,
      );
    }
  }
}
