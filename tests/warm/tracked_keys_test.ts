import { assert, assertEquals, assertLess, assertLessOrEqual, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { TRACKED_KEYS_MAX, TrackedKeys } from "../../src/warm/tracked_keys.ts";
import { seedOf } from "../actor/seed.ts";
import { zipfRanks } from "./zipf.ts";

const trackedKeys = (keysMax: number, random: Random = seededRandom(1)) =>
  new TrackedKeys({ keysMax, random });

/** Checks what Space-Saving promises against exact counts. */
function checkPromises(tracked: TrackedKeys, exact: Map<string, number>, total: number): void {
  tracked.invariant();
  for (const [key, count] of exact) {
    const slot = tracked.slotOf(key);
    if (slot < 0) {
      assertLessOrEqual(count, tracked.untrackedMax);
      assertLessOrEqual(count, total / tracked.keysMax);
      continue;
    }
    assertEquals(tracked.keyAt(slot), key);
    assert(tracked.countAt(slot) >= count, `${key}: ${tracked.countAt(slot)} < ${count}`);
    assert(tracked.countAt(slot) - tracked.errorAt(slot) <= count);
    assertLessOrEqual(tracked.errorAt(slot), total / tracked.keysMax);
  }
}

for (const skew of [0, 0.7, 1.2]) {
  Deno.test(`TrackedKeys keeps the promises of Space-Saving, skew ${skew}`, () => {
    const random = seededRandom(seedOf("tracked_keys_test"));
    const draw = zipfRanks(5_000, skew, random);
    const tracked = trackedKeys(100, random);
    const exact = new Map<string, number>();
    for (let total = 1; total <= 30_000; total++) {
      const key = `price:S${draw()}`;
      exact.set(key, (exact.get(key) ?? 0) + 1);
      const slot = tracked.touch(key);
      assertEquals(tracked.slotOf(key), slot);
      if (total % 5_000 === 0) checkPromises(tracked, exact, total);
    }
    assertEquals(tracked.size, 100);
  });
}

Deno.test("TrackedKeys is exact while all keys fit", () => {
  const random = seededRandom(seedOf("tracked_keys_test"));
  const draw = zipfRanks(300, 0.9, random);
  const tracked = trackedKeys(300, random);
  const exact = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const key = `k${draw()}`;
    exact.set(key, (exact.get(key) ?? 0) + 1);
    tracked.touch(key);
  }
  for (const [key, count] of exact) {
    const slot = tracked.slotOf(key);
    assertEquals([tracked.countAt(slot), tracked.errorAt(slot)], [count, 0]);
  }
});

Deno.test("TrackedKeys.touch() gives a new key the slot of one that is counted least", () => {
  const random = seededRandom(seedOf("tracked_keys_test"));
  const tracked = trackedKeys(8, random);
  for (let i = 0; i < 2_000; i++) {
    const counts = Array.from({ length: 8 }, (_, slot) => tracked.countAt(slot));
    const key = `k${Math.floor(random.next() * 30)}`;
    const before = tracked.slotOf(key);
    const slot = tracked.touch(key);
    if (before < 0) {
      assertEquals(counts[slot], Math.min(...counts));
      assertEquals(tracked.countAt(slot), Math.min(...counts) + 1);
    } else assertEquals(slot, before);
  }
});

Deno.test("TrackedKeys tells of slots before they lose and after they get a key", () => {
  const log: string[] = [];
  const tracked: TrackedKeys = new TrackedKeys({
    keysMax: 1,
    random: seededRandom(1),
    onReplaced: (slot) => log.push(`-${slot} ${tracked.keyAt(slot)} ${tracked.slotOf("b")}`),
    onTracked: (slot, key) => log.push(`+${slot} ${key} ${tracked.keyAt(slot)}`),
  });
  tracked.touch("a");
  tracked.touch("a");
  tracked.touch("b");
  tracked.forget(0);
  assertEquals(log, ["+0 a a", "-0 a -1", "+0 b b", "-0 b 0"]);
  assertEquals([tracked.size, tracked.keyAt(0), tracked.slotOf("b")], [0, "", -1]);
});

Deno.test("TrackedKeys.halve() keeps the promises for counts that are halved alike", () => {
  const random = seededRandom(seedOf("tracked_keys_test"));
  const draw = zipfRanks(500, 0.8, random);
  const tracked = trackedKeys(50, random);
  const exact = new Map<string, number>();
  for (let day = 0; day < 8; day++) {
    for (let i = 0; i < 2_000; i++) {
      const key = `k${draw()}`;
      exact.set(key, (exact.get(key) ?? 0) + 1);
      tracked.touch(key);
    }
    for (const [key, count] of exact) exact.set(key, count / 2);
    tracked.halve();
    tracked.invariant();
    for (const [key, count] of exact) {
      const slot = tracked.slotOf(key);
      if (slot < 0) assertLessOrEqual(count, tracked.untrackedMax);
      else {
        assert(tracked.countAt(slot) >= count);
        assert(tracked.countAt(slot) - tracked.errorAt(slot) <= count);
      }
    }
  }
});

Deno.test("TrackedKeys.forget() frees a slot, and what is forgotten counts as not tracked", () => {
  const tracked = trackedKeys(4);
  for (const key of ["a", "b", "c", "d", "b", "b"]) tracked.touch(key);
  const slot = tracked.slotOf("b");
  tracked.forget(slot);
  tracked.forget(slot);
  tracked.invariant();
  assertEquals([tracked.size, tracked.untrackedMax], [3, 3]);
  assertEquals(tracked.touch("e"), slot);
  assertEquals([tracked.countAt(slot), tracked.errorAt(slot)], [4, 3]);
});

Deno.test("TrackedKeys: random touches, forgets and halvings leave a sound structure", () => {
  const random = seededRandom(seedOf("tracked_keys_test"));
  const tracked = trackedKeys(37, random);
  const below = (end: number) => Math.floor(random.next() * end);
  for (let step = 0; step < 5_000; step++) {
    const kind = random.next();
    if (kind < 0.9) tracked.touch("é".repeat(below(3)) + "k".repeat(below(60)) + below(40));
    else if (kind < 0.99) tracked.forget(below(37));
    else tracked.halve();
    if (step % 50 === 0) tracked.invariant();
  }
});

Deno.test("TrackedKeys.touch() of a key that cannot be kept is -1", () => {
  const tracked = trackedKeys(4);
  assertEquals(tracked.touch("x".repeat(256)), -1);
  assertEquals(tracked.slotOf("x".repeat(256)), -1);
  assertEquals(tracked.size, 0);
});

Deno.test("TrackedKeys does work for its accesses, not for accesses times slots", () => {
  // Each access is to a new key: the least count grows as fast as it can.
  const tracked = trackedKeys(1_000);
  const startMs = performance.now();
  for (let i = 0; i < 200_000; i++) tracked.touch(`k${i}`);
  // 0.1 to 0.3 s; looking through all slots each time would take some 100 s.
  assertLess(performance.now() - startMs, 10_000);
  tracked.invariant();
});

Deno.test("TrackedKeys takes the same memory after any number of keys of a size", () => {
  const tracked = trackedKeys(1_000);
  const touch = (from: number) => {
    for (let i = from; i < from + 50_000; i++) tracked.touch(`price:SYM${1_000_000 + i}`);
  };
  touch(0);
  const bytes = tracked.bytes;
  touch(50_000);
  assertEquals(tracked.bytes, bytes);
  // 16 bytes of text, 5 for where it is, 8 of counts, 4 of the index.
  assertLess(bytes / 1_000, 36);
});

Deno.test("TrackedKeys() refuses numbers of slots that are out of range", () => {
  for (const keysMax of [0, -1, 1.5, NaN, TRACKED_KEYS_MAX + 1]) {
    assertThrows(() => trackedKeys(keysMax), RangeError, "Cannot track keys: expected 1 to");
  }
});
