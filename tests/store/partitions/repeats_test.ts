/** Rows that were appended again, against a slow twin. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { seededRandom } from "../../../src/actor/clock.ts";
import { CANDLE_COLUMNS, type CandleBlock, candleBlock } from "../../../src/market/block.ts";
import { withoutRepeats } from "../../../src/store/partitions/repeats.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`repeats_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

/** A block of rows `[ts, close]`. */
function blockOf(rows: readonly (readonly [number, number])[], deleted: Uint8Array | null = null) {
  const column = (of: (row: readonly [number, number]) => number) => Float64Array.from(rows, of);
  return candleBlock("S:M1", {
    ...{ ts: column(([ts]) => ts), open: column(() => 1), high: column(() => 9) },
    ...{ low: column(() => 0), close: column(([, close]) => close), volume: column(() => 5) },
  }, deleted);
}

function rowsOf(block: CandleBlock): [number, number][] {
  for (const name of CANDLE_COLUMNS) assertEquals(block[name].length, block.length, name);
  return Array.from(block.ts, (ts, row) => [ts, block.close[row] as number]);
}

Deno.test("withoutRepeats() leaves an ascending block as it is", () => {
  const block = blockOf([[1, 1], [2, 2], [5, 3]]);
  assertStrictEquals(withoutRepeats(block), block);
});

Deno.test("withoutRepeats() drops a run that was appended again, at once or later", () => {
  const again = blockOf([[1, 1], [2, 2], [1, 1], [2, 2], [3, 3], [1, 1], [4, 4], [4, 4]]);
  assertEquals(rowsOf(withoutRepeats(again)), [[1, 1], [2, 2], [3, 3], [4, 4]]);
});

Deno.test("withoutRepeats() keeps all of a block with a correction, a late row or a deletion", () => {
  for (
    const block of [
      blockOf([[1, 1], [2, 2], [1, 7], [1, 1]]),
      blockOf([[1, 1], [3, 3], [2, 2], [1, 1]]),
      blockOf([[1, 1], [1, 1]], new Uint8Array([0, 1])),
    ]
  ) {
    const before = rowsOf(block);
    assertStrictEquals(withoutRepeats(block), block);
    assertEquals(rowsOf(block), before);
  }
});

Deno.test("withoutRepeats() means the same as its block, row by row", () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 500; round++) {
    const rows: [number, number][] = [];
    for (let ts = 0; rows.length < 12;) {
      const earlier = rows[Math.floor(random.next() * rows.length)];
      if (random.next() < 0.4 && earlier !== undefined) rows.push([...earlier]);
      else rows.push([random.next() < 0.05 ? Math.floor(random.next() * ts) : ++ts, round]);
    }
    // What is left of a time in the end is what counts.
    const meaning = (all: readonly (readonly [number, number])[]) =>
      [...new Map(all)].sort(([a], [b]) => a - b);
    assertEquals(meaning(rowsOf(withoutRepeats(blockOf(rows)))), meaning(rows));
  }
});
