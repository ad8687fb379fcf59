/**
 * The day of the workloads as the bench plays it: its reader and TTLs against what its README says,
 * the play in virtual time against counting, and the way upstream.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { nextTurn, pause, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { LoadAsk } from "../../src/cache/types.ts";
import { beginOf, type Day, dayTtlMs, parseDay, readDay1 } from "../../bench/cache/day1.ts";
import { countDay } from "../../bench/cache/day_count.ts";
import { ALL_ON, playStep } from "../../bench/cache/day_ladder.ts";
import { playDay } from "../../bench/cache/day_run.ts";
import { DEMAND, plainLru } from "../../bench/cache/day_table.ts";
import { DayUpstream } from "../../bench/cache/day_upstream.ts";
import { seedOf } from "../actor/seed.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const RENEWAL: LoadAsk = { priority: 2, origin: "refresh", timeoutMs: 10_000 };
/** Tuesday 2026-03-03 in New York: 9:00, before the session, and 10:00, in it. */
const BEFORE_MS = Date.UTC(2026, 2, 3, 14);
const IN_SESSION_MS = BEFORE_MS + HOUR_MS;

Deno.test("parseDay() names each key once, with what its symbol is", () => {
  const day = parseDay(
    ["1000,7,price:E1", "2000,8,news:C1", "2500,7,price:E1"],
    ["E1,equity,energy,2026-04-13", "C1,crypto,,"],
  );
  assertEquals([...day.atMs], [1_000, 2_000, 2_500]);
  assertEquals([...day.keyOf], [0, 1, 0]);
  assertEquals(day.keys, ["price:E1", "news:C1"]);
  assertEquals(day.assets, ["equity", "crypto"]);
});

Deno.test("parseDay() throws for a symbol that is not in the universe", () => {
  assertThrows(() => parseDay(["1000,7,price:E2"], ["E1,equity,,"]), Error, "E2");
});

Deno.test("beginOf() ends after so many hours", () => {
  const day = parseDay(["0,1,price:E1", "7199999,1,price:E1", "7200000,1,price:E1"], [
    "E1,equity,,",
  ]);
  assertEquals([...beginOf(day, 2).atMs], [0, 7_199_999]);
  assertEquals(beginOf(day, 3).atMs.length, 3);
});

Deno.test("dayTtlMs() is the table of the README", () => {
  const seconds = (key: string, asset: "equity" | "fx" | "crypto") =>
    [IN_SESSION_MS, BEFORE_MS].map((atMs) => dayTtlMs(key, asset, atMs) / 1_000);
  assertEquals(seconds("price:E1", "equity"), [300, 1_200]);
  assertEquals(seconds("price:F1", "fx"), [300, 300]);
  assertEquals(seconds("price:C1", "crypto"), [60, 60]);
  assertEquals(seconds("news:E1", "equity"), [600, 900]);
  assertEquals(seconds("news:C1", "crypto"), [600, 600]);
  assertEquals(seconds("fundamentals:E1", "equity"), [86_400, 172_800]);
  assertEquals(seconds("profile:E1", "equity"), [604_800, 604_800]);
  assertThrows(() => dayTtlMs("label:E1", "equity", BEFORE_MS), RangeError, "label:E1");
});

Deno.test("countDay() of day1 gives the counts of its README", () => {
  const read = readDay1();
  if (read === null) return console.log("skipped: day1 (../shared is absent)");
  assertEquals(countDay(read.day, 2_000).fetched, 108_357);
  assertEquals(countDay(read.day, Infinity).fetched, 87_595);
});

/** A day of skewed requests, some seconds apart. */
function randomDay(seed: number, requests: number): Day {
  const random = seededRandom(seed);
  const keys = Array.from({ length: 60 }, (_, i) => `${i % 2 === 0 ? "price" : "news"}:C${i}`);
  let atMs = BEFORE_MS;
  return {
    atMs: Float64Array.from({ length: requests }, () => atMs += Math.ceil(random.next() * 9_000)),
    keyOf: Uint32Array.from({ length: requests }, () => Math.floor(60 * random.next() ** 2)),
    keys,
    assets: keys.map(() => "crypto"),
  };
}

Deno.test("playDay() over plainLru() counts as countDay() when loads take no time", async () => {
  const seed = seedOf("day_test");
  const day = randomDay(seed, 2_000);
  for (const entriesMax of [1, 10, 30, Infinity]) {
    const clock = new VirtualClock(0, day.atMs[0]);
    const table = plainLru(entriesMax, clock);
    const seen = await playDay(day, clock, {
      find: (place) => table.has(day.keys[place] ?? "") ? "fresh" : null,
      load: (place) => {
        const key = day.keys[place] ?? "";
        table.put(key, dayTtlMs(key, "crypto", clock.wallNow()));
        return Promise.resolve(true);
      },
    });
    assertEquals(seen.fresh, countDay(day, entriesMax).fresh);
    assertEquals(seen.served, seen.fresh);
  }
});

Deno.test("playDay() measures waits in the time of the day, also after its last request", async () => {
  const day = parseDay(["1000,1,price:C1", "1100,1,price:C1", "1200,1,price:C1"], ["C1,crypto,,"]);
  const clock = new VirtualClock(0, 1_000);
  let finds = 0;
  const seen = await playDay(day, clock, {
    find: () => ++finds === 2 ? "stale" : null,
    load: async () => {
      await pause(clock, 150);
      return finds < 3;
    },
  });
  assertEquals([...seen.waitMs], [150, 0, 150]);
  assertEquals([seen.fresh, seen.served, seen.failed], [0, 1, 1]);
});

/** Plays until all are answered; when each was, ms. */
async function answeredAt(clock: VirtualClock, loads: readonly Promise<unknown>[]) {
  const atMs = loads.map(() => NaN);
  const all = loads.map((load, i) => load.then(() => atMs[i] = clock.now()));
  for (let left = 1_000; left > 0 && atMs.some(Number.isNaN); left--) {
    await new Promise<void>((resolve) => void nextTurn(resolve));
    if (atMs.some(Number.isNaN)) clock.fireNext();
  }
  await Promise.all(all);
  return atMs;
}

function upstreamOf(clock: VirtualClock, keysMax: number): DayUpstream {
  const lingerMs = { demand: 5, refresh: 60_000 };
  return new DayUpstream({ clock, seed: 1, toMs: BEFORE_MS, keysMax, lingerMs, transientRatio: 0 });
}

Deno.test("DayUpstream.load() groups keys of one type into a call", async () => {
  const clock = new VirtualClock(0, BEFORE_MS);
  const upstream = upstreamOf(clock, 50);
  const keys = ["price:E1", "price:E2", "news:E1"];
  await answeredAt(clock, keys.map((key) => upstream.load(key, DEMAND)));
  assertEquals([upstream.stats().calls, upstream.stats().keys], [2, 3]);
  await upstream.close();
});

Deno.test("DayUpstream.load() makes a call of each key when calls take one", async () => {
  const clock = new VirtualClock(0, BEFORE_MS);
  const upstream = upstreamOf(clock, 1);
  const keys = ["price:E1", "price:E2", "news:E1"];
  await answeredAt(clock, keys.map((key) => upstream.load(key, DEMAND)));
  assertEquals([upstream.stats().calls, upstream.stats().keys], [3, 3]);
  await upstream.close();
});

Deno.test("DayUpstream.asked counts a key that is loaded twice at a time", async () => {
  const clock = new VirtualClock(0, BEFORE_MS);
  const upstream = upstreamOf(clock, 1);
  await answeredAt(clock, [0, 1].map(() => upstream.load("price:E1", DEMAND)));
  await answeredAt(clock, [upstream.load("price:E1", DEMAND)]);
  assertEquals(upstream.asked, { loads: 3, doubledLoads: 1, doubledKeys: 1 });
  await upstream.close();
});

Deno.test("DayUpstream.load() lets a renewal linger and travel with who waits", async () => {
  const clock = new VirtualClock(0, BEFORE_MS);
  const upstream = upstreamOf(clock, 50);
  const renewal = upstream.load("price:E1", RENEWAL);
  clock.advance(10_000);
  assertEquals(upstream.stats().calls, 0);
  await answeredAt(clock, [renewal, upstream.load("price:E2", DEMAND)]);
  assert(clock.now() < 20_000);
  assertEquals([upstream.stats().calls, upstream.stats().keys], [1, 2]);
  await upstream.close();
});

Deno.test("DayUpstream.raise() sends a renewal that somebody waits for now, and no other", async () => {
  const clock = new VirtualClock(0, BEFORE_MS);
  const upstream = upstreamOf(clock, 50);
  const renewal = upstream.load("price:E1", RENEWAL);
  upstream.raise("price:E1", DEMAND.priority);
  upstream.raise("price:E2", DEMAND.priority);
  const [atMs = NaN] = await answeredAt(clock, [renewal]);
  assert(atMs < 10_000);
  // It is under way or done: there is nothing to send any more.
  upstream.raise("price:E1", DEMAND.priority);
  clock.advance(120_000);
  assertEquals([upstream.stats().calls, upstream.stats().keys], [1, 1]);
  await upstream.close();
});

Deno.test("playStep() is the same for the same seed", async () => {
  const read = readDay1();
  if (read === null) return console.log("skipped: day1 (../shared is absent)");
  const day = beginOf(read.day, 1);
  const play = () => playStep(day, ALL_ON, { entriesMax: 500, seed: 3 });
  const [first, second] = [await play(), await play()];
  assertEquals(first, second);
  assert(first.seen.served > first.seen.fresh && first.seen.fresh > 0);
});
