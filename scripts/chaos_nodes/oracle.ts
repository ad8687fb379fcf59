/**
 * What a single process that nothing happens to makes of the same candles, and what the copies of
 * nodes hold.
 *
 * @module
 */

import { startWick } from "../../actors/tree.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import type { Inputs } from "./inputs.ts";
import { mixed, RowList, SeriesRows } from "./rows.ts";
import type { NodeSubscriber } from "./subscriber.ts";

/** Bars of a series that are ingested at once. */
const BARS_PER_BATCH = 64;
/** Rows of the label log that are read at once. */
const PAGE_ROWS = 50_000;
const ANSWER = { timeoutMs: 120_000 } as const;

/** What a store holds. */
export interface Held {
  readonly rows: SeriesRows;
  readonly seq: number;
  /** Seq, row and time of every row of the label log and of its commits, folded. */
  readonly logHash: number;
  /** Cursors of feeds. */
  readonly cursors: string;
}

/** See the module's text. */
export async function unkilled(inputs: Inputs): Promise<SeriesRows> {
  const backend = new MemoryStore({ barsMax: inputs.bars + 1, logRowsMax: 4 * inputs.rows });
  const wick = await startWick({
    workers: 1,
    store: { kind: "open", backend },
    system: { log: null },
  });
  const blocks = inputs.series.map((_, i) => inputs.block(i));
  for (let from = 0; from < inputs.bars; from += BARS_PER_BATCH) {
    const to = Math.min(inputs.bars, from + BARS_PER_BATCH);
    const parts = blocks.map((block) => sliced(block, from, to));
    const batch = { feed: null, after: null, cursor: null, blocks: parts, priority: 5, bulk: true };
    const reply = await wick.pool.ask("ingest", batch, ANSWER);
    if (reply.state !== "committed") throw new Error(`the oracle is refused: ${reply.state}`);
  }
  await wick.system.stop();
  return (await held(backend)).rows;
}

function sliced(block: ReturnType<Inputs["block"]>, from: number, to: number) {
  const { series, deleted, ts, open, high, low, close, volume } = block;
  const part = (column: Float64Array) => column.slice(from, to);
  return {
    ...{ series, deleted, length: to - from, ts: part(ts), open: part(open), high: part(high) },
    ...{ low: part(low), close: part(close), volume: part(volume) },
  };
}

/** What the copy of a node that has ended holds. */
export async function heldByCopy(data: string): Promise<Held & { log: LogPlaces }> {
  const store = new SqliteStore({ path: `${data}/wick.db`, durability: "normal" });
  try {
    const log = new LogPlaces();
    return { ...await held(store, log), log };
  } finally {
    store.close();
  }
}

async function held(store: Store, places?: LogPlaces): Promise<Held> {
  const rows = new SeriesRows();
  const hash = paramHash(DEFAULT_PARAMS);
  for (const { series } of await store.series()) {
    rows.candles(await store.candles(series, -Infinity, Infinity, Infinity));
    const { labels, revisions } = await store.labels(
      ...[series, hash, -Infinity, Infinity, Infinity] as const,
    );
    rows.labels(series, labels, revisions);
  }
  let logHash = 0;
  for (let seq = 0;;) {
    const commits = await store.labelsAfter(seq, PAGE_ROWS);
    if (commits.length === 0) break;
    for (const commit of commits) {
      rows.logged(commit);
      places?.add(commit.seq, commit.runs);
      logHash = mixed(mixed(logHash, commit.seq), commit.atMs);
      for (const ts of commit.labels.ts) logHash = mixed(logHash, ts);
      seq = commit.seq;
    }
  }
  const cursors = JSON.stringify(await store.cursors());
  return { rows, seq: store.seq, logHash, cursors };
}

/** Where the rows of a label log stand: seq, place in the commit, series. */
export class LogPlaces {
  readonly rows = new RowList();
  readonly series: string[] = [];

  add(seq: number, runs: readonly { series: string; from: number; to: number }[]): void {
    for (const { series, from, to } of runs) {
      for (let row = from; row < to; row++) {
        this.rows.push(seq, row);
        this.series.push(series);
      }
    }
  }

  /** How what a subscriber was sent differs; null when it does not. */
  difference({ rows, series, disorder }: NodeSubscriber): string | null {
    const expected = this.rows;
    const length = Math.max(rows.length, expected.length);
    for (let at = 0; at < length; at++) {
      const isSame = rows.ts[at] === expected.ts[at] && rows.hash[at] === expected.hash[at] &&
        series[at] === this.series[at];
      if (isSame) continue;
      const text = (list: RowList, names: readonly string[]) =>
        at < list.length ? `${list.ts[at]}-${list.hash[at]} of ${names[at]}` : "the end";
      return `row ${at}: expected ${text(expected, this.series)}, was sent ${text(rows, series)} ` +
        `(${expected.length} and ${rows.length} rows)`;
    }
    return disorder > 0 ? `${disorder} rows out of order` : null;
  }
}
