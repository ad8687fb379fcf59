/** What the SQLite twin gives up, and what it says about it. */

import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../../src/store/error.ts";
import { SqliteStore, type SqliteStoreOptions } from "../../../src/store/sqlite_store.ts";
import { all, batch, candle, candles, inFolder, labels, logRows, part } from "../support.ts";

const S = "EUR_USD:M1", HASH = "0123456789abcdef";
const BOUNDS = { directRows: 50, roundBytes: 20_000, stepBytes: 10_000, chunkRows: 64 };

/** Appends candles at 0, 10, 20 … with a label each. */
function append(store: SqliteStore, baseSeq: number, count: number): void {
  const rows = Array.from({ length: count }, (_, i) => candle((baseSeq + i) * 10, baseSeq + i + 1));
  const found = rows.map(([ts = NaN]) => ({ ts, exit: 102, fwd: 0.5 }));
  const result = store.commit([batch(part(S, baseSeq, {
    append: all(candles(S, rows)),
    labels: [all(labels(S, HASH, found))],
  }))]);
  assertEquals(result.state, "committed");
}

function countOf(path: string, table: string): number {
  const db = new DatabaseSync(path);
  const count = Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  db.close();
  return count;
}

Deno.test("SqliteStore keeps the newest log rows, whole commits, and says from which seq", () =>
  inFolder((path) => {
    const options: SqliteStoreOptions = { path, bounds: BOUNDS, retention: { logRows: 1_000 } };
    let store = new SqliteStore(options);
    for (let i = 0; i < 120; i++) append(store, 20 * i, 20);
    const { oldestSeq, seq } = store.info();
    assert(oldestSeq > 0, "nothing was given up");
    const rows = logRows(store.labelsAfter(oldestSeq, Infinity));
    assertEquals(rows.length, 20 * (seq - oldestSeq));
    assert(rows.length >= 1_000, `${rows.length} rows are kept`);
    for (const run of [() => store.labelsAfter(oldestSeq - 1, 1), () => store.touched(0, 1)]) {
      const error = assertThrows(run, StoreError);
      assertEquals(error.code, "gone");
      assert(error.message.includes(`at least ${oldestSeq}`), error.message);
    }
    // What the log gave up is still there to be read.
    assertEquals(store.candles(S, -Infinity, Infinity, Infinity).length, 2_400);
    assertEquals(store.labels(S, HASH, -Infinity, Infinity, Infinity).labels.length, 2_400);
    store.close();
    store = new SqliteStore(options);
    assertEquals([store.seq, store.info().oldestSeq], [seq, oldestSeq]);
    append(store, 2_400, 5);
    store.close();
  }));

Deno.test("SqliteStore gives up commits by age, never the last one", () =>
  inFolder((path) => {
    let wallMs = 1_000;
    const clock = { wallNow: () => wallMs };
    const retention = { logAgeMs: 500 };
    const options = { path, bounds: { ...BOUNDS, directRows: 1 }, retention, clock };
    const store = new SqliteStore(options);
    for (let i = 0; i < 40; i++, wallMs += 100) append(store, 60 * i, 60);
    const { oldestSeq, seq } = store.info();
    // As many as are younger, and those since rows were last moved into chunks.
    assertLessOrEqual(seq - oldestSeq, 25);
    wallMs += 10_000;
    for (let i = 40; i < 60; i++, wallMs += 10_000) append(store, 60 * i, 60);
    assert(store.info().oldestSeq < store.seq);
    const { seq: last } = store;
    store.close();
    const again = new SqliteStore(options);
    assertEquals(again.seq, last);
    again.close();
  }));

Deno.test("SqliteStore gives up the oldest candles with their labels and goes on counting", () =>
  inFolder((path) => {
    const retention = { candles: 2_000, logRows: 500 };
    const options = { path, bounds: BOUNDS, retention };
    let store = new SqliteStore(options);
    for (let i = 0; i < 100; i++) append(store, 60 * i, 60);
    const check = () => {
      const ts = [...store.candles(S, -Infinity, Infinity, Infinity).ts];
      assertEquals(ts, ts.map((_, i) => (6_000 - ts.length + i) * 10));
      assert(ts.length >= 2_000 && ts.length < 2_500, `${ts.length} are kept`);
      assertEquals([...store.labels(S, HASH, -Infinity, Infinity, Infinity).labels.ts], ts);
      assertEquals(store.candles(S, -Infinity, Infinity, 1).ts[0], ts[0]);
      assertEquals(store.series(), [{ series: S, count: 6_000, lastTs: 59_990 }]);
      assertEquals(store.info().candles, ts.length);
      const window = store.window(S, ts[1] as number, ts[2] as number, 5);
      assertEquals([window.truncated, window.startsSeries, window.count], [true, false, 6_000]);
      const replace = { fromTs: 5, toTs: 6, candles: candles(S, [candle(5)]) };
      const result = store.commit([batch(part(S, 6_000, { replace }))]);
      assertEquals(result.state === "refused" && result.code, "too_old");
      return ts.length;
    };
    const kept = check();
    store.close();
    // Not only hidden: at most what is kept, and some chunks that the log still points at.
    assertLessOrEqual(countOf(path, "chunks"), 2 * (kept / 50 + 40));
    store = new SqliteStore(options);
    assertEquals(check(), kept);
    append(store, 6_000, 60);
    store.close();
  }));

Deno.test("SqliteStore keeps the newest dead letters", () =>
  inFolder((path) => {
    const store = new SqliteStore({ path, retention: { letters: 10 } });
    const letter = { path: "/a", type: "x", reason: "crashed", error: null, payload: null };
    for (let atMs = 0; atMs < 25; atMs++) store.buryLetters([{ ...letter, atMs }]);
    const held = store.letters({}, 99).map(({ atMs }) => atMs);
    assertEquals(held, Array.from({ length: 10 }, (_, i) => 15 + i));
    store.close();
  }));
