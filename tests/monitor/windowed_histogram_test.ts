import { assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { SLOTS_MAX, WindowedHistogram } from "../../src/monitor/windowed_histogram.ts";
import { seedOf } from "../actor/seed.ts";

const SEED = seedOf("windowed_histogram_test");

Deno.test("WindowedHistogram forgets slot by slot", () => {
  const window = new WindowedHistogram({ windowMs: 60, slots: 6 });
  window.record(1, 5);
  window.record(2, 15);
  assertEquals(window.at(59).count, 2);
  assertEquals([window.at(60).count, window.at(60).min], [1, 2]);
  assertEquals(window.at(69).count, 1);
  assertEquals(window.at(70).count, 0);
});

Deno.test("WindowedHistogram forgets everything after a pause longer than the window", () => {
  const window = new WindowedHistogram({ windowMs: 60, slots: 6 });
  for (let nowMs = 0; nowMs < 60; nowMs++) window.record(1, nowMs);
  assertEquals(window.at(59).count, 60);
  assertEquals(window.at(1e12).count, 0);
  window.record(3, 1e12);
  assertEquals(window.at(1e12 + 1).sum, 3);
});

Deno.test("WindowedHistogram counts for its latest slot when time goes backwards", () => {
  const window = new WindowedHistogram({ windowMs: 60, slots: 6 });
  window.record(1, 55);
  window.record(2, 3);
  assertEquals(window.at(50).count, 2);
  assertEquals(window.at(109).count, 2);
  assertEquals(window.at(110).count, 0);
});

Deno.test("WindowedHistogram refuses windows and slots that are none", () => {
  for (const options of [{ windowMs: 0 }, { windowMs: NaN }, { windowMs: 1, slots: 0 }]) {
    assertThrows(() => new WindowedHistogram(options), RangeError, "Cannot make a window");
  }
  const slots = SLOTS_MAX + 1;
  assertThrows(() => new WindowedHistogram({ windowMs: 1, slots }), RangeError, "1 to 64 slots");
});

Deno.test("WindowedHistogram holds what a twin that keeps every number holds", () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 30; round++) {
    const slots = 1 + Math.floor(random.next() * 8);
    const slotMs = 1 + Math.floor(random.next() * 50);
    const window = new WindowedHistogram({ windowMs: slots * slotMs, slots });
    const kept: { slot: number; value: number }[] = [];
    let nowMs = Math.floor(random.next() * 1_000), latest = 0;
    for (let step = 0; step < 300; step++) {
      nowMs += Math.floor(random.next() * (random.next() < 0.02 ? 20 : 1) * slotMs);
      latest = Math.floor(nowMs / slotMs);
      if (random.next() < 0.7) {
        const value = random.next();
        window.record(value, nowMs);
        kept.push({ slot: latest, value });
      } else {
        const twin = new Histogram();
        for (const { slot, value } of kept) if (slot > latest - slots) twin.record(value);
        const found = window.at(nowMs);
        assertEquals([found.count, found.min, found.max], [twin.count, twin.min, twin.max]);
        assertEquals(found.percentiles([0.5, 0.99]), twin.percentiles([0.5, 0.99]));
      }
    }
  }
});
