/**
 * What it costs to cluster 1,000 edges again when a new matrix comes in (spec: refresh, "Must show"
 * 4), and what a bar costs the stream of correlations.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { Aggregator } from "../../src/refresh/aggregator.ts";
import type { CorrelationInput } from "../../src/refresh/correlation.ts";
import { pairsOf } from "../../src/refresh/correlation.ts";
import { CorrelationStream } from "../../src/refresh/correlation_stream.ts";
import type { Linkage } from "../../src/refresh/linkage.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { GROUPED_EDGES, GROUPS, type Triangle, triangleOf } from "./groups.ts";

const EDGES = GROUPED_EDGES;
const SEED = 7;
/** Spec: 1,000 edges re-cluster in less. */
const MUST_MS = 5;
/** Rounds until the code is compiled. */
const WARM_ROUNDS = 15;
/** Bars that the stream is measured over. */
const STREAM_BARS = 40;

/** Adds the figures; few rounds when `quick`. */
export function clusterFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const rounds = quick ? 5 : 41;
  const bar = { better: "lower", unit: " ms", must: MUST_MS } as const;
  const grouped = triangleOf(seededRandom(SEED));
  const chained = triangleOf(seededRandom(SEED), () => true);
  const expected = GROUPS;
  for (
    const [name, triangle, clusters] of [
      ["50 groups", grouped, expected],
      ["all chained", chained, 1],
    ] as const
  ) {
    checkOrder(triangle, clusters);
    const spread = spreadOf(regroupMs(triangle, "single", clusters, rounds));
    figures.add(`1,000 edges take a new matrix, ${name}`, spread, bar);
  }
  for (const linkage of ["average", "complete"] as const) {
    const spread = spreadOf(regroupMs(grouped, linkage, null, Math.ceil(rounds / 4)));
    figures.note(`the same with ${linkage} linkage: ${digits(spread.median)} ms, 50 groups`);
  }
  noteForms(figures, grouped, Math.ceil(rounds / 4));
  noteStream(figures, quick);
}

/** The same matrix in the forms that come over HTTP, already parsed: most of it is their check. */
function noteForms(figures: Figures, { edges, values }: Triangle, rounds: number): void {
  const of = (i: number, j: number) => values[pairsOf(Math.max(i, j)) + Math.min(i, j)] as number;
  const rows = edges.map((_, i) => edges.map((_, j) => i === j ? 1 : of(i, j)));
  const pairs = edges.flatMap((a, i) =>
    edges.slice(0, i).map((b, j) => ({ a, b, correlation: of(i, j) }))
  );
  const few = pairs.filter(({ correlation }) => Math.abs(correlation) > 0.4);
  const expected = GROUPS;
  const ms = (input: CorrelationInput) =>
    digits(spreadOf(regroupMs(input, "single", expected, rounds)).median);
  figures.note(
    `the same as rows: ${ms({ kind: "matrix", edges, rows })} ms; ` +
      `as ${pairs.length} pairs: ${ms({ kind: "pairs", pairs })} ms; ` +
      `as the ${few.length} pairs above 0.4: ${ms({ kind: "pairs", pairs: few })} ms`,
  );
}

/** Times from a matrix to its clusters, each checked: numbers, symmetry, ids, edges. */
function regroupMs(
  input: CorrelationInput,
  linkage: Linkage,
  clusters: number | null,
  rounds: number,
): readonly number[] {
  const aggregator = new Aggregator({ clusters: { linkage } });
  const times: number[] = [];
  for (let round = -WARM_ROUNDS; round < rounds; round++) {
    const startMs = performance.now();
    aggregator.setCorrelations(input);
    const found = aggregator.clusters();
    const tookMs = performance.now() - startMs;
    if (found.edges !== EDGES || (clusters !== null && found.all.length !== clusters)) {
      throw new Error(`Cannot measure: expected ${clusters} clusters: got ${found.all.length}`);
    }
    if (round >= 0) times.push(tookMs);
  }
  return times;
}

/** The same edges in another order have the same clusters, and as many as were dealt out. */
function checkOrder({ edges, values }: Triangle, clusters: number): void {
  const turned = new Float64Array(values.length);
  for (let i = 1, at = 0; i < EDGES; i++) {
    for (let j = 0; j < i; j++, at++) {
      const a = EDGES - 1 - j, b = EDGES - 1 - i;
      turned[pairsOf(a) + b] = values[at] as number;
    }
  }
  const one = new Aggregator(), other = new Aggregator();
  one.setCorrelations({ kind: "triangle", edges, values });
  other.addEdges(edges);
  other.setCorrelations({ kind: "triangle", edges: edges.toReversed(), values: turned });
  const text = (aggregator: Aggregator) => JSON.stringify(aggregator.clusters().all);
  if (text(one) !== text(other) || one.clusters().all.length !== clusters) {
    throw new Error("Cannot measure: expected the same clusters in any order");
  }
}

function noteStream(figures: Figures, quick: boolean): void {
  const random = seededRandom(SEED);
  const stream = new CorrelationStream({ returnsMin: 10, openBarsMax: 1 });
  const barMs: number[] = [];
  const closes = new Float64Array(EDGES).fill(100);
  for (let bar = 0; bar < (quick ? 12 : STREAM_BARS); bar++) {
    const bars = Array.from(closes, (close, at) => {
      closes[at] = close * (1 + 0.01 * (random.next() - 0.5));
      return { edgeId: `EDGE_${at}`, ts: bar * 60_000, close: closes[at] as number };
    });
    const startMs = performance.now();
    stream.push(bars);
    stream.flush();
    if (bar > 1) barMs.push(performance.now() - startMs);
  }
  const readMs: number[] = [];
  for (let round = -3; round < (quick ? 3 : 15); round++) {
    const startMs = performance.now();
    const { known } = stream.correlations();
    const tookMs = performance.now() - startMs;
    if (known !== pairsOf(EDGES)) throw new Error(`Cannot measure: ${known} pairs known`);
    if (round >= 0) readMs.push(tookMs);
  }
  figures.note(
    `stream of 1,000 edges: ${digits(spreadOf(barMs).median)} ms a bar of all, ` +
      `${digits(spreadOf(readMs).median)} ms to read all pairs before they are clustered, ` +
      `${digits(stream.bytes / 1e6)} MB`,
  );
}
