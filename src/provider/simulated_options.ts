/**
 * What the simulated provider can be told, its defaults and bounds.
 *
 * @module
 */

import { type SyntheticInstrument } from "../feed/synthetic_options.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import { ProviderError } from "./error.ts";
import { CALL_SYMBOLS_MAX, CALL_TIMEOUT_MS_DEFAULT, CALL_TIMEOUT_MS_MAX } from "./limits.ts";
import type { EndpointInfo } from "./port.ts";

/** A time in which the provider is out, ms since it was made. */
export interface Outage {
  /** Begin, included. */
  readonly fromMs: number;
  /** End, not included. */
  readonly toMs: number;
  /** `refuse`: it answers 503; `hang`: it does not answer. */
  readonly kind: "refuse" | "hang";
}

/** A limit that is enforced: no sliding window holds more calls. */
export interface CallLimit {
  /** Most calls within any window. */
  readonly max: number;
  /** Length of the window, ms. */
  readonly windowMs: number;
}

/** Everything the simulated provider can be told; all of it has a default. */
export interface SimulatedOptions {
  /** Name of the provider; `simulated` unless said otherwise. */
  readonly name?: string;
  /** 0 to 2^32 - 1; 1 unless said otherwise. Decides latencies, failures and all values. */
  readonly seed?: number;
  /** Median of the lognormal latency of a call, ms; 150 unless said otherwise. */
  readonly medianMs?: number;
  /** 99th percentile of it, ms; 800 unless said otherwise. */
  readonly p99Ms?: number;
  /** What each further key of a call adds, ms; 2 unless said otherwise. */
  readonly perKeyMs?: number;
  /** Calls arrive up to this much after they were made, evenly spread, ms; 0 by default. */
  readonly transitMsMax?: number;
  /** How long it takes to refuse a call, ms; 20 unless said otherwise. */
  readonly refusalMs?: number;
  /** Longest time of a call, ms. */
  readonly timeoutMs?: number;
  /** Share of calls that fail and would succeed when tried again; 0.005 unless said otherwise. */
  readonly transientRatio?: number;
  /** Share of keys within an answered call that do so; 0 unless said otherwise. */
  readonly keyTransientRatio?: number;
  /** Limits enforced; 750 calls in 60 s unless said otherwise. */
  readonly limits?: readonly CallLimit[];
  /** Most symbols of a call by endpoint, where it differs from {@linkcode SIMULATED_ENDPOINTS}. */
  readonly symbolsMax?: Readonly<Record<string, number>>;
  /** Symbols that always fail, and how. */
  readonly poison?: Readonly<Record<string, "transient" | "permanent">>;
  /** Whether a poison symbol fails its whole call, as careless providers do; false by default. */
  readonly poisonFailsCall?: boolean;
  /** Symbols that it does not know. */
  readonly unknown?: readonly string[];
  /** Symbols that pay dividends; about half of the equities unless said otherwise. */
  readonly payers?: readonly string[];
  /** Instruments whose session, price or movement is not what their symbol suggests. */
  readonly instruments?: readonly SyntheticInstrument[];
  /** When it is out. */
  readonly outages?: readonly Outage[];
}

/** The options with all their values; see {@linkcode SimulatedOptions} for what each means. */
export type SimulatedPlan =
  & Required<
    Omit<
      SimulatedOptions,
      "p99Ms" | "symbolsMax" | "poison" | "unknown" | "payers" | "instruments"
    >
  >
  & {
    /** Deviation of the logarithm of the latency. */
    readonly sigma: number;
    /** The endpoints with their bounds. */
    readonly endpoints: readonly EndpointInfo[];
    /** How symbols fail that always do. */
    readonly poison: ReadonlyMap<string, "transient" | "permanent">;
    /** Symbols that are not known. */
    readonly unknown: ReadonlySet<string>;
    /** Symbols that pay dividends; null for what their hash says. */
    readonly payers: ReadonlySet<string> | null;
    /** Instruments that are not what their symbol suggests. */
    readonly instruments: ReadonlyMap<string, SyntheticInstrument>;
  };

/** The 99 % quantile of the standard normal distribution. */
const NORMAL_P99 = 2.3263478740408408;

const DAY_MS = 86_400_000;

/** Largest limit that is enforced: a window of it takes 8 bytes a call. */
const LIMIT_MAX = 1_000_000;

const PLAIN = { symbolsMax: 50, costPerCall: 1, costPerKey: 0, spanMsMax: null, granularities: [] };

/**
 * Its endpoints: `prices` for any time, `prices_day` for one day of many symbols (a night's 19,205
 * symbols take 30 calls), and one for each other kind.
 */
export const SIMULATED_ENDPOINTS: readonly EndpointInfo[] = [
  { ...PLAIN, name: "prices", kind: "prices", granularities: GRANULARITIES },
  {
    ...PLAIN,
    name: "prices_day",
    kind: "prices",
    symbolsMax: 650,
    spanMsMax: DAY_MS,
    granularities: ["D"],
  },
  { ...PLAIN, name: "quotes", kind: "quotes" },
  { ...PLAIN, name: "dividends", kind: "dividends" },
  { ...PLAIN, name: "profiles", kind: "profiles" },
  { ...PLAIN, name: "fundamentals", kind: "fundamentals" },
  { ...PLAIN, name: "news", kind: "news" },
];

/**
 * The options with their defaults.
 *
 * @throws {ProviderError} code `options`.
 */
export function simulatedPlan(options: SimulatedOptions = {}): SimulatedPlan {
  const { name = "simulated", seed = 1, medianMs = 150, p99Ms = 800, perKeyMs = 2 } = options;
  const { transitMsMax = 0, refusalMs = 20, timeoutMs = CALL_TIMEOUT_MS_DEFAULT } = options;
  const { transientRatio = 0.005, keyTransientRatio = 0, payers } = options;
  const { limits = [{ max: 750, windowMs: 60_000 }], outages = [] } = options;
  expect(seed === seed >>> 0, "a seed of 0 to 4294967295", seed);
  expect(medianMs > 0 && p99Ms >= medianMs, "0 < medianMs <= p99Ms", [medianMs, p99Ms]);
  const times = [perKeyMs, transitMsMax, refusalMs];
  expect(times.every((ms) => ms >= 0 && ms <= CALL_TIMEOUT_MS_MAX), "times of 0 or more", times);
  expect(timeoutMs > 0 && timeoutMs <= CALL_TIMEOUT_MS_MAX, "a timeout above 0", timeoutMs);
  const ratios = [transientRatio, keyTransientRatio];
  expect(ratios.every((ratio) => ratio >= 0 && ratio <= 1), "ratios of 0 to 1", ratios);
  for (const { max, windowMs } of limits) {
    const isLimit = Number.isInteger(max) && max >= 1 && max <= LIMIT_MAX && windowMs > 0;
    expect(isLimit, `limits of 1 to ${LIMIT_MAX} calls in some time`, [max, windowMs]);
  }
  for (const { fromMs, toMs } of outages) {
    expect(fromMs >= 0 && fromMs < toMs, "outages with 0 <= fromMs < toMs", [fromMs, toMs]);
  }
  return {
    name,
    seed,
    medianMs,
    sigma: Math.log(p99Ms / medianMs) / NORMAL_P99,
    perKeyMs,
    transitMsMax,
    refusalMs,
    timeoutMs,
    transientRatio,
    keyTransientRatio,
    limits,
    endpoints: endpointsOf(options.symbolsMax ?? {}),
    poison: new Map(Object.entries(options.poison ?? {})),
    poisonFailsCall: options.poisonFailsCall ?? false,
    unknown: new Set(options.unknown),
    payers: payers === undefined ? null : new Set(payers),
    instruments: new Map(options.instruments?.map((one) => [one.symbol, one])),
    outages,
  };
}

function endpointsOf(symbolsMax: Readonly<Record<string, number>>): readonly EndpointInfo[] {
  const own = new Map(Object.entries(symbolsMax));
  for (const [name, max] of own) {
    expect(SIMULATED_ENDPOINTS.some((one) => one.name === name), "names of its endpoints", name);
    const isMax = Number.isInteger(max) && max >= 1 && max <= CALL_SYMBOLS_MAX;
    expect(isMax, `1 to ${CALL_SYMBOLS_MAX} symbols of a call`, max);
  }
  return SIMULATED_ENDPOINTS.map((one) => ({
    ...one,
    symbolsMax: own.get(one.name) ?? one.symbolsMax,
  }));
}

function expect(holds: boolean, expected: string, found: unknown): void {
  if (holds) return;
  throw new ProviderError(
    "options",
    `Cannot set up simulated provider: expected ${expected}: current value is ${
      JSON.stringify(found)
    }`,
  );
}
