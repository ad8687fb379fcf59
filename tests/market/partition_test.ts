/** Partitions of series: fixed for ever, inside their range, evenly spread. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { partitionOf, PARTITIONS } from "../../src/market/partition.ts";

/**
 * Computed with Python, from the definition of FNV-1a (its 32-bit test vectors are those of the
 * first three: 811c9dc5, e40c292c, bf9cf968) with the four bytes of the hash xored together.
 */
const FIXED: readonly (readonly [string, number])[] = [
  ["", 197],
  ["a", 237],
  ["foobar", 178],
  ["EUR_USD:H1", 206],
  ["EUR_USD:M1", 150],
  ["GBP_USD:H4", 48],
  ["USD_JPY:D", 62],
  ["AAPL:M5", 27],
  ["BTC-USD:W", 180],
  ["^GSPC:D", 64],
  ["S0:M1", 104],
  ["XAU_USD:M15", 129],
  ["A:M30", 87],
];

Deno.test("partitionOf() is FNV-1a folded to a byte, the same on every node for ever", () => {
  for (const [series, partition] of FIXED) assertEquals(partitionOf(series), partition, series);
});

Deno.test("partitionOf() is an integer from 0 to 255", () => {
  assertEquals(PARTITIONS, 256);
  for (const series of ["\uffff", "é:M1", "💶:M1", "x".repeat(10_000), "\0"]) {
    const partition = partitionOf(series);
    assert(Number.isInteger(partition) && partition >= 0 && partition < 256, series);
  }
});

/** Names as instruments have them. */
function names(count: number): string[] {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const granularities = ["M1", "M5", "M15", "M30", "H1", "H4", "D", "W"];
  return Array.from({ length: count }, (_, i) => {
    const at = (place: number) => letters[Math.floor(i / 26 ** place) % 26];
    return `${at(2)}${at(1)}${at(0)}:${granularities[i % 8]}`;
  });
}

function chiSquare(counts: readonly number[], total: number): number {
  const expected = total / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Names per class of their partition, one class per remainder. */
function spread(series: readonly string[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const name of series) {
    const at = partitionOf(name) % classes;
    counts[at] = (counts[at] as number) + 1;
  }
  return counts;
}

Deno.test("partitionOf() spreads 10,000 names over 256 partitions", () => {
  const series = names(10_000);
  assertEquals(new Set(series).size, 10_000);
  const counts = spread(series, 256);
  // Chi-square with 255 degrees of freedom: 99.9 % of random spreads stay below 330.5.
  assertLess(chiSquare(counts, 10_000), 330.5);
  assert(Math.min(...counts) > 0);
});

Deno.test("partitionOf() spreads names over few workers", () => {
  // 99.9 % of random spreads stay below 10.8, 13.8, 16.3 and 24.3 (1, 2, 3 and 7 degrees).
  for (const [workers, bound] of [[2, 10.8], [3, 13.8], [4, 16.3], [8, 24.3]] as const) {
    assertLess(chiSquare(spread(names(10_000), workers), 10_000), bound, `${workers} workers`);
  }
});
