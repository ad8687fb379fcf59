/** Changes to a canonical series, against the canonical series of all rows received. */

import { assert, assertEquals } from "@std/assert";
import { applyChanges, candlesIn } from "../../src/label/change.ts";
import { type CandleBlock, CandleBuilder, concatCandles } from "../../src/market/block.ts";
import { canonicalOf } from "../../src/market/canonical.ts";
import { Chance, SEED } from "./support.ts";

const S = "TEST:M1";

/** Rows as `[ts, close]`; null = a deletion. */
function block(...rows: readonly (readonly [number, number | null])[]): CandleBlock {
  const builder = new CandleBuilder(S, 4);
  for (const [ts, close] of rows) {
    if (close === null) builder.pushDeleted(ts);
    else builder.push(ts, close, close + 1, close - 1, close, 5);
  }
  return builder.finish();
}

function rowsOf({ ts, close }: CandleBlock): [number, number][] {
  return Array.from(ts, (at, i) => [at, close[i] as number]);
}

const BEFORE = block([10, 100], [20, 101], [30, 102], [40, 103]);

Deno.test("applyChanges() corrects, inserts, appends and deletes", () => {
  const received = block([20, 7], [25, 8], [50, 9], [40, null]);
  const { candles, range } = applyChanges(BEFORE, received);
  assertEquals(rowsOf(candles), [[10, 100], [20, 7], [25, 8], [30, 102], [50, 9]]);
  assertEquals(range, { fromTs: 20, toTs: 51 });
  assertEquals(candles.deleted, null);
});

Deno.test("applyChanges() finds the smallest range that differs", () => {
  const rangeOf = (...rows: (readonly [number, number | null])[]) =>
    applyChanges(BEFORE, block(...rows)).range;
  assertEquals(rangeOf([30, 7]), { fromTs: 30, toTs: 31 });
  assertEquals(rangeOf([10, 100], [30, 7], [40, 103]), { fromTs: 30, toTs: 31 });
  assertEquals(rangeOf([10, null]), { fromTs: 10, toTs: 11 });
  assertEquals(rangeOf([40, null], [5, 1]), { fromTs: 5, toTs: 41 });
  assertEquals(rangeOf([60, 1]), { fromTs: 60, toTs: 61 });
});

Deno.test("applyChanges() finds no range where nothing differs in the end", () => {
  const rangeOf = (...rows: (readonly [number, number | null])[]) =>
    applyChanges(BEFORE, block(...rows)).range;
  assertEquals(rangeOf(), null);
  assertEquals(rangeOf([20, 101], [40, 103]), null);
  assertEquals(rangeOf([20, 7], [20, 101]), null);
  assertEquals(rangeOf([35, null]), null);
  assertEquals(rangeOf([35, 1], [35, null]), null);
  assertEquals(rangeOf([20, null], [20, 101]), null);
});

Deno.test("applyChanges() sees a change of any column", () => {
  for (const name of ["open", "high", "low", "close", "volume"] as const) {
    const received = concatCandles([BEFORE]);
    received[name][2] = 0.5;
    assertEquals(applyChanges(BEFORE, received).range, { fromTs: 30, toTs: 31 }, name);
  }
});

Deno.test("applyChanges() starts from nothing and ends with nothing", () => {
  const first = applyChanges(block(), block([20, 1], [10, 2]));
  assertEquals(rowsOf(first.candles), [[10, 2], [20, 1]]);
  assertEquals(first.range, { fromTs: 10, toTs: 21 });
  const last = applyChanges(BEFORE, block([10, null], [20, null], [30, null], [40, null]));
  assertEquals(last.candles.length, 0);
  assertEquals(last.range, { fromTs: 10, toTs: 41 });
});

Deno.test("applyChanges() leaves its arguments as they are", () => {
  const before = concatCandles([BEFORE]);
  const received = block([20, 7], [15, 3], [40, null]);
  const copy = structuredClone(received);
  applyChanges(before, received);
  assertEquals([before, received], [BEFORE, copy]);
});

function randomRows(chance: Chance, count: number, deletions: number): CandleBlock {
  const rows: [number, number | null][] = [];
  for (let i = 0; i < count; i++) {
    const close = chance.next() < deletions ? null : chance.int(10, 13);
    rows.push([chance.int(0, 30), close]);
  }
  return block(...rows);
}

/** What a map says: the last row of a time wins. */
function slowly(blocks: readonly CandleBlock[]): Map<number, number> {
  const held = new Map<number, number>();
  for (const { ts, close, deleted } of blocks) {
    ts.forEach((at, i) => {
      if (deleted?.[i] === 1) held.delete(at);
      else held.set(at, close[i] as number);
    });
  }
  return held;
}

Deno.test("applyChanges() step by step equals the canonical series of all rows at once", () => {
  const chance = new Chance(SEED);
  for (let round = 0; round < 60; round++) {
    const received: CandleBlock[] = [];
    let candles = block();
    for (let step = 0; step < 12; step++) {
      const rows = randomRows(chance, chance.int(0, 8), chance.pick([0, 0.4]));
      const was = slowly(received);
      received.push(rows);
      const changed = applyChanges(candles, rows);
      const at = `WICK_SEED=${SEED} round ${round} step ${step}`;
      assertEquals(rowsOf(changed.candles), rowsOf(canonicalOf(concatCandles(received)).block), at);
      const is = slowly(received);
      const differ = [...new Set([...was.keys(), ...is.keys()])]
        .filter((ts) => was.get(ts) !== is.get(ts));
      const range = differ.length === 0
        ? null
        : { fromTs: Math.min(...differ), toTs: Math.max(...differ) + 1 };
      assertEquals(changed.range, range, at);
      candles = changed.candles;
    }
    assert(received.length === 12);
  }
});

Deno.test("candlesIn() takes from ≤ ts < to, as its own columns", () => {
  const part = candlesIn(BEFORE, { fromTs: 20, toTs: 40 });
  assertEquals(rowsOf(part), [[20, 101], [30, 102]]);
  assertEquals(part.series, S);
  part.close.fill(-1);
  assertEquals(BEFORE.close[1], 101);
  assertEquals(candlesIn(BEFORE, { fromTs: 41, toTs: 99 }).length, 0);
  assertEquals(candlesIn(block(), { fromTs: 0, toTs: 99 }).length, 0);
});
