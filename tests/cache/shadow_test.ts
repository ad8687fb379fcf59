import { assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Cache } from "../../src/cache/cache.ts";
import { mix } from "../../src/cache/hash.ts";
import { ShadowSet, windowMaxOf } from "../../src/cache/shadow.ts";
import { seedOf } from "../actor/seed.ts";

const HALF = { sizeRatio: 0.5, windowRatio: 0.1 };
const WHOLE = { sizeRatio: 1, windowRatio: 0.1 };

/** Hits of each shadow. */
function hitsOf(shadows: ShadowSet, count: number): number[] {
  const sums = new Float64Array(count);
  shadows.takeHits(sums);
  return [...sums];
}

Deno.test("ShadowSet counts hits for each shadow that has the key", () => {
  const shadows = new ShadowSet(4, [HALF, WHOLE], 40);
  // Three keys in turns: room for all in four entries, not in two.
  for (let i = 0; i < 30; i++) shadows.access(mix(i % 3), false, 0, Infinity);
  const [half, whole] = hitsOf(shadows, 2);
  assertEquals(whole, 27);
  assertEquals((half as number) < 20, true);
  assertEquals(hitsOf(shadows, 2), [0, 0]);
  shadows.invariant();
});

Deno.test("ShadowSet does not count what has ended or was forgotten", () => {
  const shadows = new ShadowSet(4, [WHOLE], 40);
  const access = (nowMs: number, endMs: number) => {
    shadows.access(5, false, nowMs, endMs);
    return hitsOf(shadows, 1)[0];
  };
  assertEquals([access(0, 10), access(9, 19), access(10, 20)], [0, 1, 0]);
  // The load at 9 was that of the real cache; here the value of 0 lived until 10.
  assertEquals([access(19, 29), access(20, 30)], [1, 0]);
  shadows.forget(5);
  assertEquals([access(21, 31), access(22, 32)], [0, 1]);
});

Deno.test("ShadowSet believes the cache that a value is there", () => {
  const shadows = new ShadowSet(4, [WHOLE], 40);
  shadows.access(5, false, 0, 10);
  // Renewed behind it: a hit at 50.
  shadows.access(5, true, 0, 60);
  assertEquals(hitsOf(shadows, 1), [1]);
});

Deno.test("ShadowSet is sound under random keys and windows", () => {
  const random = seededRandom(seedOf("shadow_test"));
  for (const entries of [1, 2, 5, 30, 128]) {
    const options = [0.01, 0.1, 0.3, 0.8].map((windowRatio) => ({ sizeRatio: 1, windowRatio }));
    const shadows = new ShadowSet(entries, [...options, HALF, { ...WHOLE, sizeRatio: 4 }], 40);
    for (let i = 0; i < 6_000; i++) {
      const hash = mix(Math.floor(random.next() ** 2 * entries * 8));
      shadows.access(hash, random.next() < 0.5, i, i + random.next() * 5_000);
      if (random.next() < 0.01) shadows.forget(hash);
      if (random.next() < 0.01) shadows.setWindow(0, random.next());
      if (i % 100 === 0) shadows.invariant();
    }
  }
});

Deno.test("ShadowSet of one window and all keys hits as the cache itself", () => {
  const random = seededRandom(seedOf("shadow_test"));
  const entriesMax = 64;
  const cache = new Cache<number>({ entriesMax, time: { now: () => 0 } });
  let hits = 0, asked = 0;
  // So few that the cache does not change its window, which begins with 10 %.
  for (let i = 0; i < 4_000 && cache.choice === "window 10 %"; i++) {
    const key = `${Math.floor(random.next() ** 3 * 300)}`;
    asked++;
    if (cache.find(key) >= 0) hits++;
    else cache.set(key, 1, { softTtlMs: Infinity, hardTtlMs: Infinity });
  }
  const point = cache.curve().find(({ sizeRatio }) => sizeRatio === 1);
  assertEquals(Math.abs((point?.hitRatio ?? 0) - hits / asked) < 0.05, true);
});

Deno.test("windowMaxOf() leaves at least one entry to the window, and one to the rest", () => {
  assertEquals([1, 2, 10, 100].map((entries) => windowMaxOf(entries, 0.01)), [1, 1, 1, 1]);
  assertEquals([1, 2, 10, 100].map((entries) => windowMaxOf(entries, 1)), [1, 1, 9, 99]);
  assertEquals(windowMaxOf(1_000, 0.3), 300);
});

Deno.test("ShadowSet refuses more shadows than a byte has bits, and more than it can link", () => {
  assertThrows(() => new ShadowSet(4, Array.from({ length: 9 }, () => WHOLE), 40), RangeError);
  assertThrows(() => new ShadowSet(40_000, [WHOLE], 40), RangeError);
});
