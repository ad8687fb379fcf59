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

/** What a page is made of. */
export interface Page {
  /** Rows. */
  readonly length: number;
  /** Writes its rows. */
  readonly writer: (format: PageFormat) => RowWriter;
  /** `cursor` of the next page; null = this is the last. */
  readonly next: string | null;
  /** The other members of the JSON answer. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Called once when its rows have been written and are gone, or nobody wants them. */
  readonly release?: () => void;
}

const NDJSON = /application\/(?:x-)?(?:ndjson|jsonl)/i;

/** Whether the client asked for one row a line. */
export function wantsNdjson(accept: string | null): boolean {
  return accept !== null && NDJSON.test(accept);
}

/** The answer to a request. `next` is in the header `Wick-Next` too, and `seq` in `Wick-Seq`. */
export function pageResponse(page: Page, { request, bindings }: Call): Response {
  const isLines = wantsNdjson(request.headers.get("accept"));
  const headers: Record<string, string> = { vary: "accept" };
  if (page.next !== null) headers["wick-next"] = page.next;
  if (typeof page.about.seq === "number") headers["wick-seq"] = String(page.about.seq);
  const pieces = isLines ? linesOf(page) : documentOf(page);
  const type = isLines ? "application/x-ndjson" : "application/json";
  return respond(bodyOf(pieces, page, bindings?.outgoing), type, 200, headers);
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
): Page["writer"] {
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
function bodyOf(pieces: Pieces, { length, release }: Page, outgoing?: ServerResponse): Body {
  let isOver = false;
  const end = () => {
    if (!isOver) release?.();
    isOver = true;
  };
  if (length <= PAGE_PIECE_ROWS) {
    const whole = joined(pieces);
    end();
    return whole;
  }
  outgoing?.once("close", end);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise<void>((resolve) => void nextTurn(resolve));
      // The memory may be another page's by now.
      if (isOver) return;
      const { done, value } = pieces.next();
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

function joined(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const parts = Array.from(pieces, (piece) => piece.slice());
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

type Pieces = Generator<Uint8Array<ArrayBuffer>, void>;

function* linesOf(page: Page): Pieces {
  yield* piecesOf(page, "ndjson");
}

function* documentOf(page: Page): Pieces {
  const encoder = new TextEncoder();
  const head = JSON.stringify({ ...page.about, next: page.next });
  yield encoder.encode(`${head.slice(0, -1)},"rows":[`);
  let left = page.length;
  for (const piece of piecesOf(page, "json")) {
    left -= PAGE_PIECE_ROWS;
    // No comma after the last row.
    yield left > 0 ? piece : piece.subarray(0, -1);
  }
  yield encoder.encode("]}");
}

/** Some hundred rows at a time. */
function* piecesOf({ length, writer }: Page, format: PageFormat): Pieces {
  const write = writer(format);
  for (let from = 0; from < length; from += PAGE_PIECE_ROWS) {
    yield write(from, Math.min(length, from + PAGE_PIECE_ROWS));
  }
}
