/** What the bench holds the cache against: Belady's optimum by brute force, W-TinyLFU by hand. */

import { assert, assertEquals } from "@std/assert";
import { beladyHits } from "../../bench/cache/belady.ts";
import { WTinyLfu } from "../../bench/cache/w_tiny_lfu.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { seedOf } from "../actor/seed.ts";

/** The most hits over every choice of what to keep: exponential. */
function bruteForce(ids: readonly number[], entriesMax: number, at = 0, kept = ""): number {
  const id = ids[at];
  if (id === undefined) return 0;
  const letter = String.fromCharCode(97 + id);
  if (kept.includes(letter)) return 1 + bruteForce(ids, entriesMax, at + 1, kept);
  const turnedAway = bruteForce(ids, entriesMax, at + 1, kept);
  if (kept.length < entriesMax) {
    return Math.max(turnedAway, bruteForce(ids, entriesMax, at + 1, kept + letter));
  }
  const without = [...kept].map((gone) => kept.replace(gone, letter));
  return Math.max(turnedAway, ...without.map((next) => bruteForce(ids, entriesMax, at + 1, next)));
}

Deno.test("beladyHits() is the best of all choices on small traces", () => {
  const seed = seedOf("belady_test");
  const random = seededRandom(seed);
  const upTo = (most: number) => 1 + Math.floor(random.next() * most);
  for (let round = 0; round < 300; round++) {
    const footprint = upTo(5);
    const ids = Array.from({ length: upTo(11) }, () => upTo(footprint) - 1);
    const entriesMax = upTo(3);
    const what = `seed ${seed}, ${entriesMax} entries, ${ids}`;
    assertEquals(
      beladyHits(Uint32Array.from(ids), footprint, entriesMax),
      bruteForce(ids, entriesMax),
      what,
    );
  }
});

Deno.test("beladyHits() has every request but the first of each key where all fit", () => {
  assertEquals(beladyHits(Uint32Array.of(0, 1, 2, 0, 1, 2, 2), 3, 3), 4);
});

Deno.test("WTinyLfu keeps what is asked for often against keys asked for once", () => {
  const cache = new WTinyLfu(100);
  for (let round = 0; round < 5; round++) for (let id = 0; id < 90; id++) cache.request(id);
  for (let id = 1_000; id < 1_400; id++) assertEquals(cache.request(id), false);
  let kept = 0;
  for (let id = 0; id < 90; id++) if (cache.request(id)) kept++;
  // A few may fall to keys that the sketch takes for frequent ones.
  assert(kept >= 85, `${kept} of 90`);
});

Deno.test("WTinyLfu.request() finds the newest key in its window", () => {
  const cache = new WTinyLfu(100);
  for (let id = 0; id < 1_000; id++) {
    assertEquals(cache.request(id), false);
    assertEquals(cache.request(id), true);
  }
});
