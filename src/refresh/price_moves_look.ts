/**
 * Reads what commits did to the series of instruments: every commit once, however many come between
 * two looks, and whatever fails in between.
 *
 * - A look pages through the ranges that were touched after the last commit it knows, then reads the
 *   tails of those series that an instrument is followed on, some at a time.
 * - What it has not come to stays due: a look that fails is simply made again.
 * - Where the store no longer knows what was touched, or has gone back behind what was read, the next
 *   look is at all series.
 *
 * @module
 */

import type { ClosedBar } from "./correlation_stream.ts";
import { LOOK_CANDLES, type PriceMove, PriceMoves, type SeriesTail } from "./price_moves.ts";

/** Touched ranges that the store goes through at once: some milliseconds of it. */
const PAGE_RANGES = 4_000;
/** Series whose tails are read at once: 100 KB of columns. */
const SERIES_AT_ONCE = 64;
/**
 * Bars that wait to be taken: some 8 MB. More come only of a look at very many series; those beyond
 * count as missed.
 */
export const BARS_WAITING_MAX = 100_000;

/** Series that commits touched, each once. */
export interface TouchedEnds {
  /** Seq of the last of the commits; null when none touched candles. */
  readonly seq: number | null;
  /** Ranges there were; fewer than were asked for when there are no more. */
  readonly ranges: number;
  /** The series. */
  readonly series: readonly string[];
  /** End of the latest range of each, exclusive, epoch ms. */
  readonly toTs: readonly number[];
}

/** What is read from the store. */
export interface CandleReads {
  /** The series that whole commits after `seq` touched, until `limit` ranges are passed. */
  touched(seq: number, limit: number): Promise<TouchedEnds>;
  /** Series that hold candles. */
  series(): Promise<readonly { readonly series: string; readonly lastTs: number }[]>;
  /** The last commit, and how far back `touched` reaches. */
  info(): Promise<{ readonly seq: number; readonly oldestSeq: number }>;
  /** The ends of series, in their order. */
  tails(series: readonly string[], bars: number): Promise<readonly SeriesTail[]>;
}

/** Told of what a look finds, as it finds it. */
export interface LookNews {
  /** Prices have moved. */
  moved(moves: readonly PriceMove[]): void;
  /** An instrument is followed on another series from now on. */
  switched(edgeId: string): void;
  /** Whether bars are wanted now; those that are not can be had later. */
  wantsBars(): boolean;
  /** Whether to go on, asked after everything that was waited for. */
  isLive(): boolean;
}

/** See the top of the file. */
export class PriceLooks {
  /** What is followed. */
  readonly moves: PriceMoves = new PriceMoves();
  readonly #reads: CandleReads;
  readonly #news: LookNews;
  /** Instruments whose tail is to be read. */
  readonly #due = new Set<string>();
  #bars: ClosedBar[] = [];
  #missed = 0;
  /** Up to which commit it knows what was touched; null before the first look. */
  #seq: number | null = null;
  #heardSeq = 0;
  #isAllDue = true;
  #ranges = 0;

  /** Nothing was looked at yet. */
  constructor(reads: CandleReads, news: LookNews) {
    this.#reads = reads;
    this.#news = news;
  }

  /** The last commit that was looked at; null before the first look. */
  get seq(): number | null {
    return this.#seq;
  }

  /** Touched ranges that the last look found. */
  get ranges(): number {
    return this.#ranges;
  }

  /** Whether something is to be looked at. */
  get isDue(): boolean {
    return this.#isAllDue || this.#due.size > 0 || this.#heardSeq > (this.#seq ?? 0);
  }

  /** Something was committed. */
  heard(seq: number): void {
    // A store that lost its commits counts them from there again.
    if (seq < this.#heardSeq || seq < (this.#seq ?? 0)) this.#isAllDue = true;
    this.#heardSeq = seq;
  }

  /** Reads the tails of all that is followed at the next look, as if they had been touched. */
  againAll(): void {
    for (const { edgeId } of this.moves.followed()) this.#due.add(edgeId);
  }

  /** Bars that were found, by time, and how many could not be; they are not kept here any more. */
  takeBars(): { readonly bars: readonly ClosedBar[]; readonly missed: number } {
    const taken = { bars: this.#bars.sort((a, b) => a.ts - b.ts), missed: this.#missed };
    this.#bars = [];
    this.#missed = 0;
    return taken;
  }

  /** One look. Rejects when the store does; what is due then still is. */
  async look(): Promise<void> {
    this.#ranges = 0;
    if (!this.#isAllDue) await this.#readTouched();
    if (this.#isAllDue) await this.#readAll();
    const due = [...this.#due];
    for (let at = 0; at < due.length && this.#news.isLive(); at += SERIES_AT_ONCE) {
      await this.#readTails(due.slice(at, at + SERIES_AT_ONCE));
    }
  }

  async #readAll(): Promise<void> {
    const heardSeq = this.#heardSeq;
    // Before the list, so that what is committed meanwhile is looked at again.
    const { seq } = await this.#reads.info();
    const all = await this.#reads.series();
    for (const { series, lastTs } of all) this.#touch(series, lastTs, true);
    this.#isAllDue = false;
    this.#seq = seq;
    // News of a former count of commits would be waited for in vain.
    if (this.#heardSeq === heardSeq) this.#heardSeq = Math.min(heardSeq, seq);
  }

  async #readTouched(): Promise<void> {
    for (;;) {
      const heardSeq = this.#heardSeq;
      const seq = this.#seq ?? 0;
      let page;
      try {
        page = await this.#reads.touched(seq, PAGE_RANGES);
      } catch (error) {
        const info = await this.#reads.info();
        // For any other reason it is simply tried again.
        if (seq >= info.oldestSeq && seq <= info.seq) throw error;
        this.#isAllDue = true;
        return;
      }
      if (!this.#news.isLive()) return;
      // Ranges end after their last candle.
      this.#ranges += page.ranges;
      page.series.forEach((series, at) =>
        this.#touch(series, (page.toTs[at] ?? -Infinity) - 1, false)
      );
      const isLast = page.ranges < PAGE_RANGES;
      // A commit need not touch candles: then its seq is in no page.
      const readTo = page.seq ?? seq;
      this.#seq = isLast ? Math.max(readTo, heardSeq) : readTo;
      if (isLast) return;
    }
  }

  #touch(series: string, lastTs: number, isAll: boolean): void {
    const seen = this.moves.saw(series, lastTs);
    if (seen === null) return;
    if (seen.isSwitched) {
      this.#bars = this.#bars.filter(({ edgeId }) => edgeId !== seen.edgeId);
      this.#news.switched(seen.edgeId);
    }
    // A series that nobody follows tells nothing new of its instrument.
    if (isAll || seen.isSwitched || seen.series === series) this.#due.add(seen.edgeId);
  }

  async #readTails(edgeIds: readonly string[]): Promise<void> {
    const series = edgeIds.map((edgeId) => this.moves.seriesOf(edgeId) ?? "");
    const tails = await this.#reads.tails(series, LOOK_CANDLES);
    if (!this.#news.isLive()) return;
    const moves: PriceMove[] = [];
    edgeIds.forEach((edgeId, at) => {
      this.#due.delete(edgeId);
      const tail = tails[at];
      if (tail === undefined) return;
      const move = this.moves.moveOf(edgeId, tail);
      if (move !== null) moves.push(move);
      if (this.#news.wantsBars()) this.#takeBars(edgeId, tail);
    });
    if (moves.length > 0) this.#news.moved(moves);
  }

  #takeBars(edgeId: string, tail: SeriesTail): void {
    const { bars, missed } = this.moves.barsOf(edgeId, tail);
    this.#missed += missed;
    for (const bar of bars) {
      if (this.#bars.length < BARS_WAITING_MAX) this.#bars.push(bar);
      else this.#missed++;
    }
  }
}
