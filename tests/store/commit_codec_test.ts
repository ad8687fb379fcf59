/** Packed commits, results and log pages say what the unpacked ones say. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  packCommit,
  packLogged,
  packResult,
  packTails,
  unpackCommit,
  unpackLogged,
  unpackResult,
  unpackTails,
} from "../../src/store/commit_codec.ts";
import { StoreError } from "../../src/store/error.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch, LoggedCommit } from "../../src/store/port.ts";
import { Chance, SEED } from "../label/support.ts";
import { Operator } from "./conformance.ts";
import { candleRows, labelRow, logRows, SlowStore } from "./support.ts";

/** Batches as plain values: rows instead of blocks. */
function plain(batches: readonly CommitBatch[]) {
  return batches.map(({ series, ...cursor }) => ({
    ...cursor,
    series: series.map(({ append, replace, labels, ...rest }) => ({
      ...rest,
      append: append === null ? null : candleRows(append.block).slice(append.from, append.to),
      replace: replace === null ? null : {
        fromTs: replace.fromTs,
        toTs: replace.toTs,
        series: replace.candles.series,
        candles: candleRows(replace.candles),
      },
      labels: labels.map(({ block, from, to }) => ({
        paramHash: block.paramHash,
        rows: Array.from({ length: to - from }, (_, i) => labelRow(block, from + i)),
      })),
    })),
  }));
}

/** Commits and their twin, over random groups. */
function* groups(seed: number, count: number) {
  const twin = new SlowStore();
  const operator = new Operator(new Chance(seed), twin);
  for (let i = 0; i < count; i++) {
    const group = operator.group();
    yield group;
    twin.commit(group);
  }
}

Deno.test("unpackCommit() gives the batches that packCommit() was given", () => {
  for (const group of groups(SEED, 60)) {
    const unpacked = unpackCommit(packCommit(group));
    assertEquals(plain(unpacked), plain(group), `WICK_SEED=${SEED}`);
  }
  assertEquals(unpackCommit(packCommit([])), []);
});

Deno.test("unpackCommit() copies no rows", () => {
  for (const group of groups(SEED, 20)) {
    const packed = packCommit(group);
    for (const { series } of unpackCommit(packed)) {
      for (const { append, replace, labels } of series) {
        const columns = [append?.block.close, replace?.candles.ts, labels[0]?.block.exit];
        for (const column of columns) assert((column?.buffer ?? packed.buffer) === packed.buffer);
      }
    }
  }
});

Deno.test("a store given unpacked batches says and holds the same", () => {
  const one = new MemoryStore({ clock: { wallNow: () => 7 } });
  const two = new MemoryStore({ clock: { wallNow: () => 7 } });
  const pages: LoggedCommit[] = [];
  let refusals = 0;
  for (const group of groups(SEED, 60)) {
    const expected = one.commit(group);
    const actual = unpackResult(packResult(two.commit(unpackCommit(packCommit(group)))));
    if (expected.state === "refused" || actual.state === "refused") {
      assertEquals(actual, expected);
      refusals++;
      continue;
    }
    const { logged, ...rest } = actual;
    const { logged: loggedThere, ...restThere } = expected;
    assertEquals(rest, restThere);
    assertEquals(logged.runs, loggedThere.runs.map((run) => ({ ...run })));
    const { seq, atMs } = actual;
    if (logged.labels.length > 0) pages.push({ seq, atMs, ...logged });
  }
  assert(refusals > 0, "nothing was refused");
  const held = one.labelsAfter(0, Infinity);
  assertEquals(logRows(pages), logRows(held));
  const unpacked = unpackLogged(packLogged(held));
  assertEquals(unpacked.map(({ seq, atMs, runs }) => ({ seq, atMs, runs })), [
    ...held.map(({ seq, atMs, runs }) => ({ seq, atMs, runs: runs.map((run) => ({ ...run })) })),
  ]);
  assertEquals(logRows(unpacked), logRows(held));
  const tails = one.tails(["A:M1", "NONE:D", "C:D"], 9);
  assertEquals(unpackTails(packTails(tails)), tails);
  assertEquals(unpackLogged(packLogged([])), []);
});

Deno.test("unpackCommit() refuses bytes that were cut", () => {
  const [group = []] = groups(SEED, 1);
  const packed = packCommit(group);
  for (const length of [0, 8, 31, packed.length - 1]) {
    const error = assertThrows(() => unpackCommit(packed.slice(0, length)), StoreError);
    assertEquals(error.code, "damaged");
  }
});
