import { assert, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { hashKey, mix } from "../../src/cache/hash.ts";

Deno.test("hashKey() spreads like keys evenly over buckets", () => {
  const buckets = new Int32Array(64);
  for (let i = 0; i < 64_000; i++) {
    const at = hashKey(`price:SYM${i}`, 7) & 63;
    buckets[at] = (buckets[at] as number) + 1;
  }
  // Chi squared with 63 degrees of freedom is below 120 in all but 1 of 50,000 cases.
  const chi = buckets.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
  assertLess(chi, 120);
});

Deno.test("hashKey() has as many collisions among like keys as chance", () => {
  const hashes = new Set<number>();
  for (let i = 0; i < 200_000; i++) hashes.add(hashKey(`label:EUR_USD:H${i}`, 0));
  // 200,000² / 2^33 = 4.7 expected.
  assertLess(200_000 - hashes.size, 20);
});

Deno.test("hashKey() tells apart what is not plain", () => {
  const keys = ["", "\0", "\0\0", "a", "b", "ab", "ba", "\ud800", "\udfff", "__proto__"];
  assertEquals(new Set(keys.map((key) => hashKey(key, 1))).size, keys.length);
});

Deno.test("hashKey() is the same whether or not the key is the last one", () => {
  const first = hashKey("price:AAPL", 3);
  assertEquals(hashKey(["price", "AAPL"].join(":"), 3), first);
  hashKey("price:MSFT", 3);
  assertEquals(hashKey("price:AAPL", 3), first);
  assertNotEquals(hashKey("price:AAPL", 4), first);
});

Deno.test("hashKey() of a long key depends on both ends and the length, and costs no more", () => {
  const long = "x".repeat(1_000_000);
  const hashes = [long, `${long}x`, `y${long}`, `${long}y`].map((key) => hashKey(key, 0));
  assertEquals(new Set(hashes).size, 4);
  const startMs = performance.now();
  for (let i = 0; i < 1_000; i++) hashKey(long, i);
  assertLess(performance.now() - startMs, 1_000);
});

Deno.test("mix() is one to one", () => {
  const seen = new Set<number>();
  for (let i = 0; i < 100_000; i++) seen.add(mix(i));
  assertEquals(seen.size, 100_000);
  assert(mix(1) !== 1);
});
