/** The cursor of a kline feed: every place it can stand at, in 256 characters. */

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  barEndingFrom,
  formatKlineCursor,
  KLINE_AHEAD_BARS_MAX,
  klinePositions,
  parseKlineCursor,
} from "../../src/feed/kline_cursor.ts";
import { KLINE_SERIES_MAX, klineFingerprint, klineSeries } from "../../src/feed/kline_series.ts";
import { FEED_CURSOR_CHARS_MAX } from "../../src/feed/port.ts";
import { GRANULARITIES } from "../../src/market/granularity.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`kline_cursor_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const symbols = Array.from(
  { length: KLINE_SERIES_MAX / GRANULARITIES.length },
  (_, i) => ({ symbol: `A${i}USDT` }),
);
const all = klineSeries(symbols, GRANULARITIES);
const fingerprint = klineFingerprint(all);

Deno.test("formatKlineCursor() keeps every place of 200 series of all lengths", () => {
  const random = seededRandom(SEED);
  assertEquals(all.length, KLINE_SERIES_MAX);
  for (let trial = 0; trial < 300; trial++) {
    const watermarkMs = 1.6e12 + Math.floor(random.next() * 2e11 / 60_000) * 60_000;
    const spread = 1 + Math.floor(random.next() * (KLINE_AHEAD_BARS_MAX + 1));
    const nextMs = all.map((one, i) => {
      const bars = i === 0 ? 0 : Math.floor(random.next() * spread);
      return barEndingFrom(one, watermarkMs) + bars * one.lengthMs;
    });
    const cursor = formatKlineCursor(fingerprint, all, nextMs);
    assertLessOrEqual(cursor.length, FEED_CURSOR_CHARS_MAX);
    const place = parseKlineCursor(cursor);
    assertEquals(place === null ? null : klinePositions(place, fingerprint, all), nextMs);
  }
});

Deno.test("klinePositions() of other series begins each at the watermark", () => {
  const place = parseKlineCursor("k1.00000000.1600002060000.BCD");
  const positions = place === null ? [] : klinePositions(place, fingerprint, all);
  // Minutes that end at 13:01, five minutes that end at 13:05, and a week that ends on Monday.
  assertEquals([positions[0], positions[1]], [1_600_002_000_000, 1_600_002_000_000]);
  assertEquals(positions[7], Date.UTC(2020, 8, 7));
});
