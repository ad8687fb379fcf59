import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { correlationOf } from "../../src/market/correlation.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import { type ClosedBar, CorrelationStream } from "../../src/refresh/correlation_stream.ts";

const SEED = Number(Deno.env.get("SEED") ?? 11);
const MINUTE_MS = 60_000;

/** Bars of three edges that share a part of their moves; `missShare` of the bars are missing. */
function market(bars: number, missShare: number, seed = SEED): ClosedBar[] {
  const random = seededRandom(seed);
  const edges = ["A", "B", "C"];
  const logs = [0, 0, 0];
  const found: ClosedBar[] = [];
  for (let bar = 0; bar < bars; bar++) {
    const shared = random.next() - 0.5;
    edges.forEach((edgeId, at) => {
      const share = at === 2 ? -0.5 : 1;
      logs[at] = (logs[at] as number) + 0.01 * (share * shared + random.next() - 0.5);
      if (random.next() < missShare) return;
      found.push({ edgeId, ts: bar * MINUTE_MS, close: 100 * Math.exp(logs[at] as number) });
    });
  }
  return found;
}

/**
 * The slow twin: returns that both edges have over the same span, each with its weight, and the
 * weighted coefficient from its definition, in two passes.
 */
function slowCorrelation(bars: readonly ClosedBar[], a: string, b: string, memory: number) {
  const returnsOf = (edgeId: string) => {
    const own = bars.filter((bar) => bar.edgeId === edgeId).sort((x, y) => x.ts - y.ts);
    return new Map(
      own.slice(1).map((bar, at) => {
        const before = own[at] as ClosedBar;
        return [`${before.ts}-${bar.ts}`, Math.log(bar.close / before.close)];
      }),
    );
  };
  const ofB = returnsOf(b);
  const both = [...returnsOf(a)].filter(([span]) => ofB.has(span));
  const xs = both.map(([, x]) => x), ys = both.map(([span]) => ofB.get(span) as number);
  const weights = both.map((_, at) => (1 - 1 / memory) ** (both.length - 1 - at));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value, at) => sum + value * (weights[at] as number), 0) /
    weights.reduce((sum, weight) => sum + weight, 0);
  const mx = mean(xs), my = mean(ys);
  const xy = mean(xs.map((x, at) => (x - mx) * ((ys[at] as number) - my)));
  const xx = mean(xs.map((x) => (x - mx) ** 2)), yy = mean(ys.map((y) => (y - my) ** 2));
  return { returns: both.length, correlation: xy / Math.sqrt(xx * yy) };
}

function block(bars: readonly ClosedBar[], edgeId: string): CandleBlock {
  const own = bars.filter((bar) => bar.edgeId === edgeId);
  const close = Float64Array.from(own, (bar) => bar.close);
  const ts = Float64Array.from(own, (bar) => bar.ts);
  const { length } = own;
  return {
    ...{ series: `${edgeId}:M1`, length, ts, close, deleted: null },
    ...{ open: close, high: close, low: close, volume: close },
  };
}

function streamed(
  bars: readonly ClosedBar[],
  settings: ConstructorParameters<typeof CorrelationStream>[0] = {},
): CorrelationStream {
  const stream = new CorrelationStream({ returnsMin: 10, ...settings });
  stream.push(bars);
  stream.flush();
  return stream;
}

const PAIRS = [["A", "B"], ["B", "C"], ["C", "A"]] as const;

Deno.test("CorrelationStream with an endless memory equals Pearson's coefficient", () => {
  const bars = market(400, 0);
  const stream = streamed(bars, { memoryBars: Infinity });
  for (const [a, b] of PAIRS) {
    const expected = correlationOf(block(bars, a), block(bars, b), 400).correlation;
    assertAlmostEquals(stream.correlation(a, b), expected as number, 1e-12);
  }
});

Deno.test("CorrelationStream equals weighted returns over common spans, bars missing or not", () => {
  console.log(`seed ${SEED}`);
  for (const missShare of [0, 0.05, 0.4]) {
    for (const memoryBars of [20, 250]) {
      const bars = market(500, missShare);
      const stream = streamed(bars, { memoryBars });
      for (const [a, b] of PAIRS) {
        const expected = slowCorrelation(bars, a, b, memoryBars).correlation;
        assertAlmostEquals(stream.correlation(a, b), expected, 1e-10);
        assertEquals(stream.correlation(b, a), stream.correlation(a, b));
        assertEquals(stream.correlations().of(a, b), stream.correlation(a, b));
      }
    }
  }
});

Deno.test("CorrelationStream knows a correlation from so many common returns, and none before", () => {
  const bars = market(1_000, 0.2);
  const stream = new CorrelationStream({ openBarsMax: 1 });
  let isKnown = false;
  for (const bar of bars) {
    stream.push([bar]);
    const upTo = bars.filter(({ ts }) => ts < bar.ts);
    const now = !Number.isNaN(stream.correlation("A", "B"));
    if (now === isKnown) continue;
    isKnown = now;
    assertEquals(slowCorrelation(upTo, "A", "B", 250).returns, 250);
  }
  assert(isKnown);
  assertEquals(stream.correlation("A", "X"), NaN);
});

Deno.test("CorrelationStream.push() in any order within the open bars learns the same", () => {
  const bars = market(60, 0.1);
  const one = streamed(bars);
  const other = new CorrelationStream({ returnsMin: 10, openBarsMax: 3 });
  for (const edge of ["C", "B", "A"]) other.addEdge(edge);
  const random = seededRandom(SEED);
  for (let ts = 0; ts < 60 * MINUTE_MS; ts += 3 * MINUTE_MS) {
    const three = bars.filter((bar) => bar.ts >= ts && bar.ts < ts + 3 * MINUTE_MS);
    three.sort(() => random.next() - 0.5);
    for (const bar of three) other.push([bar]);
  }
  other.flush();
  assertEquals([one.late, other.late], [0, 0]);
  for (const [a, b] of PAIRS) {
    // To the bit: else clusters at the threshold would depend on the order.
    assertEquals(one.correlation(a, b), other.correlation(a, b));
  }
});

Deno.test("CorrelationStream.push() counts late bars, and takes the later one of two", () => {
  const stream = new CorrelationStream({ openBarsMax: 1 });
  assertEquals(stream.push([{ edgeId: "A", ts: 2, close: 1 }, { edgeId: "A", ts: 1, close: 1 }]), {
    ...{ taken: 2, late: 0, refused: 0, folded: 1 },
  });
  assertEquals(stream.push([{ edgeId: "B", ts: 1, close: 1 }]).late, 1);
  assertEquals(stream.push([{ edgeId: "A", ts: NaN, close: 1 }]).refused, 1);
  const bars = market(100, 0);
  const wrong = bars.map((bar) => ({ ...bar, close: 1 + bar.close * bar.close }));
  const corrected = streamed(bars.flatMap((bar, at) => [wrong[at] as ClosedBar, bar]));
  assertEquals(corrected.correlation("A", "B"), streamed(bars).correlation("A", "B"));
});

Deno.test("CorrelationStream leaves out what has no logarithm, and what does not move", () => {
  const bars = market(100, 0);
  const holes = bars.map((bar) => bar.ts === 50 * MINUTE_MS ? { ...bar, close: 0 } : bar);
  const missing = bars.filter((bar) => bar.ts !== 50 * MINUTE_MS);
  assertEquals(streamed(holes).correlation("A", "B"), streamed(missing).correlation("A", "B"));
  const still = bars.map((bar) => bar.edgeId === "C" ? { ...bar, close: 5 } : bar);
  assertEquals(streamed(still).correlation("A", "C"), NaN);
});

Deno.test("CorrelationStream.removeEdge() forgets the edge, whose place knows nothing then", () => {
  const bars = market(100, 0);
  const stream = streamed(bars);
  const before = stream.correlation("A", "C");
  stream.removeEdge("B");
  assertEquals([stream.edges, stream.correlation("A", "B")], [2, NaN]);
  stream.addEdge("D");
  assertEquals(stream.correlation("A", "D"), NaN);
  assertEquals(stream.correlation("A", "C"), before);
  assertEquals(stream.correlations().edges.toSorted(), ["A", "C", "D"]);
});

Deno.test("CorrelationStream refuses edges for which there is no room, and no others", () => {
  const stream = new CorrelationStream({ edgesMax: 2 });
  const bars = ["A", "B", "C", "A"].map((edgeId, at) => ({ edgeId, ts: at, close: 1 }));
  assertEquals(stream.push(bars).refused, 1);
  assertEquals([stream.has("B"), stream.has("C")], [true, false]);
});

Deno.test("CorrelationStream.restore() goes on bit for bit, also after removals", () => {
  const bars = market(200, 0.1);
  const half = bars.length >> 1;
  const stream = new CorrelationStream({ returnsMin: 10 });
  for (const edge of ["X", "B", "A"]) stream.addEdge(edge);
  stream.removeEdge("X");
  stream.push(bars.slice(0, half));
  const restored = CorrelationStream.restore(structuredClone(stream.snapshot()), {
    returnsMin: 10,
  });
  for (const each of [stream, restored]) {
    each.push(bars.slice(half));
    each.flush();
  }
  for (const [a, b] of PAIRS) {
    assertEquals(restored.correlation(a, b), stream.correlation(a, b));
    assertAlmostEquals(
      stream.correlation(a, b),
      slowCorrelation(bars, a, b, 250).correlation,
      1e-10,
    );
  }
  assertEquals([restored.bars, restored.late], [stream.bars, stream.late]);
});

Deno.test("CorrelationStream.restore() refuses what is not its snapshot", () => {
  const saved = streamed(market(20, 0)).snapshot();
  const wrong: unknown[] = [
    null,
    { ...saved, version: 2 },
    { ...saved, decay: 0.99 },
    { ...saved, edges: ["A", "A", "B"] },
    { ...saved, pairs: new Float64Array(3) },
    { ...saved, pairs: new Float64Array(18).fill(Infinity) },
    { ...saved, lastTs: [1, 2, 3] },
    { ...saved, open: [{ edgeId: "Z", ts: 1, close: 1 }] },
    { ...saved, bars: "many" },
  ];
  for (const one of wrong) {
    const error = assertThrows(() => CorrelationStream.restore(one), RefreshError);
    assertEquals(error.code, "snapshot");
  }
  for (const settings of [{ memoryBars: 9 }, { returnsMin: 2 }, { edgesMax: 2_001 }]) {
    assertThrows(() => new CorrelationStream(settings), RefreshError, "Cannot set");
  }
});
