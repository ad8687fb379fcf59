/**
 * What the tests of stores share: blocks from plain rows, plain rows from blocks, and the slow twin
 * that every backend is compared with.
 *
 * @module
 */

import { allocateLabels } from "../../src/label/rows.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  CandleBuilder,
  LABEL_COLUMNS,
  type LabelBlock,
  LabelStatus,
} from "../../src/market/block.ts";
import type {
  BatchOutcome,
  CommitBatch,
  LoggedCommit,
  SeriesCommit,
  Store,
} from "../../src/store/port.ts";

/** One candle: ts, open, high, low, close, volume. */
export type Candle = readonly number[];

/** A valid candle whose prices tell it apart. */
export function candle(ts: number, close = 100, volume = 1): Candle {
  return [ts, close, close + 1, close - 1, close, volume];
}

/** A block of candles. */
export function candles(series: string, rows: readonly Candle[]): CandleBlock {
  const builder = new CandleBuilder(series, 4);
  for (const [ts = NaN, o = NaN, h = NaN, l = NaN, c = NaN, v = NaN] of rows) {
    builder.push(ts, o, h, l, c, v);
  }
  return builder.finish();
}

/** The rows of a block. */
export function candleRows(block: CandleBlock): Candle[] {
  return Array.from(
    { length: block.length },
    (_, i) => CANDLE_COLUMNS.map((name) => block[name][i] as number),
  );
}

/** What a test says about a label row; the other columns follow from it. */
export interface Label {
  readonly ts: number;
  /** Tells barrier halves apart. */
  readonly exit: number;
  /** The horizon half: its return, or null while it is pending. */
  readonly fwd: number | null;
}

/** A block of labels. */
export function labels(series: string, paramHash: string, rows: readonly Label[]): LabelBlock {
  const block = allocateLabels(series, paramHash, rows.length);
  rows.forEach(({ ts, exit, fwd }, i) => {
    block.ts[i] = ts;
    block.close[i] = 100;
    block.rv[i] = NaN;
    block.tbStatus[i] = LabelStatus.final;
    block.label[i] = exit < 100 ? -1 : 1;
    block.hit[i] = exit < 100 ? 2 : 1;
    block.bars[i] = 3;
    block.exit[i] = exit;
    block.tbRet[i] = exit / 100 - 1;
    block.fhStatus[i] = fwd === null ? LabelStatus.pending : LabelStatus.final;
    block.fwdRet[i] = block.vsr[i] = fwd ?? NaN;
    block.tMfe[i] = fwd === null ? 0 : 4;
    block.zret[i] =
      block.mfe[i] =
      block.mae[i] =
      block.pf[i] =
        NaN;
  });
  return block;
}

/** Every column of a label row, in their order. */
export function labelRow(block: LabelBlock, row: number): number[] {
  return LABEL_COLUMNS.map(([name]) => block[name][row] as number);
}

/** A commit of one series in which nothing happens but what is given. */
export function part(
  series: string,
  baseSeq: number,
  given: Partial<Omit<SeriesCommit, "series" | "baseSeq">> = {},
): SeriesCommit {
  return { series, baseSeq, append: null, replace: null, labels: [], relabelled: null, ...given };
}

/** All rows of a block. */
export function all<B extends { readonly length: number }>(block: B) {
  return { block, from: 0, to: block.length };
}

/** A batch of nobody's feed. */
export function batch(...series: SeriesCommit[]): CommitBatch {
  return { feed: null, after: null, cursor: null, series };
}

/** Bounds at which each of a dozen rows goes through tail, chunks and windows. */
export const TINY_BOUNDS = {
  directRows: 5,
  roundBytes: 4_000,
  stepBytes: 500,
  chunkRows: 7,
  windowBars: 4,
};

/** A path in a folder that goes when the test ends. */
export async function inFolder(run: (path: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wick-store-" });
  try {
    await run(`${folder}/data/wick.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One row of the log: what a commit made of a label in the end. */
export interface LogRow {
  readonly seq: number;
  readonly series: string;
  readonly paramHash: string;
  readonly ts: number;
  readonly revision: number;
  readonly removed: boolean;
  readonly values: readonly number[];
}

/** The rows of log entries. A row that one commit wrote twice counts with its last state. */
export function logRows(entries: readonly LoggedCommit[]): LogRow[] {
  const rows = new Map<string, LogRow>();
  for (const { seq, labels: block, revisions, removed, runs } of entries) {
    for (const { series, paramHash, from, to } of runs) {
      for (let i = from; i < to; i++) {
        const ts = block.ts[i] as number;
        const key = `${seq} ${series} ${paramHash} ${ts}`;
        rows.delete(key);
        rows.set(key, {
          seq,
          series,
          paramHash,
          ts,
          revision: revisions[i] as number,
          removed: removed[i] === 1,
          values: labelRow(block, i),
        });
      }
    }
  }
  return [...rows.values()];
}

/** Log rows in an order that no backend has to agree on within a commit. */
export function sortedLog(rows: readonly LogRow[]): LogRow[] {
  const keyed = rows.map((row) => ({ row, key: `${row.series} ${row.paramHash} ${row.ts}` }));
  return keyed.sort((a, b) => a.row.seq - b.row.seq || (a.key < b.key ? -1 : 1))
    .map(({ row }) => row);
}

/** Everything a store says about these series, feeds and parameter hashes. */
export async function contentsOf(
  store: Store,
  series: readonly string[],
  paramHashes: readonly string[],
  feeds: readonly string[],
): Promise<Contents> {
  const found: Contents = {
    seq: store.seq,
    series: await store.series(),
    ...await rowsOf(store, series, paramHashes),
    cursors: {},
    log: sortedLog(logRows(await store.labelsAfter(0, Infinity))),
  };
  for (const feed of feeds) found.cursors[feed] = await store.cursor(feed);
  return found;
}

/** Candles and labels of these series; with `asOf` as they were. */
export async function rowsOf(
  store: Store,
  series: readonly string[],
  paramHashes: readonly string[],
  asOf?: number,
): Promise<Pick<Contents, "candles" | "labels">> {
  const found: Pick<Contents, "candles" | "labels"> = { candles: {}, labels: {} };
  for (const key of series) {
    const block = await store.candles(key, -Infinity, Infinity, Infinity, asOf);
    found.candles[key] = candleRows(block);
    for (const hash of paramHashes) {
      const rows = await store.labels(key, hash, -Infinity, Infinity, Infinity, asOf);
      found.labels[`${key} ${hash}`] = Array.from({ length: rows.labels.length }, (_, i) => ({
        revision: rows.revisions[i] as number,
        seq: rows.seqs[i] as number,
        values: labelRow(rows.labels, i),
      }));
    }
  }
  return found;
}

/** See {@linkcode contentsOf}. */
export interface Contents {
  seq: number;
  series: { series: string; count: number; lastTs: number }[];
  candles: Record<string, Candle[]>;
  labels: Record<string, { revision: number; seq: number; values: number[] }[]>;
  cursors: Record<string, string | null>;
  log: LogRow[];
}

interface SlowLabel {
  readonly revision: number;
  readonly seq: number;
  readonly exists: boolean;
  readonly values: number[];
}

interface SlowState {
  seq: number;
  candles: Map<string, Map<number, Candle>>;
  labels: Map<string, Map<number, SlowLabel>>;
  cursors: Map<string, string>;
  log: LogRow[];
}

const NAMES = LABEL_COLUMNS.map(([name]) => name);
const FH_STATUS = NAMES.indexOf("fhStatus");

function sameValues(a: readonly number[], b: readonly number[], from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/**
 * What a store has to be, said as simply as possible: maps, copied as a whole before every commit so
 * that a refused one leaves nothing behind. It never forgets.
 */
export class SlowStore {
  /** The state after each commit, by seq. */
  readonly #history: SlowState[] = [];
  #state: SlowState = {
    seq: 0,
    candles: new Map(),
    labels: new Map(),
    cursors: new Map(),
    log: [],
  };

  get seq(): number {
    return this.#state.seq;
  }

  commit(batches: readonly CommitBatch[]): SlowResult {
    if (this.#history.length === 0) this.#history.push(this.#state);
    const state: SlowState = {
      ...this.#state,
      seq: this.#state.seq + 1,
      candles: copied(this.#state.candles),
      labels: copied(this.#state.labels),
      cursors: new Map(this.#state.cursors),
      log: [...this.#state.log],
    };
    const outcomes = [];
    for (const one of batches) {
      if (one.feed !== null && one.cursor !== null) {
        if ((state.cursors.get(one.feed) ?? null) !== one.after) return STALE;
        state.cursors.set(one.feed, one.cursor);
      }
      const outcome = { candles: 0, corrected: 0, labels: 0, revised: 0 };
      for (const given of one.series) if (!applied(state, given, outcome)) return STALE;
      outcomes.push(outcome);
    }
    this.#state = state;
    this.#history.push(state);
    return { state: "committed", seq: state.seq, batches: outcomes };
  }

  /** What `contentsOf` finds. */
  contents(
    series: readonly string[],
    paramHashes: readonly string[],
    feeds: readonly string[],
    asOf?: number,
  ): Contents {
    const { seq, candles, log } = this.#at(asOf);
    const counts = series.map((key) => {
      const rows = inOrder(candles.get(key));
      return { series: key, count: rows.length, lastTs: rows.at(-1)?.[0] as number };
    });
    return {
      seq,
      series: counts.filter(({ count }) => count > 0)
        .sort((a, b) => a.series < b.series ? -1 : 1),
      ...this.rowsOf(series, paramHashes, asOf),
      cursors: this.cursors(feeds, asOf),
      log: sortedLog(lastOfEach(log)),
    };
  }

  /** What `rowsOf` finds; with `asOf`, what it would have found then. */
  rowsOf(
    series: readonly string[],
    paramHashes: readonly string[],
    asOf?: number,
  ): Pick<Contents, "candles" | "labels"> {
    const { candles, labels } = this.#at(asOf);
    const found: Pick<Contents, "candles" | "labels"> = { candles: {}, labels: {} };
    for (const key of series) {
      found.candles[key] = inOrder(candles.get(key));
      for (const hash of paramHashes) {
        const held = [...labels.get(`${key} ${hash}`) ?? []].sort(([a], [b]) => a - b);
        found.labels[`${key} ${hash}`] = held.filter(([, { exists }]) => exists)
          .map(([, { revision, seq, values }]) => ({ revision, seq, values }));
      }
    }
    return found;
  }

  /** The cursors of these feeds, null for none. */
  cursors(feeds: readonly string[], asOf?: number): Record<string, string | null> {
    const { cursors } = this.#at(asOf);
    return Object.fromEntries(feeds.map((feed) => [feed, cursors.get(feed) ?? null]));
  }

  #at(asOf: number | undefined): SlowState {
    return asOf === undefined ? this.#state : this.#history[asOf] ?? this.#state;
  }

  /** Candles of a series in order. */
  rows(series: string): Candle[] {
    return inOrder(this.#state.candles.get(series));
  }

  /** Times of the labels that exist. */
  labelled(series: string, paramHash: string): number[] {
    return [...this.#state.labels.get(`${series} ${paramHash}`) ?? []]
      .filter(([, { exists }]) => exists).map(([ts]) => ts).sort((a, b) => a - b);
  }
}

/** Of rows that one commit wrote twice, the later. */
function lastOfEach(log: readonly LogRow[]): LogRow[] {
  const keyOf = ({ seq, series, paramHash, ts }: LogRow) => `${seq} ${series} ${paramHash} ${ts}`;
  return [...new Map(log.map((row) => [keyOf(row), row])).values()];
}

/** What a commit comes to. */
export type SlowResult =
  | { readonly state: "committed"; readonly seq: number; readonly batches: BatchOutcome[] }
  | { readonly state: "refused"; readonly code: "stale" };

const STALE: SlowResult = { state: "refused", code: "stale" };

function copied<V>(maps: Map<string, Map<number, V>>): Map<string, Map<number, V>> {
  return new Map([...maps].map(([key, map]) => [key, new Map(map)]));
}

function inOrder(rows: Map<number, Candle> | undefined): Candle[] {
  return [...rows?.values() ?? []].sort((a, b) => (a[0] as number) - (b[0] as number));
}

type Outcome = { candles: number; corrected: number; labels: number; revised: number };

function applied(state: SlowState, given: SeriesCommit, outcome: Outcome): boolean {
  const { series, baseSeq, append, replace, relabelled } = given;
  const rows = state.candles.get(series) ?? new Map<number, Candle>();
  state.candles.set(series, rows);
  if (rows.size !== baseSeq) return false;
  if (relabelled !== null) cease(state, given, outcome);
  if (replace !== null) {
    const { fromTs, toTs } = replace;
    const before = new Map([...rows].filter(([ts]) => ts >= fromTs && ts < toTs));
    for (const ts of before.keys()) rows.delete(ts);
    for (const row of candleRows(replace.candles)) {
      const ts = row[0] as number;
      const was = before.get(ts);
      rows.set(ts, row);
      if (was === undefined) outcome.candles++;
      else if (!sameValues(was, row, 0, row.length)) outcome.corrected++;
      before.delete(ts);
    }
    outcome.corrected += before.size;
  }
  if (append !== null) {
    const added = candleRows(append.block).slice(append.from, append.to);
    for (const row of added) rows.set(row[0] as number, row);
    outcome.candles += added.length;
  }
  for (const { block, from, to } of given.labels) {
    for (let i = from; i < to; i++) {
      put(state, series, block.paramHash, labelRow(block, i), outcome);
    }
  }
  return true;
}

function tableOf(state: SlowState, series: string, paramHash: string): Map<number, SlowLabel> {
  const key = `${series} ${paramHash}`;
  const table = state.labels.get(key) ?? new Map<number, SlowLabel>();
  state.labels.set(key, table);
  return table;
}

function cease(state: SlowState, given: SeriesCommit, outcome: Outcome): void {
  const { fromTs, toTs, paramHash } = given.relabelled as NonNullable<SeriesCommit["relabelled"]>;
  const named = new Set(
    given.labels.flatMap(({ block, from, to }) => [...block.ts.subarray(from, to)]),
  );
  const table = tableOf(state, given.series, paramHash);
  for (const [ts, row] of table) {
    if (ts < fromTs || ts >= toTs || named.has(ts) || !row.exists) continue;
    const { values } = row, { seq } = state;
    const revision = row.revision + 1;
    table.set(ts, { ...row, exists: false, revision });
    outcome.revised++;
    state.log.push({ seq, series: given.series, paramHash, ts, revision, removed: true, values });
  }
}

function put(
  state: SlowState,
  series: string,
  paramHash: string,
  values: number[],
  outcome: Outcome,
): void {
  const ts = values[0] as number;
  const table = tableOf(state, series, paramHash);
  const was = table.get(ts);
  let revision = 0;
  if (was !== undefined) {
    if (was.exists && sameValues(was.values, values, 0, values.length)) return;
    const completes = was.exists && was.values[FH_STATUS] === LabelStatus.pending &&
      sameValues(was.values, values, 0, FH_STATUS);
    revision = completes ? was.revision : was.revision + 1;
    if (completes) outcome.labels++;
    else outcome.revised++;
  } else {
    outcome.labels++;
  }
  table.set(ts, { revision, seq: state.seq, exists: true, values });
  state.log.push({ seq: state.seq, series, paramHash, ts, revision, removed: false, values });
}
