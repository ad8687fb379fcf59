/** Label rows as plain objects, against the cells that the reference's CSV has for them. */

import { assert, assertEquals } from "@std/assert";
import { LABEL_STATUS_NAMES, type LabelBlock } from "../../src/market/block.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { rowObject } from "../../src/label/row_object.ts";
import { allocateLabels } from "../../src/label/rows.ts";
import { blockOf, type CandleRow, cells, Chance, labelAll, SEED, walk } from "./support.ts";

const TEXT = new Set(["tb_status", "hit", "fh_status"]);

/** A row by its CSV cells: empty is null, everything but the words is a number. */
function byCells(block: LabelBlock, row: number): Record<string, string | number | null> {
  return Object.fromEntries(
    Object.entries(cells(block, row)).map(([name, text]) => [
      name,
      text === "" ? null : TEXT.has(name) ? text : Number(text),
    ]),
  );
}

/** A walk with a stretch that does not move, a hole of 20 days, and movement before its ends. */
function everyStatus(chance: Chance): CandleRow[] {
  return walk(chance, 300, 0).map(([ts, open, high, low, close, volume], i): CandleRow => {
    const at = i < 200 ? ts : ts + 20 * 86_400_000;
    if (i >= 100 && i < 150) return [at, 100, 100, 100, 100, volume];
    if (i % 200 < 170 && i < 280) return [at, open, high, low, close, volume];
    return [at, 100, 101, 99, i % 2 === 0 ? 100.5 : 99.5, volume];
  });
}

Deno.test("rowObject() says what the row's CSV cells say", () => {
  const block = labelAll(blockOf(everyStatus(new Chance(SEED))), DEFAULT_PARAMS);
  const statuses = new Set<string>();
  for (let row = 0; row < block.length; row++) {
    const made = rowObject(block, row);
    assertEquals(made, byCells(block, row), `row ${row}, WICK_SEED=${SEED}`);
    statuses.add(`${made.tb_status}`).add(`${made.fh_status}`);
  }
  assertEquals([...statuses].sort(), [...LABEL_STATUS_NAMES].sort());
});

Deno.test("rowObject() has the columns of wick label, in its order", () => {
  const header = "ts,close,atr,rv,up,dn,adj,tb_status,label,hit,bars,gap,amb,exit,tb_ret," +
    "fh_status,fwd_ret,vsr,zret,mfe,t_mfe,mae,t_mae,pf";
  assertEquals(Object.keys(rowObject(allocateLabels("", "", 1), 0)).join(","), header);
});

Deno.test("rowObject() survives JSON bit for bit", () => {
  const block = labelAll(blockOf(walk(new Chance(SEED + 1), 120)), DEFAULT_PARAMS);
  for (let row = 0; row < block.length; row++) {
    const made = rowObject(block, row);
    assertEquals(JSON.parse(JSON.stringify(made)), made);
  }
});

Deno.test("rowObject() tells 0 from what is not known", () => {
  const block = allocateLabels("", "", 2);
  block.tbStatus.set([3, 2]);
  block.fhStatus.set([3, 2]);
  block.hit[0] = 3;
  block.pf.fill(NaN);
  const [known, unknown] = [rowObject(block, 0), rowObject(block, 1)];
  assertEquals([known.label, known.hit, known.bars, known.t_mfe], [0, "vertical", 0, 0]);
  assertEquals([unknown.label, unknown.hit, unknown.bars, unknown.t_mfe], [null, null, null, null]);
  assert(known.pf === null && known.mfe === 0);
});
