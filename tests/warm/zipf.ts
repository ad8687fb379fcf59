/**
 * Streams of keys for random tests.
 *
 * @module
 */

import type { Random } from "../../src/actor/clock.ts";

/** Draws ranks below `count` by Zipf's law. */
export function zipfRanks(count: number, skew: number, random: Random): () => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) upTo[rank] = sum += (rank + 1) ** -skew;
  return () => {
    const drawn = random.next() * sum;
    let low = 0, high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] as number) < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
