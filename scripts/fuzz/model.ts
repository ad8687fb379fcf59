/**
 * What the service must hold after the requests it was sent, worked out once more from the documented
 * rules and from the bodies alone.
 *
 * @module
 */

/** ts, open, high, low, close, volume. */
export type Row = readonly number[];

const KEYS = ["ts", "open", "high", "low", "close", "volume"];
const SERIES = /^[A-Za-z0-9^][A-Za-z0-9._^=+-]{0,31}:(M1|M5|M15|M30|H1|H4|D|W)$/;
const LINE_BYTES_MAX = 4_096;
const DEPTH_MAX = 32;

/** What a push must come to. */
export interface Expected {
  /** 200, or the least and the most status of a refusal. */
  readonly status: number;
  readonly accepted: number;
  readonly refused: number;
}

/** See the module's text. */
export class Model {
  /** Candles by series and time. */
  readonly candles = new Map<string, Map<number, Row>>();
  /** Levels by symbol, as JSON. */
  readonly levels = new Map<string, unknown>();
  /** Instruments that were put, by symbol. */
  readonly instruments = new Map<string, Record<string, unknown>>();

  readonly #lanes = new Map<string, Set<number>>();

  /** Whether more than one lane has sent candles of a series: their order is not known. */
  isShared(series: string): boolean {
    return (this.#lanes.get(series)?.size ?? 0) > 1;
  }

  /** Takes a push of NDJSON; says what it must come to. */
  pushLines(lane: number, text: string): Expected {
    const lines = text.split("\n");
    let hasObject = false;
    const rows: { series: string; row: Row }[] = [];
    let refused = 0;
    for (const [i, raw] of lines.entries()) {
      const line = (i === 0 ? raw.replace(/^\ufeff/, "") : raw).replace(/\r$/, "");
      const isLong = new TextEncoder().encode(line).length > LINE_BYTES_MAX;
      if (!isLong && line.trim() === "") continue;
      const value = isLong ? undefined : parsed(line);
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      if (!isObject && !hasObject) return { status: 422, accepted: 0, refused: 0 };
      if (isObject) hasObject = true;
      const candle = isObject ? candleOf(value as Record<string, unknown>) : null;
      if (candle === null) refused++;
      else rows.push(candle);
    }
    for (const { series, row } of rows) this.#put(lane, series, row);
    const status = rows.length === 0 && refused > 0 ? 422 : 200;
    return { status, accepted: rows.length, refused };
  }

  /** Takes a push of JSON. */
  pushJson(lane: number, text: string): Expected {
    const value = parsed(text);
    if (value === undefined || depthOf(text) > DEPTH_MAX) {
      return { status: 400, accepted: 0, refused: 0 };
    }
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return this.pushLines(lane, values.map((one) => JSON.stringify(one)).join("\n"));
  }

  #put(lane: number, series: string, row: Row): void {
    const lanes = this.#lanes.get(series) ?? new Set();
    this.#lanes.set(series, lanes.add(lane));
    let known = this.candles.get(series);
    if (known === undefined) this.candles.set(series, known = new Map());
    known.set(row[0] as number, row);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Brackets in brackets, outside of strings. */
function depthOf(text: string): number {
  let depth = 0, deepest = 0;
  for (const token of text.match(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs) ?? []) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
  }
  return deepest;
}

/** The candle that an object is, or null. */
function candleOf(value: Record<string, unknown>): { series: string; row: Row } | null {
  const names = Object.keys(value);
  if (names.length !== 7 || !KEYS.every((key) => typeof value[key] === "number")) return null;
  const series = value.series;
  if (typeof series !== "string" || !SERIES.test(series)) return null;
  const row = KEYS.map((key) => (value[key] as number) + 0);
  const [ts = NaN, open = NaN, high = NaN, low = NaN, close = NaN, volume = NaN] = row;
  const isWell = Number.isInteger(ts) && Math.abs(ts) <= 8.64e15 && row.every(Number.isFinite) &&
    low > 0 && low <= Math.min(open, close) && high >= Math.max(open, close) && volume >= 0;
  return isWell ? { series, row } : null;
}
