import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Budget } from "../../src/warm/budget.ts";
import { seedOf } from "../actor/seed.ts";

const MINUTE_MS = 60_000;
const OPTIONS = { callsPerMinute: 7, callsAtOnce: 3, memoryMaxBytes: 1 };

Deno.test("Budget lets no more calls begin in any minute than it has, whatever the times", () => {
  const seed = seedOf("budget_test");
  const random = seededRandom(seed);
  const budget = new Budget(OPTIONS);
  const begun: number[] = [];
  let running = 0;
  let nowMs = 1_772_000_000_000;
  for (let step = 0; step < 20_000; step++) {
    // Mostly close together, now and then a long pause, often the very same moment.
    nowMs += random.next() < 0.3 ? 0 : Math.floor(random.next() ** 4 * 20_000);
    if (random.next() < 0.5 && running > 0) {
      budget.end(nowMs, "answered");
      running--;
    }
    while (budget.left(nowMs, null) > 0) {
      budget.begin(nowMs);
      begun.push(nowMs);
      running++;
      assert(running <= OPTIONS.callsAtOnce);
    }
  }
  assert(begun.length > 1_000);
  // The slow twin: any stretch of a minute that begins with a call.
  for (let at = 0; at + OPTIONS.callsPerMinute < begun.length; at++) {
    const after = begun[at + OPTIONS.callsPerMinute] as number;
    assert(after - (begun[at] as number) > MINUTE_MS, `seed ${seed}, call ${at}`);
  }
});

Deno.test("Budget leaves half of what the provider's limiter has left to users", () => {
  const budget = new Budget({ ...OPTIONS, callsPerMinute: 100, callsAtOnce: 10 });
  assertEquals(budget.left(0, null), 10);
  assertEquals(budget.left(0, 5), 2);
  assertEquals(budget.left(0, 1), 0);
  assertEquals(budget.left(0, 0), 0);
});

Deno.test("Budget.begin() throws when no call is left", () => {
  const budget = new Budget({ ...OPTIONS, callsAtOnce: 1 });
  budget.begin(0);
  assertThrows(() => budget.begin(0), Error, "Cannot begin a call");
});

Deno.test("Budget pauses after failures for twice as long each time, a minute at most", () => {
  const budget = new Budget(OPTIONS);
  const pauses: number[] = [];
  let nowMs = 0;
  for (let failure = 0; failure < 8; failure++) {
    budget.begin(nowMs);
    budget.end(nowMs, "failed");
    assertEquals(budget.left(nowMs, null), 0);
    pauses.push((budget.pausedUntilMs - nowMs) / 1_000);
    nowMs = budget.pausedUntilMs + MINUTE_MS;
  }
  assertEquals(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
  budget.begin(nowMs);
  budget.end(nowMs, "answered");
  budget.begin(nowMs);
  budget.end(nowMs, "failed");
  assertEquals(budget.pausedUntilMs - nowMs, 1_000);
});

Deno.test("Budget counts calls that fail together as one failure", () => {
  const budget = new Budget(OPTIONS);
  for (let call = 0; call < 3; call++) budget.begin(0);
  for (let call = 0; call < 3; call++) budget.end(10, "failed");
  assertEquals(budget.pausedUntilMs, 1_010);
});

Deno.test("Budget counts the calls of another life, those of the last minute", () => {
  const before = new Budget({ callsPerMinute: 5, callsAtOnce: 5, memoryMaxBytes: 1 });
  const startMs = 1_000_000;
  for (const afterMs of [0, 30_000, 50_000]) {
    before.begin(startMs + afterMs);
    before.end(startMs + afterMs, "answered");
  }
  const nowMs = startMs + 61_000;
  assertEquals(before.began(nowMs), [startMs + 30_000, startMs + 50_000]);
  const after = new Budget({ callsPerMinute: 5, callsAtOnce: 5, memoryMaxBytes: 1 });
  after.restore([...before.began(nowMs), 0, nowMs + 1, NaN], nowMs);
  assertEquals([after.used(nowMs), after.left(nowMs, null), after.running], [2, 3, 0]);
  assertEquals(after.left(startMs + 90_001, null), 4);
  // What began in this life is not counted twice.
  after.restore([nowMs], nowMs);
  assertEquals(after.used(nowMs), 1);
});

Deno.test("Budget.setCallsPerMinute() counts what was begun before, and nothing twice", () => {
  const budget = new Budget({ callsPerMinute: 4, callsAtOnce: 100, memoryMaxBytes: 1 });
  for (const ms of [0, 10_000, 20_000, 30_000]) budget.begin(ms);
  budget.setCallsPerMinute(2, 30_000);
  assertEquals([budget.used(30_000), budget.left(30_000, null)], [4, 0]);
  assertEquals(budget.options.callsPerMinute, 2);
  // Those of 0 and 10 s are over a minute ago; two are left, as many as there may be.
  assertEquals([budget.used(70_001), budget.left(70_001, null)], [2, 0]);
  assertEquals(budget.left(80_001, null), 1);
  budget.setCallsPerMinute(10, 80_001);
  assertEquals([budget.began(80_001), budget.left(80_001, null)], [[30_000], 9]);
  for (let i = 0; i < 9; i++) budget.begin(80_001);
  assertEquals(budget.left(80_001, null), 0);
  budget.setCallsPerMinute(0, 80_001);
  assertEquals([budget.left(80_001, null), budget.left(200_000, null)], [0, 0]);
});

Deno.test("Budget whose size changes all the time lets no minute have more than its largest", () => {
  const seed = seedOf("budget_test");
  const random = seededRandom(seed);
  const budget = new Budget({ callsPerMinute: 5, callsAtOnce: 1_000, memoryMaxBytes: 1 });
  const begun: number[] = [];
  let nowMs = 1_772_000_000_000;
  for (let step = 0; step < 5_000; step++) {
    nowMs += Math.floor(random.next() ** 4 * 20_000);
    if (random.next() < 0.1) budget.setCallsPerMinute(1 + Math.floor(random.next() * 9), nowMs);
    while (budget.left(nowMs, null) > 0) {
      budget.begin(nowMs);
      budget.end(nowMs, "answered");
      begun.push(nowMs);
    }
    assertEquals(budget.used(nowMs), begun.filter((ms) => ms >= nowMs - MINUTE_MS).length);
    if (begun.length > 200) begun.splice(0, 100);
  }
});
