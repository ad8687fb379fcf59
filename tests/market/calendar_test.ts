import { assertEquals, assertGreater, assertStrictEquals } from "@std/assert";
import {
  CALENDAR_YEAR_FIRST,
  CALENDAR_YEAR_LAST,
  calendarDay,
  dayKind,
  isOpen,
  nextClose,
  nextOpen,
  openStretches,
  stretchAt,
  tradingDays,
} from "../../src/market/calendar.ts";
import { dayText } from "../../src/market/calendar_civil.ts";
import type { CalendarName } from "../../src/market/instrument.ts";
import { isOpenSlowly, newYork, PUBLISHED_FROM_MS, PUBLISHED_TO_MS } from "./nyse_published.ts";
import { seededRandom } from "./support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const at = (text: string) => Date.parse(`${text}Z`);
const textOf = (ts: number) => new Date(ts).toISOString().slice(0, 16);

Deno.test("isOpen() of the NYSE is from 09:30 to before 16:00 in New York, summer and winter", () => {
  const open = (text: string) => isOpen("nyse", at(text));
  assertEquals(["2024-01-02T14:29:59.999", "2024-01-02T14:30"].map(open), [false, true]);
  assertEquals(["2024-01-02T20:59:59.999", "2024-01-02T21:00"].map(open), [true, false]);
  assertEquals(["2024-07-02T13:29:59.999", "2024-07-02T13:30"].map(open), [false, true]);
  assertEquals(["2024-07-02T19:59:59.999", "2024-07-02T20:00"].map(open), [true, false]);
  assertEquals(["2024-07-03T16:59:59.999", "2024-07-03T17:00"].map(open), [true, false]);
  assertEquals(["2024-07-04T15:00", "2024-07-06T15:00"].map(open), [false, false]);
});

Deno.test("isOpen() of foreign exchange is from Sunday to Friday 17:00 in New York", () => {
  const open = (text: string) => isOpen("fx", at(text));
  assertEquals(["2024-07-07T20:59:59.999", "2024-07-07T21:00"].map(open), [false, true]);
  assertEquals(["2024-07-12T20:59:59.999", "2024-07-12T21:00"].map(open), [true, false]);
  assertEquals(["2024-07-09T21:00", "2024-07-04T15:00"].map(open), [true, true]);
});

Deno.test("isOpen() of foreign exchange keeps Christmas Day and New Year's Day", () => {
  // OANDA: the last trade before on the 24th at 17:00, the next on the 25th at 17:00.
  const [pause] = [...openStretches("fx", at("2024-12-24T12:00"), at("2024-12-26T12:00"))];
  assertEquals(textOf(pause?.closeMs ?? NaN), "2024-12-24T22:00");
  assertEquals(textOf(nextOpen("fx", at("2024-12-25T12:00"))), "2024-12-25T22:00");
  assertEquals(textOf(nextOpen("fx", at("2026-12-31T22:00"))), "2027-01-03T22:00");
  assertEquals(textOf(nextOpen("fx", at("2016-12-25T23:00"))), "2016-12-26T22:00");
  assertEquals(textOf(nextOpen("fx", at("2022-01-01T12:00"))), "2022-01-02T22:00");
  assertEquals(dayKind("fx", at("2024-12-25") / DAY_MS).reason, "Christmas Day");
  assertEquals(dayKind("fx", at("2017-01-02") / DAY_MS).reason, "New Year's Day");
});

Deno.test("isOpen() is always true of a market without a pause, which has no next opening", () => {
  assertEquals(isOpen("always", at("2024-12-25T12:00")), true);
  assertEquals([nextOpen("always", 0), nextClose("always", 0)], [Infinity, Infinity]);
  assertEquals(stretchAt("always", 0), { openMs: -Infinity, closeMs: Infinity });
});

Deno.test("nextOpen() and nextClose() are later than the time asked, open or closed", () => {
  const next = (text: string) =>
    [nextOpen("nyse", at(text)), nextClose("nyse", at(text))].map(textOf);
  assertEquals(next("2024-07-02T12:00"), ["2024-07-02T13:30", "2024-07-02T20:00"]);
  assertEquals(next("2024-07-02T13:30"), ["2024-07-03T13:30", "2024-07-02T20:00"]);
  assertEquals(next("2024-07-03T17:00"), ["2024-07-05T13:30", "2024-07-05T20:00"]);
  // The longest pause since 1933: 10 to 17 September 2001.
  assertEquals(next("2001-09-10T20:00"), ["2001-09-17T13:33", "2001-09-17T20:00"]);
  assertEquals(next("2026-12-31T21:00"), ["2027-01-04T14:30", "2027-01-04T21:00"]);
});

Deno.test("nextOpen() moves with New York's clock in the weeks that change it", () => {
  const opens = (text: string) =>
    [nextOpen("nyse", at(text)), nextOpen("fx", at(text))].map(textOf);
  assertEquals(opens("2024-03-08T22:30"), ["2024-03-11T13:30", "2024-03-10T21:00"]);
  assertEquals(opens("2024-11-01T21:30"), ["2024-11-04T14:30", "2024-11-03T22:00"]);
  // Until 2006 the clock changed on the first Sunday of April and the last one of October.
  assertEquals(opens("2006-03-10T22:30"), ["2006-03-13T14:30", "2006-03-12T22:00"]);
  assertEquals(opens("2006-03-31T22:30"), ["2006-04-03T13:30", "2006-04-02T21:00"]);
  assertEquals(opens("2006-10-27T21:30"), ["2006-10-30T14:30", "2006-10-29T22:00"]);
  // In 1974 it was summer from 6 January on.
  assertEquals(opens("1974-01-11T22:30"), ["1974-01-14T13:30", "1974-01-13T21:00"]);
});

Deno.test("stretchAt() is the session, null in a pause; a week of foreign exchange is one", () => {
  assertEquals(stretchAt("nyse", at("2024-07-03T15:00")), {
    openMs: at("2024-07-03T13:30"),
    closeMs: at("2024-07-03T17:00"),
  });
  assertEquals(stretchAt("nyse", at("2024-07-03T17:00")), null);
  assertEquals(stretchAt("fx", at("2024-07-03T15:00")), {
    openMs: at("2024-06-30T21:00"),
    closeMs: at("2024-07-05T21:00"),
  });
});

Deno.test("tradingDays() lists days with their hours, to before the last", () => {
  const days = [...tradingDays("nyse", at("2024-07-02") / DAY_MS, at("2024-07-08") / DAY_MS)];
  assertEquals(days.map(({ date, kind }) => `${date} ${kind}`), [
    "2024-07-02 full",
    "2024-07-03 early",
    "2024-07-05 full",
  ]);
  assertEquals(days[1]?.day, at("2024-07-03") / DAY_MS);
  assertEquals(textOf(days[1]?.closeMs ?? NaN), "2024-07-03T17:00");
  const [fx] = tradingDays("fx", at("2024-03-11") / DAY_MS, at("2024-03-12") / DAY_MS);
  assertEquals([fx?.openMs ?? NaN, fx?.closeMs ?? NaN].map(textOf), [
    "2024-03-10T21:00",
    "2024-03-11T21:00",
  ]);
  assertEquals(
    [...tradingDays("always", 5, 7)].map(({ openMs }) => openMs),
    [5, 6].map((d) => d * DAY_MS),
  );
});

Deno.test("tradingDays() counts 250 to 253 days a year at the NYSE but in 2001", () => {
  for (let year = 1998; year < 2100; year++) {
    const [from, to] = [Date.UTC(year, 0, 1) / DAY_MS, Date.UTC(year + 1, 0, 1) / DAY_MS];
    const count = [...tradingDays("nyse", from, to)].length;
    assertEquals(count >= (year === 2001 ? 248 : 249) && count <= 253, true, `${year}: ${count}`);
  }
});

Deno.test("calendarDay() is the date in New York, UTC's where there are no hours", () => {
  const date = (calendar: CalendarName, text: string) => dayText(calendarDay(calendar, at(text)));
  assertEquals(date("nyse", "2024-07-02T03:59"), "2024-07-01");
  assertEquals(date("nyse", "2024-07-02T04:00"), "2024-07-02");
  assertEquals(date("fx", "2024-01-02T04:59"), "2024-01-01");
  // An hour before midnight of the Saturday before the clock goes forward.
  assertEquals(date("nyse", "2024-03-10T04:30"), "2024-03-09");
  assertEquals(date("always", "2024-07-02T00:00"), "2024-07-02");
});

Deno.test("calendars end: before and after their years markets are closed, and no loop runs on", () => {
  const first = at(`${CALENDAR_YEAR_FIRST}-01-04T14:30`);
  for (const ts of [-8.64e15, -Infinity, 0]) {
    assertEquals([isOpen("nyse", ts), nextOpen("nyse", ts)], [false, first]);
  }
  const end = Date.UTC(CALENDAR_YEAR_LAST + 1, 0, 2);
  for (const ts of [end, 8.64e15, Infinity, NaN]) {
    assertEquals([isOpen("nyse", ts), nextOpen("nyse", ts), nextClose("fx", ts)], [
      false,
      Infinity,
      Infinity,
    ]);
    assertStrictEquals(stretchAt("fx", ts), null);
  }
  assertEquals(dayKind("nyse", -1).reason, "no calendar");
  const stretches = [...openStretches("fx", -8.64e15, 8.64e15)].length;
  const weeks = (CALENDAR_YEAR_LAST - CALENDAR_YEAR_FIRST + 1) * 52;
  assertEquals(stretches > weeks && stretches < weeks * 1.05, true, String(stretches));
  assertEquals([...tradingDays("nyse", -Infinity, 0)].length, 0);
});

Deno.test("openStretches() gives whole stretches with any time in the range, and no others", () => {
  const between = (from: string, to: string) =>
    [...openStretches("nyse", at(from), at(to))].map(({ openMs }) => textOf(openMs));
  const [tuesday, wednesday] = ["2024-07-02T13:30", "2024-07-03T13:30"] as const;
  assertEquals(between("2024-07-02T19:59", "2024-07-03T13:31"), [tuesday, wednesday]);
  assertEquals(between("2024-07-02T20:00", "2024-07-03T13:30"), []);
  assertEquals(between("2024-07-02T15:00", "2024-07-02T15:01"), [tuesday]);
  assertEquals(between("2024-12-31T21:00", "2025-01-02T14:31"), ["2025-01-02T14:30"]);
});

Deno.test("openStretches() is ascending, without overlap, and ends each year closed", () => {
  for (const calendar of ["nyse", "fx"] as const) {
    let before = -Infinity;
    for (const { openMs, closeMs } of openStretches(calendar, -Infinity, Infinity)) {
      assertGreater(openMs, before);
      assertGreater(closeMs, openMs);
      assertEquals(newYork(openMs).date.slice(0, 4), newYork(closeMs).date.slice(0, 4));
      before = closeMs;
      if (openMs > Date.UTC(2000, 0)) break;
    }
  }
});

/** The first time after `ts` on the quarter hour at which the slow twin changes to `isWanted`. */
function changeSlowly(calendar: CalendarName, ts: number, isWanted: boolean): number {
  const step = 15 * MINUTE_MS;
  let before = isOpenSlowly(calendar, ts);
  for (let t = (Math.floor(ts / step) + 1) * step;; t += step) {
    const now = isOpenSlowly(calendar, t);
    if (now === isWanted && before !== isWanted) return t;
    before = now;
  }
}

Deno.test("isOpen() agrees with the published tables and Intl's clock at random times", () => {
  const random = seededRandom("calendar isOpen");
  const counts = { true: 0, false: 0 };
  for (let i = 0; i < 20_000; i++) {
    const calendar = random() < 0.5 ? "nyse" : "fx";
    const ts = Math.floor(PUBLISHED_FROM_MS + random() * (PUBLISHED_TO_MS - PUBLISHED_FROM_MS));
    const expected = isOpenSlowly(calendar, ts);
    counts[`${expected}`]++;
    assertStrictEquals(isOpen(calendar, ts), expected, `${calendar} ${new Date(ts).toISOString()}`);
    assertStrictEquals(stretchAt(calendar, ts) !== null, expected);
  }
  assertGreater(Math.min(counts.true, counts.false), 5_000);
});

Deno.test("nextOpen() and nextClose() agree with a search by quarter hours", () => {
  const random = seededRandom("calendar next");
  for (let i = 0; i < 150; i++) {
    const calendar = random() < 0.5 ? "nyse" : "fx";
    // Around Christmas, New Year and the changes of the clock as often as in between.
    const day = [0, 358, 68, 308, Math.floor(random() * 365)][Math.floor(random() * 5)] as number;
    const year = Math.floor(2011 + random() * 17);
    const ts = Date.UTC(year, 0, 1 + day) + Math.floor((random() - 0.3) * 8 * DAY_MS);
    if (ts < PUBLISHED_FROM_MS) continue;
    const text = `${calendar} ${new Date(ts).toISOString()}`;
    assertEquals(textOf(nextOpen(calendar, ts)), textOf(changeSlowly(calendar, ts, true)), text);
    assertEquals(textOf(nextClose(calendar, ts)), textOf(changeSlowly(calendar, ts, false)), text);
  }
});
