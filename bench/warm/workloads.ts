/**
 * The fixed workloads of `data/workloads`, day1 and week1, with who asks and what the symbols are:
 * sectors and dates of earnings beside the requests.
 *
 * @module
 */

import { isOpen, nextClose, nextOpen } from "../../src/market/calendar.ts";
import type { CalendarName } from "../../src/market/instrument.ts";
import { type Day, type DayAsset, packedLines, parseDay } from "../cache/day1.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Names of the workloads. */
export const WORKLOAD_NAMES = ["day1", "week1"] as const;

/** See {@linkcode WORKLOAD_NAMES}. */
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

/** A symbol of a workload's universe. */
export interface UniverseSymbol {
  readonly symbol: string;
  readonly asset: DayAsset;
  /** `technology`; `fx` and `crypto` for those. */
  readonly sector: string;
  /** `2026-03-03`: when its figures come; null for none. */
  readonly earnings: string | null;
}

/** Requests in their order, and what they ask for. */
export interface Workload extends Day {
  readonly name: string;
  /** Who asks, one for each request. */
  readonly userOf: Uint32Array;
  /** Symbols, asked for or not, in the order of the file. */
  readonly universe: ReadonlyMap<string, UniverseSymbol>;
}

/** Reads a workload; null when its files are not there. About 0.5 s for a million requests. */
export function readWorkload(name: WorkloadName): Workload | null {
  const requests = packedLines(`${name}.csv.gz`);
  const lines = packedLines(`${name}.universe.csv.gz`);
  if (requests === null || lines === null) return null;
  return parseWorkload(name, requests, lines);
}

/** A workload out of its lines, `t,user,key` and `symbol,asset,sector,earnings`, without heads. */
export function parseWorkload(
  name: string,
  requests: readonly string[],
  lines: readonly string[],
): Workload {
  const userOf = Uint32Array.from(requests, (line) => Number(line.split(",", 2)[1]));
  const universe = new Map<string, UniverseSymbol>();
  for (const line of lines) {
    const [symbol = "", asset, sector = "", earnings = ""] = line.split(",");
    const date = earnings === "" ? null : earnings;
    universe.set(symbol, { symbol, asset: asset as DayAsset, sector, earnings: date });
  }
  return { ...parseDay(requests, lines), name, userOf, universe };
}

/** Which hours the symbols of an asset keep. */
export const CALENDAR_OF: Readonly<Record<DayAsset, CalendarName>> = {
  equity: "nyse",
  fx: "fx",
  crypto: "always",
};

/** The symbol of a key. */
export function symbolOf(key: string): string {
  return key.slice(key.indexOf(":") + 1);
}

/** The kind of a key. */
export function kindOf(key: string): string {
  return key.slice(0, key.indexOf(":"));
}

/**
 * The TTL table of the README, as `dayTtlMs` of the cache's bench, with the hours of the markets
 * remembered: for times that do not go backwards, a few ns each.
 */
export class TtlTable {
  readonly #hours = new Map<CalendarName, { isOpen: boolean; untilMs: number }>();

  /** How long an answer for a key of `kind` is fresh that comes at `atMs`, ms. */
  ttlMs(kind: string, asset: DayAsset, atMs: number): number {
    if (kind === "profile") return 7 * DAY_MS;
    const isTrading = this.#isTrading(CALENDAR_OF[asset], atMs);
    if (kind === "fundamentals") return isTrading ? DAY_MS : 2 * DAY_MS;
    if (kind === "news") return (isTrading ? 10 : 15) * MINUTE_MS;
    if (asset === "crypto") return MINUTE_MS;
    return (isTrading || asset === "fx" ? 5 : 20) * MINUTE_MS;
  }

  #isTrading(calendar: CalendarName, atMs: number): boolean {
    let hours = this.#hours.get(calendar);
    if (hours === undefined || atMs >= hours.untilMs) {
      const open = isOpen(calendar, atMs);
      const untilMs = open ? nextClose(calendar, atMs) : nextOpen(calendar, atMs);
      hours = { isOpen: open, untilMs };
      this.#hours.set(calendar, hours);
    }
    return hours.isOpen;
  }
}
