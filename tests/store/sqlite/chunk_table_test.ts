/** Chunks in the table and in its cache, past what the cache holds. */

import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { encodeLabelChunk } from "../../../src/store/sqlite/chunk_codec.ts";
import { ChunkTable } from "../../../src/store/sqlite/chunk_table.ts";
import type { LabelPiece } from "../../../src/store/sqlite/pieces.ts";
import { migrate } from "../../../src/store/sqlite/schema.ts";
import { allocateLogged } from "../../../src/store/logged.ts";

const SERIES = 1, SET = 2;
const ROWS = 8_000;
/** 12 MB: half as much again as is kept. */
const CHUNKS = 12;

/** A table whose chunk i holds the times i · ROWS on, and closes that are the times' halves. */
function filled(db: DatabaseSync): ChunkTable {
  migrate(db, 0);
  const chunks = new ChunkTable(db);
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const columns = allocateLogged(ROWS);
    for (let row = 0; row < ROWS; row++) {
      columns.labels.ts[row] = chunk * ROWS + row;
      columns.labels.close[row] = (chunk * ROWS + row) / 2;
    }
    const pieces = [{ columns, from: 0, to: ROWS, seq: chunk + 1 }];
    chunks.insert(SERIES, SET, encodeLabelChunk(pieces));
  }
  return chunks;
}

/** Sum of the closes of some pieces. */
function closes(pieces: readonly LabelPiece[]): number {
  let sum = 0;
  for (const { columns, from, to } of pieces) {
    for (let row = from; row < to; row++) sum += columns.labels.close[row] as number;
  }
  return sum;
}

/** The same for the times from ≤ t < to. */
const expected = (from: number, to: number) => (to * (to - 1) - from * (from - 1)) / 4;

Deno.test("ChunkTable.labels() gives whole pieces when they are more than the cache holds", () => {
  using db = new DatabaseSync(":memory:");
  const chunks = filled(db);
  for (let round = 0; round < 2; round++) {
    const pieces = chunks.labels(SERIES, SET, -Infinity, Infinity);
    assertEquals(pieces.length, CHUNKS);
    assertEquals(closes(pieces), expected(0, CHUNKS * ROWS));
  }
});

Deno.test("ChunkTable.labels() gives dropped chunks again, and keeps those that it holds", async () => {
  using db = new DatabaseSync(":memory:");
  const chunks = filled(db);
  for (let read = 0; read < 3 * CHUNKS; read++) {
    const chunk = (read * 5) % CHUNKS;
    const [from, to] = [chunk * ROWS, (chunk + 1) * ROWS];
    const pieces = chunks.labels(SERIES, SET, from, to);
    assertEquals([pieces.length, closes(pieces)], [1, expected(from, to)]);
    // Dropped memory is given back between two reads.
    await Promise.resolve();
    assertEquals(closes(chunks.labels(SERIES, SET, from, to)), expected(from, to));
  }
});
