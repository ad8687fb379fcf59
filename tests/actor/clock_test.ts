import { seededRandom, systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { seedOf } from "./seed.ts";

Deno.test("VirtualClock stands still until it is told to move", () => {
  const clock = new VirtualClock(5);
  assertEquals(clock.now(), 5);
  clock.advance(2.5);
  assertEquals(clock.now(), 7.5);
});

Deno.test("VirtualClock.wallNow() moves with now(), in whole milliseconds", () => {
  const clock = new VirtualClock(0, 1_000);
  clock.advance(2.9);
  assertEquals(clock.wallNow(), 1_002);
});

Deno.test("VirtualClock fires timers in the order of their time", () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  for (const ms of [30, 10, 20]) clock.setTimer(ms, () => fired.push(ms));
  clock.advance(30);
  assertEquals(fired, [10, 20, 30]);
});

Deno.test("VirtualClock fires timers of one time in the order in which they were set", () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  for (const name of ["a", "b", "c"]) clock.setTimer(10, () => fired.push(name));
  clock.advance(10);
  assertEquals(fired, ["a", "b", "c"]);
});

Deno.test("VirtualClock.now() during a timer is that timer's time", () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  for (const ms of [10, 20]) clock.setTimer(ms, () => seen.push(clock.now()));
  clock.advance(100);
  assertEquals([seen, clock.now()], [[10, 20], 100]);
});

Deno.test("VirtualClock fires a timer that a timer set, if it falls due on the way", () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  clock.setTimer(10, () => clock.setTimer(5, () => fired.push(clock.now())));
  clock.advance(15);
  assertEquals(fired, [15]);
});

Deno.test("VirtualClock does not fire what was cancelled, also twice", () => {
  const clock = new VirtualClock();
  const cancel = clock.setTimer(10, () => assert(false));
  cancel();
  cancel();
  assertEquals(clock.nextTimerAt(), Infinity);
  clock.advance(10);
});

Deno.test("VirtualClock takes a negative delay for none", () => {
  const clock = new VirtualClock(5);
  clock.setTimer(-3, () => {});
  assertEquals(clock.nextTimerAt(), 5);
});

Deno.test("VirtualClock agrees with a sorted list over random timers", () => {
  const seed = seedOf("clock");
  const random = seededRandom(seed);
  const clock = new VirtualClock();
  const fired: number[] = [];
  const twin: { atMs: number; n: number; cancelled: boolean; cancel: () => void }[] = [];
  for (let n = 0; n < 2_000; n++) {
    const atMs = Math.floor(random.next() * 300);
    const cancel = clock.setTimer(atMs, () => fired.push(n));
    twin.push({ atMs, n, cancelled: false, cancel });
    if (random.next() > 0.3) continue;
    const victim = twin[Math.floor(random.next() * twin.length)];
    if (victim === undefined) continue;
    victim.cancelled = true;
    victim.cancel();
  }
  clock.advance(300);
  const expected = twin.filter(({ cancelled }) => !cancelled)
    .sort((a, b) => a.atMs - b.atMs || a.n - b.n).map(({ n }) => n);
  assertEquals(fired, expected, `seed ${seed}`);
});

Deno.test("systemClock.setTimer() does not fire a long timer at once", async () => {
  let fired = false;
  const cancel = systemClock.setTimer(2 ** 31 + 1_000, () => fired = true);
  await new Promise<void>((resolve) => void systemClock.setTimer(5, resolve));
  cancel();
  assertEquals(fired, false);
});

Deno.test("systemClock.now() never goes back", () => {
  let last = systemClock.now();
  for (let i = 0; i < 1_000; i++) {
    const now = systemClock.now();
    assert(now >= last);
    last = now;
  }
});

Deno.test("seededRandom() gives the same sequence for the same seed", () => {
  const [a, b] = [seededRandom(42), seededRandom(42)];
  for (let i = 0; i < 1_000; i++) assertStrictEquals(a.next(), b.next());
});

Deno.test("seededRandom() gives another sequence for another seed", () => {
  assertNotEquals(seededRandom(1).next(), seededRandom(2).next());
});

Deno.test("seededRandom() stays in [0, 1) and is even", () => {
  const random = seededRandom(7);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const at = Math.floor(random.next() * 10);
    buckets[at] = (buckets[at] as number) + 1;
  }
  // 100 is about one standard deviation of each bucket.
  for (const count of buckets) assert(Math.abs(count - 10_000) < 500, `${buckets}`);
});
