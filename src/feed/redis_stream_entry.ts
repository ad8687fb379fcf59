/**
 * What one entry of a Redis Stream of candles looks like, for those who write them and the feed that
 * reads them.
 *
 * ## Packed: many candles of one series
 * One field, `block`, whose value is what {@linkcode packCandles} makes: the encoding of
 * `src/market/block_codec.ts`, little endian, every part padded with zeros to a multiple of 8 bytes:
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | `WICK` |
 * | 4 | 1 | 1, the version |
 * | 5 | 1 | 1, candles |
 * | 6 | 2 | flags: bit 0 when a column `deleted` follows |
 * | 8 | 4 | rows n |
 * | 12 | 4 | bytes of the whole |
 * | 16 | 2 | bytes k of the series key |
 * | 18 | 6 | zero |
 * | 24 | k, padded | series key, as `BTC_USDT:M1` |
 * | … | 8n each | Float64 columns ts, open, high, low, close, volume |
 * | … | n, padded | with the flag: bytes `deleted`, 1 where the row deletes the candle at its ts |
 *
 * All rows are of bars that are over.
 *
 * ## Plain: one candle
 * The fields `series`, `ts`, `open`, `high`, `low`, `close`, `volume` and, if need be, `complete`, in
 * any order, as decimal text. `complete` is `1` or `true` (as without it), or `0` or `false` for a bar
 * that still goes on: such an entry is left out.
 *
 * @module
 */

import { type CandleBlock, candleBlock, decodeCandles, encodeCandles } from "../market/block.ts";
import { CANDLE_COLUMNS, CANDLE_WIDTH } from "../market/columns.ts";
import { parseDecimal, parseInteger } from "../market/decimal.ts";
import { MarketError } from "../market/error.ts";
import {
  excerptOf,
  type Rejection,
  RejectReason,
  type RejectReasonCode,
} from "../market/reject.ts";
import { isSeries, parseSeries } from "../market/series.ts";

/** Most rows of a packed entry: a reader holds whole entries. */
export const STREAM_ENTRY_ROWS_MAX = 8_192;

/** Most bytes of an entry, names of fields included: rows of 49 bytes, and room for a key. */
export const STREAM_ENTRY_BYTES_MAX = 448 * 1024;

/** Name of the field of a packed entry. */
export const STREAM_BLOCK_FIELD = "block";

/** Longest value of a plain field, bytes: a number with all its digits has some 30. */
const FIELD_BYTES_MAX = 256;

const PLAIN_FIELDS: ReadonlySet<string> = new Set(["series", ...CANDLE_COLUMNS, "complete"]);
const COMPLETE: ReadonlyMap<string, boolean> = new Map([
  ["1", true],
  ["true", true],
  ["0", false],
  ["false", false],
]);
const decoder = new TextDecoder();

/**
 * The value of the field {@linkcode STREAM_BLOCK_FIELD} of a packed entry. O(rows).
 *
 * ```ts ignore
 * // redis is a client of ioredis
 * await redis.xadd("candles", "*", STREAM_BLOCK_FIELD, Buffer.from(packCandles(block)));
 * ```
 *
 * @throws {MarketError} code `series` for a key that is none, `block` unless it has 1 to
 * {@linkcode STREAM_ENTRY_ROWS_MAX} rows.
 */
export function packCandles(block: CandleBlock): Uint8Array {
  parseSeries(block.series);
  if (block.length >= 1 && block.length <= STREAM_ENTRY_ROWS_MAX) return encodeCandles(block);
  throw new MarketError(
    "block",
    `Cannot pack candles of ${block.series}: expected 1 to ${STREAM_ENTRY_ROWS_MAX} rows: ` +
      `current value is ${block.length}`,
  );
}

/** What an entry holds. Its rows are not checked yet: that is `candleReason` in `candle.ts`. */
export type StreamEntry =
  | { readonly state: "rows"; readonly block: CandleBlock }
  /** A bar that still goes on. */
  | { readonly state: "incomplete" }
  | { readonly state: "refused"; readonly rejection: Rejection };

/** Reads names and values of the fields of an entry. O(rows). */
export function readStreamEntry(id: string, fields: readonly Uint8Array[]): StreamEntry {
  const isPacked = fields.length === 2 && textOf(fields[0]) === STREAM_BLOCK_FIELD;
  return isPacked ? packedEntry(id, fields[1] as Uint8Array) : plainEntry(id, fields);
}

/** An entry that is refused because it is larger than {@linkcode STREAM_ENTRY_BYTES_MAX}. */
export function tooLargeEntry(id: string, bytes: number): StreamEntry {
  const expected = `expected at most ${STREAM_ENTRY_BYTES_MAX} bytes: current value is ${bytes}`;
  return refused(id, RejectReason.lineTooLong, expected, new Uint8Array());
}

function packedEntry(id: string, bytes: Uint8Array): StreamEntry {
  let block: CandleBlock;
  try {
    // A copy, since the bytes begin anywhere in a buffer of the client; `slice` of a Buffer is none.
    block = decodeCandles(new Uint8Array(bytes));
  } catch (error) {
    if (!(error instanceof MarketError)) throw error;
    return refused(id, RejectReason.notObject, error.message, bytes);
  }
  if (!isSeries(block.series)) {
    const shown = JSON.stringify(block.series.slice(0, 64));
    return refused(id, RejectReason.seriesInvalid, `${shown} is no series key`, bytes);
  }
  if (block.length <= STREAM_ENTRY_ROWS_MAX) return { state: "rows", block };
  const expected = `expected at most ${STREAM_ENTRY_ROWS_MAX} rows`;
  return refused(
    id,
    RejectReason.lineTooLong,
    `${expected}: current value is ${block.length}`,
    bytes,
  );
}

function plainEntry(id: string, fields: readonly Uint8Array[]): StreamEntry {
  const values = new Map<string, Uint8Array>();
  const refuse = (reason: RejectReasonCode, problem: string) =>
    refused(id, reason, problem, lineOf(fields));
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = textOf(fields[i]);
    const value = fields[i + 1] as Uint8Array;
    if (!PLAIN_FIELDS.has(name)) {
      return refuse(RejectReason.keyUnknown, `field ${shownName(name)} is not known`);
    }
    if (values.has(name)) return refuse(RejectReason.keyUnknown, `field ${name} comes twice`);
    if (value.length > FIELD_BYTES_MAX) {
      return refuse(RejectReason.lineTooLong, `field ${name} has ${value.length} bytes`);
    }
    values.set(name, value);
  }
  const missing = [...PLAIN_FIELDS].find((name) => name !== "complete" && !values.has(name));
  if (missing !== undefined) return refuse(RejectReason.keyMissing, `field ${missing} is missing`);
  const series = textOf(values.get("series"));
  if (!isSeries(series)) {
    return refuse(RejectReason.seriesInvalid, `${shownName(series)} is no series key`);
  }
  const complete = values.get("complete");
  const isComplete = complete === undefined ? true : COMPLETE.get(textOf(complete).toLowerCase());
  if (isComplete === undefined) {
    return refuse(RejectReason.notNumber, "field complete is none of 1, true, 0, false");
  }
  if (!isComplete) return { state: "incomplete" };
  const row = new Float64Array(CANDLE_WIDTH);
  for (const [column, name] of CANDLE_COLUMNS.entries()) {
    const value = values.get(name) as Uint8Array;
    const parse = name === "ts" ? parseInteger : parseDecimal;
    const reason = parse(value, 0, value.length, row, column);
    if (reason !== 0) return refuse(reason, `field ${name} is no number that is expected there`);
  }
  const [ts, open, high, low, close, volume] = Array.from(
    CANDLE_COLUMNS,
    (_, column) => row.subarray(column, column + 1),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  return { state: "rows", block: candleBlock(series, { ts, open, high, low, close, volume }) };
}

function refused(
  id: string,
  reason: RejectReasonCode,
  problem: string,
  bytes: Uint8Array,
): StreamEntry {
  const message = `entry ${id}: ${problem}`;
  return { state: "refused", rejection: { line: 1, reason, message, excerpt: excerptOf(bytes) } };
}

/** The fields as one line, for the excerpt of a rejection. */
function lineOf(fields: readonly Uint8Array[]): Uint8Array {
  const some = fields.slice(0, 2 * (PLAIN_FIELDS.size + 1));
  const texts = some.map((field) => textOf(field.subarray(0, FIELD_BYTES_MAX)));
  return new TextEncoder().encode(texts.join(" "));
}

function shownName(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}

function textOf(bytes: Uint8Array | undefined): string {
  return decoder.decode(bytes);
}
