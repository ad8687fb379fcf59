/** The provider's actor: limits, breaker, permits and grouping, as the far end counts them. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import type { PermitReply, ProviderStatus } from "../../actors/protocols_batch.ts";
import { CALM, Rig } from "./backfill_rig.ts";

const DAY_MS = 86_400_000;
const TO_MS = Date.UTC(2026, 2, 3);
const LIMIT = { max: 50, windowMs: 10_000 };
const QUOTES = { kind: "quotes", fromMs: TO_MS - DAY_MS, toMs: TO_MS, granularity: "D" } as const;

/** A permit of one call. */
function permit(rig: Rig, user = "test", priority = 5): Promise<PermitReply> {
  return rig.provider.ask("permit", { user, priority, cost: 1 }, { timeoutMs: DAY_MS });
}

async function granted(rig: Rig): Promise<number> {
  const reply = await rig.play(permit(rig));
  assert(reply.state === "granted", JSON.stringify(reply));
  return reply.permit;
}

function call(rig: Rig, held: number, symbols: readonly string[] = ["AAPL"]) {
  return rig.provider.ask("call", { permit: held, request: { ...QUOTES, symbols } }, {
    timeoutMs: DAY_MS,
  });
}

/** Makes calls one after another until there were so many, waiting as it is told to. */
async function worker(rig: Rig, user: string, count: number): Promise<void> {
  for (let made = 0; made < count;) {
    const reply = await permit(rig, user);
    if (reply.state === "refused") {
      await new Promise<void>((resolve) => rig.clock.setTimer(reply.retryAfterMs, resolve));
      continue;
    }
    await call(rig, reply.permit).catch(() => {});
    made++;
  }
}

function key(symbol: string, lingerMs = 20) {
  return { ...QUOTES, symbol, user: "test", priority: 5, lingerMs };
}

function status(rig: Rig): Promise<ProviderStatus> {
  return rig.play(rig.provider.ask("status", {}));
}

// ---- limits ---------------------------------------------------------------------------------------

Deno.test("provider: no window at the far end holds more than the limit, and it is used", async () => {
  await using rig = await Rig.start({
    provider: { limits: [LIMIT], transitMsMax: 50, transientRatio: 0.02 },
  });
  const users = ["a", "b", "c"];
  await rig.play(Promise.all(users.map((user) => worker(rig, user, 200))));
  const { calls, limited, windowPeak } = rig.upstream.stats();
  assertEquals([calls, limited], [600, 0]);
  assertLessOrEqual(windowPeak, LIMIT.max);
  // 600 calls are 12 windows, of which the first goes at once.
  assertLess(rig.clock.now(), 11 * (LIMIT.windowMs + 400));
});

Deno.test("provider: a limit is not broken by crashes of its actor", async () => {
  await using rig = await Rig.start({ provider: { limits: [LIMIT], transitMsMax: 50 } });
  const work = Promise.all(["a", "b"].map(async (user) => {
    for (let made = 0; made < 150;) {
      const reply = await permit(rig, user).catch(() => null);
      if (reply?.state !== "granted") {
        const waitMs = reply?.retryAfterMs ?? 100;
        await new Promise<void>((resolve) => rig.clock.setTimer(waitMs, resolve));
        continue;
      }
      await call(rig, reply.permit).catch(() => {});
      made++;
    }
  }));
  for (let crash = 1; crash <= 5; crash++) {
    rig.clock.setTimer(crash * 13_000, () => rig.crash("/wick/core/providers/simulated"));
  }
  await rig.play(work);
  assertGreater(rig.upstream.stats().calls, 250);
  assertEquals(rig.upstream.stats().limited, 0);
  assertLessOrEqual(rig.upstream.stats().windowPeak, LIMIT.max);
});

Deno.test("provider: a limit is not broken by a kill of the process, nor by an orderly restart", async () => {
  await using rig = await Rig.start({ provider: { limits: [LIMIT] } });
  for (const again of [() => rig.kill(), () => rig.restart(), () => rig.kill()]) {
    await rig.play(worker(rig, "a", LIMIT.max));
    await again();
  }
  await rig.play(worker(rig, "a", LIMIT.max));
  assertEquals(rig.upstream.stats().limited, 0);
  assertEquals(rig.upstream.stats().calls, 4 * LIMIT.max);
  assertLessOrEqual(rig.upstream.stats().windowPeak, LIMIT.max);
});

Deno.test("provider: a limit of which nothing is known begins as if full", async () => {
  await using rig = await Rig.start({ provider: { limits: [LIMIT] }, begin: "full" });
  await granted(rig);
  assertGreater(rig.clock.now(), LIMIT.windowMs);
});

Deno.test("provider: a higher priority passes those that wait", async () => {
  await using rig = await Rig.start({ provider: { limits: [{ max: 2, windowMs: 1_000 }] } });
  const order: string[] = [];
  const take = async (user: string, priority: number) => {
    const reply = await permit(rig, user, priority);
    order.push(user);
    if (reply.state === "granted") await call(rig, reply.permit);
  };
  const low = Array.from({ length: 6 }, () => take("low", 2));
  await rig.settle();
  const high = Array.from({ length: 2 }, () => take("high", 9));
  await rig.play(Promise.all([...low, ...high]));
  assertEquals(order.slice(0, 4), ["low", "low", "high", "high"]);
});

// ---- permits --------------------------------------------------------------------------------------

Deno.test("provider: a permit given back, or not used, is free again at once", async () => {
  await using rig = await Rig.start({ provider: { limits: [{ max: 1, windowMs: 3_600_000 }] } });
  const first = await granted(rig);
  rig.provider.tell("giveBack", { permit: first });
  await granted(rig);
  assertLess(rig.clock.now(), 1_000);
  // The second is forgotten: it comes back by itself.
  await granted(rig);
  assertLess(rig.clock.now(), 60_000);
  assertEquals(rig.upstream.stats().calls, 0);
});

Deno.test("provider: a permit is for one call", async () => {
  await using rig = await Rig.start();
  const held = await granted(rig);
  assertEquals((await rig.play(call(rig, held))).state, "answered");
  await assertRejects(() => rig.play(call(rig, held)), Error, "a permit that is held");
  await assertRejects(() => rig.play(call(rig, 12_345)), Error, "a permit that is held");
  assertEquals(rig.upstream.stats().calls, 1);
});

Deno.test("provider: permits of a former incarnation are worth nothing", async () => {
  await using rig = await Rig.start();
  const held = await granted(rig);
  rig.crash("/wick/core/providers/simulated");
  await rig.settle();
  await assertRejects(() => rig.play(call(rig, held)), Error, "a permit that is held");
});

// ---- breaker --------------------------------------------------------------------------------------

const OUTAGE = { fromMs: 0, toMs: 300_000, kind: "refuse" } as const;

Deno.test("provider: the breaker opens after five failures, with one trial at a time", async () => {
  await using rig = await Rig.start({ provider: { outages: [OUTAGE] } });
  const work = Promise.all(Array.from({ length: 20 }, (_, i) => worker(rig, `u${i}`, 20)));
  work.catch(() => {});
  await rig.pass(1_000);
  assertEquals((await status(rig)).breaker, "open");
  const before = rig.calls.length;
  // One of each worker, and one more of those whose first failed before the fifth did.
  assertLessOrEqual(before, 24);
  await rig.pass(250_000);
  const trials = rig.calls.slice(before);
  assertGreater(trials.length, 3);
  // One at a time, the pauses growing: 20 workers over 4 minutes.
  assertLess(trials.length, 20);
  for (let i = 1; i < trials.length; i++) {
    assertGreater((trials[i]?.atMs ?? 0) - (trials[i - 1]?.atMs ?? 0), 1_000);
  }
  await rig.play(work);
  assertEquals((await status(rig)).breaker, "closed");
});

Deno.test("provider: who waits at the limit when the breaker opens is refused, not sent", async () => {
  await using rig = await Rig.start({
    provider: { outages: [OUTAGE], limits: [{ max: 5, windowMs: 1_000 }] },
  });
  const replies = Promise.all(Array.from({ length: 12 }, async () => {
    const reply = await permit(rig);
    if (reply.state === "granted") await call(rig, reply.permit);
    return reply.state;
  }));
  const states = await rig.play(replies);
  assertEquals(states.filter((state) => state === "refused").length, 7);
  assertEquals(rig.upstream.stats().calls, 5);
});

Deno.test("provider: a trial that is given back, forgotten or crashes does not keep it shut", async () => {
  await using rig = await Rig.start({ provider: { outages: [{ ...OUTAGE, toMs: 10_000 }] } });
  for (let i = 0; i < 5; i++) await rig.play(call(rig, await granted(rig)));
  assertEquals((await status(rig)).breaker, "open");
  await rig.pass(30_000);
  const first = await granted(rig);
  assertEquals((await status(rig)).breaker, "half_open");
  assertEquals((await rig.play(permit(rig))).state, "refused");
  rig.provider.tell("giveBack", { permit: first });
  await granted(rig);
  assertEquals((await rig.play(permit(rig))).state, "refused");
  await rig.pass(60_000);
  const third = await granted(rig);
  await assertRejects(() => rig.play(call(rig, third, ["not a symbol"])));
  const last = await rig.play(call(rig, await granted(rig)));
  assertEquals([last.state, (await status(rig)).breaker], ["answered", "closed"]);
});

Deno.test("provider: failures in an outage are told from those of a request", async () => {
  await using rig = await Rig.start({
    provider: { outages: [OUTAGE], poison: { BAD: "permanent" }, poisonFailsCall: true },
  });
  const blames: boolean[] = [];
  for (let i = 0; i < 5; i++) {
    const answer = await rig.play(call(rig, await granted(rig)));
    blames.push(answer.isDown);
  }
  assertEquals(blames, [false, false, false, false, true]);
  await rig.pass(OUTAGE.toMs + 60_000);
  const bad = await rig.play(call(rig, await granted(rig), ["BAD"]));
  assertEquals([bad.state, bad.isDown], ["failed", false]);
});

// ---- grouping -------------------------------------------------------------------------------------

Deno.test("provider: keys that are wanted at the same time travel in one call, each once", async () => {
  await using rig = await Rig.start();
  const wanted = ["A1", "A2", "A3", "A1", "A2"].map((symbol) =>
    rig.provider.ask("fetch", key(symbol))
  );
  const found = await rig.play(Promise.all(wanted));
  assertEquals(found.map(({ state }) => state), ["ok", "ok", "ok", "ok", "ok"]);
  assertEquals(found[0], found[3]);
  assertEquals(rig.calls.map(({ symbols }) => [...symbols].sort()), [["A1", "A2", "A3"]]);
});

Deno.test("provider: a call takes as many keys as its endpoint does, at once when it is full", async () => {
  await using rig = await Rig.start();
  const wanted = Array.from(
    { length: 120 },
    (_, i) => rig.provider.ask("fetch", key(`K${i}`, 500)),
  );
  await rig.play(Promise.all(wanted));
  assertEquals(rig.calls.map(({ symbols }) => symbols.length), [50, 50, 20]);
  assertEquals(rig.calls.map(({ atMs }) => atMs > 400), [false, false, true]);
});

Deno.test("provider: a key that lingers goes at once when somebody waits for it, and is asked for once", async () => {
  await using rig = await Rig.start();
  const renewals = ["A1", "A2"].map((symbol) => rig.provider.ask("fetch", key(symbol, 8_000)));
  await rig.pass(1_000);
  assertEquals(rig.calls.length, 0);
  rig.provider.tell("raise", { ...key("A2", 5), priority: 9 });
  rig.provider.tell("raise", key("ELSE", 5));
  const found = await rig.play(Promise.all(renewals));
  assertEquals(found.map(({ state }) => state), ["ok", "ok"]);
  assertEquals(rig.calls.map(({ symbols }) => symbols), [["A2", "A1"]]);
  assert((rig.calls[0]?.atMs ?? 0) < 2_000);
});

Deno.test("provider: grouped keys keep to the limit and are refused in an outage", async () => {
  await using rig = await Rig.start({
    provider: { limits: [{ max: 2, windowMs: 5_000 }], symbolsMax: { quotes: 1 } },
  });
  const wanted = Array.from({ length: 10 }, (_, i) =>
    rig.provider.ask("fetch", key(`K${i}`), {
      timeoutMs: DAY_MS,
    }));
  const found = await rig.play(Promise.all(wanted));
  assert(found.every(({ state }) => state === "ok"));
  assertEquals(rig.upstream.stats().limited, 0);
  assertGreater(rig.clock.now(), 4 * 5_000);

  await using down = await Rig.start({ provider: { ...CALM, outages: [OUTAGE] } });
  for (let i = 0; i < 8; i++) {
    const { state } = await down.play(down.provider.ask("fetch", key(`K${i}`)));
    assertEquals(state, "error");
  }
  assertEquals(down.upstream.stats().calls, 5);
});

Deno.test("provider: a key for bulk, a renewal and a user is asked for once", async () => {
  await using rig = await Rig.start();
  const wanted = [
    { ...key("AAPL", 60_000), isBulk: true, priority: 1 },
    { ...key("AAPL", 8_000), priority: 4 },
    key("AAPL", 5),
  ];
  const found = await rig.play(Promise.all(wanted.map((one) => rig.provider.ask("fetch", one))));
  assertEquals(found.map(({ state }) => state), ["ok", "ok", "ok"]);
  assertEquals(rig.upstream.stats().keys, 1);
  assertEquals((await status(rig)).batch.coalesced, 2);
});

Deno.test("provider: users are answered first at the limit, and bulk is not lost", async () => {
  await using rig = await Rig.start({
    provider: { limits: [{ max: 2, windowMs: 5_000 }], symbolsMax: { quotes: 1 } },
  });
  const fetched = async (symbol: string, more: { isBulk?: boolean; priority: number }) => {
    const wanted = { ...key(symbol, more.isBulk ? 1_000 : 5), ...more };
    const { state } = await rig.provider.ask("fetch", wanted, { timeoutMs: DAY_MS });
    assertEquals(state, "ok");
  };
  const bulk = ["B1", "B2", "B3", "B4", "B5"].map((one) =>
    fetched(one, { isBulk: true, priority: 1 })
  );
  await rig.pass(2_000);
  const users = ["U1", "U2", "U3"].map((one) => fetched(one, { priority: 5 }));
  await rig.play(Promise.all([...bulk, ...users]));
  const order = rig.calls.map(({ symbols }) => symbols[0]);
  assertEquals(order, ["B1", "B2", "U1", "U2", "U3", "B3", "B4", "B5"]);
  assertEquals(rig.upstream.stats().limited, 0);
});

Deno.test("provider: a call that one symbol fails is halved, within the limit", async () => {
  await using rig = await Rig.start({
    provider: {
      limits: [{ max: 4, windowMs: 1_000 }],
      poison: { BAD: "permanent" },
      poisonFailsCall: true,
    },
  });
  const symbols = [...Array.from({ length: 49 }, (_, i) => `K${i}`), "BAD"];
  const found = await rig.play(
    Promise.all(symbols.map((one) => rig.provider.ask("fetch", key(one), { timeoutMs: DAY_MS }))),
  );
  assertEquals(
    found.map(({ state }) => state),
    symbols.map((one) => one === "BAD" ? "error" : "ok"),
  );
  const { batch, breaker } = await status(rig);
  assertEquals([batch.calls, batch.suspects], [1 + batch.halves, 1]);
  assertEquals([breaker, rig.upstream.stats().limited], ["closed", 0]);
  assertLessOrEqual(rig.upstream.stats().windowPeak, 4);
});

Deno.test("provider: get answers symbol by symbol, candles as rows", async () => {
  await using rig = await Rig.start({
    provider: { poison: { BAD: "permanent" }, unknown: ["NONE"] },
  });
  const found = await rig.play(rig.provider.ask("get", {
    kind: "prices",
    symbols: ["AAPL", "BAD", "NONE", "AAPL"],
    fromMs: TO_MS - 7 * DAY_MS,
    toMs: TO_MS,
    granularity: "D",
    priority: 5,
  }));
  assertEquals(found.map(({ symbol, state }) => `${symbol} ${state}`), [
    "AAPL ok",
    "BAD error",
    "NONE missing",
  ]);
  const { candles } = found[0]?.value as { candles: Record<string, number>[] };
  // A week holds five sessions.
  assertEquals(candles.length, 5);
  assert(candles.every(({ ts, close }) => Number.isInteger(ts) && (close ?? 0) > 0));
  assertEquals(found[1]?.failure?.code, "symbol");
});

Deno.test("provider: a kind that it does not have is an answer", async () => {
  await using rig = await Rig.start();
  const [found] = await rig.play(rig.provider.ask("get", {
    kind: "prices",
    symbols: ["AAPL"],
    fromMs: 0,
    toMs: TO_MS,
    granularity: "D",
    priority: 5,
  }));
  // 20,000 bars fit; what does not fit is refused by the endpoint, and told.
  assertEquals(found?.state, "ok");
  const named = await rig.play(
    rig.provider.ask("fetch", { ...key("AAPL"), endpoint: "prices_day" }),
  );
  assertEquals(named.state === "error" && named.failure.code, "refused");
});

// ---- what it says ---------------------------------------------------------------------------------

Deno.test("provider: status counts what the far end counts", async () => {
  await using rig = await Rig.start({
    provider: { transientRatio: 0.2, limits: [{ max: 1_000, windowMs: 60_000 }] },
  });
  await rig.play(Promise.all(Array.from({ length: 10 }, (_, i) => worker(rig, `u${i}`, 30))));
  const { endpoints, limiter, permits, waitingKeys } = await status(rig);
  const { calls, failed, keys } = rig.upstream.stats();
  assertEquals(endpoints.map(({ meanMs: _, ...counts }) => counts), [
    { endpoint: "quotes", calls, failed, keys },
  ]);
  assertEquals([permits, waitingKeys], [0, 0]);
  assert(limiter !== null);
});

Deno.test("provider: capabilities are those of its provider", async () => {
  await using rig = await Rig.start({ provider: { limits: [LIMIT] } });
  const { endpoints, limits } = await rig.play(rig.provider.ask("capabilities", {}));
  assertEquals(limits, [{ counts: "calls", ...LIMIT }]);
  assert(endpoints.some(({ name, symbolsMax }) => name === "prices_day" && symbolsMax === 650));
});

Deno.test("provider: what the limits let through is kept though the store refuses for a while", async () => {
  await using rig = await Rig.start({ provider: { limits: [LIMIT] } });
  rig.store.refuseRecords = () => ({ state: "refused", code: "disk_full", message: "no room" });
  const work = worker(rig, "a", 120);
  await rig.pass(30_000);
  // Nothing is let through that is not written down.
  assertLessOrEqual(rig.upstream.stats().calls, LIMIT.max);
  rig.store.refuseRecords = () => null;
  await rig.play(work);
  await rig.kill();
  await rig.play(worker(rig, "a", LIMIT.max));
  assertEquals(rig.upstream.stats().limited, 0);
});
