import { assert, assertAlmostEquals, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { WarmError } from "../../src/warm/error.ts";
import { AccessStatistics } from "../../src/warm/statistics.ts";
import type { StatisticsOptions } from "../../src/warm/statistics_types.ts";
import type { AccessAnswer, KeyMarket } from "../../src/warm/types.ts";
import { seedOf } from "../actor/seed.ts";
import { zipfRanks } from "./zipf.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A Tuesday, 9:00 in New York. */
const START_MS = Date.parse("2026-03-03T14:00Z");

const marketOf = (key: string): KeyMarket | null =>
  key.includes("BTC")
    ? { calendar: "always", sector: "coins" }
    : key.includes("?")
    ? null
    : { calendar: "nyse", sector: key.includes("XOM") ? "energy" : "tech" };

const statisticsOf = (options: Partial<StatisticsOptions> = {}) =>
  new AccessStatistics({
    keysMax: 100,
    random: seededRandom(1),
    nowMs: START_MS,
    marketOf,
    ...options,
  });

function record(
  statistics: AccessStatistics,
  key: string,
  atMs: number,
  times = 1,
  answer: AccessAnswer = "fresh",
): number {
  let slot = -1;
  for (let i = 0; i < times; i++) slot = statistics.record({ key, atMs, answer, user: null });
  return slot;
}

const keysIn = (ranked: readonly { readonly key: string }[]) => ranked.map(({ key }) => key);

Deno.test("AccessStatistics.popular() ranks by accesses with a half-life of a day", () => {
  const statistics = statisticsOf();
  record(statistics, "price:A", START_MS, 30);
  record(statistics, "price:B", START_MS + DAY_MS, 20);
  record(statistics, "price:C", START_MS + DAY_MS, 5);
  const found = statistics.popular(2, START_MS + 2 * DAY_MS);
  assertEquals(keysIn(found), ["price:B", "price:A"]);
  assertAlmostEquals(found[0]?.score ?? 0, 10, 0.01);
  assertAlmostEquals(found[1]?.accesses ?? 0, 7.5, 0.01);
  assertEquals(found[0]?.lastAtMs, START_MS + DAY_MS);
  assertEquals(found[0]?.slot, statistics.slotOf("price:B"));
});

Deno.test("AccessStatistics.trending() finds what rises, not what is popular or seen twice", () => {
  const statistics = statisticsOf();
  let nowMs = START_MS;
  for (let hour = 0; hour < 48; hour++, nowMs += HOUR_MS) {
    for (let i = 0; i < 20; i++) record(statistics, `price:S${i}`, nowMs, 10);
  }
  record(statistics, "price:UP", nowMs, 40);
  record(statistics, "price:TWICE", nowMs, 2);
  for (let i = 0; i < 20; i++) record(statistics, `price:S${i}`, nowMs, 10);
  assertEquals(keysIn(statistics.trending(10, nowMs)), ["price:UP"]);
  assertGreater(statistics.trending(10, nowMs)[0]?.score ?? 0, 3);
});

Deno.test("AccessStatistics.trending() is not taken in by a market that opens", () => {
  const statistics = statisticsOf();
  let nowMs = START_MS;
  for (let hour = 0; hour < 48; hour++, nowMs += HOUR_MS) {
    const times = hour === 47 ? 100 : 4;
    for (let i = 0; i < 20; i++) record(statistics, `price:S${i}`, nowMs, times);
  }
  assertEquals(statistics.trending(10, nowMs), []);
});

Deno.test("AccessStatistics.inHour() asks each key's own market for the time", () => {
  const statistics = statisticsOf();
  // A day before summer time begins, at 9:00 in New York, 14:00 UTC.
  record(statistics, "price:AAPL", START_MS, 50);
  record(statistics, "price:BTC_USD", START_MS, 50);
  const nowMs = START_MS + 2 * HOUR_MS;
  assertEquals(statistics.inHour(START_MS + DAY_MS, 10, nowMs).length, 2);
  const summerMs = START_MS + 7 * DAY_MS;
  assertEquals(keysIn(statistics.inHour(summerMs, 10, nowMs)), ["price:BTC_USD"]);
  assertEquals(keysIn(statistics.inHour(summerMs - HOUR_MS, 10, nowMs)), ["price:AAPL"]);
});

Deno.test("AccessStatistics.sectors() and keysOf() know what was said and what is known", () => {
  const statistics = statisticsOf();
  let nowMs = START_MS;
  for (let hour = 0; hour < 48; hour++, nowMs += HOUR_MS) {
    for (const key of ["price:AAPL", "price:MSFT", "price:XOM", "price:?"]) {
      record(statistics, key, nowMs, 10);
    }
  }
  record(statistics, "price:XOM", nowMs, 60);
  const [first, second] = statistics.sectors(nowMs);
  assertEquals([first?.sector, first?.keys, second?.sector, second?.keys], [
    "energy",
    1,
    "tech",
    2,
  ]);
  assertGreater(first?.ratio ?? 0, 1.5);
  assert((second?.ratio ?? 1) < 1);
  assertEquals(keysIn(statistics.keysOf("tech", 5, nowMs)), ["price:AAPL", "price:MSFT"]);
  statistics.setSectors([["MSFT", "energy"], ["?", "odd"]]);
  assertEquals(keysIn(statistics.keysOf("energy", 5, nowMs)), ["price:XOM", "price:MSFT"]);
  assertEquals(keysIn(statistics.keysOf("odd", 5, nowMs)), ["price:?"]);
  assertEquals(statistics.keysOf("coal", 5, nowMs), []);
});

Deno.test("AccessStatistics.favourites() is empty unless opted in", () => {
  const access = { key: "price:A", atMs: START_MS, answer: "fresh", user: "ann" } as const;
  const without = statisticsOf(), opted = statisticsOf({ users: { usersMax: 5 } });
  for (const statistics of [without, opted]) {
    statistics.record(access);
    statistics.record({ ...access, user: null });
  }
  assertEquals(without.favourites("ann", 5, START_MS), []);
  assertEquals(opted.favourites("ann", 5, START_MS).map(({ key, score }) => [key, score]), [
    ["price:A", 1],
  ]);
});

Deno.test("AccessStatistics.totals: sums by answer, and hits on what was warmed", () => {
  const statistics = statisticsOf();
  const slot = record(statistics, "price:A", START_MS, 2, "waited");
  statistics.stored(slot, true);
  record(statistics, "price:A", START_MS, 3, "fresh");
  record(statistics, "price:A", START_MS, 1, "stale");
  record(statistics, "price:A", START_MS, 1, "waited");
  record(statistics, "price:A", START_MS, 4, "fresh");
  record(statistics, "price:A", START_MS, 1, "elsewhere");
  record(statistics, "x".repeat(300), START_MS);
  statistics.lose(7);
  assertEquals(statistics.totals, {
    sinceMs: START_MS,
    accesses: 13,
    lost: 7,
    untracked: 1,
    fresh: 8,
    stale: 1,
    waited: 3,
    elsewhere: 1,
    warmed: 4,
  });
  assertAlmostEquals(statistics.popular(1, START_MS)[0]?.hitRatio ?? 0, 8 / 11);
});

Deno.test("AccessStatistics.daily() halves, and frees what has faded", () => {
  const replaced: string[] = [];
  const statistics: AccessStatistics = statisticsOf({
    onReplaced: (slot) => replaced.push(statistics.keyAt(slot)),
  });
  record(statistics, "price:ONCE", START_MS);
  const slot = record(statistics, "price:OFTEN", START_MS, 64);
  let nowMs = START_MS;
  const sizes = Array.from({ length: 12 }, () => {
    statistics.daily(nowMs += DAY_MS);
    statistics.invariant();
    return statistics.size;
  });
  // 2^-5 after five days, 64 · 2^-11 after eleven: at 1/32 they are still there.
  assertEquals(sizes, [2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0]);
  assertEquals(replaced, ["price:ONCE", "price:OFTEN"]);
  assertEquals([statistics.has(slot), statistics.popular(5, nowMs)], [false, []]);
});

Deno.test("AccessStatistics.uniqueKeys counts keys that have no slot any more", () => {
  const statistics = statisticsOf();
  for (let i = 0; i < 5_000; i++) record(statistics, `price:S${i}`, START_MS + i);
  assertEquals(statistics.size, 100);
  assertAlmostEquals(statistics.uniqueKeys, 5_000, 350);
});

Deno.test("AccessStatistics: a slot's figures go with its key", () => {
  const statistics = statisticsOf({ keysMax: 1, users: {} });
  const slot = record(statistics, "price:BTC_USD", START_MS, 9, "waited");
  assertEquals([statistics.sectorAt(slot), statistics.calendarAt(slot)], ["coins", "always"]);
  record(statistics, "price:XOM", START_MS + 5_000, 1, "fresh");
  const [found] = statistics.popular(1, START_MS + 5_000);
  assertEquals([found?.key, found?.slot, found?.lastAtMs], ["price:XOM", slot, START_MS]);
  assertAlmostEquals(found?.accesses ?? 0, 1, 1e-6);
  assertEquals(found?.hitRatio, 1);
  assertEquals([statistics.sectorAt(slot), statistics.calendarAt(slot)], ["energy", "nyse"]);
  assertEquals(statistics.seenAt(slot), 1);
});

Deno.test("AccessStatistics takes no time that is none", () => {
  const statistics = statisticsOf();
  for (const atMs of [NaN, Infinity, -1, START_MS - DAY_MS]) record(statistics, "price:A", atMs);
  const [found] = statistics.popular(1, START_MS);
  assertEquals([found?.accesses, found?.lastAtMs], [4, START_MS]);
});

Deno.test("AccessStatistics: random days leave a sound structure", () => {
  const random = seededRandom(seedOf("statistics_test"));
  const draw = zipfRanks(2_000, 0.9, random);
  const told = new Map<number, string>();
  const statistics: AccessStatistics = statisticsOf({
    random,
    users: { usersMax: 20 },
    onTracked: (slot, key) => told.set(slot, key),
    onReplaced: (slot) => void assertEquals(told.get(slot), statistics.keyAt(slot)),
  });
  let nowMs = START_MS;
  for (let day = 0; day < 12; day++) {
    for (let i = 0; i < 3_000; i++) {
      nowMs += Math.floor(random.next() * 50_000);
      const answer = random.next() < 0.5 ? "fresh" : "waited";
      const user = `u${Math.floor(random.next() * 40)}`;
      statistics.record({ key: `price:S${draw()}`, atMs: nowMs, answer, user });
    }
    statistics.daily(nowMs);
    statistics.invariant();
    // Then every hour of the week has come.
    if (day > 8) assert(statistics.inHour(nowMs, 10, nowMs).length > 0);
    const shares = statistics.byHour(nowMs).reduce((sum, share) => sum + share, 0);
    assertAlmostEquals(shares, 1, 1e-9);
  }
});

Deno.test("AccessStatistics.setSectors() refuses what is no sector", () => {
  assertThrows(() => statisticsOf().setSectors([["A", ""]]), WarmError, "Cannot set sectors");
});

Deno.test("AccessStatistics.record() takes a sector from who asks, where nobody else says one", () => {
  const statistics = statisticsOf();
  const access = { atMs: START_MS, answer: "fresh", user: null, sector: "metals" } as const;
  const unknown = statistics.record({ ...access, key: "price:?GOLD" });
  const known = statistics.record({ ...access, key: "price:AAPL" });
  assertEquals(statistics.sectorAt(unknown), "metals");
  assertEquals(statistics.sectorAt(known), "tech");
  statistics.setSectors([["?GOLD", "commodities"]]);
  statistics.record({ ...access, key: "price:?GOLD" });
  assertEquals(statistics.sectorAt(unknown), "commodities");
});
