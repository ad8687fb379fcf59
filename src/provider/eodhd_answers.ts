/**
 * Values written as EODHD would answer them: what the simulated server sends.
 *
 * @module
 */

import type { PriceValue, ProviderKind, ProviderValues, QuoteValue } from "./values.ts";

/** A day as YYYY-MM-DD. */
function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The bars of a value as rows. */
function barsOf({ candles }: PriceValue) {
  const { ts, open, high, low, close, volume } = candles;
  return Array.from(ts, (ms, i) => ({
    ts: ms,
    bar: { open: open[i], high: high[i], low: low[i], close: close[i], volume: volume[i] },
  }));
}

/** Rows of `/eod/{symbol}`. */
export function eodAnswer(value: PriceValue): readonly unknown[] {
  return barsOf(value).map(({ ts, bar }) => ({
    date: dayOf(ts),
    ...bar,
    adjusted_close: bar.close,
  }));
}

/** Rows of `/intraday/{symbol}`. */
export function intradayAnswer(value: PriceValue): readonly unknown[] {
  return barsOf(value).map(({ ts, bar }) => ({
    timestamp: ts / 1_000,
    gmtoffset: 0,
    datetime: new Date(ts).toISOString().slice(0, 19).replace("T", " "),
    ...bar,
  }));
}

/** The row of one symbol in `/eod-bulk-last-day/{exchange}`; of several days, the last. */
export function bulkAnswer(code: string, exchange: string, value: PriceValue): unknown {
  const last = eodAnswer(value).at(-1);
  return { code, exchange_short_name: exchange, ...(last as Record<string, unknown>) };
}

/** A quote of `/real-time/{symbol}`. */
export function quoteAnswer(code: string, value: QuoteValue): unknown {
  const { previousClose } = value;
  const change = previousClose === null ? "NA" : value.price - previousClose;
  return {
    code,
    timestamp: value.atMs / 1_000,
    gmtoffset: 0,
    open: value.open ?? "NA",
    high: value.high ?? "NA",
    low: value.low ?? "NA",
    close: value.price,
    volume: value.volume ?? "NA",
    previousClose: previousClose ?? "NA",
    change,
    change_p: previousClose === null || change === "NA" ? "NA" : 100 * change / previousClose,
  };
}

/** Rows of `/div/{symbol}`. */
export function dividendsAnswer(values: ProviderValues["dividends"]): readonly unknown[] {
  return values.map((one) => ({
    date: dayOf(one.exMs),
    declarationDate: one.declaredMs === null ? null : dayOf(one.declaredMs),
    recordDate: one.recordMs === null ? null : dayOf(one.recordMs),
    paymentDate: one.paidMs === null ? null : dayOf(one.paidMs),
    period: one.period,
    value: one.value,
    unadjustedValue: one.unadjusted,
    currency: one.currency,
  }));
}

/** `/fundamentals/{symbol}?filter=General`. */
export function profileAnswer(code: string, value: ProviderValues["profiles"]): unknown {
  return {
    Code: code,
    Type: value.type,
    Name: value.name,
    Exchange: value.exchange,
    CurrencyCode: value.currency,
    CountryName: value.country,
    ISIN: value.isin,
    Sector: value.sector,
    Industry: value.industry,
    FullTimeEmployees: value.employees,
  };
}

/** `/fundamentals/{symbol}?filter=Highlights,SharesStats,Technicals`. */
export function fundamentalsAnswer(value: ProviderValues["fundamentals"]): unknown {
  return {
    Highlights: {
      MarketCapitalization: value.marketCap,
      EBITDA: value.ebitda,
      PERatio: value.peRatio,
      EarningsShare: value.earningsPerShare,
      BookValue: value.bookValuePerShare,
      DividendYield: value.dividendYieldRatio,
      ProfitMargin: value.profitMarginRatio,
      RevenueTTM: value.revenue,
      MostRecentQuarter: value.asOfMs === null ? null : dayOf(value.asOfMs),
    },
    SharesStats: { SharesOutstanding: value.sharesOutstanding },
    Technicals: { Beta: value.beta },
  };
}

/** Rows of `/news?s=`. */
export function newsAnswer(values: ProviderValues["news"]): readonly unknown[] {
  return values.map((one) => ({
    date: new Date(one.atMs).toISOString().replace(".000Z", "+00:00"),
    title: one.title,
    content: one.extract,
    link: one.url,
    symbols: one.symbols,
    tags: one.tags,
    sentiment: { polarity: one.sentiment, neg: 0, neu: 1, pos: 0 },
  }));
}

/** The answer of the one-symbol endpoint of a kind. */
export function singleAnswer<K extends ProviderKind>(
  kind: K,
  code: string,
  value: ProviderValues[K],
  isIntraday: boolean,
): unknown {
  const answers: { readonly [Kind in ProviderKind]: (value: ProviderValues[Kind]) => unknown } = {
    prices: isIntraday ? intradayAnswer : eodAnswer,
    quotes: (quote) => quoteAnswer(code, quote),
    dividends: dividendsAnswer,
    profiles: (profile) => profileAnswer(code, profile),
    fundamentals: fundamentalsAnswer,
    news: newsAnswer,
  };
  return answers[kind](value);
}
