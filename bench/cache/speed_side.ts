/**
 * What each side of the speed figures does, and the keys and values that both are given. The loops
 * themselves are written out in each side: one loop over an interface would be compiled for all of
 * them at once and hide what a call costs.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";

/** What is stored. */
export interface Quote {
  readonly id: number;
}

/** One side: a cache of quotes. */
export interface SpeedSide {
  readonly name: string;
  /** Entries now. */
  readonly size: number;
  /** Puts in the i-th value under the i-th key. */
  fill(keys: readonly string[], values: readonly Quote[]): void;
  /** Reads keys in an order; the sum of the ids, NaN when one was not there. */
  hits(keys: readonly string[], order: Uint32Array): number;
  /** As `hits`, each key put together at its call from its kind and its symbol. */
  builtHits(symbols: readonly string[], order: Uint32Array): number;
  /** Reads keys in an order and puts in what was not there; hits, NaN when a value was wrong. */
  mix(
    keys: readonly string[],
    setKeys: readonly string[],
    values: readonly Quote[],
    order: Uint32Array,
  ): number;
  /** Ends its timers. */
  close(): void;
}

/** What keys begin with. */
export const KIND = "price";

/**
 * `price:SYM0`, `price:SYM1`, … as flat strings of their own, like those that come out of a socket:
 * no other copy of a key is the same object, and none is a view of another string.
 */
export function flatKeys(count: number, from = 0): string[] {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  return Array.from(
    { length: count },
    (_, i) => decoder.decode(encoder.encode(`${KIND}:SYM${from + i}`)),
  );
}

/** The i-th has id i. */
export function quotes(count: number): Quote[] {
  return Array.from({ length: count }, (_, id) => ({ id }));
}

/** `count` of the numbers below `below`, each as likely as any other. */
export function uniformOrder(count: number, below: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  return Uint32Array.from({ length: count }, () => Math.floor(random.next() * below));
}

/** Numbers below a bound by Zipf's law: the one of rank r as often as 1/r^skew. */
export class ZipfOrders {
  readonly #random: Random;
  readonly #upTo: Float64Array;
  readonly #dealt: Uint32Array;
  readonly #sum: number;

  constructor(below: number, skew: number, seed: number) {
    this.#random = seededRandom(seed);
    this.#upTo = new Float64Array(below);
    let sum = 0;
    for (let rank = 0; rank < below; rank++) this.#upTo[rank] = sum += (rank + 1) ** -skew;
    this.#sum = sum;
    // Ranks are dealt out, or popular keys would lie side by side in memory.
    this.#dealt = shuffled(below, this.#random);
  }

  /** The next `count` of them. O(count · log(bound)). */
  next(count: number): Uint32Array {
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      order[i] = this.#dealt[rankOf(this.#upTo, this.#random.next() * this.#sum)] as number;
    }
    return order;
  }
}

/** The first rank whose sum is above `at`. */
function rankOf(upTo: Float64Array, at: number): number {
  let low = 0, high = upTo.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((upTo[middle] as number) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(random.next() * (at + 1));
    const swapped = order[at] as number;
    order[at] = order[other] as number;
    order[other] = swapped;
  }
  return order;
}
