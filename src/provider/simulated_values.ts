/**
 * What the simulated provider knows: values that depend on the seed, the kind, the symbol and the
 * time alone, in whatever order and in whatever pieces they are asked for. A job that is killed and
 * resumed gets what it would have got.
 *
 * @module
 */

import { bitsAt, keyOf, mix, unit } from "../feed/synthetic_noise.ts";
import { type InstrumentPlan, syntheticPlan } from "../feed/synthetic_options.ts";
import { PricePath } from "../feed/synthetic_path.ts";
import { CandleBuilder } from "../market/block.ts";
import { barOpenMs, type Granularity, granularityMs } from "../market/granularity.ts";
import { assetClassOf, type CalendarName } from "../market/instrument.ts";
import { formatSeries } from "../market/series.ts";
import { type Session, sessionOf } from "../market/session.ts";
import { DIVIDENDS_MAX, NEWS_MAX, PRICE_ROWS_MAX } from "./limits.ts";
import type { ProviderRequest, SymbolResult } from "./port.ts";
import { failure } from "./error.ts";
import type { SimulatedPlan } from "./simulated_options.ts";
import type {
  Dividend,
  FundamentalsValue,
  NewsItem,
  PriceValue,
  ProfileValue,
  ProviderKind,
  ProviderValues,
  QuoteValue,
} from "./values.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Price paths kept ready, 20 MB: more than the symbols of a day, so that none is made twice. */
const PATHS_MAX = 4_096;

/** A wick reaches up to this many deviations of a bar beyond open and close. */
const WICK_SPREADS = 0.8;

const SECTORS = [
  "technology",
  "financials",
  "healthcare",
  "energy",
  "industrials",
  "utilities",
  "consumer",
  "materials",
] as const;

/** News come in slots of this length, at most one in each. */
const NEWS_SLOT_MS = 6 * HOUR_MS;

/** What is asked of a symbol. */
export type ValueQuery<K extends ProviderKind> = Pick<
  ProviderRequest<K>,
  "kind" | "fromMs" | "toMs" | "granularity"
>;

interface Market {
  readonly plan: InstrumentPlan;
  /** The price at any minute of trading, so that all granularities agree on open and close. */
  readonly path: PricePath;
  readonly minutes: Session;
}

/** See the head of this file. */
export class SimulatedValues {
  readonly #plan: SimulatedPlan;
  readonly #markets = new Map<string, Market>();
  /** The minutes of trading by calendar; a table of a week each. */
  readonly #minutes = new Map<CalendarName, Session>();

  /** What a provider of that plan knows. */
  constructor(plan: SimulatedPlan) {
    this.#plan = plan;
  }

  /**
   * What the provider answers about a symbol. Prices cost O(bars) with some 15 µs for a bar of
   * several hours or more, other kinds O(1) or O(items).
   */
  result<K extends ProviderKind>(symbol: string, query: ValueQuery<K>): SymbolResult<K> {
    if (this.#plan.unknown.has(symbol)) return { state: "missing" };
    const poison = this.#plan.poison.get(symbol);
    if (poison !== undefined) {
      const code = poison === "permanent" ? "symbol" : "unavailable";
      const message = `Cannot fetch ${symbol}: expected data: current value is a failure`;
      return { state: "error", failure: failure(code, message) };
    }
    const { granularity, fromMs, toMs } = query;
    if (query.kind === "prices") {
      const bars = Math.ceil((toMs - Math.max(0, fromMs)) / granularityMs(granularity));
      if (bars > PRICE_ROWS_MAX) {
        const message = `Cannot fetch ${symbol}: expected at most ${PRICE_ROWS_MAX} bars: ` +
          `current value is ${bars}`;
        return { state: "error", failure: failure("too_large", message) };
      }
    }
    const value = this.#value(symbol, query);
    return value === null ? { state: "missing" } : { state: "ok", value };
  }

  #value<K extends ProviderKind>(
    symbol: string,
    { kind, fromMs, toMs, granularity }: ValueQuery<K>,
  ): ProviderValues[K] | null {
    // One entry for each kind, so that the compiler checks that none is left out.
    const values: { readonly [Kind in ProviderKind]: () => ProviderValues[Kind] | null } = {
      prices: () => this.#prices(symbol, granularity, fromMs, toMs),
      quotes: () => this.#quote(symbol, toMs),
      dividends: () => this.#dividends(symbol, fromMs, toMs),
      profiles: () => this.#profile(symbol),
      fundamentals: () => this.#fundamentals(symbol, toMs),
      news: () => this.#news(symbol, fromMs, toMs),
    };
    return values[kind]() as ProviderValues[K] | null;
  }

  #prices(symbol: string, granularity: Granularity, fromMs: number, toMs: number) {
    const { plan, path, minutes } = this.#market(symbol);
    const lengthMs = granularityMs(granularity);
    const builder = new CandleBuilder(formatSeries(symbol, granularity));
    const key = keyOf(this.#plan.seed, `bars ${symbol} ${granularity}`);
    const ticks = Number(`1e${plan.priceDigits}`);
    const spread = plan.hourSpread * Math.sqrt(lengthMs / HOUR_MS);
    const firstMs = barOpenMs(Math.max(0, fromMs) + lengthMs - 1, granularity);
    for (let ts = firstMs; ts < toMs; ts += lengthMs) {
      const from = minutes.barFrom(ts);
      const to = minutes.barFrom(ts + lengthMs);
      if (to <= from) continue;
      const open = toTicks(path.priceAt(from), ticks);
      const close = toTicks(path.priceAt(to), ticks);
      const bits = bitsAt(key, ts / MINUTE_MS);
      const wick = WICK_SPREADS * spread * open;
      const high = Math.max(open, close) + Math.round(wick * unit(bits) ** 2);
      const low = Math.max(1, Math.min(open, close) - Math.round(wick * unit(mix(bits + 1)) ** 2));
      const volume = Math.round((to - from) * 1_000 * (0.2 + 1.6 * unit(mix(bits + 2))));
      builder.push(ts, open / ticks, high / ticks, low / ticks, close / ticks, volume);
    }
    if (builder.length === 0) return null;
    return { candles: builder.finish(), rejected: 0, rejections: [] } satisfies PriceValue;
  }

  #quote(symbol: string, toMs: number): QuoteValue {
    const { plan, path, minutes } = this.#market(symbol);
    const ticks = Number(`1e${plan.priceDigits}`);
    const atMs = barOpenMs(Math.max(0, toMs - 1), "M1");
    const dayMs = barOpenMs(atMs, "D");
    const now = minutes.barFrom(atMs);
    const from = minutes.barFrom(dayMs);
    const price = toTicks(path.priceAt(now), ticks);
    const open = toTicks(path.priceAt(from), ticks);
    return {
      atMs,
      price: price / ticks,
      open: open / ticks,
      high: Math.max(open, price) / ticks,
      low: Math.min(open, price) / ticks,
      previousClose: open / ticks,
      volume: (now - from) * 1_000,
    };
  }

  #dividends(symbol: string, fromMs: number, toMs: number): readonly Dividend[] {
    const key = this.#key(symbol, "dividends");
    const pays = this.#plan.payers?.has(symbol) ??
      (assetClassOf(symbol) === "equity" && unit(bitsAt(key, 0)) < 0.47);
    if (!pays) return [];
    const dayOfQuarter = 1 + ((bitsAt(key, 1) >>> 0) % 80);
    const first = 0.05 + 0.5 * unit(bitsAt(key, 2));
    const from = new Date(Math.max(0, fromMs) - 92 * DAY_MS);
    const dividends: Dividend[] = [];
    for (let quarter = from.getUTCFullYear() * 4;; quarter++) {
      const year = Math.floor(quarter / 4);
      const exMs = Date.UTC(year, 3 * (quarter % 4), dayOfQuarter);
      if (exMs >= toMs || dividends.length === DIVIDENDS_MAX) return dividends;
      if (exMs < fromMs) continue;
      // Five per cent more each year; written with cents, as they are paid.
      const value = Math.round(100 * first * (1 + 0.05 * Math.max(0, year - 1990))) / 100;
      dividends.push({
        exMs,
        value,
        unadjusted: value,
        currency: "USD",
        declaredMs: exMs - 21 * DAY_MS,
        recordMs: exMs + DAY_MS,
        paidMs: exMs + 21 * DAY_MS,
        period: "Quarterly",
      });
    }
  }

  #profile(symbol: string): ProfileValue {
    const bits = bitsAt(this.#key(symbol, "profile"), 0);
    const assetClass = assetClassOf(symbol);
    const isEquity = assetClass === "equity";
    return {
      name: isEquity ? `${symbol} Corporation` : symbol,
      type: isEquity ? "Common Stock" : assetClass,
      exchange: isEquity ? "US" : null,
      country: isEquity ? "USA" : null,
      currency: "USD",
      sector: isEquity ? SECTORS[(bits >>> 0) % SECTORS.length] ?? null : null,
      industry: null,
      isin: null,
      employees: isEquity ? 10 + (mix(bits) >>> 0) % 200_000 : null,
    };
  }

  #fundamentals(symbol: string, toMs: number): FundamentalsValue | null {
    if (assetClassOf(symbol) !== "equity") return null;
    const quarter = Math.floor(Math.max(0, toMs - 1) / (91 * DAY_MS));
    const bits = bitsAt(this.#key(symbol, "fundamentals"), quarter);
    const draw = (place: number, from: number, to: number, digits: number) =>
      Number((from + (to - from) * unit(mix(bits + place))).toFixed(digits));
    const shares = Math.round(draw(1, 1e7, 5e9, 0));
    return {
      marketCap: Math.round(shares * draw(2, 20, 400, 2)),
      peRatio: draw(3, 5, 60, 2),
      earningsPerShare: draw(4, -2, 20, 2),
      bookValuePerShare: draw(5, 1, 100, 2),
      dividendYieldRatio: draw(6, 0, 0.06, 4),
      profitMarginRatio: draw(7, -0.1, 0.4, 4),
      revenue: Math.round(draw(8, 1e8, 4e11, 0)),
      ebitda: Math.round(draw(9, -1e8, 1e11, 0)),
      sharesOutstanding: shares,
      beta: draw(10, 0.2, 2.5, 3),
      asOfMs: quarter * 91 * DAY_MS,
    };
  }

  #news(symbol: string, fromMs: number, toMs: number): readonly NewsItem[] {
    const key = this.#key(symbol, "news");
    const items: NewsItem[] = [];
    const first = Math.floor(Math.max(0, fromMs) / NEWS_SLOT_MS);
    for (let slot = Math.floor((toMs - 1) / NEWS_SLOT_MS); slot >= first; slot--) {
      const bits = bitsAt(key, slot);
      const atMs = slot * NEWS_SLOT_MS + ((mix(bits) >>> 0) % 360) * MINUTE_MS;
      if ((bits & 1) === 0 || atMs < fromMs || atMs >= toMs) continue;
      const title = `${symbol} ${(bits & 2) === 0 ? "rises" : "falls"} on news ${slot}`;
      items.push({
        atMs,
        title,
        extract: `${title}.`,
        url: `https://news.example/${slot}`,
        symbols: [symbol],
        tags: ["simulated"],
        sentiment: (bits & 2) === 0 ? 0.5 : -0.5,
      });
      if (items.length === NEWS_MAX) break;
    }
    return items;
  }

  #key(symbol: string, what: string): number {
    return keyOf(this.#plan.seed, `${what} ${symbol}`);
  }

  /** The market of a symbol, kept ready; beyond the bound the one made first goes. */
  #market(symbol: string): Market {
    const known = this.#markets.get(symbol);
    if (known !== undefined) return known;
    const { seed, instruments } = this.#plan;
    const given = instruments.get(symbol) ?? { symbol };
    const [plan] = syntheticPlan({ seed, instruments: [given] }).instruments as [InstrumentPlan];
    const barSpread = plan.hourSpread * Math.sqrt(MINUTE_MS / HOUR_MS);
    const { market, marketSign, basePrice, calendar } = plan;
    const path = new PricePath({ seed, name: symbol, market, marketSign, basePrice, barSpread });
    const minutes = this.#minutes.get(calendar) ?? sessionOf(calendar, "M1");
    this.#minutes.set(calendar, minutes);
    const made: Market = { plan, path, minutes };
    if (this.#markets.size >= PATHS_MAX) {
      const [oldest] = this.#markets.keys();
      this.#markets.delete(oldest as string);
    }
    this.#markets.set(symbol, made);
    return made;
  }
}

function toTicks(price: number, ticksPerUnit: number): number {
  return Math.max(1, Math.round(price * ticksPerUnit));
}
