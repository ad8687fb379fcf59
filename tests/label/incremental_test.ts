/** Labeler: any split, any restart, either mode gives the same bits; nothing looks ahead. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type CandleBlock, type LabelBlock, LabelStatus } from "../../src/market/block.ts";
import { compareLabels, sameRow } from "../../src/label/correction.ts";
import { Labeler } from "../../src/label/labeler.ts";
import { type Level, LevelSet } from "../../src/label/levels.ts";
import { type LabelParams, labelParams, VOLATILITIES } from "../../src/label/params.ts";
import { LabelBuilder } from "../../src/label/rows.ts";
import { blockOf, type CandleRow, Chance, labelAll, SEED, slice, walk } from "./support.ts";

const EMITS = ["rows", "final"] as const;

function randomParams(chance: Chance): LabelParams {
  return labelParams({
    horizon: chance.pick([1, 2, 3, 6, 8, 9, 24, 70, 288]),
    up: chance.pick([0.1, 0.5, 2, 4]),
    down: chance.pick([0.1, 0.5, 2, 4]),
    tie: chance.pick(["lower", "upper"]),
    vertical: chance.pick(["zero", "sign"]),
    maxGapMs: chance.pick([864_000_000, 60_000 * 500, 90_000]),
  });
}

function randomLevels(chance: Chance, candles: CandleBlock, count: number): Level[] {
  return Array.from({ length: count }, () => {
    const fromTs = candles.ts[chance.int(0, candles.length)] as number;
    return {
      kind: chance.pick(["support", "resistance"]),
      price: 100 + (chance.next() - 0.5) * 20,
      fromTs,
      toTs: fromTs + 60_000 * chance.int(0, 500),
    };
  });
}

function pushAll(labeler: Labeler, candles: CandleBlock, from: number): LabelBlock {
  const out = new LabelBuilder();
  labeler.push(candles, from, candles.length, out);
  labeler.finish(out);
  return out.take("", "");
}

function assertSameRows(actual: LabelBlock, expected: LabelBlock, what: string): void {
  assertEquals(actual.length, expected.length, `${what}: rows`);
  for (let row = 0; row < expected.length; row++) {
    assert(sameRow(actual, row, expected, row), `${what}: row ${row}`);
  }
}

Deno.test("Labeler.push() gives the same bits for any split, in both modes", () => {
  const chance = new Chance(SEED + 10);
  for (let round = 0; round < 40; round++) {
    const candles = blockOf(walk(chance, chance.int(1, 1500)));
    const params = { ...randomParams(chance), volatility: chance.pick(VOLATILITIES) };
    const levels = new LevelSet(randomLevels(chance, candles, chance.pick([0, 300])));
    for (const emit of EMITS) {
      const whole = pushAll(new Labeler(params, { emit, levels }), candles, 0);
      const labeler = new Labeler(params, { emit, levels });
      const out = new LabelBuilder(1);
      for (let at = 0; at < candles.length;) {
        const to = Math.min(candles.length, at + chance.pick([1, 1, 2, 7, 100, 400]));
        const part = slice(candles, at, to);
        labeler.push(part, 0, part.length, out);
        labeler.invariant();
        at = to;
      }
      labeler.finish(out);
      assertEquals(labeler.position, candles.length);
      assertSameRows(out.take("", ""), whole, `${emit} ${JSON.stringify(params)}`);
    }
  }
});

Deno.test("Labeler.hydrate() continues bit for bit from any candle, in both modes", () => {
  const chance = new Chance(SEED + 20);
  for (let round = 0; round < 60; round++) {
    const candles = blockOf(walk(chance, chance.int(50, 1500)));
    const volatility = chance.pick(VOLATILITIES.filter((name) => name !== "ewma"));
    const params = { ...randomParams(chance), volatility };
    const levels = new LevelSet(randomLevels(chance, candles, 300));
    const reused = EMITS.map((emit) => new Labeler(params, { emit, levels }));
    for (const [index, emit] of EMITS.entries()) {
      for (let point = 0; point < 4; point++) {
        const position = chance.int(0, candles.length + 1);
        const seen = new Labeler(params, { emit, levels });
        seen.push(candles, 0, position, new LabelBuilder());
        const expected = pushAll(seen, candles, position);

        const labeler = reused[index] as Labeler;
        const tail = Math.max(0, position - params.horizon - 21 - chance.pick([0, 0, 5]));
        labeler.hydrate(slice(candles, tail, position), position);
        labeler.invariant();
        assertEquals(labeler.position, position);
        const actual = pushAll(labeler, candles, position);
        assertSameRows(actual, expected, `${emit} ${position} ${JSON.stringify(params)}`);
      }
    }
  }
});

Deno.test("Labeler.hydrate() continues an ewma labeler from its whole segment", () => {
  const chance = new Chance(SEED + 30);
  const params = labelParams({ volatility: "ewma" });
  const candles = blockOf(walk(chance, 900, 0));
  const late = blockOf(
    Array.from({ length: 400 }, (_, i): CandleRow => {
      const at = i + 500;
      return [
        (candles.ts[at] as number) + 20 * 86_400_000,
        candles.open[at] as number,
        candles.high[at] as number,
        candles.low[at] as number,
        candles.close[at] as number,
        0,
      ];
    }),
  );
  const seen = new Labeler(params, { emit: "rows" });
  seen.push(candles, 0, 500, new LabelBuilder());
  seen.push(late, 0, 300, new LabelBuilder());
  const labeler = new Labeler(params, { emit: "rows" });
  const tail = new LabelBuilder();
  labeler.push(candles, 499, 500, tail);
  labeler.push(late, 0, 300, tail);
  assertThrows(() => labeler.hydrate(slice(late, 0, 300), 800), RangeError, "since the segment");
  const joined = blockOf([
    [candles.ts[499] as number, 100, 101, 99, 100, 0],
    ...Array.from({ length: 300 }, (_, i): CandleRow => [
      late.ts[i] as number,
      late.open[i] as number,
      late.high[i] as number,
      late.low[i] as number,
      late.close[i] as number,
      0,
    ]),
  ]);
  labeler.hydrate(joined, 800);
  assertSameRows(pushAll(labeler, late, 300), pushAll(seen, late, 300), "ewma");
});

Deno.test("Labeler.hydrate() refuses a tail that is too short or longer than the series", () => {
  const labeler = new Labeler(labelParams(), { emit: "rows" });
  const candles = blockOf(walk(new Chance(SEED), 100));
  const refuse = (count: number, position: number) =>
    assertThrows(() => labeler.hydrate(slice(candles, 0, count), position), RangeError, "hydrate");
  assertStringIncludes(refuse(26, 100).message, "27 to 100");
  refuse(100, 99);
  refuse(10, 11);
  assertEquals(labeler.position, 0);
  labeler.hydrate(slice(candles, 0, 10), 10);
  assertEquals([labeler.position, labeler.lastTs], [10, candles.ts[9]]);
});

Deno.test("Labeler in mode final emits each half once and adds up to the rows", () => {
  const chance = new Chance(SEED + 40);
  for (let round = 0; round < 40; round++) {
    const candles = blockOf(walk(chance, 800));
    const params = randomParams(chance);
    const batch = labelAll(candles, params);
    const indexOf = new Map(Array.from(candles.ts, (ts, index) => [ts, index]));
    const labeler = new Labeler(params, { emit: "final" });
    const out = new LabelBuilder();
    const rows = new LabelBuilder();
    const latest = new Map<number, number>();
    for (let at = 0; at < candles.length; at++) {
      labeler.push(candles, at, at + 1, out);
      let before = -Infinity;
      for (let row = 0; row < out.length; row++) {
        const ts = out.columns.ts[row] as number;
        assert(ts > before, "rows of one candle in ts order");
        before = ts;
        const event = indexOf.get(ts) ?? NaN;
        const isFull = out.columns.fhStatus[row] === LabelStatus.final;
        const bars = out.columns.bars[row] as number;
        assertEquals(out.columns.tbStatus[row], LabelStatus.final);
        assertEquals(at - event, isFull ? params.horizon : bars, "emitted at the deciding candle");
        assertEquals(latest.has(ts), isFull && bars < params.horizon, "emitted once per half");
        latest.set(ts, rows.length);
        rows.append(out.columns, row);
      }
      out.clear();
    }
    labeler.finish(rows);
    const all = rows.take("", "");
    for (let row = 0; row < batch.length; row++) {
      const found = latest.get(batch.ts[row] as number);
      const isFull = batch.fhStatus[row] === LabelStatus.final;
      assertEquals(found !== undefined, batch.tbStatus[row] === LabelStatus.final);
      if (found === undefined) continue;
      if (!isFull) all.fhStatus[found] = batch.fhStatus[row] as number;
      assert(sameRow(all, found, batch, row), `row ${row} of ${JSON.stringify(params)}`);
    }
  }
});

Deno.test("Labeler.finish() changes nothing: the rows come again when complete", () => {
  const candles = blockOf(walk(new Chance(SEED + 50), 300));
  const labeler = new Labeler(labelParams(), { emit: "rows" });
  const out = new LabelBuilder();
  labeler.push(candles, 0, 150, out);
  labeler.finish(new LabelBuilder());
  labeler.push(candles, 150, 300, out);
  labeler.finish(out);
  assertSameRows(out.take("", ""), labelAll(candles, labelParams()), "finish");
});

Deno.test("Labeler never looks ahead of the candle that decides", () => {
  const chance = new Chance(SEED + 60);
  for (let round = 0; round < 40; round++) {
    const rows = walk(chance, 600, 0);
    const candles = blockOf(rows);
    const last = chance.int(15, 599);
    const cut = candles.ts[last] as number;
    const other = walk(chance, 600, 0).map((row): CandleRow => [
      row[0] - 1_700_000_000_000 + cut,
      ...row.slice(1).map((x) => x * 0.5) as [number, number, number, number, number],
    ]);
    const changed = blockOf([...rows.slice(0, last + 1), ...other]);
    const params = { ...randomParams(chance), volatility: chance.pick(VOLATILITIES) };
    const levels = randomLevels(chance, candles, 200);
    const known = levels.filter((level) => level.fromTs <= cut);

    for (const emit of EMITS) {
      const a = new LabelBuilder();
      const b = new LabelBuilder();
      new Labeler(params, { emit, levels: new LevelSet(levels) }).push(candles, 0, last + 1, a);
      new Labeler(params, { emit, levels: new LevelSet(known) }).push(changed, 0, last + 1, b);
      assertSameRows(a.take("", ""), b.take("", ""), emit);
    }
    const one = labelAll(candles, params, { levels: new LevelSet(levels) });
    const two = labelAll(changed, params, { levels: new LevelSet(known) });
    for (let row = 0; row <= last; row++) {
      for (const column of ["close", "atr", "rv", "up", "dn"] as const) {
        assert(Object.is(one[column][row], two[column][row]), `${column} of row ${row}`);
      }
      const isDecided = one.tbStatus[row] === LabelStatus.final &&
        row + (one.bars[row] as number) <= last;
      if (isDecided) {
        for (const column of ["label", "hit", "bars", "gap", "amb", "exit", "tbRet"] as const) {
          assert(Object.is(one[column][row], two[column][row]), `${column} of row ${row}`);
        }
      }
      if (row + params.horizon <= last) assert(sameRow(one, row, two, row), `row ${row}`);
    }
  }
});

Deno.test("Labeler.push() refuses what is not ascending and keeps what came before", () => {
  const [first, second] = walk(new Chance(SEED), 2, 0) as [CandleRow, CandleRow];
  const out = new LabelBuilder();
  for (const bad of [first, second, [NaN, 1, 1, 1, 1, 0] as const]) {
    const labeler = new Labeler(labelParams(), { emit: "rows" });
    const error = assertThrows(
      () => labeler.push(blockOf([first, second, bad]), 0, 3, out),
      RangeError,
      "Cannot push candle at row 2",
    );
    assertStringIncludes(error.message, `above ${second[0]}`);
    assertEquals(labeler.position, 2);
  }
});

Deno.test("Labeler.push() refuses deletions and rows outside the block", () => {
  const candles = blockOf(walk(new Chance(SEED), 5, 0));
  const labeler = new Labeler(labelParams(), { emit: "rows" });
  const out = new LabelBuilder();
  const deleting = { ...candles, deleted: Uint8Array.of(0, 0, 1, 0, 0) };
  assertThrows(() => labeler.push(deleting, 0, 5, out), RangeError, "deletion");
  assertThrows(() => labeler.push(candles, 0, 6, out), RangeError, "0 to 5");
});

Deno.test("Labeler.reset() leaves nothing behind", () => {
  const chance = new Chance(SEED + 70);
  const levels = new LevelSet(randomLevels(chance, blockOf(walk(chance, 500)), 100));
  for (const volatility of VOLATILITIES) {
    const params = labelParams({ volatility, horizon: 24 });
    const labeler = new Labeler(params, { emit: "rows", levels });
    labeler.push(blockOf(walk(chance, 333)), 0, 333, new LabelBuilder());
    labeler.reset();
    const candles = blockOf(walk(chance, 400));
    const expected = pushAll(new Labeler(params, { emit: "rows", levels }), candles, 0);
    assertEquals(compareLabels(pushAll(labeler, candles, 0), expected).sameCount, 400);
  }
});

Deno.test("Labeler leaves zret null where realised volatility is 0 (R9)", () => {
  const rows = Array.from({ length: 40 }, (_, i): CandleRow => {
    const close = i < 30 ? 100 : 101;
    return [i * 60_000, close, close + 1, close - 1, close, 0];
  });
  const block = labelAll(blockOf(rows), labelParams());
  assertEquals([block.rv[26], block.vsr[26], block.zret[26]], [0, 0.5, NaN]);
  assertEquals(block.zret[31], 0);
});
