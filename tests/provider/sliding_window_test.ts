import { SlidingWindow } from "../../src/provider/sliding_window.ts";
import { seededRandom } from "../../src/actor/clock.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { seedOf } from "../actor/seed.ts";

/** The slow twin: all times, counted anew each time. */
function fits(times: readonly number[], max: number, windowMs: number, nowMs: number): boolean {
  return times.filter((time) => time > nowMs - windowMs).length < max;
}

Deno.test("SlidingWindow agrees with a slow twin over random arrivals", () => {
  const random = seededRandom(seedOf("SlidingWindow"));
  for (let round = 0; round < 50; round++) {
    const max = 1 + Math.floor(random.next() * 20);
    const windowMs = 10 + Math.floor(random.next() * 100);
    const window = new SlidingWindow(max, windowMs);
    const accepted: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 300; i++) {
      // Whole steps, so that arrivals fall on the edge of a window too.
      nowMs += Math.floor(random.next() * (windowMs / max) * 2);
      const expected = fits(accepted, max, windowMs, nowMs);
      assertEquals(window.waitMs(nowMs) === 0, expected);
      if (!expected) {
        assertEquals(fits(accepted, max, windowMs, nowMs + window.waitMs(nowMs)), true);
        assertEquals(fits(accepted, max, windowMs, nowMs + window.waitMs(nowMs) - 0.5), false);
        continue;
      }
      window.accept(nowMs);
      accepted.push(nowMs);
    }
    const most = accepted.map((end) =>
      accepted.filter((time) => time > end - windowMs && time <= end).length
    );
    assertEquals(window.peak, Math.max(...most));
  }
});

Deno.test("SlidingWindow lets the one after the limit in exactly a window after the first", () => {
  const window = new SlidingWindow(2, 1_000);
  window.accept(0);
  window.accept(400);
  assertEquals(window.waitMs(400), 600);
  assertEquals(window.waitMs(999), 1);
  assertEquals(window.waitMs(1_000), 0);
  assertEquals(window.left(1_000), 1);
});

Deno.test("SlidingWindow refuses a limit that is none", () => {
  for (const [max, windowMs] of [[0, 1], [1.5, 1], [1, 0], [1, NaN]] as const) {
    assertThrows(() => new SlidingWindow(max, windowMs), RangeError, "Cannot make a window");
  }
});
