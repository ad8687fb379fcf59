/**
 * The day of `data/workloads/day1`: who asks for what and when, and how long an answer is fresh by
 * the table of its README.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import { isOpen } from "../../src/market/calendar.ts";

const FOLDER = new URL("../../../shared/data/workloads/", import.meta.url);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const CALENDARS = { equity: "nyse", fx: "fx", crypto: "always" } as const;

/** What a symbol is, which decides how long its price is fresh. */
export type DayAsset = "equity" | "fx" | "crypto";

/** Requests in the order in which they come; request i asks for `keys[keyOf[i]]` at `atMs[i]`. */
export interface Day {
  /** Epoch ms, ascending. */
  readonly atMs: Float64Array;
  /** Places in {@linkcode keys}. */
  readonly keyOf: Uint32Array;
  /** Each key once, in the order in which it is first asked for. */
  readonly keys: readonly string[];
  /** What each key's symbol is, in the same order. */
  readonly assets: readonly DayAsset[];
}

/** The counts that the makers of the day state beside it. */
export interface DayFacts {
  readonly requests: number;
  readonly keys: number;
  readonly baseline_hit_percent: number;
  readonly baseline_fetches: number;
  readonly infinite_cache_hit_percent: number;
  readonly infinite_cache_fetches: number;
}

/** The day and what is said of it; null when the files are not there. */
export function readDay1(): { readonly day: Day; readonly facts: DayFacts } | null {
  const requests = packedLines("day1.csv.gz");
  const universe = packedLines("day1.universe.csv.gz");
  if (requests === null || universe === null) return null;
  const facts = JSON.parse(Deno.readTextFileSync(new URL("day1.json", FOLDER)));
  return { day: parseDay(requests, universe), facts: facts as DayFacts };
}

/** A day out of its lines, `t,user,key` and `symbol,asset,…`, without their heads. O(lines). */
export function parseDay(requests: readonly string[], universe: readonly string[]): Day {
  const assetOf = new Map<string, DayAsset>();
  for (const line of universe) {
    const [symbol = "", asset] = line.split(",");
    assetOf.set(symbol, asset as DayAsset);
  }
  const places = new Map<string, number>();
  const assets: DayAsset[] = [];
  const atMs = new Float64Array(requests.length);
  const keyOf = new Uint32Array(requests.length);
  requests.forEach((line, i) => {
    const [t, , key = ""] = line.split(",");
    let place = places.get(key);
    if (place === undefined) {
      place = places.size;
      places.set(key, place);
      const symbol = key.slice(key.indexOf(":") + 1);
      const asset = assetOf.get(symbol);
      if (asset === undefined) {
        throw new Error(`Cannot read the day: expected a known symbol: current value is ${symbol}`);
      }
      assets.push(asset);
    }
    atMs[i] = Number(t);
    keyOf[i] = place;
  });
  return { atMs, keyOf, keys: [...places.keys()], assets };
}

/** The first hours of a day: `hours` from its first request on. Shares what it can. */
export function beginOf(day: Day, hours: number): Day {
  const untilMs = (day.atMs[0] ?? 0) + hours * HOUR_MS;
  let end = day.atMs.findIndex((at) => at >= untilMs);
  if (end < 0) end = day.atMs.length;
  return { ...day, atMs: day.atMs.subarray(0, end), keyOf: day.keyOf.subarray(0, end) };
}

/**
 * How long an answer for a key is fresh that comes at `nowMs`, ms: the table of the README, each
 * symbol by the hours of its own market, news as well as prices.
 */
export function dayTtlMs(key: string, asset: DayAsset, nowMs: number): number {
  const isTrading = isOpen(CALENDARS[asset], nowMs);
  const kind = key.slice(0, key.indexOf(":"));
  switch (kind) {
    case "price":
      if (asset === "crypto") return MINUTE_MS;
      return isTrading || asset === "fx" ? 5 * MINUTE_MS : 20 * MINUTE_MS;
    case "news":
      return isTrading ? 10 * MINUTE_MS : 15 * MINUTE_MS;
    case "fundamentals":
      return isTrading ? DAY_MS : 2 * DAY_MS;
    case "profile":
      return 7 * DAY_MS;
    default:
      throw new RangeError(`Cannot time ${key}: expected price, news, fundamentals or profile`);
  }
}

/** Lines of a file of the workloads without their head; null when it is not there. */
export function packedLines(name: string): readonly string[] | null {
  try {
    const packed = Deno.readFileSync(new URL(name, FOLDER));
    return new TextDecoder().decode(gunzipSync(packed)).trim().split("\n").slice(1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
