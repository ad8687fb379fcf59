/**
 * Which klines a feed subscribes to, and the series that they become.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { SeriesKey } from "../market/block.ts";
import { type Granularity, granularityMs } from "../market/granularity.ts";
import { formatSeries, isSymbol } from "../market/series.ts";
import { FeedError } from "./port.ts";

/**
 * Most series of one feed: a character of the cursor each. What spot markets allow on a connection
 * is 1,024 streams, what futures do is 200. For more there are more feeds.
 */
export const KLINE_SERIES_MAX = 200;

/** How the exchange names the bar lengths. */
export const KLINE_INTERVALS: Readonly<Record<Granularity, string>> = {
  M1: "1m",
  M5: "5m",
  M15: "15m",
  M30: "30m",
  H1: "1h",
  H4: "4h",
  D: "1d",
  W: "1w",
};

/** What the exchange takes as a symbol. */
const EXCHANGE_SYMBOL = /^[A-Z0-9_.-]{1,20}$/;

/** What pairs are quoted in; the longest that fits ends the base. */
const QUOTES =
  ("FDUSD USDT USDC TUSD BUSD USDP USDS USD1 EURI BIDR IDRT BVND AEUR DAI PAX VAI BTC ETH BNB XRP " +
    "TRX DOGE DOT SOL EUR GBP AUD BRL TRY RUB UAH NGN ZAR PLN RON ARS JPY MXN COP CZK USD").split(
      " ",
    )
    .toSorted((a, b) => b.length - a.length);

/** A symbol of the exchange, and the instrument that it is here where the name does not say it. */
export interface KlineSymbol {
  /** As the exchange writes it: `BTCUSDT`. */
  readonly symbol: string;
  /** As the instrument registry does: `BTC_USDT`, which is what is made of it by itself. */
  readonly instrument?: string;
}

/** One subscription. */
export interface KlineSeries {
  readonly symbol: string;
  /** As the exchange writes it: `1m`. */
  readonly interval: string;
  /** Name of its stream: `btcusdt@kline_1m`. */
  readonly stream: string;
  readonly granularity: Granularity;
  readonly lengthMs: number;
  readonly series: SeriesKey;
}

/** Base and quote parted by `_`; null where the end of the symbol is no known quote. */
export function instrumentOfPair(symbol: string): string | null {
  const quote = QUOTES.find((one) => symbol.endsWith(one) && symbol.length > one.length);
  if (quote === undefined) return null;
  const base = symbol.slice(0, -quote.length).replace(/[_.-]$/, "");
  return base === "" ? null : `${base}_${quote}`;
}

/**
 * All symbols in all granularities, symbol by symbol.
 *
 * @throws {FeedError} code `options`.
 */
export function klineSeries(
  symbols: readonly KlineSymbol[],
  granularities: readonly Granularity[],
): readonly KlineSeries[] {
  const count = symbols.length * granularities.length;
  if (count < 1 || count > KLINE_SERIES_MAX) {
    throw klineOptionsError(`expected 1 to ${KLINE_SERIES_MAX} series`, count);
  }
  const all = symbols.flatMap(({ symbol, instrument = instrumentOfPair(symbol) }) => {
    if (!EXCHANGE_SYMBOL.test(symbol)) {
      throw klineOptionsError("expected symbols of 1 to 20 of A-Z, 0-9, _ . -", symbol);
    }
    if (instrument === null || !isSymbol(instrument)) {
      throw klineOptionsError(`expected an instrument for ${symbol}`, instrument ?? "none");
    }
    return granularities.map((granularity): KlineSeries => {
      const interval = KLINE_INTERVALS[granularity];
      return {
        symbol,
        interval,
        stream: `${symbol.toLowerCase()}@kline_${interval}`,
        granularity,
        lengthMs: granularityMs(granularity),
        series: formatSeries(instrument, granularity),
      };
    });
  });
  if (new Set(all.map(({ series }) => series)).size !== count) {
    throw klineOptionsError("expected every series once", "one that comes twice");
  }
  if (new Set(all.map(({ stream }) => stream)).size !== count) {
    throw klineOptionsError("expected every symbol and granularity once", "one that comes twice");
  }
  return all;
}

/** Stands for the series of a feed and their order, by which a cursor tells them apart. */
export function klineFingerprint(all: readonly KlineSeries[]): string {
  const text = all.map(({ stream, series }) => `${stream} ${series}`).join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** An error of code `options`. */
export function klineOptionsError(expected: string, found: unknown): FeedError {
  return new FeedError(
    "options",
    `Cannot set up kline feed: ${expected}: current value is ${found}`,
  );
}
