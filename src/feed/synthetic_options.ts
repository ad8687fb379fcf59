/**
 * What the synthetic feed can be told, its defaults and bounds.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { SeriesKey } from "../market/block.ts";
import {
  barOpenMs,
  GRANULARITIES,
  type Granularity,
  granularityMs,
} from "../market/granularity.ts";
import {
  type AssetClass,
  type CalendarName,
  type Instrument,
  InstrumentRegistry,
  SUBSCRIPTION_DEFAULT,
} from "../market/instrument.ts";
import { formatSeries } from "../market/series.ts";
import { FEED_BATCH_REJECTIONS_MAX, FEED_BATCH_ROWS_DEFAULT, FeedError } from "./port.ts";
import { assertBatchRows } from "./gate.ts";
import {
  LATER_BARS_MAX,
  SYNTHETIC_FAULTS_DEFAULT,
  type SyntheticFaults,
} from "./synthetic_faults.ts";
import { bitsAt, keyOf, unit } from "./synthetic_noise.ts";

/** Most series of one feed: some 6 kB of state each. */
export const SYNTHETIC_SERIES_MAX = 10_000;

/** Fastest paced speed, in rows a second; beyond it a clock of milliseconds says nothing. */
export const SYNTHETIC_RATE_MAX = 10_000_000;

/** One instrument; what is left out is guessed from the symbol. */
export interface SyntheticInstrument {
  /** Its symbol; asset class, session and price are guessed from it. */
  readonly symbol: string;
  /** Sessions; that of the symbol's asset class unless said otherwise. */
  readonly calendar?: CalendarName;
  /** Decimals of a price; those of the symbol's asset class unless said otherwise. */
  readonly priceDigits?: number;
  /** Price that the walk varies about. */
  readonly basePrice?: number;
  /** Deviation of the move over one hour of trading, as a ratio (0.001 = 0.1 %). */
  readonly hourSpread?: number;
}

/** Everything the feed can be told; all of it has a default. */
export interface SyntheticOptions {
  /** Name of the source; `synthetic` unless said otherwise. */
  readonly name?: string;
  /** 0 to 2^32 - 1; 1 unless said otherwise. Same seed, same rows. */
  readonly seed?: number;
  /** EUR_USD, GBP_USD, USD_JPY and USD_CHF unless said otherwise. */
  readonly instruments?: readonly SyntheticInstrument[];
  /** Bars of every instrument; H1 and H4 unless said otherwise. Longer ones are made of shorter. */
  readonly granularities?: readonly Granularity[];
  /** Open time of the first bar, at or before: 2020-01-06 unless said otherwise. */
  readonly startMs?: number;
  /** The feed ends with the step that reaches this time; null, the default, for no end. */
  readonly endMs?: number | null;
  /**
   * Bars of the shortest granularity by which an instrument moves on before the next one does. 1,
   * the default, is the order of a live feed; with thousands of series every block then has one
   * row, which makes 0.1 M rows a second. 256 makes long blocks, 3 M rows a second and more.
   */
  readonly barsPerStep?: number;
  /** What goes wrong; `SYNTHETIC_FAULTS_DEFAULT` where not said otherwise. */
  readonly faults?: Partial<SyntheticFaults>;
  /** Most rows of a batch. */
  readonly rowsMax?: number;
  /**
   * `asFast` (the default) as `read` is called; otherwise rows a second by the clock, on average.
   * An absence is not made up for by more than a second's rows.
   */
  readonly speed?: "asFast" | { readonly ratePerSecond: number };
}

/** An instrument with all its values. */
export type InstrumentPlan = Required<SyntheticInstrument> & {
  readonly market: string | null;
  readonly marketSign: number;
  readonly series: readonly SeriesKey[];
};

/** The options with all their values; bar lengths ascend. */
export interface SyntheticPlan {
  readonly name: string;
  readonly seed: number;
  readonly instruments: readonly InstrumentPlan[];
  readonly granularities: readonly Granularity[];
  readonly startMs: number;
  /** Steps of one instrument until the end; Infinity without one. */
  readonly rounds: number;
  readonly stepMs: number;
  /** Most bars that are over in one step, and most rows that it sends. */
  readonly stepBarsMax: number;
  readonly stepRowsMax: number;
  readonly faults: SyntheticFaults;
  readonly rowsMax: number;
  /** Infinity for as fast as possible. */
  readonly ratePerSecond: number;
  /** Stands for everything that decides which row follows which. */
  readonly fingerprint: string;
}

/** Prices of about 2024 for {@linkcode SUBSCRIPTION_DEFAULT}. */
const BASE_PRICES = { EUR_USD: 1.085, GBP_USD: 1.27, USD_JPY: 149.5, USD_CHF: 0.885 } as const;

/** The instruments of the demo and of outside feeds, at prices of about 2024. */
export const SYNTHETIC_INSTRUMENTS_DEFAULT: readonly SyntheticInstrument[] = SUBSCRIPTION_DEFAULT
  .symbols.map((symbol) => ({ symbol, basePrice: BASE_PRICES[symbol] }));

/** Hourly deviations that make usual yearly ones: 8, 25, 60, 15 and 20 % over trading hours. */
const HOUR_SPREAD: Readonly<Record<AssetClass, number>> = {
  fx: 0.001,
  equity: 0.006,
  crypto: 0.0064,
  index: 0.0037,
  commodity: 0.0025,
};

/** Default base prices lie between these, spread evenly on the symbol's hash. */
const BASE_PRICE: Readonly<Record<AssetClass, readonly [number, number]>> = {
  fx: [0.7, 1.5],
  equity: [20, 400],
  crypto: [1, 2_000],
  index: [1_000, 20_000],
  commodity: [20, 2_000],
};

const YEN_DIGITS = 3;

const START_MS_DEFAULT = Date.UTC(2020, 0, 6);

/** Bounds of a start: hashes count bars from 1970, and a year has four digits. */
const START_MS_MAX = Date.UTC(9000, 0, 1);

/** `count` instruments: the four of the demo, then round-the-clock ones named SYN00005 and so on. */
export function syntheticInstruments(count: number): readonly SyntheticInstrument[] {
  const others = Array.from({ length: Math.max(0, count - 4) }, (_, i): SyntheticInstrument => ({
    symbol: `SYN${String(i + 5).padStart(5, "0")}`,
    calendar: "always",
  }));
  return [...SYNTHETIC_INSTRUMENTS_DEFAULT.slice(0, count), ...others];
}

/**
 * The options with their defaults. O(series).
 *
 * @throws {FeedError} code `options`; {@linkcode MarketError} for a symbol that cannot be one.
 */
export function syntheticPlan(options: SyntheticOptions = {}): SyntheticPlan {
  const { name = "synthetic", seed = 1, barsPerStep = 1, speed = "asFast" } = options;
  const { rowsMax = FEED_BATCH_ROWS_DEFAULT, startMs = START_MS_DEFAULT, endMs = null } = options;
  const faults = { ...SYNTHETIC_FAULTS_DEFAULT, ...options.faults };
  const granularities = sortedGranularities(
    options.granularities ?? SUBSCRIPTION_DEFAULT.granularities,
  );
  const given = options.instruments ?? SYNTHETIC_INSTRUMENTS_DEFAULT;
  assertNumbers({ seed, startMs, endMs, faults });
  assertBatchRows(rowsMax);
  assertSeries(given, granularities);
  // A longer bar whose end fell into a pause is over with the first bar after it.
  const stepBarsMax = (barsPerStep + 1) * granularities.length - 1;
  expect(
    Number.isInteger(barsPerStep) && barsPerStep >= 1 && stepBarsMax <= FEED_BATCH_REJECTIONS_MAX,
    `at least 1 bar a step, and (bars + 1) · granularities - 1 up to ${FEED_BATCH_REJECTIONS_MAX}`,
    barsPerStep,
  );
  const stepRowsMax = 2 * stepBarsMax + LATER_BARS_MAX * granularities.length;
  expect(rowsMax >= stepRowsMax, `batches of at least ${stepRowsMax} rows, one step`, rowsMax);
  const [shortest] = granularities as [Granularity];
  const stepMs = barsPerStep * granularityMs(shortest);
  const alignedMs = barOpenMs(startMs, granularities.at(-1) as Granularity);
  const ratePerSecond = speed === "asFast" ? Infinity : speed.ratePerSecond;
  expect(
    ratePerSecond === Infinity || (ratePerSecond > 0 && ratePerSecond <= SYNTHETIC_RATE_MAX),
    `a rate above 0 and up to ${SYNTHETIC_RATE_MAX} rows a second`,
    ratePerSecond,
  );
  const instruments = given.map((instrument) => instrumentPlan(seed, instrument, granularities));
  const decisive = { seed, instruments, granularities, startMs: alignedMs, stepMs, faults };
  return {
    ...decisive,
    name,
    rounds: endMs === null ? Infinity : Math.max(0, Math.ceil((endMs - alignedMs) / stepMs)),
    stepBarsMax,
    stepRowsMax,
    rowsMax,
    ratePerSecond,
    fingerprint: createHash("sha256").update(JSON.stringify(decisive)).digest("hex").slice(0, 16),
  };
}

function instrumentPlan(
  seed: number,
  given: SyntheticInstrument,
  granularities: readonly Granularity[],
): InstrumentPlan {
  const { symbol } = given;
  const known: Instrument = new InstrumentRegistry([{
    symbol,
    ...(given.calendar === undefined ? {} : { calendar: given.calendar }),
    ...(given.priceDigits === undefined ? {} : { priceDigits: given.priceDigits }),
  }]).get(symbol);
  const [low, high] = BASE_PRICE[known.assetClass];
  // Against a currency with few decimals, as the yen, a price is a hundred times as high.
  const factor = known.assetClass === "fx" && known.priceDigits <= YEN_DIGITS ? 100 : 1;
  const drawn = factor * (low + (high - low) * unit(bitsAt(keyOf(seed, symbol), 0)));
  const basePrice = given.basePrice ?? drawn;
  const hourSpread = given.hourSpread ?? HOUR_SPREAD[known.assetClass];
  expect(basePrice > 0 && basePrice < 1e9, "a base price above 0 and below 1e9", basePrice);
  expect(hourSpread > 0 && hourSpread < 0.1, "an hourly spread above 0 and below 0.1", hourSpread);
  return {
    symbol,
    calendar: known.calendar,
    priceDigits: known.priceDigits,
    basePrice,
    hourSpread,
    // Paths have bars in common only where their sessions are the same.
    market: `${known.assetClass} ${known.calendar}`,
    // What is common to currencies is the dollar: it moves USD_JPY up when it moves EUR_USD down.
    marketSign: known.assetClass === "fx" && symbol.startsWith("USD") ? -1 : 1,
    series: granularities.map((granularity) => formatSeries(symbol, granularity)),
  };
}

function sortedGranularities(given: readonly Granularity[]): readonly Granularity[] {
  const sorted = GRANULARITIES.filter((granularity) => given.includes(granularity));
  expect(
    given.length > 0 && sorted.length === given.length,
    `different granularities of ${GRANULARITIES.join(" ")}`,
    given.join(" "),
  );
  return sorted;
}

function assertSeries(
  instruments: readonly SyntheticInstrument[],
  granularities: readonly Granularity[],
): void {
  const series = instruments.length * granularities.length;
  expect(
    series >= 1 && series <= SYNTHETIC_SERIES_MAX,
    `1 to ${SYNTHETIC_SERIES_MAX} series`,
    series,
  );
  const symbols = new Set(instruments.map(({ symbol }) => symbol));
  expect(symbols.size === instruments.length, "every symbol once", instruments.length);
}

function assertNumbers(
  { seed, startMs, endMs, faults }: {
    readonly seed: number;
    readonly startMs: number;
    readonly endMs: number | null;
    readonly faults: SyntheticFaults;
  },
): void {
  expect(seed === seed >>> 0, "a seed of 0 to 4294967295", seed);
  const isStart = Number.isSafeInteger(startMs) && startMs >= 0 && startMs <= START_MS_MAX;
  expect(isStart, "a start from 1970 to 9000 in milliseconds", startMs);
  expect(endMs === null || Number.isSafeInteger(endMs), "an end in milliseconds", endMs);
  const { silent, ...shares } = faults;
  const all = Object.values(shares);
  const isShare = (share: number) => share >= 0 && share <= 1;
  expect([...all, silent].every(isShare), "shares of 0 to 1", JSON.stringify(faults));
  const sum = all.reduce((total, share) => total + share, 0);
  expect(sum <= 1 + 1e-9, "shares of at most 1 together", sum);
}

function expect(holds: boolean, expected: string, found: unknown): void {
  if (holds) return;
  throw new FeedError(
    "options",
    `Cannot set up synthetic feed: expected ${expected}: current value is ${found}`,
  );
}
