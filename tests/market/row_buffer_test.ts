import { assertEquals, assertStrictEquals } from "@std/assert";
import { RowBuffer } from "../../src/market/row_buffer.ts";
import { Chance, SEED } from "../label/support.ts";

/** Rows as they are pushed, by the number of their series. */
class SlowRows {
  readonly rows: (number[][] | undefined)[] = [];
  push(series: number, row: number[]): void {
    (this.rows[series] ??= []).push(row);
  }
}

Deno.test("RowBuffer.take() gives every series its rows in order", () => {
  const chance = new Chance(SEED);
  const buffer = new RowBuffer();
  const keys = Array.from({ length: 90 }, (_, i) => `S${i}:D`);
  for (let round = 0; round < 40; round++) {
    const slow = new SlowRows();
    for (let left = chance.int(0, 900); left > 0; left--) {
      const series = chance.int(0, chance.int(0, keys.length - 1));
      const row = Array.from({ length: 6 }, () => chance.int(-1e9, 1e9) / 7);
      buffer.push(series, Float64Array.from(row));
      slow.push(series, row);
    }
    const found = buffer.take(keys).map((block) => {
      const { ts, open, high, low, close, volume } = block;
      assertStrictEquals(ts.length, block.length);
      const rows = Array.from(
        ts,
        (at, i) => [at, open[i], high[i], low[i], close[i], volume[i]],
      );
      return [block.series, rows];
    });
    const expected = keys.flatMap((key, i) =>
      slow.rows[i] === undefined ? [] : [[key, slow.rows[i]]]
    );
    assertEquals(found, expected, `WICK_SEED=${SEED}, round ${round}`);
    assertStrictEquals(buffer.length, 0);
  }
});
