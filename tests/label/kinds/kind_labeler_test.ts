/**
 * KindLabeler: equal to the slow twin, to itself however it is fed, and blind to what comes later.
 */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { sameRow } from "../../../src/label/correction.ts";
import { KindBuilder, type KindColumns } from "../../../src/label/kinds/columns.ts";
import {
  kindHistoryBars,
  KindLabeler,
  kindRowsMax,
} from "../../../src/label/kinds/kind_labeler.ts";
import { labelKinds } from "../../../src/label/kinds/label_kinds.ts";
import { type AskedKind, parseKinds } from "../../../src/label/kinds/registry.ts";
import { type Level, LevelSet } from "../../../src/label/levels.ts";
import { type LabelParams, labelParams, VOLATILITIES } from "../../../src/label/params.ts";
import { LabelBuilder } from "../../../src/label/rows.ts";
import { type CandleBlock, type LabelBlock, LabelStatus } from "../../../src/market/block.ts";
import { blockOf, type CandleRow, Chance, labelAll, SEED, slice, walk } from "../support.ts";
import { twinColumn, TWINS } from "./support.ts";

const EMITS = ["rows", "final"] as const;

/** Each request once by itself, since a name may be in a request once. */
const REQUESTS = Object.keys(TWINS);

function randomParams(chance: Chance): LabelParams {
  return labelParams({
    horizon: chance.pick([1, 2, 3, 6, 24, 70]),
    up: chance.pick([0.5, 2]),
    vertical: chance.pick(["zero", "sign"]),
    maxGapMs: chance.pick([864_000_000, 60_000 * 500]),
    volatility: chance.pick(VOLATILITIES.filter((name) => name !== "ewma")),
  });
}

/** Levels about where the price goes, on its grid of 0.0001 or on a close that there is. */
function randomLevels(chance: Chance, candles: CandleBlock, count: number): Level[] {
  return Array.from({ length: count }, () => {
    const at = chance.int(0, candles.length);
    const fromTs = candles.ts[Math.max(0, at - 20)] as number;
    const near = candles.close[at] as number;
    return {
      kind: chance.pick(["support", "resistance"]),
      price: chance.pick([near, Math.round(near * (9_960 + 80 * chance.next())) / 1e4]),
      fromTs,
      toTs: fromTs + 60_000 * chance.int(0, 800),
    };
  });
}

/** Kinds of one request each, side by side. */
function allKinds(): AskedKind[] {
  return REQUESTS.flatMap((text) => parseKinds(text));
}

function collect(
  labeler: KindLabeler,
  width: number,
  candles: CandleBlock,
  from: number,
  cut: () => number = () => Infinity,
): { rows: LabelBlock; kinds: KindColumns } {
  const out = new LabelBuilder(1);
  const found = new KindBuilder(width, 1);
  for (let at = from; at < candles.length;) {
    const to = Math.min(candles.length, at + cut());
    labeler.push(candles, at, to, out, found);
    at = to;
  }
  labeler.finish(out, found);
  return { rows: out.take("", ""), kinds: found.take() };
}

function assertSame(
  actual: { rows: LabelBlock; kinds: KindColumns },
  expected: { rows: LabelBlock; kinds: KindColumns },
  what: string,
): void {
  assertEquals(actual.rows.length, expected.rows.length, `${what}: rows`);
  for (let row = 0; row < expected.rows.length; row++) {
    assert(sameRow(actual.rows, row, expected.rows, row), `${what}: row ${row}`);
    for (const [kind, column] of expected.kinds.entries()) {
      const same = Object.is(actual.kinds[kind]?.[row], column[row]);
      assert(same, `${what}: ${REQUESTS[kind]} of row ${row}`);
    }
  }
}

for (const [index, text] of REQUESTS.entries()) {
  Deno.test(`${text} equals its slow twin on random series`, () => {
    const chance = new Chance(SEED + 1_000 + index);
    let values = 0;
    for (let round = 0; round < 12; round++) {
      const candles = blockOf(walk(chance, chance.int(100, 700), chance.pick([0, 0.01])));
      const params = randomParams(chance);
      const levels = randomLevels(chance, candles, chance.pick([0, 30, 300]));
      const options = { kindLevels: new LevelSet(levels) };
      const { rows, kinds } = labelKinds(candles, params, "", parseKinds(text), options);
      const expected = twinColumn(text, candles, rows, params, levels);
      assertEquals(kinds[0]?.length, candles.length);
      for (const [row, want] of expected.entries()) {
        const got = kinds[0]?.[row] as number;
        const where = `row ${row} of ${JSON.stringify(params)}: ${got} for ${want}`;
        if (want === null) assert(Number.isNaN(got), where);
        else assert(Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)), where);
        if (want !== null) values++;
      }
    }
    assertGreater(values, 100);
  });
}

Deno.test("KindLabeler gives the rows of the labeler, which no kind and no kindLevels change", () => {
  const chance = new Chance(SEED + 1_100);
  for (let round = 0; round < 10; round++) {
    const candles = blockOf(walk(chance, chance.int(1, 600)));
    const params = randomParams(chance);
    const kindLevels = new LevelSet(randomLevels(chance, candles, 100));
    const { rows } = labelKinds(candles, params, "", allKinds(), { kindLevels });
    const plain = labelAll(candles, params);
    for (let row = 0; row < plain.length; row++) assert(sameRow(rows, row, plain, row));
  }
});

Deno.test("KindLabeler.push() gives the same bits for any split, in both modes", () => {
  const chance = new Chance(SEED + 1_200);
  for (let round = 0; round < 20; round++) {
    const candles = blockOf(walk(chance, chance.int(1, 900), 0.005));
    const params = randomParams(chance);
    const levels = new LevelSet(randomLevels(chance, candles, 100));
    const kinds = allKinds();
    for (const emit of EMITS) {
      const options = { emit, levels, kindLevels: levels };
      const make = () => new KindLabeler(params, kinds, options);
      const whole = collect(make(), kinds.length, candles, 0);
      const cut = () => chance.pick([1, 1, 2, 7, 100, 400]);
      assertSame(collect(make(), kinds.length, candles, 0, cut), whole, emit);
    }
  }
});

Deno.test("KindLabeler.hydrate() continues bit for bit from any candle, in both modes", () => {
  const chance = new Chance(SEED + 1_300);
  for (let round = 0; round < 30; round++) {
    const candles = blockOf(walk(chance, chance.int(50, 900), 0.005));
    const params = randomParams(chance);
    const levels = new LevelSet(randomLevels(chance, candles, 100));
    const kinds = allKinds();
    for (const emit of EMITS) {
      const options = { emit, levels, kindLevels: levels };
      const position = chance.int(0, candles.length + 1);
      const seen = new KindLabeler(params, kinds, options);
      seen.push(candles, 0, position, new LabelBuilder(), new KindBuilder(kinds.length));
      const expected = collect(seen, kinds.length, candles, position);
      const labeler = new KindLabeler(params, kinds, options);
      const tail = Math.max(0, position - kindHistoryBars(params, kinds) - chance.pick([0, 0, 5]));
      labeler.hydrate(slice(candles, tail, position), position);
      assertEquals(labeler.position, position);
      assertSame(
        collect(labeler, kinds.length, candles, position),
        expected,
        `${emit} ${position}`,
      );
    }
  }
});

Deno.test("KindLabeler.hydrate() refuses a tail too short for its window", () => {
  const candles = blockOf(walk(new Chance(SEED), 200, 0));
  const kinds = parseKinds("ret_quantile:window=50");
  const labeler = new KindLabeler(labelParams(), kinds, { emit: "rows" });
  assertEquals(kindHistoryBars(labelParams(), kinds), 56);
  assertEquals(kindHistoryBars(labelParams(), parseKinds("drawdown")), 27);
  assertThrows(() => labeler.hydrate(slice(candles, 145, 200), 200), RangeError, "the last 56");
  labeler.hydrate(slice(candles, 144, 200), 200);
});

Deno.test("kinds never look ahead of the end of the horizon", () => {
  const chance = new Chance(SEED + 1_400);
  for (let round = 0; round < 20; round++) {
    const rows = walk(chance, 500, 0);
    const last = chance.int(100, 499);
    const other = rows.slice(last + 1).map((row): CandleRow => [
      row[0],
      ...row.slice(1).map((x) => x * 0.5) as [number, number, number, number, number],
    ]);
    const params = randomParams(chance);
    const candles = blockOf(rows);
    const levels = randomLevels(chance, candles, 100);
    // Levels that begin later are not known yet.
    const known = levels.filter(({ fromTs }) => fromTs <= (candles.ts[last] as number));
    const kinds = allKinds();
    const one = labelKinds(candles, params, "", kinds, { kindLevels: new LevelSet(levels) });
    const changed = blockOf([...rows.slice(0, last + 1), ...other]);
    const two = labelKinds(changed, params, "", kinds, { kindLevels: new LevelSet(known) });
    for (let row = 0; row + params.horizon <= last; row++) {
      for (const [kind, column] of one.kinds.entries()) {
        assert(Object.is(two.kinds[kind]?.[row], column[row]), `${REQUESTS[kind]} of row ${row}`);
      }
    }
  }
});

Deno.test("kinds outside kindRange are null, and the same inside", () => {
  const candles = blockOf(walk(new Chance(SEED + 1_450), 400, 0));
  const kinds = allKinds();
  const kindRange = { fromTs: candles.ts[200] as number, toTs: candles.ts[300] as number };
  const all = labelKinds(candles, labelParams(), "", kinds);
  const some = labelKinds(candles, labelParams(), "", kinds, { kindRange });
  for (const [kind, column] of all.kinds.entries()) {
    const expected = column.map((value, row) => row >= 200 && row < 300 ? value : NaN);
    assertEquals(some.kinds[kind], expected, REQUESTS[kind]);
  }
});

Deno.test("kindRowsMax() is the bound on what kinds may look at", () => {
  const kinds = parseKinds("drawdown,ret_quantile:window=10000");
  // 200,000,000 looks at twice the horizon, the window, and the row itself.
  assertEquals(kindRowsMax(labelParams({ horizon: 10_000 }), kinds), Math.floor(2e8 / 30_001));
  assertEquals(kindRowsMax(labelParams(), parseKinds("drawdown")), Math.floor(2e8 / 7));
});

Deno.test("kinds of rows without a final horizon are null", () => {
  const chance = new Chance(SEED + 1_500);
  const candles = blockOf(walk(chance, 800, 0.02));
  const levels = new LevelSet(randomLevels(chance, candles, 200));
  const kinds = allKinds();
  const found = labelKinds(candles, labelParams(), "", kinds, { kindLevels: levels });
  const statuses = new Set(found.rows.fhStatus);
  assertGreater(statuses.size, 2);
  for (let row = 0; row < candles.length; row++) {
    if (found.rows.fhStatus[row] === LabelStatus.final) continue;
    for (const column of found.kinds) assert(Number.isNaN(column[row]));
  }
});

Deno.test("kinds about levels are null without levels, the others are not", () => {
  const candles = blockOf(walk(new Chance(SEED + 1_600), 300, 0));
  const kinds = allKinds();
  const found = labelKinds(candles, labelParams(), "", kinds);
  for (const [kind, { needsLevels, text }] of kinds.entries()) {
    const values = found.kinds[kind]?.filter((value) => !Number.isNaN(value)).length;
    assertEquals(values === 0, needsLevels, text);
  }
});

Deno.test("a corrected candle k reaches kinds of rows k−H to k+max(20, window) only", () => {
  const chance = new Chance(SEED + 1_700);
  const kinds = allKinds();
  for (let round = 0; round < 50; round++) {
    const rows = walk(chance, 400, 0);
    const at = chance.int(0, rows.length);
    const [ts, open, high, low, , volume] = rows[at] as CandleRow;
    const moved: CandleRow = [ts, open, high * 1.01, low * 0.99, chance.pick([low, high]), volume];
    const params = randomParams(chance);
    const before = blockOf(rows);
    const after = blockOf([...rows.slice(0, at), moved, ...rows.slice(at + 1)]);
    const kindLevels = new LevelSet(randomLevels(chance, before, 100));
    const was = labelKinds(before, params, "", kinds, { kindLevels });
    const is = labelKinds(after, params, "", kinds, { kindLevels });
    // The window that whoever recomputes reads.
    const around = kindHistoryBars(params, kinds);
    const from = Math.max(0, at - around);
    const to = Math.min(rows.length, at + around + 1);
    const window = labelKinds(slice(after, from, to), params, "", kinds, { kindLevels });
    for (const [kind, { text, pastBars }] of kinds.entries()) {
      const [old, fresh, redone] = [was, is, window].map((found) => found.kinds[kind]);
      for (let row = 0; row < rows.length; row++) {
        const isInReach = row >= at - params.horizon && row <= at + Math.max(20, pastBars);
        if (!isInReach) assert(Object.is(fresh?.[row], old?.[row]), `${text} of row ${row}`);
        else if (row - from >= pastBars + 21 || from === 0) {
          const same = Object.is(redone?.[row - from], fresh?.[row]);
          assert(same || row + params.horizon >= to, `${text} of row ${row} in the window`);
        }
      }
    }
  }
});
