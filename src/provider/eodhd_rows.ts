/**
 * The rows and objects that EODHD answers with, as schemas of what is used of them, and what they
 * mean. After the OpenAPI description that EODHD publishes (github.com/EodHistoricalData/
 * EODHD-openapi). Fields that are not used are not looked at, so that new ones do no harm; a figure
 * that is not known comes as null, as "NA", or not at all.
 *
 * @module
 */

import { z } from "zod";
import type { CandleRow } from "./candles.ts";
import {
  ANSWER_ROWS_MAX,
  DIVIDENDS_MAX,
  NAME_CHARS_MAX,
  NEWS_MAX,
  PRICE_ROWS_MAX,
  TAGS_MAX,
  TEXT_CHARS_MAX,
  URL_TEXT_CHARS_MAX,
} from "./limits.ts";
import type { Dividend, FundamentalsValue, NewsItem, ProfileValue, QuoteValue } from "./values.ts";

/** A number, also as text; null for another text, as "NA", and for none. */
const figure = z.union([z.number(), z.string()]).nullish().transform((value) => {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
});

/** A price of a row of candles; NaN for one that is not there, which rule R2 then refuses. */
const cell = z.number().nullish().transform((value) => value ?? NaN);

/** A text cut to its bound; null for none. */
const text = (charsMax: number) =>
  z.unknown().optional().transform((value) =>
    typeof value === "string" && value !== "" && value !== "NA" ? value.slice(0, charsMax) : null
  );

const name = text(NAME_CHARS_MAX);

/** Epoch ms of a day as YYYY-MM-DD. */
const day = z.iso.date().transform((value) => Date.parse(value));

/** The same or null. */
const dayOrNull = z.unknown().optional().transform((value) => day.safeParse(value).data ?? null);

const bar = { open: cell, high: cell, low: cell, close: cell, volume: cell };

/** `/eod/{symbol}`: days or weeks. */
export const eodRows = z.array(z.object({ date: day, ...bar })).max(PRICE_ROWS_MAX);

/** `/intraday/{symbol}`: bars by the second of their open. */
export const intradayRows = z.array(z.object({ timestamp: z.int(), ...bar })).max(PRICE_ROWS_MAX);

/** `/eod-bulk-last-day/{exchange}`: one row a symbol, each read by {@linkcode bulkRow}. */
export const bulkRows = z.array(z.unknown()).max(ANSWER_ROWS_MAX);

/** By what a row of several symbols says whose it is. */
export const codedRow = z.object({ code: z.string() });

/** One row of {@linkcode bulkRows}. */
export const bulkRow = z.object({ code: z.string(), date: day, ...bar });

/** `/real-time/{symbol}?s=`: an object for one symbol, an array for several. */
export const quoteRows = z.union([
  z.array(z.unknown()).max(ANSWER_ROWS_MAX),
  z.looseObject({ code: z.string() }).transform((row) => [row as unknown]),
]);

/** One row of {@linkcode quoteRows}. */
export const quoteRow = z.object({
  timestamp: figure,
  open: figure,
  high: figure,
  low: figure,
  close: figure,
  previousClose: figure,
  volume: figure,
});

/** `/div/{symbol}`. */
export const dividendRows = z.array(z.object({
  date: day,
  value: z.number().min(0).max(1e12),
  unadjustedValue: figure,
  currency: name,
  declarationDate: dayOrNull,
  recordDate: dayOrNull,
  paymentDate: dayOrNull,
  period: name,
})).max(DIVIDENDS_MAX);

const general = z.object({
  Name: name,
  Type: name,
  Exchange: name,
  CountryName: name,
  CurrencyCode: name,
  Sector: name,
  Industry: name,
  ISIN: name,
  FullTimeEmployees: figure,
});

/** `/fundamentals/{symbol}?filter=General`: the section itself, or an object that holds it. */
export const generalSection = z.union([
  z.object({ General: general }).transform((whole) => whole.General),
  general,
]);

/** `/fundamentals/{symbol}?filter=Highlights,SharesStats,Technicals`. */
export const figureSections = z.object({
  Highlights: z.object({
    MarketCapitalization: figure,
    PERatio: figure,
    EarningsShare: figure,
    BookValue: figure,
    DividendYield: figure,
    ProfitMargin: figure,
    RevenueTTM: figure,
    EBITDA: figure,
    MostRecentQuarter: dayOrNull,
  }),
  SharesStats: z.object({ SharesOutstanding: figure }).optional(),
  Technicals: z.object({ Beta: figure }).optional(),
});

/** `/news?s=`. */
export const newsRows = z.array(z.object({
  date: z.iso.datetime({ offset: true }).transform((value) => Date.parse(value)),
  title: text(TEXT_CHARS_MAX),
  content: text(TEXT_CHARS_MAX),
  link: z.unknown().optional(),
  symbols: z.array(name).catch([]),
  tags: z.array(name).catch([]),
  sentiment: z.object({ polarity: figure }).nullish().catch(null),
})).max(NEWS_MAX);

/** A bar as a row of candles that opens at `ts`. */
export function candleRow(
  ts: number,
  { open, high, low, close, volume }: Omit<z.output<typeof bulkRow>, "code" | "date">,
): CandleRow {
  return [ts, open, high, low, close, volume];
}

/** A quote; null when there was no trade. */
export function quoteValue(row: z.output<typeof quoteRow>): QuoteValue | null {
  const { timestamp, close } = row;
  if (timestamp === null || timestamp <= 0 || timestamp > 1e12 || !isPrice(close)) return null;
  return {
    atMs: Math.round(timestamp * 1_000),
    price: close,
    open: isPrice(row.open) ? row.open : null,
    high: isPrice(row.high) ? row.high : null,
    low: isPrice(row.low) ? row.low : null,
    previousClose: isPrice(row.previousClose) ? row.previousClose : null,
    volume: row.volume !== null && row.volume >= 0 && row.volume <= 1e18 ? row.volume : null,
  };
}

function isPrice(value: number | null): value is number {
  return value !== null && value > 0 && value <= 1e15;
}

/** A dividend. */
export function dividendValue(row: z.output<typeof dividendRows>[number]): Dividend {
  const { unadjustedValue } = row;
  return {
    exMs: row.date,
    value: row.value,
    unadjusted: unadjustedValue !== null && unadjustedValue >= 0 && unadjustedValue <= 1e15
      ? unadjustedValue
      : null,
    currency: row.currency,
    declaredMs: row.declarationDate,
    recordMs: row.recordDate,
    paidMs: row.paymentDate,
    period: row.period,
  };
}

/** A profile; null when not even a name is known. */
export function profileValue(row: z.output<typeof generalSection>): ProfileValue | null {
  if (row.Name === null) return null;
  const employees = row.FullTimeEmployees;
  return {
    name: row.Name,
    type: row.Type,
    exchange: row.Exchange,
    country: row.CountryName,
    currency: row.CurrencyCode,
    sector: row.Sector,
    industry: row.Industry,
    isin: row.ISIN,
    employees: employees !== null && employees >= 0 && employees <= 1e9 ? employees : null,
  };
}

/** Figures of a company; one beyond all bounds counts as unknown. */
export function fundamentalsValue(row: z.output<typeof figureSections>): FundamentalsValue {
  const { Highlights: of } = row;
  const bounded = (value: number | null | undefined) =>
    value === null || value === undefined || Math.abs(value) > 1e18 ? null : value;
  return {
    marketCap: bounded(of.MarketCapitalization),
    peRatio: bounded(of.PERatio),
    earningsPerShare: bounded(of.EarningsShare),
    bookValuePerShare: bounded(of.BookValue),
    dividendYieldRatio: bounded(of.DividendYield),
    profitMarginRatio: bounded(of.ProfitMargin),
    revenue: bounded(of.RevenueTTM),
    ebitda: bounded(of.EBITDA),
    sharesOutstanding: bounded(row.SharesStats?.SharesOutstanding),
    beta: bounded(row.Technicals?.Beta),
    asOfMs: of.MostRecentQuarter,
  };
}

/** A piece of news. */
export function newsItem(row: z.output<typeof newsRows>[number]): NewsItem {
  const { link, sentiment } = row;
  const names = (list: readonly (string | null)[]) =>
    list.filter((one) => one !== null).slice(0, TAGS_MAX);
  const isUrl = typeof link === "string" && link.length <= URL_TEXT_CHARS_MAX &&
    /^https?:\/\//.test(link);
  const polarity = sentiment?.polarity ?? null;
  return {
    atMs: row.date,
    title: row.title ?? "",
    extract: row.content ?? "",
    url: isUrl ? link : null,
    symbols: names(row.symbols),
    tags: names(row.tags),
    sentiment: polarity === null ? null : Math.min(1, Math.max(-1, polarity)),
  };
}
