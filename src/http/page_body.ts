/**
 * A page of rows as the body of an answer: JSON or NDJSON by what the client accepts, written in
 * pieces as the connection takes them, with a turn of the event loop between two, so that a long
 * page holds up neither memory nor anybody else.
 *
 * @module
 */

import { nextTurn } from "../actor/clock.ts";
import { PAGE_PIECE_ROWS } from "./limits.ts";
import { type Body, respond } from "./respond.ts";

/** How rows are written: each as a line, or as a member of an array with a comma after it. */
export type PageFormat = "ndjson" | "json";

/** Writes rows from ≤ row < to, each with its end; the bytes are the caller's. */
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
}

const NDJSON = /application\/(?:x-)?(?:ndjson|jsonl)/i;

/** Whether the client asked for one row a line. */
export function wantsNdjson(accept: string | null): boolean {
  return accept !== null && NDJSON.test(accept);
}

/** The answer. `next` is in the header `Wick-Next` too, and `seq` in `Wick-Seq`. */
export function pageResponse(page: Page, accept: string | null): Response {
  const isLines = wantsNdjson(accept);
  const headers: Record<string, string> = { vary: "accept" };
  if (page.next !== null) headers["wick-next"] = page.next;
  if (typeof page.about.seq === "number") headers["wick-seq"] = String(page.about.seq);
  const pieces = isLines ? linesOf(page) : documentOf(page);
  const type = isLines ? "application/x-ndjson" : "application/json";
  return respond(bodyOf(pieces, page.length), type, 200, headers);
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

function bodyOf(pieces: Iterator<Uint8Array<ArrayBuffer>>, rows: number): Body {
  if (rows <= PAGE_PIECE_ROWS) return joined([...Iterator.from(pieces)]);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise<void>((resolve) => void nextTurn(resolve));
      const { done, value } = pieces.next();
      if (done === true) return controller.close();
      controller.enqueue(value);
    },
  }, { highWaterMark: 0 });
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
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
