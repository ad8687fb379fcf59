/**
 * Pages of a store's labels as text, in pieces, written where the store is: in a thread, the main
 * isolate is left with handing bytes on, and a piece is written while the one before is being sent.
 *
 * Nothing is held between two pieces. A page is what stood at one seq, so each piece is a read of its
 * own as of that seq, and a reader that goes away leaves nothing behind.
 *
 * @module
 */

import { type LabelFormat, LabelFormatter } from "../label/format.ts";
import type { LabelBlock, SeriesKey } from "../market/block.ts";
import { release } from "../market/release.ts";
import { StoreError } from "./error.ts";
import type { Maybe, Store, StoredLabels } from "./port.ts";

/** Rows of a piece: half a megabyte, written in half a millisecond. */
export const LABEL_TEXT_ROWS = 1_024;

/** Bytes that a piece seldom needs: a row is 490 long. More are made where it does. */
export const LABEL_TEXT_BYTES: number = (LABEL_TEXT_ROWS + 128) * 512;

/** Memory of a piece, its reader's own. */
export type TextMemory = Uint8Array<ArrayBuffer>;

/** Whose labels, and how they are written. */
export interface LabelTextWish {
  /** The series. */
  readonly series: SeriesKey;
  /** Hash of the labels' parameters. */
  readonly paramHash: string;
  /** Of a row. */
  readonly format: LabelFormat;
  /** Where the text is written if there is room; transferred to a store in a thread. */
  readonly memory: TextMemory;
}

/** Which rows of a page: those of from ≤ ts < to, `limit` at most. */
export interface LabelPageQuery extends LabelTextWish {
  /** First open time. */
  readonly fromTs: number;
  /** End, exclusive. */
  readonly toTs: number;
  /** Rows at most. */
  readonly limit: number;
  /** As they were after this commit; left out = now. */
  readonly asOf?: number;
}

/** What a page is made of, and how it begins. */
export interface LabelPage {
  /** Rows. */
  readonly length: number;
  /** Open time of the row that follows; null = there is none. */
  readonly next: number | null;
  /** Seq that all pieces are read as of. */
  readonly asOf: number;
  /** Open time of the first row of each piece. */
  readonly starts: Float64Array<ArrayBuffer>;
  /** Where the last piece ends. */
  readonly endTs: number;
  /** The text of the first piece. */
  readonly first: TextMemory;
}

/** One piece of a page. */
export interface LabelPieceQuery extends LabelTextWish {
  /** Open time of its first row. */
  readonly fromTs: number;
  /** That of the piece after it. */
  readonly toTs: number;
  /** Rows that the page said it has. */
  readonly rows: number;
  /** See {@linkcode LabelPage.asOf}. */
  readonly asOf: number;
}

/** Writes pages of one store. */
export class LabelTexts {
  readonly #store: Pick<Store, "labels" | "seq">;
  readonly #formatters: { [F in LabelFormat]?: LabelFormatter } = {};

  constructor(store: Pick<Store, "labels" | "seq">) {
    this.#store = store;
  }

  /**
   * A page and its first piece. O(rows), of which but those of the first piece are written.
   *
   * @throws {StoreError} code `gone`, as `labels` of the store.
   */
  page(query: LabelPageQuery): Maybe<LabelPage> {
    const { series, paramHash, fromTs, toTs, limit } = query;
    // What comes later than now would be in one piece and not in the one before.
    const asOf = Math.min(query.asOf ?? Infinity, this.#store.seq);
    // One more, to see whether there is a next page.
    const read = this.#store.labels(series, paramHash, fromTs, toTs, limit + 1, asOf);
    return following(read, (found) => {
      const { ts } = found.labels;
      const length = Math.min(found.labels.length, limit);
      const next = length < found.labels.length ? ts[length] as number : null;
      const starts = new Float64Array(Math.ceil(length / LABEL_TEXT_ROWS));
      // Inside the rows.
      for (let i = 0; i < starts.length; i++) starts[i] = ts[i * LABEL_TEXT_ROWS] as number;
      const first = this.#written(query, found, Math.min(length, LABEL_TEXT_ROWS));
      return { length, next, asOf, starts, endTs: next ?? toTs, first };
    });
  }

  /**
   * The text of a piece. O(rows of the chunks that hold them).
   *
   * @throws {StoreError} code `gone`, also when retention has given up rows of it since the page
   * began.
   */
  piece(query: LabelPieceQuery): Maybe<TextMemory> {
    const { series, paramHash, fromTs, toTs, asOf } = query;
    const read = this.#store.labels(series, paramHash, fromTs, toTs, Infinity, asOf);
    return following(read, (found) => {
      assertWhole(found.labels, query);
      return this.#written(query, found, query.rows);
    });
  }

  #written(query: LabelTextWish, found: StoredLabels, rows: number): TextMemory {
    const { format, memory } = query;
    const formatter = this.#formatters[format] ??= new LabelFormatter(format);
    const text = formatter.into(memory, found.labels, 0, rows, found);
    // Rows read for this alone; left to the collector they are a megabyte a page.
    for (const column of [found.labels.ts, found.revisions, found.seqs]) release(column);
    return text;
  }
}

/** At once where the value is there: a piece is then written within the turn that it was asked in. */
function following<T, U>(value: Maybe<T>, then: (value: T) => U): Maybe<U> {
  return value instanceof Promise ? value.then(then) : then(value);
}

/**
 * Asserts that a piece has the rows that its page said it has.
 *
 * @throws {StoreError} code `gone`: retention has given up rows since the page began.
 */
export function assertWhole(
  { series, length }: LabelBlock,
  { fromTs, rows }: Pick<LabelPieceQuery, "fromTs" | "rows">,
): void {
  if (length === rows) return;
  throw new StoreError(
    "gone",
    `Cannot read the rest of a page of ${series}: expected ${rows} rows from ${fromTs} on: ` +
      `current value is ${length}: retention has given up some, ask again`,
  );
}
