/**
 * The memory twin of the store. Candles and labels of a series lie in parallel columns: the label of
 * a candle stands at the candle's index, so finding it is finding its time.
 *
 * Memory is bounded: a series keeps its last `barsMax` candles, the log its last `logRowsMax` rows.
 *
 * @module
 */

import { sameBarrierHalf, sameRow } from "../label/correction.ts";
import { allocateLabels, copyRow, copyRows, LabelBuilder } from "../label/rows.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  candleBlock,
  type CandleColumns,
  LABEL_COLUMNS,
  type LabelBlock,
  LabelStatus,
  type SeriesKey,
} from "../market/block.ts";
import { LabelLog } from "./label_log.ts";
import type {
  BatchOutcome,
  CommitBatch,
  CommitResult,
  LoggedLabels,
  SeriesCommit,
  Store,
  StoredLabels,
  Tail,
  Window,
} from "./port.ts";

/** Bounds of a {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /** Candles kept per series; default 100,000 (17 MB with one label set). */
  readonly barsMax?: number;
  /** Label rows kept in the log; default 500,000 (about 70 MB). */
  readonly logRowsMax?: number;
  /** Series; default 20,000. */
  readonly seriesMax?: number;
}

/** First room of a series; it doubles. */
const CAPACITY_MIN = 32;
/** No label row stands at this index. */
const NONE = 255;

interface LabelTable {
  columns: LabelBlock;
  revisions: Uint32Array;
  seqs: Float64Array;
  /** Who its rows belong to in the log. */
  readonly owner: number;
  /** Last revision of rows that ceased to be, by time: one that comes back goes on counting. */
  readonly ceased: Map<number, number>;
}

/** Candles and labels of one series. Indices are places in the columns. */
class SeriesTable {
  columns: CandleColumns;
  length = 0;
  /** Candles that retention has given up. */
  dropped = 0;
  readonly labels = new Map<string, LabelTable>();

  constructor(readonly series: SeriesKey, readonly log: LabelLog) {
    this.columns = emptyColumns(CAPACITY_MIN);
  }

  get count(): number {
    return this.dropped + this.length;
  }

  get lastTs(): number {
    return this.length === 0 ? -Infinity : this.columns.ts[this.length - 1] as number;
  }

  /** First index with a time of at least `ts`. O(log n), O(1) near the end. */
  at(ts: number): number {
    const times = this.columns.ts;
    let low = 0, high = this.length;
    for (let near = 1; near <= this.length; near *= 2) {
      if ((times[this.length - near] as number) < ts) {
        low = this.length - near + 1;
        break;
      }
      high = this.length - near;
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] as number) < ts) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  block(from: number, to: number): CandleBlock {
    const { columns } = this;
    const part = (column: Float64Array) => column.slice(from, to);
    return candleBlock(this.series, {
      ts: part(columns.ts),
      open: part(columns.open),
      high: part(columns.high),
      low: part(columns.low),
      close: part(columns.close),
      volume: part(columns.volume),
    });
  }

  table(paramHash: string): LabelTable {
    let table = this.labels.get(paramHash);
    if (table === undefined) {
      const capacity = this.columns.ts.length;
      table = {
        columns: emptyLabels(this.series, paramHash, capacity),
        revisions: new Uint32Array(capacity),
        seqs: new Float64Array(capacity),
        owner: this.log.owner(this.series, paramHash),
        ceased: new Map(),
      };
      this.labels.set(paramHash, table);
    }
    return table;
  }

  append(rows: CandleBlock, from: number, to: number, barsMax: number): void {
    const added = to - from;
    if (this.length + added > this.columns.ts.length) this.#makeRoom(added, barsMax);
    if (added === 1) this.#appendRow(rows, from);
    else {
      for (const name of CANDLE_COLUMNS) {
        const column = added === rows.length ? rows[name] : rows[name].subarray(from, to);
        this.columns[name].set(column, this.length);
      }
    }
    this.length += added;
  }

  /** Column by column by name: the usual way of a live candle. */
  #appendRow(rows: CandleBlock, row: number): void {
    const { columns, length } = this;
    // Rows are inside the block, where typed arrays give numbers.
    columns.ts[length] = rows.ts[row] as number;
    columns.open[length] = rows.open[row] as number;
    columns.high[length] = rows.high[row] as number;
    columns.low[length] = rows.low[row] as number;
    columns.close[length] = rows.close[row] as number;
    columns.volume[length] = rows.volume[row] as number;
  }

  /** Gives up the oldest candles once the series has its full length, or doubles. */
  #makeRoom(added: number, barsMax: number): void {
    const excess = this.length + added - barsMax;
    if (excess > 0) this.#giveUp(Math.min(this.length, Math.max(excess, barsMax >> 2)));
    let capacity = this.columns.ts.length;
    if (this.length + added <= capacity) return;
    while (capacity < this.length + added) capacity *= 2;
    this.#rebuild(capacity, (set) => set(0, this.length, 0));
  }

  /** Moves the candles after the first `count` to the front, in place. */
  #giveUp(count: number): void {
    const { length } = this;
    const keep = length - count;
    for (const name of CANDLE_COLUMNS) this.columns[name].copyWithin(0, count, length);
    for (const { columns, revisions, seqs } of this.labels.values()) {
      for (const [name] of LABEL_COLUMNS) columns[name].copyWithin(0, count, length);
      columns.tbStatus.fill(NONE, keep, length);
      revisions.copyWithin(0, count, length).fill(0, keep, length);
      seqs.copyWithin(0, count, length);
    }
    this.length = keep;
    this.dropped += count;
    const firstTs = keep === 0 ? Infinity : this.columns.ts[0] as number;
    for (const { ceased } of this.labels.values()) {
      for (const ts of ceased.keys()) if (ts < firstTs) ceased.delete(ts);
    }
  }

  /** Puts `candles` in the place of the indices from ≤ i < to; labels of kept times stay. */
  splice(from: number, to: number, candles: CandleBlock): void {
    const length = this.length - (to - from) + candles.length;
    const old = this.columns.ts.slice(from, to);
    let capacity = this.columns.ts.length;
    while (capacity < length) capacity *= 2;
    const oldLength = this.length;
    this.#rebuild(capacity, (set) => {
      set(0, from, 0);
      set(to, oldLength, from + candles.length);
      // Candles that are there before and after keep their label rows.
      for (let i = 0, j = 0; i < candles.length && j < old.length;) {
        const was = old[j] as number, is = candles.ts[i] as number;
        if (was === is) set(from + j, from + j + 1, from + i);
        if (was <= is) j++;
        if (is <= was) i++;
      }
    });
    for (const name of CANDLE_COLUMNS) this.columns[name].set(candles[name], from);
    this.length = length;
  }

  /** Copies stretches of all columns into new ones. */
  #rebuild(
    capacity: number,
    copy: (set: (from: number, to: number, at: number) => void) => void,
  ): void {
    const columns = emptyColumns(capacity);
    const tables = [...this.labels].map(([paramHash, table]) => ({
      table,
      columns: emptyLabels(this.series, paramHash, capacity),
      revisions: new Uint32Array(capacity),
      seqs: new Float64Array(capacity),
    }));
    copy((from, to, at) => {
      for (const name of CANDLE_COLUMNS) {
        columns[name].set(this.columns[name].subarray(from, to), at);
      }
      for (const { table, columns: labels, revisions, seqs } of tables) {
        copyRows(table.columns, from, to, labels, at);
        revisions.set(table.revisions.subarray(from, to), at);
        seqs.set(table.seqs.subarray(from, to), at);
      }
    });
    this.columns = columns;
    for (const { table, columns: labels, revisions, seqs } of tables) {
      Object.assign(table, { columns: labels, revisions, seqs });
    }
  }
}

/** See {@linkcode Store}. */
export class MemoryStore implements Store {
  seq = 0;
  readonly #barsMax: number;
  readonly #seriesMax: number;
  readonly #series = new Map<SeriesKey, SeriesTable>();
  readonly #cursors = new Map<string, string>();
  readonly #log: LabelLog;

  /** Empty; bounds that are left out have their defaults. */
  constructor(options: MemoryStoreOptions = {}) {
    this.#barsMax = options.barsMax ?? 100_000;
    this.#log = new LabelLog(options.logRowsMax ?? 500_000);
    this.#seriesMax = options.seriesMax ?? 20_000;
  }

  commit(batches: readonly CommitBatch[]): CommitResult {
    const refusal = this.#check(batches);
    if (refusal !== null) return refusal;
    const seq = ++this.seq;
    const outcomes = batches.map((batch) => this.#apply(batch, seq));
    return { state: "committed", seq, batches: outcomes };
  }

  /** Everything that could be refused is looked at before anything is changed. */
  #check(batches: readonly CommitBatch[]): CommitResult | null {
    const counts = new Map<SeriesKey, number>();
    const cursors = new Map<string, string>();
    let added = 0;
    for (const batch of batches) {
      if (batch.feed !== null && batch.cursor !== null) {
        const cursor = cursors.get(batch.feed) ?? this.cursor(batch.feed);
        if (cursor !== batch.after) {
          const message =
            `feed ${batch.feed} stands at ${cursor}, the batch follows ${batch.after}`;
          return refused("stale", message);
        }
        cursors.set(batch.feed, batch.cursor);
      }
      for (const part of batch.series) {
        const table = this.#series.get(part.series);
        const count = counts.get(part.series) ?? table?.count ?? 0;
        if (table === undefined && !counts.has(part.series) && !isEmpty(part)) added++;
        if (count !== part.baseSeq) {
          return refused(
            "stale",
            `${part.series} has ${count} candles, the batch was made on ${part.baseSeq}`,
          );
        }
        if (part.replace !== null && table !== undefined && this.#isTooOld(table, part)) {
          return refused("too_old", `${part.series} no longer holds what came before`);
        }
        if (!isEmpty(part)) counts.set(part.series, count + countChange(table, part, batches));
      }
    }
    return this.#series.size + added > this.#seriesMax
      ? refused("full", `at most ${this.#seriesMax} series`)
      : null;
  }

  #isTooOld(table: SeriesTable, part: SeriesCommit): boolean {
    return table.dropped > 0 && (part.replace?.fromTs ?? 0) <= (table.columns.ts[0] as number);
  }

  #apply(batch: CommitBatch, seq: number): BatchOutcome {
    const outcome = { candles: 0, corrected: 0, labels: 0, revised: 0 };
    for (const part of batch.series) {
      if (isEmpty(part)) continue;
      const table = this.#table(part.series);
      // First, while the rows of candles that go are still there to be named in the log.
      if (part.relabelled !== null) this.#cease(table, part, seq, outcome);
      if (part.replace !== null) this.#replace(table, part.replace, outcome);
      if (part.append !== null) {
        const { block, from, to } = part.append;
        table.append(block, from, to, this.#barsMax);
        outcome.candles += to - from;
      }
      for (const { block, from, to } of part.labels) {
        const labels = table.table(block.paramHash);
        for (let row = from; row < to; row++) {
          this.#putLabel(table, labels, block, row, seq, outcome);
        }
      }
    }
    if (batch.feed !== null && batch.cursor !== null) this.#cursors.set(batch.feed, batch.cursor);
    return outcome;
  }

  #replace(
    table: SeriesTable,
    replace: NonNullable<SeriesCommit["replace"]>,
    outcome: { candles: number; corrected: number },
  ): void {
    const from = table.at(replace.fromTs), to = table.at(replace.toTs);
    const { candles } = replace;
    let kept = 0, same = 0;
    for (let i = from, j = 0; i < to && j < candles.length;) {
      const was = table.columns.ts[i] as number, is = candles.ts[j] as number;
      if (was === is) {
        kept++;
        if (CANDLE_COLUMNS.every((name) => table.columns[name][i] === candles[name][j])) same++;
      }
      if (was <= is) i++;
      if (is <= was) j++;
    }
    outcome.candles += candles.length - kept;
    outcome.corrected += (to - from) - same;
    table.splice(from, to, candles);
  }

  #putLabel(
    table: SeriesTable,
    labels: LabelTable,
    block: LabelBlock,
    row: number,
    seq: number,
    outcome: { labels: number; revised: number },
  ): void {
    const ts = block.ts[row] as number;
    const at = table.at(ts);
    // Retention may have given up the candle of a long horizon's event.
    if (at >= table.length || table.columns.ts[at] !== ts) return;
    const exists = labels.columns.tbStatus[at] !== NONE;
    if (exists && sameRow(labels.columns, at, block, row)) return;
    const completes = exists && labels.columns.fhStatus[at] === LabelStatus.pending &&
      sameBarrierHalf(labels.columns, at, block, row);
    const ceasedAt = exists || labels.ceased.size === 0 ? undefined : labels.ceased.get(ts);
    if (ceasedAt !== undefined) {
      labels.ceased.delete(ts);
      labels.revisions[at] = ceasedAt + 1;
      outcome.revised++;
    } else if (exists && !completes) {
      labels.revisions[at] = (labels.revisions[at] as number) + 1;
      outcome.revised++;
    } else {
      outcome.labels++;
    }
    copyRow(block, row, labels.columns, at);
    labels.seqs[at] = seq;
    this.#log.write(seq, labels.owner, block, row, labels.revisions[at] as number, 0);
  }

  /** Rows in the relabelled range that the new labels do not name. */
  #cease(
    table: SeriesTable,
    part: SeriesCommit,
    seq: number,
    outcome: { revised: number },
  ): void {
    const { fromTs, toTs, paramHash } = part.relabelled as NonNullable<SeriesCommit["relabelled"]>;
    const stays = new Set<number>();
    for (const { block, from, to } of part.labels) {
      for (let row = from; row < to; row++) stays.add(block.ts[row] as number);
    }
    const labels = table.table(paramHash);
    for (let at = table.at(fromTs); at < table.at(toTs); at++) {
      if (labels.columns.tbStatus[at] === NONE) continue;
      if (stays.has(table.columns.ts[at] as number)) continue;
      outcome.revised++;
      const revision = (labels.revisions[at] as number) + 1;
      this.#log.write(seq, labels.owner, labels.columns, at, revision, 1);
      labels.columns.tbStatus[at] = NONE;
      labels.revisions[at] = 0;
      labels.ceased.set(table.columns.ts[at] as number, revision);
    }
  }

  #table(series: SeriesKey): SeriesTable {
    let table = this.#series.get(series);
    if (table === undefined) this.#series.set(series, table = new SeriesTable(series, this.#log));
    return table;
  }

  tails(series: readonly SeriesKey[], bars: number): Tail[] {
    return series.map((key) => {
      const table = this.#series.get(key) ?? new SeriesTable(key, this.#log);
      const from = Math.max(0, table.length - bars);
      return { count: table.count, candles: table.block(from, table.length) };
    });
  }

  window(series: SeriesKey, fromTs: number, toTs: number, around: number): Window {
    const table = this.#series.get(series) ?? new SeriesTable(series, this.#log);
    const from = Math.max(0, table.at(fromTs) - around);
    const to = Math.min(table.length, table.at(toTs) + around);
    return {
      count: table.count,
      candles: table.block(from, to),
      startsSeries: from === 0 && table.dropped === 0,
      endsSeries: to === table.length,
      truncated: from === 0 && table.dropped > 0,
    };
  }

  cursor(feed: string): string | null {
    return this.#cursors.get(feed) ?? null;
  }

  series(): { series: SeriesKey; count: number; lastTs: number }[] {
    return [...this.#series.values()]
      .filter(({ length }) => length > 0)
      .map(({ series, count, lastTs }) => ({ series, count, lastTs }))
      .sort((a, b) => a.series < b.series ? -1 : 1);
  }

  candles(series: SeriesKey, fromTs: number, toTs: number, limit: number): CandleBlock {
    const table = this.#series.get(series) ?? new SeriesTable(series, this.#log);
    const from = table.at(fromTs);
    return table.block(from, Math.min(table.at(toTs), from + limit));
  }

  labels(
    series: SeriesKey,
    paramHash: string,
    fromTs: number,
    toTs: number,
    limit: number,
  ): StoredLabels {
    const table = this.#series.get(series);
    const labels = table?.labels.get(paramHash);
    const rows = new LabelBuilder(64);
    const revisions: number[] = [], seqs: number[] = [];
    if (table !== undefined && labels !== undefined) {
      const to = table.at(toTs);
      for (let at = table.at(fromTs); at < to && rows.length < limit; at++) {
        if (labels.columns.tbStatus[at] === NONE) continue;
        rows.append(labels.columns, at);
        revisions.push(labels.revisions[at] as number);
        seqs.push(labels.seqs[at] as number);
      }
    }
    return {
      labels: rows.take(series, paramHash),
      revisions: Uint32Array.from(revisions),
      seqs: Float64Array.from(seqs),
    };
  }

  /**
   * The log after `seq`.
   *
   * @throws {RangeError} when the log no longer reaches back to `seq`.
   */
  labelsAfter(seq: number, limit: number): LoggedLabels[] {
    if (seq < this.#log.fromSeq) {
      throw new RangeError(
        `Cannot read labels after seq ${seq}: expected at least ${this.#log.fromSeq}, ` +
          "since older rows were given up",
      );
    }
    return this.#log.after(seq, limit);
  }

  /** Nothing to let go of: it can be used again. */
  close(): void {}
}

/** Whether a part leaves its series as it is. */
function isEmpty({ append, replace, labels, relabelled }: SeriesCommit): boolean {
  return append === null && replace === null && labels.length === 0 && relabelled === null;
}

function countChange(
  table: SeriesTable | undefined,
  part: SeriesCommit,
  batches: readonly CommitBatch[],
): number {
  const appended = part.append === null ? 0 : part.append.to - part.append.from;
  if (part.replace === null) return appended;
  const earlier = batches.flatMap((batch) => batch.series)
    .filter(({ series }) => series === part.series);
  earlier.length = earlier.indexOf(part);
  return appended + part.replace.candles.length - heldIn(table, earlier, part.replace);
}

/** Candles in a range once earlier parts of the same commit are made. O(their rows), and rare. */
function heldIn(
  table: SeriesTable | undefined,
  earlier: readonly SeriesCommit[],
  { fromTs, toTs }: { readonly fromTs: number; readonly toTs: number },
): number {
  const from = table?.at(fromTs) ?? 0, to = table?.at(toTs) ?? 0;
  if (earlier.length === 0) return to - from;
  let times = [...table?.columns.ts.subarray(from, to) ?? []];
  const add = (ts: Float64Array) => {
    for (const at of ts) if (at >= fromTs && at < toTs) times.push(at);
  };
  for (const { replace, append } of earlier) {
    if (replace !== null) {
      times = times.filter((at) => at < replace.fromTs || at >= replace.toTs);
      add(replace.candles.ts);
    }
    if (append !== null) add(append.block.ts.subarray(append.from, append.to));
  }
  return times.length;
}

function refused(code: "stale" | "too_old" | "full", message: string): CommitResult {
  return { state: "refused", code, message: `Cannot commit: ${message}` };
}

function emptyColumns(capacity: number): CandleColumns {
  return {
    ts: new Float64Array(capacity),
    open: new Float64Array(capacity),
    high: new Float64Array(capacity),
    low: new Float64Array(capacity),
    close: new Float64Array(capacity),
    volume: new Float64Array(capacity),
  };
}

function emptyLabels(series: SeriesKey, paramHash: string, capacity: number): LabelBlock {
  const labels = allocateLabels(series, paramHash, capacity);
  labels.tbStatus.fill(NONE);
  return labels;
}
