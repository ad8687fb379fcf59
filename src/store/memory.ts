/**
 * The memory twin of the store: series tables (`series_table.ts`), a log of commits
 * (`commit_log.ts`), and what rows were before (`superseded.ts`).
 *
 * Memory is bounded: a series keeps its last `barsMax` candles, the log its last `logRowsMax` rows,
 * history its last `versionsMax` versions.
 *
 * @module
 */

import { type Clock, systemClock } from "../actor/clock.ts";
import { sameBarrierHalf, sameRow } from "../label/correction.ts";
import { allocateLabels, copyRow } from "../label/rows.ts";
import {
  CANDLE_COLUMNS,
  type CandleBlock,
  CandleBuilder,
  type CandleColumns,
  type LabelBlock,
  LabelStatus,
  type SeriesKey,
} from "../market/block.ts";
import { countRefusal, cursorRefusal, isEmpty, tooManySeries, tooOld } from "./commit_rules.ts";
import { CommitLog } from "./commit_log.ts";
import { goneError, StoreError } from "./error.ts";
import { CandleHistory, LabelHistory } from "./history.ts";
import { LoggedBuilder } from "./logged.ts";
import { MemoryRecords } from "./memory_records.ts";
import { besideRefusal } from "./records.ts";
import type {
  BatchOutcome,
  BuryResult,
  CommitBatch,
  CommitResult,
  Letter,
  LetterFilter,
  LoggedCommit,
  LoggedRows,
  NewLetter,
  Refused,
  SeriesCommit,
  Store,
  StoredLabels,
  StoredRecord,
  StoreInfo,
  Tail,
  Touched,
  Window,
  WriteResult,
} from "./port.ts";
import { type LabelTable, NO_LABEL, type Owners, SeriesTable } from "./series_table.ts";
import type { Superseded } from "./superseded.ts";

/** Bounds of a {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /** Candles kept per series; default 100,000 (18 MB with one label set). */
  readonly barsMax?: number;
  /** Label rows and touched ranges kept in the log; default 500,000 (about 70 MB). */
  readonly logRowsMax?: number;
  /** Series; default 20,000. */
  readonly seriesMax?: number;
  /** Superseded versions kept, of candles and of labels each; default 50,000 (about 11 MB). */
  readonly versionsMax?: number;
  /** Dead letters kept; default {@linkcode LETTER_BOUNDS}. */
  readonly lettersMax?: number;
  /** Says when a commit was made; default the machine's. */
  readonly clock?: Pick<Clock, "wallNow">;
}

/** See {@linkcode Store}. */
export class MemoryStore implements Store {
  seq = 0;
  readonly #barsMax: number;
  readonly #seriesMax: number;
  readonly #series = new Map<SeriesKey, SeriesTable>();
  readonly #cursors = new Map<string, string>();
  readonly #clock: Pick<Clock, "wallNow">;
  readonly #log: CommitLog;
  readonly #records: MemoryRecords;
  readonly #owners: Owners = { next: 0 };
  readonly #oldLabels: LabelHistory;
  readonly #oldCandles: CandleHistory;

  /** Empty; bounds that are left out have their defaults. */
  constructor(options: MemoryStoreOptions = {}) {
    this.#barsMax = options.barsMax ?? 100_000;
    this.#log = new CommitLog(options.logRowsMax ?? 500_000);
    this.#seriesMax = options.seriesMax ?? 20_000;
    this.#clock = options.clock ?? systemClock;
    this.#records = new MemoryRecords(options.lettersMax);
    const versionsMax = options.versionsMax ?? 50_000;
    this.#oldLabels = new LabelHistory(versionsMax);
    this.#oldCandles = new CandleHistory(versionsMax);
  }

  commit(batches: readonly CommitBatch[]): CommitResult {
    const refusal = this.#check(batches);
    if (refusal !== null) return refusal;
    const seq = ++this.seq;
    const atMs = this.#clock.wallNow();
    this.#log.begin(seq, atMs);
    const outcomes = batches.map((batch) => this.#apply(batch, seq));
    return new Committed(seq, atMs, outcomes, this.#log, this.#log.end());
  }

  /** Everything that could be refused is looked at before anything is changed. */
  #check(batches: readonly CommitBatch[]): Refused | null {
    const counts = new Map<SeriesKey, number>();
    const cursors = new Map<string, string>();
    let added = 0;
    for (const batch of batches) {
      if (batch.feed !== null && batch.cursor !== null) {
        const stands = cursors.get(batch.feed) ?? this.cursor(batch.feed);
        const refusal = cursorRefusal(batch, stands);
        if (refusal !== null) return refusal;
        cursors.set(batch.feed, batch.cursor);
      }
      for (const part of batch.series) {
        const table = this.#series.get(part.series);
        const count = counts.get(part.series) ?? table?.count ?? 0;
        if (table === undefined && !counts.has(part.series) && !isEmpty(part)) added++;
        const refusal = countRefusal(part, count);
        if (refusal !== null) return refusal;
        if (part.replace !== null && table !== undefined && this.#isTooOld(table, part)) {
          return tooOld(part);
        }
        if (!isEmpty(part)) counts.set(part.series, count + countChange(table, part, batches));
      }
    }
    if (this.#series.size + added > this.#seriesMax) return tooManySeries(this.#seriesMax);
    return besideRefusal(batches, this.#records);
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
      if (part.replace !== null) this.#replace(table, part.replace, seq, outcome);
      if (part.append !== null) {
        const { block, from, to } = part.append;
        table.append(block, from, to, this.#barsMax, seq);
        if (to > from) {
          this.#log.touch(part.series, block.ts[from] as number, lastOf(block, to) + 1);
        }
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
    for (const { kind, key, json } of batch.records ?? []) {
      if (json === null) this.#records.drop(kind, key);
      else this.#records.put(kind, key, json);
    }
    if (batch.letters !== undefined) this.#records.bury(batch.letters);
    return outcome;
  }

  #replace(
    table: SeriesTable,
    replace: NonNullable<SeriesCommit["replace"]>,
    seq: number,
    outcome: { candles: number; corrected: number },
  ): void {
    this.#log.touch(table.series, replace.fromTs, replace.toTs);
    const from = table.at(replace.fromTs), to = table.at(replace.toTs);
    const { candles } = replace;
    let kept = 0, same = 0;
    for (let i = from, j = 0; i < to;) {
      const was = table.columns.ts[i] as number, is = candles.ts[j] ?? Infinity;
      const isSame = was === is &&
        CANDLE_COLUMNS.every((name) => table.columns[name][i] === candles[name][j]);
      if (was === is) kept++;
      if (isSame) same++;
      else if (was <= is) this.#supersedeCandle(table, i, seq);
      if (was <= is) i++;
      if (is <= was) j++;
    }
    outcome.candles += candles.length - kept;
    outcome.corrected += (to - from) - same;
    table.splice(from, to, candles, seq);
  }

  #supersedeCandle(table: SeriesTable, at: number, seq: number): void {
    this.#oldCandles.add(table.owner, table.seqs[at] as number, seq, table.columns, at);
  }

  #supersedeLabel(labels: LabelTable, at: number, seq: number): void {
    const { owner, columns, revisions, seqs } = labels;
    this.#oldLabels.add(owner, seqs[at] as number, seq, columns, at, revisions[at] as number);
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
    const exists = labels.columns.tbStatus[at] !== NO_LABEL;
    if (exists && sameRow(labels.columns, at, block, row)) return;
    const completes = exists && labels.columns.fhStatus[at] === LabelStatus.pending &&
      sameBarrierHalf(labels.columns, at, block, row);
    if (exists) this.#supersedeLabel(labels, at, seq);
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
    const revision = labels.revisions[at] as number;
    this.#log.write(table.series, block.paramHash, block, row, revision, 0);
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
      if (labels.columns.tbStatus[at] === NO_LABEL) continue;
      if (stays.has(table.columns.ts[at] as number)) continue;
      outcome.revised++;
      const revision = (labels.revisions[at] as number) + 1;
      this.#log.write(table.series, paramHash, labels.columns, at, revision, 1);
      this.#supersedeLabel(labels, at, seq);
      labels.columns.tbStatus[at] = NO_LABEL;
      labels.revisions[at] = 0;
      labels.ceased.set(table.columns.ts[at] as number, revision);
    }
  }

  #table(series: SeriesKey): SeriesTable {
    let table = this.#series.get(series);
    if (table === undefined) {
      table = new SeriesTable(series, this.#owners);
      this.#series.set(series, table);
    }
    return table;
  }

  tails(series: readonly SeriesKey[], bars: number): Tail[] {
    return series.map((key) => {
      const table = this.#series.get(key) ?? new SeriesTable(key, NOBODY);
      const from = Math.max(0, table.length - bars);
      return { count: table.count, candles: table.block(from, table.length) };
    });
  }

  window(series: SeriesKey, fromTs: number, toTs: number, around: number): Window {
    const table = this.#series.get(series) ?? new SeriesTable(series, NOBODY);
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

  cursors(): { feed: string; cursor: string }[] {
    return Array.from(this.#cursors, ([feed, cursor]) => ({ feed, cursor }))
      .sort((a, b) => a.feed < b.feed ? -1 : 1);
  }

  candles(
    series: SeriesKey,
    fromTs: number,
    toTs: number,
    limit: number,
    asOf = Infinity,
  ): CandleBlock {
    const table = this.#series.get(series) ?? new SeriesTable(series, NOBODY);
    const from = table.at(fromTs), to = table.at(toTs);
    if (asOf >= this.seq) return table.block(from, Math.min(to, from + limit));
    this.#assertHistory(asOf);
    const rows = new CandleBuilder(series, 64);
    const { versions, columns: before } = this.#oldCandles;
    const row = new Float64Array(CANDLE_COLUMNS.length);
    const push = (columns: CandleColumns, at: number) => {
      CANDLE_COLUMNS.forEach((name, i) => row[i] = columns[name][at] as number);
      rows.pushRow(row);
    };
    inTime(
      { times: table.columns.ts, from, to, limit },
      (at) => (table.seqs[at] as number) <= asOf,
      { versions, slots: versions.at(table.owner, keptFrom(table, fromTs), toTs, asOf) },
      (at) => push(table.columns, at),
      (slot) => push(before, slot),
    );
    return rows.finish();
  }

  labels(
    series: SeriesKey,
    paramHash: string,
    fromTs: number,
    toTs: number,
    limit: number,
    asOf = Infinity,
  ): StoredLabels {
    if (asOf < this.seq) this.#assertHistory(asOf);
    const table = this.#series.get(series) ?? new SeriesTable(series, NOBODY);
    const { owner, columns, revisions, seqs } = table.labels.get(paramHash) ?? NO_LABELS;
    const { versions, rows: before } = this.#oldLabels;
    const to = columns.length === 0 ? 0 : table.at(toTs);
    const found = new LoggedBuilder(64);
    const seqsFound: number[] = [];
    const add = (block: LabelBlock, row: number, revision: number, seq: number) => {
      found.write(series, paramHash, block, row, revision, 0);
      seqsFound.push(seq);
    };
    inTime(
      { times: table.columns.ts, from: Math.min(to, table.at(fromTs)), to, limit },
      (at) => columns.tbStatus[at] !== NO_LABEL && (seqs[at] as number) <= asOf,
      {
        versions,
        slots: asOf >= this.seq ? [] : versions.at(owner, keptFrom(table, fromTs), toTs, asOf),
      },
      (at) => add(columns, at, revisions[at] as number, seqs[at] as number),
      (slot) => add(before.labels, slot, before.revisions[slot] as number, versions.fromSeq(slot)),
    );
    const { labels, revisions: held } = found.finish();
    return {
      labels: { ...labels, series, paramHash },
      revisions: held,
      seqs: Float64Array.from(seqsFound),
    };
  }

  /** See {@linkcode Store.labelsAfter}. */
  labelsAfter(seq: number, limit: number): LoggedCommit[] {
    return this.#log.labelsAfter(seq, limit);
  }

  touched(seq: number, limit: number): Touched[] {
    return this.#log.touched(seq, limit);
  }

  putRecord(kind: string, key: string, json: string): WriteResult {
    return this.#records.put(kind, key, json);
  }

  dropRecord(kind: string, key: string): WriteResult {
    return this.#records.drop(kind, key);
  }

  record(kind: string, key: string): string | null {
    return this.#records.get(kind, key);
  }

  records(kind: string): StoredRecord[] {
    return this.#records.list(kind);
  }

  buryLetters(letters: readonly NewLetter[]): BuryResult {
    return this.#records.bury(letters);
  }

  letters(filter: LetterFilter, limit: number): Letter[] {
    return this.#records.letters(filter, limit);
  }

  dropLetters(filter: LetterFilter): { readonly state: "dropped"; count: number } {
    return { state: "dropped", count: this.#records.dropLetters(filter) };
  }

  info(): StoreInfo {
    let candles = 0;
    for (const { length } of this.#series.values()) candles += length;
    return {
      backend: "memory",
      path: null,
      durability: "none",
      bytesOnDisk: 0,
      seq: this.seq,
      oldestSeq: this.#log.fromSeq,
      oldestAsOf: this.#oldestAsOf,
      series: this.#series.size,
      candles,
      letters: this.#records.lettersHeld,
      state: "ok",
      lastError: null,
    };
  }

  backup(path: string): Promise<number> {
    const error = new StoreError(
      "unsupported",
      `Cannot back up to ${path}: expected a store on disk: current value is memory`,
    );
    return Promise.reject(error);
  }

  get #oldestAsOf(): number {
    return Math.max(this.#oldCandles.versions.oldestSeq, this.#oldLabels.versions.oldestSeq);
  }

  #assertHistory(asOf: number): void {
    if (asOf < this.#oldestAsOf) throw goneError("history as of seq", asOf, this.#oldestAsOf);
  }

  /** Nothing to let go of: it can be used again. */
  close(): void {}
}

/** For tables of series that are not there, which are looked at and forgotten. */
const NOBODY: Owners = { next: 0 };

/**
 * What a commit says. Its label rows are put together when somebody looks at them, which must be
 * before as many others are committed as the log keeps: most often nobody does.
 */
class Committed {
  readonly state = "committed";
  readonly #log: CommitLog;
  readonly #rows: number;
  #logged: LoggedRows | null = null;

  constructor(
    readonly seq: number,
    readonly atMs: number,
    readonly batches: readonly BatchOutcome[],
    log: CommitLog,
    rows: number,
  ) {
    this.#log = log;
    this.#rows = rows;
  }

  /** @throws {StoreError} code `gone` when they were given up meanwhile. */
  get logged(): LoggedRows {
    return this.#logged ??= this.#log.labelsOf(this.seq, this.#rows);
  }
}

function lastOf({ ts }: CandleBlock, to: number): number {
  return ts[to - 1] as number;
}

const NO_LABELS: Pick<LabelTable, "owner" | "columns" | "revisions" | "seqs"> = {
  owner: -1,
  columns: allocateLabels("", "", 0),
  revisions: new Uint32Array(0),
  seqs: new Float64Array(0),
};

/** What was given up is gone at every seq. */
function keptFrom(table: SeriesTable, fromTs: number): number {
  return table.dropped === 0 ? fromTs : Math.max(fromTs, table.columns.ts[0] ?? Infinity);
}

/** Merges the rows that still stand with versions that stood then, in ascending time. */
function inTime(
  { times, from, to, limit }: { times: Float64Array; from: number; to: number; limit: number },
  stands: (at: number) => boolean,
  was: { readonly versions: Superseded; readonly slots: readonly number[] },
  now: (at: number) => void,
  then: (slot: number) => void,
): void {
  let old = 0;
  for (let at = from, left = limit; left > 0 && (at < to || old < was.slots.length);) {
    const slot = was.slots[old];
    if (slot !== undefined && (at >= to || was.versions.ts(slot) <= (times[at] as number))) {
      then(slot);
      old++;
      left--;
    } else if (stands(at++)) {
      now(at - 1);
      left--;
    }
  }
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
