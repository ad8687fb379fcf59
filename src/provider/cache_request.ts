/**
 * What a provider is asked for when a key of the cache is not there: `price:AAPL`, `news:AAPL`,
 * `prices:AAPL:D?days=30` and the like.
 *
 * @module
 */

import { GRANULARITIES, type Granularity, granularityMs } from "../market/granularity.ts";
import type { LoaderAsk } from "../cache/types.ts";
import { isSymbol } from "../market/series.ts";
import type { ProviderRequest } from "./port.ts";
import type { ProviderKind } from "./values.ts";

const DAY_MS = 86_400_000;

/**
 * How long a key waits for others that it can travel with, ms. Who waits hardly gains from company;
 * `demand` is what a provider begins with, and tuning may change it. A renewal has time, and most find a
 * call that somebody waits for and travel with it: the longer, the fewer calls, 65,200 on the day of
 * the bench with 1 s, 54,300 with 3 s, 49,500 with 8 s and 47,800 with 20 s, at the same share served.
 * What is wanted ahead of need waits for an idle provider, and hardly at all when it is idle.
 */
export const CACHE_LINGER_MS = { demand: 5, refresh: 8_000, bulk: 60_000 } as const;

/** What follows what is being read is wanted within seconds or not at all, ms. */
const PREDICTIVE_LINGER_MS = 2_000;

/** What is left of a load's time for the call itself, ms: the longest time of one. */
const CALL_MS = 10_000;

/** How long a key may wait for others, and whether only while the provider is busy. */
export interface CacheLinger {
  /** Null: as the provider is set for those whom somebody waits for. */
  readonly lingerMs: number | null;
  readonly isBulk: boolean;
}

/**
 * How long a key of the cache waits for others. What is asked for ahead of need is bulk; the warmer's
 * renewals are not, and what waits so long that its entry would be lost meanwhile, or its load be given
 * up, waits shorter.
 */
export function cacheLinger(
  { origin, timeoutMs, lostInMs }: Pick<LoaderAsk, "origin" | "timeoutMs" | "lostInMs">,
): CacheLinger {
  const { demand, refresh, bulk } = CACHE_LINGER_MS;
  if (!origin.startsWith("warm:")) {
    const isRenewal = origin === "refresh";
    return { lingerMs: isRenewal ? refresh : null, isBulk: false };
  }
  const isRenewal = origin === "warm:renewal";
  const longestMs = isRenewal
    ? refresh
    : origin === "warm:predictive"
    ? PREDICTIVE_LINGER_MS
    : bulk;
  const leftMs = Math.min(timeoutMs, lostInMs === null || lostInMs === 0 ? Infinity : lostInMs);
  const lingerMs = Math.min(longestMs, Math.max(demand, leftMs - CALL_MS));
  return { lingerMs, isBulk: !isRenewal };
}

/** Most bars of a key of prices: an entry of 480 kB. */
export const PRICE_KEY_BARS_MAX = 10_000;
const PRICE_KEY_BARS_DEFAULT = 250;

/** Kinds of keys that come from providers, with the kind there and how far back is asked for. */
const KINDS: Readonly<Record<string, { readonly kind: ProviderKind; readonly days: number }>> = {
  price: { kind: "quotes", days: 1 },
  news: { kind: "news", days: 7 },
  fundamentals: { kind: "fundamentals", days: 1 },
  profile: { kind: "profiles", days: 1 },
  // A year, and the month by which one may be late.
  dividends: { kind: "dividends", days: 396 },
};

/** First parts of the keys that come from providers. */
export const PROVIDER_KEY_KINDS: readonly string[] = [...Object.keys(KINDS), "prices"];

/** A request of one symbol, which may travel with others of its kind. */
export interface KeyRequest
  extends Pick<ProviderRequest, "kind" | "fromMs" | "toMs" | "granularity"> {
  /** The symbol. */
  readonly symbol: string;
}

/**
 * What to ask for, or what was expected of the key. Times are whole days up to the end of today, UTC,
 * so that keys that are asked for at the same time meet in one call.
 *
 * @param key `kind:SYMBOL`, or `prices:SYMBOL:GRANULARITY?bars=N`.
 * @param nowMs Epoch ms.
 */
export function keyRequest(key: string, nowMs: number): KeyRequest | string {
  const [kind = "", symbol = "", ...rest] = key.split(":");
  if (!isSymbol(symbol)) return "expected a symbol after the kind";
  const toMs = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
  if (kind === "prices") return pricesRequest(symbol, rest.join(":"), toMs);
  const known = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (known === undefined) return `expected a kind of ${PROVIDER_KEY_KINDS.join(" ")}`;
  if (rest.length > 0) return `expected ${kind}:SYMBOL without parameters`;
  return { kind: known.kind, symbol, fromMs: toMs - known.days * DAY_MS, toMs, granularity: "D" };
}

function pricesRequest(symbol: string, params: string, toMs: number): KeyRequest | string {
  const [granularity = "", options] = params === "" ? ["D"] : params.split("?");
  if (!(GRANULARITIES as readonly string[]).includes(granularity)) {
    return `expected prices:SYMBOL:GRANULARITY with one of ${GRANULARITIES.join(" ")}`;
  }
  const text = options === undefined
    ? String(PRICE_KEY_BARS_DEFAULT)
    : /^bars=(\d{1,5})$/.exec(options)?.[1];
  const bars = Number(text);
  if (!(bars >= 1 && bars <= PRICE_KEY_BARS_MAX)) {
    return `expected ?bars= from 1 to ${PRICE_KEY_BARS_MAX}`;
  }
  const bar = granularity as Granularity;
  const days = Math.ceil(bars * granularityMs(bar) / DAY_MS);
  return { kind: "prices", symbol, fromMs: toMs - days * DAY_MS, toMs, granularity: bar };
}
