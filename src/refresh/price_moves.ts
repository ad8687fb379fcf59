/**
 * Instruments as edges: which of its series an instrument is followed on, what its last candles say,
 * and which of its bars are new.
 *
 * ## Which series
 * The finest one that is live. A finer series counts as silent when its last candle ended more than
 * {@linkcode SILENT_BARS} bars of a coarser one before the last of that one ended; then the coarser one
 * is followed, until the finer one is back. Times of candles are compared with each other and never
 * with the clock: a market that is closed silences all its series alike, and a file of last year is as
 * live as a feed.
 *
 * ## What is a move
 * The price of an edge is its last close. A move is what lies between it and the last close that was
 * reported, whatever happened in between: several bars are one move, a correction of an older bar is
 * none, and neither is a new bar with the same close. The first look is no move, as nobody knows what
 * the price was before; so a move over a restart shows in the value alone.
 *
 * ## Bars
 * New bars go into correlations under the time at which they close, which bars of all granularities
 * have in common. Only bars that are newer than those handed out before count. Where a look does not
 * reach back to them, those between are counted as missed.
 *
 * Bounded by instruments: some 300 bytes each.
 *
 * @module
 */

import { byCodeUnits } from "./aggregator_checks.ts";
import type { ClosedBar } from "./correlation_stream.ts";
import { MAGNITUDE_MAX } from "./magnitude.ts";
import { atrOf, TREND_CANDLES, trendValue, VALUE_UNKNOWN } from "./price_value.ts";
import type { CandleBlock } from "../market/block.ts";
import { GRANULARITIES, type Granularity, granularityMs } from "../market/granularity.ts";
import { formatSeries, isSeries, parseSeries } from "../market/series.ts";

/**
 * Bars of a coarser series after whose time a finer one counts as silent: one that is late by as much
 * as that is still late, and a minute that nobody traded is no silence.
 */
export const SILENT_BARS = 3;

/** Most instruments that are followed: as many as there are edges. */
export const INSTRUMENTS_FOLLOWED_MAX = 10_000;

/**
 * Magnitude of a move out of complete rest, whose ATR is 0: a large change, and not an endless one,
 * which would keep its cluster above any threshold.
 */
export const MOVE_FROM_REST = 1;

/** Candles that one look at a series takes: those of the ATR, and as many again. */
export const LOOK_CANDLES: number = 2 * TREND_CANDLES + 2;

/** The end of a series. */
export interface SeriesTail {
  /** Candles of the series so far, those included that retention gave up. */
  readonly count: number;
  /** The last of them, ascending. */
  readonly candles: CandleBlock;
}

/** What a look at a tail says. */
export interface PriceMove {
  /** The instrument. */
  readonly edgeId: string;
  /** |Δclose|/ATR since the last look that said something; 0 at the first. */
  readonly magnitude: number;
  /** See {@linkcode trendValue}. */
  readonly value: number;
  /** When the last candle opened, epoch ms. */
  readonly ts: number;
  /** The last close. */
  readonly close: number;
}

/** Bars of a tail that were not handed out before. */
export interface NewBars {
  /** Ascending. */
  readonly bars: readonly ClosedBar[];
  /** Bars between those that were handed out before and these; all of them at the first look. */
  readonly missed: number;
}

/** A series that an instrument is followed on. */
export interface Followed {
  /** The instrument. */
  readonly edgeId: string;
  /** The series. */
  readonly series: string;
}

interface Edge {
  /** When the last candle opened, by granularity, epoch ms. */
  readonly lastTs: Map<Granularity, number>;
  followed: Granularity;
  /** The last close that was reported; NaN before the first. */
  close: number;
  /** When the newest bar that was handed out closed, epoch ms; -Infinity before the first. */
  barsToTs: number;
  /** Candles of the followed series when bars were last handed out. */
  count: number;
}

/** What the name of a series means. */
interface SeriesOf {
  readonly edgeId: string;
  readonly granularity: Granularity;
}

/** See the top of the file. */
export class PriceMoves {
  readonly #edges = new Map<string, Edge>();
  /** What the names of series mean, those of followed instruments: a look meets thousands of them. */
  readonly #series = new Map<string, SeriesOf>();

  /** Instruments there are. */
  get size(): number {
    return this.#edges.size;
  }

  /**
   * A series has a candle that opened at `lastTs`. Says what its instrument is followed on now, and
   * whether that is another series than before; null for a key that names no series, and where there
   * is no room for another instrument. O(granularities²).
   */
  saw(series: string, lastTs: number): (Followed & { readonly isSwitched: boolean }) | null {
    if (!Number.isFinite(lastTs)) return null;
    const known = this.#series.get(series) ?? this.#seriesNamed(series);
    if (known === null) return null;
    const { edgeId: symbol, granularity } = known;
    let edge = this.#edges.get(symbol);
    const isNew = edge === undefined;
    if (edge === undefined) {
      if (this.#edges.size >= INSTRUMENTS_FOLLOWED_MAX) return null;
      edge = {
        lastTs: new Map(),
        followed: granularity,
        close: NaN,
        barsToTs: -Infinity,
        count: 0,
      };
      this.#edges.set(symbol, edge);
    }
    // Only now is it sure that its instrument is among those that there is room for.
    if (!this.#series.has(series)) this.#series.set(series, known);
    edge.lastTs.set(granularity, Math.max(lastTs, edge.lastTs.get(granularity) ?? -Infinity));
    const followed = finestLive(edge.lastTs) ?? granularity;
    const isSwitched = !isNew && followed !== edge.followed;
    edge.followed = followed;
    // Its bars are of another length: what they have in common with others begins anew.
    if (isSwitched) this.restartBars(symbol);
    const name = followed === granularity ? series : formatSeries(symbol, followed);
    return { edgeId: symbol, series: name, isSwitched };
  }

  #seriesNamed(series: string): SeriesOf | null {
    if (!isSeries(series)) return null;
    const { symbol, granularity } = parseSeries(series);
    return { edgeId: symbol, granularity };
  }

  /** What an instrument is followed on; null when it is unknown. O(1). */
  seriesOf(edgeId: string): string | null {
    const edge = this.#edges.get(edgeId);
    return edge === undefined ? null : formatSeries(edgeId, edge.followed);
  }

  /** All that are followed, by id. O(instruments · log). */
  followed(): readonly Followed[] {
    return [...this.#edges]
      .map(([edgeId, { followed }]) => ({ edgeId, series: formatSeries(edgeId, followed) }))
      .sort((a, b) => byCodeUnits(a.edgeId, b.edgeId));
  }

  /**
   * The finest granularity that both instruments have, and that is not finer than what either is
   * followed on; null when there is none, or either is unknown. O(granularities).
   */
  commonGranularity(a: string, b: string): Granularity | null {
    const one = this.#edges.get(a), other = this.#edges.get(b);
    if (one === undefined || other === undefined) return null;
    const from = Math.max(
      GRANULARITIES.indexOf(one.followed),
      GRANULARITIES.indexOf(other.followed),
    );
    const common = GRANULARITIES.slice(from)
      .find((granularity) => one.lastTs.has(granularity) && other.lastTs.has(granularity));
    return common ?? null;
  }

  /**
   * What the tail of the followed series says; null when the last close is as it was reported, when
   * there is none, or when an ATR is not yet known and it is not the first look. O(15).
   */
  moveOf(edgeId: string, { candles }: SeriesTail): PriceMove | null {
    const edge = this.#edges.get(edgeId);
    const close = candles.close[candles.length - 1] ?? NaN;
    const ts = candles.ts[candles.length - 1] ?? NaN;
    if (edge === undefined || !Number.isFinite(close) || close === edge.close) return null;
    const before = edge.close;
    const isFirst = Number.isNaN(before);
    edge.close = close;
    const atr = atrOf(candles);
    if (Number.isNaN(atr)) {
      return isFirst ? { edgeId, magnitude: 0, value: VALUE_UNKNOWN, ts, close } : null;
    }
    const magnitude = isFirst ? 0 : magnitudeOf(Math.abs(close - before), atr);
    return { edgeId, magnitude, value: trendValue(candles, atr), ts, close };
  }

  /** All bars are new again: somebody begins anew with what is stored. */
  restartBars(edgeId: string): void {
    const edge = this.#edges.get(edgeId);
    if (edge === undefined) return;
    edge.barsToTs = -Infinity;
    edge.count = 0;
  }

  /** Bars of the tail of the followed series that were not handed out before. O(new bars). */
  barsOf(edgeId: string, { count, candles }: SeriesTail): NewBars {
    const edge = this.#edges.get(edgeId);
    if (edge === undefined) return { bars: [], missed: 0 };
    const lengthMs = granularityMs(edge.followed);
    let from = candles.length;
    while (from > 0 && (candles.ts[from - 1] as number) + lengthMs > edge.barsToTs) from--;
    const bars: ClosedBar[] = [];
    for (let i = from; i < candles.length; i++) {
      bars.push({
        edgeId,
        ts: (candles.ts[i] as number) + lengthMs,
        close: candles.close[i] as number,
      });
    }
    // Where the tail holds older bars as well, it reaches back far enough.
    const missed = from > 0 ? 0 : Math.max(0, count - edge.count - bars.length);
    edge.barsToTs = bars.at(-1)?.ts ?? edge.barsToTs;
    edge.count = count;
    return { bars, missed };
  }
}

function magnitudeOf(move: number, atr: number): number {
  return atr > 0 ? Math.min(MAGNITUDE_MAX, move / atr) : MOVE_FROM_REST;
}

/** See the top of the file; null of none. */
function finestLive(lastTs: ReadonlyMap<Granularity, number>): Granularity | null {
  if (lastTs.size === 1) return lastTs.keys().next().value ?? null;
  const there = GRANULARITIES.filter((granularity) => lastTs.has(granularity));
  const endOf = (granularity: Granularity) =>
    (lastTs.get(granularity) as number) + granularityMs(granularity);
  return there.find((fine, at) =>
    there.slice(at + 1)
      .every((coarse) => endOf(coarse) - endOf(fine) <= SILENT_BARS * granularityMs(coarse))
  ) ?? null;
}
