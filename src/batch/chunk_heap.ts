/**
 * A binary heap: the least of many, one after the other.
 *
 * @module
 */

/** A priority queue by `compare`, least first; `push` and `pop` cost O(log n). */
export class Heap<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #values: T[] = [];

  /** An empty one. `compare` is as for `Array.prototype.sort`; equal values have no order. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** How many values it holds. */
  get size(): number {
    return this.#values.length;
  }

  /** The least value, left in; undefined when it is empty. */
  peek(): T | undefined {
    return this.#values[0];
  }

  /** Takes in a value. */
  push(value: T): void {
    const values = this.#values;
    let at = values.length;
    values.push(value);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = values[up] as T;
      if (this.#compare(value, parent) >= 0) break;
      values[at] = parent;
      at = up;
    }
    values[at] = value;
  }

  /** Takes out the least value; undefined when it is empty. */
  pop(): T | undefined {
    const values = this.#values;
    const top = values[0];
    const last = values.pop();
    if (last === undefined || values.length === 0) return top;
    let at = 0;
    for (let child = 1; child < values.length; child = 2 * at + 1) {
      const right = values[child + 1];
      if (right !== undefined && this.#compare(right, values[child] as T) < 0) child++;
      if (this.#compare(values[child] as T, last) >= 0) break;
      values[at] = values[child] as T;
      at = child;
    }
    values[at] = last;
    return top;
  }

  /** All values, in no order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#values.values();
  }
}
