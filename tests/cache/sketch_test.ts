import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { COUNT_MAX, COUNTERS_MIN, Sketch } from "../../src/cache/sketch.ts";
import { seedOf } from "../actor/seed.ts";

const hashes = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => (random.next() * 2 ** 32) | 0);
};

Deno.test("Sketch.count() is never below the exact count", () => {
  const keys = hashes(seedOf("sketch_test"), 20_000);
  const sketch = new Sketch(COUNTERS_MIN);
  const exact = new Map<number, number>();
  for (const [place, key] of keys.entries()) {
    const count = place % (COUNT_MAX + 1);
    sketch.raise(key, count);
    exact.set(key, Math.max(count, exact.get(key) ?? 0));
  }
  for (const [key, count] of exact) assert(sketch.count(key) >= count);
});

Deno.test("Sketch.count() is exact for nearly all keys until it is crowded", () => {
  const [seed] = [seedOf("sketch_test")];
  const keys = hashes(seed, 100_000);
  const sketch = new Sketch(2 ** 17);
  let put = 0;
  while (!sketch.isCrowded) {
    const key = keys[put] as number;
    sketch.raise(key, 1 + (put % COUNT_MAX));
    put++;
  }
  // As many keys as a row has counters, a fourth of all; those that met are not counted twice. How
  // crowded it is by then differs with the hashes: the bounds leave room for that.
  assertGreater(put, 2 ** 15 - 1);
  assertLess(put, 2 ** 15 * 1.2);
  const wrong = keys.slice(0, put).filter((key, at) => sketch.count(key) !== 1 + (at % COUNT_MAX));
  assertLess(wrong.length / put, 0.22);
  const unseen = keys.slice(put, put + 30_000).filter((key) => sketch.count(key) > 0);
  // Each of four counters is taken with a chance of 1 − 1/e: (1 − 1/e)^4 = 0.16.
  assertLess(unseen.length / 30_000, 0.22);
});

Deno.test("Sketch.raise() does not lower", () => {
  const sketch = new Sketch(1);
  sketch.raise(5, 9);
  sketch.raise(5, 3);
  assertEquals(sketch.count(5), 9);
});

Deno.test("Sketch.halve() halves every count, rounding down", () => {
  const sketch = new Sketch(1);
  for (let count = 0; count <= COUNT_MAX; count++) {
    const key = Math.imul(count + 1, 0x9e3779b1);
    sketch.raise(key, count);
    assertEquals(sketch.count(key), count);
  }
  sketch.halve();
  for (let count = 0; count <= COUNT_MAX; count++) {
    assertEquals(sketch.count(Math.imul(count + 1, 0x9e3779b1)), count >> 1);
  }
});

Deno.test("Sketch rounds its counters up to a power of two of half bytes", () => {
  assertEquals(new Sketch(1).bytes, COUNTERS_MIN / 2);
  assertEquals(new Sketch(100_000).bytes, 2 ** 17 / 2);
});
