import { assertEquals, assertGreater } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { csvReader } from "../../src/market/csv.ts";
import { type Granularity, granularityMs } from "../../src/market/granularity.ts";
import { type Hole, holeBetween } from "../../src/market/holes.ts";
import type { CalendarName } from "../../src/market/instrument.ts";
import { gunzipSync } from "node:zlib";
import { sharedDirOrSkip } from "../support/services.ts";
import { isOpenSlowly, newYork } from "./nyse_published.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`holes_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const HOUR_MS = 3_600_000;
const at = (text: string) => Date.parse(`${text}Z`);

function between(granularity: Granularity, calendar: CalendarName, after: string, before: string) {
  return holeBetween("X:H1", granularity, calendar, at(after), at(before));
}

const missing = (...args: Parameters<typeof between>) => between(...args)?.missingBars ?? 0;

Deno.test("holeBetween() finds none between neighbours", () => {
  assertEquals(between("H1", "always", "2024-05-01T00:00", "2024-05-01T01:00"), null);
  assertEquals(between("M1", "fx", "2024-05-01T00:00", "2024-05-01T00:01"), null);
});

Deno.test("holeBetween() says which bars are missing", () => {
  assertEquals(between("H1", "always", "2024-05-04T10:00", "2024-05-04T14:00"), {
    series: "X:H1",
    fromTs: at("2024-05-04T11:00"),
    toTs: at("2024-05-04T14:00"),
    missingBars: 3,
  });
});

Deno.test("holeBetween() takes the weekend of foreign exchange for no hole", () => {
  // New York's Friday 17:00 is 21:00 UTC in summer and 22:00 in winter.
  assertEquals(missing("H1", "fx", "2024-07-05T20:00", "2024-07-07T21:00"), 0);
  assertEquals(missing("H1", "fx", "2024-01-05T21:00", "2024-01-07T22:00"), 0);
  assertEquals(missing("H4", "fx", "2024-01-05T18:00", "2024-01-07T22:00"), 0);
  assertEquals(missing("D", "fx", "2024-01-05T00:00", "2024-01-08T00:00"), 0);
});

Deno.test("holeBetween() finds what is missing on both sides of a weekend", () => {
  const hole = between("H1", "fx", "2024-07-05T18:00", "2024-07-07T23:00");
  assertEquals(hole, {
    series: "X:H1",
    fromTs: at("2024-07-05T19:00"),
    toTs: at("2024-07-07T23:00"),
    missingBars: 4,
  });
});

Deno.test("holeBetween() counts nights and weekends of crypto as holes", () => {
  assertEquals(missing("H1", "always", "2024-07-05T20:00", "2024-07-07T21:00"), 48);
});

Deno.test("holeBetween() takes nights and weekends of equities for none", () => {
  assertEquals(missing("D", "nyse", "2024-07-05T00:00", "2024-07-08T00:00"), 0);
  assertEquals(missing("D", "nyse", "2024-07-08T00:00", "2024-07-10T00:00"), 1);
  assertEquals(missing("H1", "nyse", "2024-07-08T19:30", "2024-07-09T13:30"), 0);
  assertEquals(missing("H1", "nyse", "2024-07-08T19:30", "2024-07-09T15:30"), 2);
});

Deno.test("holeBetween() takes a change of summer time for no hole", () => {
  assertEquals(missing("D", "fx", "2024-03-07T22:00", "2024-03-10T21:00"), 0);
  assertEquals(missing("H4", "fx", "2024-03-07T22:00", "2024-03-08T03:00"), 0);
  assertEquals(missing("W", "fx", "2024-03-03T22:00", "2024-03-10T21:00"), 0);
});

Deno.test("holeBetween() takes holidays of equities for none", () => {
  // Good Friday 2024, Thanksgiving with its short Friday, a weekend with Juneteenth on Monday.
  assertEquals(missing("D", "nyse", "2024-03-28T00:00", "2024-04-01T00:00"), 0);
  assertEquals(missing("D", "nyse", "2024-11-27T00:00", "2024-11-29T00:00"), 0);
  assertEquals(missing("D", "nyse", "2023-06-16T00:00", "2023-06-20T00:00"), 0);
  assertEquals(missing("D", "nyse", "2001-09-10T00:00", "2001-09-17T00:00"), 0);
  assertEquals(missing("M15", "nyse", "2024-03-28T19:45", "2024-04-01T13:30"), 0);
});

Deno.test("holeBetween() expects a daily bar of a day that closes early", () => {
  assertEquals(missing("D", "nyse", "2024-11-27T00:00", "2024-12-02T00:00"), 1);
  // Also on a grid of New York's midnight.
  assertEquals(missing("D", "nyse", "2024-07-02T04:00", "2024-07-05T04:00"), 1);
  // And of Tokyo's, which cuts half an hour off.
  assertEquals(missing("D", "nyse", "2024-11-27T15:00", "2024-12-02T15:00"), 1);
});

Deno.test("holeBetween() expects no bar after an early close, nor before a late opening", () => {
  assertEquals(missing("H1", "nyse", "2024-07-03T16:00", "2024-07-05T13:00"), 0);
  assertEquals(missing("H1", "nyse", "2024-07-03T15:00", "2024-07-05T13:00"), 1);
  assertEquals(missing("M30", "nyse", "2024-07-03T16:30", "2024-07-05T13:30"), 0);
  assertEquals(missing("H1", "nyse", "2002-09-10T19:00", "2002-09-11T16:00"), 0);
  assertEquals(missing("M1", "nyse", "2001-09-10T19:59", "2001-09-17T13:33"), 0);
});

Deno.test("holeBetween() takes Christmas and New Year of foreign exchange for none", () => {
  assertEquals(missing("H1", "fx", "2024-12-24T21:00", "2024-12-25T22:00"), 0);
  assertEquals(missing("H4", "fx", "2024-12-24T18:00", "2024-12-25T22:00"), 0);
  assertEquals(missing("D", "fx", "2024-12-24T00:00", "2024-12-26T00:00"), 0);
  assertEquals(missing("D", "fx", "2024-12-31T00:00", "2025-01-02T00:00"), 0);
  assertEquals(missing("H1", "fx", "2024-12-24T20:00", "2024-12-25T23:00"), 2);
});

Deno.test("holeBetween() follows a grid of any offset, and one that begins within a bar", () => {
  // H4 by the clock of New York, summer time beginning on 10 March and ending on 3 November.
  assertEquals(missing("H4", "fx", "2024-03-08T18:00", "2024-03-10T21:00"), 0);
  assertEquals(missing("H4", "fx", "2024-11-01T17:00", "2024-11-03T22:00"), 0);
  // The later candle covers most of what was open in the bar of the grid.
  assertEquals(missing("H4", "nyse", "2024-03-08T20:00", "2024-03-11T14:00"), 0);
  assertEquals(missing("H4", "fx", "2024-07-03T02:00", "2024-07-03T14:00"), 2);
  assertEquals(missing("H1", "nyse", "2024-03-08T20:30", "2024-03-11T13:30"), 0);
  assertEquals(missing("H1", "nyse", "2024-03-08T19:30", "2024-03-11T14:30"), 2);
  assertEquals(missing("D", "nyse", "2024-03-08T05:00", "2024-03-11T04:00"), 0);
});

Deno.test("holeBetween() expects every week, with holidays or without", () => {
  assertEquals(missing("W", "nyse", "2001-09-03T00:00", "2001-09-17T00:00"), 1);
  assertEquals(missing("W", "nyse", "2024-12-23T00:00", "2024-12-30T00:00"), 0);
});

Deno.test("holeBetween() expects nothing where there is no calendar", () => {
  assertEquals(missing("D", "nyse", "1950-01-03T00:00", "1950-02-03T00:00"), 0);
  assertEquals(missing("D", "always", "1950-01-03T00:00", "1950-01-06T00:00"), 2);
});

/** The same question asked bar by bar, piece by piece, of published tables and Intl's clock. */
function missingSlowly(
  granularity: Granularity,
  calendar: CalendarName,
  afterTs: number,
  beforeTs: number,
): number {
  const barMs = granularityMs(granularity);
  const pieces = 60;
  let missing = 0;
  for (let ts = afterTs + barMs; ts <= beforeTs - barMs / 2; ts += barMs) {
    let open = 0;
    for (let i = 0; i < pieces; i++) {
      const at = ts + i * barMs / pieces;
      if (at < beforeTs && isOpenSlowly(calendar, at)) open++;
    }
    if (open >= pieces / 4) missing++;
  }
  return missing;
}

Deno.test("holeBetween() agrees with the slow calendar on random stretches", () => {
  const random = seededRandom(SEED);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random.next() * list.length)] as T;
  let found = 0;
  for (let i = 0; i < 80; i++) {
    const granularity = pick(["M15", "M30", "H1", "H4"] as const);
    const calendar = pick(["fx", "nyse"] as const);
    const barMs = granularityMs(granularity);
    // Half of them in December and January.
    const day = random.next() < 0.5 ? 345 + random.next() * 25 : random.next() * 365;
    const fromMs = Date.UTC(2011 + Math.floor(random.next() * 17), 0, 1 + Math.floor(day));
    const afterTs = fromMs + Math.floor(random.next() * 24) * HOUR_MS;
    const beforeTs = afterTs +
      barMs * (1 + Math.floor(random.next() * (granularity === "H4" ? 60 : 200)));
    const expected = missingSlowly(granularity, calendar, afterTs, beforeTs);
    const hole = holeBetween("X:H1", granularity, calendar, afterTs, beforeTs);
    const text = `${granularity} ${calendar} ${new Date(afterTs).toISOString()} ${beforeTs}`;
    assertEquals(hole?.missingBars ?? 0, expected, text);
    if (expected > 0) found++;
  }
  assertGreater(found, 30);
});

const shared = sharedDirOrSkip();

function timesOf(file: string): Float64Array {
  const reader = csvReader({ series: "X:D" });
  reader.push(gunzipSync(Deno.readFileSync(shared.path("data/candles", `${file}.csv.gz`))));
  reader.finish();
  return reader.take()[0]?.ts ?? new Float64Array(0);
}

/** The holes of a file. */
function holesOf(file: string, granularity: Granularity, calendar: CalendarName): Hole[] {
  const ts = timesOf(file);
  assertGreater(ts.length, 500);
  const holes: Hole[] = [];
  for (let i = 1; i < ts.length; i++) {
    const hole = holeBetween("X", granularity, calendar, ts[i - 1] as number, ts[i] as number);
    if (hole !== null) holes.push(hole);
  }
  return holes;
}

for (
  const [file, granularity] of [
    ["SPY_H1_raw", "H1"],
    ["AAPL_D_raw", "D"],
    ["A_D_sp500", "D"],
    ["MSFT_D_sp500", "D"],
  ] as const
) {
  Deno.test(`holeBetween() finds no hole in ${file}`, { ignore: shared.ignore }, () => {
    assertEquals(holesOf(file, granularity, "nyse"), []);
  });
}

Deno.test("holeBetween() finds the holes of OANDA's hours", { ignore: shared.ignore }, () => {
  const newYorkTime = (ts: number) => {
    const { date, minute } = newYork(ts);
    return `${date} ${minute / 60}`;
  };
  const found = holesOf("EURUSD_H1_oanda", "H1", "fx")
    .map((hole) => `${newYorkTime(hole.fromTs)} ${hole.missingBars}`);
  assertEquals(found, [
    // Eves on which it stopped at 14:00.
    "2014-12-24 14 3",
    "2014-12-31 14 3",
    "2015-08-20 15 9",
    "2015-12-24 14 3",
    "2015-12-31 14 3",
    // A week but its last day.
    "2016-12-11 17 103",
    // Mondays kept as the holiday of a Sunday, after which it opened an hour late.
    "2016-12-26 17 1",
    "2016-12-30 14 4",
    "2017-03-31 0 17",
    "2017-10-06 0 17",
    // The same after a holiday on Monday, and on 26 December 2018 a day and two hours late.
    "2017-12-25 17 2",
    "2018-01-01 17 2",
    "2018-06-08 0 17",
    "2018-10-28 17 3",
    "2018-12-25 17 26",
  ]);
});

Deno.test("holeBetween() finds the hours a broker left out", { ignore: shared.ignore }, () => {
  // Its day began at midnight two hours (in Europe's summer three) before UTC's: where Europe and
  // New York change their clocks in different weeks, the first hour of Sunday is lost.
  const holes = holesOf("GBPUSD_H1_ej", "H1", "fx");
  const kinds = { sundays: 0, holidays: 0, others: [] as string[] };
  for (const hole of holes) {
    const { date, weekday, minute } = newYork(hole.fromTs);
    const isLostHour = weekday === 0 && minute === 1020 && hole.missingBars === 1;
    if (isLostHour && /-(03|10)-/.test(date)) kinds.sundays++;
    else if (/-(12-24|12-31|01-01)$/.test(date)) kinds.holidays++;
    else kinds.others.push(`${date} ${minute / 60} ${hole.missingBars}`);
  }
  assertEquals(kinds, {
    sundays: 14,
    holidays: 7,
    others: ["2021-06-16 9 1", "2021-06-18 10 1"],
  });
});

Deno.test("holeBetween() finds few holes in BTCUSD_H1_bitfinex", { ignore: shared.ignore }, () => {
  const bars = holesOf("BTCUSD_H1_bitfinex", "H1", "always")
    .reduce((sum, { missingBars }) => sum + missingBars, 0);
  assertEquals(bars, 9);
});
