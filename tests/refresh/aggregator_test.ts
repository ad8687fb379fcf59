import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Aggregator } from "../../src/refresh/aggregator.ts";
import { CorrelationStream } from "../../src/refresh/correlation_stream.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import type { CorrelationInput } from "../../src/refresh/correlation.ts";
import type { EdgeChange } from "../../src/refresh/magnitude.ts";

const SEED = Number(Deno.env.get("SEED") ?? 31);

const pairs = (...all: [a: string, b: string, correlation: number][]): CorrelationInput => ({
  kind: "pairs",
  pairs: all.map(([a, b, correlation]) => ({ a, b, correlation })),
});

const change = (edgeId: string, magnitude = 1, at = 0): EdgeChange => ({
  ...{ edgeId, type: "price_move", magnitude, at },
});

const members = (aggregator: Aggregator) =>
  aggregator.clusters().all.map((cluster) => cluster.members);

/** Five that hang together by a chain. */
const FIVE = pairs(["a", "b", 0.5], ["b", "c", 0.5], ["c", "d", 0.5], ["d", "e", 0.5]);

Deno.test("Aggregator.tick(): a change of magnitude 1 fires its cluster, with its members", () => {
  const aggregator = new Aggregator();
  aggregator.setCorrelations(FIVE);
  aggregator.addEdges(["x"]);
  aggregator.recordEdgeChange(change("c"));
  const { impacted, changes, blocks } = aggregator.tick(7);
  const cluster = { id: "a", members: ["a", "b", "c", "d", "e"] };
  assertEquals(changes, [{ ...change("c"), class: "major", count: 1 }]);
  assertEquals(impacted, [{ ...cluster, impact: 0.3, changes }]);
  assertEquals(blocks, [{ jobId: 1, clusterId: "a", members: cluster.members, startedAt: 7 }]);
  assertEquals(aggregator.tick(8), { changes: [], impacted: [], blocks: [] });
  aggregator.invariant();
});

Deno.test("Aggregator.tick() folds changes of an edge, and fires the same in any order", () => {
  const changes = [change("a", 0.2, 1), change("a", 1, 2), change("b", 0.6, 3), change("x", 0.9)];
  const texts = new Set<string>();
  for (let turn = 0; turn < changes.length; turn++) {
    const aggregator = new Aggregator();
    aggregator.setCorrelations(pairs(["a", "b", 0.9]));
    const given = [...changes.slice(turn), ...changes.slice(0, turn)];
    assertEquals(aggregator.recordEdgeChanges(given), { recorded: 4, refused: [] });
    const tick = aggregator.tick(0);
    assertEquals(tick.impacted.map(({ id }) => id), ["a"]);
    texts.add(JSON.stringify([tick, aggregator.clusterStatus(), aggregator.status().totals]));
  }
  assertEquals(texts.size, 1);
});

Deno.test("Aggregator.recordEdgeChanges() refuses some, takes the others, and counts both", () => {
  const aggregator = new Aggregator({ clusters: { edgesMax: 2 } });
  const answer = aggregator.recordEdgeChanges([
    change("a", 0.5),
    change("b", -1),
    change("b", 0.1),
    change("c"),
    change("a", 2),
  ]);
  assertEquals(answer, {
    recorded: 3,
    refused: [{ index: 1, reason: "magnitude" }, { index: 3, reason: "edges" }],
  });
  const { totals, pending } = aggregator.status();
  const { recorded, refused, folded, minor, moderate, major } = totals;
  assertEquals([recorded, refused, folded, minor, moderate, major, pending], [3, 2, 1, 1, 1, 1, 2]);
});

Deno.test("Aggregator.setCorrelations() makes clusters anew, whole, or changes nothing", () => {
  const aggregator = new Aggregator();
  aggregator.setCorrelations(FIVE);
  assertEquals(members(aggregator), [["a", "b", "c", "d", "e"]]);
  assertThrows(() => aggregator.setCorrelations(pairs(["a", "z", 2])), RefreshError);
  assertEquals(members(aggregator), [["a", "b", "c", "d", "e"]]);
  aggregator.setCorrelations(pairs(["d", "e", -0.9]));
  assertEquals(members(aggregator), [["a"], ["b"], ["c"], ["d", "e"]]);
  aggregator.setCorrelations(null);
  assertEquals(aggregator.clusters().all.length, 5);
});

Deno.test("Aggregator: an edge that is removed takes its bridge along, and nothing else", () => {
  const aggregator = new Aggregator();
  aggregator.setCorrelations(pairs(["run_1", "run_10", 0.9], ["run_1", "run_2", 0.9]));
  aggregator.recordEdgeChange(change("run_1"));
  aggregator.recordEdgeChange(change("run_10"));
  aggregator.removeEdges(["run_1", "run_"]);
  assertEquals(members(aggregator), [["run_10"], ["run_2"]]);
  assertEquals(aggregator.tick(0).impacted.map(({ id }) => id), ["run_10"]);
  aggregator.addEdges(["run_1"]);
  assertEquals(members(aggregator), [["run_1"], ["run_10"], ["run_2"]]);
  assertEquals(aggregator.explain("run_1")?.unknown, 2);
  aggregator.invariant();
});

Deno.test("Aggregator.addEdges() adds all or none", () => {
  const aggregator = new Aggregator({ clusters: { edgesMax: 3 } });
  aggregator.addEdges(["a", "b", "a"]);
  for (const wrong of [["c", "d"], ["c", ""]]) {
    const error = assertThrows(() => aggregator.addEdges(wrong), RefreshError);
    assertEquals(error.code, "edge");
  }
  assertThrows(() => aggregator.setCorrelations(pairs(["c", "d", 0.9])), RefreshError);
  assertEquals(members(aggregator), [["a"], ["b"]]);
});

Deno.test("Aggregator: correlations that come later do not fire anybody, nor arm anybody", () => {
  const aggregator = new Aggregator();
  aggregator.recordEdgeChange(change("a"));
  assertEquals(aggregator.tick(0).impacted.length, 1);
  aggregator.setCorrelations(pairs(["a", "b", 0.9]));
  aggregator.recordEdgeChange(change("b", 1, 1));
  assertEquals(aggregator.tick(1).impacted, []);
});

Deno.test("Aggregator: blocks are three at once, and the next one begins when one ends", () => {
  const aggregator = new Aggregator({ blocks: { membersMin: 1 } });
  aggregator.recordEdgeChanges(["a", "b", "c", "d"].map((edge) => change(edge)));
  const { blocks } = aggregator.tick(0);
  assertEquals(blocks.map(({ clusterId }) => clusterId), ["a", "b", "c"]);
  assertEquals(aggregator.nextBlocks(1), []);
  const [first] = blocks;
  assert(first !== undefined && aggregator.finishBlock(first, true, 12));
  assertEquals(aggregator.nextBlocks(2).map(({ clusterId }) => clusterId), ["d"]);
  aggregator.readBlock(true);
  assertEquals(aggregator.status().blocks.hitRatio, 1);
});

Deno.test("Aggregator.explain() says which correlations put an edge where it is", () => {
  const aggregator = new Aggregator();
  aggregator.setCorrelations(pairs(["a", "b", -0.7], ["a", "c", 0.2], ["c", "d", 0]));
  aggregator.recordEdgeChange(change("a", 0.1));
  assertEquals(aggregator.explain("a"), {
    edgeId: "a",
    threshold: 0.4,
    source: "given",
    cluster: { id: "a", members: ["a", "b"], impact: 0, isFired: false, at: null },
    links: [
      { edgeId: "b", correlation: -0.7, connects: true },
      { edgeId: "c", correlation: 0.2, connects: false },
    ],
    ...{ known: 2, unknown: 1 },
    pending: { ...change("a", 0.1), class: "minor", count: 1 },
  });
  assertEquals(aggregator.explain("z"), null);
});

Deno.test("Aggregator.pushBars(): clusters come out of bars, after what was handed in", () => {
  const random = seededRandom(SEED);
  const aggregator = new Aggregator({ stream: { returnsMin: 50 }, regroupBars: 5 });
  const closes = { a: 1, b: 1, c: 1 };
  for (let ts = 0; ts < 60; ts++) {
    const shared = random.next() - 0.5;
    closes.a *= Math.exp(0.01 * shared);
    closes.b *= Math.exp(-0.01 * shared + 0.001 * (random.next() - 0.5));
    closes.c *= Math.exp(0.01 * (random.next() - 0.5));
    const bars = Object.entries(closes).map(([edgeId, close]) => ({ edgeId, ts, close }));
    assertEquals(aggregator.pushBars(bars).taken, 3);
    if (ts === 40) assertEquals(members(aggregator), [["a"], ["b"], ["c"]]);
  }
  aggregator.flushBars();
  assertEquals(members(aggregator), [["a", "b"], ["c"]]);
  assertEquals(aggregator.explain("a")?.source, "streamed");
  aggregator.setCorrelations(pairs(["b", "c", 0.9]));
  assertEquals(members(aggregator), [["a"], ["b", "c"]]);
  aggregator.setCorrelations(null);
  assertEquals(members(aggregator), [["a", "b"], ["c"]]);
  assertThrows(() => new Aggregator().pushBars([]), RefreshError, "with a stream");
});

/** One operation on an aggregator, drawn at random. */
function operate(aggregator: Aggregator, random: Random, at: number): void {
  const edge = () => `run_${Math.floor(random.next() * 14)}`;
  const which = random.next();
  if (which < 0.1) aggregator.removeEdges([edge()]);
  else if (which < 0.2) aggregator.addEdges([edge(), edge()]);
  else if (which < 0.3) {
    const count = Math.floor(random.next() * 30);
    const all = new Map<string, [string, string, number]>();
    for (let i = 0; i < count; i++) {
      const [a, b] = [edge(), edge()].toSorted() as [string, string];
      if (a !== b) all.set(`${a} ${b}`, [a, b, 2 * random.next() - 1]);
    }
    aggregator.setCorrelations(pairs(...all.values()));
  } else if (which < 0.5) {
    const close = 1 + random.next();
    aggregator.pushBars([{ edgeId: edge(), ts: Math.floor(at / 5), close }]);
  } else if (which < 0.9) aggregator.recordEdgeChange(change(edge(), 1.5 * random.next(), at));
  else for (const job of aggregator.tick(at).blocks) aggregator.finishBlock(job, true, 1);
}

Deno.test("Aggregator.restore() goes on like the one that was saved, after anything", () => {
  console.log(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const options = {
    stream: { memoryBars: 20, returnsMin: 3 },
    regroupBars: 1,
    blocks: { membersMin: 2, apartMs: 50 },
  };
  for (let round = 0; round < 60; round++) {
    const seed = Math.floor(random.next() * 2 ** 32);
    const before = seededRandom(seed);
    const aggregator = new Aggregator(options);
    for (let at = 0; at < 120; at++) operate(aggregator, before, at);
    aggregator.tick(120);
    aggregator.invariant();
    const restored = Aggregator.restore(structuredClone(aggregator.snapshot()), options);
    const sides = [aggregator, restored].map((side) => {
      const after = seededRandom(seed + 1);
      for (let at = 121; at < 200; at++) operate(side, after, at);
      side.invariant();
      const { pending, totals: { fired, recorded } } = side.status();
      // What waits for a block is forgotten by a restart, and so are jobs that are under way.
      return {
        changes: side.tick(200).changes,
        clusters: side.clusterStatus(),
        pending,
        fired,
        recorded,
      };
    });
    assertEquals(sides[1], sides[0], `round ${round}, seed ${seed}`);
  }
});

Deno.test("Aggregator.snapshot() may leave the stream out", () => {
  const aggregator = new Aggregator({ stream: {} });
  aggregator.pushBars([{ edgeId: "a", ts: 0, close: 1 }]);
  assertEquals(aggregator.snapshot({ isLight: true }).stream, null);
  const restored = Aggregator.restore(aggregator.snapshot({ isLight: true }), { stream: {} });
  assertEquals([restored.status().edges, restored.status().stream?.edges], [1, 0]);
});

Deno.test("Aggregator.restore() refuses what is not its snapshot", () => {
  const aggregator = new Aggregator();
  aggregator.recordEdgeChange(change("a"));
  const saved = aggregator.snapshot();
  const wrong: unknown[] = [
    null,
    { ...saved, version: 3 },
    { ...saved, edges: "a" },
    { ...saved, pending: [{ ...change("a"), class: "huge", count: 1 }] },
    { ...saved, pending: [null] },
    { ...saved, totals: {} },
    { ...saved, correlations: undefined },
    { ...saved, impacts: [7] },
    { ...saved, blocks: null },
  ];
  for (const one of wrong) {
    assertEquals(assertThrows(() => Aggregator.restore(one), RefreshError).code, "snapshot");
  }
});

Deno.test("Aggregator: any order of arrival gives the clusters that a search finds", () => {
  console.log(`seed ${SEED}`);
  const random = seededRandom(SEED);
  for (let round = 0; round < 60; round++) {
    const count = 2 + Math.floor(random.next() * 30);
    const edges = Array.from({ length: count }, (_, at) => `run_${at}`);
    const chance = 2 * random.next() / count;
    const said = edges.flatMap((a, at) =>
      edges.slice(at + 1).filter(() => random.next() < 0.5).map((b): [string, string, number] => {
        const size = random.next() < chance ? 0.41 + 0.5 * random.next() : 0.39 * random.next();
        return [a, b, random.next() < 0.5 ? size : -size];
      })
    );
    const expected = searched(edges, said);
    for (let order = 0; order < 5; order++) {
      const aggregator = new Aggregator();
      const turned = shuffled(said, random)
        .map(([a, b, r]): [string, string, number] => random.next() < 0.5 ? [a, b, r] : [b, a, r]);
      const arrivals: (() => void)[] = [
        ...edges.map((edge) => () => aggregator.addEdges([edge])),
        ...edges.map((edge) => () => void aggregator.recordEdgeChange(change(edge, 0.01))),
        () => aggregator.setCorrelations(pairs(...turned)),
        () => void aggregator.tick(0),
      ];
      for (const arrive of shuffled(arrivals, random)) arrive();
      assertEquals(members(aggregator), expected, `round ${round}`);
      aggregator.invariant();
    }
  }
});

/** The twin: from every edge that was not seen, in order, everything that can be reached. */
function searched(
  edges: readonly string[],
  said: readonly (readonly [string, string, number])[],
): string[][] {
  const seen = new Set<string>();
  return edges.toSorted().flatMap((from) => {
    if (seen.has(from)) return [];
    const found = [from];
    seen.add(from);
    for (const edge of found) {
      for (const [a, b, r] of said) {
        const other = a === edge ? b : b === edge ? a : null;
        if (other === null || Math.abs(r) <= 0.4 || seen.has(other)) continue;
        seen.add(other);
        found.push(other);
      }
    }
    return [found.sort()];
  });
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items.map((item) => ({ item, key: random.next() }))
    .sort((a, b) => a.key - b.key).map(({ item }) => item);
}

Deno.test("Aggregator.adoptStream() goes on with what another stream learned, as far as there is room", () => {
  const aggregator = new Aggregator({ stream: {}, clusters: { edgesMax: 3 } });
  aggregator.recordEdgeChange({ edgeId: "Z", type: "custom", magnitude: 1, at: 0 });
  const stream = new CorrelationStream({ memoryBars: 10, returnsMin: 3 });
  for (let bar = 0; bar < 20; bar++) {
    const close = 100 + (bar * 7) % 5;
    stream.push(["A", "B", "C"].map((edgeId) => ({ edgeId, ts: bar, close })));
  }
  aggregator.adoptStream(stream);
  assertEquals(aggregator.clusters().of("B")?.members, ["A", "B"]);
  assertEquals(aggregator.clusters().of("C"), undefined);
  assertEquals(aggregator.correlations()?.edges, ["A", "B"]);
  aggregator.invariant();
  assertThrows(() => new Aggregator().adoptStream(stream), RefreshError);
});

Deno.test("Aggregator.adoptStream() leaves correlations that were handed in", () => {
  const aggregator = new Aggregator({ stream: {} });
  const pairs = [{ a: "A", b: "B", correlation: 0.9 }];
  aggregator.setCorrelations({ kind: "pairs", pairs });
  const { given } = aggregator;
  aggregator.adoptStream(new CorrelationStream());
  assertStrictEquals(aggregator.correlations(), given);
  assertEquals(aggregator.snapshot({ isLight: true, withGiven: false }).correlations, null);
  assertEquals(aggregator.snapshot({ isLight: true }).correlations, given?.toInput());
});

Deno.test("Aggregator.forgetBars() keeps the edge, and what it had in common ends when it is next asked", () => {
  const aggregator = new Aggregator({ stream: { memoryBars: 10, returnsMin: 3 }, regroupBars: 5 });
  const push = (bar: number) =>
    aggregator.pushBars(
      ["A", "B", "C"].map((edgeId) => ({ edgeId, ts: bar, close: 100 + (bar * 7) % 5 })),
    );
  for (let bar = 0; bar < 20; bar++) push(bar);
  assertEquals(aggregator.clusters().of("A")?.members, ["A", "B", "C"]);
  aggregator.forgetBars("A");
  assertEquals(aggregator.clusters().of("A")?.members, ["A", "B", "C"]);
  aggregator.pushBars(
    [20, 21, 22, 23, 24, 25, 26].map((ts) => ({ edgeId: "B", ts, close: 1 + ts })),
  );
  assertEquals(aggregator.clusters().of("A")?.members, ["A"]);
});

Deno.test("Aggregator.recordEdgeChange() has room for new edges as long as others rest", () => {
  const aggregator = new Aggregator({ clusters: { edgesMax: 16 } });
  aggregator.setCorrelations({ kind: "pairs", pairs: [{ a: "p", b: "q", correlation: 0.9 }] });
  const change = (edgeId: string, at: number) =>
    aggregator.recordEdgeChange({ edgeId, type: "custom", magnitude: 1, at }).state;
  const names = Array.from({ length: 200 }, (_, at) => `e${at}`);
  names.forEach((name, at) => {
    assertEquals(change(name, at), "recorded");
    aggregator.tick(at);
    assert(aggregator.clusters().edges <= 16);
    aggregator.invariant();
  });
  const there = aggregator.clusters().all.flatMap(({ members }) => members);
  // Those with correlations stay, and of the others those that changed last.
  assertEquals(there.sort(), ["p", "q", ...names.slice(-14)].sort());
  // All that changed since the last tick are in use.
  const taken = names.map((name) => change(name, 1_000));
  assertEquals(taken.filter((state) => state === "recorded").length, 14);
  aggregator.tick(1_000);
  assertEquals(change("e0", 1_001), "recorded");
});

Deno.test("Aggregator.pushBars() refuses bars of edges that there is no room for, and takes no others in", () => {
  const aggregator = new Aggregator({ stream: { memoryBars: 10 }, clusters: { edgesMax: 2 } });
  const change = { edgeId: "Z", type: "custom", magnitude: 1, at: 0 } as const;
  aggregator.recordEdgeChange(change);
  for (let ts = 0; ts < 20; ts++) {
    const bars = ["A", "B", "C"].map((edgeId) => ({ edgeId, ts, close: 100 + (ts * 7) % 5 }));
    assertEquals(aggregator.pushBars(bars).refused, 2);
    aggregator.invariant();
    assertEquals([aggregator.clusters().edges, aggregator.status().stream?.edges], [2, 1]);
  }
});
