/** The budget in Redis: the same as its twin, and strict in real time. */

import { assert, assertAlmostEquals, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { pause, seededRandom, systemClock, systemRandom } from "../../../src/actor/clock.ts";
import type { BudgetReply, BudgetSync, BudgetTerms } from "../../../src/batch/shared_budget.ts";
import { BudgetState } from "../../../src/batch/shared_budget_state.ts";
import { RedisGroup } from "../../../src/store/nodes/redis_group.ts";
import { RedisBudget, type RedisBudgetOptions } from "../../../src/store/nodes/shared_budget.ts";
import { seedOf } from "../../actor/seed.ts";
import { BudgetNode, StrictProvider } from "../../batch/shared_world.ts";
import { RedisServer } from "../../support/redis.ts";
import { RedisCluster } from "../../support/redis_cluster.ts";
import { serviceOrSkip } from "../../support/services.ts";

const redis = serviceOrSkip("redis");

/** Half of the last decimal that the script writes, and what binary adds to it. */
const ROUNDED_MS = 0.000_501;

const groupOf = (place: string) =>
  new RedisGroup({ place, clock: systemClock, random: systemRandom });

/** The first connection takes a moment. */
async function ready(group: RedisGroup): Promise<void> {
  for (;;) {
    try {
      return void await group.trip("t:{limit:p0}", (redis) => redis.ping(), 1_000);
    } catch {
      await pause(systemClock, 10);
    }
  }
}

const tripOf = (group: RedisGroup): RedisBudgetOptions["trip"] => (key, run, limitMs) =>
  group.trip(key, run, limitMs);

const termsOf = (requests: number, windowMs: number, begin: "free" | "full"): BudgetTerms => ({
  limits: [{ name: "one", requests, windowMs, begin }],
  strayMs: 50,
  sessionMs: 500,
  driftRatio: 1e-4,
});

Deno.test("RedisBudget answers as its twin in memory over random calls", redis, async () => {
  await using server = await RedisServer.start();
  await answersAsTwin(server.url);
});

Deno.test("RedisBudget answers as its twin on a Cluster, in one slot", redis, async () => {
  await using cluster = await RedisCluster.start();
  await answersAsTwin(cluster.url);
});

async function answersAsTwin(url: string): Promise<void> {
  const group = groupOf(url);
  try {
    await ready(group);
    const seed = seedOf("budget twin");
    const random = seededRandom(seed);
    for (let round = 0; round < 6; round++) {
      const limits = [
        { name: "second", requests: 3 + round * 20, windowMs: 1_000, begin: "free" as const },
        { name: "minute", requests: 50 + round * 90, windowMs: 30_000, begin: "full" as const },
      ].slice(round % 2);
      const terms: BudgetTerms = { limits, strayMs: 300, sessionMs: 2_000, driftRatio: 1e-4 };
      const twin = new BudgetState(terms);
      let nowMs = 1_700_000_000_000, life = 0;
      const budget = new RedisBudget({
        ...{ name: `p${round}`, terms, prefix: "t", trip: tripOf(group) },
        at: () => ({ nowMs, server: `life${life}` }),
      });
      const numbers = new Map<string, number>();
      const heldOf = new Map<string, number>();
      for (let call = 0; call < 500; call++) {
        // Quarters are exact in binary and in text.
        nowMs += Math.floor(random.next() ** 3 * 4_000) / 4;
        if (random.next() < 0.005) life++;
        const name = `n${Math.floor(random.next() * 4)}`;
        const isRepeat = random.next() < 0.1;
        const number = Math.max(1, (numbers.get(name) ?? 0) + (isRepeat ? 0 : 1));
        numbers.set(name, number);
        const held = heldOf.get(name) ?? 0;
        const used = Math.floor(random.next() * (held + 1));
        const want = Math.floor(random.next() * 12);
        const request: BudgetSync = {
          session: name,
          number,
          want,
          least: Math.min(want, 1 + Math.floor(random.next() * 3)),
          unused: Math.floor(random.next() * (held - used + 1)),
          uses: used === 0
            ? []
            : [{ ageMs: Math.floor(random.next() * 500) / 4 - 20, count: used }],
          pauseMs: random.next() < 0.02 ? 700 : 0,
          reported: random.next() < 0.02 ? 1 + Math.floor(random.next() * 60) : null,
        };
        const expected = twin.sync(request, nowMs, `life${life}`);
        const found = await budget.sync(request);
        assertSame(found, expected, `round ${round}, call ${call}`);
        if (found.state === "lost") {
          numbers.set(name, 0);
          heldOf.set(name, 0);
        } else if (!isRepeat) {
          heldOf.set(name, held - used - request.unused + found.granted);
        }
      }
    }
  } finally {
    await group.close();
  }
}

/** Times travel with three decimals, and a tie may be rounded either way. */
function assertSame(found: BudgetReply, expected: BudgetReply, message: string): void {
  if (found.state === "lost" || expected.state === "lost") {
    return assertEquals(found, expected, message);
  }
  const { waitMs, pausedMs } = expected;
  assertEquals(found, { ...expected, waitMs: found.waitMs, pausedMs: found.pausedMs }, message);
  assertAlmostEquals(found.waitMs, waitMs, ROUNDED_MS, message);
  assertAlmostEquals(found.pausedMs, pausedMs, ROUNDED_MS, message);
}

Deno.test(
  "RedisBudget reaches 95 % of the limit with 1 and with 3 of three nodes at work",
  redis,
  async () => {
    await using server = await RedisServer.start();
    // Side by side, each with a budget of its own.
    await Promise.all([1, 3].map((count) => reachesLimit(server.url, count)));
  },
);

async function reachesLimit(url: string, count: number): Promise<void> {
  const terms = termsOf(200, 1_000, "free");
  const provider = new StrictProvider(terms.limits);
  const groups = Array.from({ length: 3 }, () => groupOf(url));
  const nodes = groups.map((group, i) =>
    new BudgetNode(
      `n${i}`,
      new RedisBudget({ name: `p${count}`, terms, prefix: "t", trip: tripOf(group) }),
      provider,
      systemClock,
      systemRandom,
    )
  );
  const startMs = systemClock.now();
  const isOn = () => systemClock.now() < startMs + 6_000;
  const work = nodes.slice(0, count).map((node) => node.work(40, isOn));
  await pause(systemClock, 6_000);
  await Promise.all(nodes.map((node) => node.gate.close()));
  await Promise.all(work);
  await Promise.all(groups.map((group) => group.close()));
  assertEquals(provider.violations, 0);
  const rate = provider.rate(startMs + 1_000, startMs + 6_000);
  console.log(
    `${count} at work: ${(rate * 1_000 / 2).toFixed(1)} % of the limit, ` +
      `shares ${[...provider.byNode.values()].join(" ")}`,
  );
  assertGreaterOrEqual(rate, 0.95 * 200 / 1_000, `${count} at work`);
}

Deno.test("RedisBudget stays strict while nodes and Redis are killed", redis, async () => {
  await using server = await RedisServer.start();
  const random = seededRandom(seedOf("budget kills"));
  const terms = termsOf(40, 250, "full");
  const provider = new StrictProvider(terms.limits);
  const groups: RedisGroup[] = [];
  const work: Promise<void>[] = [];
  const all: BudgetNode[] = [];
  let isOn = true;
  const begin = (name: string) => {
    const group = groupOf(server.url);
    groups.push(group);
    const budget = new RedisBudget({
      ...{ name: "p", terms, prefix: "t", trip: tripOf(group) },
    });
    const node = new BudgetNode(name, budget, provider, systemClock, systemRandom);
    work.push(node.work(10, () => isOn, 50));
    all.push(node);
    return node;
  };
  let nodes = ["a", "b", "c"].map(begin);
  for (let event = 0; event < 14; event++) {
    await pause(systemClock, 100 + random.next() * 400);
    if (event % 5 === 4) {
      await server.kill();
      await pause(systemClock, random.next() * 600);
      await server.start();
    } else {
      nodes.shift()?.kill();
      nodes = [...nodes, begin(`n${event}`)];
    }
  }
  isOn = false;
  const { length } = provider.arrivals;
  for (const node of all) node.kill();
  for (const node of all) await node.gate.close();
  await Promise.all(groups.map((group) => group.close()));
  await pause(systemClock, 100);
  assertEquals(provider.violations, 0);
  // Seven seconds let a thousand through, and a loaded machine a fraction: somebody was at work.
  assert(length > 50, `${length} arrived`);
});
