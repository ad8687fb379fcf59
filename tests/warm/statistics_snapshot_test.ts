import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { WarmError } from "../../src/warm/error.ts";
import { AccessStatistics } from "../../src/warm/statistics.ts";
import type { StatisticsSnapshot } from "../../src/warm/statistics_snapshot.ts";
import type { StatisticsOptions } from "../../src/warm/statistics_types.ts";
import { seedOf } from "../actor/seed.ts";
import { zipfRanks } from "./zipf.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.parse("2026-03-03T14:00Z");

const statisticsOf = (options: Partial<StatisticsOptions> = {}) =>
  new AccessStatistics({
    keysMax: 300,
    random: seededRandom(2),
    nowMs: START_MS,
    marketOf: (key) => ({ calendar: "nyse", sector: `sector ${key.length % 3}` }),
    users: { usersMax: 30 },
    ...options,
  });

/** Some days of random accesses; the time at the end. */
function live(statistics: AccessStatistics, random: Random, fromMs: number, count: number): number {
  const draw = zipfRanks(2_000, 1, random);
  let nowMs = fromMs;
  for (let i = 0; i < count; i++) {
    nowMs += Math.floor(random.next() * 60_000);
    const answer = random.next() < 0.6 ? "fresh" : "waited";
    const key = `price:S${draw()}${random.next() < 0.05 ? "é" : ""}`;
    const user = `u${Math.floor(random.next() * 25)}`;
    statistics.stored(statistics.record({ key, atMs: nowMs, answer, user }), answer === "waited");
    if (i % 2_000 === 1_999) statistics.daily(nowMs);
  }
  return nowMs;
}

/** All that statistics tell. */
function told(statistics: AccessStatistics, nowMs: number) {
  return {
    totals: statistics.totals,
    unique: statistics.uniqueKeys,
    size: statistics.size,
    popular: statistics.popular(1_000, nowMs),
    trending: statistics.trending(1_000, nowMs),
    hours: [0, 1, 5, 30, 100].map((hour) =>
      statistics.inHour(nowMs + hour * HOUR_MS, 1_000, nowMs)
    ),
    sectors: statistics.sectors(nowMs),
    keysOf: statistics.keysOf("sector 1", 1_000, nowMs),
    users: Array.from({ length: 25 }, (_, at) => statistics.favourites(`u${at}`, 20, nowMs)),
    byHour: statistics.byHour(nowMs),
    seen: Array.from({ length: 300 }, (_, slot) => statistics.seenAt(slot)),
  };
}

function sample(seed = 3): { statistics: AccessStatistics; nowMs: number } {
  const statistics = statisticsOf();
  statistics.setSectors([["S1", "said"], ["S22", "sector 1"]]);
  const nowMs = live(statistics, seededRandom(seed), START_MS, 5_000);
  return { statistics, nowMs };
}

Deno.test("AccessStatistics.restore() of a snapshot answers as the one that was saved", () => {
  const seed = seedOf("statistics_snapshot_test");
  for (let round = 0; round < 5; round++) {
    const { statistics, nowMs } = sample(seed + round);
    const snapshot = structuredClone(statistics.snapshot(nowMs));
    const restored = statisticsOf({ nowMs, random: seededRandom(99) });
    const from = restored.restore(snapshot, nowMs);
    for (const [slot, old] of from.entries()) if (old >= 0) assertEquals(old, slot);
    restored.invariant();
    assertEquals(told(restored, nowMs), told(statistics, nowMs));
    // And what is recorded afterwards makes the same of both.
    const laterMs = live(statistics, seededRandom(seed), nowMs, 1_500);
    assertEquals(live(restored, seededRandom(seed), nowMs, 1_500), laterMs);
    restored.invariant();
    assertEquals(restored.uniqueKeys, statistics.uniqueKeys);
    assertEquals(restored.totals, statistics.totals);
  }
});

Deno.test("AccessStatistics.restore() decays by the time that has passed", () => {
  const { statistics, nowMs } = sample();
  const before = statistics.popular(10, nowMs);
  const laterMs = nowMs + 3 * DAY_MS;
  const restored = statisticsOf({ nowMs: laterMs });
  restored.restore(statistics.snapshot(nowMs), laterMs);
  const after = restored.popular(10, laterMs);
  assertEquals(after.map(({ key }) => key), before.map(({ key }) => key));
  for (const [at, { accesses }] of after.entries()) {
    const expected = (before[at]?.accesses ?? 0) / 8;
    assertAlmostEquals(accesses, expected, expected * 1e-3);
  }
  assertEquals(restored.trending(10, laterMs), []);
});

Deno.test("AccessStatistics.restore() stands still while the clock is behind the snapshot", () => {
  const { statistics, nowMs } = sample();
  const restored = statisticsOf({ nowMs: nowMs - DAY_MS });
  restored.restore(statistics.snapshot(nowMs), nowMs - DAY_MS);
  const top = (of: AccessStatistics, atMs: number) =>
    of.popular(50, atMs).map(({ key, accesses }) => [key, accesses]);
  assertEquals(top(restored, nowMs - HOUR_MS), top(statistics, nowMs));
});

Deno.test("AccessStatistics.restore() into fewer slots keeps what is counted most", () => {
  const { statistics, nowMs } = sample();
  const counted = (of: AccessStatistics) => of.popular(20, nowMs).map(({ key }) => key);
  const tracked = new Map<number, string>();
  const restored = statisticsOf({
    keysMax: 100,
    nowMs,
    onTracked: (slot, key) => tracked.set(slot, key),
  });
  const from = restored.restore(statistics.snapshot(nowMs), nowMs);
  restored.invariant();
  assertEquals(restored.size, 100);
  for (const [slot, old] of from.entries()) {
    assertEquals(restored.keyAt(slot), statistics.keyAt(old));
    assertEquals(tracked.get(slot), statistics.keyAt(old));
    if (old < 100) assertEquals(slot, old);
  }
  assertEquals(counted(restored).slice(0, 10), counted(statistics).slice(0, 10));
});

Deno.test("AccessStatistics.restore() into more slots leaves slots as they were", () => {
  const { statistics, nowMs } = sample();
  const restored = statisticsOf({ keysMax: 500, nowMs });
  const from = restored.restore(statistics.snapshot(nowMs), nowMs);
  restored.invariant();
  assertEquals(restored.size, statistics.size);
  for (let slot = 0; slot < 300; slot++) {
    assertEquals(restored.keyAt(slot), statistics.keyAt(slot));
    assert(from[slot] === slot || !statistics.has(slot));
  }
});

Deno.test("AccessStatistics.snapshot() is a copy of bounded size", () => {
  const { statistics, nowMs } = sample();
  const snapshot = statistics.snapshot(nowMs);
  const copy = structuredClone(snapshot);
  live(statistics, seededRandom(4), nowMs, 500);
  assertEquals(snapshot, copy);
  const arrays = (part: unknown): number =>
    ArrayBuffer.isView(part)
      ? part.byteLength
      : typeof part === "object" && part !== null
      ? Object.values(part).reduce((sum: number, inner) => sum + arrays(inner), 0)
      : 0;
  // 300 slots, 64 rows of hours, 30 users.
  assert(arrays(snapshot) < 300 * 60 + 64 * 180 + 30 * 16 * 8 + 4_096 + 168 * 8);
});

Deno.test("AccessStatistics.restore() says which part of a snapshot is wrong, and takes none", () => {
  const { statistics, nowMs } = sample();
  const good = statistics.snapshot(nowMs);
  const bad = (change: (snapshot: Record<string, unknown>) => void): unknown => {
    const copy = structuredClone(good) as unknown as Record<string, unknown>;
    change(copy);
    return copy;
  };
  const inside = (part: string, values: Record<string, unknown>) =>
    bad((copy) => Object.assign(copy[part] as object, values));
  const twice = structuredClone(good);
  twice.keys.keys.bytes.fill(65);
  twice.keys.keys.lengths.fill(1);
  twice.keys.keys.has.fill(1);
  const cases: readonly [unknown, string][] = [
    [null, "expected an object for a snapshot"],
    ["x", "expected an object for a snapshot"],
    [bad((copy) => copy.version = 2), "expected 1 for version: current value is 2"],
    [bad((copy) => copy.keysMax = 1e9), "for keysMax"],
    [bad((copy) => copy.keysMax = 299), "expected 299 numbers in a Uint32Array for keys.counts"],
    [bad((copy) => copy.atMs = NaN), "expected epoch ms for atMs"],
    [bad((copy) => copy.accesses = -1), "expected a count for accesses"],
    [bad((copy) => delete copy.fast), "expected an object for fast"],
    [inside("fast", { values: new Float32Array(300).fill(NaN) }), "for fast.values"],
    [inside("slow", { total: Infinity }), "for slow.total"],
    [inside("keys", { seeds: [1] }), "expected two words for keys.seeds"],
    [inside("keys", { errors: new Uint32Array(300).fill(4e9) }), "for keys, slot"],
    [{ ...good, keys: twice.keys }, "for keys"],
    [inside("figures", { hitsAndWaits: [] }), "in a Uint8Array for figures.hitsAndWaits"],
    [inside("hours", { slots: new Int32Array(64).fill(300) }), "for hours.slots"],
    [inside("hours", { slots: new Int32Array(64).fill(1) }), "expected each slot once"],
    [inside("hours", { hour: 0.5 }), "for hours.hour"],
    [bad((copy) => copy.unique = new Uint8Array(5)), "expected registers for unique"],
    [bad((copy) => copy.sectors = [["A"]]), "expected a symbol and a sector for sectors"],
    [inside("users", { names: ["a", "a"] }), "for users.names"],
    [inside("users", { slots: new Int32Array(1) }), "for users.slots"],
  ];
  for (const [given, text] of cases) {
    const fresh = statisticsOf({ nowMs });
    const error = assertThrows(() => fresh.restore(given, nowMs), WarmError, text);
    assertEquals(error.code, "snapshot");
    assertEquals([fresh.size, fresh.totals.accesses], [0, 0]);
  }
});

Deno.test("AccessStatistics.restore() survives any change of single bytes", () => {
  const random = seededRandom(seedOf("statistics_snapshot_test"));
  const { statistics, nowMs } = sample();
  const arraysOf = (part: unknown): Uint8Array[] =>
    ArrayBuffer.isView(part)
      ? [new Uint8Array(part.buffer, part.byteOffset, part.byteLength)]
      : typeof part === "object" && part !== null
      ? Object.values(part).flatMap(arraysOf)
      : [];
  for (let round = 0; round < 200; round++) {
    const snapshot: StatisticsSnapshot = structuredClone(statistics.snapshot(nowMs));
    const arrays = arraysOf(snapshot).filter((bytes) => bytes.length > 0);
    const bytes = arrays[Math.floor(random.next() * arrays.length)] as Uint8Array;
    bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
    const fresh = statisticsOf({ nowMs });
    try {
      fresh.restore(snapshot, nowMs);
    } catch (error) {
      assert(error instanceof WarmError, String(error));
      continue;
    }
    fresh.invariant();
    live(fresh, random, nowMs, 20);
    fresh.popular(10, nowMs + HOUR_MS);
    fresh.inHour(nowMs, 10, nowMs);
  }
});

Deno.test("AccessStatistics.restore() is refused once something was recorded", () => {
  const { statistics, nowMs } = sample();
  const snapshot = statistics.snapshot(nowMs);
  assertThrows(() => statistics.restore(snapshot, nowMs), TypeError, "expected none yet");
});
