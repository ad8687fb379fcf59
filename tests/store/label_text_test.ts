/** Pages of labels as text: the pieces joined are what one formatter writes of one read. */

import { assertEquals, assertThrows } from "@std/assert";
import { LabelFormatter } from "../../src/label/format.ts";
import {
  LABEL_TEXT_BYTES,
  LABEL_TEXT_ROWS,
  type LabelPage,
  LabelTexts,
} from "../../src/store/label_text.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { all, candle, candles, labels, part } from "./support.ts";

const S = "EUR_USD:M1", HASH = "0123456789abcdef";
const ROWS = 2 * LABEL_TEXT_ROWS + 300;
const RANGE = { fromTs: -Infinity, toTs: Infinity };
const FORMATS = ["json", "ndjson"] as const;
type Sync = MemoryStore | SqliteStore;

/** A candle and a label every 10 ms, then one more commit that revises an early label. */
function filled<S extends Sync>(store: S): S {
  const times = Array.from({ length: ROWS }, (_, i) => 10 * i);
  const rows = labels(S, HASH, times.map((ts) => ({ ts, exit: ts + 0.1, fwd: 0.5 / (ts + 1) })));
  const append = all(candles(S, times.map((ts) => candle(ts))));
  const series = [part(S, 0, { append, labels: [all(rows)] })];
  store.commit([{ feed: "feed", after: null, cursor: "1", series }]);
  return store;
}

function expected(store: Sync, format: "json" | "ndjson", limit: number): string {
  const found = store.labels(S, HASH, -Infinity, Infinity, limit);
  return text(new LabelFormatter(format).rows(found.labels, 0, found.labels.length, found));
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const memory = (bytes = LABEL_TEXT_BYTES) => new Uint8Array(bytes);

function pieces(texts: LabelTexts, page: LabelPage, format: "json" | "ndjson", bytes?: number) {
  const { starts, endTs, length, asOf } = page;
  return Array.from(starts.subarray(1), (fromTs, i) => {
    const rows = Math.min(LABEL_TEXT_ROWS, length - (i + 1) * LABEL_TEXT_ROWS);
    const range = { fromTs, toTs: starts[i + 2] ?? endTs, rows, asOf };
    const whose = { series: S, paramHash: HASH, format, memory: memory(bytes) };
    return text(texts.piece({ ...whose, ...range }) as Uint8Array);
  });
}

const TWINS: Record<string, () => Sync> = {
  MemoryStore: () => new MemoryStore(),
  SqliteStore: () => new SqliteStore({ path: ":memory:" }),
};

for (const [name, open] of Object.entries(TWINS)) {
  Deno.test(`LabelTexts of ${name}: pieces joined are one read, whatever memory is given`, () => {
    const store = filled(open());
    const texts = new LabelTexts(store as Pick<Store, "labels" | "seq">);
    for (const format of FORMATS) {
      for (const limit of [1, LABEL_TEXT_ROWS, LABEL_TEXT_ROWS + 1, ROWS - 1, ROWS, ROWS + 1]) {
        for (const bytes of [0, 100, LABEL_TEXT_BYTES]) {
          const whose = { series: S, paramHash: HASH, format, memory: memory(bytes) };
          const page = texts.page({ ...RANGE, ...whose, limit }) as LabelPage;
          assertEquals(page.length, Math.min(limit, ROWS));
          assertEquals(page.next, limit < ROWS ? 10 * limit : null);
          const found = text(page.first) + pieces(texts, page, format, bytes).join("");
          assertEquals(found === expected(store, format, limit), true, `${format} ${limit}`);
        }
      }
    }
    store.close();
  });

  Deno.test(`LabelTexts of ${name}: what is committed after a page began is in no piece`, () => {
    const store = filled(open());
    const texts = new LabelTexts(store as Pick<Store, "labels" | "seq">);
    const before = expected(store, "json", ROWS);
    const whose = { series: S, paramHash: HASH, format: "json" as const, memory: memory() };
    const page = texts.page({ ...RANGE, ...whose, limit: ROWS }) as LabelPage;
    const ts = 10 * ROWS;
    const late = labels(S, HASH, [{ ts: 10 * (ROWS - 5), exit: 7, fwd: 7 }, {
      ts,
      exit: 1,
      fwd: 1,
    }]);
    const series = [part(S, ROWS, { append: all(candles(S, [candle(ts)])), labels: [all(late)] })];
    const result = store.commit([{ feed: "feed", after: "1", cursor: "2", series }]);
    assertEquals(result.state, "committed");
    assertEquals(text(page.first) + pieces(texts, page, "json").join("") === before, true);
    assertEquals(expected(store, "json", ROWS) === before, false);
    store.close();
  });

  Deno.test(`LabelTexts of ${name}: a piece with other rows than its page said is gone`, () => {
    const texts = new LabelTexts(filled(open()) as Pick<Store, "labels" | "seq">);
    const whose = { series: S, paramHash: HASH, format: "json" as const, memory: memory() };
    assertThrows(
      () => texts.piece({ ...whose, fromTs: 0, toTs: 100, rows: 11, asOf: 1 }),
      Error,
      "expected 11 rows from 0 on: current value is 10",
    );
  });

  Deno.test(`LabelTexts of ${name}: a series nobody knows has no rows and no piece`, () => {
    const texts = new LabelTexts(open() as Pick<Store, "labels" | "seq">);
    const whose = { series: "X:M1", paramHash: HASH, format: "json" as const, memory: memory() };
    const page = texts.page({ ...RANGE, ...whose, limit: 5 }) as LabelPage;
    assertEquals([page.length, page.next, page.starts.length, page.first.length], [0, null, 0, 0]);
  });
}
