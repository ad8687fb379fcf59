/**
 * What every store promises (`src/store/port.ts`), as tests that each backend runs.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { CANDLE_COLUMNS, type CandleBlock, LABEL_COLUMNS } from "../../src/market/block.ts";
import type {
  BatchRecord,
  CommitBatch,
  CommitResult,
  LetterFilter,
  LoggedCommit,
  NewLetter,
  SeriesCommit,
  Store,
} from "../../src/store/port.ts";
import { LETTER_BOUNDS, RECORD_BOUNDS } from "../../src/store/port.ts";
import { Chance, SEED } from "../label/support.ts";
import {
  all,
  batch,
  type Candle,
  candle,
  candleRows,
  candles,
  contentsOf,
  type Label,
  labelRow,
  labels,
  logRows,
  part,
  rowsOf,
  SlowStore,
  sortedLog,
} from "./support.ts";

const S = "EUR_USD:M1", OTHER = "GBP_USD:M1";
const HASH = "0123456789abcdef", HASH_2 = "fedcba9876543210";

type Open = () => Store | Promise<Store>;

/**
 * Registers the tests of one backend. `open` gives an empty store each time; the tests close it.
 * `options` are those of `Deno.test`.
 */
export function storeConformance(
  name: string,
  open: Open,
  options: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources"> = {},
): void {
  const test = (what: string, run: (store: Store) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, options, async () => {
      const store = await open();
      try {
        await run(store);
      } finally {
        await store.close();
      }
    });
  testCommits(test);
  testRefusals(test);
  testCandles(test);
  testLabels(test);
  testLog(test);
  testReads(test);
  testHistory(test);
  testRecords(test);
  testRandom(test);
}

type Test = (what: string, run: (store: Store) => Promise<void>) => void;

// ---- helpers --------------------------------------------------------------------------------------

async function committed(store: Store, ...batches: CommitBatch[]) {
  const result: CommitResult = await store.commit(batches);
  assert(result.state === "committed", `refused: ${JSON.stringify(result)}`);
  assertEquals(result.batches.length, batches.length);
  return result;
}

/** Asserts that a commit is refused and that nothing of it can be seen. */
async function assertRefused(store: Store, code: string, ...batches: CommitBatch[]) {
  const look = () => contentsOf(store, [S, OTHER], [HASH, HASH_2], ["feed", "other"]);
  const before = await look();
  const result = await store.commit(batches);
  assertEquals(result.state === "refused" ? result.code : result.state, code);
  assert(result.state === "refused" && result.message.length > 0);
  assertEquals(await look(), before);
}

/** Candles at 0, 10, 20 … */
function run(count: number, from = 0): Candle[] {
  return Array.from({ length: count }, (_, i) => candle((from + i) * 10, 100 + from + i));
}

function appended(series: string, baseSeq: number, rows: readonly Candle[], found: Label[] = []) {
  return part(series, baseSeq, {
    append: all(candles(series, rows)),
    labels: found.length === 0 ? [] : [all(labels(series, HASH, found))],
  });
}

function labelled(baseSeq: number, ...rows: Label[]): SeriesCommit {
  return part(S, baseSeq, { labels: [all(labels(S, HASH, rows))] });
}

/** Replaces [fromTs, toTs) by these candles and relabels the same range. */
function replaced(
  baseSeq: number,
  [fromTs, toTs]: readonly [number, number],
  rows: readonly Candle[],
  found: readonly Label[] = [],
): SeriesCommit {
  return part(S, baseSeq, {
    replace: { fromTs, toTs, candles: candles(S, rows) },
    labels: [all(labels(S, HASH, found))],
    relabelled: { fromTs, toTs, paramHash: HASH },
  });
}

/** A commit of the log as plain rows. */
function plain({ seq, atMs, labels: block, runs, revisions, removed }: LoggedCommit) {
  const rows = runs.flatMap(({ series, paramHash, from, to }) =>
    Array.from({ length: to - from }, (_, i) => ({
      series,
      paramHash,
      ts: block.ts[from + i] as number,
      revision: revisions[from + i],
      removed: removed[from + i],
      values: labelRow(block, from + i),
    }))
  );
  return { seq, atMs, rows };
}

async function heldTs(store: Store, series = S): Promise<number[]> {
  return [...(await store.candles(series, -Infinity, Infinity, Infinity)).ts];
}

async function heldLabels(store: Store, paramHash = HASH) {
  const { labels: block, revisions, seqs } = await store.labels(S, paramHash, -1e9, 1e9, 1e9);
  return Array.from({ length: block.length }, (_, i) => ({
    ts: block.ts[i],
    revision: revisions[i],
    seq: seqs[i],
  }));
}

/** The log after a seq as `ts:revision`, a removed row with a minus. */
async function logText(store: Store, seq: number): Promise<string> {
  return logRows(await store.labelsAfter(seq, Infinity))
    .map(({ ts, revision, removed }) => `${removed ? "-" : ""}${ts}:${revision}`).join(" ");
}

const pending = (ts: number, exit = 102): Label => ({ ts, exit, fwd: null });
const complete = (ts: number, exit = 102, fwd = 0.5): Label => ({ ts, exit, fwd });

// ---- commits --------------------------------------------------------------------------------------

function testCommits(test: Test): void {
  test("is empty at first", async (store) => {
    assertEquals(store.seq, 0);
    assertEquals(await store.series(), []);
    assertEquals(await store.cursor("feed"), null);
    assertEquals(await store.labelsAfter(0, 10), []);
    assertEquals((await store.candles(S, 0, 1e9, 10)).length, 0);
    assertEquals((await store.labels(S, HASH, 0, 1e9, 10)).labels.length, 0);
  });

  test("commit() gives each commit a seq one larger than the last", async (store) => {
    for (let i = 0; i < 3; i++) {
      const { seq } = await committed(store, batch(appended(S, 2 * i, run(2, 2 * i))));
      assertEquals([seq, store.seq], [i + 1, i + 1]);
    }
  });

  test("commit() of nothing but a cursor is a commit", async (store) => {
    const one = { feed: "feed", after: null, cursor: "1", series: [] };
    const { seq, batches } = await committed(store, one);
    assertEquals(seq, 1);
    assertEquals(batches, [{ candles: 0, corrected: 0, labels: 0, revised: 0 }]);
    assertEquals(await store.cursor("feed"), "1");
  });

  test("commit() says what became of each batch", async (store) => {
    const { batches } = await committed(
      store,
      batch(appended(S, 0, run(3), [complete(0)])),
      batch(appended(OTHER, 0, run(5))),
    );
    assertEquals(batches, [
      { candles: 3, corrected: 0, labels: 1, revised: 0 },
      { candles: 5, corrected: 0, labels: 0, revised: 0 },
    ]);
  });

  test("commit() takes several batches of one series as one commit", async (store) => {
    const { seq } = await committed(
      store,
      batch(appended(S, 0, run(2), [pending(0)])),
      batch(appended(S, 2, run(2, 2), [complete(0)])),
      batch(appended(S, 4, run(1, 4), [pending(10)])),
    );
    assertEquals(seq, 1);
    assertEquals(await heldTs(store), [0, 10, 20, 30, 40]);
    assertEquals(await heldLabels(store), [
      { ts: 0, revision: 0, seq: 1 },
      { ts: 10, revision: 0, seq: 1 },
    ]);
  });

  test("commit() takes rows from ≤ i < to of a block", async (store) => {
    const rows = candles(S, run(6));
    const found = labels(S, HASH, [complete(0), complete(20), complete(30), complete(40)]);
    await committed(store, batch(part(S, 0, { append: { block: rows, from: 2, to: 5 } })));
    await committed(store, batch(part(S, 3, { labels: [{ block: found, from: 1, to: 3 }] })));
    assertEquals(await heldTs(store), [20, 30, 40]);
    assertEquals((await heldLabels(store)).map(({ ts }) => ts), [20, 30]);
  });

  test("commit() keeps nothing of the blocks it was given", async (store) => {
    const rows = candles(S, run(4));
    const found = labels(S, HASH, [complete(10)]);
    await committed(store, batch(part(S, 0, { append: all(rows), labels: [all(found)] })));
    const before = await contentsOf(store, [S], [HASH], []);
    rows.close.fill(-1);
    found.exit.fill(-1);
    assertEquals(await contentsOf(store, [S], [HASH], []), before);
  });

  test("commit() moves the cursor of each feed by itself", async (store) => {
    await committed(store, { feed: "feed", after: null, cursor: "a", series: [] });
    await committed(store, { feed: "other", after: null, cursor: "x", series: [] });
    await committed(store, { feed: "feed", after: "a", cursor: "b", series: [] });
    assertEquals([await store.cursor("feed"), await store.cursor("other")], ["b", "x"]);
  });

  test("commit() moves a cursor several times within one group", async (store) => {
    await committed(
      store,
      { feed: "feed", after: null, cursor: "a", series: [appended(S, 0, run(1))] },
      { feed: "feed", after: "a", cursor: "b", series: [appended(S, 1, run(1, 1))] },
    );
    assertEquals(await store.cursor("feed"), "b");
  });

  test("commit() of a batch without a cursor leaves the feed's where it is", async (store) => {
    await committed(store, { feed: "feed", after: null, cursor: "a", series: [] });
    await committed(store, {
      feed: "feed",
      after: null,
      cursor: null,
      series: [appended(S, 0, run(1))],
    });
    assertEquals(await store.cursor("feed"), "a");
  });
}

function testRefusals(test: Test): void {
  test("commit() refuses a stale base and changes nothing", async (store) => {
    await committed(store, batch(appended(S, 0, run(3), [complete(0)])));
    for (const base of [0, 2, 4]) {
      await assertRefused(store, "stale", batch(appended(S, base, run(1, 5))));
    }
    await assertRefused(store, "stale", batch(appended(OTHER, 1, run(1))));
  });

  test("commit() refuses a whole batch for one stale series", async (store) => {
    await committed(store, batch(appended(S, 0, run(3))));
    await assertRefused(
      store,
      "stale",
      batch(appended(OTHER, 0, run(3)), appended(S, 2, run(1, 5))),
    );
  });

  test("commit() refuses the whole group for one stale batch", async (store) => {
    await committed(store, batch(appended(S, 0, run(3), [pending(0)])));
    const feed = { feed: "feed", after: null, cursor: "1" };
    await assertRefused(
      store,
      "stale",
      { ...feed, series: [appended(S, 3, run(1, 3), [complete(0)])] },
      { ...feed, after: "1", cursor: "2", series: [appended(OTHER, 0, run(2))] },
      batch(appended(S, 3, run(1, 4))),
    );
  });

  test("commit() refuses a batch that follows on another cursor", async (store) => {
    await committed(store, { feed: "feed", after: null, cursor: "a", series: [] });
    for (const after of [null, "b", ""]) {
      const series = [appended(S, 0, run(1))];
      await assertRefused(store, "stale", { feed: "feed", after, cursor: "c", series });
    }
  });

  test("commit() compares cursors within one group too", async (store) => {
    const one = { feed: "feed", after: null, cursor: "a", series: [appended(S, 0, run(1))] };
    const series = [appended(S, 1, run(1, 1))];
    await assertRefused(store, "stale", one, { feed: "feed", after: null, cursor: "b", series });
    await assertRefused(store, "stale", one, { feed: "feed", after: "x", cursor: "b", series });
  });

  test("commit() goes on after a refusal as if it had not been", async (store) => {
    await committed(store, batch(appended(S, 0, run(1))));
    await assertRefused(store, "stale", batch(appended(S, 0, run(1))));
    const { seq } = await committed(store, batch(appended(S, 1, run(1, 1))));
    assertEquals(seq, 2);
  });

  test("commit() knows the count after earlier batches of the group", async (store) => {
    await committed(store, batch(appended(S, 0, run(4))));
    await assertRefused(
      store,
      "stale",
      batch(appended(S, 4, run(2, 4))),
      batch(replaced(6, [30, 60], [candle(30, 7)])),
      batch(appended(S, 5, run(1, 9))),
    );
    await committed(
      store,
      batch(appended(S, 4, run(2, 4))),
      batch(replaced(6, [30, 60], [candle(30, 7)])),
      batch(appended(S, 4, run(1, 9))),
    );
    assertEquals(await heldTs(store), [0, 10, 20, 30, 90]);
  });
}

function testCandles(test: Test): void {
  test("commit() appends candles bit for bit", async (store) => {
    const rows = [
      [-8.64e15, 5e-324, 5e-324, 5e-324, 5e-324, 0],
      [-1, 0.1, 0.1 + 0.2, 0.1, 0.3, 1e-300],
      [0, 1, 1.7976931348623157e308, 1, 2, 9007199254740993],
      [8.64e15, 1, 1, 1, 1, 0],
    ];
    await committed(store, batch(appended(S, 0, rows)));
    const held = await store.candles(S, -Infinity, Infinity, Infinity);
    assertEquals(candleRows(held), rows);
    assertEquals(held.deleted, null);
  });

  test("commit() replaces, inserts and deletes candles of a range", async (store) => {
    await committed(store, batch(appended(S, 0, run(6))));
    const now = [candle(10, 7), candle(25, 8), candle(30, 103), candle(35, 9)];
    const { batches } = await committed(store, batch(replaced(6, [10, 40], now)));
    // 25 and 35 are new, 10 changed, 20 is gone, 30 is the same.
    assertEquals(batches[0], { candles: 2, corrected: 2, labels: 0, revised: 0 });
    const rows = candleRows(await store.candles(S, -Infinity, Infinity, Infinity));
    assertEquals(rows, [candle(0, 100), ...now, candle(40, 104), candle(50, 105)]);
    assertEquals(await store.series(), [{ series: S, count: 7, lastTs: 50 }]);
  });

  test("commit() deletes at the start, at the end, and everything", async (store) => {
    await committed(store, batch(appended(S, 0, run(6))));
    await committed(store, batch(replaced(6, [0, 10], [])));
    await committed(store, batch(replaced(5, [50, 51], [])));
    assertEquals(await heldTs(store), [10, 20, 30, 40]);
    assertEquals(await store.series(), [{ series: S, count: 4, lastTs: 40 }]);
    await committed(store, batch(replaced(4, [-100, 100], [])));
    assertEquals(await heldTs(store), []);
    assertEquals(await store.series(), []);
    await committed(store, batch(appended(S, 0, run(2, 1))));
    assertEquals(await heldTs(store), [10, 20]);
  });

  test("commit() replaces before it appends", async (store) => {
    await committed(store, batch(appended(S, 0, run(3))));
    const both = { ...replaced(3, [10, 30], [candle(15)]), append: all(candles(S, run(2, 3))) };
    await committed(store, batch(both));
    assertEquals(await heldTs(store), [0, 15, 30, 40]);
  });

  test("commit() replaces a range that holds nothing", async (store) => {
    await committed(store, batch(replaced(0, [0, 100], run(3))));
    await committed(store, batch(replaced(3, [-50, 0], [candle(-20)])));
    assertEquals(await heldTs(store), [-20, 0, 10, 20]);
  });

  test("commit() of a change that changes nothing holds no series", async (store) => {
    await committed(store, batch(part(S, 0)));
    assertEquals(await store.series(), []);
    await committed(store, batch(replaced(0, [0, 10], [])));
    assertEquals(await store.series(), []);
  });

  test("commit() keeps the labels of candles around a replaced range", async (store) => {
    const found = [0, 10, 20, 30, 40].map((ts) => complete(ts, 100 + ts));
    await committed(store, batch(appended(S, 0, run(6), found)));
    const kept = [complete(20, 120)];
    await committed(store, batch(replaced(6, [10, 40], [candle(20, 7), candle(25, 8)], kept)));
    const { labels: held } = await store.labels(S, HASH, 0, 100, 100);
    assertEquals(
      Array.from({ length: held.length }, (_, i) => [held.ts[i], held.exit[i]]),
      [[0, 100], [20, 120], [40, 140]],
    );
  });
}

function testLabels(test: Test): void {
  test("commit() stores labels bit for bit", async (store) => {
    const block = labels(S, HASH, [complete(10, 99.5, -0), pending(20)]);
    block.atr[0] = 5e-324;
    block.pf[0] = 0.1 + 0.2;
    block.up[1] = -0;
    block.tMae[1] = 65_535;
    block.label[1] = -1;
    await committed(store, batch(part(S, 0, { append: all(candles(S, run(3))) })));
    await committed(store, batch(part(S, 3, { labels: [all(block)] })));
    const held = (await store.labels(S, HASH, 0, 100, 10)).labels;
    assertEquals([held.series, held.paramHash, held.length], [S, HASH, 2]);
    for (let row = 0; row < 2; row++) {
      labelRow(block, row).forEach((value, column) =>
        assert(Object.is(value, labelRow(held, row)[column]), `column ${column} of row ${row}`)
      );
    }
  });

  test("a label that is completed keeps its revision", async (store) => {
    await committed(store, batch(appended(S, 0, run(3), [pending(10)])));
    const { batches } = await committed(store, batch(labelled(3, complete(10))));
    assertEquals(batches[0], { candles: 0, corrected: 0, labels: 1, revised: 0 });
    assertEquals(await heldLabels(store), [{ ts: 10, revision: 0, seq: 2 }]);
    assertEquals(await logText(store, 1), "10:0");
  });

  test("a label that changes has revision + 1", async (store) => {
    await committed(store, batch(appended(S, 0, run(3), [complete(10)])));
    const changes = [complete(10, 103), complete(10, 103, 0.7), pending(10, 103)];
    for (const [i, row] of changes.entries()) {
      const { batches } = await committed(store, batch(labelled(3, row)));
      assertEquals(batches[0], { candles: 0, corrected: 0, labels: 0, revised: 1 });
      assertEquals(await heldLabels(store), [{ ts: 10, revision: i + 1, seq: i + 2 }]);
    }
    assertEquals(await logText(store, 0), "10:0 10:1 10:2 10:3");
  });

  test("a completed label whose barrier half changed has revision + 1", async (store) => {
    await committed(store, batch(appended(S, 0, run(3), [pending(10, 102)])));
    await committed(store, batch(labelled(3, complete(10, 101))));
    assertEquals(await heldLabels(store), [{ ts: 10, revision: 1, seq: 2 }]);
  });

  test("a label that is the same is not written and not logged", async (store) => {
    await committed(store, batch(appended(S, 0, run(3), [complete(10), pending(20)])));
    const { batches } = await committed(store, batch(labelled(3, complete(10), pending(20))));
    assertEquals(batches[0], { candles: 0, corrected: 0, labels: 0, revised: 0 });
    assertEquals((await heldLabels(store)).map(({ seq }) => seq), [1, 1]);
    assertEquals(await store.labelsAfter(1, 10), []);
  });

  test("labels in a relabelled range that are not named cease to be", async (store) => {
    const found = [0, 10, 20, 30, 40].map((ts) => complete(ts));
    await committed(store, batch(appended(S, 0, run(6), found)));
    const { batches } = await committed(
      store,
      batch(replaced(6, [10, 40], [candle(10, 7), candle(20, 8), candle(30, 9)], [complete(20)])),
    );
    assertEquals(batches[0], { candles: 0, corrected: 3, labels: 0, revised: 2 });
    assertEquals((await heldLabels(store)).map(({ ts }) => ts), [0, 20, 40]);
    assertEquals(await logText(store, 1), "-10:1 -30:1");
  });

  test("the label of a deleted candle ceases to be, and the log says so", async (store) => {
    await committed(store, batch(appended(S, 0, run(4), [complete(10), complete(20)])));
    const { batches } = await committed(
      store,
      batch(replaced(4, [10, 21], [candle(20, 102)], [complete(20)])),
    );
    assertEquals(batches[0], { candles: 0, corrected: 1, labels: 0, revised: 1 });
    assertEquals((await heldLabels(store)).map(({ ts }) => ts), [20]);
    assertEquals(await logText(store, 1), "-10:1");
  });

  test("a label that comes back goes on counting revisions", async (store) => {
    await committed(store, batch(appended(S, 0, run(4), [complete(10), complete(20)])));
    await committed(store, batch(replaced(4, [10, 21], [candle(20, 7)])));
    assertEquals(await logText(store, 1), "-10:1 -20:1");
    const back = [candle(10, 5), candle(20, 6)];
    await committed(store, batch(replaced(3, [10, 21], back, [complete(10), complete(20)])));
    assertEquals(await logText(store, 2), "10:2 20:2");
    assertEquals(await heldLabels(store), [
      { ts: 10, revision: 2, seq: 3 },
      { ts: 20, revision: 2, seq: 3 },
    ]);
  });

  test("labels of other parameters never answer", async (store) => {
    const two = labels(S, HASH_2, [complete(20, 97)]);
    await committed(store, batch(appended(S, 0, run(4), [complete(10)])));
    await committed(store, batch(part(S, 4, { labels: [all(two)] })));
    assertEquals((await heldLabels(store)).map(({ ts }) => ts), [10]);
    assertEquals((await heldLabels(store, HASH_2)).map(({ ts }) => ts), [20]);
    assertEquals(await heldLabels(store, "0000000000000000"), []);
    // Relabelling under one set leaves the other alone.
    const relabelled = { fromTs: 0, toTs: 100, paramHash: HASH };
    await committed(store, batch(part(S, 4, { relabelled })));
    assertEquals(await heldLabels(store), []);
    assertEquals((await heldLabels(store, HASH_2)).map(({ ts }) => ts), [20]);
  });

  test("a label of a candle that is not there is left out", async (store) => {
    await committed(store, batch(appended(S, 0, run(2))));
    const { batches } = await committed(store, batch(labelled(2, complete(5), complete(999))));
    assertEquals(batches[0], { candles: 0, corrected: 0, labels: 0, revised: 0 });
    assertEquals(await heldLabels(store), []);
  });
}

function testLog(test: Test): void {
  /** Ten commits of two series, with 1 to 3 labels each. */
  const fill = async (store: Store) => {
    for (let i = 0; i < 10; i++) {
      const found = Array.from({ length: 1 + i % 3 }, (_, k) => complete((5 * i + k) * 10));
      await committed(
        store,
        batch(appended(S, 5 * i, run(5, 5 * i), found)),
        batch(appended(OTHER, 5 * i, run(5, 5 * i), found.slice(0, 1))),
      );
    }
  };

  test("labelsAfter() gives every row once, in order", async (store) => {
    await fill(store);
    const entries = await store.labelsAfter(0, Infinity);
    const seqs = entries.map(({ seq }) => seq);
    assertEquals(seqs, seqs.toSorted((a, b) => a - b));
    const keys = logRows(entries).map(({ series, ts }) => `${series} ${ts}`);
    assertEquals(new Set(seqs).size, seqs.length);
    assertEquals(keys.length, entries.reduce((sum, one) => sum + one.labels.length, 0));
    assertEquals(new Set(keys).size, keys.length);
    assertEquals(keys.length, 10 + 1 + 2 + 3 + 1 + 2 + 3 + 1 + 2 + 3 + 1);
    for (const { labels: block, revisions, removed } of entries) {
      assertEquals([revisions.length, removed.length], [block.length, block.length]);
    }
  });

  test("labelsAfter() gives whole commits and can be resumed anywhere", async (store) => {
    await fill(store);
    const whole = sortedLog(logRows(await store.labelsAfter(0, Infinity)));
    for (const limit of [1, 2, 3, 5, 100]) {
      const found = [];
      for (let seq = 0;;) {
        const page = await store.labelsAfter(seq, limit);
        if (page.length === 0) break;
        const rows = logRows(page);
        // The rows of the page's last commit may pass the limit, no others.
        const last = rows.at(-1)?.seq as number;
        assertLessOrEqual(rows.filter((row) => row.seq < last).length, limit);
        found.push(...rows);
        seq = last;
      }
      assertEquals(sortedLog(found), whole);
    }
    assertEquals(await store.labelsAfter(store.seq, 100), []);
    assertEquals(await store.labelsAfter(store.seq + 5, 100), []);
  });

  test("commit() says exactly what labelsAfter() gives afterwards", async (store) => {
    const said = [];
    const groups = [
      [batch(appended(S, 0, run(6), [pending(0), pending(10), complete(20)]))],
      [batch(appended(OTHER, 0, run(3), [pending(0)]), labelled(6, complete(0), complete(20)))],
      [batch(replaced(6, [10, 40], [candle(10), candle(30)], [complete(10)]))],
      // Pending and complete in one commit: both are news.
      [batch(appended(S, 5, run(2, 6), [pending(60)])), batch(labelled(7, complete(60)))],
      [batch(labelled(7, complete(60)))],
    ];
    for (const group of groups) {
      const { seq, atMs, logged } = await committed(store, ...group);
      assert(atMs > 0);
      const to = logged.runs.map((one) => one.to);
      assertEquals(logged.runs.map(({ from }) => from), [0, ...to].slice(0, to.length));
      assertEquals([to.at(-1) ?? 0, logged.labels.series], [logged.labels.length, ""]);
      if (logged.labels.length > 0) said.push(plain({ seq, atMs, ...logged }));
    }
    assertEquals(said.length, 4);
    assertEquals((await store.labelsAfter(0, Infinity)).map(plain), said);
    const texts = said.map(({ rows }) => rows.map(({ ts, revision }) => `${ts}:${revision}`));
    assertEquals(
      texts,
      [["0:0", "10:0", "20:0"], ["0:0", "0:0"], ["20:1", "10:1"], [
        "60:0",
        "60:0",
      ]].map((rows, i) => i === 2 ? texts[2] as string[] : rows),
    );
    assertEquals(said[2]?.rows.map(({ ts, removed }) => [ts, removed]), [[20, 1], [10, 0]]);
  });

  test("commit() keeps nothing of the columns that it was given", async (store) => {
    const given = [
      batch(appended(S, 0, run(6), [pending(0), complete(10)])),
      batch(replaced(6, [10, 40], [candle(10), candle(30)], [complete(10, 103)])),
    ];
    const contents = () => contentsOf(store, [S], [HASH], []);
    const log = async () => (await store.labelsAfter(0, Infinity)).map(plain);
    for (const one of given) {
      const { logged } = await committed(store, one);
      const before = [await contents(), await log(), plain({ seq: 0, atMs: 0, ...logged })];
      for (const { append, replace, labels: found } of one.series) {
        for (const block of [append?.block, replace?.candles]) {
          for (const name of CANDLE_COLUMNS) block?.[name].fill(-1);
        }
        for (const { block } of found) for (const [name] of LABEL_COLUMNS) block[name].fill(9);
      }
      const after = [await contents(), await log(), plain({ seq: 0, atMs: 0, ...logged })];
      assertEquals(after, before);
    }
  });

  test("labelsAfter() skips commits without labels", async (store) => {
    await committed(store, batch(appended(S, 0, run(5))));
    await committed(store, batch(appended(S, 5, run(5, 5), [complete(0)])));
    await committed(store, batch(appended(S, 10, run(5, 10))));
    assertEquals((await store.labelsAfter(0, 1)).map(({ seq }) => seq), [2]);
  });
}

function testReads(test: Test): void {
  test("candles() and labels() take from ≤ ts < to, at most limit", async (store) => {
    const found = run(10).map(([ts = NaN]) => complete(ts));
    await committed(store, batch(appended(S, 0, run(10), found)));
    const cases: [number, number, number, number[]][] = [
      [20, 50, 99, [20, 30, 40]],
      [19.5, 50.5, 99, [20, 30, 40, 50]],
      [21, 29, 99, []],
      [20, 20, 99, []],
      [50, 20, 99, []],
      [-50, 5, 99, [0]],
      [85, 900, 99, [90]],
      [20, 90, 2, [20, 30]],
      [20, 90, 0, []],
    ];
    for (const [from, to, limit, ts] of cases) {
      const block: CandleBlock = await store.candles(S, from, to, limit);
      assertEquals([block.series, [...block.ts]], [S, ts]);
      assertEquals([...(await store.labels(S, HASH, from, to, limit)).labels.ts], ts);
    }
  });

  test("tails() gives the last candles of each series in the order asked for", async (store) => {
    await committed(store, batch(appended(S, 0, run(9)), appended(OTHER, 0, run(2))));
    const tails = await store.tails([OTHER, "NOT:M1", S, OTHER], 4);
    assertEquals(
      tails.map(({ count, candles: { series, ts } }) => ({ series, count, ts: [...ts] })),
      [
        { series: OTHER, count: 2, ts: [0, 10] },
        { series: "NOT:M1", count: 0, ts: [] },
        { series: S, count: 9, ts: [50, 60, 70, 80] },
        { series: OTHER, count: 2, ts: [0, 10] },
      ],
    );
    assertEquals(await store.tails([], 4), []);
    assertEquals((await store.tails([S], 0))[0]?.candles.length, 0);
    assertEquals((await store.tails([S], 99))[0]?.candles.length, 9);
  });

  test("window() gives a range with its surroundings and says where it ends", async (store) => {
    await committed(store, batch(appended(S, 0, run(10))));
    const cases: [number, number, number, number[], boolean, boolean][] = [
      [40, 60, 0, [40, 50], false, false],
      [40, 60, 2, [20, 30, 40, 50, 60, 70], false, false],
      [40, 60, 4, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90], true, true],
      [41, 42, 1, [40, 50], false, false],
      [0, 10, 1, [0, 10], true, false],
      [90, 91, 1, [80, 90], false, true],
      [200, 300, 2, [80, 90], false, true],
      [-9, -5, 1, [0], true, false],
      [-1e9, 1e9, 3, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90], true, true],
    ];
    for (const [from, to, around, ts, starts, ends] of cases) {
      const window = await store.window(S, from, to, around);
      assertEquals([...window.candles.ts], ts, `window ${from} to ${to}`);
      assertEquals([window.count, window.candles.series], [10, S]);
      assertEquals([window.startsSeries, window.endsSeries], [starts, ends]);
      assertEquals(window.truncated, false);
    }
    const none = await store.window(OTHER, 0, 10, 5);
    assertEquals([none.count, none.candles.length, none.truncated], [0, 0, false]);
    assertEquals([none.startsSeries, none.endsSeries], [true, true]);
  });

  test("series() is sorted and says count and last time", async (store) => {
    await committed(
      store,
      batch(appended("Z:M1", 0, run(2)), appended("A:M1", 0, run(3)), appended(S, 0, run(1))),
    );
    assertEquals(await store.series(), [
      { series: "A:M1", count: 3, lastTs: 20 },
      { series: S, count: 1, lastTs: 0 },
      { series: "Z:M1", count: 2, lastTs: 10 },
    ]);
  });

  test("what tails(), window(), candles() and labels() give is the reader's own", async (store) => {
    await committed(store, batch(appended(S, 0, run(6), [complete(0)])));
    const before = await contentsOf(store, [S], [HASH], []);
    (await store.tails([S], 4))[0]?.candles.close.fill(-1);
    (await store.window(S, 0, 90, 0)).candles.close.fill(-1);
    (await store.candles(S, 0, 90, 9)).close.fill(-1);
    const held = await store.labels(S, HASH, 0, 90, 9);
    held.labels.exit.fill(-1);
    held.revisions.fill(9);
    assertEquals(await contentsOf(store, [S], [HASH], []), before);
  });
}

// ---- history ------------------------------------------------------------------------------------------

function testHistory(test: Test): void {
  test("candles() and labels() answer as of an earlier commit", async (store) => {
    await committed(store, batch(appended(S, 0, run(4), [pending(0), complete(10)])));
    await committed(store, batch(labelled(4, complete(0), complete(10, 103))));
    await committed(
      store,
      batch(replaced(4, [10, 31], [candle(15, 7), candle(30, 8)], [complete(15, 99)])),
    );
    await committed(store, batch(replaced(3, [10, 16], [candle(10, 9)], [complete(10)])));
    const closes = async (asOf?: number) =>
      candleRows(await store.candles(S, -1e9, 1e9, 99, asOf)).map((row) => [row[0], row[4]]);
    const exits = async (asOf?: number) => {
      const { labels: block, revisions, seqs } = await store.labels(S, HASH, -1e9, 1e9, 99, asOf);
      assertEquals([block.series, block.paramHash], [S, HASH]);
      return [...block.ts].map((ts, i) => [ts, block.exit[i], revisions[i], seqs[i]]);
    };
    const first = [[0, 100], [10, 101], [20, 102], [30, 103]];
    assertEquals(await closes(0), []);
    assertEquals(await closes(1), first);
    assertEquals(await closes(2), first);
    assertEquals(await closes(3), [[0, 100], [15, 7], [30, 8]]);
    for (const now of [4, 5, undefined]) {
      assertEquals(await closes(now), [[0, 100], [10, 9], [30, 8]]);
    }
    assertEquals(await exits(0), []);
    assertEquals(await exits(1), [[0, 102, 0, 1], [10, 102, 0, 1]]);
    assertEquals(await exits(2), [[0, 102, 0, 2], [10, 103, 1, 2]]);
    assertEquals(await exits(3), [[0, 102, 0, 2], [15, 99, 0, 3]]);
    assertEquals(await exits(4), [[0, 102, 0, 2], [10, 102, 3, 4]]);
    assertEquals((await store.candles(S, 5, 40, 1, 1)).ts[0], 10);
    assertEquals((await store.labels(S, HASH, 5, 40, 1, 2)).labels.ts[0], 10);
  });

  test("touched() gives the ranges of every commit, whole commits, resumable", async (store) => {
    await committed(store, batch(appended(S, 0, run(3)), appended(OTHER, 0, run(1))));
    await committed(store, { feed: "feed", after: null, cursor: "1", series: [] });
    await committed(store, batch(labelled(3, complete(0))));
    await committed(
      store,
      batch({ ...replaced(3, [5, 25], [candle(20)]), append: all(candles(S, run(2, 3))) }),
    );
    const expected = [
      { seq: 1, series: S, fromTs: 0, toTs: 21 },
      { seq: 1, series: OTHER, fromTs: 0, toTs: 1 },
      { seq: 4, series: S, fromTs: 5, toTs: 25 },
      { seq: 4, series: S, fromTs: 30, toTs: 41 },
    ];
    assertEquals(await store.touched(0, 99), expected);
    assertEquals(await store.touched(0, 1), expected.slice(0, 2));
    assertEquals(await store.touched(1, 1), expected.slice(2));
    assertEquals(await store.touched(4, 99), []);
  });
}

// ---- records and letters ------------------------------------------------------------------------------

function testRecords(test: Test): void {
  test("putRecord() keeps, replaces and drops by kind and key", async (store) => {
    assertEquals([await store.record("a", "1"), await store.records("a")], [null, []]);
    for (const [kind, key, json] of [["a", "2", "{}"], ["a", "1", "[1]"], ["b", "1", "7"]]) {
      assertEquals(await store.putRecord(kind ?? "", key ?? "", json ?? ""), { state: "written" });
    }
    await store.putRecord("a", "2", '"é"');
    assertEquals(await store.record("a", "2"), '"é"');
    assertEquals(await store.records("a"), [{ key: "1", json: "[1]" }, { key: "2", json: '"é"' }]);
    assertEquals(await store.dropRecord("a", "1"), { state: "written" });
    assertEquals(await store.dropRecord("a", "never"), { state: "written" });
    assertEquals(await store.records("a"), [{ key: "2", json: '"é"' }]);
    assertEquals(await store.records("b"), [{ key: "1", json: "7" }]);
    assertEquals(store.seq, 0);
  });

  test("putRecord() refuses what is above its bounds", async (store) => {
    const long = "k".repeat(RECORD_BOUNDS.keyChars + 1);
    const code = async (kind: string, key: string, json: string) => {
      const result = await store.putRecord(kind, key, json);
      return result.state === "refused" ? result.code : result.state;
    };
    assertEquals(await code(long, "1", "1"), "full");
    assertEquals(await code("a", long, "1"), "full");
    assertEquals(await code("a", "1", " ".repeat(RECORD_BOUNDS.jsonChars + 1)), "full");
    assertEquals(await store.records("a"), []);
  });

  test("commit() writes, replaces and drops records with its rows", async (store) => {
    await store.putRecord("a", "old", "1");
    const records = [
      { kind: "a", key: "new", json: "2" },
      { kind: "a", key: "old", json: null },
      { kind: "b", key: "x", json: "3" },
      { kind: "b", key: "x", json: "4" },
    ];
    await committed(store, { ...batch(appended(S, 0, run(2))), records });
    assertEquals(await store.records("a"), [{ key: "new", json: "2" }]);
    assertEquals(await store.records("b"), [{ key: "x", json: "4" }]);
    assertEquals((await store.series())[0]?.count, 2);
  });

  test("commit() that is refused writes no records and no letters", async (store) => {
    await committed(store, { feed: "feed", after: null, cursor: "1", series: [] });
    const letters = [{ atMs: 1, path: "/p", type: "t", reason: "r", error: null, payload: null }];
    const records = [{ kind: "a", key: "1", json: "1" }];
    const late = { feed: "feed", after: "0", cursor: "2", series: [], records, letters };
    await assertRefused(store, "stale", late);
    assertEquals([await store.records("a"), await store.letters({}, 9)], [[], []]);
    await committed(store, { ...late, after: "1" });
    assertEquals((await store.records("a")).length, 1);
    assertEquals((await store.letters({}, 9)).map(({ path }) => path), ["/p"]);
  });

  test("commit() refuses records above their bounds with the whole group", async (store) => {
    const one = { kind: "a", key: "1", json: "1" };
    const long = { ...one, key: "k".repeat(RECORD_BOUNDS.keyChars + 1) };
    const beside = (records: BatchRecord[]) => ({ ...batch(appended(S, 0, run(2))), records });
    await assertRefused(store, "full", beside([one, long]));
    const many = new Array<BatchRecord>(RECORD_BOUNDS.perBatch + 1).fill(one);
    await assertRefused(store, "full", beside(many));
    assertEquals(await store.records("a"), []);
    await committed(store, beside([one]));
  });

  test("commit() refuses a record that its kind has no room for", async (store) => {
    const { perBatch, perKind } = RECORD_BOUNDS;
    const keys = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ kind: "a", key: `${from + i}`, json: "1" }));
    for (let from = 0; from < perKind - 1; from += perBatch) {
      const records = keys(from, Math.min(perBatch, perKind - 1 - from));
      await committed(store, { feed: null, after: null, cursor: null, series: [], records });
    }
    const last = { feed: null, after: null, cursor: null, series: [] };
    await assertRefused(store, "full", { ...last, records: keys(perKind, 2) });
    await committed(store, { ...last, records: [...keys(perKind, 1), ...keys(0, 9)] });
    await assertRefused(store, "full", { ...last, records: keys(perKind + 1, 1) });
    await committed(store, { ...last, records: [{ kind: "a", key: "0", json: null }] });
    await committed(store, { ...last, records: keys(perKind + 1, 1) });
    assertEquals((await store.records("a")).length, perKind);
  });

  test("buryLetters() numbers letters, which are found and dropped by what they say", async (store) => {
    const letter = (path: string, type: string, reason = "crashed"): NewLetter => ({
      atMs: 5,
      path,
      type,
      reason,
      error: null,
      payload: `{"of":"${path}"}`,
    });
    await store.buryLetters([letter("/a", "x"), letter("/b", "x"), letter("/a", "y", "expired")]);
    const buried = await store.buryLetters([letter("/a", "x")]);
    const all = await store.letters({}, 99);
    assertEquals(buried, { state: "written", lastId: all.at(-1)?.id as number });
    assertEquals(all.map(({ path, type }) => path + type), ["/ax", "/bx", "/ay", "/ax"]);
    const ids = all.map(({ id }) => id);
    assertEquals(ids, ids.toSorted((a, b) => a - b));
    assertEquals(new Set(ids).size, 4);
    assertEquals(all[0], { ...letter("/a", "x"), id: ids[0] as number });
    const found = async (filter: LetterFilter, limit = 99) =>
      (await store.letters(filter, limit)).map(({ id }) => ids.indexOf(id));
    assertEquals(await found({ path: "/a" }), [0, 2, 3]);
    assertEquals(await found({ path: "/a", type: "x" }), [0, 3]);
    assertEquals(await found({ reason: "expired" }), [2]);
    assertEquals(await found({ afterId: ids[1] as number }), [2, 3]);
    assertEquals(await found({ id: ids[1] as number }), [1]);
    const some = [ids[3], ids[0], 1e9] as number[];
    assertEquals(await found({ ids: some }), [0, 3]);
    assertEquals(await found({ ids: some, afterId: ids[0] as number }), [3]);
    assertEquals(await found({ ids: [] }), []);
    assertEquals(await found({}, 2), [0, 1]);
    assertEquals(await found({ beforeId: ids[2] as number }), [0, 1]);
    assertEquals(await found({ isLatestFirst: true }, 3), [3, 2, 1]);
    const older = { path: "/a", beforeId: ids[3] as number, isLatestFirst: true };
    assertEquals(await found(older), [2, 0]);
    assertEquals(await store.dropLetters({ type: "x", path: "/a" }), {
      state: "dropped",
      count: 2,
    });
    assertEquals(await found({}), [1, 2]);
    assertEquals((await store.info()).letters, 2);
    await store.buryLetters([letter("/c", "z")]);
    const [last] = await store.letters({ path: "/c" }, 9);
    assert((last?.id ?? 0) > (ids[3] as number), "a number was given twice");
  });

  test("buryLetters() cuts texts and leaves out a payload above the bound", async (store) => {
    const { textChars, payloadChars } = LETTER_BOUNDS;
    const long = "x".repeat(textChars + 5);
    const one = { atMs: 1, path: long, type: long, reason: long, error: long };
    await store.buryLetters([
      { ...one, payload: "1".repeat(payloadChars) },
      { ...one, payload: "1".repeat(payloadChars + 1) },
    ]);
    const [whole, without] = await store.letters({}, 9);
    assertEquals([whole?.payload?.length, without?.payload], [payloadChars, null]);
    for (const text of [whole?.path, whole?.type, whole?.reason, whole?.error]) {
      assertEquals(text?.length, textChars);
    }
  });

  test("cursors() gives the cursor of every feed, sorted", async (store) => {
    await committed(store, { feed: "z", after: null, cursor: "1", series: [] });
    await committed(store, { feed: "a", after: null, cursor: "2", series: [] });
    await committed(store, { feed: "z", after: "1", cursor: "3", series: [] });
    assertEquals(await store.cursors(), [{ feed: "a", cursor: "2" }, { feed: "z", cursor: "3" }]);
  });

  test("info() counts what is held", async (store) => {
    const empty = await store.info();
    assertEquals([empty.seq, empty.series, empty.candles, empty.state], [0, 0, 0, "ok"]);
    await committed(store, batch(appended(S, 0, run(5)), appended(OTHER, 0, run(2))));
    await committed(store, batch(replaced(5, [0, 10], [])));
    const info = await store.info();
    assertEquals([info.seq, info.series, info.candles], [2, 2, 6]);
    assertEquals([info.oldestSeq, info.oldestAsOf, info.lastError], [0, 0, null]);
  });
}

// ---- random operations --------------------------------------------------------------------------------

export const SERIES = ["A:M1", "B:M5", "C:D"];
export const FEEDS = ["feed", "other"];

/** Makes commits, most of them right, some stale, as a pool would and as none should. */
export class Operator {
  #cursors = 0;
  constructor(readonly chance: Chance, readonly twin: SlowStore) {}

  group(): CommitBatch[] {
    const counts = new Map<string, Candle[]>(
      SERIES.map((series) => [series, [...this.twin.rows(series)]]),
    );
    const cursors = this.twin.cursors(FEEDS);
    return Array.from({ length: this.chance.int(1, 4) }, () => {
      const chosen = SERIES.filter(() => this.chance.next() < 0.6);
      const series = chosen.map((key) => this.#part(key, counts.get(key) as Candle[]));
      const feed = this.chance.next() < 0.5 ? this.chance.pick(FEEDS) : null;
      if (feed === null) return { feed, after: null, cursor: null, series };
      const isWrong = this.chance.next() < 0.03;
      const after = isWrong ? "wrong" : cursors[feed] ?? null;
      const cursor = this.chance.next() < 0.2 ? null : String(++this.#cursors);
      if (cursor !== null) cursors[feed] = cursor;
      return { feed, after, cursor, series };
    });
  }

  /** Works on `rows`, which are those before this part, and leaves those after it. */
  #part(series: string, rows: Candle[]): SeriesCommit {
    const { chance } = this;
    const baseSeq = rows.length + (chance.next() < 0.02 ? chance.pick([-1, 1]) : 0);
    let replace: SeriesCommit["replace"] = null;
    let relabelled: SeriesCommit["relabelled"] = null;
    const paramHash = series === "A:M1" ? HASH_2 : HASH;
    if (chance.next() < 0.35) {
      const fromTs = chance.int(-20, rows.length * 10 + 20);
      const toTs = fromTs + chance.int(1, 80);
      replace = { fromTs, toTs, candles: this.#replacement(series, rows, fromTs, toTs) };
      const from = fromTs - chance.int(0, 40), to = toTs + chance.int(0, 40);
      relabelled = { fromTs: from, toTs: to, paramHash };
    }
    let append: SeriesCommit["append"] = null;
    if (replace === null || chance.next() < 0.3) {
      const added: Candle[] = [];
      let ts = rows.at(-1)?.[0] ?? 0;
      for (let i = chance.int(0, 6); i > 0; i--) {
        ts += chance.int(1, 15);
        added.push(candle(ts, 1 + chance.int(0, 50)));
      }
      rows.push(...added);
      append = added.length === 0 ? null : all(candles(series, added));
    }
    const found = this.#labels(rows, relabelled ?? { fromTs: -1e9, toTs: 1e9 });
    const block = labels(series, paramHash, found);
    return { series, baseSeq, append, replace, labels: [all(block)], relabelled };
  }

  #replacement(series: string, rows: Candle[], fromTs: number, toTs: number): CandleBlock {
    const { chance } = this;
    const made = new Map<number, Candle>();
    for (const row of rows) {
      const ts = row[0] as number;
      if (ts < fromTs || ts >= toTs || chance.next() < 0.3) continue;
      made.set(ts, chance.next() < 0.5 ? row : candle(ts, 1 + chance.int(0, 50)));
    }
    for (let i = chance.int(0, 3); i > 0; i--) {
      const ts = chance.int(fromTs, toTs);
      made.set(ts, candle(ts, 1 + chance.int(0, 50)));
    }
    const inside = [...made.values()].sort((a, b) => (a[0] as number) - (b[0] as number));
    const before = rows.filter(([ts = NaN]) => ts < fromTs);
    const after = rows.filter(([ts = NaN]) => ts >= toTs);
    rows.splice(0, rows.length, ...before, ...inside, ...after);
    return candles(series, inside);
  }

  #labels(rows: readonly Candle[], range: { fromTs: number; toTs: number }): Label[] {
    const { chance } = this;
    const inRange = rows.filter(([ts = NaN]) => ts >= range.fromTs && ts < range.toTs).slice(-30);
    return inRange.filter(() => chance.next() < 0.4).map(([ts = NaN]) => ({
      ts,
      exit: chance.pick([98, 102]),
      fwd: chance.pick([null, 0.25, -0]),
    }));
  }
}

function testRandom(test: Test): void {
  test("random commits leave what a slow twin holds", async (store) => {
    const twin = new SlowStore();
    const operator = new Operator(new Chance(SEED), twin);
    let refusals = 0, revised = 0;
    for (let step = 0; step < 250; step++) {
      const group = operator.group();
      const expected = twin.commit(group);
      const actual = await store.commit(group);
      const at = `step ${step}, WICK_SEED=${SEED}`;
      assertEquals(actual.state, expected.state, at);
      if (actual.state === "committed" && expected.state === "committed") {
        assertEquals({ seq: actual.seq, batches: actual.batches }, {
          seq: expected.seq,
          batches: expected.batches,
        }, at);
        for (const one of actual.batches) revised += one.revised;
      } else {
        refusals++;
      }
      const asOf = operator.chance.int(0, store.seq + 1);
      const rows = await rowsOf(store, SERIES, [HASH, HASH_2], asOf);
      assertEquals(rows, twin.rowsOf(SERIES, [HASH, HASH_2], asOf), at);
      if (step % 25 !== 24) continue;
      const contents = await contentsOf(store, SERIES, [HASH, HASH_2], FEEDS);
      assertEquals(contents, twin.contents(SERIES, [HASH, HASH_2], FEEDS), at);
    }
    assert(refusals > 0 && revised > 0, "nothing was refused or revised: nothing was shown");
  });
}
