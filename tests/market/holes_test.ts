import { assertEquals, assertGreater } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { csvReader } from "../../src/market/csv.ts";
import { type Granularity, granularityMs } from "../../src/market/granularity.ts";
import { holeBetween } from "../../src/market/holes.ts";
import type { CalendarName } from "../../src/market/instrument.ts";
import { gunzipSync } from "node:zlib";
import { sharedDirOrSkip } from "../support/services.ts";

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

/** The same question asked bar by bar, minute by minute, from the rules of the calendars alone. */
function missingSlowly(
  granularity: Granularity,
  calendar: CalendarName,
  afterTs: number,
  beforeTs: number,
): number {
  const barMs = granularityMs(granularity);
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: "America/New_York",
    weekday: "short",
    hour: "numeric",
    minute: "numeric",
    hourCycle: "h23",
  });
  const isOpen = (ts: number) => {
    const found = Object.fromEntries(parts.formatToParts(ts).map((p) => [p.type, p.value]));
    const minute = Number(found.hour) * 60 + Number(found.minute);
    const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].indexOf(found.weekday ?? "");
    if (calendar === "nyse") return day >= 1 && day <= 5 && minute >= 570 && minute < 960;
    return (day >= 1 && day <= 4) || (day === 0 && minute >= 1020) || (day === 5 && minute < 1020);
  };
  let missing = 0;
  for (let ts = afterTs + barMs; ts <= beforeTs - barMs / 2; ts += barMs) {
    const step = barMs / 60;
    let open = 0;
    for (let t = ts; t < ts + barMs; t += step) if (isOpen(t)) open++;
    if (open >= 15) missing++;
  }
  return missing;
}

Deno.test("holeBetween() agrees with New York's own clock on random stretches", () => {
  const random = seededRandom(SEED);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random.next() * list.length)] as T;
  let found = 0;
  for (let i = 0; i < 60; i++) {
    const granularity = pick(["M15", "M30", "H1"] as const);
    const calendar = pick(["fx", "nyse"] as const);
    const barMs = granularityMs(granularity);
    const afterTs = Math.floor(at("2019-01-01") / HOUR_MS + random.next() * 40_000) * HOUR_MS;
    const beforeTs = afterTs + barMs * (1 + Math.floor(random.next() * 300));
    const expected = missingSlowly(granularity, calendar, afterTs, beforeTs);
    const hole = holeBetween("X:H1", granularity, calendar, afterTs, beforeTs);
    const text = `${granularity} ${calendar} ${new Date(afterTs).toISOString()} ${beforeTs}`;
    assertEquals(hole?.missingBars ?? 0, expected, text);
    if (expected > 0) found++;
  }
  assertGreater(found, 20);
});

const shared = sharedDirOrSkip();

for (
  const [file, granularity, calendar, share] of [
    // A year has about 9 holidays; what else is missing in these files is rare.
    ["A_D_sp500", "D", "nyse", 0.045],
    ["EURUSD_H1_oanda", "H1", "fx", 0.02],
    ["EURUSD_H4_ej", "H4", "fx", 0.02],
    ["BTCUSD_H1_bitfinex", "H1", "always", 0.02],
  ] as const
) {
  Deno.test(`holeBetween() finds few holes in ${file}`, { ignore: shared.ignore }, () => {
    const path = shared.path("data/candles", `${file}.csv.gz`);
    const reader = csvReader({ series: `X:${granularity}` });
    reader.push(gunzipSync(Deno.readFileSync(path)));
    reader.finish();
    const { ts, length } = reader.take()[0] ?? { ts: new Float64Array(0), length: 0 };
    assertGreater(length, 500);
    let bars = 0;
    for (let i = 1; i < length; i++) {
      const [before, after] = [ts[i - 1] as number, ts[i] as number];
      bars += holeBetween("X", granularity, calendar, before, after)?.missingBars ?? 0;
    }
    console.log(`${file}: ${bars} of ${length} bars missing`);
    assertGreater(share, bars / length);
  });
}
