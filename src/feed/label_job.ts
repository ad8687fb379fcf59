/**
 * One file of candles to one file of labels.
 *
 * ## How
 * The whole file is read into columns first: only then is it known that no later row corrects an
 * earlier one, that the file is not cut short, and which rows are candles at all. Rows that come in
 * order, as they nearly always do, are labelled from the blocks they were read into; others are put
 * in order first. Labels go out in slices: while one is written, the next is made.
 *
 * ## Memory
 * 48 bytes per row (twice that while rows out of order are sorted), at most
 * {@linkcode LABEL_JOB_ROWS_MAX} of them, the same for finer candles, and a slice of labels.
 *
 * @module
 */

import { z } from "zod";
import type { Clock } from "../actor/clock.ts";
import type { Definition } from "../actor/protocol.ts";
import { FinerCandles } from "../label/finer.ts";
import { type LabelFormat, LabelFormatter } from "../label/format.ts";
import { KindBuilder } from "../label/kinds/columns.ts";
import { KindLabeler } from "../label/kinds/kind_labeler.ts";
import { parseKinds } from "../label/kinds/registry.ts";
import type { SideColumns } from "../label/kinds/sides.ts";
import { Labeler, type LabelerOptions } from "../label/labeler.ts";
import { type Level, LevelSet } from "../label/levels.ts";
import type { LabelParams } from "../label/params.ts";
import { LabelBuilder } from "../label/rows.ts";
import { BLOCK_ROWS_MAX, type CandleBlock, concatCandles } from "../market/block.ts";
import { canonicalOf } from "../market/canonical.ts";
import { csvReader } from "../market/csv.ts";
import { MarketError } from "../market/error.ts";
import { ndjsonReader } from "../market/ndjson.ts";
import type { CandleReader, ReaderOptions } from "../market/reader.ts";
import type { ReadCounts, Rejection } from "../market/reject.ts";
import {
  type ByteSink,
  type ByteSource,
  fileBytes,
  FileError,
  fileSink,
  pathText,
  stdoutSink,
} from "./file_bytes.ts";

/** Most rows of one file, what a block may hold: 16.7 million, 0.8 GB of columns. */
export const LABEL_JOB_ROWS_MAX: number = BLOCK_ROWS_MAX;

/** Most refused rows of one file that are kept to be shown; all are counted. */
export const REJECTIONS_SHOWN_MAX = 100;

/** Rows labelled, formatted and written at a time: about 1 MB of text, 4 ms of work. */
const SLICE_ROWS = 4_096;

/** Stands for the series of rows that name none: a file is one series, whatever it is called. */
const UNNAMED_SERIES = "FILE:M1";

/** What a job is to do: plain data, so that it can be sent to a thread. */
export interface LabelJob {
  /** Path of the candles, CSV or NDJSON, gzip or plain; `-` is standard input. */
  readonly input: string;
  /** Where the labels go; null is standard output. `temporaryPath` as in `fileSink`. */
  readonly output: { readonly path: string; readonly temporaryPath: string | null } | null;
  /** Format of the labels. */
  readonly format: LabelFormat;
  /** What a label means. */
  readonly params: LabelParams;
  /** Levels that pull barriers in, or null. */
  readonly levels: readonly Level[] | null;
  /** Finer candles that decide ambiguous ones, and the length of a coarse candle; or null. */
  readonly finer: { readonly path: string; readonly barMs: number } | null;
  /** Further kinds, as `parseKinds` reads them; none unless given. The levels are theirs, too. */
  readonly kinds?: string;
  /** Sides of a first model, for the kind `meta:side=given`. */
  readonly sides?: SideColumns;
  /** Most rows of a file; {@linkcode LABEL_JOB_ROWS_MAX} unless said otherwise. */
  readonly rowsMax?: number;
}

/** How far a job is. */
export interface LabelProgress {
  /** Bytes of the input read so far, packed. */
  readonly readBytes: number;
  /** Its size, or null for a pipe. */
  readonly sizeBytes: number | null;
  /** Rows read so far. */
  readonly readRows: number;
  /** Label rows there will be; null while the file is being read. */
  readonly labelRows: number | null;
  /** Label rows written so far. */
  readonly writtenRows: number;
}

/** What was found in a file of candles. */
export interface FileFindings extends ReadCounts {
  /** Path as given. */
  readonly path: string;
  /** The first {@linkcode REJECTIONS_SHOWN_MAX} refused rows. */
  readonly rejections: readonly Rejection[];
  /** Rows whose time another row has too, less one per such time; the last one counts. */
  readonly duplicates: number;
  /** Rows earlier than the row before them. */
  readonly unordered: number;
}

/**
 * How a job ended. `refused`: the input is not what it should be (exit code 2); `failed`: it could
 * not be read or written to the end (exit code 1); `closed`: who read the output closed it.
 */
export type LabelOutcome =
  | { readonly state: "done" | "closed" | "cancelled" }
  | { readonly state: "refused" | "failed"; readonly message: string };

/** A job's report. */
export interface LabelReport {
  readonly outcome: LabelOutcome;
  readonly input: FileFindings;
  /** Findings in the finer candles; null without any. */
  readonly finer: FileFindings | null;
  /** Label rows written. */
  readonly writtenRows: number;
  /** From start to end, milliseconds. */
  readonly tookMs: number;
}

/** What a job is given besides its data. */
export interface LabelJobContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called now and then, at least once per slice. */
  readonly onProgress?: (progress: LabelProgress) => void;
}

/** Messages of an actor that runs label jobs, one at a time. Internal: none comes from outside. */
export const LABEL_JOB_MESSAGES = {
  run: {
    payload: z.custom<LabelJob>(),
    reply: z.custom<LabelReport>(),
    internal: true,
    about: "Runs one job to its end",
  },
  progress: {
    payload: z.strictObject({}),
    reply: z.custom<LabelProgress | null>(),
    internal: true,
    priority: "high",
    about: "How far the job is; null without one",
  },
  cancel: {
    payload: z.strictObject({}),
    internal: true,
    priority: "urgent",
    about: "Ends the job under way; its report says cancelled",
  },
} as const satisfies Definition;

/**
 * Reads one file of candles that are one series.
 *
 * - CSV or NDJSON, told apart by the first character; gzip or plain
 * - rows as received, invalid ones left out and kept for the report
 */
export class CandleFile {
  readonly path: string;
  readonly bytes: ByteSource;
  readonly #rejections: Rejection[] = [];
  readonly #rowsMax: number;
  #reader: CandleReader | null = null;
  #blocks: CandleBlock[] = [];
  #rows = 0;

  constructor(
    path: string,
    options: { readonly signal?: AbortSignal; readonly rowsMax?: number } = {},
  ) {
    this.path = path;
    this.bytes = fileBytes(path, options);
    this.#rowsMax = options.rowsMax ?? LABEL_JOB_ROWS_MAX;
  }

  /** Candles read so far. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Reads to the end; the candles in blocks, as received. To be called once.
   *
   * @throws {FileError} for a file that cannot be read to its end.
   * @throws {MarketError} for one that holds no candles of one series.
   * @throws {RangeError} for one with too many rows.
   */
  async read(onChunk: () => void = () => {}): Promise<readonly CandleBlock[]> {
    for await (const chunk of this.bytes) {
      this.#reader ??= this.#readerFor(chunk);
      this.#reader.push(chunk);
      this.#take(this.#reader);
      onChunk();
    }
    const reader = this.#reader ??= csvReader(this.#options);
    reader.finish();
    this.#take(reader);
    return this.#blocks;
  }

  /** What was found so far, also after `read` has failed. */
  findings(counts: { duplicates: number; unordered: number }): FileFindings {
    const none = { lines: 0, accepted: 0, rejected: 0, rejectedBy: {} };
    return {
      path: this.path,
      ...(this.#reader?.counts() ?? none),
      rejections: this.#rejections,
      duplicates: counts.duplicates,
      unordered: counts.unordered,
    };
  }

  get #options(): ReaderOptions {
    return {
      series: UNNAMED_SERIES,
      onReject: (rejection) => {
        if (this.#rejections.length < REJECTIONS_SHOWN_MAX) this.#rejections.push(rejection);
      },
    };
  }

  #readerFor(chunk: Uint8Array): CandleReader {
    if (isBinary(chunk)) {
      throw new MarketError(
        "csv_header",
        "Cannot read candles: expected CSV or NDJSON: current value is binary data",
      );
    }
    return firstCharacter(chunk) === "{" ? ndjsonReader(this.#options) : csvReader(this.#options);
  }

  #take(reader: CandleReader): void {
    for (const block of reader.take()) {
      const known = this.#blocks[0]?.series ?? block.series;
      if (block.series !== known) {
        throw new MarketError(
          "series_count",
          `Cannot read candles: expected one series in a file: ` +
            `current values are ${nameOf(known)} and ${nameOf(block.series)}`,
        );
      }
      this.#rows += block.length;
      this.#blocks.push(block);
    }
    if (this.#rows <= this.#rowsMax) return;
    throw new RangeError(
      `Cannot read candles: expected at most ${this.#rowsMax} rows in a file: it has more`,
    );
  }
}

function nameOf(series: string): string {
  return series === UNNAMED_SERIES ? "none" : series;
}

/** A file with a NUL is no text, unless it begins as UTF-16 or zip, for which there are hints. */
function isBinary(chunk: Uint8Array): boolean {
  const [a, b] = chunk;
  const hasHint = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) ||
    (a === 0x50 && b === 0x4b);
  return !hasHint && chunk.includes(0);
}

/** The first character of a text that is no blank; "" when there is none. */
function firstCharacter(chunk: Uint8Array): string {
  const head = new TextDecoder().decode(chunk.subarray(0, 256));
  return head.trimStart()[0] ?? "";
}

/** Candles in canonical order, in one block or several. */
interface InOrder {
  readonly blocks: readonly CandleBlock[];
  readonly rows: number;
  readonly duplicates: number;
  readonly unordered: number;
}

/** Blocks as received in canonical order: nothing is copied when they are that already. */
function inOrder(blocks: readonly CandleBlock[]): InOrder {
  let rows = 0;
  let lastTs = -Infinity;
  let isAscending = true;
  for (const { ts, length } of blocks) {
    rows += length;
    for (let row = 0; row < length && isAscending; row++) {
      // Rows are inside the block's length.
      isAscending = ts[row] as number > lastTs;
      lastTs = ts[row] as number;
    }
  }
  if (isAscending) return { blocks, rows, duplicates: 0, unordered: 0 };
  const { block, counts } = canonicalOf(concatCandles(blocks));
  return { ...counts, blocks: [block], rows: block.length };
}

/**
 * Runs a job to its end. Rejects only for what is nobody's input: a defect.
 *
 * After any outcome but `done` nothing is left of the output file. O(rows), about 2.5 µs a row.
 */
export async function runLabelJob(job: LabelJob, context: LabelJobContext): Promise<LabelReport> {
  return await new LabelRun(job, context).run();
}

class LabelRun {
  readonly #job: LabelJob;
  readonly #context: LabelJobContext;
  readonly #input: CandleFile;
  readonly #finer: CandleFile | null;
  #inputCounts = { duplicates: 0, unordered: 0 };
  #finerCounts = { duplicates: 0, unordered: 0 };
  #labelRows: number | null = null;
  #writtenRows = 0;

  constructor(job: LabelJob, context: LabelJobContext) {
    const { signal } = context;
    const options = { signal, ...(job.rowsMax === undefined ? {} : { rowsMax: job.rowsMax }) };
    this.#job = job;
    this.#context = context;
    this.#input = new CandleFile(job.input, options);
    this.#finer = job.finer === null ? null : new CandleFile(job.finer.path, options);
  }

  async run(): Promise<LabelReport> {
    const startMs = this.#context.clock.now();
    const outcome = await this.#outcome();
    return {
      outcome,
      input: this.#input.findings(this.#inputCounts),
      finer: this.#finer?.findings(this.#finerCounts) ?? null,
      writtenRows: this.#writtenRows,
      tookMs: this.#context.clock.now() - startMs,
    };
  }

  async #outcome(): Promise<LabelOutcome> {
    const { output } = this.#job;
    let sink: ByteSink | null = null;
    try {
      // First, so that hours of reading are not for a file that cannot be written.
      sink = output === null ? stdoutSink() : await fileSink(output.path, output.temporaryPath);
      await this.#work(sink);
      await sink.finish();
      return { state: "done" };
    } catch (error) {
      await sink?.discard();
      if (this.#context.signal.aborted) return { state: "cancelled" };
      return outcomeOf(error);
    }
  }

  async #work(sink: ByteSink): Promise<void> {
    const finer = await this.#readFiner();
    const input = inOrder(await readNamed(this.#input, this.#progress));
    this.#inputCounts = input;
    this.#labelRows = input.rows;
    this.#progress();
    await this.#write(input, finer, sink);
  }

  async #readFiner(): Promise<FinerCandles | null> {
    if (this.#finer === null || this.#job.finer === null) return null;
    const { blocks, ...counts } = inOrder(await readNamed(this.#finer));
    this.#finerCounts = counts;
    if (blocks.length === 0) return null;
    return new FinerCandles(concatCandles(blocks), this.#job.finer.barMs);
  }

  async #write(candles: InOrder, finer: FinerCandles | null, sink: ByteSink): Promise<void> {
    const { levels, format } = this.#job;
    const work = labelWork(this.#job, {
      emit: "rows",
      ...(levels === null ? {} : { levels: new LevelSet(levels) }),
      ...(finer === null ? {} : { finer }),
    });
    const { out, more } = work;
    const formatter = new LabelFormatter(format, work.names);
    let writing = sink.write(formatter.header());
    const flush = async () => {
      const rows = out.length;
      const bytes = formatter.rows(out.columns, 0, rows, null, more?.columns);
      out.clear();
      more?.clear();
      await writing;
      this.#context.signal.throwIfAborted();
      writing = sink.write(bytes);
      // Awaited at the next flush; until then a failure must not count as unhandled.
      writing.catch(() => {});
      this.#writtenRows += rows;
      this.#progress();
    };
    for (const block of candles.blocks) {
      for (let from = 0; from < block.length; from += SLICE_ROWS) {
        work.push(block, from, Math.min(block.length, from + SLICE_ROWS));
        if (out.length >= SLICE_ROWS) await flush();
      }
    }
    work.finish();
    await flush();
    await writing;
  }

  readonly #progress = (): void => {
    this.#context.onProgress?.({
      readBytes: this.#input.bytes.readBytes,
      sizeBytes: this.#input.bytes.sizeBytes,
      readRows: this.#input.rows,
      labelRows: this.#labelRows,
      writtenRows: this.#writtenRows,
    });
  };
}

/** A labeler and what it writes into, with kinds or without. */
interface LabelWork {
  /** Names of the kinds. */
  readonly names: readonly string[];
  readonly out: LabelBuilder;
  /** Columns of the kinds; null without any. */
  readonly more: KindBuilder | null;
  push(block: CandleBlock, from: number, to: number): void;
  finish(): void;
}

function labelWork({ params, kinds: text, sides }: LabelJob, options: LabelerOptions): LabelWork {
  const out = new LabelBuilder(2 * SLICE_ROWS);
  if (text === undefined) {
    const labeler = new Labeler(params, options);
    return {
      names: [],
      out,
      more: null,
      push: (block, from, to) => labeler.push(block, from, to, out),
      finish: () => labeler.finish(out),
    };
  }
  const kinds = parseKinds(text);
  const more = new KindBuilder(kinds.length, 2 * SLICE_ROWS);
  const { levels: kindLevels } = options;
  const labeler = new KindLabeler(params, kinds, {
    ...options,
    ...(kindLevels === undefined ? {} : { kindLevels }),
    ...(sides === undefined ? {} : { sides }),
  });
  return {
    names: kinds.map(({ name }) => name),
    out,
    more,
    push: (block, from, to) => labeler.push(block, from, to, out, more),
    finish: () => labeler.finish(out, more),
  };
}

/** Reads a file; an error that does not say which file it is about is made to. */
async function readNamed(
  file: CandleFile,
  onChunk?: () => void,
): Promise<readonly CandleBlock[]> {
  try {
    return await file.read(onChunk);
  } catch (error) {
    if (error instanceof MarketError || error instanceof RangeError) {
      error.message = `${pathText(file.path)}: ${error.message}`;
    }
    throw error;
  }
}

/**
 * The outcome that an error stands for, for whoever reads candle files.
 *
 * @throws What is no outcome: a defect.
 */
export function outcomeOf(error: unknown): LabelOutcome {
  if (error instanceof MarketError || error instanceof RangeError) {
    return { state: "refused", message: error.message };
  }
  if (!(error instanceof FileError)) throw error;
  switch (error.code) {
    case "closed":
      return { state: "closed" };
    case "not_found":
    case "denied":
    case "directory":
      return { state: "refused", message: error.message };
    case "read":
    case "damaged":
    case "write":
      return { state: "failed", message: error.message };
  }
}
