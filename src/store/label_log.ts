/**
 * The log of label rows in the order in which they were committed, bounded in rows.
 *
 * Rows lie in chunks of columns, each with the number of its (series, parameter hash): writing one
 * allocates nothing, and the oldest chunk is written anew once the log is full. A reader pays for
 * putting the rows of a series together instead.
 *
 * @module
 */

import { allocateLabels, copyRow, LabelBuilder } from "../label/rows.ts";
import type { LabelBlock, SeriesKey } from "../market/block.ts";
import type { LoggedLabels } from "./port.ts";

/** Rows of a chunk: 600 KB. */
const CHUNK_ROWS_MAX = 4_096;
/** Chunks of a full log: at a bound this share of it is given up at a time. */
const CHUNKS_MIN = 4;

interface Chunk {
  readonly labels: LabelBlock;
  readonly seqs: Float64Array;
  readonly owners: Uint32Array;
  readonly revisions: Uint32Array;
  readonly removed: Uint8Array;
  rows: number;
}

interface Owner {
  readonly series: SeriesKey;
  readonly paramHash: string;
}

/** See the module's text. Keeps at least 3/4 of `rowsMax` rows and at most `rowsMax`. */
export class LabelLog {
  /** Seq up to which rows may have been given up. */
  fromSeq = 0;
  readonly #chunkRows: number;
  readonly #chunksMax: number;
  readonly #owners: Owner[] = [];
  #chunks: Chunk[] = [];

  constructor(rowsMax: number) {
    this.#chunkRows = Math.max(1, Math.min(CHUNK_ROWS_MAX, Math.floor(rowsMax / CHUNKS_MIN)));
    this.#chunksMax = Math.max(1, Math.floor(rowsMax / this.#chunkRows));
  }

  /** Number under which rows of this series and parameter set are written. */
  owner(series: SeriesKey, paramHash: string): number {
    return this.#owners.push({ series, paramHash }) - 1;
  }

  /** Writes a copy of row `row`. Seqs must not descend. O(columns), allocates nothing when full. */
  write(
    seq: number,
    owner: number,
    labels: LabelBlock,
    row: number,
    revision: number,
    removed: 0 | 1,
  ): void {
    let chunk = this.#chunks[this.#chunks.length - 1];
    if (chunk === undefined || chunk.rows === this.#chunkRows) chunk = this.#nextChunk();
    const at = chunk.rows++;
    copyRow(labels, row, chunk.labels, at);
    chunk.seqs[at] = seq;
    chunk.owners[at] = owner;
    chunk.revisions[at] = revision;
    chunk.removed[at] = removed;
  }

  #nextChunk(): Chunk {
    let chunk: Chunk | undefined;
    if (this.#chunks.length === this.#chunksMax) {
      chunk = this.#chunks.shift() as Chunk;
      this.fromSeq = chunk.seqs[chunk.rows - 1] as number;
      chunk.rows = 0;
    }
    chunk ??= emptyChunk(this.#chunkRows);
    this.#chunks.push(chunk);
    return chunk;
  }

  /**
   * The rows after `seq`, by commit and series, until `limit` rows are passed; a commit is never
   * cut. Within a commit series come in the order of their first rows. O(rows read + chunks).
   */
  after(seq: number, limit: number): LoggedLabels[] {
    const found: LoggedLabels[] = [];
    let rows = 0;
    let commit: CommitRows | null = null;
    for (const chunk of this.#chunks) {
      if ((chunk.seqs[chunk.rows - 1] as number) <= seq) continue;
      for (let at = 0; at < chunk.rows; at++) {
        const seqAt = chunk.seqs[at] as number;
        if (seqAt <= seq) continue;
        if (commit !== null && seqAt !== commit.seq) {
          rows += commit.end(found);
          commit = null;
          if (rows >= limit) return found;
        }
        commit ??= new CommitRows(seqAt);
        commit.add(this.#owners[chunk.owners[at] as number] as Owner, chunk, at);
      }
    }
    commit?.end(found);
    return found;
  }
}

/** The rows of one commit, put together by series. */
class CommitRows {
  readonly #drafts = new Map<
    Owner,
    { rows: LabelBuilder; revisions: number[]; removed: number[] }
  >();
  #rows = 0;
  constructor(readonly seq: number) {}

  add(owner: Owner, chunk: Chunk, at: number): void {
    let draft = this.#drafts.get(owner);
    if (draft === undefined) {
      draft = { rows: new LabelBuilder(4), revisions: [], removed: [] };
      this.#drafts.set(owner, draft);
    }
    draft.rows.append(chunk.labels, at);
    draft.revisions.push(chunk.revisions[at] as number);
    draft.removed.push(chunk.removed[at] as number);
    this.#rows++;
  }

  end(found: LoggedLabels[]): number {
    for (const [{ series, paramHash }, draft] of this.#drafts) {
      found.push({
        seq: this.seq,
        labels: draft.rows.take(series, paramHash),
        revisions: Uint32Array.from(draft.revisions),
        removed: Uint8Array.from(draft.removed),
      });
    }
    return this.#rows;
  }
}

function emptyChunk(rows: number): Chunk {
  return {
    labels: allocateLabels("", "", rows),
    seqs: new Float64Array(rows),
    owners: new Uint32Array(rows),
    revisions: new Uint32Array(rows),
    removed: new Uint8Array(rows),
    rows: 0,
  };
}
