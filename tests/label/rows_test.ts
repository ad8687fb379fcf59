/** LabelBuilder and LabelFormatter: rows in memory, rows as bytes. */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import type { LabelBlock } from "../../src/market/block.ts";
import { sameRow } from "../../src/label/correction.ts";
import { COLUMNS, LabelFormatter } from "../../src/label/format.ts";
import { labelParams } from "../../src/label/params.ts";
import { allocateLabels, LABEL_ROW_BYTES, LabelBuilder } from "../../src/label/rows.ts";
import { blockOf, cells, Chance, labelAll, SEED, walk } from "./support.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function someLabels(count: number, seed = SEED): LabelBlock {
  const rows = walk(new Chance(seed), count, 0.01);
  return labelAll(blockOf(rows), labelParams({ horizon: 12, up: 1 }));
}

Deno.test("allocateLabels() makes 24 columns that share one buffer without overlap", () => {
  for (const rows of [0, 1, 3, 8]) {
    const block = allocateLabels("S:M1", "h", rows);
    const columns = Object.values(block).filter((column) => ArrayBuffer.isView(column));
    assertEquals(columns.length, 24);
    assertEquals(new Set(columns.map((column) => column.buffer)).size, 1);
    const spans = columns.map((column) => [column.byteOffset, column.byteLength] as const)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let end = 0;
    for (const [offset, length] of spans) {
      assertEquals(offset, end);
      end += length;
    }
    assertEquals(end, rows * LABEL_ROW_BYTES);
  }
});

Deno.test("LabelBuilder keeps rows while it grows, and take() trims and empties it", () => {
  const source = someLabels(300);
  const out = new LabelBuilder(1);
  for (const count of [300, 5, 0, 9]) {
    for (let row = 0; row < count; row++) out.append(source, row);
    assertEquals(out.length, count);
    const block = out.take("S:M1", "hash");
    assertEquals([block.series, block.paramHash, block.length], ["S:M1", "hash", count]);
    assertEquals(out.length, 0);
    for (const column of Object.values(block)) {
      if (ArrayBuffer.isView(column)) assertEquals((column as Uint8Array).length, count);
    }
    for (let row = 0; row < count; row++) assert(sameRow(block, row, source, row), `row ${row}`);
  }
});

Deno.test("LabelBuilder.take() hands out memory of its own", () => {
  const source = someLabels(20);
  const out = new LabelBuilder();
  out.append(source, 19);
  const first = out.take("", "");
  out.append(source, 3);
  assert(sameRow(first, 0, source, 19));
});

Deno.test("LabelBuilder refuses a capacity below one row", () => {
  assertThrows(() => new LabelBuilder(0), RangeError, "current value is 0");
});

Deno.test("LabelFormatter writes CSV in the reference's columns and spelling", () => {
  const block = someLabels(3000);
  const formatter = new LabelFormatter("csv");
  assertEquals(
    decode(formatter.header()),
    "ts,close,atr,rv,up,dn,adj,tb_status,label,hit,bars,gap,amb,exit,tb_ret," +
      "fh_status,fwd_ret,vsr,zret,mfe,t_mfe,mae,t_mae,pf\n",
  );
  const lines = decode(formatter.rows(block)).split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.length, block.length);
  for (let row = 0; row < block.length; row++) {
    const expected = cells(block, row);
    assertEquals(lines[row], COLUMNS.map((column) => expected[column]).join(","));
  }
});

Deno.test("LabelFormatter writes NDJSON that reads back to the same values", () => {
  const block = someLabels(1500);
  const lines = decode(new LabelFormatter("ndjson").rows(block)).trimEnd().split("\n");
  assertEquals(lines.length, block.length);
  for (let row = 0; row < block.length; row++) {
    const expected = Object.entries(cells(block, row)).map(([column, text]) => {
      const isText = column === "hit" || column.endsWith("_status");
      return [column, text === "" ? null : isText ? text : Number(text)];
    });
    assertEquals(JSON.parse(lines[row] ?? ""), Object.fromEntries(expected));
  }
  assertEquals(decode(new LabelFormatter("ndjson").header()), "");
});

Deno.test("LabelFormatter writes every integer up to five digits", () => {
  const block = someLabels(100);
  const formatter = new LabelFormatter("csv");
  const full = block.fhStatus.indexOf(3);
  for (const value of [0, 1, 9, 10, 11, 99, 100, 999, 1000, 9999, 10_000, 65_535]) {
    block.bars[full] = value;
    block.tMae[full] = value;
    const line = decode(formatter.rows(block, full, full + 1)).trimEnd().split(",");
    assertEquals([line[10], line[22]], [String(value), String(value)]);
  }
});

Deno.test("LabelFormatter writes the longest doubles and small ranges of rows", () => {
  const block = someLabels(200);
  const floats = Object.values(block).filter((column) => column instanceof Float64Array);
  for (const column of floats) column.fill(-1.2345678901234567e-300);
  for (const format of ["csv", "ndjson"] as const) {
    const formatter = new LabelFormatter(format);
    const whole = decode(formatter.rows(block));
    const parts = [[0, 0], [0, 1], [1, 150], [150, 200]].map(([from, to]) =>
      decode(formatter.rows(block, from, to))
    );
    assertEquals(parts.join(""), whole);
    assertGreater(whole.length, 200 * 14 * 24);
  }
  assertThrows(() => new LabelFormatter("csv").rows(block, 3, 201), RangeError, "0 to 200");
});
