import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Gate, GATE_BUCKETS } from "../../src/warm/gate.ts";
import { seedOf } from "../actor/seed.ts";

/** Guesses that come true with a chance, each decided before the next. */
function guess(gate: Gate, bucket: number, count: number, isTrue: (at: number) => boolean): void {
  for (let at = 0; at < count; at++) {
    gate.opened(bucket);
    gate.decided(bucket, isTrue(at));
  }
}

Deno.test("Gate.chance() is 0 before 16 guesses were decided", () => {
  const gate = new Gate();
  guess(gate, 5, 15, () => true);
  assertEquals(gate.chance(5), 0);
  guess(gate, 5, 1, () => true);
  assert(gate.chance(5) > 0.9);
});

Deno.test("Gate.chance() is the share of guesses of the bucket that came true", () => {
  const random = seededRandom(seedOf("gate_test"));
  const gate = new Gate();
  for (const [bucket, share] of [[0, 0.2], [1, 0.7], [2, 0.95]] as const) {
    guess(gate, bucket, 5_000, () => random.next() < share);
    // The variance of an exponential mean with rate 1/400 is that of one guess divided by 799.
    const error = Math.sqrt(share * (1 - share) / 799);
    assertAlmostEquals(gate.chance(bucket), share, 5 * error);
  }
});

Deno.test("Gate.chance() counts open guesses as wrong beside those that were decided", () => {
  const gate = new Gate();
  guess(gate, 3, 50, () => true);
  const decided = gate.chance(3);
  for (let at = 0; at < 50; at++) gate.opened(3);
  assertAlmostEquals(gate.chance(3), decided / 2, 1e-12);
  for (let at = 0; at < 50; at++) gate.withdrawn(3);
  assertEquals(gate.chance(3), decided);
});

Deno.test("Gate.chance() is not fooled by what comes true being known first", () => {
  const gate = new Gate();
  // Of 100 guesses 30 come true at once, and the others are wrong, but only later.
  for (let at = 0; at < 100; at++) gate.opened(3);
  for (let at = 0; at < 30; at++) gate.decided(3, true);
  assert(gate.chance(3) <= 0.3, `${gate.chance(3)}`);
});

Deno.test("Gate.chance() follows what has changed", () => {
  const gate = new Gate();
  guess(gate, 9, 10_000, () => true);
  guess(gate, 9, 1_000, () => false);
  assert(gate.chance(9) < 0.1);
});

Deno.test("Gate.bucketOf() puts alike guesses together, and others apart", () => {
  const gate = new Gate();
  const bucket = gate.bucketOf(10, 0.5, 60_000);
  assertEquals(gate.bucketOf(9, 0.51, 300_000), bucket);
  assertNotEquals(gate.bucketOf(3, 0.5, 60_000), bucket);
  assertNotEquals(gate.bucketOf(10, 0.9, 60_000), bucket);
  assertNotEquals(gate.bucketOf(10, 0.5, 3_600_000), bucket);
});

Deno.test("Gate.bucketOf() has a bucket for every guess", () => {
  const gate = new Gate();
  const seen = new Set<number>();
  for (const accesses of [0, 0.5, 1, 2, 3, 4, 8, 16, 31.75, 32]) {
    for (let share = 0; share <= 60; share++) {
      for (const lifeMs of [1, 600_000, 600_001, 3_600_000]) {
        seen.add(gate.bucketOf(accesses, share / 60, lifeMs));
      }
    }
  }
  assertEquals([...seen].every((bucket) => bucket >= 0 && bucket < GATE_BUCKETS), true);
  assertEquals(seen.size, GATE_BUCKETS);
});

Deno.test("Gate.restore() goes on from a snapshot", () => {
  const gate = new Gate();
  guess(gate, 4, 100, (at) => at % 4 !== 0);
  const other = new Gate();
  assert(other.restore(structuredClone(gate.snapshot())));
  assertEquals(other.chance(4), gate.chance(4));
});

Deno.test("Gate.restore() takes nothing that makes no sense", () => {
  const gate = new Gate();
  guess(gate, 4, 100, () => true);
  const chance = gate.chance(4);
  for (const wrong of [null, 7, {}, { chances: [], guesses: [] }]) assert(!gate.restore(wrong));
  const { chances, guesses } = gate.snapshot();
  assert(gate.restore({ chances: chances.fill(NaN), guesses: guesses.fill(-1) }));
  assertEquals(gate.chance(4), chance);
});
