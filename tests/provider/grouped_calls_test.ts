/** Keys on their way in calls: late binding, bulk, another try, halves, results together. */

import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { type Lease, LimiterGate } from "../../src/batch/limiter_gate.ts";
import { BATCH_DEFAULTS, type BatchSettings } from "../../src/provider/batch_status.ts";
import { GroupedCalls } from "../../src/provider/grouped_calls.ts";
import type {
  CallRefusal,
  GroupedRequest,
  GroupedResult,
} from "../../src/provider/grouped_ports.ts";
import type { ProviderRequest } from "../../src/provider/port.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";
import { HALVES_PER_BATCH_MAX, HALVES_PER_MINUTE_MAX } from "../../src/warm/batch_failed.ts";
import { turns } from "../cache/shard_support.ts";

const DAY_MS = 86_400_000;
const TO_MS = Date.UTC(2026, 2, 4);
/** Noon UTC: no hour of low load. */
const NOW_MS = Date.UTC(2026, 2, 3, 12);

const want = (symbol: string, more: Partial<GroupedRequest> = {}): GroupedRequest => ({
  kind: "quotes",
  fromMs: TO_MS - DAY_MS,
  toMs: TO_MS,
  granularity: "D",
  symbol,
  user: "cache",
  priority: 5,
  lingerMs: 5,
  ...more,
});

const BULK = { isBulk: true, lingerMs: 60_000, priority: 1, user: "warm:popular" } as const;

interface Rig {
  readonly clock: VirtualClock;
  readonly calls: GroupedCalls<Lease | null>;
  readonly upstream: ReturnType<typeof simulatedProvider>;
  /** Symbols of each call as it was made, and when. */
  readonly sent: { readonly atMs: number; readonly symbols: readonly string[] }[];
  /** The provider fails whatever it is asked. */
  isDown: boolean;
  readonly pass: (ms: number) => Promise<void>;
  readonly play: <T>(result: Promise<T>) => Promise<T>;
}

/** Grouped calls before a simulated provider, with the real limiter. */
function rigOf(provider: SimulatedOptions = {}, settings: Partial<BatchSettings> = {}): Rig {
  const clock = new VirtualClock(0, NOW_MS);
  const upstream = simulatedProvider(clock, {
    medianMs: 20,
    p99Ms: 60,
    perKeyMs: 0.1,
    transientRatio: 0,
    limits: [],
    ...provider,
  });
  const limits = (provider.limits ?? []).map(({ max: requests, windowMs }, i) => ({
    name: `${i}`,
    rate: { requests, windowMs },
    begin: "free" as const,
  }));
  const limiter = limits.length === 0 ? null : new Limiter({ limits }, clock.now());
  const gate = limiter === null ? null : new LimiterGate(limiter, clock);
  const sent: { atMs: number; symbols: readonly string[] }[] = [];
  const { signal } = new AbortController();
  let cancel = () => {};
  const rig: Rig = {
    clock,
    upstream,
    sent,
    isDown: false,
    calls: new GroupedCalls<Lease | null>({
      clock,
      random: seededRandom(1),
      source: upstream,
      refusal: () => rig.isDown ? DOWN : null,
      acquire: async (wanted) => gate === null ? null : await gate.acquire(wanted),
      unused: (lease) => lease?.unused(),
      send: async (request: Omit<ProviderRequest, "signal">, lease) => {
        sent.push({ atMs: clock.now(), symbols: request.symbols });
        const answer = await upstream.fetch({ ...request, signal });
        lease?.release(new Headers(answer.facts.limitHeaders), answer.facts.status ?? 200);
        return { ...answer, isDown: rig.isDown };
      },
      limits: () => limiter?.status(clock.now()) ?? null,
      wakeIn: (delayMs) => {
        cancel();
        cancel = clock.setTimer(delayMs, () => rig.calls.flush());
      },
    }, { ...BATCH_DEFAULTS, ...settings }),
    pass: async (ms) => {
      const untilMs = clock.now() + ms;
      await turns();
      while (clock.nextTimerAt() <= untilMs) {
        clock.fireNext();
        await turns();
      }
      clock.advance(untilMs - clock.now());
    },
    play: async (result) => {
      let isOver = false;
      const over = () => void (isOver = true);
      result.then(over, over);
      await turns();
      while (!isOver) {
        assert(clock.fireNext() && clock.now() < DAY_MS, "it waits for ever");
        await turns();
      }
      return await result;
    },
  };
  return rig;
}

const DOWN: CallRefusal = {
  state: "refused",
  code: "open",
  reason: "it fails",
  retryAfterMs: 1_000,
};

function symbolsOf(count: number, prefix = "S"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

function wantAll({ calls }: Rig, symbols: readonly string[], more: Partial<GroupedRequest> = {}) {
  return Promise.all(symbols.map((symbol) => calls.want(want(symbol, more))));
}

function statesOf(results: readonly GroupedResult[]): Record<string, number> {
  const states: Record<string, number> = {};
  for (const { state } of results) states[state] = (states[state] ?? 0) + 1;
  return states;
}

// ---- who wants what -------------------------------------------------------------------------------

Deno.test("GroupedCalls makes one key of what users, renewals and warming want at once", async () => {
  const rig = rigOf();
  const results = rig.play(Promise.all([
    rig.calls.want(want("A", BULK)),
    rig.calls.want(want("A", { lingerMs: 8_000, priority: 4, user: "refresh" })),
    rig.calls.want(want("A")),
    rig.calls.want(want("A")),
  ]));
  assertEquals(statesOf(await results), { ok: 4 });
  assertEquals(rig.sent.map(({ symbols }) => symbols), [["A"]]);
  const { calls, keys, coalesced } = rig.calls.status();
  assertEquals([calls, keys, coalesced], [1, 1, 3]);
});

Deno.test("GroupedCalls takes at most the set number of keys, or what the endpoint takes", async () => {
  for (const [keysMax, sizes] of [[20, [20, 20, 20]], [50, [30, 30]]] as const) {
    const rig = rigOf({ symbolsMax: { quotes: 30 } }, { keysMax });
    await rig.play(wantAll(rig, symbolsOf(60)));
    assertEquals(rig.sent.map(({ symbols }) => symbols.length), [...sizes]);
  }
});

Deno.test("GroupedCalls makes each key a call at once where nothing is to be grouped", async () => {
  const rig = rigOf({}, { isEnabled: false });
  await rig.play(wantAll(rig, symbolsOf(5), BULK));
  assertEquals(rig.sent.map(({ symbols, atMs }) => [symbols.length, atMs]), [
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
});

Deno.test("GroupedCalls lets a key that waits for the limit be joined, and others come along", async () => {
  const rig = rigOf({ limits: [{ max: 1, windowMs: 10_000 }] });
  const first = rig.calls.want(want("FIRST"));
  await rig.pass(100);
  // The limit is used up: these wait for it, in a call that is open.
  const early = wantAll(rig, ["A", "B"]);
  await rig.pass(1_000);
  const late = wantAll(rig, ["B", "C"]);
  await rig.play(Promise.all([first, early, late]));
  assertEquals(rig.sent.map(({ symbols }) => symbols), [["FIRST"], ["A", "B", "C"]]);
  assertEquals(rig.upstream.stats().limited, 0);
});

Deno.test("GroupedCalls: a key that somebody begins to wait for passes others at the limit", async () => {
  const rig = rigOf({ limits: [{ max: 1, windowMs: 5_000 }], symbolsMax: { quotes: 2 } });
  const order: string[] = [];
  const note = (symbol: string, more: Partial<GroupedRequest> = {}) =>
    rig.calls.want(want(symbol, more)).then(() => void order.push(symbol));
  const first = note("FIRST");
  await rig.pass(100);
  const renewals = ["R1", "R2", "R3", "R4"].map((symbol) => note(symbol, { priority: 4 }));
  await rig.pass(100);
  rig.calls.raise(want("R4", { priority: 6 }));
  await rig.play(Promise.all([first, ...renewals]));
  assertEquals(rig.sent.map(({ symbols }) => symbols[0]), ["FIRST", "R4", "R1"]);
  assertEquals(order.slice(0, 3), ["FIRST", "R4", "R3"]);
  // Nothing was lost, nor asked for twice.
  assertEquals(rig.upstream.stats().keys, 5);
  assertEquals(rig.upstream.stats().limited, 0);
});

Deno.test("GroupedCalls asks for no key that nobody waits for any more", async () => {
  const rig = rigOf({ limits: [{ max: 1, windowMs: 30_000 }] });
  await rig.play(rig.calls.want(want("FIRST")));
  const found = await rig.play(Promise.all([
    rig.calls.want(want("LATE", { timeoutMs: 10_000 })),
    rig.calls.want(want("KEPT", { timeoutMs: 60_000 })),
  ]));
  assertEquals(found.map(({ state }) => state), ["error", "ok"]);
  assertEquals(rig.sent.map(({ symbols }) => symbols), [["FIRST"], ["KEPT"]]);
  assertEquals(rig.calls.status().expired, 1);
});

// ---- bulk -----------------------------------------------------------------------------------------

Deno.test("GroupedCalls sends bulk at once while the provider is idle", async () => {
  const rig = rigOf({ limits: [{ max: 100, windowMs: 60_000 }] });
  await rig.play(wantAll(rig, symbolsOf(70), BULK));
  assertEquals(rig.sent.map(({ symbols }) => symbols.length), [50, 20]);
  assertLessOrEqual(rig.sent[1]?.atMs ?? Infinity, 100);
});

Deno.test("GroupedCalls lets bulk wait while the provider is busy, and travel free meanwhile", async () => {
  const rig = rigOf({ limits: [{ max: 10, windowMs: 60_000 }], symbolsMax: { quotes: 4 } });
  // Six of ten calls of the last minute are used.
  for (const symbol of symbolsOf(6, "U")) await rig.play(rig.calls.want(want(symbol)));
  const since = rig.sent.length;
  const bulk = wantAll(rig, symbolsOf(8, "B"), BULK);
  await rig.pass(10_000);
  assertEquals([rig.sent.length, rig.calls.status().bulkWaiting], [since, 8]);
  await rig.play(rig.calls.want(want("USER")));
  assertEquals(rig.sent.at(-1)?.symbols, ["USER", "B0", "B1", "B2"]);
  assertEquals(rig.calls.status().bulkWaiting, 5);
  await rig.play(bulk);
  const last = rig.sent.at(-1)?.atMs ?? Infinity;
  // By its interval at the latest, counted from when it came.
  assertLessOrEqual(last, 62_000);
  assertGreater(last, 40_000);
  assertEquals(rig.upstream.stats().limited, 0);
});

Deno.test("GroupedCalls lets bulk go as soon as the provider has become idle", async () => {
  const rig = rigOf({ limits: [{ max: 10, windowMs: 20_000 }] });
  for (const symbol of symbolsOf(8, "U")) await rig.play(rig.calls.want(want(symbol)));
  const bulk = rig.calls.want(want("B", BULK));
  await rig.play(bulk);
  const atMs = rig.sent.at(-1)?.atMs ?? 0;
  assert(atMs > 20_000 && atMs < 23_000, `${atMs}`);
});

Deno.test("GroupedCalls keeps bulk that holds for days for quieter times than other bulk", async () => {
  const rig = rigOf({ limits: [{ max: 10, windowMs: 60_000 }] });
  // A share of 0.4: between that of patient bulk and that of others.
  for (const symbol of symbolsOf(4, "U")) await rig.play(rig.calls.want(want(symbol)));
  const price = rig.calls.want(want("P", BULK));
  const profile = rig.calls.want(want("F", { ...BULK, kind: "profiles" }));
  await rig.pass(5_000);
  assertEquals(rig.sent.at(-1)?.symbols, ["P"]);
  assertEquals(rig.calls.status().bulkWaiting, 1);
  await rig.play(Promise.all([price, profile]));
});

Deno.test("GroupedCalls refuses everything at once while the provider fails", async () => {
  const rig = rigOf();
  rig.isDown = true;
  const [found] = await rig.play(wantAll(rig, ["A"]));
  assert(found?.state === "error");
  assertEquals(found.failure.code, "open");
  assertEquals(rig.sent.length, 0);
});

// ---- failures -------------------------------------------------------------------------------------

const BAD = { poisonFailsCall: true, poison: { BAD: "permanent" } } as const;

Deno.test("GroupedCalls halves a refused call until the bad key is alone", async () => {
  const rig = rigOf(BAD);
  const symbols = [...symbolsOf(49), "BAD"];
  const found = await rig.play(wantAll(rig, symbols));
  assertEquals(
    found.map(({ state }) => state),
    symbols.map((one) => one === "BAD" ? "error" : "ok"),
  );
  const { bisected, halves, calls, suspects } = rig.calls.status();
  // 50 → 25 → 12 or 13 → 6 or 7 → 3 or 4 → 2 → 1: six levels at most, two calls each.
  assertLessOrEqual(bisected, 6);
  assertEquals([calls, halves, suspects], [1 + 2 * bisected, 2 * bisected, 1]);
  assertEquals(rig.upstream.stats().calls, calls);
});

Deno.test("GroupedCalls lets a bad key travel alone afterwards, until it does well", async () => {
  const rig = rigOf(BAD);
  await rig.play(wantAll(rig, [...symbolsOf(49), "BAD"]));
  const before = rig.sent.length;
  const found = await rig.play(wantAll(rig, [...symbolsOf(9), "BAD"]));
  assertEquals(statesOf(found), { ok: 9, error: 1 });
  const sizes = rig.sent.slice(before).map(({ symbols }) => symbols.length).sort((a, b) => a - b);
  assertEquals(sizes, [1, 9]);
  await rig.pass(700_000);
  assertEquals(rig.calls.status().suspects, 1);
  await rig.play(wantAll(rig, ["OK", "BAD"]));
  // Forgotten after ten minutes: found once more.
  assertEquals(rig.sent.at(-3)?.symbols, ["OK", "BAD"]);
});

Deno.test("GroupedCalls finds several bad keys, and each good one has its answer", async () => {
  const bad = ["B0", "B1", "B2"];
  const poison = Object.fromEntries(bad.map((symbol) => [symbol, "permanent" as const]));
  const rig = rigOf({ poison, poisonFailsCall: true });
  const symbols = [...symbolsOf(20), "B0", ...symbolsOf(12, "T"), "B1", "B2"];
  const found = await rig.play(wantAll(rig, symbols));
  assertEquals(
    found.map(({ state }) => state),
    symbols.map((one) => bad.includes(one) ? "error" : "ok"),
  );
});

Deno.test("GroupedCalls bounds the calls that halving costs, by batch and by minute", async () => {
  const all = symbolsOf(500);
  const poison = Object.fromEntries(all.map((symbol) => [symbol, "permanent" as const]));
  const rig = rigOf({ poison, poisonFailsCall: true });
  const one = await rig.play(wantAll(rig, all.slice(0, 50)));
  assertEquals(statesOf(one), { error: 50 });
  assertLessOrEqual(rig.calls.status().halves, HALVES_PER_BATCH_MAX);
  await rig.play(wantAll(rig, all.slice(50)));
  assertLessOrEqual(rig.calls.status().halves, HALVES_PER_MINUTE_MAX);
  // Where nothing is answered no key is to blame.
  assertEquals(rig.calls.status().suspects, 0);
});

Deno.test("GroupedCalls keeps to the limit while it halves", async () => {
  const rig = rigOf({ ...BAD, limits: [{ max: 3, windowMs: 1_000 }] });
  const found = await rig.play(wantAll(rig, [...symbolsOf(49), "BAD"]));
  assertEquals(statesOf(found), { ok: 49, error: 1 });
  const { limited, windowPeak } = rig.upstream.stats();
  assertEquals(limited, 0);
  assertLessOrEqual(windowPeak, 3);
});

Deno.test("GroupedCalls tries a call again as a whole that failed for a while", async () => {
  const rig = rigOf({ outages: [{ fromMs: 0, toMs: 100, kind: "refuse" }] });
  const found = await rig.play(wantAll(rig, symbolsOf(50), { timeoutMs: 10_000 }));
  assertEquals(statesOf(found), { ok: 50 });
  assertEquals(rig.sent.map(({ symbols }) => symbols.length), [50, 50]);
  const { retried, bisected } = rig.calls.status();
  assertEquals([retried, bisected], [1, 0]);
});

Deno.test("GroupedCalls finds a key that fails its call each time as if it passed", async () => {
  const rig = rigOf({ poison: { BAD: "transient" }, poisonFailsCall: true });
  const symbols = [...symbolsOf(49), "BAD"];
  const found = await rig.play(wantAll(rig, symbols, { timeoutMs: 60_000 }));
  assertEquals(
    found.map(({ state }) => state),
    symbols.map((one) => one === "BAD" ? "error" : "ok"),
  );
  assertEquals(rig.calls.status().suspects, 1);
});

Deno.test("GroupedCalls tries nothing again that nobody waits for", async () => {
  const rig = rigOf({ outages: [{ fromMs: 0, toMs: 60_000, kind: "refuse" }] });
  const found = await rig.play(wantAll(rig, symbolsOf(3), { timeoutMs: 200 }));
  assertEquals(statesOf(found), { error: 3 });
  assertEquals(rig.sent.length, 1);
  assertLess(rig.clock.now(), 200);
});

Deno.test("GroupedCalls.close() ends pauses before another try", async () => {
  const rig = rigOf({ outages: [{ fromMs: 0, toMs: 60_000, kind: "refuse" }] });
  const found = rig.calls.want(want("A"));
  await rig.pass(60);
  rig.calls.close();
  const { state } = await rig.play(found);
  assertEquals(state, "error");
  assertLess(rig.clock.now(), 250);
});

// ---- together -------------------------------------------------------------------------------------

Deno.test("GroupedCalls says which results of a name came in one call", async () => {
  const rig = rigOf({}, { keysMax: 3 });
  const found = await rig.play(Promise.all([
    ...["A", "B", "C", "D", "E"].map((symbol) => rig.calls.want(want(symbol, { together: "x" }))),
    rig.calls.want(want("A", { together: "y" })),
    rig.calls.want(want("A")),
  ]));
  const groups = found.map(({ together }) => together);
  assertEquals(groups[0], { id: groups[1]?.id ?? -1, size: 3 });
  assertEquals(groups[2], groups[0]);
  assertEquals(groups[3], { id: groups[4]?.id ?? -1, size: 2 });
  assert(groups[3]?.id !== groups[0]?.id);
  // Alone of its name, and of none.
  assertEquals(groups.slice(5), [undefined, undefined]);
});

Deno.test("GroupedCalls does not count who gave up among those who get results together", async () => {
  const rig = rigOf({ medianMs: 100, p99Ms: 200 });
  const found = await rig.play(Promise.all([
    rig.calls.want(want("A", { together: "x", timeoutMs: 20 })),
    rig.calls.want(want("B", { together: "x" })),
    rig.calls.want(want("C", { together: "x" })),
  ]));
  assertEquals(found.map(({ together }) => together?.size), [undefined, 2, 2]);
});

Deno.test("GroupedCalls.setLinger() changes how long keys wait that somebody waits for", async () => {
  const rig = rigOf({}, { lingerMs: 5 });
  const sentAfter = async () => {
    const startMs = rig.clock.now();
    await rig.play(rig.calls.want(want(`K${startMs}`, { lingerMs: null })));
    return (rig.sent.at(-1)?.atMs ?? 0) - startMs;
  };
  assertEquals(await sentAfter(), 5);
  rig.calls.setLinger(40);
  assertEquals([await sentAfter(), rig.calls.status().lingerMs], [40, 40]);
  rig.calls.setLinger(0);
  assertEquals(await sentAfter(), 0);
  // Who says how long waits so long whatever is set.
  rig.calls.setLinger(40);
  const startMs = rig.clock.now();
  await rig.play(rig.calls.want(want("B", { lingerMs: 7 })));
  assertEquals((rig.sent.at(-1)?.atMs ?? 0) - startMs, 7);
});

Deno.test("GroupedCalls.status() says the most keys of a call", () => {
  assertEquals(rigOf({}, { keysMax: 20 }).calls.status().callKeysMax, 20);
  const alone = rigOf({}, { isEnabled: false }).calls.status();
  assertEquals([alone.callKeysMax, alone.lingerMs], [1, 0]);
});
