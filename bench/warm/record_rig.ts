/**
 * Accesses of many users to many keys, for what recording them costs: Zipf's law over 100,000 keys,
 * a thousand accesses a second, sent by an answering cache.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { AccessStatistics } from "../../src/warm/statistics.ts";
import type { StatisticsOptions } from "../../src/warm/statistics_types.ts";
import type { Access, KeyMarket } from "../../src/warm/types.ts";
import { symbolOfKey } from "../../src/cache/key.ts";
import { flatKeys, ZipfOrders } from "../cache/speed_side.ts";

/** Different keys that are asked for. */
export const KEYS = 100_000;
/** Of Zipf's law, as in the workloads. */
const SKEW = 0.9;
/** A Tuesday, 9:30 in New York. */
export const START_MS = Date.UTC(2026, 2, 3, 14, 30);
const SECTORS = ["tech", "energy", "health", "finance", "utilities"];

/** A registry of instruments, as costly as a look into a map. */
function registry(keys: readonly string[]): (key: string) => KeyMarket | null {
  const markets = SECTORS.map((sector): KeyMarket => ({ calendar: "nyse", sector }));
  const ofSymbol = new Map<string, KeyMarket>();
  for (const [at, key] of keys.entries()) {
    ofSymbol.set(symbolOfKey(key), markets[at % markets.length] as KeyMarket);
  }
  return (key) => ofSymbol.get(symbolOfKey(key)) ?? null;
}

/** Statistics and what tells of slots, as other parts of warming would hear it. */
export interface Recorder {
  readonly statistics: AccessStatistics;
  /** Slots that got a key, and that lost one. */
  readonly told: { tracked: number; replaced: number };
}

/** A recorder over these keys. */
export function recorder(
  keys: readonly string[],
  options: Partial<StatisticsOptions> = {},
): Recorder {
  const told = { tracked: 0, replaced: 0 };
  const statistics = new AccessStatistics({
    random: seededRandom(1),
    nowMs: START_MS,
    marketOf: registry(keys),
    onTracked: () => void told.tracked++,
    onReplaced: () => void told.replaced++,
    ...options,
  });
  return { statistics, told };
}

/** `count` numbers of keys by Zipf's law. */
export const zipfOrder = (count: number): Uint32Array => new ZipfOrders(KEYS, SKEW, 5).next(count);

/** The accesses from ≤ place < to of an order, as a batch brings them: made just now. */
export function accessesOf(
  order: Uint32Array,
  keys: readonly string[],
  from: number,
  to: number,
): Access[] {
  return Array.from(order.subarray(from, to), (id, at): Access => ({
    key: keys[id] as string,
    atMs: START_MS + from + at,
    answer: id % 3 === 0 ? "waited" : "fresh",
    user: null,
  }));
}

/** The keys of the rig. */
export const rigKeys = (): string[] => flatKeys(KEYS);
