/** LabelFormatter: compared with `JSON.stringify` over objects, byte for byte. */

import { assertEquals } from "@std/assert";
import { LabelFormatter } from "../../src/label/format.ts";
import { blankCells, fillCells } from "../../src/label/row_cells.ts";
import { allocateLabels } from "../../src/label/rows.ts";
import type { LabelBlock } from "../../src/market/block.ts";
import { Chance, SEED } from "./support.ts";

const ODD = [NaN, 0, -0, 1e21, -1e21, 5e-324, 1e-7, 0.1, 2 ** 53, 1 / 3, Infinity, -Infinity];

function someDouble(chance: Chance): number {
  if (chance.next() < 0.2) return chance.pick(ODD);
  if (chance.next() < 0.2) return chance.int(-1_000_000, 1_000_000);
  if (chance.next() < 0.3) return chance.int(-1_000_000, 1_000_000) / 1e4;
  return (chance.next() - 0.5) * 10 ** chance.int(-8, 12);
}

/** Rows of all statuses and of any numbers. */
function anyLabels(chance: Chance, rows: number): LabelBlock {
  const block = allocateLabels("A:M1", "h", rows);
  for (const column of Object.values(block)) {
    if (column instanceof Float64Array) {
      for (let row = 0; row < rows; row++) column[row] = someDouble(chance);
    }
  }
  for (let row = 0; row < rows; row++) {
    block.tbStatus[row] = chance.int(0, 5);
    block.fhStatus[row] = chance.int(0, 5);
    block.hit[row] = chance.int(0, 4);
    block.label[row] = chance.int(-1, 2);
    block.bars[row] = chance.int(0, 2 ** chance.int(0, 17));
    block.tMfe[row] = chance.int(0, 2 ** chance.int(0, 17));
    block.tMae[row] = chance.int(0, 2 ** chance.int(0, 17));
    for (const flags of [block.adj, block.gap, block.amb]) flags[row] = chance.int(0, 2);
  }
  return block;
}

/** What `JSON.stringify` makes of each row. */
function jsonRows(block: LabelBlock, before: (row: number) => Record<string, number>): string[] {
  return Array.from({ length: block.length }, (_, row) => {
    const cells = blankCells();
    fillCells(cells, block, row);
    return JSON.stringify({ ...before(row), ...cells });
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Says which row differs first: all of them would fill a screen each. */
function assertRows(found: string, end: string, expected: readonly string[]): void {
  const rows = found.split(end);
  const first = expected.findIndex((row, at) => rows[at] !== row.slice(0, -1));
  assertEquals(rows[first], expected[first]?.slice(0, -1), `row ${first}, WICK_SEED=${SEED}`);
  assertEquals(found, expected.map((row) => row.slice(0, -1) + end).join(""));
}

Deno.test("LabelFormatter writes any rows as JSON.stringify does, as lines and as members", () => {
  const chance = new Chance(SEED);
  for (const rows of [1, 63, 64, 65, 1_500]) {
    const block = anyLabels(chance, rows);
    const expected = jsonRows(block, () => ({}));
    assertRows(text(new LabelFormatter("ndjson").rows(block)), "}\n", expected);
    assertRows(text(new LabelFormatter("json").rows(block)), "},", expected);
  }
});

Deno.test("LabelFormatter writes seq and revision first where rows come from a store", () => {
  const chance = new Chance(SEED + 1);
  const block = anyLabels(chance, 400);
  const seqs = Float64Array.from(block.ts, () => Math.floor(chance.next() * 2 ** 53));
  const revisions = Uint32Array.from(block.ts, () => chance.int(0, 2 ** chance.int(0, 31)));
  const expected = jsonRows(block, (row) => ({
    seq: seqs[row] as number,
    revision: revisions[row] as number,
  }));
  const bytes = new LabelFormatter("ndjson").rows(block, 0, 400, { seqs, revisions });
  assertRows(text(bytes), "}\n", expected);
});

Deno.test("LabelFormatter repeats an origin and a return only where they are the same", () => {
  const chance = new Chance(SEED + 4);
  const block = anyLabels(chance, 400);
  const longest = -0.0000061331068172965075;
  for (let row = 0; row < 400; row++) {
    if (chance.next() < 0.2) block.tbRet[row] = chance.next() < 0.5 ? longest : -longest;
    if (chance.next() < 0.7) block.fwdRet[row] = block.tbRet[row] as number;
  }
  // Runs of one commit and one revision, of which either may end first.
  let seq = 9, revision = 0;
  const seqs = new Float64Array(400), revisions = new Uint32Array(400);
  for (let row = 0; row < 400; row++) {
    if (chance.next() < 0.2) seq = chance.pick([9, 10, 123_456_789_012, 2 ** 53 - 1]);
    if (chance.next() < 0.2) revision = chance.pick([0, 1, 10, 2 ** 31 - 1]);
    seqs[row] = seq;
    revisions[row] = revision;
  }
  const expected = jsonRows(block, (row) => ({
    seq: seqs[row] as number,
    revision: revisions[row] as number,
  }));
  const formatter = new LabelFormatter("ndjson");
  const origin = { seqs, revisions };
  assertRows(text(formatter.rows(block, 0, 400, origin)), "}\n", expected);
  // A call knows nothing of the row before its first.
  for (let round = 0; round < 50; round++) {
    const from = chance.int(0, 400), to = chance.int(from, 401);
    const found = text(formatter.rows(block, from, to, origin));
    assertRows(found, "}\n", expected.slice(from, to));
  }
});

Deno.test("LabelFormatter does not mistake flags that are none for others", () => {
  const block = anyLabels(new Chance(SEED + 2), 8);
  block.tbStatus.fill(3);
  block.adj.set([1, 2, 4, 8, 255, 0, 0, 0]);
  block.gap.set([0, 0, 0, 0, 0, 255, 0, 0]);
  block.label.set([0, 0, 0, 0, 0, 0, 100, -100]);
  const expected = jsonRows(block, () => ({}));
  const formatter = new LabelFormatter("ndjson");
  for (let round = 0; round < 2; round++) {
    assertEquals(text(formatter.rows(block)), `${expected.join("\n")}\n`);
  }
});

Deno.test("LabelFormatter.rows() gives memory of its own, view() what the next call writes over", () => {
  const chance = new Chance(SEED + 3);
  const [one, other] = [anyLabels(chance, 5), anyLabels(chance, 5)];
  const formatter = new LabelFormatter("csv");
  const kept = formatter.rows(one), before = text(kept);
  const view = formatter.view(one);
  assertEquals(text(view), before);
  const next = formatter.view(other);
  assertEquals(next.buffer, view.buffer);
  assertEquals(text(kept), before);
});
