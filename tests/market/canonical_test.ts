import { assertEquals, assertStrictEquals } from "@std/assert";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { canonicalOf } from "../../src/market/canonical.ts";
import { rowsOf, seededRandom } from "./support.ts";

/** [ts, price], or [ts] for a deletion. */
function block(rows: readonly (readonly number[])[]): CandleBlock {
  const builder = new CandleBuilder("A:D");
  for (const [ts = 0, price] of rows) {
    if (price === undefined) builder.pushDeleted(ts);
    else builder.push(ts, price, price, price, price, 1);
  }
  return builder.finish();
}

/** Last row of each time in a map, then sorted: R1 word for word. */
function slowly(rows: readonly (readonly number[])[]): number[][] {
  const last = new Map<number, readonly number[]>();
  for (const row of rows) last.set(row[0] as number, row);
  return [...last.values()].filter((row) => row.length === 2).map((row) => [...row])
    .sort((a, b) => (a[0] as number) - (b[0] as number));
}

const shortRows = (found: CandleBlock) => rowsOf(found).map(([ts, open]) => [ts, open]);

Deno.test("canonicalOf() returns ascending rows without copying them", () => {
  const received = block([[1, 5], [2, 5], [9, 5]]);
  const found = canonicalOf(received);
  assertStrictEquals(found.block, received);
  assertEquals(found.counts, {
    rows: 3,
    duplicates: 0,
    identicalDuplicates: 0,
    unordered: 0,
    deleted: 0,
  });
});

Deno.test("canonicalOf() sorts, keeps the last row of a time and carries out deletions", () => {
  const rows = [[3, 1], [1, 1], [2, 1], [3, 1], [3, 2], [2], [5], [1], [1, 7]];
  const found = canonicalOf(block(rows));
  assertEquals(shortRows(found.block), [[1, 7], [3, 2]]);
  assertStrictEquals(found.block.deleted, null);
  assertEquals(found.counts, {
    rows: 9,
    duplicates: 5,
    identicalDuplicates: 1,
    unordered: 3,
    deleted: 2,
  });
});

Deno.test("canonicalOf() gives what a map and a sort give, for any order", () => {
  const random = seededRandom("canonical");
  for (let round = 0; round < 400; round++) {
    const length = Math.floor(random() * 60);
    const times = 1 + Math.floor(random() * 80);
    const disorder = random();
    const deletions = random() < 0.5 ? 0 : 0.2;
    const rows = Array.from({ length }, (_, i) => {
      const ts = random() < disorder ? Math.floor(random() * times) - 20 : i;
      return random() < deletions ? [ts] : [ts, 1 + Math.floor(random() * 3)];
    });
    const { block: found, counts } = canonicalOf(block(rows));
    const expected = slowly(rows);
    assertEquals(shortRows(found), expected);
    const distinct = new Set(rows.map((row) => row[0])).size;
    assertStrictEquals(counts.duplicates, length - distinct);
    assertStrictEquals(counts.deleted, distinct - expected.length);
    const ts = rows.map((row) => row[0] as number);
    assertStrictEquals(counts.unordered, ts.filter((t, i) => t < (ts[i - 1] ?? -Infinity)).length);
  }
});

Deno.test("canonicalOf() does nothing the second time", () => {
  const once = canonicalOf(block([[2, 1], [1, 1], [1, 2]])).block;
  assertStrictEquals(canonicalOf(once).block, once);
});
