/** The memory twin: the conformance suite, and what only it does: forget. */

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertThrows } from "@std/assert";
import { StoreError } from "../../src/store/error.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch } from "../../src/store/port.ts";
import { storeConformance } from "./conformance.ts";
import { all, batch, candle, candles, labels, logRows, part } from "./support.ts";

storeConformance("MemoryStore", () => new MemoryStore());

const S = "EUR_USD:M1", HASH = "0123456789abcdef";

function append(series: string, baseSeq: number, count: number, labelEach = 0): CommitBatch {
  const rows = Array.from({ length: count }, (_, i) => candle((baseSeq + i) * 10, baseSeq + i + 1));
  const found = rows.filter((_, i) => labelEach > 0 && i % labelEach === 0)
    .map(([ts = NaN]) => ({ ts, exit: 102, fwd: null }));
  return batch(part(series, baseSeq, {
    append: all(candles(series, rows)),
    labels: found.length === 0 ? [] : [all(labels(series, HASH, found))],
  }));
}

function replace(baseSeq: number, fromTs: number, toTs: number, ...ts: number[]): CommitBatch {
  const now = candles(S, ts.map((at) => candle(at, 7)));
  const relabelled = { fromTs, toTs, paramHash: HASH };
  return batch(part(S, baseSeq, { replace: { fromTs, toTs, candles: now }, relabelled }));
}

function held(store: MemoryStore): number[] {
  return [...store.candles(S, -Infinity, Infinity, Infinity).ts];
}

function stateOf(store: MemoryStore, ...batches: CommitBatch[]): string {
  const result = store.commit(batches);
  return result.state === "refused" ? result.code : result.state;
}

Deno.test("MemoryStore gives up the oldest candles and goes on counting them", () => {
  for (const [barsMax, rows] of [[50, 1], [50, 7], [64, 1], [100, 30], [33, 80]] as const) {
    const store = new MemoryStore({ barsMax });
    for (let count = 0; count < 1_000; count += rows) {
      assertEquals(stateOf(store, append(S, count, rows)), "committed");
      const ts = held(store);
      // The newest ones, without a hole, at least 3/4 of the bound and at most twice of it.
      assertEquals(ts, ts.map((_, i) => (count + rows - ts.length + i) * 10));
      assert(ts.length >= Math.min(count + rows, Math.floor(barsMax * 0.75)));
      assertLessOrEqual(ts.length, Math.max(2 * barsMax, rows + 32));
      const [tail] = store.tails([S], 3);
      assertEquals([tail?.count, tail?.candles.ts.at(-1)], [count + rows, ts.at(-1)]);
      assertEquals(store.series(), [{ series: S, count: count + rows, lastTs: ts.at(-1) ?? NaN }]);
    }
  }
});

Deno.test("MemoryStore keeps the labels of the candles it keeps", () => {
  const store = new MemoryStore({ barsMax: 60 });
  for (let count = 0; count < 600; count += 10) store.commit([append(S, count, 10, 3)]);
  const expected = held(store).filter((ts) => ts / 10 % 10 % 3 === 0);
  const found = store.labels(S, HASH, -Infinity, Infinity, Infinity);
  assertEquals([...found.labels.ts], expected);
  assertEquals([...found.seqs], expected.map((ts) => Math.floor(ts / 100) + 1));
});

Deno.test("MemoryStore.window() says that what came before was given up", () => {
  const store = new MemoryStore({ barsMax: 50 });
  for (let count = 0; count < 300; count += 10) store.commit([append(S, count, 10)]);
  const [first = NaN] = held(store);
  const window = (fromTs: number, around: number) => {
    const { truncated, startsSeries, endsSeries } = store.window(S, fromTs, fromTs + 1, around);
    return { truncated, startsSeries, endsSeries };
  };
  const inside = { truncated: false, startsSeries: false, endsSeries: false };
  assertEquals(window(first, 5), { ...inside, truncated: true });
  assertEquals(window(first + 40, 5), { ...inside, truncated: true });
  assertEquals(window(first + 60, 5), inside);
  assertEquals(window(2_990, 5), { ...inside, endsSeries: true });
});

Deno.test("MemoryStore.commit() refuses a change of what it no longer holds as too old", () => {
  const store = new MemoryStore({ barsMax: 50 });
  for (let count = 0; count < 300; count += 10) store.commit([append(S, count, 10)]);
  const [first = NaN] = held(store);
  const before = held(store);
  assertEquals(stateOf(store, replace(300, 5, 6, 5)), "too_old");
  assertEquals(stateOf(store, replace(300, first, first + 1, first)), "too_old");
  assertEquals(stateOf(store, append("A:M1", 0, 5), replace(300, 5, 6, 5)), "too_old");
  assertEquals([held(store), store.seq, store.series().length], [before, 30, 1]);
  assertEquals(stateOf(store, replace(300, first + 5, first + 6, first + 5)), "committed");
});

Deno.test("MemoryStore: a series that has given up nothing takes a change of any age", () => {
  const store = new MemoryStore({ barsMax: 50 });
  store.commit([append(S, 0, 20)]);
  assertEquals(stateOf(store, replace(20, -1_000, -999, -1_000)), "committed");
  assertEquals(held(store)[0], -1_000);
});

Deno.test("MemoryStore.labelsAfter() keeps the newest rows up to its bound, whole commits", () => {
  const store = new MemoryStore({ logRowsMax: 40 });
  for (let count = 0; count < 600; count += 6) {
    store.commit([append(S, count, 6, 2)]);
    // Three rows a commit: the oldest seq that can still be asked for moves on.
    const firsts = Array.from({ length: store.seq + 1 }, (_, seq) => seq);
    const from = firsts.find((seq) => {
      try {
        store.labelsAfter(seq, 1);
        return true;
      } catch (error) {
        assert(error instanceof StoreError && error.code === "gone");
        return false;
      }
    }) as number;
    const rows = logRows(store.labelsAfter(from, Infinity));
    assertEquals(rows.length, 3 * (store.seq - from));
    assertLessOrEqual(rows.length, 40);
    assert(rows.length >= Math.min(3 * store.seq, 27), `${rows.length} rows are kept`);
  }
  assertThrows(() => store.labelsAfter(0, 1), StoreError, "Cannot read labels after seq 0");
});

Deno.test("MemoryStore.commit() says its label rows as long as the log holds them", () => {
  const store = new MemoryStore({ logRowsMax: 40 });
  const results = [];
  for (let count = 0; count < 600; count += 6) {
    const result = store.commit([append(S, count, 6, 2)]);
    assert(result.state === "committed");
    results.push(result);
  }
  const { oldestSeq } = store.info();
  for (const result of results) {
    if (result.seq <= oldestSeq) {
      assertThrows(() => result.logged, StoreError, `labels of seq ${result.seq}`);
      continue;
    }
    const times = [0, 20, 40].map((ts) => ts + (result.seq - 1) * 60);
    assertEquals([...result.logged.labels.ts], times);
    assertEquals(result.logged.runs.map(({ from, to }) => [from, to]), [[0, 3]]);
  }
  assertGreater(store.seq - oldestSeq, 5);
  assertGreater(oldestSeq, 50);
});

Deno.test("MemoryStore keeps the newest commit whole, however small its log", () => {
  const store = new MemoryStore({ logRowsMax: 40 });
  store.commit([append(S, 0, 6, 2)]);
  for (const seq of [2, 3]) {
    const count = store.series()[0]?.count ?? NaN;
    const result = store.commit([
      append(S, count, 200, 1),
      append("GBP_USD:M1", 90 * (seq - 2), 90, 1),
    ]);
    assert(result.state === "committed");
    assertEquals(logRows(store.labelsAfter(seq - 1, Infinity)).length, 290);
    assertEquals(
      result.logged.runs.map(({ series, from, to }) => [series, from, to]),
      [[S, 0, 200], ["GBP_USD:M1", 200, 290]],
    );
    assertThrows(() => store.labelsAfter(seq - 2, 1), StoreError, "labels after seq");
  }
});

Deno.test("MemoryStore.commit() refuses series above its bound, all or nothing", () => {
  const store = new MemoryStore({ seriesMax: 2 });
  assertEquals(stateOf(store, append("A:M1", 0, 1)), "committed");
  assertEquals(stateOf(store, append("B:M1", 0, 1), append("C:M1", 0, 1)), "full");
  assertEquals(store.series().map(({ series }) => series), ["A:M1"]);
  assertEquals(stateOf(store, append("B:M1", 0, 1), append("B:M1", 1, 1)), "committed");
  assertEquals(stateOf(store, append("C:M1", 0, 1)), "full");
  assertEquals(stateOf(store, append("A:M1", 1, 1), batch(part("C:M1", 0))), "committed");
});

/** A commit in which the candle at `ts` and its label come back. */
function back(baseSeq: number, ts: number): CommitBatch {
  return batch(part(S, baseSeq, {
    replace: { fromTs: ts, toTs: ts + 1, candles: candles(S, [candle(ts)]) },
    labels: [all(labels(S, HASH, [{ ts, exit: 102, fwd: null }]))],
  }));
}

Deno.test("MemoryStore: rows that ceased go on counting revisions while their time is kept", () => {
  const store = new MemoryStore({ barsMax: 64 });
  store.commit([append(S, 0, 60, 1)]);
  store.commit([replace(60, 200, 201)]);
  store.commit([replace(59, 500, 501)]);
  const seq = store.seq;
  store.commit([back(58, 200)]);
  store.commit([replace(59, 200, 201)]);
  // Twenty more than it keeps: 200 is given up, 500 is not.
  const rows = Array.from({ length: 26 }, (_, i) => candle((60 + i) * 10));
  store.commit([batch(part(S, 58, { append: all(candles(S, rows)) }))]);
  const [first = NaN] = held(store);
  assert(first > 200 && first < 490, `${first} is the first`);
  assertEquals(stateOf(store, back(84, 500)), "committed");
  const logged = logRows(store.labelsAfter(seq, Infinity));
  assertEquals(logged.map(({ ts, revision }) => [ts, revision]), [[200, 2], [200, 3], [500, 2]]);
});

Deno.test("MemoryStore: reads as of a seq whose versions were given up are refused", () => {
  const store = new MemoryStore({ versionsMax: 10 });
  store.commit([append(S, 0, 4)]);
  for (let close = 1; close <= 30; close++) {
    const now = candles(S, [candle(10, close)]);
    store.commit([batch(part(S, 4, { replace: { fromTs: 10, toTs: 11, candles: now } }))]);
  }
  // Seq 1 to 31, of which each from 2 on superseded the version before it.
  const { oldestAsOf } = store.info();
  assertEquals(oldestAsOf, 21);
  for (let asOf = 0; asOf <= 31; asOf++) {
    const read = () => [...store.candles(S, 10, 11, 1, asOf).close];
    if (asOf >= oldestAsOf) assertEquals(read(), [asOf - 1]);
    else assertEquals(assertThrows(read, StoreError).code, "gone");
  }
  assertThrows(() => store.labels(S, HASH, 0, 99, 9, oldestAsOf - 1), StoreError, "at least 21");
});
