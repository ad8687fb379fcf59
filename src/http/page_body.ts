/**
 * A page of rows as the body of an answer: JSON or NDJSON by what the client accepts, written in
 * pieces as the connection takes them, with a turn of the event loop between two, so that a long
 * page holds up neither memory nor anybody else.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import { nextTurn } from "../actor/clock.ts";
import type { Call } from "./handler.ts";
import { PAGE_PIECE_ROWS, PIECE_BYTES_SOCKET } from "./limits.ts";
import { type Body, respond } from "./respond.ts";

/** How rows are written: each as a line, or as a member of an array with a comma after it. */
export type PageFormat = "ndjson" | "json";

/** Writes rows from ≤ row < to, each with its end. The next call may write over the bytes. */
export type RowWriter = (from: number, to: number) => Uint8Array<ArrayBuffer>;

/** The rows of a page as text. */
export interface Pieces {
  /** How many there are. */
  readonly count: number;
  /**
   * The next one, to be called `count` times; in JSON a comma follows each row. The piece before may
   * be written over from this call on.
   */
  next(): Promise<Uint8Array<ArrayBuffer>>;
  /** Called once when they have been written and are gone, or nobody wants them. */
  release(): void;
}

/** What a page is made of. */
export interface Page {
  /** Its rows. */
  readonly pieces: (format: PageFormat) => Pieces;
  /** `cursor` of the next page; null = this is the last. */
  readonly next: string | null;
  /** The other members of the JSON answer. */
  readonly about: Readonly<Record<string, unknown>>;
}

const NDJSON = /application\/(?:x-)?(?:ndjson|jsonl)/i;

/** Whether the client asked for one row a line. */
export function wantsNdjson(accept: string | null): boolean {
  return accept !== null && NDJSON.test(accept);
}

/** The answer to a request. `next` is in the header `Wick-Next` too, and `seq` in `Wick-Seq`. */
export async function pageResponse(page: Page, { request, bindings }: Call): Promise<Response> {
  const isLines = wantsNdjson(request.headers.get("accept"));
  const headers: Record<string, string> = { vary: "accept" };
  if (page.next !== null) headers["wick-next"] = page.next;
  if (typeof page.about.seq === "number") headers["wick-seq"] = String(page.about.seq);
  const pieces = page.pieces(isLines ? "ndjson" : "json");
  const texts = isLines ? linesOf(pieces) : documentOf(page, pieces);
  const type = isLines ? "application/x-ndjson" : "application/json";
  const body = pieces.count <= 1
    ? await joined(texts, pieces)
    : streamed(texts, pieces, bindings?.outgoing);
  return respond(body, type, 200, headers);
}

/**
 * Rows that are written here, some hundred at a time, each in a turn of the event loop of its own.
 *
 * @param release As of {@linkcode Pieces}.
 */
export function rowPieces(length: number, write: RowWriter, release?: () => void): Pieces {
  let from = 0, isReleased = false;
  return {
    count: Math.ceil(length / PAGE_PIECE_ROWS),
    async next() {
      if (from > 0) await new Promise<void>((resolve) => void nextTurn(resolve));
      // The memory may be another page's by now.
      if (isReleased) return new Uint8Array();
      const to = Math.min(length, from + PAGE_PIECE_ROWS);
      const piece = write(from, to);
      from = to;
      return piece;
    },
    release() {
      isReleased = true;
      release?.();
    },
  };
}

/**
 * Rows that are filled into objects, used again and again, and written by `JSON.stringify`.
 *
 * @param blank A row to be filled.
 * @param fill Writes row i into it.
 */
export function objectWriter<Row extends object>(
  blank: () => Row,
  fill: (row: Row, i: number) => void,
): (format: PageFormat) => RowWriter {
  const encoder = new TextEncoder();
  const rows: Row[] = [];
  return (format) => (from, to) => {
    while (rows.length < to - from) rows.push(blank());
    rows.length = to - from;
    rows.forEach((row, i) => fill(row, from + i));
    if (rows.length === 0) return new Uint8Array();
    if (format === "json") return encoder.encode(`${JSON.stringify(rows).slice(1, -1)},`);
    return encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  };
}

/**
 * On a connection of node:http the next piece is asked for when the one before is gone (it is longer
 * than what a socket takes in advance), so pieces can lie in the same memory: five megabytes less for
 * the garbage collector, which otherwise comes with every tenth page. Anyone else may keep a piece,
 * and gets a copy.
 */
function streamed(texts: Texts, pieces: Pieces, outgoing?: ServerResponse): Body {
  let isBegun = false, isOver = false;
  const end = () => {
    if (!isOver) pieces.release();
    isOver = true;
  };
  outgoing?.once("close", end);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The adapter reads ahead of the socket what it is given without waiting, and nothing else.
      if (!isBegun) await new Promise<void>((resolve) => void nextTurn(resolve));
      isBegun = true;
      if (isOver) return;
      const { done, value } = await texts.next();
      if (isOver) return;
      if (done === true) {
        if (outgoing === undefined) end();
        controller.close();
      } else if (outgoing !== undefined && value.length >= PIECE_BYTES_SOCKET) {
        controller.enqueue(value);
      } else controller.enqueue(value.slice());
    },
    cancel: () => outgoing === undefined ? end() : undefined,
  }, { highWaterMark: 0 });
}

async function joined(texts: Texts, pieces: Pieces): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  try {
    for await (const text of texts) parts.push(text.slice());
  } finally {
    pieces.release();
  }
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

type Texts = AsyncGenerator<Uint8Array<ArrayBuffer>, void>;

async function* linesOf(pieces: Pieces): Texts {
  for (let left = pieces.count; left > 0; left--) yield await pieces.next();
}

async function* documentOf({ about, next }: Page, pieces: Pieces): Texts {
  const encoder = new TextEncoder();
  const head = JSON.stringify({ ...about, next });
  yield encoder.encode(`${head.slice(0, -1)},"rows":[`);
  for (let left = pieces.count; left > 0; left--) {
    const piece = await pieces.next();
    // No comma after the last row.
    yield left > 1 ? piece : piece.subarray(0, -1);
  }
  yield encoder.encode("]}");
}
