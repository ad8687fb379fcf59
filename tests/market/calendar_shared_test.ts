/** The calendar beside the days and hours on which real candles are there. */

import { assertEquals, assertGreater } from "@std/assert";
import { openStretches, type TradingDay, tradingDays } from "../../src/market/calendar.ts";
import { gunzipped, sharedPath } from "./support.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The times of a file, null where the shared data is absent. */
async function timesOf(name: string): Promise<number[] | null> {
  const path = sharedPath(`data/candles/${name}.csv.gz`);
  if (path === null) return null;
  const text = new TextDecoder().decode(await gunzipped(path));
  const times = text.trim().split("\n").slice(1).map((line) => Number(line.split(",")[0]));
  assertGreater(times.length, 1_000);
  return times;
}

/** The trading days from that of the first time to that of the last one. */
function daysOver(times: readonly number[]): TradingDay[] {
  const [first, last] = [times[0] as number, times.at(-1) as number];
  return [...tradingDays("nyse", Math.floor(first / DAY_MS), Math.floor(last / DAY_MS) + 1)];
}

Deno.test("tradingDays() are the days of SPY's hours, with their number of hours", async () => {
  const times = await timesOf("SPY_H1_raw");
  if (times === null) return;
  // A session of New York lies in one day of UTC.
  const found = new Map<string, number>();
  for (const ts of times) {
    const date = new Date(ts).toISOString().slice(0, 10);
    found.set(date, (found.get(date) ?? 0) + 1);
  }
  // Bars of an hour on the hour: from 09:00 to 16:00 or to 13:00.
  const expected = daysOver(times).map(({ date, kind }) => [date, kind === "early" ? 4 : 7]);
  assertEquals([...found], expected);
  assertEquals(expected.filter(([, hours]) => hours === 4).length, 13);
});

Deno.test("openStretches() of the NYSE hold SPY's hours and no others", async () => {
  const times = await timesOf("SPY_H1_raw");
  if (times === null) return;
  const expected: number[] = [];
  const [first, last] = [times[0] as number, times.at(-1) as number];
  for (const { openMs, closeMs } of openStretches("nyse", first, last + HOUR_MS)) {
    for (let t = Math.floor(openMs / HOUR_MS) * HOUR_MS; t < closeMs; t += HOUR_MS) {
      expected.push(t);
    }
  }
  assertEquals(times, expected);
});

for (const name of ["AAPL_D_raw", "MSFT_D_sp500", "GE_D_sp500"]) {
  Deno.test(`tradingDays() are the days of ${name}`, async () => {
    const times = await timesOf(name);
    if (times === null) return;
    assertEquals(times, daysOver(times).map(({ day }) => day * DAY_MS));
  });
}

Deno.test("openStretches() of foreign exchange hold every hour traded but known flaws", async () => {
  for (
    const [name, flaws] of [
      ["EURUSD_H1_oanda", []],
      ["USDJPY_H1_ej", []],
      // One candle after the week's end.
      ["GBPUSD_H1_ej", ["2018-03-16T21"]],
    ] as const
  ) {
    const times = await timesOf(name);
    if (times === null) return;
    const stretches = [...openStretches("fx", times[0] as number, times.at(-1) as number)];
    const outside = times.filter((ts) =>
      !stretches.some(({ openMs, closeMs }) => ts >= openMs && ts < closeMs)
    );
    assertEquals(outside.map((ts) => new Date(ts).toISOString().slice(0, 13)), [...flaws], name);
  }
});
