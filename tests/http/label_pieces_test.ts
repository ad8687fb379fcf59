/** Pieces asked for ahead: order, back-pressure, and memory that comes back on any way out. */

import { assertEquals, assertRejects } from "@std/assert";
import { LabelPieces, TextMemories } from "../../src/http/label_pieces.ts";
import { TEXT_MEMORIES_MAX, TEXT_PIECES_AHEAD } from "../../src/http/limits.ts";
import type { LabelTextAnswer } from "../../src/http/port.ts";
import { LabelFormatter } from "../../src/label/format.ts";
import { allocateLabels } from "../../src/label/rows.ts";
import { LABEL_TEXT_BYTES, LABEL_TEXT_ROWS, type TextMemory } from "../../src/store/label_text.ts";

const PIECES = 7, LENGTH = (PIECES - 1) * LABEL_TEXT_ROWS + 3;
const formatter = new LabelFormatter("ndjson");

function rowsOf(fromTs: number, count: number) {
  const labels = allocateLabels("S:M1", "hash", count);
  for (let row = 0; row < count; row++) labels.ts[row] = fromTs + row;
  return { labels, revisions: new Uint32Array(count), seqs: new Float64Array(count).fill(1) };
}

const written = (memory: TextMemory, fromTs: number, count: number) =>
  formatter.into(memory, rowsOf(fromTs, count).labels, 0, count, rowsOf(fromTs, count));

/** A store that notes what it is asked, and says no when it has given up rows. */
function answer(memories: TextMemories, asked: number[], isGone = false): LabelTextAnswer {
  const starts = Float64Array.from({ length: PIECES }, (_, i) => i * LABEL_TEXT_ROWS);
  const first = written(memories.take(), 0, LABEL_TEXT_ROWS);
  return {
    state: "ok",
    seq: 1,
    paramHash: "hash",
    page: { length: LENGTH, next: null, asOf: 1, starts, endTs: LENGTH, first },
    piece: async ({ fromTs, rows, memory }) => {
      asked.push(fromTs / LABEL_TEXT_ROWS);
      await Promise.resolve();
      if (isGone) throw new Error("gone");
      // As a transfer to a thread does: whoever still looks at it sees nothing.
      return written(new Uint8Array(memory.buffer.transfer()), fromTs, rows);
    },
    rows: async ({ fromTs, toTs }) => {
      asked.push(fromTs / LABEL_TEXT_ROWS);
      await Promise.resolve();
      return rowsOf(fromTs, Math.min(toTs, LENGTH) - fromTs - (isGone ? 1 : 0));
    },
  };
}

Deno.test("LabelPieces are in order and whole, whoever writes them, a few asked for ahead", async () => {
  const memories = new TextMemories(), asked: number[] = [];
  const pieces = new LabelPieces(answer(memories, asked), memories, formatter);
  assertEquals(asked.length, TEXT_PIECES_AHEAD);
  let text = "";
  for (let i = 0; i < PIECES; i++) {
    text += new TextDecoder().decode(await pieces.next());
    assertEquals(asked.length, Math.min(PIECES - 1, i + TEXT_PIECES_AHEAD));
  }
  assertEquals(asked, [1, 2, 3, 4, 5, 6]);
  assertEquals(text === new TextDecoder().decode(written(new Uint8Array(), 0, LENGTH)), true);
  await assertRejects(() => pieces.next(), RangeError);
  pieces.release();
  assertEquals(memories.size, TEXT_PIECES_AHEAD + 1);
});

Deno.test("LabelPieces.release() amid a page takes all memory back once it comes", async () => {
  for (const taken of [0, 1, 3]) {
    const memories = new TextMemories(), asked: number[] = [];
    const pieces = new LabelPieces(answer(memories, asked), memories, formatter);
    for (let i = 0; i < taken; i++) await pieces.next();
    const pending = taken === 3 ? pieces.next() : null;
    const askedBefore = asked.length;
    pieces.release();
    await pending;
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    assertEquals([memories.size, asked.length], [TEXT_PIECES_AHEAD + 1, askedBefore]);
  }
});

Deno.test("LabelPieces.next() rejects when rows of a piece are gone", async () => {
  const memories = new TextMemories();
  const pieces = new LabelPieces(answer(memories, [], true), memories, formatter);
  await pieces.next();
  await assertRejects(() => pieces.next(), Error, "retention has given up some");
  await assertRejects(() => pieces.next(), Error, "gone");
  pieces.release();
});

Deno.test("TextMemories keeps a few, and none that is too small or too large", () => {
  const memories = new TextMemories();
  for (const bytes of [LABEL_TEXT_BYTES - 1, 2 * LABEL_TEXT_BYTES + 1]) {
    const memory = new Uint8Array(bytes);
    memories.give(memory);
    assertEquals([memories.size, memory.buffer.detached], [0, true]);
  }
  const taken = Array.from({ length: TEXT_MEMORIES_MAX + 2 }, () => memories.take());
  for (const memory of taken) memories.give(memory.subarray(0, 5));
  assertEquals([memories.size, memories.take().length], [TEXT_MEMORIES_MAX, LABEL_TEXT_BYTES]);
});
