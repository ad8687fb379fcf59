/** The limiter in a world of jitter, stalls and kills, judged by the provider's own count. */

import { assert, assertEquals } from "@std/assert";
import { ClairvoyantClient, LimiterClient } from "../../bench/batch/limiter_clients.ts";
import { WindowOracle } from "../../bench/batch/limiter_oracle.ts";
import { CALM_WORLD, World, type WorldOptions } from "../../bench/batch/limiter_world.ts";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import type { LimiterOptions, LimitSpec } from "../../src/batch/limit_options.ts";
import { seedOf } from "../actor/seed.ts";

/** Stalls and kills so often that one limit's window sees several. */
function roughWorld(seed: number, random: Random): WorldOptions {
  const stallMs = 500 + random.next() * 4_500;
  const killEveryMs = 5_000 + random.next() * 60_000;
  return {
    ...CALM_WORLD,
    seed,
    jitterMs: random.next() * 200,
    serviceMedianMs: 1 + random.next() * 200,
    serviceP99Ms: 1_000,
    stallShare: random.next() * 0.05,
    stallMs,
    processStallEveryMs: 20_000,
    killEveryMs,
    downMaxMs: random.next() * 5_000,
    saveMaxMs: random.next() * 100,
    // Half of the time between kills, on average: a limiter that only ever sees a clock which does
    // not get on may never believe that a window has passed.
    wallBackMaxMs: random.next() < 0.5 ? 0 : Math.min(10_000, killEveryMs),
  };
}

/** Judges of every limit: one for all keys, or one a key. */
function judges(limits: readonly LimitSpec[]): {
  all: WindowOracle[];
  of: (key: string) => WindowOracle[];
} {
  const all: WindowOracle[] = [];
  const byKey = new Map<string, WindowOracle[]>();
  const judge = ({ rate }: LimitSpec) => {
    const oracle = new WindowOracle(rate.requests, rate.windowMs);
    all.push(oracle);
    return oracle;
  };
  const shared = limits.filter(({ scope }) => scope !== "key").map(judge);
  const own = limits.filter(({ scope }) => scope === "key");
  const of = (key: string) => {
    let oracles = byKey.get(key);
    if (oracles === undefined) byKey.set(key, oracles = [...shared, ...own.map(judge)]);
    return oracles;
  };
  return { all, of };
}

function optionsOf(limits: readonly LimitSpec[], world: WorldOptions): LimiterOptions {
  return { limits, reserve: 8, strayMs: world.jitterMs + world.stallMs };
}

const violations = (oracles: readonly WindowOracle[]) =>
  oracles.reduce((sum, oracle) => sum + oracle.violations, 0);

Deno.test("Limiter breaks no window in random worlds of kills, stalls, clock jumps", () => {
  const seed = seedOf("limiter worlds");
  const random = seededRandom(seed);
  let kills = 0;
  for (let round = 0; round < 30; round++) {
    const world = roughWorld(seed + round, random);
    const rate = {
      requests: 8 + Math.floor(random.next() * 60),
      windowMs: 500 + Math.floor(random.next() * 20_000),
    };
    const limits: LimitSpec[] = [{ name: "one", rate, begin: "free" }];
    const { all, of } = judges(limits);
    const result = new World(world, new LimiterClient(optionsOf(limits, world)), of)
      .run({ requests: 1_500, ms: 3_600_000 });
    kills += result.kills;
    assertEquals(violations(all), 0, `round ${round}: ${JSON.stringify({ world, rate })}`);
    assert(result.requests > 100, `round ${round}: ${result.requests} requests`);
  }
  assert(kills > 100, `${kills} kills`);
});

Deno.test("Limiter keeps several limits at once, by key and for all, through kills", () => {
  const seed = seedOf("limiter limits");
  const random = seededRandom(seed);
  const limits: LimitSpec[] = [
    { name: "second", rate: { requests: 10, windowMs: 1_000 }, begin: "free" },
    { name: "minute", rate: { requests: 200, windowMs: 60_000 }, begin: "free" },
    { name: "day", rate: { requests: 100_000, windowMs: 86_400_000 }, begin: "free" },
    { name: "own", rate: { requests: 40, windowMs: 10_000 }, begin: "free", scope: "key" },
  ];
  for (let round = 0; round < 6; round++) {
    const world = {
      ...roughWorld(seed + round, random),
      users: [
        { name: "backfill", workers: 10, priority: 1, key: "a", costMax: 3 },
        { name: "warmer", workers: 5, priority: 5, key: "a" },
        { name: "reader", workers: 5, priority: 5, key: "b", costMax: 2 },
      ],
    };
    const { all, of } = judges(limits);
    const client = new LimiterClient(optionsOf(limits, world));
    const result = new World(world, client, of).run({ requests: 3_000, ms: 7_200_000 });
    client.limiter.invariant();
    assertEquals(violations(all), 0, `round ${round}: ${JSON.stringify(world)}`);
    assert(result.requests > 300, `${result.requests} requests`);
  }
});

Deno.test("Limiter gets on though it is killed far more often than its window is long", () => {
  // Each life ends within the time that a request may be on its way, more often than not.
  const world = {
    ...{ ...CALM_WORLD, killEveryMs: 6_000, downMaxMs: 5_000, saveMaxMs: 40 },
    ...{ stallShare: 0.01, stallMs: 4_500 },
  };
  const limits: LimitSpec[] = [
    { name: "minute", rate: { requests: 200, windowMs: 60_000 }, begin: "free" },
  ];
  const { all, of } = judges(limits);
  const result = new World(world, new LimiterClient(optionsOf(limits, world)), of)
    .run({ ms: 3_600_000 });
  assertEquals(violations(all), 0);
  // A fifth of what the limit lets through; what each life may have sent unseen counts as sent.
  assert(result.kills > 300 && result.requests > 0.2 * 60 * 200, `${result.requests} requests`);
});

Deno.test("Limiter without a snapshot begins as if full and breaks nothing when killed", () => {
  const world = { ...CALM_WORLD, killEveryMs: 30_000, stallShare: 0.01 };
  const limits: LimitSpec[] = [{ name: "one", rate: { requests: 20, windowMs: 5_000 } }];
  const { all, of } = judges(limits);
  const client = new LimiterClient({ limits, strayMs: 5_050 });
  const result = new World(world, client, of).run({ requests: 2_000 });
  assert(result.kills > 10);
  assertEquals(violations(all), 0);
});

for (const mistake of ["send", "forget", "no_reserve"] as const) {
  Deno.test(`WindowOracle sees a limiter with the mistake ${mistake}`, () => {
    const world: WorldOptions = {
      ...CALM_WORLD,
      stallShare: 0.01,
      killEveryMs: 20_000,
      downMaxMs: 500,
    };
    const limits: LimitSpec[] = [
      { name: "one", rate: { requests: 50, windowMs: 5_000 }, begin: "free" },
    ];
    const seen = [mistake, null].map((made) => {
      const { all, of } = judges(limits);
      new World(world, new LimiterClient(optionsOf(limits, world), made), of)
        .run({ requests: 10_000 });
      return violations(all);
    });
    assert(seen[0] as number > 10, `${seen[0]} violations`);
    assertEquals(seen[1], 0);
  });
}

Deno.test("WindowOracle sees a limiter that thinks requests die with their process", () => {
  const world: WorldOptions = {
    ...CALM_WORLD,
    stallShare: 0.3,
    killEveryMs: 10_000,
    downMaxMs: 100,
  };
  const limits: LimitSpec[] = [
    { name: "one", rate: { requests: 50, windowMs: 2_000 }, begin: "free" },
  ];
  const { all, of } = judges(limits);
  new World(world, new LimiterClient({ limits, reserve: 8, strayMs: 0 }), of)
    .run({ requests: 10_000 });
  assert(violations(all) > 10, `${violations(all)} violations`);
});

Deno.test("Limiter reaches 98.5 % of what foresight does, shared equally by three", () => {
  const rate = { requests: 750, windowMs: 60_000 };
  const limits: LimitSpec[] = [{ name: "minute", rate, begin: "free" }];
  const { all, of } = judges(limits);
  const ours = new World(CALM_WORLD, new LimiterClient({ limits }), of).run({ requests: 40_000 });
  const best = new WindowOracle(750, 60_000);
  const theirs = new World(CALM_WORLD, new ClairvoyantClient(750, 60_000), () => [best])
    .run({ ms: ours.endMs });
  assertEquals([violations(all), best.violations], [0, 0]);
  const share = ours.requests / theirs.requests;
  assert(share >= 0.985 && share <= 1.001, `${share}`);
  for (const [user, requests] of ours.byUser) {
    const third = 3 * requests / ours.requests;
    assert(third > 0.99 && third < 1.01, `${user}: ${third}`);
  }
});
