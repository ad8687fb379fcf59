/** The aggregator as an actor: prices that move, who learns of it, blocks, restarts and faults. */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { seededRandom } from "../../src/actor/mod.ts";
import { correlationOf } from "../../src/market/correlation.ts";
import { blockKey } from "../../src/refresh/block_values.ts";
import type { CorrelationBlock } from "../../src/refresh/service_types.ts";
import { candlesOf, T0, walks } from "../refresh/price_rig.ts";
import { AggregatorRig, FailingStore, SEED } from "./aggregator_rig.ts";

console.log(`aggregator tests: WICK_SEED=${SEED}`);

const change = (edgeId: string, magnitude: number) => ({
  edgeId,
  type: "custom" as const,
  magnitude,
});
const FIVE = ["A", "B", "C", "D", "E"];
/** All pairs of these, each so much. */
const pairsOf = (edges: readonly string[], correlation: number | null = 0.9) => ({
  kind: "pairs" as const,
  pairs: edges.flatMap((a, i) => edges.slice(i + 1).map((b) => ({ a, b, correlation }))),
});

Deno.test("a commit of candles becomes a change of its instrument, told to the coordinator", async () => {
  await using rig = new AggregatorRig();
  const walk = Array.from({ length: 40 }, (_, i) => 100 + i % 2);
  rig.commit([candlesOf("A:M1", walk)], false);
  await rig.settle();
  const [first] = rig.listener.moved;
  assertEquals(first?.changes.map(({ edgeId, magnitude }) => [edgeId, magnitude]), [["A", 0]]);
  rig.commit([candlesOf("A:M1", [104], 40)]);
  await rig.simulator.advance(200);
  const last = rig.listener.moved.at(-1);
  const [moved] = last?.changes ?? [];
  assert(moved !== undefined);
  // From 101 to 104, at ranges of 1 and a little, and the last of 4: the candle opens at its close.
  assertEquals([moved.type, moved.edgeId, moved.class], ["price_move", "A", "major"]);
  const ranges = 12 * (1 + 201 * 1e-4) + 1 + 201 * 1e-4 + (104 * 1.0001 - 101);
  assertAlmostEquals(moved.magnitude, 3 / (ranges / 14), 1e-3);
  assert(moved.value !== undefined && moved.value > 0.5 && moved.value < 1);
  assertEquals(moved.metadata?.close, 104);
  assertEquals(last?.impacted.map(({ id }) => id), ["A"]);
  const status = await rig.status();
  assertEquals([status.seq, status.instruments, status.isCaughtUp], [2, 1, true]);
});

Deno.test("a correction of an older candle is no change", async () => {
  await using rig = new AggregatorRig();
  const walk = Array.from({ length: 40 }, (_, i) => 100 + i % 2);
  rig.commit([candlesOf("A:M1", walk)], false);
  await rig.settle();
  const told = rig.listener.moved.length;
  const candles = candlesOf("A:M1", [150], 20);
  const ts = candles.ts[0] as number;
  rig.commitBatch({
    feed: null,
    after: null,
    cursor: null,
    series: [{
      series: "A:M1",
      baseSeq: 40,
      append: null,
      replace: { fromTs: ts, toTs: ts + 1, candles },
      labels: [],
      relabelled: null,
    }],
  });
  await rig.settle();
  assertEquals(rig.listener.moved.length, told);
  assertEquals((await rig.status()).seq, 2);
});

Deno.test("whoever records changes learns of the clusters of their edges, after the tick", async () => {
  await using rig = new AggregatorRig();
  await rig.answer(rig.aggregator.ask("correlations", { correlations: pairsOf(["A", "B"]) }));
  const asked = [["A"], ["B"], ["Z"]].map((edges) =>
    rig.aggregator.ask("recordEdgeChanges", { changes: edges.map((edge) => change(edge, 1)) })
  );
  let answered = 0;
  for (const one of asked) void one.then(() => answered++);
  await rig.simulator.advance(49);
  assertEquals([answered, rig.listener.moved.length], [0, 0]);
  await rig.simulator.advance(2);
  const [a, b, z] = await Promise.all(asked);
  assertEquals(a?.impacted.map(({ id, members }) => [id, members]), [["A", ["A", "B"]]]);
  assertEquals(b?.impacted, a?.impacted);
  assertEquals(z?.impacted.map(({ id }) => id), ["Z"]);
  assertEquals(rig.listener.moved.length, 1);
  assertEquals(rig.listener.moved[0]?.changes.length, 3);
});

Deno.test("changes that set nothing off are told to the coordinator all the same", async () => {
  await using rig = new AggregatorRig();
  const taken = await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 0.1)));
  assertEquals(taken, { recorded: 1, refused: [], impacted: [] });
  assertEquals(rig.listener.moved.map(({ impacted }) => impacted), [[]]);
  const { firedRatio, totals } = await rig.status();
  assertEquals([firedRatio, totals.recorded], [0, 1]);
});

Deno.test("a cluster that fired is armed again by time", async () => {
  await using rig = new AggregatorRig();
  const fired = async () =>
    (await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 1)))).impacted.length;
  assertEquals(await fired(), 1);
  assertEquals(await fired(), 0);
  await rig.simulator.advance(60_000);
  assertEquals(await fired(), 1);
});

Deno.test("the time of a change is never later than now", async () => {
  await using rig = new AggregatorRig();
  const at = rig.wallMs + 3_600_000;
  await rig.answer(rig.aggregator.ask("recordEdgeChange", { ...change("A", 1), at }));
  const given = rig.listener.moved[0]?.changes[0]?.at ?? Infinity;
  assert(given <= rig.wallMs);
});

Deno.test("changes that the coordinator could not be told come with the next, folded", async () => {
  await using rig = new AggregatorRig();
  rig.listener.result = "overflow";
  await rig.answer(rig.aggregator.ask("recordEdgeChange", { ...change("A", 1), value: 1 }));
  await rig.answer(rig.aggregator.ask("recordEdgeChange", { ...change("A", 0.1), value: 2 }));
  assertEquals(rig.listener.moved.length, 0);
  rig.listener.result = "accepted";
  await rig.simulator.advance(1_100);
  const [moved, ...others] = rig.listener.moved;
  assertEquals(
    moved?.changes.map(({ edgeId, value, magnitude, count }) => [edgeId, value, magnitude, count]),
    [["A", 2, 1, 2]],
  );
  assertEquals([moved?.impacted.map(({ id }) => id), others], [["A"], []]);
});

Deno.test("whoever asks for what cannot be is refused, and nothing crashes", async () => {
  await using rig = new AggregatorRig({ spec: { aggregator: { clusters: { edgesMax: 2 } } } });
  const { aggregator } = rig;
  await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 0.1)));
  await assertRejects(() => rig.answer(aggregator.ask("addEdges", { edges: ["B", "C"] })));
  const correlations = pairsOf(["A", "B", "C"]);
  await assertRejects(() => rig.answer(aggregator.ask("correlations", { correlations })));
  const taken = await rig.answer(aggregator.ask("recordEdgeChanges", {
    // A has nothing more to say, and makes room.
    changes: [change("B", 0.1), change("C", 0.1), change("D", 0.1)],
  }));
  assertEquals(taken.refused, [{ index: 2, reason: "edges" }]);
  assertEquals((await rig.status()).totals.recorded, 3);
});

Deno.test("edges come and go; clusters are shown the largest first", async () => {
  await using rig = new AggregatorRig();
  const { aggregator } = rig;
  const correlations = pairsOf(["M", "N", "O"]);
  await rig.answer(aggregator.ask("correlations", { correlations }));
  assertEquals(await rig.answer(aggregator.ask("addEdges", { edges: ["A"] })), { edges: 4 });
  const all = await rig.answer(aggregator.ask("clusters", { sizeMin: 1, limit: 10 }));
  assertEquals(all.map(({ members }) => members.length), [3, 1]);
  const large = await rig.answer(aggregator.ask("clusters", { sizeMin: 2, limit: 10 }));
  assertEquals(large.map(({ id }) => id), ["M"]);
  assertEquals((await rig.answer(aggregator.ask("edge", { edgeId: "N" })))?.cluster.id, "M");
  assertEquals(await rig.answer(aggregator.ask("removeEdges", { edges: ["M"] })), { edges: 3 });
  assertEquals((await rig.answer(aggregator.ask("edge", { edgeId: "N" })))?.cluster.id, "N");
  assertEquals(await rig.answer(aggregator.ask("edge", { edgeId: "M" })), null);
});

Deno.test("correlations that are handed in are told to the coordinator, and taken back", async () => {
  await using rig = new AggregatorRig();
  const { aggregator, listener } = rig;
  await rig.answer(aggregator.ask("correlations", { correlations: pairsOf(["A", "B"]) }), 2_000);
  assertEquals(listener.correlated.map((told) => told.of("A", "B")), [0.9]);
  await rig.answer(aggregator.ask("correlations", { correlations: null }), 2_000);
  assertEquals(listener.correlated.map((told) => told.known), [1, 0]);
});

Deno.test("clusters are learned from candles, told, and there again after a restart", async () => {
  const closes = walks(seededRandom(SEED), [["A", "B", "C"], ["X", "Y"]], 400);
  const store = new FailingStore();
  const clusters = async (rig: AggregatorRig) =>
    (await rig.answer(rig.aggregator.ask("clusters", { sizeMin: 2, limit: 10 })))
      .map(({ members }) => members);
  {
    await using rig = new AggregatorRig({ store });
    for (const [name, walk] of closes) rig.commit([candlesOf(`${name}:M1`, walk)], false);
    await rig.settle();
    assertEquals(await clusters(rig), [["A", "B", "C"], ["X", "Y"]]);
    const told = rig.listener.correlated.at(-1);
    const pair = ["A", "B"].map((name) => candlesOf(`${name}:M1`, closes.get(name) ?? []));
    const [a, b] = pair;
    assert(a !== undefined && b !== undefined);
    assertAlmostEquals(told?.of("A", "B") ?? NaN, correlationOf(a, b, 250).correlation ?? 0, 0.05);
    rig.crash();
    await rig.settle();
    assertEquals(await clusters(rig), [["A", "B", "C"], ["X", "Y"]]);
  }
  await using rig = new AggregatorRig({ store });
  await rig.settle();
  assertEquals(await clusters(rig), [["A", "B", "C"], ["X", "Y"]]);
});

Deno.test("what was handed in and counted outlives the process, and a crash after a save", async () => {
  const store = new FailingStore();
  {
    await using rig = new AggregatorRig({ store });
    await rig.answer(rig.aggregator.ask("correlations", { correlations: pairsOf(["A", "B"]) }));
    await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 1)));
    // Stopped before the tick: it is not lost.
    void rig.aggregator.ask("recordEdgeChange", change("B", 0.5)).catch(() => {});
    await rig.simulator.run();
  }
  await using rig = new AggregatorRig({ store });
  await rig.simulator.advance(100);
  assertEquals(rig.listener.moved.map(({ changes }) => changes.map(({ edgeId }) => edgeId)), [[
    "B",
  ]]);
  const { totals, knownPairs } = await rig.status();
  assertEquals([totals.recorded, totals.fired, knownPairs], [2, 1, 1]);
  await rig.answer(rig.aggregator.ask("recordEdgeChange", change("C", 0.1)));
  // The minute's save, and then a crash.
  await rig.simulator.advance(61_000);
  rig.crash();
  await rig.simulator.advance(1_000);
  assertEquals((await rig.status()).totals.recorded, 3);
});

Deno.test("correlations that were handed in are saved within a minute, and outlive a crash", async () => {
  await using rig = new AggregatorRig();
  await rig.answer(rig.aggregator.ask("correlations", { correlations: pairsOf(["A", "B"]) }));
  await rig.simulator.advance(61_000);
  rig.crash();
  await rig.simulator.advance(3_000);
  assertEquals((await rig.status()).knownPairs, 1);
  // Whoever starts with it is told again.
  assertEquals(rig.listener.correlated.map((told) => told.of("A", "B")), [0.9, 0.9]);
});

Deno.test("what was saved and cannot be read costs what was learned, not the service", async () => {
  const store = new FailingStore();
  store.putRecord("refresh", "aggregator", '{"snapshot":{"version":9},"correlations":[]}');
  await using rig = new AggregatorRig({ store });
  assertEquals((await rig.status()).edges, 0);
  assert(rig.logged.some((line) => line.includes("cannot be read")));
});

Deno.test("a store that takes no record is tried again, and said so", async () => {
  await using rig = new AggregatorRig();
  rig.store.refuseRecords = () => ({ state: "refused", code: "full", message: "it is full" });
  await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 1)));
  await assertRejects(() => rig.answer(rig.aggregator.ask("save", {})));
  await rig.simulator.advance(61_000);
  assertEquals(rig.logged.filter((line) => line.includes("not saved")).length, 1);
  rig.store.refuseRecords = () => null;
  await rig.simulator.advance(61_000);
  assert(rig.store.record("refresh", "aggregator") !== null);
});

Deno.test("a store that fails to read is tried again, and no commit is missed", async () => {
  await using rig = new AggregatorRig();
  const walk = Array.from({ length: 40 }, (_, i) => 100 + i % 2);
  rig.commit([candlesOf("A:M1", walk)], false);
  await rig.settle();
  rig.store.failure = new Error("it is away");
  rig.commit([candlesOf("A:M1", [104], 40)]);
  await rig.simulator.advance(3_000);
  assertEquals(rig.listener.moved.length, 1);
  assert(!(await rig.status()).isCaughtUp);
  rig.store.failure = null;
  await rig.settle(10_000);
  assertEquals(rig.listener.moved.at(-1)?.changes.map(({ edgeId }) => edgeId), ["A"]);
  assertEquals(rig.simulator.system.nodeAt("/wick/core/aggregator")?.state, "running");
  assertEquals(rig.logged.filter((line) => line.includes("trying again")).length, 1);
});

Deno.test("what was committed while it was down is a value after the restart", async () => {
  await using rig = new AggregatorRig();
  rig.commit([candlesOf("A:M1", Array.from({ length: 40 }, (_, i) => 100 + i % 2))], false);
  await rig.settle();
  rig.crash();
  rig.commit([candlesOf("A:M1", [104], 40)]);
  await rig.settle();
  const [moved] = rig.listener.moved.at(-1)?.changes ?? [];
  assertEquals([moved?.edgeId, moved?.metadata?.close, moved?.magnitude], ["A", 104, 0]);
});

Deno.test("askers are answered when it stops, and fail when it crashes", async () => {
  const rig = new AggregatorRig();
  await rig.simulator.advance(10);
  const lost = rig.aggregator.ask("recordEdgeChange", change("A", 1));
  const isLost = lost.then(() => false, () => true);
  await rig.simulator.run();
  rig.crash();
  await rig.simulator.advance(100);
  assertEquals(await isLost, true);
  const asked = rig.aggregator.ask("recordEdgeChange", change("A", 1));
  await rig.simulator.run();
  await rig[Symbol.asyncDispose]();
  assertEquals(await asked, { recorded: 1, refused: [], impacted: [] });
});

Deno.test("without prices it reads no candles", async () => {
  await using rig = new AggregatorRig({ spec: { followsPrices: false } });
  rig.commit([candlesOf("A:M1", [1, 2, 3])]);
  await rig.simulator.advance(1_000);
  const { seq, instruments, isCaughtUp, edges, stream } = await rig.status();
  assertEquals([seq, instruments, isCaughtUp, edges, stream], [null, 0, true, 0, null]);
});

Deno.test("without a cache no block is warmed, and whoever asks gets one", async () => {
  await using rig = new AggregatorRig();
  await rig.answer(rig.aggregator.ask("correlations", { correlations: pairsOf(FIVE) }));
  await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 1)));
  const served = await rig.answer(rig.aggregator.ask("block", { clusterId: "A" }));
  assertEquals([served?.cacheHit, served?.block.rows[0]], [false, [1, 0.9, 0.9, 0.9, 0.9]]);
  assertEquals(await rig.answer(rig.aggregator.ask("block", { clusterId: "B" })), null);
  const { blocks } = await rig.status();
  assertEquals([blocks.totals.warmed, blocks.hitRatio], [0, null]);
});

Deno.test("the block of an impacted cluster is warmed, and read from the cache from then on", async () => {
  await using rig = new AggregatorRig({ hasCache: true });
  const { aggregator, router } = rig;
  await rig.answer(aggregator.ask("correlations", { correlations: pairsOf(FIVE) }));
  await rig.answer(aggregator.ask("recordEdgeChange", change("C", 1)));
  const cached = router?.peek(blockKey("A")) as CorrelationBlock | undefined;
  assertEquals(cached?.members, FIVE);
  assertEquals(router?.explain(blockKey("A"))?.tags, ["correlation_block"]);
  for (let i = 0; i < 20; i++) {
    const served = await rig.answer(aggregator.ask("block", { clusterId: "A" }), 10);
    assertEquals([served?.cacheHit, served?.block.clusterId], [true, "A"]);
  }
  const { blocks } = await rig.status();
  assertEquals([blocks.totals.warmed, blocks.hitRatio, blocks.running], [1, 1, []]);
  assert(blocks.warmMs !== null);
});

Deno.test("pairs that it does not know are read from the cache, which computes them", async () => {
  await using rig = new AggregatorRig({ hasCache: true, spec: { aggregator: { stream: null } } });
  const closes = walks(seededRandom(SEED), [FIVE], 300);
  const blocks = [...closes].map(([name, walk]) => candlesOf(`${name}:M1`, walk));
  rig.commit(blocks, false);
  await rig.settle();
  // A chain: only neighbours are known.
  const pairs = FIVE.slice(1).map((b, i) => ({ a: FIVE[i] as string, b, correlation: 0.9 }));
  await rig.answer(rig.aggregator.ask("correlations", { correlations: { kind: "pairs", pairs } }));
  await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 1)), 500);
  const cached = rig.router?.peek(blockKey("A")) as CorrelationBlock | undefined;
  const expected = FIVE.map((_, i) =>
    FIVE.map((_, j) => {
      if (i === j) return 1;
      if (Math.abs(i - j) === 1) return 0.9;
      const one = blocks[Math.min(i, j)], other = blocks[Math.max(i, j)];
      assert(one !== undefined && other !== undefined);
      return correlationOf(one, other, 250).correlation;
    })
  );
  assertEquals(cached?.rows, expected);
});

Deno.test("a block that is asked for before it is warmed is worked out, and kept", async () => {
  await using rig = new AggregatorRig({ hasCache: true });
  const { aggregator } = rig;
  await rig.answer(aggregator.ask("correlations", { correlations: pairsOf(FIVE) }));
  const first = await rig.answer(aggregator.ask("block", { clusterId: "A" }));
  const second = await rig.answer(aggregator.ask("block", { clusterId: "A" }));
  assertEquals([first?.cacheHit, second?.cacheHit], [false, true]);
  assertEquals((await rig.status()).blocks.hitRatio, 0.5);
});

Deno.test("a block ends with other correlations, and with another member", async () => {
  await using rig = new AggregatorRig({ hasCache: true });
  const { aggregator, router } = rig;
  const read = async () =>
    await rig.answer(aggregator.ask("block", { clusterId: "A" })) ??
      { cacheHit: null, block: null };
  await rig.answer(aggregator.ask("correlations", { correlations: pairsOf(FIVE) }));
  await read();
  assert((await read()).cacheHit);
  await rig.answer(aggregator.ask("correlations", { correlations: pairsOf(FIVE, 0.8) }));
  assertEquals(router?.peek(blockKey("A")), undefined);
  const other = await read();
  assertEquals([other.cacheHit, other.block?.rows[0]?.[1]], [false, 0.8]);
  await rig.answer(aggregator.ask("removeEdges", { edges: ["E"] }));
  assertEquals(router?.peek(blockKey("A")), undefined);
  assertEquals((await read()).block?.members, ["A", "B", "C", "D"]);
});

Deno.test("a block that other correlations have overtaken is not kept", async () => {
  await using rig = new AggregatorRig({ hasCache: true, spec: { aggregator: { stream: null } } });
  const closes = walks(seededRandom(SEED), [FIVE], 300);
  rig.commit([...closes].map(([name, walk]) => candlesOf(`${name}:M1`, walk)), false);
  await rig.settle();
  const chain = (correlation: number) => ({
    kind: "pairs" as const,
    pairs: FIVE.slice(1).map((b, i) => ({ a: FIVE[i] as string, b, correlation })),
  });
  const { aggregator } = rig;
  await rig.answer(aggregator.ask("correlations", { correlations: chain(0.9) }));
  // The others come from the cache, which takes a message; meanwhile:
  const asked = aggregator.ask("block", { clusterId: "A" });
  const put = aggregator.ask("correlations", { correlations: chain(0.8) });
  await rig.answer(put);
  assertEquals((await asked)?.block.rows[0]?.[1], 0.9);
  assertEquals(rig.router?.peek(blockKey("A")), undefined);
  const next = await rig.answer(aggregator.ask("block", { clusterId: "A" }));
  assertEquals([next?.cacheHit, next?.block.rows[0]?.[1]], [false, 0.8]);
});

Deno.test("a block of a former process that is of other members is no hit", async () => {
  await using rig = new AggregatorRig({ hasCache: true });
  const { aggregator, router } = rig;
  await rig.answer(aggregator.ask("correlations", { correlations: pairsOf(FIVE) }));
  const block = { clusterId: "A", members: ["A", "B"], rows: [[1, 1], [1, 1]], atMs: 1 };
  router?.setMany([{ key: blockKey("A"), value: block }]);
  const served = await rig.answer(aggregator.ask("block", { clusterId: "A" }));
  assertEquals([served?.cacheHit, served?.block.members], [false, FIVE]);
});

Deno.test("a generic read of a block that is not there is missing, not a failure", async () => {
  await using rig = new AggregatorRig({ hasCache: true });
  await rig.simulator.advance(10);
  const { router } = rig;
  assert(router !== null);
  const found = await rig.answer(router.get(blockKey("A")));
  assertEquals(found.state, "missing");
  // And one that came later is found in spite of it.
  await rig.answer(rig.aggregator.ask("correlations", { correlations: pairsOf(FIVE) }));
  await rig.answer(rig.aggregator.ask("recordEdgeChange", change("A", 1)));
  assertEquals((await rig.answer(router.get(blockKey("A")))).state, "fresh");
  // Ahead of need nobody can load it, and it stays.
  await rig.answer(
    router.loadAhead([blockKey("A")], { priority: 1, origin: "warm:x", timeoutMs: 100 }),
  );
  assert(router.peek(blockKey("A")) !== undefined);
});

Deno.test("live candles reach the coordinator as they come, and correlations stay known", async () => {
  await using rig = new AggregatorRig();
  const closes = walks(seededRandom(SEED), [["A", "B"]], 320);
  for (const [name, walk] of closes) {
    rig.commit([candlesOf(`${name}:M1`, walk.slice(0, 300))], false);
  }
  await rig.settle();
  rig.listener.moved.length = 0;
  for (let bar = 300; bar < 320; bar++) {
    rig.commit(
      [...closes].map(([name, walk]) => candlesOf(`${name}:M1`, [walk[bar] as number], bar)),
    );
    await rig.simulator.advance(1_000);
  }
  assertEquals(rig.listener.moved.length, 20);
  const last = rig.listener.moved.at(-1)?.changes.map((
    { edgeId, metadata },
  ) => [edgeId, metadata?.ts]);
  assertEquals(last, [["A", T0 + 319 * 60_000], ["B", T0 + 319 * 60_000]]);
  const { stream, totals } = await rig.status();
  assertEquals([stream?.bars, stream?.late], [318, 0]);
  assert(totals.fired >= 1 && totals.major + totals.moderate + totals.minor === totals.recorded);
});

Deno.test("whatever crashes and whenever, every instrument's last price is told in the end", async () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 10; round++) {
    await using rig = new AggregatorRig();
    const names = ["A", "B", "C"];
    const closes = walks(random, [names], 200);
    // Enough for an ATR: before that nothing is said of moves.
    rig.commit([...closes].map(([name, walk]) => candlesOf(`${name}:M1`, walk.slice(0, 15))));
    for (let bar = 0; bar < 120;) {
      const name = names[Math.floor(random.next() * names.length)] as string;
      const walk = closes.get(name) ?? [];
      const from = rig.counts.get(`${name}:M1`) ?? 0;
      const rows = 1 + Math.floor(random.next() * 5);
      rig.commit([candlesOf(`${name}:M1`, walk.slice(from, from + rows), from)]);
      bar += rows;
      const dice = random.next();
      if (dice < 0.1) rig.crash();
      else if (dice < 0.2) rig.store.failure = new Error("it is away");
      else if (dice < 0.5) rig.store.failure = null;
      if (random.next() < 0.5) await rig.simulator.advance(Math.floor(random.next() * 400));
    }
    rig.store.failure = null;
    await rig.settle(40_000);
    const told = new Map(
      rig.listener.moved.flatMap(({ changes }) =>
        changes.map(({ edgeId, metadata }) => [edgeId, metadata?.close] as const)
      ),
    );
    for (const [series, count] of rig.counts) {
      const name = series.slice(0, 1);
      assertEquals(told.get(name), closes.get(name)?.[count - 1], `${name} of ${SEED}`);
    }
  }
});
