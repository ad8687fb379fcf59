/** The limiter's decisions: order, fairness, bounds, headers, rates. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import type { LimitNotice } from "../../src/batch/limit_headers.ts";
import type { LimiterOptions, LimitSpec } from "../../src/batch/limit_options.ts";
import type { Claim } from "../../src/batch/limit_queue.ts";
import { type ClaimRequest, Limiter } from "../../src/batch/limiter.ts";
import { seedOf } from "../actor/seed.ts";

const limit = (requests: number, windowMs = 1_000, more: Partial<LimitSpec> = {}): LimitSpec => ({
  name: `${requests}/${windowMs}`,
  rate: { requests, windowMs },
  begin: "free",
  ...more,
});

const limiterOf = (limits: LimitSpec[], more: Partial<LimiterOptions> = {}) =>
  new Limiter({ limits, driftRatio: 0, ...more }, 0);

function claimed(limiter: Limiter, request: ClaimRequest, nowMs = 0): Claim {
  const claim = limiter.claim(request, nowMs);
  assert(claim.state !== "refused");
  return claim;
}

/** All that may go now. */
function granted(limiter: Limiter, nowMs: number): Claim[] {
  const claims: Claim[] = [];
  for (let claim; (claim = limiter.grantNext(nowMs)) !== null;) claims.push(claim);
  limiter.invariant();
  return claims;
}

const SILENT: LimitNotice = { retryAfterMs: null, limit: null, remaining: null, resetMs: null };

/** Uses one slot up and answers with this. */
function answered(limiter: Limiter, notice: Partial<LimitNotice>, nowMs: number, key = ""): void {
  claimed(limiter, { key, priority: 10 }, nowMs);
  const claim = limiter.grantNext(nowMs);
  assert(claim !== null && claim.key === key);
  limiter.release(claim, nowMs, { ...SILENT, ...notice });
}

Deno.test("Limiter grants the highest priority first, within one first come first served", () => {
  const limiter = limiterOf([limit(100)]);
  const priorities = [3, 10, 0, 3, 10, 7, 0, 3];
  for (const priority of priorities) claimed(limiter, { priority });
  // Ids count from 1 in the order of asking.
  assertEquals(granted(limiter, 0).map(({ id }) => id), [2, 5, 6, 1, 4, 8, 3, 7]);
});

Deno.test("Limiter lets the users of one priority take turns, however many wait", () => {
  const limiter = limiterOf([limit(9)]);
  for (let i = 0; i < 50; i++) claimed(limiter, { user: "backfill" });
  for (let i = 0; i < 3; i++) claimed(limiter, { user: "warmer" });
  for (let i = 0; i < 3; i++) claimed(limiter, { user: "reader" });
  const users = granted(limiter, 0).map(({ user }) => user);
  for (const user of ["backfill", "warmer", "reader"]) {
    assertEquals(users.filter((name) => name === user).length, 3);
  }
});

Deno.test("Limiter shares cost, not requests, and nobody saves up turns", () => {
  const limiter = limiterOf([limit(40)]);
  for (let i = 0; i < 20; i++) claimed(limiter, { user: "dear", cost: 4 });
  for (let i = 0; i < 20; i++) claimed(limiter, { user: "cheap", cost: 1 });
  const costs = { dear: 0, cheap: 0, late: 0 };
  for (const { user, cost } of granted(limiter, 0)) costs[user as "dear" | "cheap"] += cost;
  assert(Math.abs(costs.dear - costs.cheap) <= 4, JSON.stringify(costs));
  for (let i = 0; i < 20; i++) claimed(limiter, { user: "late", cost: 1 });
  const fresh = limiterOf([limit(1_000)]);
  for (let i = 0; i < 90; i++) claimed(fresh, { user: "early" });
  granted(fresh, 0);
  for (let i = 0; i < 6; i++) claimed(fresh, { user: "early" });
  for (let i = 0; i < 6; i++) claimed(fresh, { user: "late" });
  // Having come later does not give "late" the 90 turns that "early" has had.
  const order = granted(fresh, 0).map(({ user }) => user);
  assertEquals(new Set(order.slice(0, 4)).size, 2);
});

Deno.test("Limiter grants when every limit has room, at the moment it says", () => {
  const limiter = limiterOf([limit(2, 1_000), limit(3, 10_000)]);
  for (let i = 0; i < 6; i++) claimed(limiter, {});
  const first = granted(limiter, 0);
  assertEquals(first.length, 2);
  assertEquals(limiter.wakeMs(0), Infinity);
  for (const claim of first) limiter.release(claim, 100);
  assertEquals(limiter.wakeMs(100), 1_100);
  assertEquals(granted(limiter, 1_099).length, 0);
  const second = granted(limiter, 1_100);
  assertEquals(second.length, 1);
  limiter.release(second[0] as Claim, 1_200);
  assertEquals(limiter.wakeMs(1_200), 10_100);
  assertEquals(granted(limiter, 10_100).length, 2);
});

Deno.test("Limiter holds up nobody for another one's key", () => {
  const limiter = limiterOf([limit(1, 1_000, { scope: "key" }), limit(3, 1_000)]);
  for (const key of ["a", "a", "b", "c", "d"]) claimed(limiter, { key });
  assertEquals(granted(limiter, 0).map(({ key }) => key), ["a", "b", "c"]);
});

Deno.test("Limiter does not let cheap claims pass a dear one whose turn it is", () => {
  const limiter = limiterOf([limit(4)]);
  claimed(limiter, { cost: 3 });
  const [first] = granted(limiter, 0);
  claimed(limiter, { cost: 2, priority: 6 });
  claimed(limiter, { cost: 1 });
  assertEquals(granted(limiter, 0), []);
  limiter.release(first as Claim, 0);
  assertEquals(granted(limiter, 1_000).map(({ cost }) => cost), [2, 1]);
});

Deno.test("Limiter.cancel() takes a claim out of the queue, once", () => {
  const limiter = limiterOf([limit(1)]);
  const claims = [1, 2, 3].map(() => claimed(limiter, {}));
  assertEquals(limiter.cancel(claims[1] as Claim, 0), true);
  assertEquals(limiter.cancel(claims[1] as Claim, 0), false);
  const [held] = granted(limiter, 0);
  assertEquals(held?.id, 1);
  assertEquals(limiter.cancel(held as Claim, 0), false);
  limiter.release(held as Claim, 0);
  limiter.release(held as Claim, 500);
  assertEquals(granted(limiter, 1_000).map(({ id }) => id), [3]);
  assertEquals(limiter.status(1_000).cancelled, 1);
});

Deno.test("Limiter refuses with a reason what is beyond its bounds", () => {
  const bounds = { waitersMax: 4, waitersPerUserMax: 3, usersMax: 3, keysMax: 1 };
  const limiter = limiterOf([limit(5, 1_000, { scope: "key" })], bounds);
  const code = (request: ClaimRequest) => {
    const claim = limiter.claim(request, 0);
    return claim.state === "refused" ? claim.code : "waits";
  };
  assertEquals(code({ user: "a", cost: 6 }), "cost");
  assertEquals([1, 2, 3, 4].map(() => code({ user: "a" })), [
    "waits",
    "waits",
    "waits",
    "user_waiters",
  ]);
  assertEquals([code({ user: "b" }), code({ user: "b" })], ["waits", "waiters"]);
  assertEquals(code({ user: "b", priority: 6 }), "waits");
  assertEquals(code({ user: "b", priority: 7, key: "other" }), "keys");
  assertEquals([code({ user: "c", priority: 8 }), code({ user: "d", priority: 9 })], [
    "waits",
    "users",
  ]);
  assertEquals(limiter.status(0).refused, 5);
  assertThrows(() => limiter.claim({ priority: 11 }, 0), RangeError, "current value is 11");
  assertThrows(() => limiter.claim({ cost: 0 }, 0), RangeError, "current value is 0");
});

Deno.test("Limiter forgets keys and users that are idle, and keeps their counts", () => {
  const limiter = limiterOf([limit(1, 1_000, { scope: "key" })], { usersMax: 2, keysMax: 2 });
  for (let i = 0; i < 20; i++) {
    claimed(limiter, { key: `k${i}`, user: `u${i}` }, i * 2_000);
    limiter.release(limiter.grantNext(i * 2_000) as Claim, i * 2_000);
  }
  const { granted: count, users } = limiter.status(40_000);
  assertEquals(count, 20);
  assertEquals(users.length, 3);
  assertEquals(users.reduce((sum, { granted }) => sum + granted, 0), 20);
});

Deno.test("Limiter pauses for Retry-After and counts the time once", () => {
  const limiter = limiterOf([limit(10)]);
  answered(limiter, { retryAfterMs: 5_000 }, 0);
  claimed(limiter, {});
  assertEquals(limiter.wakeMs(0), 5_000);
  assertEquals(granted(limiter, 4_999), []);
  limiter.pause(2_000, 4_999);
  assertEquals(limiter.status(4_999).pausedForMs, 2_000);
  assertEquals(limiter.status(4_999).pausedMs, 4_999);
  assertEquals(granted(limiter, 6_999).length, 1);
  assertEquals(limiter.status(9_000).pausedMs, 6_999);
});

Deno.test("Limiter pauses only the key that was told to wait, where keys count", () => {
  const limiter = limiterOf([limit(10, 1_000, { scope: "key" })]);
  answered(limiter, { retryAfterMs: 5_000 }, 0, "a");
  claimed(limiter, { key: "a" });
  claimed(limiter, { key: "b" });
  assertEquals(granted(limiter, 0).map(({ key }) => key), ["b"]);
  assertEquals(limiter.wakeMs(0), 5_000);
});

Deno.test("Limiter pauses for a second when refused without a time", () => {
  const limiter = limiterOf([limit(10)]);
  claimed(limiter, {});
  limiter.release(limiter.grantNext(0) as Claim, 0, undefined, true);
  claimed(limiter, {});
  assertEquals(limiter.wakeMs(0), 1_000);
  assertEquals(limiter.status(0).limited, 1);
});

Deno.test("Limiter sends no more than X-RateLimit-Remaining less what is under way", () => {
  const limiter = limiterOf([limit(100)]);
  for (let i = 0; i < 20; i++) claimed(limiter, {});
  const [first, ...others] = Array.from({ length: 4 }, () => limiter.grantNext(0) as Claim);
  limiter.release(first as Claim, 100, { ...SILENT, remaining: 5, resetMs: 30_000 });
  // 3 are under way and may not be counted yet.
  assertEquals(granted(limiter, 100).length, 2);
  assertEquals(limiter.wakeMs(100), 30_100);
  // A later grant's response knows better; an earlier one's may only lower what is left.
  limiter.release(others[2] as Claim, 200, { ...SILENT, remaining: 7, resetMs: 29_900 });
  assertEquals(granted(limiter, 200).length, 3);
  limiter.release(others[0] as Claim, 300, { ...SILENT, remaining: 50, resetMs: 29_800 });
  assertEquals(granted(limiter, 300).length, 0);
  assertEquals(granted(limiter, 30_100).length, 11);
});

Deno.test("Limiter follows X-RateLimit-Limit down and back, never above what it was told", () => {
  const limiter = limiterOf([limit(10)]);
  const requests = () => limiter.status(0).limits[0]?.requests;
  answered(limiter, { limit: 6 }, 0);
  assertEquals(requests(), 6);
  answered(limiter, { limit: 600 }, 0);
  assertEquals(requests(), 10);
  assertEquals(limiter.status(0).reportedLimit, 600);
});

Deno.test("Limiter.setRate() holds from now on, and not below a cost that waits", () => {
  const limiter = limiterOf([limit(2)]);
  for (let i = 0; i < 9; i++) claimed(limiter, { cost: i === 8 ? 2 : 1 });
  const held = granted(limiter, 0);
  limiter.setRate("2/1000", { requests: 5, windowMs: 1_000 }, 0);
  assertEquals(granted(limiter, 0).length, 3);
  for (const claim of held) limiter.release(claim, 0);
  limiter.setRate("2/1000", { requests: 3, windowMs: 1_000 }, 0);
  assertEquals(granted(limiter, 999).length, 0);
  assertThrows(() => limiter.setRate("2/1000", { requests: 1, windowMs: 1_000 }, 0), RangeError);
  assertThrows(() => limiter.setRate("none", { requests: 5, windowMs: 1_000 }, 0), RangeError);
});

Deno.test("Limiter widens windows by what the provider's clock may be slow", () => {
  const limiter = new Limiter({ limits: [limit(1, 60_000)] }, 0);
  claimed(limiter, {});
  limiter.release(limiter.grantNext(0) as Claim, 0);
  claimed(limiter, {});
  assertEquals(limiter.wakeMs(0), 60_006);
});

Deno.test("Limiter begins as if full, with what a former process sent still on its way", () => {
  const limiter = new Limiter({
    limits: [limit(3, 1_000, { begin: "full" })],
    driftRatio: 0,
    strayMs: 500,
  }, 100);
  claimed(limiter, {}, 100);
  assertEquals(limiter.wakeMs(100), 1_600);
  assertEquals(granted(limiter, 1_600).length, 1);
});

Deno.test("Limiter counts what was waited, granted and used", () => {
  const limiter = limiterOf([limit(4)]);
  for (let i = 0; i < 3; i++) claimed(limiter, { user: "a", cost: 2 });
  const held = granted(limiter, 10);
  limiter.lose(held[0] as Claim, 20);
  limiter.giveBack(held[1] as Claim);
  const last = granted(limiter, 30);
  const { granted: count, grantedCost, waitedMs, waitedMaxMs, lost, unused, inFlight, limits } =
    limiter.status(30);
  assertEquals({ count, grantedCost, waitedMs, waitedMaxMs, lost, unused, inFlight }, {
    count: 3,
    grantedCost: 6,
    waitedMs: 50,
    waitedMaxMs: 30,
    lost: 1,
    unused: 1,
    inFlight: 2,
  });
  assertEquals(last.length, 1);
  assertEquals([limits[0]?.used, limits[0]?.usedRatio], [4, 1]);
});

Deno.test("Limiter.wakeMs() is never too late, and its counts hold, over random operations", () => {
  const random = seededRandom(seedOf("limiter wake"));
  const pick = (most: number) => Math.floor(random.next() * (most + 1));
  for (let round = 0; round < 40; round++) {
    const limits = [
      limit(3 + pick(4), 50 + pick(100)),
      limit(3 + pick(3), 30 + pick(50), { scope: "key", name: "own" }),
    ];
    const limiter = limiterOf(limits, { strayMs: 20, waitersMax: 30 });
    const held: Claim[] = [], waiting: Claim[] = [];
    let wakeMs = Infinity;
    for (let nowMs = 0; nowMs < 2_000; nowMs++) {
      const now = granted(limiter, nowMs);
      if (now.length > 0) assert(nowMs >= wakeMs && nowMs < wakeMs + 1, `${nowMs}: ${wakeMs}`);
      held.push(...now);
      const what = random.next();
      if (what < 0.3) {
        const claim = limiter.claim({
          key: `k${pick(2)}`,
          user: `u${pick(2)}`,
          priority: pick(10),
          cost: 1 + pick(2),
        }, nowMs);
        if (claim.state !== "refused") waiting.push(claim);
      } else if (what < 0.6 && held.length > 0) {
        const [claim] = held.splice(pick(held.length - 1), 1);
        if (what < 0.5) limiter.release(claim as Claim, nowMs);
        else if (what < 0.55) limiter.lose(claim as Claim, nowMs);
        else limiter.giveBack(claim as Claim);
      } else if (what < 0.63 && waiting.length > 0) {
        limiter.cancel(waiting[pick(waiting.length - 1)] as Claim, nowMs);
      }
      held.push(...granted(limiter, nowMs));
      wakeMs = Math.ceil(limiter.wakeMs(nowMs));
    }
  }
});
