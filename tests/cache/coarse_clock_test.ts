import { assert, assertEquals, assertThrows } from "@std/assert";
import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { CoarseClock } from "../../src/cache/coarse_clock.ts";

Deno.test("CoarseClock reads the clock once a resolution", () => {
  const clock = new VirtualClock(100);
  let reads = 0;
  const counted = {
    now: () => (reads++, clock.now()),
    wallNow: () => clock.wallNow(),
    setTimer: clock.setTimer.bind(clock),
  };
  using coarse = new CoarseClock(counted, 10);
  assertEquals([coarse.now(), coarse.now(), coarse.now(), reads], [100, 100, 100, 1]);
  clock.advance(9);
  assertEquals([coarse.now(), reads], [100, 1]);
  clock.advance(1);
  assertEquals([coarse.now(), reads], [110, 2]);
});

Deno.test("CoarseClock leaves no timer when nobody asks", () => {
  const clock = new VirtualClock();
  using coarse = new CoarseClock(clock, 10);
  assertEquals(clock.nextTimerAt(), Infinity);
  coarse.now();
  assertEquals(clock.nextTimerAt(), 10);
  clock.advance(10);
  assertEquals(clock.nextTimerAt(), Infinity);
});

Deno.test("CoarseClock.close() takes its timer away and reads on", () => {
  const clock = new VirtualClock();
  const coarse = new CoarseClock(clock, 10);
  coarse.now();
  coarse.close();
  coarse.close();
  assertEquals(clock.nextTimerAt(), Infinity);
  clock.advance(3);
  assertEquals(coarse.now(), 3);
  assertEquals(clock.nextTimerAt(), Infinity);
});

Deno.test("CoarseClock over the machine's clock holds no timer once closed", () => {
  const coarse = new CoarseClock(systemClock, 1);
  assert(coarse.now() > 0);
  coarse.close();
});

Deno.test("CoarseClock refuses a resolution that is none", () => {
  for (const resolutionMs of [0, -1, NaN]) {
    assertThrows(() => new CoarseClock(systemClock, resolutionMs), RangeError, "above 0 ms");
  }
});
