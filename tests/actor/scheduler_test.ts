import { z } from "zod";
import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { actor, createSystem, protocol } from "../../src/actor/mod.ts";
import { type Runnable, SLICE_MESSAGES_MAX, TurnScheduler } from "../../src/actor/scheduler.ts";
import { assert, assertEquals, assertLess } from "@std/assert";
import { settle, turn } from "./support.ts";

/** A unit that always has work, up to a number of messages. */
class Busy implements Runnable {
  scheduled = false;
  handled = 0;
  slices: number[] = [];
  constructor(public left: number, readonly onSlice: (unit: Busy) => void = () => {}) {}
  get ready(): boolean {
    return this.left > 0;
  }
  runSlice(messagesMax: number): number {
    const took = Math.min(messagesMax, this.left);
    this.left -= took;
    this.handled += took;
    this.slices.push(took);
    this.onSlice(this);
    return took;
  }
}

Deno.test("TurnScheduler gives slices of at most 64 messages, in turn", async () => {
  const scheduler = new TurnScheduler(new VirtualClock());
  const order: string[] = [];
  const a = new Busy(150, () => order.push("a"));
  const b = new Busy(100, () => order.push("b"));
  scheduler.schedule(a);
  scheduler.schedule(b);
  await settle();
  assertEquals([a.slices, b.slices, order.join("")], [[64, 64, 22], [64, 36], "ababa"]);
});

Deno.test("TurnScheduler.schedule() never runs the unit before it returns", () => {
  const scheduler = new TurnScheduler(new VirtualClock());
  const unit = new Busy(1);
  scheduler.schedule(unit);
  assertEquals([unit.handled, unit.scheduled], [0, true]);
  scheduler.dispose();
});

Deno.test("TurnScheduler.schedule() of a scheduled unit does nothing", async () => {
  const scheduler = new TurnScheduler(new VirtualClock());
  const unit = new Busy(1);
  scheduler.schedule(unit);
  scheduler.schedule(unit);
  await settle();
  assertEquals(unit.slices, [1]);
});

Deno.test("TurnScheduler gives way to the event loop after 1,024 messages", async () => {
  const scheduler = new TurnScheduler(new VirtualClock());
  const unit = new Busy(10_000);
  scheduler.schedule(unit);
  await Promise.resolve();
  assertEquals(unit.handled, 1_024);
  await turn();
  assertEquals(unit.handled, 2_048);
  scheduler.dispose();
});

Deno.test("TurnScheduler gives way to the event loop after 2 ms", async () => {
  const clock = new VirtualClock();
  const scheduler = new TurnScheduler(clock);
  const unit = new Busy(10_000, () => clock.advance(1));
  scheduler.schedule(unit);
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assertEquals(unit.handled, 2 * SLICE_MESSAGES_MAX);
  scheduler.dispose();
});

Deno.test("TurnScheduler lets those who wait for a reply run after 0.5 ms", async () => {
  const clock = new VirtualClock();
  const scheduler = new TurnScheduler(clock);
  const unit = new Busy(10_000, () => clock.advance(0.6));
  scheduler.schedule(unit);
  await Promise.resolve();
  assertEquals(unit.handled, SLICE_MESSAGES_MAX);
  await Promise.resolve();
  assertEquals(unit.handled, 2 * SLICE_MESSAGES_MAX);
  scheduler.dispose();
});

Deno.test("TurnScheduler does not lose units when its queue grows while it works", async () => {
  const scheduler = new TurnScheduler(new VirtualClock());
  const late = Array.from({ length: 500 }, () => new Busy(1));
  const first = new Busy(1, () => late.forEach((unit) => scheduler.schedule(unit)));
  scheduler.schedule(first);
  await settle();
  assertEquals(late.filter((unit) => unit.handled === 1).length, 500);
});

Deno.test("TurnScheduler.dispose() leaves nothing to run and nothing pending", async () => {
  const scheduler = new TurnScheduler(new VirtualClock());
  const unit = new Busy(1);
  scheduler.schedule(unit);
  scheduler.dispose();
  await settle();
  assertEquals(unit.handled, 0);
});

Deno.test("TurnScheduler tells how long its coarse time stood still", async () => {
  const clock = new VirtualClock();
  const scheduler = new TurnScheduler(clock);
  const lags: number[][] = [];
  scheduler.onLag = (beforeMs, nowMs) => lags.push([beforeMs, nowMs]);
  scheduler.schedule(new Busy(1, () => clock.advance(10)));
  await settle();
  assertEquals(lags, [[0, 10]]);
});

Deno.test("TurnScheduler does not take a pause between turns for a lag", async () => {
  const clock = new VirtualClock();
  const scheduler = new TurnScheduler(clock);
  let lags = 0;
  scheduler.onLag = () => lags++;
  for (let i = 0; i < 3; i++) {
    scheduler.schedule(new Busy(1));
    await settle();
    clock.advance(1_000);
  }
  assertEquals(lags, 0);
});

// ---- real time ------------------------------------------------------------------------------------

const Loop = protocol("loop", { again: { payload: z.null() } });
const Probe = protocol("probe", { ping: { payload: z.null(), reply: z.null() } });

/** An actor that tells itself as long as it lives and takes about 20 µs each time. */
const saturated = actor(Loop, (ctx) => ({
  again: () => {
    ctx.self.tell("again", null);
    const untilMs = systemClock.now() + 0.02;
    while (systemClock.now() < untilMs);
  },
}));

Deno.test("a saturated actor starves neither timers nor another actor", async () => {
  const system = createSystem({ log: null });
  const loop = system.spawn(saturated, { name: "loop", args: {}, shutdownMs: 0 });
  const probe = system.spawn(actor(Probe, () => ({ ping: () => null })), { name: "p", args: {} });
  for (let i = 0; i < 100; i++) loop.tell("again", null);
  let timersFired = 0;
  const waitsMs: number[] = [];
  for (let i = 0; i < 20; i++) {
    await new Promise<void>((resolve) => void systemClock.setTimer(1, resolve));
    timersFired++;
    const startMs = systemClock.now();
    await probe.ask("ping", null);
    waitsMs.push(systemClock.now() - startMs);
  }
  await system.stop({ drain: false });
  assertEquals(timersFired, 20);
  // The bound that the design sets for the p99 is 10 ms; this machine has other things to do.
  waitsMs.sort((a, b) => a - b);
  assertLess(waitsMs[10], 10);
});

Deno.test("a hundred actors that tell each other let the event loop turn", async () => {
  const system = createSystem({ log: null });
  let hops = 0;
  const Hop = protocol("hop", { hop: { payload: z.number() } });
  const hopper = actor(Hop, (_ctx, { next }: { next: number }) => ({
    hop: (n) => {
      hops++;
      system.ref(Hop, `h${next}`).tell("hop", n + 1);
    },
  }));
  for (let i = 0; i < 100; i++) {
    system.spawn(hopper, { name: `h${i}`, args: { next: (i + 1) % 100 } });
  }
  system.ref(Hop, "h0").tell("hop", 0);
  for (let i = 0; i < 5; i++) await turn();
  assert(hops > 1_000);
  await system.stop({ deadlineMs: 0, drain: false });
});
