/**
 * Instruments and what is known about them: registered, or by default of their asset class.
 *
 * @module
 */

import type { SeriesKey } from "./block.ts";
import { MarketError } from "./error.ts";
import { GRANULARITIES, type Granularity } from "./granularity.ts";
import { formatSeries, isSymbol, SYMBOL_LENGTH_MAX } from "./series.ts";

/** What kind of thing is traded. */
export const ASSET_CLASSES = ["equity", "fx", "crypto", "index", "commodity"] as const;

/** See {@linkcode ASSET_CLASSES}. */
export type AssetClass = (typeof ASSET_CLASSES)[number];

/** When a market is open: New York Stock Exchange hours, the foreign exchange week, or always. */
export const CALENDAR_NAMES = ["nyse", "fx", "always"] as const;

/** See {@linkcode CALENDAR_NAMES}. */
export type CalendarName = (typeof CALENDAR_NAMES)[number];

/** One instrument. */
export interface Instrument {
  /** 1 to 32 letters, digits or . _ - ^ = +; case matters. */
  readonly symbol: string;
  /** What kind of thing it is; the other defaults follow from it. */
  readonly assetClass: AssetClass;
  /** When its market is open. */
  readonly calendar: CalendarName;
  /** Sector of an equity; null where there is none or none is known. */
  readonly sector: string | null;
  /** Bar lengths in which its candles are kept. */
  readonly granularities: readonly Granularity[];
  /** Shift of the bar grid against the epoch in milliseconds, see `barOpenMs`. */
  readonly barOffsetMs: number;
  /** Decimals of a price as shown. Stored prices keep all they have. */
  readonly priceDigits: number;
  /** Whether somebody said this (`registered`) or the class and symbol did (`default`). */
  readonly source: "registered" | "default";
}

/** An instrument as it is registered: what is left out is the default of its class. */
export type InstrumentSpec =
  & Pick<Instrument, "symbol">
  & Partial<Omit<Instrument, "symbol" | "source">>;

/** What the demo and outside feeds subscribe to unless told otherwise. */
export const SUBSCRIPTION_DEFAULT = {
  symbols: ["EUR_USD", "GBP_USD", "USD_JPY", "USD_CHF"],
  granularities: ["H1", "H4"],
} as const satisfies {
  readonly symbols: readonly string[];
  readonly granularities: readonly Granularity[];
};

/**
 * Keys of the series of some symbols in some granularities, symbol by symbol:
 * {@linkcode SUBSCRIPTION_DEFAULT} unless said otherwise.
 *
 * @throws {MarketError} code `series` for a symbol that cannot be in a key.
 */
export function subscriptionSeries(
  symbols: readonly string[] = SUBSCRIPTION_DEFAULT.symbols,
  granularities: readonly Granularity[] = SUBSCRIPTION_DEFAULT.granularities,
): readonly SeriesKey[] {
  return symbols.flatMap((symbol) => granularities.map((g) => formatSeries(symbol, g)));
}

/** Most instruments in a registry: a bound on memory, some 20 MB. */
export const INSTRUMENTS_MAX = 100_000;

const PRICE_DIGITS_MAX = 15;

/** What an asset class says about its instruments. */
export type ClassDefaults = Omit<Instrument, "symbol" | "assetClass" | "source">;

const COMMON = { sector: null, granularities: GRANULARITIES, barOffsetMs: 0 } as const;

/** Defaults by asset class. */
export const CLASS_DEFAULTS: Readonly<Record<AssetClass, ClassDefaults>> = {
  equity: { ...COMMON, calendar: "nyse", priceDigits: 2 },
  fx: { ...COMMON, calendar: "fx", priceDigits: 5 },
  crypto: { ...COMMON, calendar: "always", priceDigits: 2 },
  index: { ...COMMON, calendar: "nyse", priceDigits: 2 },
  commodity: { ...COMMON, calendar: "fx", priceDigits: 3 },
};

/** Currencies of the pairs taken for foreign exchange when nobody said what they are (ISO 4217). */
const CURRENCIES = new Set(
  ("AUD BRL CAD CHF CLP CNH CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PHP " +
    "PLN RON SEK SGD THB TRY TWD USD ZAR").split(" "),
);

/** Metals are quoted like currencies and belong to commodities. */
const METALS = new Set(["XAU", "XAG", "XPT", "XPD"]);

/** Coins whose pairs are taken for crypto when nobody said what they are. */
const COINS = new Set(
  "BTC XBT ETH LTC XRP BCH ADA SOL DOGE DOT AVAX LINK MATIC BNB TRX XLM XMR EOS".split(" "),
);

/** Quotes that are no currency but money in crypto markets. */
const STABLE_COINS = new Set(["USDT", "USDC", "BUSD", "DAI"]);

const YEN_DIGITS = 3;

/**
 * Asset class that the symbol suggests: a pair of currencies, a coin against money, a metal
 * against a currency, `^` for an index, and otherwise an equity. Pairs are written `EUR_USD`,
 * `EUR-USD` or `EURUSD`.
 */
export function assetClassOf(symbol: string): AssetClass {
  if (symbol.startsWith("^")) return "index";
  const pair = pairOf(symbol);
  if (pair === null) return "equity";
  if (COINS.has(pair.base)) return "crypto";
  return METALS.has(pair.base) ? "commodity" : "fx";
}

function pairOf(symbol: string): { base: string; quote: string } | null {
  const isBase = (text: string) => CURRENCIES.has(text) || METALS.has(text) || COINS.has(text);
  const isQuote = (base: string, text: string) =>
    CURRENCIES.has(text) || (COINS.has(base) && (STABLE_COINS.has(text) || COINS.has(text)));
  const parts = symbol.split(/[_-]/);
  const splits = parts.length === 2
    ? [parts as [string, string]]
    : [3, 4].map((at): [string, string] => [symbol.slice(0, at), symbol.slice(at)]);
  const found = splits.find(([base, quote]) => isBase(base) && isQuote(base, quote));
  return found === undefined ? null : { base: found[0], quote: found[1] };
}

function defaultsOf(symbol: string, assetClass: AssetClass): ClassDefaults {
  const defaults = CLASS_DEFAULTS[assetClass];
  const isYenQuote = assetClass === "fx" && pairOf(symbol)?.quote === "JPY";
  return isYenQuote ? { ...defaults, priceDigits: YEN_DIGITS } : defaults;
}

/**
 * The instruments known to this process.
 *
 * - `get` answers for every symbol: registered ones as registered, others by default, which
 *   `source` tells apart
 * - registering again replaces
 */
export class InstrumentRegistry {
  readonly #registered = new Map<string, Instrument>();

  /**
   * Knows the instruments given.
   *
   * @throws {MarketError} code `instrument`, see {@linkcode InstrumentRegistry.register}.
   */
  constructor(specs: Iterable<InstrumentSpec> = []) {
    for (const spec of specs) this.register(spec);
  }

  /**
   * Adds or replaces an instrument and returns it whole. O(1).
   *
   * @throws {MarketError} code `instrument` for values out of range or a full registry.
   */
  register(spec: InstrumentSpec): Instrument {
    const assetClass = spec.assetClass ?? assetClassOf(spec.symbol);
    const instrument: Instrument = {
      ...defaultsOf(spec.symbol, assetClass),
      ...spec,
      assetClass,
      source: "registered",
    };
    assertInstrument(instrument);
    if (!this.#registered.has(spec.symbol) && this.#registered.size >= INSTRUMENTS_MAX) {
      throw registerError(`expected at most ${INSTRUMENTS_MAX} instruments`, spec.symbol);
    }
    this.#registered.set(spec.symbol, instrument);
    return instrument;
  }

  /**
   * The instrument of a symbol. O(1).
   *
   * @throws {MarketError} code `instrument` for a text that is no symbol.
   */
  get(symbol: string): Instrument {
    const registered = this.#registered.get(symbol);
    if (registered !== undefined) return registered;
    const assetClass = assetClassOf(symbol);
    const instrument: Instrument = {
      symbol,
      assetClass,
      ...defaultsOf(symbol, assetClass),
      source: "default",
    };
    assertInstrument(instrument);
    return instrument;
  }

  /** The registered instruments, in the order of their first registration. */
  list(): readonly Instrument[] {
    return [...this.#registered.values()];
  }
}

function assertInstrument(instrument: Instrument): void {
  const { symbol, assetClass, calendar, granularities, barOffsetMs, priceDigits } = instrument;
  if (!isSymbol(symbol)) {
    throw registerError(
      `expected a symbol of 1 to ${SYMBOL_LENGTH_MAX} letters, digits or . _ - ^ = +`,
      symbol,
    );
  }
  if (!ASSET_CLASSES.includes(assetClass)) {
    throw registerError(`expected an asset class of ${ASSET_CLASSES.join(" ")}`, assetClass);
  }
  if (!CALENDAR_NAMES.includes(calendar)) {
    throw registerError(`expected a calendar of ${CALENDAR_NAMES.join(" ")}`, calendar);
  }
  if (granularities.length === 0 || !granularities.every((g) => GRANULARITIES.includes(g))) {
    throw registerError(`expected granularities of ${GRANULARITIES.join(" ")}`, granularities);
  }
  if (!Number.isSafeInteger(barOffsetMs)) {
    throw registerError("expected a bar offset of whole milliseconds", barOffsetMs);
  }
  if (!Number.isInteger(priceDigits) || priceDigits < 0 || priceDigits > PRICE_DIGITS_MAX) {
    throw registerError(`expected 0 to ${PRICE_DIGITS_MAX} price digits`, priceDigits);
  }
}

function registerError(expected: string, found: unknown): MarketError {
  const shown = JSON.stringify(found)?.slice(0, 80);
  return new MarketError(
    "instrument",
    `Cannot register instrument: ${expected}: current value is ${shown}`,
  );
}
