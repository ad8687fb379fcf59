/** What `wick refresh` says of runs, clusters and figures, case by case. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { blockText, clustersText, edgeText, takenText } from "../../src/cli/refresh_edges_text.ts";
import { batchesOf } from "../../src/cli/refresh_files.ts";
import { statsText } from "../../src/cli/refresh_stats_text.ts";
import { explanationText, reportText, runsText, runText } from "../../src/cli/refresh_text.ts";
import {
  durationText,
  idText,
  markText,
  numberText,
  numberTexts,
  staleText,
} from "../../src/cli/refresh_words.ts";
import { EDGE_CHANGES_BYTES_MAX } from "../../src/http/limits.ts";
import type { CheckedEdgeChange } from "../../src/http/refresh_input.ts";
import type { PublishedSet } from "../../src/refresh/published.ts";
import type { RefreshReport, RunEvent, RunMetadata } from "../../src/refresh/run_types.ts";
import type { RefreshStats, RunExplanation, ServedBlock } from "../../src/refresh/service_types.ts";
import { MemoryRefresh, NOW_MS } from "../http/refresh_service.ts";
import { fakeIo, linesOf } from "./support.ts";

const io = fakeIo();
const terminal = fakeIo({ isTerminal: { stdout: true, stderr: true }, columns: () => 80 });

/** A run over two edges, with what differs. */
function runOf(differs: Partial<RunMetadata> = {}): RunMetadata {
  const refresh = new MemoryRefresh();
  const made = refresh.createRun({
    runId: "pairs",
    edges: [{ edgeId: "A", value: 0.5 }, { edgeId: "B", value: 0.6 }],
    sets: [{ setId: "A+B", members: ["A", "B"] }],
    scorer: { name: "product" },
    options: { mode: "auto", isLive: true, followsCorrelations: false },
  });
  assert(made.state === "created");
  return { ...made.run, ...differs };
}

/** A published set, with what differs. */
function publishedOf(differs: Partial<PublishedSet> = {}): PublishedSet {
  const best = { setId: "A+B", members: ["A", "B"], score: 0.3, revision: 1, atMs: NOW_MS };
  return { ...best, mark: "none", currentScore: 0.3, ...differs };
}

// ---- words --------------------------------------------------------------------------------------

Deno.test("numbers have six digits that count, and one column as many decimals", () => {
  assertEquals([1 / 3, 1234567.8, 1e-9, 0, -2.5, null].map(numberText), [
    "0.333333",
    "1234570",
    "1e-9",
    "0",
    "-2.5",
    "–",
  ]);
  assertEquals(numberTexts([1234.5678, -1, null]), ["1234.57", "-1.00", "–"]);
  assertEquals(numberTexts([0.5, 0.25]), ["0.50000", "0.25000"]);
  assertEquals(numberTexts([2e-9, 1e-9]), ["2.00000e-9", "1.00000e-9"]);
  assertEquals(numberTexts([0, null]), ["0.00000", "–"]);
  assertEquals(numberTexts([]), []);
});

Deno.test("durations are shown to three digits", () => {
  const texts = [0, 0.000_4, 0.0414, 0.0996, 1.236, 9.9951, 85.14, 99.96, 412.3, 999.6, 1_260]
    .map(durationText);
  assertEquals(texts, [
    ...["0 ms", "< 0.001 ms", "0.041 ms", "0.10 ms", "1.24 ms", "10.0 ms"],
    ...["85.1 ms", "100 ms", "412 ms", "1.0 s", "1.3 s"],
  ]);
});

Deno.test("ids are cut on a terminal, and never move its cursor", () => {
  const long = "X".repeat(60);
  assertEquals(idText(long, io), long);
  assertEquals(idText(long, terminal), `${"X".repeat(19)}…`);
  assertEquals(idText("a\u001b[2Jb\u202e", io), "a\\u001b[2Jb\\u202e");
});

Deno.test("each reason why a run is stale is said with its measure", () => {
  const texts = [
    { reason: "never_refreshed" as const },
    { reason: "revision_gap" as const, changes: 1 },
    { reason: "unapplied_change" as const, ageMs: 63_000 },
    { reason: "age" as const, ageMs: 7_380_000 },
    { reason: "failures" as const, failures: 3 },
    { reason: "structure_changed" as const, changes: 2 },
    { reason: "sets_failed" as const, sets: 1 },
  ].map(staleText);
  assertEquals(texts, [
    "no refresh has succeeded yet",
    "1 change since the last refresh",
    "the oldest change waits for 1 min 03 s",
    "the last refresh was 2 h 03 min ago",
    "3 refreshes in a row failed",
    "2 changes of edges, sets or what the scorer keeps",
    "1 set without a score: the scorer throws on them",
  ]);
});

Deno.test("what has become of what is published is said, if anything is known", () => {
  const of = (mark: PublishedSet["mark"], currentScore: number | null) =>
    markText(publishedOf({ mark, currentScore }));
  assertEquals(of("none", 0.3), null);
  assertEquals(of("none", 0.3004), "it scores 0.3004 now");
  assertEquals(of("own_edges_moved", 0.2), "its edges moved: it scores 0.2 now");
  assertEquals(of("rescored", null), "scored anew: it has no score now");
  assertEquals(of("removed", null), "it was removed");
  assertEquals(of("unscored", null), "the scorer throws on it");
});

// ---- runs ---------------------------------------------------------------------------------------

Deno.test("a run shows its reasons, counters, fallbacks, durations and last best scores", () => {
  const run = runOf({
    isStale: true,
    staleReasons: [{ reason: "revision_gap", changes: 4 }, { reason: "failures", failures: 3 }],
    publishedBest: publishedOf({ mark: "own_edges_moved", currentScore: 0.25 }),
    failedSets: 2,
    fallsHeld: 1,
    counters: {
      ...runOf().counters,
      ...{ refreshes: 12_345, partial: 12_000, full: 345, partialWanted: 12_010, fallbacks: 3 },
      ...{ held: 7, evaluated: 1_000_000, skipped: 5, changed: 400_000, unchanged: 600_000 },
    },
    fallbacksBy: { ...runOf().fallbacksBy, timeout: 2, scorer: 1 },
    partialMs: { count: 12_000, meanMs: 0.4123, p50Ms: 0.3, p99Ms: 1.5, maxMs: 12.25 },
    partialCost: { baseMs: 0.0214, msPerSet: 0.0041234 },
    fullMsPerSet: 0.0045678,
    history: [0.1, 0.2].map((score, i) => ({
      ...{ atMs: NOW_MS - 60_000 * (2 - i), revision: 1_000 + i, setId: "A+B", score },
    })),
  });
  const text = runText(run, io);
  assertMatch(
    text,
    /^state +stale: 4 changes since the last refresh\n {11}3 refreshes in a row failed$/m,
  );
  assertMatch(text, /^published +A\+B 0\.3\n +since .*\n +its edges moved: it scores 0\.25 now$/m);
  assertMatch(text, /^refreshes +12,345: 12,000 partial of 12,010 wanted, 345 full$/m);
  assertMatch(text, /^ +0 failed, 0 incomplete, 3 fallbacks \(1 scorer, 2 timeout\)$/m);
  assertMatch(text, /^ +7 held back: too few edges had changed$/m);
  assertMatch(text, /^ +1 fall held back$/m);
  assertMatch(text, /^took +times +mean +p50 +p99 +max +expected$/m);
  assertMatch(
    text,
    /^partial +12,000 +0\.41 ms +0\.30 ms +1\.50 ms +12\.3 ms +0\.021 ms \+ 4\.12 µs a set$/m,
  );
  assertMatch(text, /^full .* 4\.57 µs a set$/m);
  assertMatch(text, /^best at +revision +score +set\n2026-03-03 14:58:00 +1,000 +0\.10000 +A\+B$/m);
  assertEquals(linesOf(text).filter((line) => line.length > 99), []);
});

Deno.test("a run that nothing is known of says so", () => {
  const text = runText(
    runOf({
      liveBest: null,
      publishedBest: null,
      bestEver: null,
      lastRefreshAtMs: null,
      isRefreshing: true,
      history: [],
    }),
    io,
  );
  assertMatch(text, /^state +refreshing\npublished +nothing\nbest now +not known\nover /m);
  assertMatch(text, /^refreshed +never; 0 edges changed since$/m);
  assert(!text.includes("best ever") && !text.includes("best at"));
});

Deno.test("runs on a terminal fit into its width, and their scores are aligned", () => {
  const long = "L".repeat(64);
  const text = runsText([
    runOf({ publishedBest: publishedOf({ score: 1234.5 }) }),
    runOf({ runId: long, publishedBest: publishedOf({ setId: "Z".repeat(256) }), sets: 1e6 }),
    runOf({ publishedBest: null, isStale: true }),
  ], terminal);
  const lines = linesOf(text);
  assertEquals(lines.filter((line) => line.length > 80), []);
  const ends = lines.map((line) => /(score|1234\.50|0\.30|–)/.exec(line))
    .map((found) => (found?.index ?? NaN) + (found?.[0].length ?? NaN));
  assertEquals(new Set(ends).size, 1, text);
});

Deno.test("a refresh that fell back, failed or published says why", () => {
  const report: RefreshReport = {
    state: "incomplete",
    kind: "full",
    why: "partial_cheaper",
    fallback: "scorer",
    fault: { reason: "scorer", detail: "1 set\nA+B" },
    best: publishedOf({ score: 0.4 }),
    publication: {
      best: publishedOf({ score: 0.4 }),
      before: publishedOf(),
      cause: "own_edges_fell",
      isFall: false,
    },
    revision: 3,
    setsAffected: 1_234,
    evaluated: 1_000,
    skipped: 200,
    changed: 50,
    unchanged: 950,
    failedSets: 1,
    busyMs: 1.234,
  };
  assertEquals(linesOf(reportText("pairs", report, io)), [
    "run        pairs",
    "refresh    incomplete: full, that is expected to be cheaper",
    "fault      scorer: 1 set\\u000aA+B",
    "fallback   rebuilt after: scorer",
    "best       A+B 0.4",
    "published  A+B 0.4 (own edges fell)",
    "before     A+B 0.3",
    "sets       1,234 affected, 1,000 scored, 200 skipped, 50 changed",
    "           1 set without a score",
    "took       1.23 ms",
  ]);
});

Deno.test("an explanation shows what must be, a set that fails, and each kind of event", () => {
  const best = publishedOf();
  const fault = { reason: "timeout" as const, detail: "5,001 ms" };
  const events: RunEvent[] = [
    { type: "published", publication: { best, before: null, cause: "moved", isFall: true } },
    { type: "withdrawn", before: best },
    { type: "marked", setId: "A+B", mark: "own_edges_moved", currentScore: 0.2 },
    { type: "best_ever", best },
    { type: "set_failed", setId: "A+B", error: "no\u0007" },
    { type: "fallback", fault },
    { type: "failed", fault, failuresInRow: 2 },
    { type: "rejected", change: "add set", detail: "no such edge" },
    { type: "audit_failed", detail: "0.1 instead of 0.2", revision: 1_000 },
    { type: "audit_overdue", cutOff: 10 },
    { type: "stale", reasons: [{ reason: "failures", failures: 3 }] },
    { type: "fresh" },
  ];
  const found: RunExplanation = {
    runId: "pairs",
    scorer: { name: "own", description: "one\u001b[2J" },
    next: { kind: "partial", partialMs: null, fullMs: 12, mustRebuild: "nothing was evaluated" },
    waitingEdges: 1,
    dirtySets: 2,
    published: [{ edgeId: "A", value: null }],
    set: {
      ...{ setId: "A+B", state: "failed", lastScore: null, upper: null },
      ...{ members: [{ edgeId: "A", value: 12 }], scoreNow: null, error: "negative" },
    },
    events: events.map((event) => ({ atMs: NOW_MS, event })),
    run: runOf(),
  };
  const text = explanationText(found, io);
  assertMatch(text, /^scorer +own: one\\u001b\[2J$/m);
  assertMatch(text, /^next +full: nothing was evaluated$/m);
  assertMatch(text, /^ +partial would take not known, a rebuild 12\.0 ms$/m);
  assertMatch(text, /^published +value\nA +–$/m);
  assertMatch(text, /^state +without a score: the scorer throws on it$/m);
  assertMatch(text, /^score now +none\nerror +negative$/m);
  const told = linesOf(text.slice(text.indexOf("at  "))).slice(1)
    .map((line) => line.replace(/^2026-03-03 15:00:00 {2}/, ""));
  assertEquals(told.map((line) => line.replace(/ {2,}/, " | ")), [
    "published | A+B 0.3, moved, lower",
    "withdrawn | A+B 0.3: there is no set any more",
    "marked | A+B: own edges moved, scores 0.2",
    "best ever | A+B 0.3",
    "set failed | A+B: no\\u0007",
    "fallback | timeout: 5,001 ms",
    "failed | 2 in a row: timeout: 5,001 ms",
    "rejected | add set: no such edge",
    "audit failed | at revision 1,000: 0.1 instead of 0.2",
    "audit overdue | 10 audits in a row cut off",
    "stale | 3 refreshes in a row failed",
    "fresh",
  ]);
});

// ---- figures ------------------------------------------------------------------------------------

Deno.test("figures of a busy service fit into 99 columns, and a silent aggregator is said", () => {
  const stats = new MemoryRefresh().stats();
  assert(stats.aggregator !== null);
  const busy: RefreshStats = {
    ...stats,
    ...{ runs: 1_000, staleRuns: 3, partial: 123_456_789, full: 12_345, fallbacks: 12, failed: 1 },
    ...{ partialRatio: 0.99987, auditMismatches: 1, busyRatio: 0.8 },
    gate: { ...stats.gate, mode: "burst", changesPerS: 12_345.6, offered: 1e9, kept: 1e5 },
    aggregator: {
      ...stats.aggregator,
      ...{ edges: 10_000, clusters: 1_234, largest: 999, knownPairs: 49_995_000 },
      ...{ seq: 123_456_789, instruments: 10_000, isCaughtUp: false, firedRatio: 0.25 },
      stream: { edges: 1_000, bars: 1e6, late: 0, bytes: 1 },
      blocks: {
        ...stats.aggregator.blocks,
        hitRatio: 0.5,
        warmMs: { p50: 0.4, p99: 123.4, max: 900 },
      },
    },
  };
  const text = statsText(busy, io);
  assertEquals(linesOf(text).filter((line) => line.length > 99), []);
  assertMatch(text, /^runs +1,000, 3 stale$/m);
  assertMatch(text, /^partial +100\.0 % of those that were to be$/m);
  assertMatch(text, /^audits +1 did not match a rebuild$/m);
  assertMatch(text, /^changes +12\.3 k a second of 1,000,000,000 in all$/m);
  assertMatch(text, /^ +set off 0 times, in 25\.0 % of the ticks$/m);
  assertMatch(text, /^correlations +49,995,000 pairs known, of 1,000,000 bar times$/m);
  assertMatch(text, /^blocks +0 warmed, in 0\.40 ms, 99 % in 123 ms$/m);
  assertMatch(text, /^ +0 under way, 0 waiting; 50\.0 % of the reads found theirs$/m);
  assertMatch(text, /^instruments +10,000 followed up to commit 123,456,789, with more to come$/m);
  const silent = statsText({ ...stats, aggregator: null, providers: [] }, io);
  assertMatch(silent, /^clusters +not known: the aggregator does not answer$/m);
  assert(!silent.includes("provider"));
});

// ---- edges and clusters -------------------------------------------------------------------------

/** A block of so many edges whose correlations are -1. */
function blockOf(count: number, idOf: (i: number) => string): ServedBlock {
  const members = Array.from({ length: count }, (_, i) => idOf(i));
  const rows = members.map((_, i) => members.map((_, j) => i === j ? 1 : j === 1 ? null : -1));
  return { block: { clusterId: idOf(0), members, rows, atMs: NOW_MS }, cacheHit: true };
}

Deno.test("a table of correlations holds as many edges as fit, and counts the others", () => {
  const small = blockText(blockOf(3, (i) => `E${i}`), io);
  assertEquals(linesOf(small).slice(-4), [
    "   edge      1     2      3",
    "1  E0     1.00     –  -1.00",
    "2  E1    -1.00  1.00  -1.00",
    "3  E2    -1.00     –   1.00",
  ]);
  assertMatch(small, /from the cache$/m);
  for (const [count, ids] of [[500, 7], [500, 40], [1, 256], [2, 256]] as const) {
    for (const world of [io, terminal]) {
      const text = blockText(blockOf(count, (i) => `${i}`.padStart(ids, "x")), world);
      const table = linesOf(text).slice(4);
      const rows = table.filter((line) => /^ *\d+ {2}/.test(line)).length;
      const rest = Number(/^(\d+) more edges?: --json/m.exec(text)?.[1] ?? 0);
      assert(rows >= 1);
      assertEquals(rows + rest, count);
      if (ids < 256 || world === terminal) {
        assertEquals(table.filter((line) => line.length > 99), [], text);
      }
    }
  }
});

Deno.test("clusters name as many members as fit", () => {
  const members = Array.from({ length: 40 }, (_, i) => `EDGE_${i}`);
  const text = clustersText([
    { id: "EDGE_0", members, impact: 0.30049, isFired: true, at: NOW_MS },
    { id: "Z", members: ["Z"], impact: 0, isFired: false, at: null },
  ], io);
  assertEquals(linesOf(text), [
    "cluster  edges  impact  state    last change          with",
    "EDGE_0      40   0.300  fired    2026-03-03 15:00:00  " +
    "EDGE_1 EDGE_2 EDGE_3 EDGE_4 EDGE_5 and 34 more",
    "Z            1   0.000  at rest",
  ]);
  assertEquals(clustersText([], io), "No clusters\n");
});

Deno.test("an edge shows what waits of it, and no table where nothing is known", () => {
  const text = edgeText({
    edgeId: "A",
    cluster: { id: "A", members: ["A"], impact: 0.1, isFired: false, at: null },
    threshold: 0.4,
    source: "streamed",
    links: [],
    known: 0,
    unknown: 1_200,
    pending: {
      ...{ edgeId: "A", type: "price_move", magnitude: 0.5, at: NOW_MS },
      ...{ class: "moderate", count: 3 },
    },
  }, io);
  assertEquals(linesOf(text), [
    "edge          A",
    "cluster       A, with 0 other edges",
    "impact        0.100, armed",
    "correlations  worked out of candles: of 0 edges known, of 1,200 not",
    "connected     above 0.4, of either sign",
    "waiting       3 changes, moderate: price_move of 0.5",
  ]);
});

Deno.test("refused changes are counted from 1, and not all of many are listed", () => {
  const refused = Array.from({ length: 25 }, (_, index) => ({ index, reason: "value" as const }));
  const lines = linesOf(takenText({ recorded: 3, refused, impacted: [] }, io));
  assertEquals([lines[0], lines[1]], ["3 changes taken, 25 refused", "change 1 refused: value"]);
  assertEquals(lines.slice(-2), ["and 5 more", "no cluster was set off"]);
});

// ---- files --------------------------------------------------------------------------------------

Deno.test("batchesOf() keeps the order, and no request is larger than the service takes", () => {
  const metadata = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`${i}`.padEnd(256, "é"), "語".repeat(256)]),
  );
  const changes: CheckedEdgeChange[] = Array.from({ length: 1_000 }, (_, i) => ({
    ...{ edgeId: `E${i}`, type: "custom", magnitude: 1, metadata },
  }));
  const batches = batchesOf(changes);
  const sizes = batches.map(({ ndjson }) => new TextEncoder().encode(ndjson).length);
  assert(batches.length > 1 && sizes.every((bytes) => bytes <= EDGE_CHANGES_BYTES_MAX));
  const sent = batches.flatMap(({ from, ndjson }) =>
    linesOf(ndjson).map((line, i) => [from + i, JSON.parse(line).edgeId])
  );
  assertEquals(sent, changes.map(({ edgeId }, i) => [i, edgeId]));
  assertEquals(batchesOf([]), []);
});
