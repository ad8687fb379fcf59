import { assert, assertEquals } from "@std/assert";
import { labelCandles } from "../../src/label/label_candles.ts";
import { LabelTally, LATEST_LABELS_MAX, type TalliedCommit } from "../../src/label/label_tally.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { DEFAULT_PARAMS, type LabelParams, labelParams } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { LABEL_HIT_NAMES, type LabelBlock, LabelStatus } from "../../src/market/block.ts";
import { blockOf, Chance, SEED, walk } from "./support.ts";

const NOTHING: Omit<TalliedCommit, "seq"> = {
  atMs: 5,
  batches: [],
  logged: { labels: new LabelBuilder(1).columns, runs: [], revisions: [], removed: [] },
};

/** Outcomes of complete rows, one a candle: each final half once. */
function outcomesOf(rows: LabelBlock): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (name: string) => counts[name] = (counts[name] ?? 0) + 1;
  for (let row = 0; row < rows.length; row++) {
    if (rows.tbStatus[row] === LabelStatus.final) {
      add(`barrier ${LABEL_HIT_NAMES[rows.hit[row] as number]}`);
    }
    const fwdRet = rows.fwdRet[row] as number;
    if (rows.fhStatus[row] === LabelStatus.final) {
      add(`horizon ${fwdRet > 0 ? "up" : fwdRet < 0 ? "down" : "flat"}`);
    }
  }
  return counts;
}

function countsOf(tally: LabelTally, nowMs: number, which: "total" | "lastMinute" = "total") {
  const { kinds } = tally.view(nowMs);
  return Object.fromEntries(
    kinds.flatMap(({ kind, outcomes }) =>
      outcomes.filter((one) => one[which] > 0)
        .map((one) => [`${kind} ${one.outcome}`, one[which]])
    ),
  );
}

function sorted(counts: Record<string, number>) {
  return Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1);
}

function countAll(params: LabelParams, batches: (from: number) => number) {
  const chance = new Chance(SEED);
  const candles = blockOf(walk(chance, 2_000));
  const labeler = new Labeler(params, { emit: "final" });
  const tally = new LabelTally(params.horizon, 0);
  for (let from = 0, seq = 1; from < candles.length; seq++) {
    const to = Math.min(candles.length, from + batches(from));
    const out = new LabelBuilder();
    labeler.push(candles, from, to, out);
    const labels = { block: out.columns, from: 0, to: out.length };
    const part = { series: { key: "A:M1" }, labels, rewrite: null };
    tally.committed({ ...NOTHING, seq }, [{ parts: [part] }], 0);
    from = to;
  }
  return { tally, candles };
}

Deno.test("LabelTally counts each final half once, however the candles are split", () => {
  for (const params of [DEFAULT_PARAMS, labelParams({ horizon: 40, up: 4, down: 4 })]) {
    for (const size of [1, 7, 2_000]) {
      const { tally, candles } = countAll(params, () => size);
      const expected = outcomesOf(labelCandles(candles, params, ""));
      assertEquals(sorted(countsOf(tally, 0)), sorted(expected), `by ${size}, seed ${SEED}`);
    }
  }
});

Deno.test("LabelTally keeps the last labels in the order in which their barriers ended", () => {
  const params = DEFAULT_PARAMS;
  const { tally, candles } = countAll(params, () => 3);
  const rows = labelCandles(candles, params, "");
  const ended = Array.from({ length: rows.length }, (_, row) => row)
    .filter((row) => rows.tbStatus[row] === LabelStatus.final)
    .map((row) => ({ ts: rows.ts[row] as number, at: row + (rows.bars[row] as number) }))
    .sort((a, b) => b.at - a.at || b.ts - a.ts)
    .slice(0, LATEST_LABELS_MAX);
  const { latest } = tally.view(0);
  assertEquals(latest.length, LATEST_LABELS_MAX);
  // Those of one candle come in either order.
  const order = (list: readonly { readonly ts: number }[]) =>
    list.map(({ ts }) => ts).sort((a, b) => a - b);
  const sure = ended.filter(({ at }) => at > (ended.at(-1)?.at as number));
  assertEquals(order(latest.slice(0, sure.length)), order(sure));
  assert(
    latest.every(({ series, revision, removed }) =>
      series === "A:M1" && revision === 0 && !removed
    ),
  );
});

Deno.test("LabelTally notes the end of a commit of many parts, not its beginning", () => {
  const tally = new LabelTally(6, 0);
  const rows = new LabelBuilder();
  for (let row = 0; row < 1_000; row++) finalRow(rows, row, LabelStatus.pending);
  const parts = Array.from({ length: 500 }, (_, i) => ({
    series: { key: `S${i}:M1` },
    labels: { block: rows.columns, from: 2 * i, to: 2 * i + 2 },
    rewrite: null,
  }));
  tally.committed({ ...NOTHING, seq: 9 }, [{ parts }], 0);
  const { latest, kinds } = tally.view(0);
  assertEquals(kinds[0]?.total, 1_000);
  assertEquals(latest.map(({ ts }) => ts), Array.from({ length: 50 }, (_, i) => 999 - i));
  assertEquals(latest[0]?.series, "S499:M1");
});

/** A row whose upper barrier was hit at bar 2. */
function finalRow(rows: LabelBuilder, ts: number, fhStatus: number, bars = 2): void {
  const row = rows.next();
  const { columns } = rows;
  columns.ts[row] = ts;
  columns.tbStatus[row] = LabelStatus.final;
  columns.fhStatus[row] = fhStatus;
  columns.hit[row] = 1;
  columns.label[row] = 1;
  columns.bars[row] = bars;
  columns.fwdRet[row] = fhStatus === LabelStatus.final ? 0.1 : NaN;
}

Deno.test("LabelTally counts what changed in a rewritten series as corrections, what is new as new", () => {
  const rows = new LabelBuilder();
  const final = LabelStatus.final, pending = LabelStatus.pending;
  finalRow(rows, 10, final); // completed by the candle that came: its barrier was counted before
  finalRow(rows, 11, final, 6); // both halves end with it
  finalRow(rows, 12, pending); // touched by it
  finalRow(rows, 13, final); // changed
  finalRow(rows, 14, final); // ceased to be
  finalRow(rows, 20, final); // of a candle that came
  finalRow(rows, 30, final); // of another series
  const logged = {
    labels: rows.columns,
    runs: [{ series: "A:M1", from: 0, to: 6 }, { series: "B:M1", from: 6, to: 7 }],
    revisions: [0, 0, 0, 1, 1, 0, 0],
    removed: [0, 0, 0, 0, 1, 0, 0],
  };
  const tally = new LabelTally(6, 0);
  const part = { series: { key: "A:M1" }, labels: null, rewrite: { replace: { fromTs: 20 } } };
  const commit = { seq: 3, atMs: 5, batches: [{ revised: 2 }], logged };
  tally.committed(commit, [{ parts: [part] }], 0);
  assertEquals(countsOf(tally, 0), { "barrier upper": 3, "horizon up": 3 });
  const { corrections, latest } = tally.view(0);
  assertEquals(corrections, { total: 2, lastMinute: 2 });
  assertEquals(latest.map(({ ts, revision, removed }) => [ts, revision, removed]), [
    [20, 0, false],
    [14, 1, true],
    [13, 1, false],
    [12, 0, false],
    [11, 0, false],
  ]);
});

Deno.test("LabelTally's last minute holds what came within it, whatever the clock began at", () => {
  for (const startMs of [0, 250, 59_900, 1_234_567]) {
    const tally = new LabelTally(6, startMs);
    const add = (nowMs: number) => {
      const rows = new LabelBuilder();
      finalRow(rows, nowMs, LabelStatus.pending);
      const labels = { block: rows.columns, from: 0, to: 1 };
      const parts = [{ series: { key: "A:M1" }, labels, rewrite: null }];
      tally.committed({ ...NOTHING, seq: 1 }, [{ parts }], nowMs);
    };
    const times: number[] = [];
    for (let nowMs = startMs; nowMs < startMs + 300_000; nowMs += 700) {
      add(nowMs);
      times.push(nowMs);
      const { minuteMs, forMs, kinds } = tally.view(nowMs);
      const within = times.filter((ms) => ms >= Math.max(startMs, nowMs - minuteMs)).length;
      assertEquals(kinds[0]?.outcomes[0]?.lastMinute, within, `${startMs} at ${nowMs}`);
      assert(minuteMs <= 61_000 && (minuteMs >= 60_000 || minuteMs === forMs));
    }
    assertEquals(countsOf(tally, startMs + 500_000, "lastMinute"), {});
  }
});

Deno.test("LabelTally gives what was added once", () => {
  const { tally } = countAll(DEFAULT_PARAMS, () => 100);
  const added = tally.takeAdded();
  const { kinds } = tally.view(0);
  assertEquals(added, kinds.flatMap(({ outcomes }) => outcomes.map(({ total }) => total)));
  assertEquals(tally.takeAdded(), [0, 0, 0, 0, 0, 0]);
});
