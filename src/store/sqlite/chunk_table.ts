/**
 * The table of chunks: writing them, and finding those that hold rows of a range of times.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { StoreError } from "../error.ts";
import { type Chunk, decodeCandleChunk, decodeLabelChunk } from "./chunk_codec.ts";
import type { CandlePiece, LabelPiece } from "./pieces.ts";
import { CANDLES_SET } from "./series_state.ts";

/** Decoded chunks kept for the next read: a range is often read by several requests in a row. */
const CACHE_BYTES_MAX = 8 * 1024 * 1024;

interface Cached {
  readonly piece: CandlePiece | LabelPiece;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Every chunk is written once and never changed, so a decoded one can be kept. */
export class ChunkTable {
  readonly #insert: StatementSync;
  readonly #inRange: StatementSync;
  readonly #body: StatementSync;
  readonly #firstBy: StatementSync;
  readonly #lastBy: StatementSync;
  readonly #cache = new Map<number, Cached>();
  readonly #dropped: Cached[] = [];
  #cachedBytes = 0;
  #nextId: number;

  /** Over an open database with the schema. */
  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(
      "INSERT INTO chunks(id, series_id, set_id, min_ts, max_ts, min_seq, max_seq, rows, body) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    const where = "FROM chunks WHERE series_id = ? AND set_id = ? AND";
    this.#inRange = db.prepare(`SELECT id ${where} max_ts >= ? AND min_ts < ?`);
    this.#body = db.prepare("SELECT body FROM chunks WHERE id = ?");
    this.#firstBy = db.prepare(
      `SELECT max_ts AS ts, rows ${where} max_ts >= ? ORDER BY max_ts LIMIT 1 OFFSET ?`,
    );
    this.#lastBy = db.prepare(
      `SELECT min_ts AS ts ${where} max_ts < ? ORDER BY max_ts DESC LIMIT 1 OFFSET ?`,
    );
    const last = db.prepare("SELECT max(id) AS id FROM chunks").get();
    this.#nextId = Number(last?.id ?? 0) + 1;
  }

  /** Writes a chunk and gives its number; numbers ascend in the order of a series' log. */
  insert(seriesId: number, set: number, chunk: Chunk): number {
    const { minTs, maxTs, minSeq, maxSeq, rows, body } = chunk;
    const id = this.#nextId++;
    this.#insert.run(id, seriesId, set, minTs, maxTs, minSeq, maxSeq, rows, body);
    return id;
  }

  /** Candle chunks that may hold rows of from ≤ ts < to, in the order of the log. */
  candles(seriesId: number, fromTs: number, toTs: number): CandlePiece[] {
    return this.#ids(seriesId, CANDLES_SET, fromTs, toTs).map((id) => this.candleChunk(id));
  }

  /** Label chunks that may hold rows of from ≤ ts < to, in the order of the log. */
  labels(seriesId: number, set: number, fromTs: number, toTs: number): LabelPiece[] {
    return this.#ids(seriesId, set, fromTs, toTs).map((id) => this.labelChunk(id));
  }

  /** One chunk of candles. */
  candleChunk(id: number): CandlePiece {
    return (this.#cached(id) ?? this.#decoded(id, decodeCandleChunk)) as CandlePiece;
  }

  /** One chunk of labels. */
  labelChunk(id: number): LabelPiece {
    return (this.#cached(id) ?? this.#decoded(id, decodeLabelChunk)) as LabelPiece;
  }

  /** A time before which about `chunks` chunks from `fromTs` on lie; null when there are fewer. */
  timeAfter(seriesId: number, set: number, fromTs: number, chunks: number): number | null {
    const found = this.#firstBy.get(seriesId, set, fromTs, chunks);
    return found === undefined ? null : Number(found.ts);
  }

  /** Rows of the first chunk from `fromTs` on: those after it are likely to be like it. */
  rowsOfFirst(seriesId: number, set: number, fromTs: number): number {
    return Number(this.#firstBy.get(seriesId, set, fromTs, 0)?.rows ?? 1);
  }

  /** A time after which about `chunks` chunks before `toTs` lie; null when there are fewer. */
  timeBefore(seriesId: number, set: number, toTs: number, chunks: number): number | null {
    const found = this.#lastBy.get(seriesId, set, toTs, chunks);
    return found === undefined ? null : Number(found.ts);
  }

  #ids(seriesId: number, set: number, fromTs: number, toTs: number): number[] {
    return this.#inRange.all(seriesId, set, fromTs, toTs).map(({ id }) => Number(id))
      .sort((a, b) => a - b);
  }

  #cached(id: number): CandlePiece | LabelPiece | undefined {
    const held = this.#cache.get(id);
    if (held === undefined) return undefined;
    this.#cache.delete(id);
    this.#cache.set(id, held);
    return held.piece;
  }

  #decoded(id: number, decode: (bytes: Uint8Array, id: number) => CandlePiece | LabelPiece) {
    const body = this.#body.get(id)?.body;
    if (!(body instanceof Uint8Array)) {
      throw new StoreError("damaged", `Cannot read chunk ${id}: expected it to be there`);
    }
    const piece = decode(body, id);
    // What SQLite hands out is a copy in memory of its own.
    this.#cache.set(id, { piece, body: body as Uint8Array<ArrayBuffer> });
    this.#cachedBytes += body.byteLength;
    for (const [oldest, cached] of this.#cache) {
      if (this.#cachedBytes <= CACHE_BYTES_MAX) break;
      this.#cache.delete(oldest);
      this.#cachedBytes -= cached.body.byteLength;
      if (this.#dropped.push(cached) === 1) queueMicrotask(() => this.#free());
    }
    return piece;
  }

  /**
   * Gives the memory of dropped chunks back at once. Left to the garbage collector, megabytes that
   * were cached for a while make it walk the whole heap: 25 ms with every fortieth page. Reads are
   * synchronous and keep no piece, so whoever still used one has ended by the time this runs.
   */
  #free(): void {
    for (const { body } of this.#dropped.splice(0)) body.buffer.transfer(0);
  }
}
