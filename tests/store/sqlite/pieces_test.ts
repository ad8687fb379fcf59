/** Which rows of a log stand: compared with a map that is filled row by row. */

import { assertEquals } from "@std/assert";
import { type Piece, standing } from "../../../src/store/sqlite/pieces.ts";
import { Chance, SEED } from "../../label/support.ts";

interface Columns {
  readonly ts: Float64Array;
  readonly removed: Uint8Array;
}

/** Random pieces; `disorder` is how far rows are from ascending order, in rows. */
function pieces(chance: Chance, disorder: number): Piece<Columns>[] {
  let seq = 0, ts = 0;
  return Array.from({ length: chance.int(0, 6) }, () => {
    const rows = chance.int(0, 40);
    const columns = { ts: new Float64Array(rows), removed: new Uint8Array(rows) };
    const seqs = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      columns.ts[row] = ++ts - chance.int(0, disorder + 1);
      columns.removed[row] = Number(disorder > 0 && chance.next() < 0.1);
      seqs[row] = seq += Number(chance.next() < 0.2);
    }
    const from = rows === 0 ? 0 : chance.int(0, rows), to = chance.int(from, rows + 1);
    return { columns, from, to, seq: chance.next() < 0.3 ? ++seq : seqs };
  });
}

Deno.test("standing() gives the last row of each time, in ascending time", () => {
  const chance = new Chance(SEED);
  for (let round = 0; round < 600; round++) {
    const log = pieces(chance, [0, 3, 500][round % 3] as number);
    const fromTs = chance.int(-5, 60), asOf = chance.next() < 0.5 ? Infinity : chance.int(0, 30);
    const wanted = { fromTs, toTs: fromTs + chance.int(0, 90), limit: chance.int(0, 60), asOf };
    for (const withRemoved of [false, true]) {
      const last = new Map<number, [number, number, boolean]>();
      log.forEach(({ columns, from, to, seq }, piece) => {
        for (let row = from; row < to; row++) {
          const ts = columns.ts[row] as number;
          const at = typeof seq === "number" ? seq : seq[row] as number;
          if (ts < wanted.fromTs || ts >= wanted.toTs || at > asOf) continue;
          last.set(ts, [piece, row, columns.removed[row] === 1]);
        }
      });
      const expected = [...last].sort(([a], [b]) => a - b).map(([, row]) => row)
        .filter(([, , removed]) => withRemoved || !removed)
        .slice(0, wanted.limit).map(([piece, row]) => [piece, row]);
      const found = standing(log, ({ ts }) => ts, ({ removed }) => removed, {
        ...wanted,
        withRemoved,
      });
      const actual = Array.from({ length: found.length }, (_, i) => [
        found.pieces[i],
        found.rows[i],
      ]);
      assertEquals(actual, expected, `round ${round}, WICK_SEED=${SEED}`);
    }
  }
});
