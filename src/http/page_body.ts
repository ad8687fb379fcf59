/**
 * A page of rows as the body of an answer: JSON or NDJSON by what the client accepts, written in
 * pieces as the connection takes them, with a turn of the event loop between two, so that a long
 * page holds up neither memory nor anybody else.
 *
 * @module
 */

import { nextTurn } from "../actor/clock.ts";
import { TEXT_ROWS } from "./limits.ts";
import { type Body, respond } from "./respond.ts";

/** What a page is made of. */
export interface Page<Row extends object> {
  /** Rows. */
  readonly length: number;
  /** A row to be filled; rows are used again. */
  readonly blank: () => Row;
  /** Writes row i into `row`. */
  readonly fill: (row: Row, i: number) => void;
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
export function pageResponse<Row extends object>(page: Page<Row>, accept: string | null): Response {
  const isLines = wantsNdjson(accept);
  const headers: Record<string, string> = { vary: "accept" };
  if (page.next !== null) headers["wick-next"] = page.next;
  if (typeof page.about.seq === "number") headers["wick-seq"] = String(page.about.seq);
  const pieces = isLines ? linesOf(page) : documentOf(page);
  const type = isLines ? "application/x-ndjson" : "application/json";
  return respond(bodyOf(pieces, page.length), type, 200, headers);
}

function bodyOf(pieces: Iterator<string>, rows: number): Body {
  if (rows <= TEXT_ROWS) {
    let text = "";
    for (let piece = pieces.next(); piece.done !== true; piece = pieces.next()) text += piece.value;
    return text;
  }
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise<void>((resolve) => void nextTurn(resolve));
      const { done, value } = pieces.next();
      if (done === true) return controller.close();
      controller.enqueue(encoder.encode(value));
    },
  }, { highWaterMark: 0 });
}

function* linesOf<Row extends object>(page: Page<Row>): Generator<string, void> {
  for (const rows of filled(page)) {
    let text = "";
    for (const row of rows) text += `${JSON.stringify(row)}\n`;
    yield text;
  }
}

function* documentOf<Row extends object>(page: Page<Row>): Generator<string, void> {
  const head = JSON.stringify({ ...page.about, next: page.next });
  let before = `${head.slice(0, -1)},"rows":[`;
  for (const rows of filled(page)) {
    yield before + JSON.stringify(rows).slice(1, -1);
    before = ",";
  }
  yield before === "," ? "]}" : `${before}]}`;
}

/** The rows of a page, some hundred at a time. */
function* filled<Row extends object>({ length, blank, fill }: Page<Row>): Generator<Row[], void> {
  const rows = Array.from({ length: Math.min(length, TEXT_ROWS) }, blank);
  for (let from = 0; from < length; from += TEXT_ROWS) {
    rows.length = Math.min(rows.length, length - from);
    rows.forEach((row, i) => fill(row, from + i));
    yield rows;
  }
}
