/**
 * The layout that packed messages share: numbers, candle columns, logged label columns and a text in
 * one buffer.
 *
 * @module
 */

import { CANDLE_ROW_BYTES, type CandleRows, candleViews } from "./candle_rows.ts";
import { StoreError } from "./error.ts";
import { LOGGED_ROW_BYTES, type LoggedColumns, loggedViews } from "./logged.ts";

/** Counts of numbers, candle rows, label rows and text bytes. */
const HEADER_NUMBERS = 4;

/** What lies in a packed buffer, as views of it. */
export interface Packed {
  /** What the message is made of, as its codec says. */
  readonly numbers: Float64Array;
  /** Candle rows. */
  readonly candles: CandleRows;
  /** Label rows. */
  readonly logged: LoggedColumns;
}

interface Layout {
  readonly candlesAt: number;
  readonly loggedAt: number;
  readonly textAt: number;
  readonly bytes: number;
}

function layoutOf(numbers: number, candles: number, labels: number, text: number): Layout {
  const candlesAt = 8 * (HEADER_NUMBERS + numbers);
  const loggedAt = candlesAt + Math.ceil(candles * CANDLE_ROW_BYTES / 8) * 8;
  const textAt = loggedAt + labels * LOGGED_ROW_BYTES;
  return { candlesAt, loggedAt, textAt, bytes: textAt + text };
}

/** A buffer with these numbers and this text, and room for rows. O(bytes). */
export function allocatePacked(
  numbers: readonly number[],
  candles: number,
  labels: number,
  text: Uint8Array,
): Packed & { readonly bytes: Uint8Array<ArrayBuffer> } {
  const layout = layoutOf(numbers.length, candles, labels, text.length);
  const bytes = new Uint8Array(layout.bytes);
  const { buffer } = bytes;
  new Float64Array(buffer, 0, HEADER_NUMBERS).set([numbers.length, candles, labels, text.length]);
  const held = new Float64Array(buffer, 8 * HEADER_NUMBERS, numbers.length);
  held.set(numbers);
  bytes.set(text, layout.textAt);
  return {
    bytes,
    numbers: held,
    candles: candleViews(buffer, layout.candlesAt, candles),
    logged: loggedViews(buffer, layout.loggedAt, labels),
  };
}

/**
 * What lies in a buffer of `allocatePacked`. O(text).
 *
 * @throws {StoreError} code `damaged` when the lengths do not fit.
 */
export function openPacked(given: Uint8Array): Packed & { readonly text: string } {
  const bytes = given.byteOffset % 8 === 0 ? given : given.slice();
  const { buffer, byteOffset } = bytes;
  const header = bytes.length < 8 * HEADER_NUMBERS
    ? []
    : [...new Float64Array(buffer, byteOffset, HEADER_NUMBERS)];
  const [numbers = 0, candles = 0, labels = 0, text = 0] = header;
  const layout = layoutOf(numbers, candles, labels, text);
  if (header.length === 0 || layout.bytes !== bytes.length) {
    throw new StoreError(
      "damaged",
      `Cannot unpack: expected ${layout.bytes} bytes: current value is ${bytes.length}`,
    );
  }
  return {
    numbers: new Float64Array(buffer, byteOffset + 8 * HEADER_NUMBERS, numbers),
    candles: candleViews(buffer, byteOffset + layout.candlesAt, candles),
    logged: loggedViews(buffer, byteOffset + layout.loggedAt, labels),
    text: new TextDecoder().decode(bytes.subarray(layout.textAt)),
  };
}
