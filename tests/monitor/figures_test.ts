/** Figures for charts: a point of two snapshots, windows of histograms, the bounded history. */

import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import {
  FIGURE_HISTOGRAMS,
  FIGURE_NAMES,
  type FigureName,
  type FigurePoint,
  figurePoint,
  FIGURES,
  type FigureSpec,
  figureTargets,
  mergedPoint,
  type RecentHistograms,
} from "../../src/monitor/figures.ts";
import {
  FigureHistory,
  FIGURES_FINE_MAX,
  FIGURES_FINE_MS,
  FIGURES_KEPT_MS,
  FIGURES_SLOT_MS,
  FIGURES_SLOTS_MAX,
} from "../../src/monitor/figures_history.ts";
import { RECENT_LEAST_MS, RecentWindows } from "../../src/monitor/figures_recent.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import { TARGETS_DEFAULT } from "../../src/monitor/targets.ts";
import { seedOf } from "../actor/seed.ts";
import { exactPercentile, numbersOf, SHAPES } from "./support.ts";

const AT = 1_700_000_000_000;
const SEED = seedOf("figures_test");

/** A registry with the whole catalogue, whose snapshots are so far apart. */
function rig() {
  const registry = new Registry();
  for (const spec of WICK_METRICS) registry.register(spec);
  let nowMs = 1_000;
  const take = (samples: readonly Sample[], afterMs = 5_000) => {
    nowMs += afterMs;
    assertEquals(applySamples(registry, samples, nowMs), []);
    return registry.snapshot(AT + nowMs, nowMs);
  };
  return { registry, take };
}

const NONE: RecentHistograms = {
  queue: null,
  compute: null,
  store: null,
  total: null,
  loopLag: null,
};
const OPTIONS = { recent: NONE, score: null, cores: null };

function histogramOf(seconds: Iterable<number>): Histogram {
  const histogram = new Histogram();
  for (const value of seconds) histogram.record(value);
  return histogram;
}

/** Names of the figures of a point that are known. */
const known = (point: FigurePoint) => FIGURE_NAMES.filter((name) => point[name] !== null);

Deno.test("figurePoint() reads metrics that the catalogue has", () => {
  const names = new Set(WICK_METRICS.map(({ name }) => name));
  for (const { name } of Object.values(FIGURE_HISTOGRAMS)) assert(names.has(name), name);
});

Deno.test("figurePoint() of nothing measured is all unknown", () => {
  const { take } = rig();
  const before = take([]);
  const point = figurePoint(before, take([]), OPTIONS);
  assertEquals([point.at, known(point)], [AT + 11_000, []]);
});

Deno.test("figurePoint() is what happened between two snapshots, not since the start", () => {
  const { take } = rig();
  const of = (type: string, tier: string) => ({ type, tier });
  const before = take([
    { name: "wick_pool_candles_total", total: 1_000_000 },
    { name: "wick_pool_labels_total", total: 900_000 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "user" }, total: 100 },
    { name: "wick_dead_letters_total", labels: { reason: "crashed" }, total: 50 },
    { name: "wick_cache_hits_total", labels: of("price", "l1"), total: 10 },
    { name: "wick_cache_misses_total", labels: of("price", "l1"), total: 990 },
  ]);
  const after = take([
    { name: "wick_pool_candles_total", total: 1_005_000 },
    { name: "wick_pool_labels_total", total: 902_500 },
    { name: "wick_pool_delay_seconds", value: 0.004 },
    { name: "wick_pool_committed_seq", value: 123_456_789 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "user" }, total: 102 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "system" }, total: 1 },
    { name: "wick_process_memory_bytes", labels: { kind: "resident" }, value: 2e8 },
    { name: "wick_process_memory_bytes", labels: { kind: "heap_used" }, value: 9e9 },
    { name: "wick_dead_letters_total", labels: { reason: "crashed" }, total: 55 },
    { name: "wick_dead_letters_total", labels: { reason: "stopped" }, total: 5 },
    { name: "wick_dead_letters_kept", value: 60 },
    { name: "wick_store_letters", value: 58 },
    { name: "wick_cache_hits_total", labels: of("price", "l1"), total: 70 },
    { name: "wick_cache_misses_total", labels: of("price", "l1"), total: 1_010 },
    { name: "wick_cache_hits_total", labels: of("label", "l1"), total: 20 },
    { name: "wick_cache_hits_total", labels: of("all", "l2"), total: 15 },
    { name: "wick_cache_misses_total", labels: of("all", "l2"), total: 5 },
    { name: "wick_actor_mailbox_messages", labels: { actor: "a" }, value: 300 },
    { name: "wick_actor_mailbox_bound_messages", labels: { actor: "a" }, value: 1_000 },
    { name: "wick_actor_mailbox_messages", labels: { actor: "b" }, value: 8 },
    { name: "wick_actor_mailbox_bound_messages", labels: { actor: "b" }, value: 10 },
  ]);
  const point = figurePoint(before, after, { ...OPTIONS, score: 97, cores: 2 });
  const expected: Partial<Record<FigureName, number>> = {
    candlesPerSecond: 1_000,
    labelsPerSecond: 500,
    expectedWaitMs: 4,
    // Of 100 asked of the first tier 80 were there, of the other 20 the second one had 15.
    cacheHitRatio: 0.95,
    l1HitRatio: 0.8,
    l2HitRatio: 0.75,
    memoryBytes: 2e8,
    // 3 s of 5 s on two cores.
    cpuRatio: 0.3,
    deadLetters: 58,
    deadLettersPerSecond: 2,
    seq: 123_456_789,
    score: 97,
    mailboxDepth: 300,
    mailboxUsedRatio: 0.8,
  };
  assertEquals(Object.fromEntries(known(point).map((name) => [name, point[name]])), expected);
});

Deno.test("figurePoint() of a first look has what stands now, and no rates", () => {
  const { take } = rig();
  const first = take([
    { name: "wick_pool_candles_total", total: 9 },
    { name: "wick_process_cpu_seconds_total", labels: { mode: "user" }, total: 9 },
    { name: "wick_pool_committed_seq", value: 4 },
    { name: "wick_dead_letters_kept", value: 3 },
  ]);
  const point = figurePoint(null, first, { ...OPTIONS, cores: 2 });
  assertEquals([known(point), point.seq, point.deadLetters], [["deadLetters", "seq"], 4, 3]);
});

Deno.test("figurePoint() of a counter that began anew counts from there", () => {
  const { take } = rig();
  const before = take([{ name: "wick_pool_candles_total", total: 5_000 }]);
  const restarted = rig();
  const { nowMs } = before;
  const after = restarted.take([{ name: "wick_pool_candles_total", total: 200 }], nowMs + 4_000);
  assertEquals(figurePoint(before, after, OPTIONS).candlesPerSecond, 40);
});

Deno.test("figurePoint() has percentiles of histograms in ms, and none of empty ones", () => {
  const { take } = rig();
  const values = numbersOf(SHAPES["lognormal"] as never, 5_000, SEED);
  const recent = { ...NONE, total: histogramOf(values), queue: new Histogram() };
  const point = figurePoint(null, take([]), { ...OPTIONS, recent });
  const sorted = values.toSorted();
  for (const [name, share] of [["totalP50Ms", 0.5], ["totalP99Ms", 0.99]] as const) {
    const exactMs = 1_000 * exactPercentile(sorted, share);
    assertLess(Math.abs((point[name] ?? NaN) / exactMs - 1), 0.01);
  }
  const meanMs = 1_000 * values.reduce((sum, value) => sum + value, 0) / values.length;
  assertAlmostEquals(point.totalMeanMs ?? NaN, meanMs, meanMs * 1e-4);
  assertEquals([point.queueP50Ms, point.storeP99Ms], [null, null]);
});

const EMPTY = Object.fromEntries(FIGURE_NAMES.map((name) => [name, null])) as Record<
  FigureName,
  null
>;
const pointAt = (at: number, more: Partial<FigurePoint> = {}): FigurePoint => ({
  ...EMPTY,
  ...more,
  at,
});

Deno.test("mergedPoint() keeps what was bad, weighs rates, and leaves unknown what is", () => {
  const a = pointAt(1, { candlesPerSecond: 100, totalP99Ms: 90, score: 40, seq: 7, cpuRatio: 0.5 });
  const b = pointAt(2, { candlesPerSecond: 400, totalP99Ms: 10, score: 99, seq: 9 });
  assertEquals(
    mergedPoint(a, b, [2, 1]),
    pointAt(2, { candlesPerSecond: 200, totalP99Ms: 90, score: 40, seq: 9, cpuRatio: 0.5 }),
  );
});

Deno.test("figureTargets() are those of the measures, in the units of the figures", () => {
  const targets = figureTargets({ cpu: { ...TARGETS_DEFAULT.cpu, good: 0.1 } });
  assertEquals(targets.totalP99Ms, { better: "lower", good: 50, warning: 80, critical: 100 });
  assertEquals(targets.cpuRatio, { better: "lower", good: 0.1, warning: 0.6, critical: 0.8 });
  const measured = FIGURE_NAMES.filter((name) => (FIGURES[name] as FigureSpec).measure);
  assertEquals(Object.keys(targets), measured);
});

Deno.test("RecentWindows.look() is what came since the last look, none at the first", () => {
  const { registry } = rig();
  const windows = new RecentWindows(registry);
  const seconds = registry.familyOf("wick_ingest_commit_seconds", "histogram")?.with({});
  seconds?.record(5);
  assertEquals(windows.look(0).total, null);
  // To look makes no series.
  assertEquals(registry.series, 1);
  seconds?.record(0.004, 10);
  const found = windows.look(5_000).total;
  // The 5 s are of before: not even as the largest.
  assertEquals([found?.count, found?.percentile(1)], [10, found?.percentile(0.5)]);
  assertLess(Math.abs((found?.percentile(0.99) ?? NaN) / 0.004 - 1), 0.0079);
  const stage = registry.familyOf("wick_ingest_stage_seconds", "histogram");
  stage?.with({ stage: "store" }).record(0.25);
  const next = windows.look(10_000);
  assertEquals([next.total?.count, next.store?.max, next.queue], [0, 0.25, null]);
});

Deno.test("RecentWindows.look() of frequent looks never looks at less than two reports' time", () => {
  const { registry } = rig();
  const windows = new RecentWindows(registry);
  const seconds = registry.familyOf("wick_ingest_commit_seconds", "histogram")?.with({});
  windows.look(0);
  const counts: number[] = [];
  for (let ms = 1_000; ms <= 6_000; ms += 1_000) {
    seconds?.record(0.001);
    counts.push(windows.look(ms).total?.count ?? -1);
  }
  assertEquals(counts, [1, 2, 2, 2, 2, 2]);
  // However often it looks: one report within that time is always in the window.
  for (let ms = 6_010; ms < 6_000 + RECENT_LEAST_MS; ms += 10) {
    assert((windows.look(ms).total?.count ?? 0) >= 1, `${ms}`);
  }
});

Deno.test("FigureHistory keeps an hour in bounds, whether looks come each second or every five", () => {
  const random = seededRandom(SEED);
  const history = new FigureHistory();
  let at = AT;
  const given: FigurePoint[] = [];
  for (let i = 0; i < 6_000; i++) {
    at += random.next() < 0.5 ? 1_000 : 5_000;
    const point = pointAt(at, { totalP99Ms: 100 * random.next(), candlesPerSecond: 1_000 });
    given.push(point);
    history.add(point);
    assert(history.size <= FIGURES_FINE_MAX + FIGURES_SLOTS_MAX);
  }
  const columns = history.columns(0, Infinity);
  const [first = 0] = columns.at;
  assert(at - first > FIGURES_KEPT_MS - 2 * FIGURES_SLOT_MS && at - first <= FIGURES_KEPT_MS);
  columns.at.forEach((one, i) => {
    const next = columns.at[i + 1] ?? Infinity;
    assert(next > one);
    // What is old lies in different slots.
    if (next < at - FIGURES_FINE_MS) {
      assert(Math.floor(next / FIGURES_SLOT_MS) > Math.floor(one / FIGURES_SLOT_MS));
    }
  });
  assert(columns.candlesPerSecond.every((value) => value === 1_000));
  // A spike is not thinned away; of the first slot the beginning may be gone.
  const [second = 0] = columns.at.slice(1);
  const worst = given.filter((point) => point.at >= second).map((point) => point.totalP99Ms);
  assertEquals(
    Math.max(...columns.totalP99Ms.slice(1).map(Number)),
    Math.max(...worst.map(Number)),
  );
});

Deno.test("FigureHistory.columns() gives the newest points after a time", () => {
  const history = new FigureHistory();
  for (let i = 1; i <= 5; i++) history.add(pointAt(AT + i, { seq: i }));
  assertEquals(history.columns(AT + 2, 2).seq, [4, 5]);
  assertEquals(history.columns(AT + 2, 9).at, [AT + 3, AT + 4, AT + 5]);
  assertEquals(history.columns(AT + 5, 9).at, []);
});

Deno.test("FigureHistory forgets what lies after a clock that was set back", () => {
  const history = new FigureHistory();
  for (let i = 1; i <= 5; i++) history.add(pointAt(AT + 1_000 * i));
  history.add(pointAt(AT + 2_500));
  assertEquals(history.columns(0, 9).at, [AT + 1_000, AT + 2_000, AT + 2_500]);
});

Deno.test("FigureHistory of points without time between them stays in its bounds", () => {
  const history = new FigureHistory();
  for (let i = 0; i < 5_000; i++) history.add(pointAt(AT + i));
  assert(history.size <= FIGURES_FINE_MAX + FIGURES_SLOTS_MAX, `${history.size}`);
});
