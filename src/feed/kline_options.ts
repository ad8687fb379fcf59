/**
 * What a kline feed can be told, its defaults and bounds.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { SUBSCRIPTION_DEFAULT } from "../market/instrument.ts";
import type { Granularity } from "../market/granularity.ts";
import { assertBatchRows } from "./gate.ts";
import type { KlineFetch } from "./kline_rest.ts";
import {
  klineFingerprint,
  klineOptionsError,
  type KlineSeries,
  klineSeries,
  type KlineSymbol,
} from "./kline_series.ts";
import { FEED_BATCH_ROWS_DEFAULT } from "./port.ts";

/** Where the documented interface is; `wss://data-stream.binance.vision` has market data only. */
export const KLINE_WS_URL = "wss://stream.binance.com:9443";
/** See {@linkcode KLINE_WS_URL}. */
export const KLINE_REST_URL = "https://api.binance.com";

/** How a `klineFeed` is set up. */
export interface KlineFeedOptions {
  /** Symbols as the exchange writes them, with their instruments where those do not follow. */
  readonly symbols: readonly KlineSymbol[];
  /** Bar lengths of every symbol; H1 and H4 unless said otherwise. */
  readonly granularities?: readonly Granularity[];
  /** Name of the source; `klines` unless said otherwise. */
  readonly name?: string;
  /** Most rows of a batch. */
  readonly rowsMax?: number;
  /** Base URL of the streams, `ws` or `wss`. */
  readonly wsUrl?: string;
  /** Path of combined streams. */
  readonly wsPath?: string;
  /** Base URL of the REST interface, `http` or `https`. */
  readonly restUrl?: string;
  /** Path of klines. */
  readonly klinesPath?: string;
  /** Path of the exchange's time. */
  readonly timePath?: string;
  /** Open time of the first bars without a cursor, epoch ms; null, the default: those that go on. */
  readonly startMs?: number | null;
  /** The feed ends with the last bars that end by this time; null, the default, for no end. */
  readonly endMs?: number | null;
  /** Time after a bar's end until which its candle is expected over the stream, ms. */
  readonly settleMs?: number;
  /** Time after a bar's end at which it has no candle if none is known by then, ms. */
  readonly absentMs?: number;
  /** Without any frame for so long a connection is taken for dead, ms. */
  readonly silenceMs?: number;
  /** Weight that the feed may use of what the exchange allows an address in a minute. */
  readonly weightPerMinute?: number;
  /** Longest time of a REST call, ms. */
  readonly timeoutMs?: number;
  /** Chance of the pauses between tries. */
  readonly random?: Random;
  /** Makes REST calls; `globalThis.fetch` unless said otherwise. */
  readonly fetch?: KlineFetch;
}

/** The options with all their values. */
export type KlinePlan = Required<Omit<KlineFeedOptions, "symbols" | "granularities" | "random">> & {
  readonly series: readonly KlineSeries[];
  readonly fingerprint: string;
  readonly streamsUrl: URL;
};

/** Bounds of times, ms: a watchdog that is shorter than pauses of the streams would only reconnect. */
const BOUNDS = {
  settleMs: [0, 600_000],
  absentMs: [0, 86_400_000],
  silenceMs: [100, 3_600_000],
  weightPerMinute: [2, 6_000],
  timeoutMs: [10, 300_000],
} as const;

/** The options with their defaults. @throws {FeedError} code `options`. */
export function klinePlan(options: KlineFeedOptions): KlinePlan {
  const { symbols, granularities = SUBSCRIPTION_DEFAULT.granularities, ...given } = options;
  const series = klineSeries(symbols, granularities);
  const plan = {
    name: given.name ?? "klines",
    rowsMax: given.rowsMax ?? FEED_BATCH_ROWS_DEFAULT,
    wsUrl: given.wsUrl ?? KLINE_WS_URL,
    wsPath: given.wsPath ?? "/stream",
    restUrl: given.restUrl ?? KLINE_REST_URL,
    klinesPath: given.klinesPath ?? "/api/v3/klines",
    timePath: given.timePath ?? "/api/v3/time",
    startMs: given.startMs ?? null,
    endMs: given.endMs ?? null,
    settleMs: given.settleMs ?? 3_000,
    absentMs: given.absentMs ?? 60_000,
    silenceMs: given.silenceMs ?? 60_000,
    weightPerMinute: given.weightPerMinute ?? 1_200,
    timeoutMs: given.timeoutMs ?? 10_000,
    fetch: given.fetch ?? ((url: URL, init: RequestInit) => fetch(url, init)),
  };
  assertBatchRows(plan.rowsMax);
  for (const [name, [min, max]] of Object.entries(BOUNDS)) {
    const value = plan[name as keyof typeof BOUNDS];
    if (Number.isInteger(value) && value >= min && value <= max) continue;
    throw klineOptionsError(`expected ${name} of ${min} to ${max}`, value);
  }
  for (const name of ["startMs", "endMs"] as const) {
    const value = plan[name];
    if (value === null || (Number.isSafeInteger(value) && value >= 0 && value < 8e15)) continue;
    throw klineOptionsError(`expected ${name} in milliseconds since 1970`, value);
  }
  if (plan.absentMs < plan.settleMs) {
    throw klineOptionsError(`expected absentMs of at least ${plan.settleMs}`, plan.absentMs);
  }
  const streamsUrl = assertUrl(plan.wsUrl, "ws", plan.wsPath);
  for (const path of [plan.klinesPath, plan.timePath]) assertUrl(plan.restUrl, "http", path);
  // As text: slashes part the streams, and no symbol has a character that needs an escape but @.
  streamsUrl.search = `?streams=${series.map(({ stream }) => stream).join("/")}`;
  return { ...plan, series, fingerprint: klineFingerprint(series), streamsUrl };
}

/** A path at a base, without a password, which would be shown. */
function assertUrl(base: string, scheme: "ws" | "http", path: string): URL {
  const url = URL.canParse(path, base) ? new URL(path, base) : null;
  const isPlain = url !== null && url.username === "" && url.password === "" && url.search === "";
  if (isPlain && path.startsWith("/") && url.host === new URL(base).host) {
    if (url.protocol === `${scheme}:` || url.protocol === `${scheme}s:`) return url;
  }
  throw klineOptionsError(
    `expected a URL of ${scheme} or ${scheme}s without user, password and query, and a path`,
    "another",
  );
}
