import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import { type Clock, systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { LAG_CATCH_UP_MAX, watchLoopLag } from "../../src/monitor/loop_lag.ts";

/** A clock whose loop can be blocked: time passes, timers fire when it is free again. */
class BlockedClock implements Clock {
  readonly #clock = new VirtualClock();
  #behindMs = 0;
  now(): number {
    return this.#clock.now() + this.#behindMs;
  }
  wallNow(): number {
    return this.now();
  }
  setTimer(delayMs: number, fire: () => void) {
    return this.#clock.setTimer(delayMs, fire);
  }
  /** Lets timers fire on time until `ms` have passed. */
  run(ms: number): void {
    const untilMs = this.#clock.now() + ms;
    while (this.#clock.nextTimerAt() <= untilMs) this.#clock.fireNext();
    this.#clock.advance(untilMs - this.#clock.now());
  }
  /** Lets the next timer fire `ms` late. */
  block(ms: number): void {
    this.#behindMs += ms;
    this.#clock.fireNext();
  }
}

Deno.test("watchLoopLag() finds no lag on a loop that is free", () => {
  const clock = new BlockedClock();
  const lags: number[] = [];
  const end = watchLoopLag(clock, (lagMs) => lags.push(lagMs), 20);
  clock.run(200);
  assertEquals(lags, Array(10).fill(0));
  end();
  clock.run(200);
  assertEquals(lags.length, 10);
});

Deno.test("watchLoopLag() answers for every probe that fell due while the loop was blocked", () => {
  const clock = new BlockedClock();
  const lags: number[] = [];
  watchLoopLag(clock, (lagMs) => lags.push(lagMs), 20);
  clock.run(100);
  lags.length = 0;
  clock.block(95);
  assertEquals(lags, [95, 75, 55, 35, 15]);
  lags.length = 0;
  // In step with its schedule again.
  clock.run(25);
  assertEquals(lags, [0, 0]);
});

Deno.test("watchLoopLag() answers for a bounded number of probes after a long sleep", () => {
  const clock = new BlockedClock();
  const lags: number[] = [];
  watchLoopLag(clock, (lagMs) => lags.push(lagMs), 20);
  clock.block(8 * 3_600_000);
  assertEquals(lags.length, LAG_CATCH_UP_MAX);
  assertEquals(lags[0], 8 * 3_600_000);
  lags.length = 0;
  clock.run(40);
  assertEquals(lags, [0, 0]);
});

Deno.test("watchLoopLag() on the machine's clock finds a loop that is blocked on purpose", async () => {
  const lags: number[] = [];
  const end = watchLoopLag(systemClock, (lagMs) => lags.push(lagMs), 5);
  // The first probe is due in the midst of this.
  const untilMs = systemClock.now() + 100;
  while (systemClock.now() < untilMs);
  await new Promise((resolve) => setTimeout(resolve, 20));
  end();
  assertGreaterOrEqual(Math.max(...lags), 90);
  const ofTheBlock = lags.filter((lagMs) => lagMs > 5).length;
  assert(ofTheBlock >= 15, `${ofTheBlock} probes of ${lags.length}`);
});

Deno.test("watchLoopLag() refuses to probe without a pause", () => {
  for (const everyMs of [0, -1, NaN]) {
    assertThrows(() => watchLoopLag(systemClock, () => {}, everyMs), RangeError, "everyMs above 0");
  }
});
