/**
 * Holes of the series of one source, noticed as its candles go by.
 *
 * @module
 */

import type { CandleBlock, SeriesKey } from "./block.ts";
import { type Granularity, granularityMs } from "./granularity.ts";
import { type Hole, holeBetween } from "./holes.ts";
import type { CalendarName } from "./instrument.ts";
import { parseSeries } from "./series.ts";

/** Series watched, each some 150 bytes; those beyond are let by unwatched. */
const SERIES_WATCHED_MAX = 100_000;

/** Holes kept per series for late candles to fill: what comes late belongs to the recent past. */
const HOLES_PER_SERIES_MAX = 16;

/** Holes kept over all series to be shown. */
const HOLES_SHOWN_MAX = 64;

/** Further apart than this many bars a pair of neighbours is looked at. */
const BARS_APART = 1.5;

/** What a batch said about holes, to be counted once it is committed. */
export interface HoleNews {
  /** The last time of each series in it. */
  readonly lasts: readonly { readonly series: SeriesKey; readonly ts: number }[];
  /** Holes between its candles, or before them. */
  readonly holes: readonly Hole[];
  /** Candles from before the last one known. */
  readonly late: readonly { readonly series: SeriesKey; readonly ts: number }[];
}

/** Counts since the start. */
export interface HoleCounts {
  /** Holes noticed. */
  readonly count: number;
  /** Bars missing in them when they were noticed. */
  readonly missingBars: number;
  /** Of those, how many came later after all. */
  readonly filledBars: number;
}

/** A hole that late candles may fill. */
interface OpenHole extends Hole {
  missingBars: number;
}

interface Watched {
  readonly granularity: Granularity;
  readonly calendar: CalendarName;
  readonly farMs: number;
  /** Last time committed, and last time read; −Infinity = none. */
  committedTs: number;
  readTs: number;
  /** Whether a hole was read, so that late candles matter. */
  hasHoles: boolean;
  /** Those committed and not filled, oldest first. */
  open: OpenHole[];
}

/**
 * Notices holes in what a source sends.
 *
 * - `read` when a batch was read, `committed` with what it said when it was committed, `goBack` when
 *   what was read and not committed will come again: then nothing is counted twice
 * - a late candle fills a hole that is among the latest {@linkcode HOLES_PER_SERIES_MAX} of its
 *   series
 * - O(1) a row; bounded memory
 */
export class HoleWatch {
  readonly #calendarOf: (symbol: string) => CalendarName;
  readonly #series = new Map<SeriesKey, Watched>();
  /** The latest holes of all series, oldest first. */
  #shown: OpenHole[] = [];
  #count = 0;
  #missingBars = 0;
  #filledBars = 0;

  /** `calendarOf` answers for every symbol; asked once per series. */
  constructor(calendarOf: (symbol: string) => CalendarName) {
    this.#calendarOf = calendarOf;
  }

  /** A candle of this time is known to be committed, before anything is read. */
  known(series: SeriesKey, ts: number): void {
    const watched = this.#watched(series);
    if (watched !== null) watched.committedTs = watched.readTs = Math.max(watched.readTs, ts);
  }

  /** Looks at a batch in the order in which it was read. */
  read(blocks: readonly CandleBlock[]): HoleNews {
    const lasts: { series: SeriesKey; ts: number }[] = [];
    const holes: Hole[] = [];
    const late: { series: SeriesKey; ts: number }[] = [];
    for (const block of blocks) {
      const watched = this.#watched(block.series);
      if (watched === null) continue;
      this.#readBlock(block, watched, holes, late);
      if (watched.readTs > -Infinity) lasts.push({ series: block.series, ts: watched.readTs });
    }
    return { lasts, holes, late };
  }

  /** What was read is committed: its holes are counted, and given back. */
  committed(news: HoleNews): readonly Hole[] {
    for (const { series, ts } of news.lasts) {
      const watched = this.#series.get(series);
      if (watched !== undefined) watched.committedTs = Math.max(watched.committedTs, ts);
    }
    for (const hole of news.holes) this.#keep({ ...hole });
    for (const { series, ts } of news.late) this.#fill(series, ts);
    return news.holes;
  }

  /** Reading begins again after the last commit. O(series). */
  goBack(): void {
    for (const watched of this.#series.values()) watched.readTs = watched.committedTs;
  }

  /** See {@linkcode HoleCounts}. */
  counts(): HoleCounts {
    return { count: this.#count, missingBars: this.#missingBars, filledBars: this.#filledBars };
  }

  /** The latest open holes, newest first, at most `limit`; `missingBars` is what is still missing. */
  latest(limit: number): readonly Hole[] {
    const open = this.#shown.filter(({ missingBars }) => missingBars > 0);
    return open.slice(-limit).reverse().map((hole) => ({ ...hole }));
  }

  #watched(series: SeriesKey): Watched | null {
    const known = this.#series.get(series);
    if (known !== undefined) return known;
    if (this.#series.size >= SERIES_WATCHED_MAX) return null;
    const { symbol, granularity } = parseSeries(series);
    const watched: Watched = {
      granularity,
      calendar: this.#calendarOf(symbol),
      farMs: BARS_APART * granularityMs(granularity),
      committedTs: -Infinity,
      readTs: -Infinity,
      hasHoles: false,
      open: [],
    };
    this.#series.set(series, watched);
    return watched;
  }

  #readBlock(
    block: CandleBlock,
    watched: Watched,
    holes: Hole[],
    late: { series: SeriesKey; ts: number }[],
  ): void {
    const { ts, deleted, length, series } = block;
    let last = watched.readTs;
    for (let i = 0; i < length; i++) {
      const time = ts[i] as number;
      if (deleted !== null && deleted[i] === 1) continue;
      if (time > last) {
        if (time - last > watched.farMs && last > -Infinity) {
          const { granularity, calendar } = watched;
          const hole = holeBetween(series, granularity, calendar, last, time);
          if (hole !== null) {
            holes.push(hole);
            watched.hasHoles = true;
          }
        }
        last = time;
      } else if (watched.hasHoles && time < last) late.push({ series, ts: time });
    }
    watched.readTs = last;
  }

  #keep(hole: OpenHole): void {
    this.#count++;
    this.#missingBars += hole.missingBars;
    const open = this.#series.get(hole.series)?.open;
    open?.push(hole);
    if (open !== undefined && open.length > HOLES_PER_SERIES_MAX) open.shift();
    this.#shown.push(hole);
    if (this.#shown.length > HOLES_SHOWN_MAX) this.#shown.shift();
  }

  #fill(series: SeriesKey, ts: number): void {
    const watched = this.#series.get(series);
    const hole = watched?.open.find((one) => one.fromTs <= ts && ts < one.toTs);
    if (watched === undefined || hole === undefined) return;
    this.#filledBars++;
    hole.missingBars--;
    if (hole.missingBars === 0) watched.open = watched.open.filter((one) => one !== hole);
  }
}
