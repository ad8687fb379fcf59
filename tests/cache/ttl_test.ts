import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { type Ttl, ttlByKey, ttlOf } from "../../src/cache/ttl.ts";
import { ttlOptions } from "../../src/cache/ttl_rules.ts";
import { InstrumentRegistry } from "../../src/market/instrument.ts";
import { isOpenSlowly, PUBLISHED_FROM_MS, PUBLISHED_TO_MS } from "../market/nyse_published.ts";
import { gunzipped, seededRandom, sharedPath } from "../market/support.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const at = (text: string) => Date.parse(`${text}Z`);
const registry = new InstrumentRegistry();
const plain = ttlOptions({ jitterRatio: 0 });
const instrumentOf = (symbol: string) => registry.get(symbol);
/** Without jitter, seconds. */
const secondsOf = (key: string, text: string) =>
  ttlByKey(plain, instrumentOf)(key, at(text)).softTtlMs / SECOND_MS;

Deno.test("ttlOf() of a price is 5 min in the session of New York and 20 min outside of it", () => {
  // Tuesday, 3 March 2026, winter: 09:30 to 16:00 are 14:30 to 21:00.
  const of = (time: string) => secondsOf("price:AAPL", `2026-03-03T${time}`);
  assertEquals(["14:30:00", "18:00:00", "20:59:59.999"].map(of), [300, 300, 300]);
  assertEquals(["21:00:00", "05:00:00", "14:00:00"].map(of), [1_200, 1_200, 1_200]);
});

Deno.test("ttlOf() of the table's other kinds", () => {
  const [open, closed] = ["2026-03-03T15:00", "2026-03-03T22:00"];
  const hour = 3_600;
  for (
    const [key, openSeconds, closedSeconds, cryptoSeconds] of [
      ["price", 300, 1_200, 60],
      ["fundamentals", 24 * hour, 48 * hour, 24 * hour],
      ["news", 600, 900, 600],
      ["label", hour, hour, hour],
      ["path", 900, 900, 900],
      ["levels", 300, 300, 300],
      ["profile", 168 * hour, 168 * hour, 168 * hour],
      ["dividends", 24 * hour, 24 * hour, 24 * hour],
      ["prices", hour, hour, hour],
      ["correlation", 900, 900, 900],
      ["unheard_of", 300, 300, 300],
      ["__proto__", 300, 300, 300],
    ] as const
  ) {
    assertEquals(secondsOf(`${key}:AAPL`, open), openSeconds, key);
    // Longer than to the next open at 14:30: what ends then is tested below.
    const late = key === "fundamentals" ? 24 * hour : closedSeconds;
    assertEquals(secondsOf(`${key}:AAPL`, closed), late, key);
    assertEquals(secondsOf(`${key}:BTC_USD`, open), cryptoSeconds, key);
    assertEquals(secondsOf(`${key}:BTC_USD`, "2026-03-08T03:00"), cryptoSeconds, key);
  }
});

Deno.test("ttlOf() of fundamentals is 48 h where no session comes in between", () => {
  // From Friday, 2 July 2027 at 17:00 to Tuesday at 09:30: Monday is a holiday.
  assertEquals(secondsOf("fundamentals:AAPL", "2027-07-02T21:00"), 48 * 3_600);
});

Deno.test("ttlOf() of a currency pair is 5 min for the week and 20 min over the weekend", () => {
  const of = (text: string) => secondsOf("price:EUR_USD", text);
  assertEquals(["2026-03-03T15:00", "2026-03-03T03:00", "2026-03-02T22:30"].map(of), [
    300,
    300,
    300,
  ]);
  assertEquals(["2026-03-06T21:59", "2026-03-06T22:00", "2026-03-07T12:00"].map(of), [
    300,
    1_200,
    1_200,
  ]);
});

Deno.test("ttlOf() counts a key without an instrument as open", () => {
  for (const key of ["price", "", ":", "price:"]) {
    const ttl = ttlOf({ key, nowMs: at("2026-03-07T12:00"), instrument: null }, plain);
    assertEquals([ttl.softTtlMs, ttl.session], [300 * SECOND_MS, "open"]);
  }
});

Deno.test("ttlOf() ends a price from before the open when the market opens", () => {
  const of = (time: string) => secondsOf("price:AAPL", `2026-03-03T${time}`);
  assertEquals(["14:29:00", "14:29:59", "14:20:00", "14:10:00"].map(of), [60, 1, 600, 1_200]);
  assertEquals(secondsOf("price:AAPL", "2026-03-03T14:29:59.980"), 0.02);
  const options = ttlOptions({ jitterRatio: 0, endsAtOpen: false });
  const ttl = ttlByKey(options, instrumentOf)("price:AAPL", at("2026-03-03T14:29"));
  assertEquals([ttl.softTtlMs, ttl.endsAtOpen], [1_200 * SECOND_MS, false]);
});

Deno.test("ttlOf() of a price from before the close goes on past it", () => {
  assertEquals(secondsOf("price:AAPL", "2026-03-03T20:59"), 300);
});

Deno.test("ttlOf() of what is no price ends at the open or as if loaded in the session", () => {
  const of = (time: string) => secondsOf("news:AAPL", `2026-03-03T${time}`);
  // 15 min end at 14:31; those of 14:18 would end at 14:33, but at 14:28 they are 10 min old.
  assertEquals(["14:16:00", "14:18:00", "14:29:00"].map(of), [840, 720, 600]);
  assertEquals(secondsOf("fundamentals:AAPL", "2026-03-03T14:29"), 24 * 3_600);
});

Deno.test("ttlOf() says when the open ends an entry", () => {
  const of = (time: string) => {
    const { endsAtOpen, session } = ttlByKey(plain, instrumentOf)(
      "price:AAPL",
      at(`2026-03-03T${time}`),
    );
    return [endsAtOpen, session];
  };
  assertEquals(of("14:00"), [false, "closed"]);
  assertEquals(of("14:10"), [true, "closed"]);
  assertEquals(of("14:29"), [true, "closed"]);
  assertEquals(of("14:30"), [false, "open"]);
});

Deno.test("ttlOf() knows the weeks in which New York's clock has changed and others' has not", () => {
  // Summer time from 8 March 2026: the open is at 14:30 UTC on Friday, at 13:30 on Monday.
  assertEquals(secondsOf("price:AAPL", "2026-03-06T13:45"), 1_200);
  assertEquals(secondsOf("price:AAPL", "2026-03-06T14:29"), 60);
  assertEquals(secondsOf("price:AAPL", "2026-03-09T13:29"), 60);
  assertEquals(secondsOf("price:AAPL", "2026-03-09T13:45"), 300);
  assertEquals(secondsOf("price:EUR_USD", "2026-03-08T20:59"), 60);
  assertEquals(secondsOf("price:EUR_USD", "2026-03-08T21:00"), 300);
  // Winter time from 1 November 2026.
  assertEquals(secondsOf("price:AAPL", "2026-10-30T13:45"), 300);
  assertEquals(secondsOf("price:AAPL", "2026-11-02T13:45"), 1_200);
});

Deno.test("ttlOf() knows early closes and holidays", () => {
  // The day after Thanksgiving ends at 13:00 in New York.
  assertEquals(secondsOf("price:AAPL", "2026-11-27T17:59"), 300);
  assertEquals(secondsOf("price:AAPL", "2026-11-27T18:00"), 1_200);
  // Good Friday, 3 April 2026; currencies are traded.
  assertEquals(secondsOf("price:AAPL", "2026-04-03T15:00"), 1_200);
  assertEquals(secondsOf("price:AAPL", "2026-04-03T13:29"), 1_200);
  assertEquals(secondsOf("price:EUR_USD", "2026-04-03T15:00"), 300);
  assertEquals(secondsOf("price:EUR_USD", "2026-12-25T15:00"), 1_200);
});

Deno.test("ttlOf() lets a price hold over weekend and holiday where it is told to, capped", () => {
  const hoursOf = (pauseTtlMaxMs: number, key: string, text: string) => {
    const options = ttlOptions({ jitterRatio: 0, pauseTtlMaxMs });
    return ttlByKey(options, instrumentOf)(key, at(text)).softTtlMs / HOUR_MS;
  };
  const week = 7 * DAY_MS;
  // Saturday noon to Monday 09:30 in New York, the clock changing on Sunday.
  assertEquals(hoursOf(week, "price:AAPL", "2026-03-07T17:00"), 44.5);
  assertEquals(hoursOf(12 * HOUR_MS, "price:AAPL", "2026-03-07T17:00"), 12);
  assertEquals(hoursOf(MINUTE_MS, "price:AAPL", "2026-03-07T17:00"), 1 / 3);
  // Good Friday, and the evening before it, until Monday.
  assertEquals(hoursOf(week, "price:AAPL", "2026-04-03T13:30"), 72);
  assertEquals(hoursOf(week, "price:AAPL", "2026-04-02T20:30"), 89);
  // The end of a holiday, when the pause that is left is no longer than a night.
  assertEquals(hoursOf(week, "price:AAPL", "2026-04-06T03:30"), 10);
  // A night, and the hours before Monday's open.
  assertEquals(hoursOf(week, "price:AAPL", "2026-03-03T22:00"), 1 / 3);
  assertEquals(hoursOf(week, "price:AAPL", "2026-03-09T08:00"), 1 / 3);
  assertEquals(hoursOf(week, "price:EUR_USD", "2026-03-07T21:00"), 24);
  assertEquals(hoursOf(week, "news:AAPL", "2026-03-07T17:00"), 0.25);
  assertEquals(hoursOf(week, "price:BTC_USD", "2026-03-07T17:00"), 1 / 60);
});

Deno.test("ttlOf() serves stale up to twice the TTL", () => {
  const of = (key: string, text: string) => ttlByKey(plain, instrumentOf)(key, at(text));
  const minutes = ({ softTtlMs, hardTtlMs }: Ttl) => [softTtlMs, hardTtlMs].map((t) => t / 60_000);
  assertEquals(minutes(of("price:AAPL", "2026-03-03T15:00")), [5, 10]);
  assertEquals(minutes(of("price:AAPL", "2026-03-03T22:00")), [20, 40]);
  assertEquals(minutes(of("price:BTC_USD", "2026-03-03T22:00")), [1, 2]);
  assertEquals(of("price:AAPL", "2026-03-03T15:00").staleIfErrorMs, 10 * MINUTE_MS);
  const single = ttlOptions({ hardRatio: 1, jitterRatio: 0 });
  assertEquals(minutes(ttlByKey(single, instrumentOf)("price:AAPL", at("2026-03-03T14:29"))), [
    1,
    1,
  ]);
});

Deno.test("ttlOf() serves a price from before the open no longer than one from the open", () => {
  const minutes = (time: string) => {
    const { softTtlMs, hardTtlMs } = ttlByKey(plain, instrumentOf)(
      "price:AAPL",
      at(`2026-03-03T${time}`),
    );
    return [softTtlMs, hardTtlMs].map((t) => t / MINUTE_MS);
  };
  assertEquals(minutes("14:29"), [1, 6]);
  assertEquals(minutes("14:15"), [15, 20]);
  // Its 20 min end before the open, and the 20 min after these would not.
  assertEquals(minutes("14:05"), [20, 30]);
  assertEquals(minutes("13:00"), [20, 40]);
});

Deno.test("ttlOf() bends a price's TTL with volatility in the session alone", () => {
  const options = ttlOptions({ jitterRatio: 0, followsVolatility: true });
  const of = (key: string, text: string, ratio: number) =>
    ttlByKey(options, instrumentOf, () => ratio)(key, at(text)).softTtlMs / SECOND_MS;
  assertEquals([1, 2, 10, 0.5, NaN, 0].map((r) => of("price:AAPL", "2026-03-03T15:00", r)), [
    300,
    75,
    75,
    600,
    300,
    300,
  ]);
  assertEquals(of("price:BTC_USD", "2026-03-07T15:00", 2), 15);
  assertEquals(of("price:AAPL", "2026-03-03T22:00", 2), 1_200);
  assertEquals(of("news:AAPL", "2026-03-03T15:00", 2), 600);
  const off = ttlByKey(plain, instrumentOf, () => 2)("price:AAPL", at("2026-03-03T15:00"));
  assertEquals(off.softTtlMs, 300 * SECOND_MS);
});

Deno.test("ttlOf() spreads TTLs set together over the last fifth, evenly", () => {
  const ttl = ttlByKey(ttlOptions(), instrumentOf);
  const nowMs = at("2026-03-03T15:00");
  const tenths = new Array<number>(10).fill(0);
  const keys = 5_000;
  for (let i = 0; i < keys; i++) {
    const { softTtlMs, hardTtlMs } = ttl(`price:S${i}`, nowMs);
    assert(softTtlMs > 239_900 && softTtlMs <= 300_000, `${softTtlMs}`);
    assertLessOrEqual(Math.abs(hardTtlMs - 2 * softTtlMs), 100);
    const tenth = Math.min(9, Math.max(0, Math.floor((softTtlMs - 240_000) / 6_000)));
    tenths[tenth] = (tenths[tenth] as number) + 1;
  }
  // Five standard deviations of 5,000 · 1/10.
  for (const count of tenths) assertLessOrEqual(Math.abs(count - 500), 107, tenths.join(" "));
});

Deno.test("ttlOf() draws the same for a key at a time, and another at other times", () => {
  const ttl = ttlByKey(ttlOptions(), instrumentOf);
  const nowMs = at("2026-03-03T15:00");
  assertEquals(ttl("price:AAPL", nowMs), ttl("price:AAPL", nowMs));
  const drawn = Array.from({ length: 50 }, (_, i) => ttl("price:AAPL", nowMs + i * 300_000));
  assertGreater(new Set(drawn.map(({ softTtlMs }) => softTtlMs)).size, 40);
});

Deno.test("ttlOf() keeps its promises at any time beside a slow calendar", () => {
  const random = seededRandom("ttl");
  const options = ttlOptions({ pauseTtlMaxMs: 2 * DAY_MS });
  const ttl = ttlByKey(options, instrumentOf);
  const spanMs = PUBLISHED_TO_MS - PUBLISHED_FROM_MS - 7 * DAY_MS;
  let ended = 0;
  for (let run = 0; run < 1_000; run++) {
    const [key, calendar] = random() < 0.7
      ? ["price:AAPL", "nyse"] as const
      : ["price:EUR_USD", "fx"] as const;
    let nowMs = PUBLISHED_FROM_MS + Math.floor(random() * spanMs);
    // Mostly around the opens, in whole minutes.
    if (random() < 0.7) nowMs = Math.floor(nowMs / DAY_MS) * DAY_MS + 13 * HOUR_MS;
    nowMs = Math.floor((nowMs + random() * 1.6 * HOUR_MS) / MINUTE_MS) * MINUTE_MS;
    const { softTtlMs, hardTtlMs, session, endsAtOpen } = ttl(key, nowMs);
    const wasOpen = isOpenSlowly(calendar, nowMs);
    assertEquals(session, wasOpen ? "open" : "closed", new Date(nowMs).toISOString());
    assert(softTtlMs > 0 && softTtlMs <= hardTtlMs);
    if (wasOpen) {
      assertLessOrEqual(softTtlMs, 5 * MINUTE_MS);
      continue;
    }
    // Fresh at no time of the session to come, and stale for 5 min of it at most.
    const closedMs = Math.max(softTtlMs, hardTtlMs - 5 * MINUTE_MS);
    const stepMs = closedMs > HOUR_MS ? HOUR_MS / 2 : MINUTE_MS;
    for (let t = nowMs; t < nowMs + closedMs; t += stepMs) {
      assertEquals(isOpenSlowly(calendar, t), false, new Date(nowMs).toISOString());
    }
    if (!endsAtOpen) continue;
    ended++;
    // Long TTLs are kept in whole minutes.
    const isAtOpen = [0, MINUTE_MS].some((ms) => isOpenSlowly(calendar, nowMs + softTtlMs + ms));
    assert(isAtOpen, new Date(nowMs).toISOString());
  }
  assertGreater(ended, 100);
});

Deno.test("ttlOf() has the session on exactly the days on which SPY was traded", async () => {
  const path = sharedPath("data/candles/SPY_H1_raw.csv.gz");
  if (path === null) return;
  const lines = new TextDecoder().decode(await gunzipped(path)).trim().split("\n").slice(1);
  const times = lines.map((line) => Number(line.split(",")[0]));
  const days = new Set(times.map((ts) => Math.floor(ts / DAY_MS)));
  const [first, last] = [Math.min(...days), Math.max(...days)];
  let traded = 0;
  for (let day = first; day <= last; day++) {
    // 11:30 or 12:30 in New York: in every session, early closes too.
    const nowMs = day * DAY_MS + 16.5 * HOUR_MS;
    const ttl = ttlByKey(plain, instrumentOf)("price:SPY", nowMs);
    const expected = days.has(day) ? 300 : 1_200;
    assertEquals(ttl.softTtlMs / SECOND_MS, expected, new Date(nowMs).toISOString());
    if (days.has(day)) traded++;
  }
  assertGreater(traded, 200);
});
