import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { SlotWheel, TICK_MS } from "../../src/warm/slot_wheel.ts";
import { seedOf } from "../actor/seed.ts";

const START_MS = 1_772_000_000_000;
const SLOTS = 50;

Deno.test("SlotWheel fires as a map of times does, never early and at most a tick late", () => {
  const seed = seedOf("slot_wheel_test");
  const random = seededRandom(seed);
  const wheel = new SlotWheel(SLOTS, START_MS);
  const twin = new Map<number, number>();
  let nowMs = START_MS;
  let fired = 0;
  for (let step = 0; step < 5_000; step++) {
    const slot = Math.floor(random.next() * SLOTS);
    if (random.next() < 0.1) {
      wheel.clear(slot);
      twin.delete(slot);
    } else if (random.next() < 0.5) {
      // From the past to several rounds ahead.
      const atMs = nowMs - 1_000 + Math.floor(random.next() ** 3 * 4 * 3_600_000);
      wheel.set(slot, atMs);
      twin.set(slot, Math.max(atMs, nowMs));
    }
    const lastMs = nowMs;
    nowMs += Math.floor(random.next() ** 6 * 3_000_000);
    wheel.advance(nowMs, (due) => {
      const atMs = twin.get(due);
      assert(atMs !== undefined && atMs <= nowMs, `seed ${seed}, step ${step}: slot ${due} early`);
      assert(atMs + 2 * TICK_MS >= lastMs, `seed ${seed}, step ${step}: slot ${due} late`);
      twin.delete(due);
      fired++;
    });
    for (const [left, atMs] of twin) {
      assert(atMs + 2 * TICK_MS > nowMs, `seed ${seed}, step ${step}: slot ${left} forgotten`);
      assert(wheel.has(left));
    }
    assertEquals(wheel.count, twin.size);
  }
  assert(fired > 500);
});

Deno.test("SlotWheel.advance() lets what it calls set and clear timers of the same moment", () => {
  const wheel = new SlotWheel(4, START_MS);
  for (let slot = 0; slot < 4; slot++) wheel.set(slot, START_MS + 1_000);
  const fired: number[] = [];
  wheel.advance(START_MS + 1_000, (slot) => {
    fired.push(slot);
    for (let other = 0; other < 4; other++) if (!fired.includes(other)) wheel.clear(other);
    wheel.set(slot, START_MS);
  });
  assertEquals(fired.length, 1);
  wheel.advance(START_MS + 2_000, (slot) => fired.push(slot));
  assertEquals(fired, [fired[0], fired[0]]);
});

Deno.test("SlotWheel.advance() over a jump of a year fires every timer once", () => {
  const wheel = new SlotWheel(SLOTS, START_MS);
  for (let slot = 0; slot < SLOTS; slot++) wheel.set(slot, START_MS + slot * 86_400_000);
  const fired: number[] = [];
  wheel.advance(START_MS + 365 * 86_400_000, (slot) => fired.push(slot));
  assertEquals(fired.sort((a, b) => a - b), Array.from({ length: SLOTS }, (_, slot) => slot));
  assertEquals(wheel.count, 0);
});
