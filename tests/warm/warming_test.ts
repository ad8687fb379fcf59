import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { WarmError } from "../../src/warm/error.ts";
import { PROBE_COUNT } from "../../src/warm/throttle.ts";
import type { MakeSources } from "../../src/warm/sources.ts";
import { accessSources } from "../../src/warm/sources_real.ts";
import { readWarmingBytes, warmingBytes } from "../../src/warm/snapshot_bytes.ts";
import { STRATEGY_NAMES, type StrategyName } from "../../src/warm/types.ts";
import { type StrategySettings, Warming, type WarmingOverrides } from "../../src/warm/warming.ts";
import { seedOf } from "../actor/seed.ts";
import { START_MS, World } from "./world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** One strategy alone. */
function only(name: StrategyName, over: Partial<StrategySettings> = {}): WarmingOverrides {
  const strategies = Object.fromEntries(
    STRATEGY_NAMES.map((one) => [one, one === name ? over : { isEnabled: false }]),
  );
  return { strategies };
}

/** Users who ask for a few keys often and for many seldom, `perS` times a second. */
function skewed(world: World, seed: number, perS = 2, keys = 200): () => void {
  const random = seededRandom(seed);
  return () => {
    for (let access = 0; access < perS; access++) {
      world.access(`price:K${Math.floor(keys * random.next() ** 4)}`, `u${access}`);
    }
  };
}

Deno.test("Warming renews what is asked for all the time, and not what is asked for once", async () => {
  const seed = seedOf("warming_test");
  const random = seededRandom(seed);
  const world = new World(only("renewal"));
  await world.pass(HOUR_MS, () => {
    if (random.next() < 1 / 15) world.access("price:OFTEN");
    if (world.nowMs === START_MS + MINUTE_MS) world.access("price:ONCE");
  });
  const loaded = world.calls.flatMap(({ keys }) => keys);
  const often = loaded.filter((key) => key === "price:OFTEN").length;
  assert(often >= 20, `seed ${seed}: ${often} renewals`);
  assert(loaded.filter((key) => key === "price:ONCE").length <= 2, `seed ${seed}`);
  const { byStrategy, totalWarmed, accesses, hits } = world.warming.stats(world.nowMs);
  const { fresh, stale, waited } = world.answers;
  assertEquals(totalWarmed, loaded.length);
  assertEquals([accesses, hits], [fresh + stale + waited, fresh + stale]);
  assert(byStrategy.renewal.used > 0.9 * (often - 2), `seed ${seed}`);
  assert(world.calls.every(({ ask }) => ask.origin === "warm:renewal" && ask.priority === 3));
});

Deno.test("Warming serves more than the same cache without it", async () => {
  const seed = seedOf("warming_test");
  const served = async (settings: WarmingOverrides) => {
    const world = new World(settings);
    await world.pass(HOUR_MS, skewed(world, seed));
    const { fresh, stale, waited } = world.answers;
    return { fresh: fresh / (fresh + stale + waited), stats: world.warming.stats(world.nowMs) };
  };
  const off = await served({ isEnabled: false });
  const on = await served({});
  assertEquals([off.stats.totalWarmed, off.stats.totalKeys], [0, 0]);
  assert(on.fresh > off.fresh + 0.03, `seed ${seed}: ${on.fresh} against ${off.fresh}`);
  const { renewal } = on.stats.byStrategy;
  assert((renewal.precision ?? 0) > 0.5, `seed ${seed}: ${JSON.stringify(renewal)}`);
});

Deno.test("Warming that is disabled records, and loads nothing but by hand", async () => {
  const world = new World({ isEnabled: false });
  await world.pass(5 * MINUTE_MS, skewed(world, 1));
  assertEquals(world.calls, []);
  assertEquals(world.warming.status(world.nowMs).paused, "disabled");
  assertEquals(world.warming.patterns(world.nowMs).totalAccesses, 600);
  await world.pass(HOUR_MS);
  const { state } = world.warming.run("popular", world.nowMs);
  assertEquals(state, "started");
});

Deno.test("Warming.run() tells what came of each proposal", async () => {
  const world = new World(only("popular", { floor: 0 }));
  for (let i = 0; i < 30; i++) world.access(`price:K${i}`);
  await world.pass(90_000);
  // All are stale by now, and some users' reads have renewed theirs.
  for (let i = 0; i < 10; i++) world.access(`price:K${i}`);
  const ran = world.warming.run("popular", world.nowMs);
  assert(ran.state === "started");
  const { proposed, present, wanted, belowFloor, refused, by } = ran.report;
  assertEquals([proposed, present, wanted, belowFloor, refused, by], [20, 0, 20, 0, 0, "hand"]);
  const again = world.warming.run("popular", world.nowMs);
  assertEquals(again, { state: "refused", strategy: "popular", reason: "running" });
  await world.pass(5_000);
  const status = world.warming.status(world.nowMs);
  assertEquals([status.running, status.cycleCount], [[], 1]);
  assertEquals(status.lastResults.popular?.wanted, 20);
  assertEquals(world.warming.stats(world.nowMs).byStrategy.popular.warmed, 20);
});

Deno.test("Warming.run() refuses while the provider is down, and after the stop", () => {
  const world = new World();
  world.isDown = true;
  for (const strategy of STRATEGY_NAMES) {
    assertEquals(world.warming.run(strategy, START_MS), {
      state: "refused",
      strategy,
      reason: "down",
    });
  }
  world.isDown = false;
  world.warming.stop();
  const refused = world.warming.run("renewal", START_MS);
  assertEquals(refused, { state: "refused", strategy: "renewal", reason: "stopped" });
});

Deno.test("Warming runs popular every half hour by itself, and sooner when much was missing", async () => {
  const world = new World(only("popular", { floor: 0 }));
  const first = world.warming.status(world.nowMs).nextRuns;
  assertEquals(first, { popular: START_MS + 30 * MINUTE_MS });
  for (let i = 0; i < 20; i++) world.access(`price:K${i}`);
  await world.pass(30 * MINUTE_MS);
  const { lastResults, nextRuns } = world.warming.status(world.nowMs);
  assertEquals([lastResults.popular?.by, lastResults.popular?.wanted], ["schedule", 20]);
  assertEquals(nextRuns.popular, START_MS + 45 * MINUTE_MS);
});

Deno.test("Warming learns what follows what, and loads it as the first is read", async () => {
  const world = new World({ ...only("predictive"), keysMax: 1_000 });
  const random = seededRandom(3);
  let pair = 0;
  const read = () => {
    if (world.nowMs % 10_000 !== 0) return;
    pair = Math.floor(random.next() * 40);
    world.access(`price:FIRST${pair}`, "u");
  };
  const follow = () => {
    read();
    if (world.nowMs % 10_000 === 5_000) world.access(`price:THEN${pair}`, "u");
  };
  await world.pass(6 * HOUR_MS, follow);
  const { predictive } = world.warming.stats(world.nowMs).byStrategy;
  assert(predictive.warmed > 100, JSON.stringify(predictive));
  assert(predictive.used / (predictive.used + predictive.wasted) > 0.7);
  assert(world.calls.every(({ ask }) => ask.origin === "warm:predictive"));
});

Deno.test("Warming throttles a strategy whose entries are not used, and tries it again", async () => {
  // Somebody is sure of everything.
  const sure: MakeSources = (options) => {
    const { statistics, chance } = accessSources(options);
    const tracked = { snapshot: () => null, restore: () => {}, tracked: () => {} };
    return {
      statistics,
      chance: {
        ...tracked,
        accessed: (slot, atMs) => chance.accessed(slot, atMs),
        chance: () => 1,
        chanceOfKey: () => 0,
        companions: () => [],
      },
    };
  };
  const schedule = { kind: "interval", everyMs: 5 * MINUTE_MS, adapts: false } as const;
  const world = new World(only("popular", { schedule }), { sources: sure });
  for (let i = 0; i < 100; i++) world.access(`price:K${i}`);
  const popular = () => world.warming.stats(world.nowMs).byStrategy.popular;
  await world.pass(15 * MINUTE_MS);
  const [{ strategy, precision, floor, sinceMs, probeAtMs } = { precision: 1, probeAtMs: 0 }] =
    world.warming.status(world.nowMs).throttled;
  assertEquals([strategy, precision, floor], ["popular", 0, 0.75]);
  assertEquals(probeAtMs, (sinceMs ?? 0) + 30 * MINUTE_MS);
  const { warmed } = popular();
  await world.pass(sinceMs === undefined ? 0 : sinceMs + 29 * MINUTE_MS - world.nowMs);
  assertEquals(popular().warmed, warmed);
  // The probe: a few keys, and then nothing for twice as long.
  await world.pass(30 * MINUTE_MS);
  assertEquals(popular().warmed, warmed + PROBE_COUNT);
  assertEquals(world.warming.status(world.nowMs).lastResults.popular?.isProbe, true);
  assert(popular().isThrottled);
  // They are wanted after all: the next probe opens it.
  const everyKey = () => {
    if (world.nowMs % 90_000 === 0) { for (let i = 0; i < 100; i++) world.access(`price:K${i}`); }
  };
  await world.pass(3 * HOUR_MS, everyKey);
  assert(!popular().isThrottled, JSON.stringify(popular()));
});

Deno.test("Warming stops before users do when the provider is down, and comes back after", async () => {
  const world = new World();
  const users = skewed(world, 5);
  await world.pass(20 * MINUTE_MS, users);
  world.isDown = true;
  const before = world.calls.length;
  await world.pass(10 * MINUTE_MS, users);
  assertEquals(world.calls.length, before);
  assertEquals(world.warming.status(world.nowMs).paused, "down");
  world.isDown = false;
  await world.pass(5 * MINUTE_MS, users);
  assert(world.calls.length > before);
  assertEquals(world.warming.status(world.nowMs).paused, null);
});

Deno.test("Warming leaves the provider's last calls to users", async () => {
  const world = new World();
  world.callsLeft = 1;
  await world.pass(20 * MINUTE_MS, skewed(world, 6));
  assertEquals(world.calls, []);
  assertEquals(world.warming.status(world.nowMs).paused, "calls");
});

Deno.test("Warming goes on from its snapshot, and fills an empty cache at once", async () => {
  const world = new World({ keysMax: 500 });
  await world.pass(HOUR_MS, skewed(world, 7));
  const before = world.warming.stats(world.nowMs);
  const bytes = warmingBytes(world.warming.snapshot(world.nowMs));
  world.warming.stop();
  const patterns = world.warming.patterns(world.nowMs);
  world.entries.clear();
  const restarted = world.started({ keysMax: 500 });
  restarted.restore(readWarmingBytes(bytes), world.nowMs);
  const after = restarted.stats(world.nowMs);
  assertEquals([after.totalWarmed, after.accesses], [before.totalWarmed, before.accesses]);
  assertEquals(after.sinceMs, before.sinceMs);
  assertEquals(
    restarted.patterns(world.nowMs).top10.map(({ key }) => key),
    patterns.top10.map(({ key }) => key),
  );
  const calls = world.calls.length;
  await world.pass(10_000);
  const loaded = new Set(world.calls.slice(calls).flatMap(({ keys }) => keys));
  for (const { key } of patterns.top10.slice(0, 3)) assert(loaded.has(key), `${key} is not there`);
});

Deno.test("Warming.restore() refuses what is no snapshot", async () => {
  const world = new World({ keysMax: 100 });
  await world.pass(MINUTE_MS, skewed(world, 8));
  const good = world.warming.snapshot(world.nowMs);
  const bad: readonly unknown[] = [
    { ...good, version: 2 },
    { ...good, parts: null },
    { ...good, parts: { ...good.parts, outcomes: {} } },
    { ...good, parts: { ...good.parts, statistics: 7 } },
  ];
  for (const snapshot of bad) {
    const restored = world.started({ keysMax: 100 });
    assertThrows(() => restored.restore(snapshot as typeof good, world.nowMs), WarmError);
  }
});

Deno.test("Warming gives keys of an experiment's variants their own floors", async () => {
  const experiment = {
    name: "floors",
    variants: [
      { name: "none", strategies: { renewal: { floor: 1 } } },
      { name: "all", strategies: { renewal: { floor: 0 } } },
    ],
  };
  const world = new World({ ...only("renewal"), experiment });
  await world.pass(30 * MINUTE_MS, skewed(world, 9));
  const stats = world.warming.stats(world.nowMs);
  const [none, all] = stats.experiment?.variants ?? [];
  assert(none !== undefined && all !== undefined);
  assert(all.warmed > 50 && none.warmed < all.warmed / 10, JSON.stringify(stats.experiment));
  assertEquals(none.accesses + all.accesses, stats.accesses);
  assertEquals(none.keys + all.keys, stats.totalKeys);
});

Deno.test("Warming keeps its sums whatever happens", async () => {
  const seed = seedOf("warming_test");
  const random = seededRandom(seed);
  const world = new World({ keysMax: 64, callsPerMinute: 30, callsAtOnce: 3 }, { seed });
  world.keysPerCall = 4;
  world.ttl = (key) => {
    const freshMs = key.startsWith("news") ? 600_000 : 20_000;
    return { freshMs, servedMs: 2 * freshMs };
  };
  for (let round = 0; round < 40; round++) {
    world.isDown = random.next() < 0.1;
    world.outcome = random.next() < 0.1 ? "failed" : random.next() < 0.1 ? "missing" : "loaded";
    await world.pass(MINUTE_MS, () => {
      for (let n = Math.floor(random.next() * 6); n > 0; n--) {
        const kind = random.next() < 0.5 ? "news" : "price";
        world.access(`${kind}:${Math.floor(200 * random.next() ** 3)}`, `u${n}`);
      }
      if (random.next() < 0.05) world.entries.delete(`price:${Math.floor(20 * random.next())}`);
      if (random.next() < 0.01) {
        const name = STRATEGY_NAMES[Math.floor(random.next() * STRATEGY_NAMES.length)];
        if (name !== undefined) world.warming.run(name, world.nowMs);
      }
    });
    const stats = world.warming.stats(world.nowMs);
    const open = stats.totalWarmed - stats.totalUsed - stats.totalWasted;
    assert(open >= 0 && open <= stats.budget.entries, `seed ${seed}: ${open} open`);
    assertEquals(stats.budget.memoryBytes, stats.budget.entries * world.weightBytes);
    assert(stats.budget.callsRunning <= 3 && stats.budget.callsUsed <= 30);
    assertEquals(stats.totalCalls, world.calls.length);
    const { waitingKeys, loadingKeys, trackedKeys } = world.warming.status(world.nowMs);
    assert(waitingKeys >= 0 && loadingKeys <= 12 && trackedKeys <= 64);
  }
  assert(world.calls.length > 100, `seed ${seed}`);
  world.warming.stop();
  const { length } = world.calls;
  await world.pass(5 * MINUTE_MS);
  assertEquals([world.calls.length, world.warming.status(world.nowMs).loadingKeys], [length, 0]);
});

Deno.test("Warming does not stumble over keys of all sorts", async () => {
  const world = new World({ keysMax: 16 });
  for (
    const key of ["", ":", "price", "__proto__", "constructor:x", "x".repeat(5_000), "é:\u0000"]
  ) {
    for (let n = 0; n < 5; n++) world.access(key);
    world.store(key, { origin: "warm:popular", priority: 1, timeoutMs: 1 });
  }
  await world.pass(5 * MINUTE_MS);
  for (const strategy of STRATEGY_NAMES) world.warming.run(strategy, world.nowMs);
  world.warming.daily(world.nowMs);
  world.warming.patterns(world.nowMs);
  assertEquals(world.warming.stats(world.nowMs).accesses, 35);
});

Deno.test("Warming wants a key again whose slot has changed while it waited for a call", async () => {
  const off = { isEnabled: false, floor: 0 };
  const strategies = Object.fromEntries(STRATEGY_NAMES.map((name) => [name, off]));
  const world = new World({ keysMax: 16, strategies });
  world.ttl = () => ({ freshMs: 5_000, servedMs: 5_000 });
  const readOften = (key: string, times: number) => {
    const { nowMs: atMs } = world;
    for (let n = 0; n < times; n++) {
      world.warming.accessed({ key, atMs, answer: "elsewhere", user: null });
    }
  };
  readOften("price:A", 50);
  for (let key = 0; key < 15; key++) readOften(`price:B${key}`, 200);
  await world.pass(1_000);
  world.callsLeft = 0;
  assertEquals(world.warming.run("popular", world.nowMs).state, "started");
  // It loses its slot to another key, and takes that of a third one.
  readOften("price:C", 200);
  readOften("price:A", 1);
  await world.pass(1_000);
  world.warming.run("renewal", world.nowMs);
  world.callsLeft = null;
  await world.pass(20_000);
  const calls = world.calls.length;
  assert(world.calls.some(({ keys }) => keys.includes("price:A")));
  world.warming.run("renewal", world.nowMs);
  await world.pass(5_000);
  assert(world.calls.slice(calls).some(({ keys }) => keys.includes("price:A")));
});

Deno.test("Warming takes accesses of long ago as those of now", () => {
  const chances = [0, START_MS - HOUR_MS, START_MS, NaN].map((atMs) => {
    const world = new World({ keysMax: 100 });
    for (let n = 0; n < 40; n++) {
      world.clock.advance(1_000);
      world.warming.tick(world.nowMs);
      for (const key of ["price:A", "price:B"]) {
        const isTold = n % 4 === 0 && key === "price:A";
        world.warming.accessed({
          key,
          atMs: isTold ? atMs : world.nowMs,
          answer: "elsewhere",
          user: null,
        });
      }
    }
    return world.warming.patterns(world.nowMs).top10.map(({ chance }) => chance);
  });
  for (const found of chances) assertEquals(found, chances[2]);
  assert((chances[2]?.[0] ?? 0) > 0);
});

Deno.test("Warming finds the room of what the cache has evicted, once there is none left", async () => {
  const over = { isEnabled: false, floor: 0, limit: 50 };
  const world = new World({
    keysMax: 100,
    memoryMaxBytes: 2 ** 20,
    ...only("popular", over),
  });
  world.ttl = () => ({ freshMs: 24 * HOUR_MS, servedMs: 48 * HOUR_MS });
  world.weightBytes = 100_000;
  for (let key = 0; key < 50; key++) world.access(`price:K${key}`);
  const load = async () => {
    world.entries.clear();
    const { length } = world.calls;
    world.warming.run("popular", world.nowMs);
    await world.pass(2 * MINUTE_MS);
    return world.calls.slice(length).flatMap(({ keys }) => keys).length;
  };
  await load();
  await world.pass(HOUR_MS);
  const { budget } = world.warming.stats(world.nowMs);
  assert(budget.memoryBytes > 2 ** 19);
  // Nobody has told of it: all that was there is gone.
  await load();
  await world.pass(10 * MINUTE_MS);
  const held = [...world.entries.keys()].length;
  const after = world.warming.stats(world.nowMs);
  assert(held > 0);
  assertEquals(after.budget.entries, held);
  assertEquals(after.budget.memoryBytes, held * world.weightBytes);
  assertEquals(after.totalWarmed, after.totalUsed + after.totalWasted + after.budget.entries);
});

Deno.test("Warming never wants what nobody can load", async () => {
  const world = new World({ keysMax: 100, ...only("popular", { floor: 0 }) });
  world.started({ keysMax: 100, ...only("popular", { floor: 0 }) });
  Object.assign(world.ports, { canLoad: (key: string) => key !== "mine:A" });
  for (const key of ["mine:A", "price:A"]) for (let n = 0; n < 20; n++) world.access(key);
  await world.pass(5 * MINUTE_MS);
  const result = world.warming.run("popular", world.nowMs);
  assert(result.state === "started");
  assertEquals([result.report.wanted, result.report.refused], [1, 1]);
  await world.pass(MINUTE_MS);
  assertEquals(world.calls.flatMap(({ keys }) => keys), ["price:A"]);
});

Deno.test("Warming that starts again keeps the budget of the minute", async () => {
  const settings = {
    keysMax: 500,
    callsPerMinute: 5,
    ...only("popular", { floor: 0, limit: 500 }),
  };
  const world = new World(settings);
  world.keysPerCall = 1;
  for (let key = 0; key < 100; key++) world.access(`price:K${key}`);
  world.entries.clear();
  await world.pass(3 * MINUTE_MS);
  world.warming.run("popular", world.nowMs);
  await world.pass(10_000);
  assertEquals(world.calls.length, 5);
  const snapshot = readWarmingBytes(warmingBytes(world.warming.snapshot(world.nowMs)));
  const began = world.calls.map(({ atMs }) => atMs);
  world.entries.clear();
  // With a snapshot, and after a crash without one.
  for (const isCrash of [false, true]) {
    const { ports, nowMs } = world;
    const random = seededRandom(1);
    world.warming = new Warming({
      ports,
      random,
      nowMs,
      settings,
      ...(isCrash ? { callsBeganMs: began } : {}),
    });
    if (!isCrash) world.warming.restore(snapshot, nowMs);
    else for (let key = 0; key < 100; key++) world.access(`price:K${key}`);
    world.entries.clear();
    world.warming.run("popular", nowMs);
    await world.pass(10_000);
    assertEquals(world.calls.length, 5);
  }
  await world.pass(MINUTE_MS);
  assert(world.calls.length > 5);
});

Deno.test("Warming.restore() refuses a snapshot of a clock that was a day ahead", () => {
  const world = new World({ keysMax: 100 });
  const snapshot = world.warming.snapshot(world.nowMs);
  const restart = (ms: number) =>
    world.started({ keysMax: 100 }).restore(snapshot, world.nowMs - ms);
  restart(HOUR_MS);
  assertThrows(() => restart(25 * HOUR_MS), WarmError, "expected a time up to a day after");
});
