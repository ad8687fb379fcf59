import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { CacheError } from "../../src/cache/error.ts";
import { Rendezvous, SHARDS_DEFAULT, SHARDS_MAX, SLOTS } from "../../src/cache/rendezvous.ts";

/** Keys as they are: few kinds, and symbols that are nearly alike. */
function keysOf(count: number): string[] {
  const kinds = ["price", "news", "fundamentals", "profile"];
  return Array.from({ length: count }, (_, i) => {
    const symbol = i.toString(36).toUpperCase();
    return `${kinds[i % kinds.length]}:${symbol}`;
  });
}

function countsOf(rendezvous: Rendezvous, keys: readonly string[]): number[] {
  const counts = new Array<number>(rendezvous.shards).fill(0);
  for (const key of keys) {
    const shard = rendezvous.shardOf(key);
    counts[shard] = (counts[shard] as number) + 1;
  }
  return counts;
}

Deno.test("Rendezvous.shardOf() gives every shard its share of the keys", () => {
  const keys = keysOf(100_000);
  for (const shards of [1, 2, 3, SHARDS_DEFAULT, 7, 16, 64]) {
    const expected = keys.length / shards;
    const chi2 = countsOf(new Rendezvous(shards), keys)
      .reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Chi squared of n - 1 degrees has mean n - 1 and deviation √(2(n - 1)); slots are drawn first,
    // and then keys, which adds so much to the variance.
    const spread = 1 + keys.length / SLOTS;
    const bound = spread * (shards - 1 + 5 * Math.sqrt(2 * Math.max(1, shards - 1)));
    assertLess(chi2, bound, `${shards} shards`);
  }
});

Deno.test("Rendezvous.shardOf() spreads single symbols and long keys too", () => {
  for (
    const make of [
      (i: number) => `price:${String.fromCharCode(65 + i % 26, 65 + Math.floor(i / 26) % 26)}`,
      (i: number) => `label:EUR_USD:H1:${"0".repeat(60)}${i}`,
      (i: number) => `${i}${"0".repeat(60)}`,
      (i: number) => String.fromCharCode(i),
    ]
  ) {
    const keys = Array.from({ length: 676 }, (_, i) => make(i));
    for (const count of countsOf(new Rendezvous(4), keys)) {
      // Six standard deviations of 676 · ¼.
      assertLess(Math.abs(count - 169), 6 * Math.sqrt(676 * 0.25 * 0.75), make(0));
    }
  }
});

Deno.test("Rendezvous moves a key to a new shard or leaves it where it is", () => {
  const keys = keysOf(20_000);
  for (const shards of [1, 3, 4, 15]) {
    const [before, after] = [new Rendezvous(shards), new Rendezvous(shards + 1)];
    const moved = keys.filter((key) => before.shardOf(key) !== after.shardOf(key));
    assert(moved.every((key) => after.shardOf(key) === shards));
    const expected = keys.length / (shards + 1);
    const spread = Math.sqrt(expected * (1 + keys.length / SLOTS));
    assertLess(Math.abs(moved.length - expected), 5 * spread, `${shards} shards`);
  }
});

Deno.test("Rendezvous.shardOf() takes any text", () => {
  const rendezvous = new Rendezvous(SHARDS_MAX);
  for (const key of ["", "\0", "__proto__", "\ud800", "\n", "{}", "x".repeat(1_000_000)]) {
    const shard = rendezvous.shardOf(key);
    assert(Number.isInteger(shard) && shard >= 0 && shard < SHARDS_MAX, key.slice(0, 20));
    assertEquals(new Rendezvous(SHARDS_MAX).shardOf(key), shard);
  }
});

Deno.test("Rendezvous refuses numbers that are no count of shards", () => {
  for (const shards of [0, -1, 1.5, NaN, Infinity, SHARDS_MAX + 1]) {
    assertThrows(
      () => new Rendezvous(shards),
      CacheError,
      `Cannot divide keys: expected 1 to ${SHARDS_MAX} shards: current value is ${shards}`,
    );
  }
});
