/**
 * Reading what the exchange sends: frames of combined streams, and answers of its REST interface.
 *
 * @module
 */

import { candleRowReason, describeCandleReason } from "../market/candle.ts";
import { CANDLE_WIDTH } from "../market/columns.ts";
import { barOpenMs } from "../market/granularity.ts";
import {
  excerptOf,
  type Rejection,
  RejectReason,
  type RejectReasonCode,
} from "../market/reject.ts";
import type { KlineSeries } from "./kline_series.ts";

/** Longest frame, in characters: a kline has 400, a list of all subscriptions 5,000. */
export const KLINE_FRAME_CHARS_MAX = 65_536;

/** How much earlier than its bar's end an event may say that the bar is over, ms. */
const EARLY_MS = 1_000;

const DECIMAL = /^\d{1,24}(\.\d{1,24})?$/;
const encoder = new TextEncoder();

/** What a frame is. */
export type KlineFrame =
  | {
    readonly kind: "kline";
    readonly stream: string;
    readonly ts: number;
    /** In the order of `CANDLE_COLUMNS`. */
    readonly row: Float64Array;
  }
  /** A bar that still goes on, or an event of another kind. */
  | { readonly kind: "other" }
  /** The server is about to end the connection. */
  | { readonly kind: "shutdown" }
  /** The streams of the connection. */
  | { readonly kind: "streams"; readonly id: unknown; readonly streams: ReadonlySet<unknown> }
  | { readonly kind: "error"; readonly id: unknown; readonly message: string }
  | { readonly kind: "refused"; readonly rejection: Rejection };

type Fields = Readonly<Record<string, unknown>>;

/** Reads a frame; `streams` are those that were asked for. O(characters). */
export function readKlineFrame(
  data: unknown,
  streams: ReadonlyMap<string, KlineSeries>,
): KlineFrame {
  if (typeof data !== "string") return refuse("notJson", "a frame that is no text", "");
  if (data.length > KLINE_FRAME_CHARS_MAX) {
    return refuse("lineTooLong", `a frame of ${data.length} characters`, data);
  }
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return refuse("notJson", "a frame that is no JSON", data);
  }
  if (!isObject(value)) return refuse("notObject", "a frame that is no object", data);
  const { stream } = value;
  if (stream === undefined) return controlFrame(value, data);
  if (!isObject(value.data)) return refuse("keyMissing", "a frame without data", data);
  const event = value.data;
  if (event.e === "serverShutdown") return { kind: "shutdown" };
  if (event.e !== "kline") return { kind: "other" };
  const series = typeof stream === "string" ? streams.get(stream) : undefined;
  if (series === undefined) {
    return refuse("seriesInvalid", "a kline of a stream that was not asked for", data);
  }
  if (!isObject(event.k)) return refuse("keyMissing", "a kline without k", data);
  return klineFrame(series, event, event.k, data);
}

function controlFrame(value: Fields, data: string): KlineFrame {
  if (value.e === "serverShutdown") return { kind: "shutdown" };
  const { id = null, result, error } = value;
  const failure = isObject(error) ? error : value;
  if (failure.code !== undefined && failure.msg !== undefined) {
    const shown = excerptOf(encoder.encode(`${failure.code} ${failure.msg}`));
    return { kind: "error", id, message: shown };
  }
  if (Array.isArray(result)) return { kind: "streams", id, streams: new Set(result) };
  if (result === null) return { kind: "other" };
  return refuse("keyMissing", "a frame without stream", data);
}

function klineFrame(series: KlineSeries, event: Fields, k: Fields, data: string): KlineFrame {
  const { symbol, interval, stream } = series;
  if (typeof k.x !== "boolean") return refuse("keyMissing", `${stream}: x is no boolean`, data);
  if (k.s !== symbol || k.i !== interval) {
    return refuse("seriesInvalid", `${stream}: a kline of another symbol or interval`, data);
  }
  if (!k.x) return { kind: "other" };
  const read = readRow(series, [k.t, k.o, k.h, k.l, k.c, k.v], k.T, data);
  if ("rejection" in read) return { kind: "refused", rejection: read.rejection };
  const endMs = read.ts + series.lengthMs;
  if (typeof event.E !== "number" || event.E < endMs - EARLY_MS) {
    return refuse("tsOutOfRange", `${stream}: closed before it is over`, data);
  }
  return { kind: "kline", stream, ts: read.ts, row: read.row };
}

/** One kline of an answer. */
export interface KlineRow {
  /** Open time. */
  readonly ts: number;
  /** The candle, in the order of `CANDLE_COLUMNS`, or why it is none. */
  readonly row: Float64Array | null;
  readonly rejection: Rejection | null;
}

/**
 * The klines of an answer, `[[openTime, open, high, low, close, volume, closeTime, …], …]`, by open
 * time. What has no open time of a bar is refused without a place.
 */
export function readKlineRows(
  series: KlineSeries,
  values: readonly unknown[],
): { readonly rows: readonly KlineRow[]; readonly misplaced: readonly Rejection[] } {
  const rows: KlineRow[] = [];
  const misplaced: Rejection[] = [];
  for (const value of values) {
    const cells: readonly unknown[] = Array.isArray(value) ? value : [];
    const text = JSON.stringify(value).slice(0, 512);
    const read = readRow(series, cells.slice(0, CANDLE_WIDTH), cells[CANDLE_WIDTH], text);
    if (!("rejection" in read)) rows.push({ ...read, rejection: null });
    else if (read.ts === null) misplaced.push(read.rejection);
    else rows.push({ ts: read.ts, row: null, rejection: read.rejection });
  }
  rows.sort((a, b) => a.ts - b.ts);
  return { rows, misplaced };
}

type Read =
  | { readonly ts: number; readonly row: Float64Array }
  | { readonly ts: number | null; readonly rejection: Rejection };

/** Reads open time, four prices and the volume, and checks the close time. */
function readRow(
  { stream, granularity, lengthMs }: KlineSeries,
  cells: readonly unknown[],
  closeTime: unknown,
  text: string,
): Read {
  const [ts] = cells;
  if (typeof ts !== "number" || !Number.isSafeInteger(ts) || barOpenMs(ts, granularity) !== ts) {
    const message = `${stream}: ${JSON.stringify(ts)?.slice(0, 32)} opens no bar`;
    return { ts: null, rejection: rejectionOf(RejectReason.tsOutOfRange, message, text) };
  }
  const fail = (reason: RejectReasonCode, problem: string): Read => ({
    ts,
    rejection: rejectionOf(reason, `${stream} at ${ts}: ${problem}`, text),
  });
  if (closeTime !== ts + lengthMs - 1) {
    return fail(RejectReason.tsOutOfRange, `expected to close at ${ts + lengthMs - 1}`);
  }
  const row = new Float64Array(CANDLE_WIDTH);
  row[0] = ts;
  for (let i = 1; i < CANDLE_WIDTH; i++) {
    const cell = cells[i];
    if (typeof cell !== "string" || !DECIMAL.test(cell)) {
      return fail(RejectReason.notNumber, `cell ${i} is no decimal number in quotes`);
    }
    row[i] = Number(cell);
  }
  const reason = candleRowReason(row);
  return reason === 0 ? { ts, row } : fail(reason, describeCandleReason(reason, row));
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(reason: keyof typeof RejectReason, message: string, text: string): KlineFrame {
  return { kind: "refused", rejection: rejectionOf(RejectReason[reason], message, text) };
}

function rejectionOf(reason: RejectReasonCode, message: string, text: string): Rejection {
  return { line: 1, reason, message, excerpt: excerptOf(encoder.encode(text.slice(0, 512))) };
}
