import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { type Failure, RETRY_DEFAULT, RetryPolicy } from "../../src/batch/retry.ts";
import { RetryBudget } from "../../src/batch/retry_budget.ts";
import { retryPauseMs } from "../../src/batch/retry_pause.ts";
import { seedOf } from "../actor/seed.ts";

const most = { next: () => 1 - Number.EPSILON };
const least = { next: () => 0 };
const bounds = { minMs: 100, maxMs: 5_000 };
const failed = (rest: Partial<Failure> = {}): Failure => ({
  failure: "transient",
  attempts: 1,
  pauseMs: 0,
  ...rest,
});

Deno.test("retryPauseMs() is between the least pause and three times the one before", () => {
  const pauses = (random: typeof most) => {
    const all = [0];
    for (let i = 0; i < 6; i++) all.push(retryPauseMs(all.at(-1) ?? 0, bounds, random));
    return all.slice(1).map(Math.round);
  };
  assertEquals(pauses(most), [100, 300, 900, 2_700, 5_000, 5_000]);
  assertEquals(pauses(least), [100, 100, 100, 100, 100, 100]);
});

Deno.test("retryPauseMs() spreads those who failed together, evenly", () => {
  const random = seededRandom(seedOf("retryPauseMs"));
  const tenths: number[] = Array(10).fill(0);
  for (let i = 0; i < 20_000; i++) {
    const pauseMs = retryPauseMs(1_000, bounds, random);
    const tenth = Math.floor((pauseMs - 100) / 290);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  // 2,000 each with a standard deviation of 42.
  assert(tenths.every((count) => Math.abs(count - 2_000) < 250), String(tenths));
});

Deno.test("RetryPolicy tries a transient failure again, attemptsMax times in all", () => {
  const policy = new RetryPolicy({ attemptsMax: 3 });
  assertEquals(policy.decide(failed({ attempts: 2 }), least), {
    action: "retry",
    pauseMs: RETRY_DEFAULT.minMs,
    counts: true,
  });
  assertEquals(policy.decide(failed({ attempts: 3 }), least), {
    action: "give up",
    why: "exhausted",
  });
});

Deno.test("RetryPolicy gives up a permanent failure at once", () => {
  const verdict = new RetryPolicy().decide(failed({ failure: "permanent" }), least);
  assertEquals(verdict, { action: "give up", why: "permanent" });
});

Deno.test("RetryPolicy waits out a limit, counts no attempt, and still ends", () => {
  const policy = new RetryPolicy({ refusalsMax: 3 });
  const limited = failed({ failure: "limited", attempts: 99, retryAfterMs: 60_000, refusals: 2 });
  assertEquals(policy.decide(limited, least), { action: "retry", pauseMs: 60_000, counts: false });
  const end = policy.decide({ ...limited, refusals: 3 }, least);
  assertEquals(end, { action: "give up", why: "exhausted" });
});

Deno.test("RetryPolicy never comes back before Retry-After, nor all at once, nor after a day", () => {
  const policy = new RetryPolicy({ limitedMaxMs: 60_000 });
  const pauseMs = (retryAfterMs: number, random = least) => {
    const verdict = policy.decide(failed({ failure: "limited", retryAfterMs }), random);
    return verdict.action === "retry" ? Math.round(verdict.pauseMs) : NaN;
  };
  assertEquals([pauseMs(2_000), pauseMs(2_000, most)], [2_000, 2_500]);
  assertEquals([pauseMs(86_400_000), pauseMs(-5), pauseMs(0)], [60_000, 0, 0]);
  assertEquals(pauseMs(Infinity), 60_000);
});

Deno.test("RetryPolicy waits for a limited call without Retry-After as for any other", () => {
  const verdict = new RetryPolicy().decide(failed({ failure: "limited", pauseMs: 1_000 }), most);
  assertEquals([verdict.action, "pauseMs" in verdict && Math.round(verdict.pauseMs)], [
    "retry",
    3_000,
  ]);
});

Deno.test("RetryPolicy honours Retry-After of a transient failure (503), as an attempt", () => {
  const verdict = new RetryPolicy().decide(failed({ retryAfterMs: 7_000 }), least);
  assertEquals(verdict, { action: "retry", pauseMs: 7_000, counts: true });
});

Deno.test("RetryPolicy gives up what would come too late, and cuts a call to its use", () => {
  const policy = new RetryPolicy({ minMs: 100, callMs: 1_000 });
  assertEquals(policy.decide(failed({ leftMs: 100 }), least), { action: "give up", why: "late" });
  assertEquals(policy.decide(failed({ leftMs: 101 }), least).action, "retry");
  assertEquals([policy.callMs(), policy.callMs(300), policy.callMs(-1)], [1_000, 300, 0]);
});

Deno.test("RetryPolicy refuses numbers that are none", () => {
  for (const options of [{ minMs: 0 }, { attemptsMax: 0 }, { callMs: NaN }, { maxMs: Infinity }]) {
    assertThrows(() => new RetryPolicy(options), RangeError, "Cannot set up retries");
  }
  assertThrows(() => new RetryPolicy({ minMs: 9, maxMs: 8 }), RangeError, "expected minMs ≤ 8");
});

Deno.test("RetryBudget allows at most 10 % more calls in a full outage", () => {
  const random = seededRandom(seedOf("RetryBudget"));
  const budget = new RetryBudget(0);
  let retries = 0;
  for (let first = 1; first <= 10_000; first++) {
    const nowMs = first * 80;
    budget.firstTry(nowMs);
    // Each of them would like to be tried again several times.
    for (let i = 0; i < 4 * random.next(); i++) {
      if (budget.waitMs(nowMs) > 0) continue;
      budget.spend(nowMs);
      retries++;
    }
    assert(retries <= 0.1 * first + 1e-6, `${retries} retries of ${first}`);
  }
  assert(retries >= 980, `${retries}`);
});

Deno.test("RetryBudget saves no more than savedMax through a good time", () => {
  const budget = new RetryBudget(0, { savedMax: 10 });
  for (let i = 0; i < 1_000; i++) {
    budget.firstTry(i);
    budget.succeeded();
  }
  assertEquals(budget.saved, 10);
  for (let i = 0; i < 10; i++) budget.spend(1_000);
  assertEquals(budget.saved, 0);
  assertThrows(() => budget.spend(1_000), Error, "Cannot spend a retry");
});

Deno.test("RetryBudget holds up no one where a third of the calls fail", () => {
  const random = seededRandom(seedOf("RetryBudget, flaky"));
  const budget = new RetryBudget(0);
  let waiting = 0, most = 0;
  for (let call = 0; call < 10_000; call++) {
    if (waiting > 0 && budget.waitMs(call) === 0) {
      waiting--;
      budget.spend(call);
    } else budget.firstTry(call);
    if (random.next() < 1 / 3) waiting++;
    else budget.succeeded();
    most = Math.max(most, waiting);
  }
  assert(most < 30, `${most} waited`);
});

Deno.test("RetryBudget lets one through after idleMs, and doubles with each success", () => {
  const budget = new RetryBudget(1_000, { idleMs: 500 });
  assertEquals([budget.waitMs(1_000), budget.waitMs(1_499), budget.waitMs(1_500)], [500, 1, 0]);
  budget.spend(1_500);
  assertEquals([budget.waitMs(1_500), budget.waitMs(2_000)], [500, 0]);
  let atOnce = 0;
  const rounds: number[] = [];
  budget.spend(2_000);
  budget.succeeded();
  while (rounds.length < 3) {
    for (atOnce = 0; budget.waitMs(2_000) === 0; atOnce++) budget.spend(2_000);
    rounds.push(atOnce);
    for (let i = 0; i < atOnce; i++) budget.succeeded();
  }
  assertEquals(rounds, [2, 4, 8]);
});

Deno.test("RetryBudget refuses numbers that are none", () => {
  for (const options of [{ ratio: -1 }, { perSuccess: NaN }, { savedMax: 0.5 }, { idleMs: 0 }]) {
    assertThrows(() => new RetryBudget(0, options), RangeError, "Cannot set up a retry budget");
  }
});
