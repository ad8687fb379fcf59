/**
 * How long data holds, by what it is: the table, and what else decides.
 *
 * @module
 */

import { CacheError, shown } from "./error.ts";
import { KEY_KINDS, type KeyKind } from "./key.ts";

/** How long one kind of data holds, ms, by whether its instrument is traded when it is loaded. */
export interface TtlRule {
  /** While the market of the instrument is open. */
  readonly openMs: number;
  /** While it is closed. */
  readonly closedMs: number;
  /** For crypto, whose market has no pause. */
  readonly cryptoMs: number;
  /**
   * Whether it is the price of a market: then one from before the open is none after it, a long
   * pause may be slept through, and it moves with volatility.
   */
  readonly isMarketPrice: boolean;
}

/** Rules by kind; `other` for kinds without one. */
export type TtlRules =
  & Readonly<Record<KeyKind | "other", TtlRule>>
  & Readonly<Record<string, TtlRule>>;

/** What decides how long data holds. */
export interface TtlOptions {
  /** The table. */
  readonly rules: TtlRules;
  /** Data is served up to this many times its TTL, stale behind the first time; at least 1. */
  readonly hardRatio: number;
  /** How much longer it is served when loads fail, ms. */
  readonly staleIfErrorMs: number;
  /** By how much of itself a TTL is shortened at most, so that those set together end apart. */
  readonly jitterRatio: number;
  /** Whether what was loaded before the open ends with it; see `ttl.ts`. */
  readonly endsAtOpen: boolean;
  /**
   * A market price loaded in a weekend or holiday holds until the next open, but at most this long,
   * ms; 0: as long as at night.
   */
  readonly pauseTtlMaxMs: number;
  /** Whether a market price holds shorter in a volatile market and longer in a quiet one. */
  readonly followsVolatility: boolean;
}

/** Bounds of {@linkcode TtlOptions}. */
export const TTL_BOUNDS = {
  /** Shortest TTL of a rule, ms: less would be a load for nearly every read. */
  ttlMinMs: 100,
  /** Longest TTL of a rule, ms: a month; what holds longer belongs into a store. */
  ttlMaxMs: 31 * 86_400_000,
  /** Largest ratio of hard to soft TTL. */
  hardRatioMax: 100,
  /** Largest share that jitter takes: half of the TTL is meant to be left. */
  jitterRatioMax: 0.5,
  /** Kinds that have a rule: those known and as many again. */
  rulesMax: 64,
} as const;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const always = (ttlMs: number): TtlRule => ({
  openMs: ttlMs,
  closedMs: ttlMs,
  cryptoMs: ttlMs,
  isMarketPrice: false,
});

/** The table, unless told otherwise. */
export const TTL_RULES_DEFAULT: TtlRules = {
  price: {
    openMs: 5 * MINUTE_MS,
    closedMs: 20 * MINUTE_MS,
    cryptoMs: MINUTE_MS,
    isMarketPrice: true,
  },
  fundamentals: { ...always(DAY_MS), closedMs: 2 * DAY_MS },
  news: { ...always(10 * MINUTE_MS), closedMs: 15 * MINUTE_MS },
  profile: always(7 * DAY_MS),
  dividends: always(DAY_MS),
  prices: always(HOUR_MS),
  // These three end by what they are made of; their TTL is what a lost invalidation may cost.
  label: always(HOUR_MS),
  path: always(15 * MINUTE_MS),
  levels: always(5 * MINUTE_MS),
  correlation: always(15 * MINUTE_MS),
  other: always(5 * MINUTE_MS),
};

/** What decides, unless told otherwise. */
export const TTL_DEFAULTS: TtlOptions = {
  rules: TTL_RULES_DEFAULT,
  hardRatio: 2,
  staleIfErrorMs: 10 * MINUTE_MS,
  jitterRatio: 0.2,
  endsAtOpen: true,
  pauseTtlMaxMs: 0,
  followsVolatility: false,
};

/** {@linkcode TtlOptions} as one sets them: what is left out is as by default, rule by rule. */
export type TtlSettings =
  & Partial<Omit<TtlOptions, "rules">>
  & { readonly rules?: Readonly<Record<string, Partial<TtlRule>>> };

/**
 * Whole options from settings. A rule of a new kind leaves out what `other` says.
 *
 * @throws {CacheError} code `ttl` for values out of bounds.
 */
export function ttlOptions(settings: TtlSettings = {}): TtlOptions {
  const rules = new Map(Object.entries(TTL_RULES_DEFAULT));
  for (const [kind, rule] of Object.entries(settings.rules ?? {})) {
    const known = rules.get(kind) ?? rules.get("other") as TtlRule;
    rules.set(kind, { ...known, ...rule });
  }
  const options: TtlOptions = {
    ...TTL_DEFAULTS,
    ...settings,
    // From a map, so that no kind is a property of all objects.
    rules: Object.fromEntries(rules) as TtlRules,
  };
  assertOptions(options);
  return options;
}

/** The rule of a kind; that of `other` where it has none. */
export function ttlRuleOf(rules: TtlRules, kind: string): TtlRule {
  return (Object.hasOwn(rules, kind) ? rules[kind] : undefined) ?? rules.other;
}

function assertOptions(options: TtlOptions): void {
  const { ttlMinMs, ttlMaxMs, hardRatioMax, jitterRatioMax, rulesMax } = TTL_BOUNDS;
  const within = (name: string, value: number, min: number, max: number) => {
    // NaN fails too.
    if (value >= min && value <= max) return;
    throw new CacheError(
      "ttl",
      `Cannot set ${name}: expected ${min} to ${max}: current value is ${shown(value)}`,
    );
  };
  within("hardRatio", options.hardRatio, 1, hardRatioMax);
  within("staleIfErrorMs", options.staleIfErrorMs, 0, ttlMaxMs);
  within("jitterRatio", options.jitterRatio, 0, jitterRatioMax);
  within("pauseTtlMaxMs", options.pauseTtlMaxMs, 0, ttlMaxMs);
  const rules = Object.entries(options.rules);
  within("number of TTL rules", rules.length, KEY_KINDS.length + 1, rulesMax);
  for (const [kind, rule] of rules) {
    for (const name of ["openMs", "closedMs", "cryptoMs"] as const) {
      within(`${name} of ${shown(kind)}`, rule[name], ttlMinMs, ttlMaxMs);
    }
  }
}
