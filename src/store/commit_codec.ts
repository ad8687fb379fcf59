/**
 * Commits, what they come to, and pages of the label log as one buffer each, for the way to the
 * store's thread and back: cloning the object graph of 200 small batches costs milliseconds, moving a
 * buffer nothing. Decoding makes views of the buffer and copies no rows.
 *
 * Every buffer is laid out as: lengths, then numbers (8 bytes each), then candle columns, then
 * logged label columns, then a text with the names.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { copyRows } from "../label/rows.ts";
import {
  type CandleBlock,
  candleBlock,
  type CandleColumns,
  type LabelBlock,
  sliceCandles,
} from "../market/block.ts";
import { Names } from "./names.ts";
import { Stretch } from "./stretch.ts";
import { type CandleRows, copyCandles } from "./candle_rows.ts";
import { copyLogged, type LoggedColumns } from "./logged.ts";
import { allocatePacked, openPacked } from "./packed.ts";
import type {
  BatchOutcome,
  CommitBatch,
  CommitResult,
  LoggedCommit,
  LoggedRows,
  LoggedRun,
  RefusalCode,
  Rows,
  SeriesCommit,
  Tail,
} from "./port.ts";

/** Stands for a name that is not there, and for a part that is null. */
const NONE = -1;

const numberOf = (names: Names, name: string | null): number =>
  name === null ? NONE : names.of(name);

// ---- commits --------------------------------------------------------------------------------------

/** Batches in one buffer, to be transferred. O(rows); reads the blocks and keeps nothing of them. */
export function packCommit(batches: readonly CommitBatch[]): Uint8Array<ArrayBuffer> {
  const names = new Names();
  const plan: number[] = [batches.length];
  let candleRows = 0, labelRows = 0;
  for (const { feed, after, cursor, series } of batches) {
    plan.push(
      numberOf(names, feed),
      numberOf(names, after),
      numberOf(names, cursor),
      series.length,
    );
    for (const part of series) {
      planPart(plan, part, names);
      if (part.append !== null) candleRows += part.append.to - part.append.from;
      if (part.replace !== null) candleRows += part.replace.candles.length;
      for (const { from, to } of part.labels) labelRows += to - from;
    }
  }
  const text = Buffer.from(JSON.stringify([names.list, batches.flatMap(besideOf)]));
  const packed = allocatePacked(plan, candleRows, labelRows, text);
  fillRows(batches, packed.candles, packed.logged);
  return packed.bytes;
}

/** What a batch brings beside its rows, with its place; most bring nothing. */
type Beside = readonly [
  at: number,
  records: CommitBatch["records"],
  letters: CommitBatch["letters"],
];

function besideOf({ records = [], letters = [] }: CommitBatch, at: number): Beside[] {
  return records.length === 0 && letters.length === 0 ? [] : [[at, records, letters]];
}

function planPart(plan: number[], part: SeriesCommit, names: Names): void {
  const { append, replace, relabelled } = part;
  plan.push(names.of(part.series), part.baseSeq, append === null ? NONE : append.to - append.from);
  if (replace === null) plan.push(NONE);
  else plan.push(replace.candles.length, replace.fromTs, replace.toTs);
  if (relabelled === null) plan.push(NONE);
  else plan.push(names.of(relabelled.paramHash), relabelled.fromTs, relabelled.toTs);
  plan.push(part.labels.length);
  for (const { block, from, to } of part.labels) plan.push(names.of(block.paramHash), to - from);
}

function fillRows(
  batches: readonly CommitBatch[],
  candles: CandleRows,
  logged: LoggedColumns,
): void {
  let candle = 0, label = 0;
  const addCandles = (block: CandleColumns, from: number, to: number) => {
    copyCandles(block, from, to, candles.columns, candle);
    candle += to - from;
  };
  for (const { series } of batches) {
    for (const { append, replace, labels } of series) {
      if (append !== null) addCandles(append.block, append.from, append.to);
      if (replace !== null) addCandles(replace.candles, 0, replace.candles.length);
      for (const { block, from, to } of labels) {
        copyRows(block, from, to, logged.labels, label);
        label += to - from;
      }
    }
  }
}

/**
 * The batches of `packCommit`, as views of its buffer: append and label rows of all parts lie in
 * shared blocks. O(parts).
 *
 * @throws {StoreError} code `damaged`.
 */
export function unpackCommit(bytes: Uint8Array): CommitBatch[] {
  const { numbers, candles, logged, text } = openPacked(bytes);
  const [names, besides] = JSON.parse(text) as [string[], Beside[]];
  const reader = new PlanReader(numbers, names, candles, logged.labels);
  const count = reader.number();
  const batches = Array.from({ length: count }, (): CommitBatch => {
    const feed = reader.name(), after = reader.name(), cursor = reader.name();
    const parts = reader.number();
    return { feed, after, cursor, series: Array.from({ length: parts }, () => reader.part()) };
  });
  for (const [at, records = [], letters = []] of besides) {
    batches[at] = { ...batches[at] as CommitBatch, records, letters };
  }
  return batches;
}

class PlanReader {
  #at = 0;
  #candle = 0;
  #label = 0;
  readonly #all: CandleBlock;
  readonly #byHash = new Map<string, LabelBlock>();

  constructor(
    readonly numbers: Float64Array,
    readonly names: readonly string[],
    candles: CandleRows,
    readonly labels: LabelBlock,
  ) {
    this.#all = candleBlock("", candles.columns);
  }

  number(): number {
    return this.numbers[this.#at++] as number;
  }

  name(): string | null {
    const at = this.number();
    return at === NONE ? null : this.names[at] ?? "";
  }

  part(): SeriesCommit {
    const series = this.name() ?? "";
    const baseSeq = this.number(), appended = this.number();
    const append = appended === NONE ? null : this.#candles(appended);
    const replaced = this.number();
    const replace = replaced === NONE ? null : this.#replace(series, replaced);
    const hash = this.name();
    const relabelled = hash === null
      ? null
      : { paramHash: hash, fromTs: this.number(), toTs: this.number() };
    const labels: Rows<LabelBlock>[] = [];
    for (let left = this.number(); left > 0; left--) labels.push(this.#labels());
    return { series, baseSeq, append, replace, labels, relabelled };
  }

  #candles(rows: number): Rows<CandleBlock> {
    const from = this.#candle;
    this.#candle += rows;
    return new Stretch(this.#all, from, from + rows);
  }

  #replace(series: string, rows: number): NonNullable<SeriesCommit["replace"]> {
    const fromTs = this.number(), toTs = this.number();
    const { from, to } = this.#candles(rows);
    const candles = { ...sliceCandles(this.#all, from, to), series };
    return { fromTs, toTs, candles };
  }

  #labels(): Rows<LabelBlock> {
    const paramHash = this.name() ?? "";
    const from = this.#label;
    this.#label += this.number();
    let block = this.#byHash.get(paramHash);
    if (block === undefined) {
      this.#byHash.set(paramHash, block = { ...this.labels, paramHash });
    }
    return new Stretch(block, from, this.#label);
  }
}

// ---- results and the label log --------------------------------------------------------------------

/** A result in one buffer, to be transferred. O(rows): the rows stay with the store, too. */
export function packResult(result: CommitResult): Uint8Array<ArrayBuffer> {
  if (result.state === "refused") {
    const { code, message } = result;
    return allocatePacked([0], 0, 0, Buffer.from(JSON.stringify([code, message]))).bytes;
  }
  const { seq, atMs, batches, logged } = result;
  const plan = [1, batches.length];
  for (const { candles, corrected, labels, revised } of batches) {
    plan.push(candles, corrected, labels, revised);
  }
  return packLoggedAfter(plan, [{ seq, atMs, ...logged }]);
}

/**
 * The result of `packResult`; its rows are views of the buffer.
 *
 * @throws {StoreError} code `damaged`.
 */
export function unpackResult(bytes: Uint8Array): CommitResult {
  const packed = openPacked(bytes);
  const { numbers, text } = packed;
  if (numbers[0] === 0) {
    const [code, message] = JSON.parse(text) as [RefusalCode, string];
    return { state: "refused", code, message };
  }
  const count = numbers[1] as number;
  const batches: BatchOutcome[] = [];
  for (let at = 2; at < 2 + 4 * count; at += 4) {
    batches.push({
      candles: numbers[at] as number,
      corrected: numbers[at + 1] as number,
      labels: numbers[at + 2] as number,
      revised: numbers[at + 3] as number,
    });
  }
  const [commit] = loggedAfter(numbers, 2 + 4 * count, packed.logged, JSON.parse(text) as string[]);
  const { seq, atMs, ...logged } = commit as LoggedCommit;
  return { state: "committed", seq, atMs, batches, logged };
}

/** Commits of the label log in one buffer, to be transferred. O(rows). */
export function packLogged(commits: readonly LoggedCommit[]): Uint8Array<ArrayBuffer> {
  return packLoggedAfter([], commits);
}

/**
 * The commits of `packLogged`; their rows are views of the buffer.
 *
 * @throws {StoreError} code `damaged`.
 */
export function unpackLogged(bytes: Uint8Array): LoggedCommit[] {
  const { numbers, logged, text } = openPacked(bytes);
  return loggedAfter(numbers, 0, logged, JSON.parse(text) as string[]);
}

function packLoggedAfter(
  plan: number[],
  commits: readonly LoggedCommit[],
): Uint8Array<ArrayBuffer> {
  const names = new Names();
  let rows = 0;
  plan.push(commits.length);
  for (const { seq, atMs, runs, labels } of commits) {
    plan.push(seq, atMs, runs.length, labels.length);
    for (const { series, paramHash, from, to } of runs) {
      plan.push(names.of(series), names.of(paramHash), to - from);
    }
    rows += labels.length;
  }
  const packed = allocatePacked(plan, 0, rows, Buffer.from(JSON.stringify(names.list)));
  let at = 0;
  for (const commit of commits) {
    copyLogged(commit, 0, commit.labels.length, packed.logged, at);
    at += commit.labels.length;
  }
  return packed.bytes;
}

function loggedAfter(
  numbers: Float64Array,
  first: number,
  all: LoggedColumns,
  names: readonly string[],
): LoggedCommit[] {
  let at = first, row = 0;
  const next = () => numbers[at++] as number;
  return Array.from({ length: next() }, () => {
    const seq = next(), atMs = next(), runCount = next(), rows = next();
    const runs: LoggedRun[] = [];
    for (let from = 0; runs.length < runCount;) {
      const series = names[next()] ?? "", paramHash = names[next()] ?? "";
      const to = from + next();
      runs.push({ series, paramHash, from, to });
      from = to;
    }
    const columns = rows === all.labels.length ? all : loggedPart(all, row, row + rows);
    row += rows;
    return { seq, atMs, runs, ...columns } satisfies LoggedRows & { seq: number; atMs: number };
  });
}

/** Rows from ≤ row < to, as views. */
function loggedPart(all: LoggedColumns, from: number, to: number): LoggedColumns {
  const labels: Record<string, unknown> = { series: "", paramHash: "", length: to - from };
  for (const [name, column] of Object.entries(all.labels)) {
    if (ArrayBuffer.isView(column)) labels[name] = (column as Float64Array).subarray(from, to);
  }
  return {
    labels: labels as unknown as LabelBlock,
    revisions: all.revisions.subarray(from, to),
    removed: all.removed.subarray(from, to),
  };
}

// ---- tails ------------------------------------------------------------------------------------------

/** Ends of series in one buffer, to be transferred. O(rows). */
export function packTails(tails: readonly Tail[]): Uint8Array<ArrayBuffer> {
  const plan: number[] = [tails.length];
  let rows = 0;
  for (const { count, candles } of tails) {
    plan.push(count, candles.length);
    rows += candles.length;
  }
  const series = tails.map(({ candles }) => candles.series);
  const packed = allocatePacked(plan, rows, 0, Buffer.from(JSON.stringify(series)));
  let at = 0;
  for (const { candles } of tails) {
    copyCandles(candles, 0, candles.length, packed.candles.columns, at);
    at += candles.length;
  }
  return packed.bytes;
}

/**
 * The ends of `packTails`, as views of its buffer. O(series).
 *
 * @throws {StoreError} code `damaged`.
 */
export function unpackTails(bytes: Uint8Array): Tail[] {
  const { numbers, candles, text } = openPacked(bytes);
  const all = candleBlock("", candles.columns);
  const names = JSON.parse(text) as string[];
  let row = 0;
  return names.map((series, i) => {
    const from = row, to = row += numbers[2 + 2 * i] as number;
    const block = { ...sliceCandles(all, from, to), series };
    return { count: numbers[1 + 2 * i] as number, candles: block };
  });
}
