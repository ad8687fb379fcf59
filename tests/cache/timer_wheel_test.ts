import { assertEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Arena, HOT_SHIFT, LIVE, META } from "../../src/cache/arena.ts";
import { TimerWheel } from "../../src/cache/timer_wheel.ts";
import { TTL_MAX_MS } from "../../src/cache/ttl_code.ts";
import { seedOf } from "../actor/seed.ts";

function wheelOf(entriesMax: number) {
  const arena = new Arena<number>(entriesMax, false, 0);
  const wheel = new TimerWheel(arena);
  const add = (nowMs: number, ttlMs: number) => {
    const slot = arena.take();
    arena.hot[(slot << HOT_SHIFT) + META] = LIVE;
    arena.setTimes(slot, nowMs, ttlMs, ttlMs);
    wheel.add(slot);
    return slot;
  };
  const remove = (slot: number) => {
    wheel.remove(slot);
    arena.give(slot);
  };
  return { arena, wheel, add, remove };
}

/** From 0 ms to 12 days, as many short ones as long ones; some without an end. */
function ttlBy(random: Random): number {
  if (random.next() < 0.1) return Infinity;
  return Math.min(TTL_MAX_MS, Math.floor(2 ** (random.next() * 31) - 1));
}

Deno.test("TimerWheel expires what a sorted list does, in the order of the ends", () => {
  const random = seededRandom(seedOf("timer_wheel_test"));
  for (let round = 0; round < 40; round++) {
    const { arena, wheel, add, remove } = wheelOf(400);
    const ends = new Map<number, number>();
    let nowMs = 0;
    while (nowMs < 2 ** 30) {
      for (let more = random.next() * 40; more > 0 && arena.size < 400; more--) {
        const ttlMs = ttlBy(random);
        ends.set(add(nowMs, ttlMs), nowMs + ttlMs);
      }
      for (const slot of ends.keys()) {
        if (random.next() > 0.05) continue;
        remove(slot);
        ends.delete(slot);
      }
      wheel.invariant();
      nowMs += Math.floor(2 ** (random.next() * 28));
      const due = [...ends].filter(([, endMs]) => endMs <= nowMs);
      const expired: number[] = [];
      const count = wheel.advance(nowMs, (slot) => {
        expired.push(slot);
        arena.give(slot);
      });
      assertEquals(count, due.length);
      const endsOf = expired.map((slot) => ends.get(slot) as number);
      // An end that had passed when it was added counts as the time of the wheel then.
      assertEquals(endsOf, [...endsOf].sort((a, b) => a - b));
      assertEquals(new Set(expired), new Set(due.map(([slot]) => slot)));
      for (const slot of expired) ends.delete(slot);
      assertEquals(wheel.count, [...ends.values()].filter((endMs) => endMs < Infinity).length);
    }
  }
});

Deno.test("TimerWheel.advance() is exact to the ms", () => {
  for (const ttlMs of [1, 63, 64, 65, 4_095, 4_096, 300_000, 86_400_000, TTL_MAX_MS]) {
    const { wheel, add } = wheelOf(1);
    add(0, ttlMs);
    assertEquals(wheel.advance(ttlMs - 1, () => {}), 0);
    assertEquals(wheel.advance(ttlMs, () => {}), 1);
  }
});

Deno.test("TimerWheel.advance() bears that others are removed while it expires", () => {
  const { arena, wheel, add, remove } = wheelOf(10);
  const slots = Array.from({ length: 10 }, () => add(0, 5));
  const expired: number[] = [];
  wheel.advance(5, (slot) => {
    expired.push(slot);
    arena.give(slot);
    const other = slots.find((one) => !expired.includes(one)) as number;
    if (other !== undefined && arena.size > 1) {
      remove(other);
      expired.push(other);
    }
  });
  assertEquals(arena.size, 0);
  wheel.invariant();
});

Deno.test("TimerWheel.rebase() changes no time that is left", () => {
  const { arena, wheel, add } = wheelOf(3);
  wheel.advance(1_000_000, () => {});
  for (const ttlMs of [1, 70_000, Infinity]) add(1_000_000, ttlMs);
  arena.rebase(1_000_000);
  wheel.rebase(1_000_000);
  wheel.invariant();
  assertEquals(arena.zeroMs, 1_000_000);
  assertEquals(wheel.advance(0, () => {}), 0);
  assertEquals(wheel.advance(1, () => {}), 1);
  assertEquals(wheel.advance(69_999, () => {}), 0);
  assertEquals(wheel.advance(70_000, () => {}), 1);
  assertEquals(wheel.count, 0);
});

Deno.test("TimerWheel.invariant() sees a slot whose end was changed behind it", () => {
  const { arena, wheel, add } = wheelOf(1);
  const slot = add(0, 5);
  arena.setTimes(slot, 0, 500_000, 500_000);
  assertThrows(() => wheel.invariant(), Error, "broken");
});
