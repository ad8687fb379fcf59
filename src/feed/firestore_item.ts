/**
 * From a document of a collection to a candle, a deletion, or the reason why it is neither.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { candleRowReason, describeCandleReason, TS_MS_MAX } from "../market/candle.ts";
import { CANDLE_WIDTH } from "../market/columns.ts";
import {
  excerptOf,
  type Rejection,
  RejectReason,
  type RejectReasonCode,
} from "../market/reject.ts";
import { isSeries } from "../market/series.ts";
import type { FirestorePosition } from "./firestore_cursor.ts";
import type { FirestoreFields, FirestorePlan } from "./firestore_options.ts";

/** A document as the server has it. */
export interface StoredDocument {
  /** Path within the database, as `candles/x1`. */
  readonly path: string;
  /** Time of its last commit, epoch µs, by the server's clock. */
  readonly updateUs: number;
  /** Its fields. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a document is to the feed. */
export interface FirestoreItem extends FirestorePosition {
  readonly updateUs: number;
  /** `foreign`: of a series that is not subscribed to. */
  readonly kind: "candle" | "deleted" | "refused" | "foreign";
  readonly series: string;
  /** The six numbers of a candle. */
  readonly row: Float64Array | null;
  readonly rejection: Rejection | null;
}

/** Characters of a path that are kept in a message; a path may have 6,144. */
const PATH_CHARS_SHOWN = 200;

/** Fields that are six numbers, in the order of `CANDLE_COLUMNS`. */
const PRICES = ["open", "high", "low", "close"] as const;

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/;

/** Epoch µs of a timestamp by its parts; whole, as Firestore's timestamps are. */
export function timestampUs(value: unknown): number | null {
  if (typeof value !== "object" || value === null) return null;
  const { seconds, nanoseconds } = value as { seconds?: unknown; nanoseconds?: unknown };
  if (typeof seconds !== "number" || typeof nanoseconds !== "number") return null;
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}

/** Reads documents of one feed. */
export class FirestoreReader {
  readonly #plan: FirestorePlan;
  readonly #paths: Readonly<Record<keyof FirestoreFields, readonly string[] | null>>;
  readonly #symbols: ReadonlySet<string>;
  readonly #granularities: ReadonlySet<string>;

  constructor(plan: FirestorePlan) {
    this.#plan = plan;
    this.#paths = Object.fromEntries(
      Object.entries(plan.fields).map(([name, path]) => [name, path?.split(".") ?? null]),
    ) as Record<keyof FirestoreFields, readonly string[] | null>;
    this.#symbols = new Set(plan.symbols);
    this.#granularities = new Set(plan.granularities);
  }

  /** Whether the bar of a document is over. */
  isComplete(document: StoredDocument): boolean {
    return this.#field(document, "complete") === true;
  }

  /** What a document says, see {@linkcode FirestoreItem}. O(fields). */
  item(document: StoredDocument): FirestoreItem {
    const { path, updateUs } = document;
    const hash = createHash("sha256").update(path).digest("hex").slice(0, 16);
    const base = { orderUs: this.orderUs(document), ts: -Infinity, hash, updateUs };
    const none = { row: null, rejection: null };
    const series = this.#series(document);
    if (series === null) {
      const message = `expected INSTRUMENT:GRANULARITY of it (${this.#seriesFields()})`;
      const rejection = this.#rejection(document, RejectReason.seriesInvalid, message);
      return { ...base, kind: "refused", series: "", row: null, rejection };
    }
    if (!this.#isSubscribed(series)) return { ...base, ...none, kind: "foreign", series };
    const ts = timeMs(this.#field(document, "ts"));
    if (this.#field(document, "deleted") === true && isCandleTime(ts)) {
      return { ...base, ...none, kind: "deleted", series, ts };
    }
    const row = this.#row(document, ts);
    if (!(row instanceof Float64Array)) {
      return { ...base, kind: "refused", series, row: null, rejection: row };
    }
    return { ...base, kind: "candle", series, ts: row[0] as number, row, rejection: null };
  }

  #row(document: StoredDocument, ts: number | null): Float64Array | Rejection {
    const row = new Float64Array(CANDLE_WIDTH);
    if (ts === null) return this.#notNumber(document, "ts");
    row[0] = ts;
    for (const [i, name] of PRICES.entries()) {
      const value = numberOf(this.#field(document, name));
      if (value === null) return this.#notNumber(document, name);
      row[i + 1] = value;
    }
    if (this.#paths.volume !== null) {
      const volume = numberOf(this.#field(document, "volume"));
      if (volume === null) return this.#notNumber(document, "volume");
      row[PRICES.length + 1] = volume;
    }
    const reason = candleRowReason(row);
    if (reason === 0) return row;
    return this.#rejection(document, reason, describeCandleReason(reason, row));
  }

  #notNumber(document: StoredDocument, name: "ts" | "volume" | typeof PRICES[number]): Rejection {
    const value = this.#field(document, name);
    const field = this.#plan.fields[name];
    if (value === undefined) {
      return this.#rejection(document, RejectReason.keyMissing, `field ${field} is missing`);
    }
    const message = `field ${field} is no ${name === "ts" ? "time" : "number"}`;
    return this.#rejection(document, RejectReason.notNumber, message);
  }

  #rejection(document: StoredDocument, reason: RejectReasonCode, message: string): Rejection {
    const { path } = document;
    const shown = path.length > PATH_CHARS_SHOWN ? `${path.slice(0, PATH_CHARS_SHOWN)}…` : path;
    // A document stands in no line.
    const excerpt = this.#excerpt(document);
    return { line: 0, reason, message: `document ${shown}: ${message}`, excerpt };
  }

  /** The fields of a candle only, and no objects: a reference to a document holds its client. */
  #excerpt(document: StoredDocument): string {
    const cells = Object.entries(this.#plan.fields).flatMap(([name, field]) => {
      const value = field === null
        ? undefined
        : this.#field(document, name as keyof FirestoreFields);
      return value === undefined ? [] : [`${JSON.stringify(field)}:${shownValue(value)}`];
    });
    return excerptOf(new TextEncoder().encode(`{${cells.join(",")}}`));
  }

  #series(document: StoredDocument): string | null {
    const text = this.#paths.series === null
      ? [this.#field(document, "instrument"), this.#field(document, "granularity")]
      : [this.#field(document, "series")];
    if (!text.every((part) => typeof part === "string")) return null;
    const series = text.join(":");
    return isSeries(series) ? series : null;
  }

  #seriesFields(): string {
    const { series, instrument, granularity } = this.#plan.fields;
    return series === null ? `fields ${instrument}, ${granularity}` : `field ${series}`;
  }

  #isSubscribed(series: string): boolean {
    const [symbol, granularity] = series.split(":") as [string, string];
    return (this.#symbols.size === 0 || this.#symbols.has(symbol)) &&
      (this.#granularities.size === 0 || this.#granularities.has(granularity));
  }

  /** When a document says that it was written last, epoch µs. */
  orderUs(document: StoredDocument): number {
    const value = this.#field(document, "updated");
    if (this.#plan.orderAs === "millis" && typeof value === "number") {
      return Math.floor(value * 1_000);
    }
    // The server's filter leaves out documents without it.
    return timestampUs(value) ?? 0;
  }

  #field({ data }: StoredDocument, name: keyof FirestoreFields): unknown {
    let value: unknown = data;
    for (const key of this.#paths[name] ?? []) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
        return undefined;
      }
      value = (value as Record<string, unknown>)[key];
    }
    return value;
  }
}

function isCandleTime(ts: number | null): ts is number {
  return ts !== null && Number.isInteger(ts) && Math.abs(ts) <= TS_MS_MAX;
}

function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value !== "object" || value === null) return String(value);
  const us = timestampUs(value);
  return us === null ? "{…}" : `${us / 1_000}`;
}

function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" && DECIMAL.test(value) ? Number(value) : null;
}

/** Epoch ms with a fraction where it has one, which no candle may. */
function timeMs(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "string") return ISO_TIME.test(value) ? isoMs(value) : null;
  const us = timestampUs(value);
  return us === null ? null : us / 1_000;
}

/** Date.parse keeps milliseconds only, so digits beyond them are looked at here. */
function isoMs(text: string): number | null {
  const ms = Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
  if (Number.isNaN(ms)) return null;
  const beyond = /\.\d{3}(\d+)/.exec(text)?.[1] ?? "0";
  return Number(beyond) === 0 ? ms : ms + 0.5;
}
