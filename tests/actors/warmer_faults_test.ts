/** What becomes of warming when something beside it, or it itself, fails: in virtual time. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { startWick, type Wick } from "../../actors/tree.ts";
import { nextTurn, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { DataProvider } from "../../src/provider/port.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { SpyStore } from "./spy_store.ts";

/** A Tuesday, 11 o'clock in New York. */
const START_MS = Date.UTC(2026, 2, 3, 16);
const MINUTE_MS = 60_000;
const WARMER = "/wick/core/work/warmer";

class Rig {
  readonly clock = new VirtualClock(0, START_MS);
  readonly store = new SpyStore();
  /** Symbols of the calls that reached the provider. */
  readonly asked: string[] = [];
  isFailing = false;
  /** Throws to crash an actor on a message. */
  beforeHandle: (path: string, type: string) => void = () => {};
  wick!: Wick;

  static async start(callsPerMinute = 100): Promise<Rig> {
    const rig = new Rig();
    const starting = startWick({
      store: { kind: "open", backend: rig.store },
      workers: 1,
      providers: [{ name: "upstream", begin: "free", open: () => rig.#provider() }],
      cache: { provider: "upstream" },
      warming: { settings: { callsPerMinute, lingerRatio: 0 } },
      system: {
        clock: rig.clock,
        random: seededRandom(1),
        inlineThreads: true,
        log: null,
        faults: {
          beforeInit: () => {},
          beforeHandle: (path, type) => rig.beforeHandle(path, type),
          onTheWay: () => 0,
        },
      },
    });
    rig.wick = await rig.play(starting);
    return rig;
  }

  #provider(): DataProvider {
    const times = { medianMs: 5, p99Ms: 10 };
    const good = simulatedProvider(this.clock, { ...times, transientRatio: 0 });
    const bad = simulatedProvider(this.clock, { ...times, transientRatio: 1 });
    return {
      ...good,
      capabilities: good.capabilities,
      groupOf: (endpoint, symbol) => good.groupOf(endpoint, symbol),
      detail: () => good.detail(),
      close: async () => {
        await Promise.all([good.close(), bad.close()]);
      },
      [Symbol.asyncDispose]: () => good.close(),
      fetch: (request) => {
        this.asked.push(...request.symbols);
        return (this.isFailing ? bad : good).fetch(request);
      },
    };
  }

  get warmer() {
    const { warmer } = this.wick;
    assert(warmer !== null);
    return warmer;
  }

  get router() {
    const { cache } = this.wick;
    assert(cache !== null);
    return cache;
  }

  /** Time goes on from timer to timer until the promise settles. */
  async play<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    for (await settle(); !isOver; await settle()) assert(this.clock.fireNext());
    return await promise;
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await settle();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      await settle();
    }
    this.clock.advance(untilMs - this.clock.now());
    await settle();
  }

  /** Users read keys. */
  async read(keys: readonly string[], times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      await this.play(this.router.getMany(keys, { user: "ann", timeoutMs: 500 }));
      await this.pass(200);
    }
  }

  stop(): Promise<void> {
    return this.play(this.wick.system.stop());
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
}

Deno.test("warming comes back after its provider though no user reads anything", async () => {
  const rig = await Rig.start();
  await rig.read(["price:AAPL", "price:MSFT"], 60);
  rig.isFailing = true;
  for (let i = 0; i < 8; i++) await rig.read([`price:X${i}`], 1);
  const state = async () =>
    (await rig.play(rig.wick.provider("upstream").ask("status", {}))).breaker;
  assert(await state() !== "closed");
  await rig.pass(5 * MINUTE_MS);
  // It was tried now and then, with a few calls.
  assert(await state() !== "closed");
  assert(rig.asked.length < 200);
  rig.isFailing = false;
  await rig.pass(5 * MINUTE_MS);
  assertEquals(await state(), "closed");
  assertEquals((await rig.play(rig.warmer.ask("status", {}))).paused, null);
  await rig.stop();
});

Deno.test("a warmer that crashes goes on from its last save, hears again, and has no new budget", async () => {
  const rig = await Rig.start(3);
  const kinds = ["price", "news", "fundamentals", "profile", "dividends"];
  const keys = kinds.map((kind) => `${kind}:AAPL`);
  await rig.read(keys, 60);
  await rig.play(rig.warmer.ask("save", {}));
  // Nothing of it is there: a call for each kind is wanted, and three are made.
  const runAll = async () => {
    await rig.play(rig.router.invalidate({ keys }));
    await rig.play(rig.warmer.ask("run", { strategy: "popular" }));
    await rig.pass(10_000);
  };
  await rig.pass(2 * MINUTE_MS);
  rig.asked.length = 0;
  await runAll();
  assertEquals(rig.asked.length, 3);
  let crashes = 0;
  rig.beforeHandle = (path, type) => {
    if (path !== WARMER || type !== "drain" || crashes > 0) return;
    crashes++;
    throw new Error("a bug");
  };
  await rig.pass(2_000);
  assertEquals(crashes, 1);
  const { budget, accesses } = await rig.play(rig.warmer.ask("stats", {}));
  assertEquals([accesses, budget.callsUsed, budget.callsLeft], [300, 3, 0]);
  await runAll();
  assertEquals(rig.asked.length, 3);
  await rig.read(["price:MSFT"], 5);
  assertEquals((await rig.play(rig.warmer.ask("stats", {}))).accesses, 305);
  await rig.pass(MINUTE_MS);
  assert(rig.asked.length > 4);
  await rig.stop();
});

Deno.test("a full store is told to who asks the warmer to save, and costs it nothing", async () => {
  const rig = await Rig.start();
  await rig.read(["price:AAPL"], 10);
  rig.store.refuseRecords = () => ({ state: "refused", code: "full", message: "the disk is full" });
  const sectors = { AAPL: "technology" };
  for (let n = 0; n < 5; n++) {
    await assertRejects(() => rig.play(rig.warmer.ask("sectors", { sectors })), "full");
    await assertRejects(() => rig.play(rig.warmer.ask("calendar", { events: [] })), "full");
    await assertRejects(() => rig.play(rig.warmer.ask("save", {})), "full");
  }
  // It is the same one: nothing was forgotten.
  const stats = await rig.play(rig.warmer.ask("stats", {}));
  assertEquals([stats.accesses, stats.saveError], [10, "the disk is full"]);
  await rig.stop();
});

Deno.test("keys that nobody can load neither are asked for nor make warming pause", async () => {
  const rig = await Rig.start();
  const hopeless = [
    "price:AAPL:x",
    "prices:AAPL:D?bars=0",
    "mine:AAPL",
    "correlation:AAPL",
    "label:A",
  ];
  const keys = [...hopeless, "price:AAPL"];
  const accesses = keys.flatMap((key) => Array.from({ length: 60 }, () => ({ key })));
  await rig.play(rig.warmer.ask("accesses", { accesses }));
  rig.router.setMany(hopeless.slice(0, 3).map((key) => ({ key, value: { mine: true } })));
  await rig.play(rig.router.invalidate({ keys: ["price:AAPL"] }));
  await rig.play(rig.warmer.ask("run", { strategy: "popular" }));
  for (let n = 0; n < 100; n++) {
    await rig.pass(10_000);
    assertEquals((await rig.play(rig.warmer.ask("status", {}))).paused, null);
  }
  assert(rig.asked.includes("AAPL"));
  await rig.stop();
});

Deno.test("a shard, the provider or the store that dies in the middle of a load holds nothing up", async () => {
  for (
    const path of ["/wick/core/cache/shard-0", "/wick/core/providers/upstream", "/wick/core/store"]
  ) {
    const rig = await Rig.start();
    const keys = Array.from({ length: 40 }, (_, i) => `price:K${i}`);
    await rig.read(keys, 40);
    await rig.play(rig.router.invalidate({ patterns: ["price:*"] }));
    let crashes = 0;
    rig.beforeHandle = (at) => {
      if (at !== path || crashes > 0) return;
      crashes++;
      throw new Error("a bug");
    };
    const ran = rig.warmer.ask("run", { strategy: "popular" });
    await rig.play(ran).catch(() => {});
    await rig.pass(10_000);
    if (path.endsWith("store")) {
      await rig.play(rig.wick.store.ask("seq", {})).catch(() => {});
      await rig.pass(10_000);
    }
    assertEquals(crashes, 1, path);
    await rig.read(keys, 40);
    await rig.play(rig.router.invalidate({ patterns: ["price:*"] }));
    await rig.pass(1_000);
    await rig.play(rig.warmer.ask("run", { strategy: "popular" }));
    await rig.pass(2 * MINUTE_MS);
    const { running, loadingKeys, paused } = await rig.play(rig.warmer.ask("status", {}));
    assertEquals([running, loadingKeys, paused], [[], 0, null], path);
    const { callsRunning } = (await rig.play(rig.warmer.ask("stats", {}))).budget;
    assertEquals(callsRunning, 0, path);
    const isFresh = (key: string) => (rig.router.timeLeft(key)?.softLeftMs ?? 0) > 0;
    assert(keys.filter(isFresh).length > 30, path);
    await rig.stop();
  }
});
