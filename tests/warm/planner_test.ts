import { assert, assertEquals } from "@std/assert";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { Budget, type BudgetOptions } from "../../src/warm/budget.ts";
import { KINDS_MAX, Planner, type Wanted, WANTED_MAX } from "../../src/warm/planner.ts";
import type { WarmOutcome } from "../../src/warm/types.ts";
import type { WarmAsk, WarmingPorts } from "../../src/warm/warming_types.ts";
import { seedOf } from "../actor/seed.ts";

const START_MS = 1_772_000_000_000;

/** Steps in which time passes, ms: what a load brings is dealt with between them. */
const STEP_MS = 50;

/** Lets time pass, and what waits for it go on. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs >= 0; leftMs -= STEP_MS) {
    clock.advance(Math.min(STEP_MS, leftMs));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    if (leftMs === 0) return;
  }
}

/** A call that was begun. */
interface Call {
  readonly keys: readonly string[];
  readonly ask: WarmAsk;
  readonly atMs: number;
}

/** A planner, and a world in which a load takes `loadMs`. */
function planned(budgetOptions: Partial<BudgetOptions> = {}, loadMs = () => 200) {
  const clock = new VirtualClock(0, START_MS);
  const calls: Call[] = [];
  const settled: string[] = [];
  const world = {
    isDown: false,
    callsLeft: null as number | null,
    bytes: 0,
    fresh: new Set<string>(),
    held: new Set<string>(),
    running: 0,
    outcome: "loaded" as WarmOutcome,
    onLoad: (_: readonly string[]) => {},
    onLoaded: (_: string) => {},
  };
  const ports: WarmingPorts = {
    nowMs: () => clock.wallNow(),
    load(keys, ask) {
      calls.push({ keys, ask, atMs: clock.wallNow() });
      world.running++;
      world.onLoad(keys);
      return new Promise((resolve) => {
        clock.setTimer(loadMs(), () => {
          world.running--;
          if (world.outcome === "loaded") keys.forEach(world.onLoaded);
          resolve(keys.map(() => world.outcome));
        });
      });
    },
    freshLeftMs: (key) => world.fresh.has(key) ? 1_000 : 0,
    ttlMs: () => ({ freshMs: 60_000, servedMs: 120_000 }),
    keysPerCall: () => 3,
    callsLeft: () => world.callsLeft,
    isDown: () => world.isDown,
    marketOf: () => null,
    events: () => [],
  };
  const budget = new Budget({
    callsPerMinute: 100,
    callsAtOnce: 10,
    memoryMaxBytes: 1e9,
    ...budgetOptions,
  });
  const planner = new Planner({
    ports,
    budget,
    timeoutMs: 1_000,
    listener: {
      settled: ({ key }, outcome) => void settled.push(`${key} ${outcome}`),
      asked: () => {},
      called: () => {},
      hasRoom: ({ key }) => world.held.has(key),
      bytes: () => world.bytes,
    },
  });
  return { clock, calls, settled, world, planner, budget };
}

function wanted(key: string, over: Partial<Wanted> = {}): Wanted {
  return {
    key,
    slot: -1,
    kind: key.slice(0, key.indexOf(":")),
    strategy: "popular",
    chance: 0.5,
    saidChance: 0.5,
    isServedChance: false,
    rank: 0.5,
    dueMs: START_MS,
    untilMs: START_MS + 3_600_000,
    isOfCycle: false,
    ...over,
  };
}

Deno.test("Planner puts keys of one kind into calls of as many as fit, best first", async () => {
  const { planner, calls, clock } = planned();
  for (let i = 0; i < 5; i++) planner.want(wanted(`price:P${i}`, { rank: i / 10 }));
  planner.want(wanted("news:N", { rank: 0.9, strategy: "trending" }));
  assertEquals(planner.pump(START_MS), null);
  assertEquals(calls.map(({ keys }) => keys), [
    // 0.4 + 0.3 + 0.2 and 0.9 are alike: the first lane goes first.
    ["price:P4", "price:P3", "price:P2"],
    ["news:N"],
    ["price:P1", "price:P0"],
  ]);
  assertEquals(calls[1]?.ask.origin, "warm:trending");
  await pass(clock, 1_000);
});

Deno.test("Planner takes first the call that saves the most waiting", async () => {
  const { planner, calls, clock } = planned({ callsAtOnce: 1 }, () => 200);
  planner.restoreCallMs({ slow: 1_000, fast: 100 });
  planner.want(wanted("fast:A", { rank: 0.9 }));
  planner.want(wanted("slow:B", { rank: 0.2 }));
  planner.pump(START_MS);
  assertEquals(calls[0]?.keys, ["slow:B"]);
  await pass(clock, 1_000);
  assertEquals(calls.map(({ keys }) => keys[0]), ["slow:B", "fast:A"]);
});

Deno.test("Planner waits for others until a call is full or its first key has waited enough", async () => {
  const { planner, calls, clock } = planned();
  planner.want(wanted("price:A", { dueMs: START_MS + 5_000 }));
  planner.want(wanted("price:B", { dueMs: START_MS + 9_000 }));
  planner.pump(START_MS + 4_999);
  assertEquals(calls.length, 0);
  planner.pump(START_MS + 5_000);
  assertEquals(calls.length, 1);
  for (const key of ["price:C", "price:D", "price:E"]) {
    planner.want(wanted(key, { dueMs: START_MS + 60_000 }));
  }
  planner.pump(START_MS + 5_001);
  assertEquals(calls.length, 2);
  await pass(clock, 1_000);
});

Deno.test("Planner asks for a key once at a time", async () => {
  const { planner, calls, clock, settled } = planned();
  assertEquals(planner.want(wanted("price:A")), "wanted");
  assertEquals(planner.want(wanted("price:A")), "present");
  planner.pump(START_MS);
  assertEquals(planner.want(wanted("price:A")), "present");
  assert(planner.has("price:A", "price"));
  await pass(clock, 1_000);
  assertEquals([calls.length, settled], [1, ["price:A loaded"]]);
  assert(!planner.has("price:A", "price"));
});

Deno.test("Planner leaves out what became fresh, and what is of no use any more", () => {
  const { planner, calls, world, settled } = planned();
  planner.want(wanted("price:A"));
  planner.want(wanted("price:B"));
  planner.want(wanted("price:C", { untilMs: START_MS + 10 }));
  world.fresh.add("price:A");
  planner.stored("price:B", "price", 10, false, START_MS);
  planner.pump(START_MS + 11);
  assertEquals([calls.length, planner.waiting], [0, 0]);
  assertEquals(settled.sort(), ["price:A fresh", "price:B fresh", "price:C late"]);
});

Deno.test("Planner loads nothing while the provider is down, and goes on after", async () => {
  const { planner, calls, clock, world } = planned();
  planner.want(wanted("price:A"));
  world.isDown = true;
  assertEquals([planner.pump(START_MS), calls.length], ["down", 0]);
  world.isDown = false;
  world.callsLeft = 1;
  assertEquals([planner.pump(START_MS), calls.length], ["calls", 0]);
  world.callsLeft = 2;
  assertEquals([planner.pump(START_MS), calls.length], [null, 1]);
  await pass(clock, 1_000);
});

Deno.test("Planner pauses after a call all of whose keys failed", async () => {
  const { planner, calls, clock, world } = planned();
  world.outcome = "failed";
  planner.want(wanted("price:A"));
  planner.pump(START_MS);
  await pass(clock, 200);
  planner.want(wanted("price:B"));
  assertEquals([planner.pump(START_MS + 1_199), calls.length], ["failing", 1]);
  assertEquals([planner.pump(START_MS + 1_200), calls.length], [null, 2]);
  await pass(clock, 1_000);
});

Deno.test("Planner begins nothing after stop(), and drops what waits", async () => {
  const { planner, calls, clock, settled } = planned({ callsAtOnce: 1 });
  for (const key of ["price:A", "news:B"]) planner.want(wanted(key));
  planner.pump(START_MS);
  planner.stop(START_MS);
  assertEquals(planner.want(wanted("price:C")), "full");
  await pass(clock, 1_000);
  assertEquals([calls.length, planner.waiting, planner.loading], [1, 0, 0]);
  assertEquals(settled.sort(), ["news:B late", "price:A loaded"]);
});

Deno.test("Planner refuses more keys than it has room for", () => {
  const { planner } = planned();
  for (let i = 0; i < WANTED_MAX; i++) planner.want(wanted(`price:${i}`));
  assertEquals(planner.want(wanted("price:more")), "full");
  assertEquals(planner.want(wanted("price:0")), "present");
  assertEquals(planner.waiting, WANTED_MAX);
});

Deno.test("Planner survives a port that breaks its promise", async () => {
  const { planner, budget, clock, settled } = planned({}, () => {
    throw new Error("broken");
  });
  planner.want(wanted("price:A"));
  planner.pump(START_MS);
  await pass(clock, 0);
  await Promise.resolve();
  assertEquals([budget.running, settled], [0, ["price:A failed"]]);
});

Deno.test("Planner keeps to its budget whatever is wanted: calls, concurrency, bytes", async () => {
  const seed = seedOf("planner_test");
  const random = seededRandom(seed);
  const limits = { callsPerMinute: 20, callsAtOnce: 4, memoryMaxBytes: 60_000 };
  const { planner, calls, clock, world } = planned(
    limits,
    () => 50 + Math.floor(random.next() ** 4 * 20_000),
  );
  const loading = new Set<string>();
  const weights = new Map<string, number>();
  world.onLoad = (keys) => {
    assert(keys.length >= 1 && keys.length <= 3);
    assertEquals(new Set(keys.map((key) => key[0])).size, 1);
    for (const key of keys) {
      assert(!loading.has(key), `seed ${seed}: ${key} twice at a time`);
      loading.add(key);
    }
  };
  world.onLoaded = (key) => {
    loading.delete(key);
    const weightBytes = 1_024;
    if (!weights.has(key)) world.bytes += weightBytes;
    weights.set(key, weightBytes);
    planner.stored(key, key.slice(0, 1), weightBytes, true, clock.wallNow());
    assert(world.bytes <= limits.memoryMaxBytes, `seed ${seed}`);
  };
  for (let step = 0; step < 2_000; step++) {
    await pass(clock, Math.floor(random.next() ** 3 * 2_000));
    const nowMs = clock.wallNow();
    for (let i = Math.floor(random.next() * 8); i > 0; i--) {
      const key = `${"pnf"[Math.floor(random.next() * 3)]}:${Math.floor(random.next() * 300)}`;
      planner.want(wanted(key, {
        rank: random.next(),
        dueMs: nowMs + Math.floor(random.next() * 3_000),
        untilMs: nowMs + 10_000,
      }));
    }
    // Entries end now and then.
    if (random.next() < 0.3) {
      for (const [key, bytes] of weights) {
        if (random.next() < 0.2) {
          weights.delete(key);
          world.bytes -= bytes;
        }
      }
    }
    planner.pump(nowMs);
    assert(world.running <= limits.callsAtOnce, `seed ${seed}: ${world.running} at once`);
  }
  assert(calls.length > 100, `only ${calls.length} calls`);
  for (let at = 0; at + limits.callsPerMinute < calls.length; at++) {
    const [first, after] = [calls[at], calls[at + limits.callsPerMinute]] as [Call, Call];
    assert(after.atMs - first.atMs > 60_000, `seed ${seed}: call ${at}`);
  }
});

Deno.test("Planner renews what is there while there is no room for anything new", async () => {
  const { planner, calls, clock, world } = planned({ memoryMaxBytes: 1_000 });
  world.bytes = 1_000;
  world.held.add("news:Z").add("price:Z");
  for (let key = 0; key < 5; key++) planner.want(wanted(`price:${key}`, { rank: 0.9 }));
  for (const key of ["price:Z", "news:Z"]) planner.want(wanted(key, { rank: 0.1 }));
  assertEquals(planner.pump(START_MS), "memory");
  await pass(clock, 1_000);
  assertEquals(calls.map(({ keys }) => keys), [["price:Z"], ["news:Z"]]);
  assertEquals(planner.waiting, 5);
});

Deno.test("Planner has room for kinds of data however many were made up before", async () => {
  const { planner, calls, clock } = planned({ callsPerMinute: 1_000, callsAtOnce: 100 });
  for (let kind = 0; kind < KINDS_MAX; kind++) planner.want(wanted(`made_up_${kind}:A`));
  assertEquals(planner.want(wanted("price:A")), "full");
  planner.pump(START_MS);
  await pass(clock, 1_000);
  assertEquals(planner.want(wanted("price:A")), "wanted");
  planner.pump(clock.wallNow());
  assertEquals(calls.at(-1)?.keys, ["price:A"]);
});

Deno.test("Planner takes the best of a full queue, the first of equals first", () => {
  const seed = seedOf("planner_test");
  const random = seededRandom(seed);
  const { planner, calls } = planned({ callsAtOnce: 1 });
  const all = Array.from({ length: 1_000 }, (_, at) =>
    wanted(`price:${at}`, {
      rank: Math.floor(random.next() * 50) / 50,
      chance: Math.floor(random.next() * 5) / 5,
    }));
  for (const one of all) planner.want(one);
  planner.pump(START_MS);
  const sorted = all.toSorted((a, b) => b.rank - a.rank || b.chance - a.chance);
  assertEquals(calls[0]?.keys, sorted.slice(0, 3).map(({ key }) => key), `seed ${seed}`);
});
