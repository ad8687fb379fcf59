/**
 * One series of a kline feed: candles from two sides, put in order.
 *
 * A bar is *decided* when its candle is here, or when the exchange has shown that it has none. What is
 * decided without a hole from where the series stands is queued for the reader; a live candle beyond a
 * hole waits until the hole is filled over REST. Dropping a live candle is always safe, since the hole
 * that it leaves is asked for.
 *
 * @module
 */

import type { Rejection } from "../market/reject.ts";
import type { KlineRow } from "./kline_message.ts";
import type { KlineSeries } from "./kline_series.ts";

/** Live candles that wait beyond a hole: an hour of minutes; more are asked for again. */
export const KLINE_WAITING_MAX = 64;

/** Bars without a candle that are remembered, so that one that comes after all is not a double. */
const ABSENT_MAX = 64;

/** What is yielded next. */
interface Item {
  readonly row: Float64Array | null;
  readonly rejection: Rejection | null;
  /** Open time of the bar that the item is about; what stands before is decided. */
  readonly ts: number;
  /** Open time of the next bar after it and after those that have no candle. */
  afterMs: number;
}

/** See the module's text. Times are open times of bars, epoch ms. */
export class KlineTrack {
  readonly of: KlineSeries;
  /** First bar that is not decided. */
  nextMs: number;
  /** First bar that was not yielded. */
  takenMs: number;
  /** A request for it is under way. */
  isAsked = false;
  /** When it may be asked for again, on the feed's clock. */
  askAtMs = -Infinity;
  /** Requests in a row that brought nothing. */
  idleAsks = 0;
  /** The exchange does not know the symbol. */
  isUnknown = false;
  readonly #endMs: number;
  readonly #waiting = new Map<number, KlineRow>();
  readonly #absent = new Set<number>();
  #queue: Item[] = [];
  #head = 0;

  /** Begins at the bar that opens at `nextMs`; ends before the one that opens at `endMs`. */
  constructor(of: KlineSeries, nextMs: number, endMs: number) {
    this.of = of;
    this.nextMs = nextMs;
    this.takenMs = nextMs;
    this.#endMs = endMs;
  }

  /** Items that are queued. */
  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** Whether everything up to the end was yielded. */
  get isOver(): boolean {
    return this.takenMs >= this.#endMs;
  }

  /** Whether a bar that is over, as those that open before `openMs` are, is not decided. */
  isMissing(openMs: number): boolean {
    return this.nextMs < Math.min(openMs, this.#endMs);
  }

  /** Begins anew, without what is queued. */
  restart(nextMs: number): void {
    this.nextMs = nextMs;
    this.takenMs = nextMs;
    this.#queue = [];
    this.#head = 0;
    this.#absent.clear();
  }

  /** A live candle. `double` for one that is here already, `full` where there is no room to wait. */
  live(ts: number, row: Float64Array): "taken" | "double" | "full" {
    if (ts < this.nextMs) {
      if (!this.#absent.delete(ts)) return "double";
      this.#queue.push({ row, rejection: null, ts, afterMs: this.#lastMs() });
      return "taken";
    }
    if (this.#waiting.has(ts)) return "double";
    if (ts !== this.nextMs && this.#waiting.size >= KLINE_WAITING_MAX) return "full";
    this.#waiting.set(ts, { ts, row, rejection: null });
    this.#drain(this.nextMs);
    return "taken";
  }

  /**
   * An answer: candles of bars that are over, and the bar before which everything is decided by it.
   * Those that are here already are not taken again.
   */
  answered(rows: readonly KlineRow[], decidedMs: number): void {
    for (const row of rows) {
      if (row.ts >= this.nextMs && !this.#waiting.has(row.ts)) this.#waiting.set(row.ts, row);
    }
    this.#drain(decidedMs);
    // What could not follow without a hole is more than may wait.
    for (const ts of [...this.#waiting.keys()].slice(KLINE_WAITING_MAX)) this.#waiting.delete(ts);
  }

  /**
   * The next item whose bar opens before `limitMs`, if there is one. Where bars without a candle lead
   * beyond that, the rest of them stays for later.
   */
  take(limitMs: number): { row: Float64Array | null; rejection: Rejection | null } | null {
    const item = this.#queue[this.#head];
    const isAbout = item !== undefined && (item.row !== null || item.rejection !== null);
    if (item === undefined || (isAbout ? item.ts : this.takenMs) >= limitMs) return null;
    if (item.afterMs <= limitMs) {
      this.takenMs = Math.max(this.takenMs, item.afterMs);
      this.#head++;
      if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
        this.#queue = this.#queue.slice(this.#head);
        this.#head = 0;
      }
    } else {
      this.takenMs = Math.max(this.takenMs, limitMs);
      this.#queue[this.#head] = { row: null, rejection: null, ts: limitMs, afterMs: item.afterMs };
    }
    return item;
  }

  #lastMs(): number {
    return this.#queue.length > this.#head ? (this.#queue.at(-1) as Item).afterMs : this.takenMs;
  }

  #drain(decidedMs: number): void {
    const endMs = Math.min(decidedMs, this.#endMs);
    for (;;) {
      const found = this.#waiting.get(this.nextMs);
      if (found !== undefined) {
        this.#waiting.delete(this.nextMs);
        if (this.nextMs >= this.#endMs) continue;
        this.nextMs += this.of.lengthMs;
        this.#queue.push({ ...found, afterMs: this.nextMs });
      } else if (this.nextMs < endMs) this.#skip(endMs);
      else break;
    }
  }

  /** The bars up to the next that is here, and before `endMs`, have no candle. */
  #skip(endMs: number): void {
    const { lengthMs } = this.of;
    let toMs = endMs;
    for (const ts of this.#waiting.keys()) if (ts > this.nextMs && ts < toMs) toMs = ts;
    const firstMs = Math.max(this.nextMs, toMs - ABSENT_MAX * lengthMs);
    for (let ts = firstMs; ts < toMs; ts += lengthMs) this.#absent.add(ts);
    for (const ts of this.#absent) {
      if (this.#absent.size <= ABSENT_MAX) break;
      this.#absent.delete(ts);
    }
    this.nextMs = toMs;
    const last = this.#queue.length > this.#head ? this.#queue.at(-1) : undefined;
    if (last !== undefined) last.afterMs = toMs;
    else this.#queue.push({ row: null, rejection: null, ts: toMs, afterMs: toMs });
  }
}
