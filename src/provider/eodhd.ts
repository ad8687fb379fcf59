/**
 * The mapping of the EODHD API (eodhd.com), which serves end-of-day prices, quotes, dividends,
 * company data and news of the world's exchanges.
 *
 * - prices are as traded; `adjusted_close` is not used
 * - a call for several symbols is `eod_bulk` (one day, one exchange) or `real_time`; the other
 *   endpoints take one symbol
 * - costs are in the API's own calls, of which a plan has 100,000 a day
 *
 * @module
 */

import { barOpenMs } from "../market/granularity.ts";
import { priceValue } from "./candles.ts";
import {
  bulkRow,
  bulkRows,
  candleRow,
  codedRow,
  dividendRows,
  dividendValue,
  eodRows,
  figureSections,
  fundamentalsValue,
  generalSection,
  intradayRows,
  newsItem,
  newsRows,
  profileValue,
  quoteRow,
  quoteRows,
  quoteValue,
} from "./eodhd_rows.ts";
import { eodhdSymbol, type EodhdSymbolOptions } from "./eodhd_symbol.ts";
import {
  type AnyHttpEndpoint,
  type HttpEndpoint,
  type HttpMapping,
  type MappedRequest,
  readAs,
  type Reading,
} from "./http_mapping.ts";
import type { SymbolResult } from "./port.ts";
import type { ProviderKind, ProviderValues } from "./values.ts";

const DAY_MS = 86_400_000;

/** What most endpoints are like: one symbol, any time. */
const PLAIN = { symbolsMax: 1, costPerCall: 1, costPerKey: 0, spanMsMax: null, granularities: [] };

/** Most symbols of one bulk call: 200 of them make a URL of some 3,000 characters. */
const BULK_SYMBOLS_MAX = 200;

/** Most symbols of one call for quotes: what the documentation recommends. */
const QUOTE_SYMBOLS_MAX = 20;

/** Bar lengths of intraday prices, how they are called, and the days a call may span. */
const INTRADAY = [["M1", "1m", 120], ["M5", "5m", 600], ["H1", "1h", 7_200]] as const;

/** The mapping; see the head of this file. */
export function eodhdMapping(options: Partial<EodhdSymbolOptions> = {}): HttpMapping {
  const naming = { exchange: "US", symbols: {}, ...options };
  const full = (symbol: string) => {
    const { code, exchange } = eodhdSymbol(symbol, naming);
    return `${code}.${exchange}`;
  };
  const apart = { symbolText: full, groupOf: () => "" };
  return {
    name: "eodhd",
    baseUrls: ["https://eodhd.com/api", "https://eodhistoricaldata.com/api"],
    auth: { in: "query", name: "api_token", prefix: "" },
    limits: [
      { counts: "calls", max: 1_000, windowMs: 60_000 },
      { counts: "cost", max: 100_000, windowMs: DAY_MS },
    ],
    endpoints: [
      eod(apart),
      eodBulk(naming),
      ...INTRADAY.map(([granularity, bar, days]): HttpEndpoint<"prices"> => ({
        ...PLAIN,
        ...apart,
        name: `intraday_${bar}`,
        kind: "prices",
        costPerCall: 5,
        spanMsMax: days * DAY_MS,
        granularities: [granularity],
        path: `/intraday/{symbol}?interval=${bar}&from={fromS}&to={toS}&fmt=json`,
        read: (json, request) =>
          readOne("intraday prices", intradayRows, json, (rows) => {
            const bars = rows.map((row) => candleRow(row.timestamp * 1_000, row));
            return priceValue(request.symbols[0] ?? "", bars, request);
          }),
      })),
      realTime(full),
      ...companyEndpoints(apart),
    ],
  };
}

type Naming = Pick<AnyHttpEndpoint, "symbolText" | "groupOf">;

function eod(naming: Naming): HttpEndpoint<"prices"> {
  return {
    ...PLAIN,
    ...naming,
    name: "eod",
    kind: "prices",
    granularities: ["D", "W"],
    bars: { D: "d", W: "w" },
    path: "/eod/{symbol}?from={from}&to={to}&period={bar}&order=a&fmt=json",
    read: (json, request) =>
      readOne("end-of-day prices", eodRows, json, (rows) => {
        // A week is named by a day of it; bars are by their Monday here.
        const bars = rows.map((row) => candleRow(barOpenMs(row.date, request.granularity), row));
        return priceValue(request.symbols[0] ?? "", bars, request);
      }),
  };
}

function eodBulk(naming: EodhdSymbolOptions): HttpEndpoint<"prices"> {
  const codeOf = (symbol: string) => eodhdSymbol(symbol, naming).code;
  return {
    name: "eod_bulk",
    kind: "prices",
    symbolsMax: BULK_SYMBOLS_MAX,
    costPerCall: 100,
    costPerKey: 1,
    spanMsMax: DAY_MS,
    granularities: ["D"],
    // The one midnight of a span of at most a day lies on the day of its last millisecond.
    path: "/eod-bulk-last-day/{group}?symbols={symbols}&date={to}&fmt=json",
    symbolText: codeOf,
    groupOf: (symbol) => eodhdSymbol(symbol, naming).exchange,
    read: (json, request) =>
      readMany("bulk prices", bulkRows, json, request, codeOf, (symbol, row) => {
        const read = readAs(`bulk prices of ${symbol}`, bulkRow, row);
        if (read.state === "failed") return { state: "error", failure: read.failure };
        return found(priceValue(symbol, [candleRow(read.value.date, read.value)], request));
      }),
  };
}

function realTime(full: (symbol: string) => string): HttpEndpoint<"quotes"> {
  return {
    ...PLAIN,
    name: "real_time",
    kind: "quotes",
    symbolsMax: QUOTE_SYMBOLS_MAX,
    costPerCall: 0,
    costPerKey: 1,
    path: "/real-time/{symbol}?s={rest}&fmt=json",
    symbolText: full,
    groupOf: () => "",
    read: (json, request) =>
      readMany("quotes", quoteRows, json, request, full, (symbol, row) => {
        const read = readAs(`the quote of ${symbol}`, quoteRow, row);
        if (read.state === "failed") return { state: "error", failure: read.failure };
        return found(quoteValue(read.value));
      }),
  };
}

function companyEndpoints(naming: Naming): readonly AnyHttpEndpoint[] {
  const dividends: HttpEndpoint<"dividends"> = {
    ...PLAIN,
    ...naming,
    name: "div",
    kind: "dividends",
    path: "/div/{symbol}?from={from}&to={to}&fmt=json",
    read: (json, { fromMs, toMs }) =>
      readOne(
        "dividends",
        dividendRows,
        json,
        (rows) =>
          rows.map(dividendValue).filter(({ exMs }) => exMs >= fromMs && exMs < toMs)
            .sort((a, b) => a.exMs - b.exMs),
      ),
  };
  const profiles: HttpEndpoint<"profiles"> = {
    ...PLAIN,
    ...naming,
    name: "fundamentals_general",
    kind: "profiles",
    costPerCall: 10,
    path: "/fundamentals/{symbol}?filter=General&fmt=json",
    read: (json) => readOne("a profile", generalSection, json, profileValue),
  };
  const fundamentals: HttpEndpoint<"fundamentals"> = {
    ...PLAIN,
    ...naming,
    name: "fundamentals",
    kind: "fundamentals",
    costPerCall: 10,
    path: "/fundamentals/{symbol}?filter=Highlights,SharesStats,Technicals&fmt=json",
    read: (json) => readOne("fundamentals", figureSections, json, fundamentalsValue),
  };
  const news: HttpEndpoint<"news"> = {
    ...PLAIN,
    ...naming,
    name: "news",
    kind: "news",
    costPerCall: 5,
    path: "/news?s={symbol}&from={from}&to={to}&limit=1000&offset=0&fmt=json",
    read: (json, { fromMs, toMs }) =>
      readOne(
        "news",
        newsRows,
        json,
        (rows) =>
          rows.map(newsItem).filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
            .sort((a, b) => b.atMs - a.atMs),
      ),
  };
  return [dividends, profiles, fundamentals, news];
}

/** The answer of an endpoint for one symbol. */
function readOne<K extends ProviderKind, T>(
  what: string,
  schema: Parameters<typeof readAs<T>>[1],
  json: unknown,
  valueOf: (read: T) => ProviderValues[K] | null,
): Reading<K> {
  const read = readAs(what, schema, json);
  return read.state === "failed" ? read.failure : [found(valueOf(read.value))];
}

/** The answer of an endpoint for several, by the code of each row. */
function readMany<K extends ProviderKind>(
  what: string,
  schema: Parameters<typeof readAs<readonly unknown[]>>[1],
  json: unknown,
  { symbols }: MappedRequest<K>,
  codeOf: (symbol: string) => string,
  resultOf: (symbol: string, row: unknown) => SymbolResult<K>,
): Reading<K> {
  const read = readAs(what, schema, json);
  if (read.state === "failed") return read.failure;
  const rows = new Map<string, unknown>();
  for (const row of read.value) {
    const coded = codedRow.safeParse(row);
    if (coded.success) rows.set(coded.data.code, row);
  }
  return symbols.map((symbol) => {
    const row = rows.get(codeOf(symbol));
    return row === undefined ? { state: "missing" } : resultOf(symbol, row);
  });
}

function found<K extends ProviderKind>(value: ProviderValues[K] | null): SymbolResult<K> {
  return value === null ? { state: "missing" } : { state: "ok", value };
}
