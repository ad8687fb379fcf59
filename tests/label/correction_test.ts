/** Reach and recomputation (R11) against a full recomputation of the series. */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import type { LabelBlock } from "../../src/market/block.ts";
import {
  compareLabels,
  contextBars,
  type Reach,
  reachOf,
  recompute,
  sameRow,
  type SeriesWindow,
  type TsRange,
} from "../../src/label/correction.ts";
import { type LabelParams, labelParams } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { blockOf, type CandleRow, Chance, labelAll, SEED, walk } from "./support.ts";

type Kind = "correct" | "delete" | "insert" | "mixed";
const KINDS: readonly Kind[] = ["correct", "delete", "insert", "mixed"];

interface Change {
  readonly before: CandleRow[];
  readonly after: CandleRow[];
  readonly range: TsRange;
}

function corrected(chance: Chance, [ts, o, h, l, c, v]: CandleRow): CandleRow {
  const close = chance.pick([c, (h + l) / 2, l, h, o]);
  return [ts, o, h * (1 + chance.next() * 0.01), l * (1 - chance.next() * 0.01), close, v];
}

/** A change of the candle `at`, or of up to nine from it on in kind "mixed". */
function change(chance: Chance, rows: readonly CandleRow[], at: number, kind: Kind): Change {
  const end = kind === "mixed" ? Math.min(rows.length, at + chance.int(2, 10)) : at + 1;
  const before = rows.slice(0, at);
  const after = rows.slice(0, at);
  for (const row of rows.slice(at, end)) {
    const what = kind === "mixed" ? chance.pick(["correct", "delete", "insert", "keep"]) : kind;
    if (what !== "insert") before.push(row);
    if (what !== "delete") after.push(what === "correct" ? corrected(chance, row) : row);
  }
  const [first, last] = [rows[at], rows[end - 1]];
  if (first === undefined || last === undefined) throw new Error("no such candle");
  return {
    before: [...before, ...rows.slice(end)],
    after: [...after, ...rows.slice(end)],
    range: { fromTs: first[0], toTs: last[0] + 1 },
  };
}

/** The window the caller would fetch: just the context that is asked for. */
function windowAround(rows: CandleRow[], range: TsRange, params: LabelParams): SeriesWindow {
  const { before, after } = contextBars(params);
  const first = rows.filter((row) => row[0] < range.fromTs).length;
  const next = rows.filter((row) => row[0] < range.toTs).length;
  const from = Math.max(0, first - before);
  const to = Math.min(rows.length, next + after);
  return {
    candles: blockOf(rows.slice(from, to)),
    startsSeries: from === 0,
    endsSeries: to === rows.length,
  };
}

function rowsWhere(block: LabelBlock, keep: (ts: number) => boolean): LabelBlock {
  const out = new LabelBuilder();
  for (let row = 0; row < block.length; row++) {
    if (keep(block.ts[row] as number)) out.append(block, row);
  }
  return out.take("", "");
}

/** Checks one change against full recomputation; how many rows really changed. */
function assertCorrected({ before, after, range }: Change, params: LabelParams): number {
  const window = windowAround(after, range, params);
  const reach = reachOf(window, range, params);
  const redone = recompute(window, reach, params, "hash");
  const was = labelAll(blockOf(before), params);
  const is = labelAll(blockOf(after), params);
  const inReach = (ts: number) => ts >= reach.ts.fromTs && ts < reach.ts.toTs;

  const expected = rowsWhere(is, inReach);
  assertEquals(compareLabels(redone, expected).sameCount, expected.length, "recomputed rows");
  assertEquals(redone.length, expected.length, "count of recomputed rows");

  const outside = compareLabels(
    rowsWhere(was, (ts) => !inReach(ts)),
    rowsWhere(is, (ts) => !inReach(ts)),
  );
  assertEquals([outside.changed, outside.added, outside.removed], [[], [], []], "outside reach");
  assertOnlyVolatility(was, redone, reach);

  const inside = compareLabels(rowsWhere(was, inReach), redone);
  assertEquals(after.length - before.length, inside.added.length - inside.removed.length);
  return inside.changed.length;
}

/** Rows from barrierTo on differ in rv and zret at most. */
function assertOnlyVolatility(was: LabelBlock, redone: LabelBlock, reach: Reach): void {
  const byTs = new Map(Array.from(was.ts, (ts, row) => [ts, row]));
  for (let row = reach.barrierTo - reach.from; row < redone.length; row++) {
    const old = byTs.get(redone.ts[row] as number);
    assert(old !== undefined, "a row after the change was there before");
    const patched = { ...redone, rv: redone.rv.slice(), zret: redone.zret.slice() };
    patched.rv[row] = was.rv[old] as number;
    patched.zret[row] = was.zret[old] as number;
    assert(sameRow(was, old, patched, row), `row ${row} differs beyond rv and zret`);
  }
}

for (const kind of KINDS) {
  Deno.test(`recompute() equals full recomputation after 50 random changes: ${kind}`, () => {
    const chance = new Chance(SEED + KINDS.indexOf(kind) * 100);
    let changedCount = 0;
    for (let round = 0; round < 50; round++) {
      const rows = walk(chance, chance.int(3, 500), chance.pick([0, 0.02]));
      const params = labelParams({
        horizon: chance.pick([1, 6, 24]),
        up: chance.pick([0.5, 2]),
        maxGapMs: chance.pick([90_000, 130_000, 864_000_000]),
        volatility: chance.pick(["atr", "yang-zhang", "ewma"]),
        vertical: "sign",
      });
      const spot = chance.pick([chance.int(0, rows.length), 0, rows.length - 1]);
      changedCount += assertCorrected(change(chance, rows, spot, kind), params);
    }
    assertGreater(changedCount, 50);
  });
}

Deno.test("reachOf() is k−H to k+14, and k+20 for rv, for one corrected candle", () => {
  const candles = blockOf(walk(new Chance(SEED), 200, 0));
  const params = labelParams({ horizon: 24 });
  const ts = candles.ts[100] as number;
  const window = { candles, startsSeries: true, endsSeries: true };
  const reach = reachOf(window, { fromTs: ts, toTs: ts + 1 }, params);
  assertEquals([reach.from, reach.barrierTo, reach.to], [76, 115, 121]);
  assertEquals(reach.ts, { fromTs: candles.ts[76], toTs: (candles.ts[120] as number) + 1 });
});

Deno.test("reachOf() stops at breaks between unchanged candles", () => {
  const day = 86_400_000;
  const rows = walk(new Chance(SEED), 60, 0).map((row, i): CandleRow => [
    (i + (i >= 28 ? 20 : 0) + (i >= 35 ? 20 : 0)) * day,
    ...row.slice(1) as [number, number, number, number, number],
  ]);
  const candles = blockOf(rows);
  const ts = candles.ts[31] as number;
  const window = { candles, startsSeries: false, endsSeries: false };
  const reach = reachOf(window, { fromTs: ts, toTs: ts + 1 }, labelParams());
  assertEquals([reach.from, reach.barrierTo, reach.to], [28, 35, 35]);
});

Deno.test("reachOf() spans the rows of deleted candles", () => {
  const candles = blockOf(walk(new Chance(SEED), 50, 0));
  const ts = (candles.ts[49] as number) + 60_000;
  const window = { candles, startsSeries: true, endsSeries: true };
  const reach = reachOf(window, { fromTs: ts, toTs: ts + 1 }, labelParams());
  assertEquals([reach.from, reach.to], [44, 50]);
  assertEquals(reach.ts, { fromTs: candles.ts[44], toTs: ts + 1 });
});

Deno.test("reachOf() refuses a window without the context it needs", () => {
  const candles = blockOf(walk(new Chance(SEED), 53, 0));
  const ts = candles.ts[26] as number;
  const range = { fromTs: ts, toTs: ts + 1 };
  const open = { candles, startsSeries: false, endsSeries: false };
  const reach = reachOf(open, range, labelParams());
  assertEquals([reach.from, reach.to], [20, 47]);
  const params = labelParams({ horizon: 7 });
  const error = assertThrows(() => reachOf(open, range, params), RangeError, "27 unchanged");
  assert(error.message.includes("26 before and 26 after"), error.message);
  assertThrows(() => reachOf(open, range, labelParams({ volatility: "ewma" })), RangeError);
  assertThrows(() => reachOf(open, { fromTs: ts, toTs: ts }, params), RangeError, "below toTs");
});

Deno.test("compareLabels() tells changed, added, removed and same rows apart by bits", () => {
  const rows = walk(new Chance(SEED), 40, 0);
  const before = labelAll(blockOf(rows), labelParams());
  const after = labelAll(blockOf(rows), labelParams());
  assertEquals(compareLabels(before, after), {
    changed: [],
    added: [],
    removed: [],
    sameCount: 40,
  });
  // No mae is above 0, whatever the seed.
  after.mae[20] = 0.5;
  after.ts[5] = (after.ts[5] as number) + 1;
  assertEquals(compareLabels(before, after), {
    changed: [20],
    added: [5],
    removed: [5],
    sameCount: 38,
  });
});

Deno.test("sameRow() sees every column", () => {
  const rows = walk(new Chance(SEED), 60, 0);
  const block = labelAll(blockOf(rows), labelParams());
  const columns = Object.entries(block).filter(([, column]) => ArrayBuffer.isView(column));
  assertEquals(columns.length, 24);
  for (const [name] of columns) {
    const other = labelAll(blockOf(rows), labelParams());
    const column = other[name as "ts"];
    const value = column[30] as number;
    column[30] = Number.isNaN(value) ? -1 : value + 1;
    assertEquals(sameRow(block, 30, other, 30), false, name);
    assertEquals(sameRow(block, 29, other, 29), true, name);
  }
});
