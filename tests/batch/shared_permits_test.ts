/** One budget for several nodes: what the provider counts, whatever becomes of the nodes. */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { nextTurn, type Random, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { BudgetSync, BudgetTerms } from "../../src/batch/shared_budget.ts";
import { BudgetState, MemoryBudget } from "../../src/batch/shared_budget_state.ts";
import { seedOf } from "../actor/seed.ts";
import { BudgetNode, FlakyBudget, StrictProvider } from "./shared_world.ts";

const turn = () => new Promise<void>((resolve) => void nextTurn(resolve));

/** Time goes on, with everything that hangs on it. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const untilMs = clock.now() + ms;
  await turn();
  while (clock.nextTimerAt() <= untilMs) {
    clock.fireNext();
    await turn();
  }
  clock.advance(Math.max(0, untilMs - clock.now()));
}

const termsOf = (requests: number, windowMs: number, more: Partial<BudgetTerms> = {}) => ({
  limits: [{ name: "one", requests, windowMs, begin: "free" as const }],
  strayMs: 20,
  sessionMs: 1_000,
  driftRatio: 1e-4,
  ...more,
});

interface World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly memory: MemoryBudget;
  readonly provider: StrictProvider;
  readonly node: (name: string, failRatio?: number) => BudgetNode;
  readonly ways: FlakyBudget[];
}

function worldOf(terms: BudgetTerms, seed: number): World {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const memory = new MemoryBudget(terms, () => clock.now());
  const provider = new StrictProvider(terms.limits);
  const ways: FlakyBudget[] = [];
  const node = (name: string, failRatio = 0) => {
    const way = new FlakyBudget(memory, clock, random, 2, failRatio);
    ways.push(way);
    return new BudgetNode(name, way, provider, clock, random);
  };
  return { clock, random, memory, provider, node, ways };
}

for (const nodes of [1, 3]) {
  Deno.test(`SharedPermits reach 95 % of the limit with ${nodes} of three nodes at work`, async () => {
    const world = worldOf(termsOf(200, 1_000), seedOf(`shared throughput ${nodes}`));
    const { clock, provider } = world;
    const all = ["a", "b", "c"].map((name) => world.node(name));
    for (const node of all.slice(0, nodes)) void node.work(60);
    await pass(clock, 20_000);
    assertEquals(provider.violations, 0);
    assertGreaterOrEqual(provider.rate(2_000, 20_000), 0.95 * 200 / 1_000);
    const counts = [...provider.byNode.values()];
    assertLess(Math.max(...counts) / Math.min(...counts), 1.1);
  });
}

Deno.test("SharedPermits give a node that joins its share at once, whoever asks more", async () => {
  const world = worldOf(termsOf(100, 1_000), seedOf("shared join"));
  const { clock, provider } = world;
  void world.node("many").work(200);
  await pass(clock, 5_000);
  void world.node("few").work(120);
  await pass(clock, 2_000);
  provider.byNode.clear();
  await pass(clock, 10_000);
  const [many = 0, few = 0] = ["many", "few"].map((name) => provider.byNode.get(name));
  assertEquals(provider.violations, 0);
  assertLess(Math.abs(many - few) / (many + few), 0.1);
});

Deno.test("SharedPermits ask for many calls at once where calls are many", async () => {
  const world = worldOf(termsOf(2_000, 1_000), seedOf("shared trips"));
  const node = world.node("a");
  void node.work(40);
  await pass(world.clock, 5_000);
  const { length } = world.provider.arrivals;
  assertGreaterOrEqual(length, 0.9 * 2_000 * 5);
  assertLess(world.ways[0]?.trips ?? Infinity, length / 4);
});

/** Nodes die, trips fail, the server forgets; what the provider saw. */
async function chaos(seed: number, random: Random) {
  const requests = 5 + Math.floor(random.next() * 100);
  const windowMs = 200 + Math.floor(random.next() * 2_000);
  const terms = termsOf(requests, windowMs, {
    limits: [
      { name: "short", requests, windowMs, begin: "full" },
      { name: "long", requests: requests * 8, windowMs: windowMs * 10, begin: "full" },
    ],
  });
  const world = worldOf(terms, seed);
  const { clock, provider, memory, ways } = world;
  let kills = 0;
  let nodes = ["a", "b", "c"].map((name) => world.node(name, 0.05));
  for (const node of nodes) void node.work(20, undefined, 300);
  for (let event = 0; event < 60; event++) {
    await pass(clock, random.next() * 2 * windowMs);
    const which = random.next();
    if (which < 0.25) {
      nodes.shift()?.kill();
      kills++;
      const node = world.node(`n${event}`, 0.05);
      nodes = [...nodes, node];
      void node.work(20, undefined, 300);
    } else if (which < 0.3) memory.server = `life ${event}`;
    else for (const way of ways) way.isAway = random.next() < 0.3;
  }
  return { kills, provider, terms };
}

Deno.test("SharedPermits break no window while nodes die, trips fail and the server forgets", async () => {
  const seed = seedOf("shared chaos");
  const random = seededRandom(seed);
  let kills = 0;
  for (let round = 0; round < 8; round++) {
    const { provider, terms, ...found } = await chaos(seed + round, random);
    kills += found.kills;
    assertEquals(provider.violations, 0, `round ${round}: ${JSON.stringify(terms)}`);
    const [{ requests }] = terms.limits as [BudgetTerms["limits"][number]];
    assert(provider.arrivals.length > requests, `${provider.arrivals.length} arrived`);
  }
  assert(kills > 20, `${kills} kills`);
});

Deno.test("StrictProvider sees nodes that count from the sending and not from the response", async () => {
  const world = worldOf(termsOf(200, 1_000), seedOf("shared canary"));
  const nodes = ["a", "b", "c"].map((name) => world.node(name));
  for (const way of world.ways) way.earlyMs = 10;
  for (const node of nodes) void node.work(60);
  await pass(world.clock, 10_000);
  assert(world.provider.violations > 10, `${world.provider.violations} violations`);
});

Deno.test("SharedPermits of a node that is killed count as used until their window is over", async () => {
  const world = worldOf(termsOf(10, 1_000), seedOf("shared kill"));
  const { clock, memory, provider } = world;
  const node = world.node("a");
  const leases = Array.from({ length: 10 }, () => node.gate.acquire());
  await pass(clock, 100);
  await Promise.all(leases);
  node.kill();
  void world.node("b").work(10);
  // Session, stray, window: nothing before.
  await pass(clock, 1_900);
  assertEquals([provider.byNode.get("b"), memory.terms.sessionMs], [undefined, 1_000]);
  await pass(clock, 300);
  assertEquals(provider.byNode.get("b"), 10);
});

Deno.test("SharedPermits send nothing once the budget is away, and go on when it is back", async () => {
  const world = worldOf(termsOf(50, 1_000), seedOf("shared away"));
  const { clock, provider, ways } = world;
  const node = world.node("a");
  void node.work(10);
  await pass(clock, 3_000);
  for (const way of ways) way.isAway = true;
  await pass(clock, 1_100);
  const { length } = provider.arrivals;
  await pass(clock, 30_000);
  assertEquals(provider.arrivals.length, length);
  assertEquals(node.permits.status().state, "away");
  for (const way of ways) way.isAway = false;
  await pass(clock, 3_000);
  assert(provider.arrivals.length > length + 50);
  assertEquals([provider.violations, node.permits.status().state], [0, "ok"]);
});

Deno.test("SharedPermits tell all nodes that the provider wants a pause, within 300 ms", async () => {
  const world = worldOf(termsOf(100, 500), seedOf("shared pause"));
  const { clock, provider } = world;
  const [a, b] = [world.node("a"), world.node("b")];
  for (const node of [a, b]) void node.work(20);
  await pass(clock, 2_000);
  a.gate.pause(5_000);
  await pass(clock, 300);
  const { length } = provider.arrivals;
  await pass(clock, 4_600);
  assertEquals(provider.arrivals.length, length);
  await pass(clock, 1_000);
  assert(provider.arrivals.length > length + 50);
});

Deno.test("SharedPermits keep all nodes to a limit that the provider reports to one", async () => {
  const world = worldOf(termsOf(100, 500), seedOf("shared report"));
  const { clock, provider } = world;
  const [a, b] = [world.node("a"), world.node("b")];
  a.permits.report(20);
  for (const node of [a, b]) void node.work(20);
  await pass(clock, 10_000);
  assertGreaterOrEqual(provider.rate(2_000, 10_000), 0.9 * 20 / 500);
  assertLess(provider.rate(2_000, 10_000), 20 / 500 + 1e-9);
});

Deno.test("SharedPermits let a dear claim come to its turn among cheap ones of another node", async () => {
  const world = worldOf(termsOf(40, 1_000), seedOf("shared dear"));
  const { clock } = world;
  void world.node("cheap").work(60);
  await pass(clock, 2_000);
  const dear = world.node("dear");
  let isGranted = false;
  void dear.gate.acquire({ cost: 40 }).then((lease) => {
    isGranted = true;
    lease.release();
  });
  await pass(clock, 4_000);
  assert(isGranted);
});

Deno.test("BudgetState.sync() counts what is said twice once, and a void session not at all", () => {
  const state = new BudgetState(termsOf(10, 1_000));
  const say = (number: number, more: Partial<BudgetSync> = {}, session = "a"): BudgetSync => ({
    ...{ session, number, want: 0, least: 0, unused: 0, uses: [], pauseMs: 0, reported: null },
    ...more,
  });
  const first = state.sync(say(1, { want: 3, least: 1 }), 0, "x");
  assertEquals(first, { state: "ok", granted: 1, waitMs: 0, pausedMs: 0, reported: null });
  assertEquals(state.sync(say(1, { want: 3, least: 1 }), 5, "x"), first);
  assertEquals(state.used(), [1]);
  const used = say(2, { uses: [{ ageMs: 2, count: 1 }] });
  state.sync(used, 10, "x");
  state.sync(used, 500, "x");
  assertEquals(state.used(), [1]);
  assertEquals(state.sync(say(9), 600, "x"), { state: "lost" });
  assertEquals(state.sync(say(2, {}, "b"), 600, "x"), { state: "lost" });
  state.sync(say(3), 1_100, "x");
  assertEquals(state.used(), [0]);
});
