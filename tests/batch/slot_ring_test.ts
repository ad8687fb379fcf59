/** Slot rings: by hand, against a slow twin, and that each mistake of a rival would be seen. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { WindowOracle } from "../../bench/batch/limiter_oracle.ts";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import type { LimitRate } from "../../src/batch/limit_rate.ts";
import { SlotRing } from "../../src/batch/slot_ring.ts";
import { seedOf } from "../actor/seed.ts";

/** The same by a list of every use there ever was. */
class SlowRing {
  #rate: LimitRate;
  #uses: { fromMs: number }[] = [];
  held = 0;

  constructor(rate: LimitRate) {
    this.#rate = rate;
  }

  used(nowMs: number): number {
    const { windowMs } = this.#rate;
    return this.held + this.#uses.filter(({ fromMs }) => nowMs < fromMs + windowMs).length;
  }

  free(nowMs: number): number {
    return Math.max(0, this.#rate.requests - this.used(nowMs));
  }

  take(count: number, nowMs: number): boolean {
    if (this.free(nowMs) < count) return false;
    this.held += count;
    return true;
  }

  use(count: number, fromMs: number): void {
    for (let i = 0; i < count; i++) this.#uses.push({ fromMs });
  }

  end(count: number, fromMs: number): void {
    this.held -= count;
    this.use(count, fromMs);
  }

  /** What is known now happens and nothing else: try every moment at which a slot may be free. */
  freeAtMs(count: number, nowMs: number): number {
    if (count > this.#rate.requests) return Infinity;
    const moments = [nowMs, ...this.#uses.map(({ fromMs }) => fromMs + this.#rate.windowMs)];
    return moments.filter((ms) => ms >= nowMs).sort((a, b) => a - b)
      .find((ms) => this.free(ms) >= count) ?? Infinity;
  }

  setRate(rate: LimitRate, nowMs: number): void {
    const used = this.used(nowMs);
    this.#uses = this.#uses.filter(({ fromMs }) => nowMs < fromMs + this.#rate.windowMs);
    if (rate.windowMs > this.#rate.windowMs) {
      this.use(Math.max(0, rate.requests - used), nowMs - this.#rate.windowMs);
    }
    this.#rate = rate;
  }
}

const upTo = (random: Random, most: number) => Math.floor(random.next() * (most + 1));

Deno.test("SlotRing frees a slot a window after the response, to the millisecond", () => {
  const ring = new SlotRing({ requests: 2, windowMs: 1_000 });
  assertEquals([ring.take(1, 0), ring.take(1, 0), ring.take(1, 0)], [true, true, false]);
  assertEquals(ring.freeAtMs(1, 10), Infinity);
  ring.release(1, 80);
  assertEquals(ring.freeAtMs(1, 100), 1_080);
  assertEquals(ring.take(1, 1_079.999), false);
  assertEquals(ring.take(1, 1_080), true);
  ring.release(2, 1_500);
  assertEquals([ring.freeAtMs(1, 1_500), ring.freeAtMs(2, 1_500)], [2_500, 2_500]);
  assertEquals(ring.freeAtMs(3, 1_500), Infinity);
});

Deno.test("SlotRing.giveBack() frees at once, lose() a window after the last possible arrival", () => {
  const ring = new SlotRing({ requests: 2, windowMs: 1_000 });
  ring.take(2, 0);
  ring.giveBack(1);
  assertEquals(ring.free(0), 1);
  ring.lose(1, 100, 5_100);
  assertEquals(ring.freeAtMs(2, 200), 6_100);
  assertEquals(ring.free(6_099), 1);
  assertEquals(ring.free(6_100), 2);
});

Deno.test("SlotRing takes a clock that goes back as one that stands still", () => {
  const ring = new SlotRing({ requests: 1, windowMs: 1_000 });
  ring.take(1, 5_000);
  ring.release(1, 4_000);
  assertEquals(ring.free(5_999), 0);
  assertEquals(ring.freeAtMs(1, 0), 6_000);
  assertEquals(ring.free(6_000), 1);
});

Deno.test("SlotRing.setRate() waits after lowering and fills what a longer window forgot", () => {
  const ring = new SlotRing({ requests: 4, windowMs: 1_000 });
  ring.take(4, 0);
  ring.release(4, 0);
  ring.setRate({ requests: 2, windowMs: 1_000 }, 500);
  assertEquals(ring.free(500), 0);
  assertEquals(ring.freeAtMs(1, 500), 1_000);
  // At 1,500 the ring remembers nothing before 500: up to 3 may have been used at 500.
  ring.setRate({ requests: 3, windowMs: 4_000 }, 1_500);
  assertEquals(ring.free(1_500), 0);
  assertEquals(ring.freeAtMs(3, 1_500), 4_500);
});

Deno.test("SlotRing refuses more releases than uses, rates beyond its bounds, runs out of order", () => {
  const ring = new SlotRing({ requests: 1, windowMs: 1_000 });
  assertThrows(() => ring.release(1, 0), RangeError, "at most the 0 held");
  assertThrows(() => new SlotRing({ requests: 0, windowMs: 1_000 }), RangeError);
  assertThrows(() => new SlotRing({ requests: 1.5, windowMs: 1_000 }), RangeError);
  assertThrows(() => new SlotRing({ requests: 1, windowMs: 0 }), RangeError);
  const runs = [{ atMs: 9, count: 1 }, { atMs: 8, count: 1 }];
  assertThrows(() => new SlotRing({ requests: 9, windowMs: 99 }).restore(runs, 10), RangeError);
});

Deno.test("SlotRing does what a list of all uses says, over random operations", () => {
  const random = seededRandom(seedOf("slot ring twin"));
  for (let round = 0; round < 60; round++) {
    const rate = () => ({ requests: 1 + upTo(random, 12), windowMs: 1 + upTo(random, 500) });
    const first = rate(), strayMs = upTo(random, 300);
    const ring = new SlotRing(first), slow = new SlowRing(first);
    let nowMs = 0;
    for (let step = 0; step < 400; step++) {
      nowMs += upTo(random, 60);
      const count = 1 + upTo(random, 3), ending = Math.min(count, slow.held);
      const what = random.next();
      if (what < 0.5) {
        assertEquals(ring.take(count, nowMs), slow.take(count, nowMs));
      } else if (what < 0.8) {
        ring.release(ending, nowMs);
        slow.end(ending, nowMs);
      } else if (what < 0.87) {
        ring.lose(ending, nowMs, nowMs + strayMs);
        slow.end(ending, nowMs + strayMs);
      } else if (what < 0.93) {
        ring.giveBack(ending);
        slow.held -= ending;
      } else if (what < 0.95) {
        const next = rate();
        ring.setRate(next, nowMs);
        slow.setRate(next, nowMs);
      }
      ring.invariant();
      assertEquals(ring.used(nowMs), slow.used(nowMs));
      assertEquals(ring.free(nowMs), slow.free(nowMs));
      assertEquals(ring.freeAtMs(count, nowMs), slow.freeAtMs(count, nowMs));
    }
  }
});

Deno.test("SlotRing of a large limit stays small, never frees early and at most 1/4,096 late", () => {
  const random = seededRandom(seedOf("slot ring grain"));
  const rate = { requests: 100_000, windowMs: 86_400_000 };
  const ring = new SlotRing(rate);
  const released: number[] = [];
  let nowMs = 0;
  for (let i = 0; i < rate.requests; i++) {
    nowMs += random.next() * 800;
    assert(ring.take(1, nowMs));
    ring.release(1, nowMs);
    released.push(nowMs);
  }
  assert(ring.runs(nowMs).length <= 4_097);
  for (const count of [1, 10, 1_000, 50_000, 100_000]) {
    const exactMs = released[count - 1] as number + rate.windowMs;
    const lateMs = ring.freeAtMs(count, nowMs) - exactMs;
    assert(lateMs >= 0 && lateMs <= rate.windowMs / 4_096, `${count}: ${lateMs} ms late`);
  }
});

Deno.test("SlotRing.restore() goes on where another ring was", () => {
  const ring = new SlotRing({ requests: 3, windowMs: 1_000 });
  ring.take(2, 0);
  ring.release(1, 100);
  ring.take(1, 300);
  ring.release(1, 300);
  ring.lose(1, 400, 900);
  const other = new SlotRing({ requests: 3, windowMs: 1_000 });
  other.restore(ring.runs(500), 500);
  assertEquals([1, 2, 3].map((count) => other.freeAtMs(count, 500)), [1_100, 1_300, 1_900]);
  other.invariant();
});

Deno.test("WindowOracle counts every window, as looking at all pairs does", () => {
  const random = seededRandom(seedOf("window oracle"));
  for (let round = 0; round < 200; round++) {
    const requests = 1 + upTo(random, 5), windowMs = 20;
    const oracle = new WindowOracle(requests, windowMs);
    const times: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 60; i++) {
      nowMs += upTo(random, 8);
      oracle.arrive(nowMs);
      times.push(nowMs);
    }
    // One too many when the window (t - W, t] that ends with it holds more than N.
    const slow = times.filter((t, i) =>
      times.filter((other, j) => j <= i && other > t - windowMs).length > requests
    );
    assertEquals(oracle.violations, slow.length);
  }
});
