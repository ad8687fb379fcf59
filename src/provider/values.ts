/**
 * What providers provide, kind by kind, as plain data with schemas and bounds. Times are epoch
 * milliseconds UTC; a day is its midnight UTC. Null stands for what the provider does not know.
 *
 * @module
 */

import { z } from "zod";
import { CANDLE_COLUMNS, type CandleBlock } from "../market/block.ts";
import { TS_MS_MAX } from "../market/candle.ts";
import type { Rejection } from "../market/reject.ts";
import {
  DIVIDENDS_MAX,
  NAME_CHARS_MAX,
  NEWS_MAX,
  PRICE_REJECTIONS_MAX,
  PRICE_ROWS_MAX,
  TAGS_MAX,
  TEXT_CHARS_MAX,
  URL_TEXT_CHARS_MAX,
} from "./limits.ts";

/** Kinds of data, the first part of a cache key. */
export const PROVIDER_KINDS = [
  "prices",
  "quotes",
  "dividends",
  "profiles",
  "fundamentals",
  "news",
] as const;

/** See {@linkcode PROVIDER_KINDS}. */
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** Candles of a symbol in one granularity; prices as traded, not adjusted. */
export interface PriceValue {
  /** Valid by rule R2, in ascending order, each time once, all within what was asked for. */
  readonly candles: CandleBlock;
  /** Rows of the answer that are no candle. */
  readonly rejected: number;
  /** The first `PRICE_REJECTIONS_MAX` of them; `line` is the row in the answer, from 1. */
  readonly rejections: readonly Rejection[];
}

/** The last trade and its day; prices in the currency of the listing. */
export interface QuoteValue {
  /** When the trade was. */
  readonly atMs: number;
  /** Its price. */
  readonly price: number;
  /** First price of the day. */
  readonly open: number | null;
  /** Highest price of the day. */
  readonly high: number | null;
  /** Lowest price of the day. */
  readonly low: number | null;
  /** Last price of the day before. */
  readonly previousClose: number | null;
  /** Volume of the day. */
  readonly volume: number | null;
}

/** One cash dividend of a share. */
export interface Dividend {
  /** The ex-dividend day. */
  readonly exMs: number;
  /** Amount, adjusted for later splits. */
  readonly value: number;
  /** Amount as it was paid. */
  readonly unadjusted: number | null;
  /** Currency of both. */
  readonly currency: string | null;
  /** Day on which it was declared. */
  readonly declaredMs: number | null;
  /** Day on which one must be on record. */
  readonly recordMs: number | null;
  /** Day on which it is paid. */
  readonly paidMs: number | null;
  /** How often it comes, in the provider's words. */
  readonly period: string | null;
}

/** Who is behind a symbol, in the provider's words. */
export interface ProfileValue {
  /** Name of the company or instrument. */
  readonly name: string;
  /** What kind of instrument it is. */
  readonly type: string | null;
  /** Where it is listed. */
  readonly exchange: string | null;
  /** Country of the listing. */
  readonly country: string | null;
  /** Currency of its prices. */
  readonly currency: string | null;
  /** Sector of the company. */
  readonly sector: string | null;
  /** Industry within the sector. */
  readonly industry: string | null;
  /** Its ISIN. */
  readonly isin: string | null;
  /** People whom the company employs. */
  readonly employees: number | null;
}

/** Figures of a company; amounts in its currency, ratios as ratios (0.02 is 2 %). */
export interface FundamentalsValue {
  /** Price of all shares. */
  readonly marketCap: number | null;
  /** Price by earnings of a year. */
  readonly peRatio: number | null;
  /** Earnings of a year by share. */
  readonly earningsPerShare: number | null;
  /** Book value by share. */
  readonly bookValuePerShare: number | null;
  /** Dividends of a year by price. */
  readonly dividendYieldRatio: number | null;
  /** Earnings by revenue. */
  readonly profitMarginRatio: number | null;
  /** Revenue of the last twelve months. */
  readonly revenue: number | null;
  /** Earnings before interest, taxes, depreciation and amortisation. */
  readonly ebitda: number | null;
  /** Shares there are. */
  readonly sharesOutstanding: number | null;
  /** Beta against the market. */
  readonly beta: number | null;
  /** End of the quarter that the figures are of. */
  readonly asOfMs: number | null;
}

/** One piece of news. Its texts are a stranger's: escape them wherever they are shown. */
export interface NewsItem {
  /** When it was published. */
  readonly atMs: number;
  /** Its title, cut to `TEXT_CHARS_MAX`. */
  readonly title: string;
  /** The beginning of its text, cut to the same. */
  readonly extract: string;
  /** Where it stands, http or https only. */
  readonly url: string | null;
  /** Symbols that it is about, as the provider calls them. */
  readonly symbols: readonly string[];
  /** Topics, in the provider's words. */
  readonly tags: readonly string[];
  /** From -1, bad, to 1, good. */
  readonly sentiment: number | null;
}

/** The value of each kind. */
export interface ProviderValues {
  /** Candles of the granularity asked for. */
  readonly prices: PriceValue;
  /** The last trade. */
  readonly quotes: QuoteValue;
  /** Cash dividends, oldest first; none is an answer: it pays none in that time. */
  readonly dividends: readonly Dividend[];
  /** Who is behind the symbol. */
  readonly profiles: ProfileValue;
  /** Figures of the company. */
  readonly fundamentals: FundamentalsValue;
  /** News, newest first; none is an answer. */
  readonly news: readonly NewsItem[];
}

const timeMs = z.int().min(-TS_MS_MAX).max(TS_MS_MAX);
const price = z.number().positive().max(1e15);
const amount = z.number().min(-1e18).max(1e18).nullable();
const name = z.string().max(NAME_CHARS_MAX).nullable();

const candles = z.custom<CandleBlock>((value) => {
  const block = value as CandleBlock | null;
  return typeof block === "object" && block !== null && block.deleted === null &&
    block.length <= PRICE_ROWS_MAX &&
    CANDLE_COLUMNS.every((column) =>
      block[column] instanceof Float64Array && block[column].length === block.length
    );
}, { error: `expected columns of up to ${PRICE_ROWS_MAX} candles` });

const dividend = z.strictObject({
  exMs: timeMs,
  value: z.number().min(0).max(1e12),
  unadjusted: z.number().min(0).max(1e15).nullable(),
  currency: name,
  declaredMs: timeMs.nullable(),
  recordMs: timeMs.nullable(),
  paidMs: timeMs.nullable(),
  period: name,
});

const newsItem = z.strictObject({
  atMs: timeMs,
  title: z.string().max(TEXT_CHARS_MAX),
  extract: z.string().max(TEXT_CHARS_MAX),
  url: z.string().max(URL_TEXT_CHARS_MAX).regex(/^https?:\/\//).nullable(),
  symbols: z.array(z.string().max(NAME_CHARS_MAX)).max(TAGS_MAX).readonly(),
  tags: z.array(z.string().max(NAME_CHARS_MAX)).max(TAGS_MAX).readonly(),
  sentiment: z.number().min(-1).max(1).nullable(),
});

/** The schema of each kind's value: types and bounds, for what comes from outside or from disk. */
export const VALUE_SCHEMAS: { readonly [K in ProviderKind]: z.ZodType<ProviderValues[K]> } = {
  prices: z.strictObject({
    candles,
    rejected: z.int().min(0),
    rejections: z.array(z.custom<Rejection>()).max(PRICE_REJECTIONS_MAX).readonly(),
  }),
  quotes: z.strictObject({
    atMs: timeMs,
    price,
    open: price.nullable(),
    high: price.nullable(),
    low: price.nullable(),
    previousClose: price.nullable(),
    volume: z.number().min(0).max(1e18).nullable(),
  }),
  dividends: z.array(dividend).max(DIVIDENDS_MAX).readonly(),
  profiles: z.strictObject({
    name: z.string().min(1).max(NAME_CHARS_MAX),
    type: name,
    exchange: name,
    country: name,
    currency: name,
    sector: name,
    industry: name,
    isin: name,
    employees: z.number().min(0).max(1e9).nullable(),
  }),
  fundamentals: z.strictObject({
    marketCap: amount,
    peRatio: amount,
    earningsPerShare: amount,
    bookValuePerShare: amount,
    dividendYieldRatio: amount,
    profitMarginRatio: amount,
    revenue: amount,
    ebitda: amount,
    sharesOutstanding: amount,
    beta: amount,
    asOfMs: timeMs.nullable(),
  }),
  news: z.array(newsItem).max(NEWS_MAX).readonly(),
};
