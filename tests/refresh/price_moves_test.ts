/** Which series is followed, what is a move, and which bars are new; also against a slow twin. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/mod.ts";
import { type CandleBlock, CandleBuilder, sliceCandles } from "../../src/market/block.ts";
import { granularityMs } from "../../src/market/granularity.ts";
import { MAGNITUDE_MAX } from "../../src/refresh/magnitude.ts";
import {
  INSTRUMENTS_FOLLOWED_MAX,
  LOOK_CANDLES,
  MOVE_FROM_REST,
  PriceMoves,
} from "../../src/refresh/price_moves.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`price moves tests: WICK_SEED=${SEED}`);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T0 = 1_700_006_400_000;

/** Candles that move by 1 up and down around 100, so that the ATR is 1; then these closes. */
function candles(closes: readonly number[], series = "A:M1", calm = 16): CandleBlock {
  const lengthMs = granularityMs("M1");
  const rows = new CandleBuilder(series);
  const all = [...Array.from({ length: calm }, (_, i) => 100 + i % 2), ...closes];
  all.forEach((close, i) => {
    const open = all[i - 1] ?? 99;
    rows.push(T0 + lengthMs * i, open, Math.max(open, close), Math.min(open, close), close, 1);
  });
  return rows.finish();
}

const tailOf = (block: CandleBlock, count = block.length) => ({ count, candles: block });

function seen(series: readonly (readonly [series: string, lastTs: number])[]) {
  const moves = new PriceMoves();
  for (const [name, lastTs] of series) moves.saw(name, lastTs);
  return moves;
}

Deno.test("PriceMoves follows the finest series that is live", () => {
  const moves = seen([["A:H1", T0], ["A:M1", T0 + 59 * MINUTE], ["A:D", T0 - 40 * HOUR]]);
  assertEquals(moves.seriesOf("A"), "A:M1");
  assertEquals(moves.seriesOf("B"), null);
});

Deno.test("PriceMoves follows a coarser series when the finer one was silent for over 3 of its bars", () => {
  const moves = seen([["A:M1", T0 + 59 * MINUTE], ["A:H1", T0]]);
  // Both ended at T0 + 1 h. At T0 + 4 h the minutes are 3 bars behind, at T0 + 5 h 4 bars.
  assertEquals(moves.saw("A:H1", T0 + 3 * HOUR), {
    edgeId: "A",
    series: "A:M1",
    isSwitched: false,
  });
  assertEquals(moves.saw("A:H1", T0 + 4 * HOUR), { edgeId: "A", series: "A:H1", isSwitched: true });
  assertEquals(moves.saw("A:H1", T0 + 5 * HOUR)?.isSwitched, false);
  // The minutes are back.
  assertEquals(moves.saw("A:M1", T0 + 6 * HOUR), { edgeId: "A", series: "A:M1", isSwitched: true });
});

Deno.test("PriceMoves keeps a fine series whose coarser ones are all behind, and one that is alone", () => {
  const moves = seen([["A:W", T0 - 50 * 24 * HOUR], ["A:M5", T0], ["B:D", 0]]);
  assertEquals(moves.seriesOf("A"), "A:M5");
  assertEquals(moves.seriesOf("B"), "B:D");
});

Deno.test("PriceMoves passes over what is no series, and takes a bounded number of instruments", () => {
  const moves = new PriceMoves();
  assertEquals(moves.saw("A", T0), null);
  assertEquals(moves.saw("A:M2", T0), null);
  assertEquals(moves.saw("A:M1", NaN), null);
  for (let i = 0; i < INSTRUMENTS_FOLLOWED_MAX; i++) moves.saw(`S${i}:M1`, T0);
  assertEquals(moves.saw("A:M1", T0), null);
  assertEquals(moves.saw("S0:H1", T0)?.series, "S0:M1");
  assertEquals(moves.size, INSTRUMENTS_FOLLOWED_MAX);
});

Deno.test("PriceMoves.commonGranularity() is the finest that both have and neither is finer than", () => {
  const moves = seen([
    ["A:M1", T0],
    ["A:H1", T0 - HOUR],
    ["B:H1", T0 - HOUR],
    ["C:M1", T0],
    ["D:D", T0 - 24 * HOUR],
  ]);
  assertEquals(moves.commonGranularity("A", "C"), "M1");
  assertEquals(moves.commonGranularity("A", "B"), "H1");
  assertEquals(moves.commonGranularity("B", "A"), "H1");
  assertEquals(moves.commonGranularity("A", "D"), null);
  assertEquals(moves.commonGranularity("A", "X"), null);
});

Deno.test("PriceMoves.moveOf() gives the first look a value and no move", () => {
  const moves = seen([["A:M1", T0]]);
  const move = moves.moveOf("A", tailOf(candles([103])));
  assertEquals([move?.edgeId, move?.magnitude, move?.close], ["A", 0, 103]);
  assertEquals(move?.ts, T0 + 16 * MINUTE);
  assert(move !== null && move.value > 0.5 && move.value < 1);
});

Deno.test("PriceMoves.moveOf() measures the move since the last close that was reported in ATR", () => {
  const moves = seen([["A:M1", T0]]);
  moves.moveOf("A", tailOf(candles([])));
  // The last of the calm ones closed at 101, each range is 1; one of 4 makes the ATR 17/14.
  const move = moves.moveOf("A", tailOf(candles([105])));
  assertAlmostEquals(move?.magnitude ?? NaN, 4 / (17 / 14), 1e-12);
});

Deno.test("PriceMoves.moveOf(): several bars are one move", () => {
  const one = seen([["A:M1", T0]]), other = seen([["A:M1", T0]]);
  for (const moves of [one, other]) moves.moveOf("A", tailOf(candles([])));
  one.moveOf("A", tailOf(candles([102])));
  // 101 → 102 → 101 → 103: two points, at ranges of 1 × 12, then 1, 1, 2.
  const move = other.moveOf("A", tailOf(candles([102, 101, 103])));
  assertAlmostEquals(move?.magnitude ?? NaN, 2 / (15 / 14), 1e-12);
});

Deno.test("PriceMoves.moveOf(): the same close is no move, nor is a correction of an older bar", () => {
  const moves = seen([["A:M1", T0]]);
  moves.moveOf("A", tailOf(candles([102])));
  assertEquals(moves.moveOf("A", tailOf(candles([102]))), null);
  assertEquals(moves.moveOf("A", tailOf(candles([102, 102]))), null);
  const corrected = candles([102, 102]);
  corrected.close[10] = 120;
  corrected.high[10] = 125;
  assertEquals(moves.moveOf("A", tailOf(corrected)), null);
});

Deno.test("PriceMoves.moveOf(): a correction of the last bar is a move", () => {
  const moves = seen([["A:M1", T0]]);
  moves.moveOf("A", tailOf(candles([101])));
  assert((moves.moveOf("A", tailOf(candles([102])))?.magnitude ?? 0) > 0);
});

Deno.test("PriceMoves.moveOf() says nothing of moves before there is an ATR", () => {
  const moves = seen([["A:M1", T0]]);
  const first = moves.moveOf("A", tailOf(candles([1, 2, 3], "A:M1", 0)));
  assertEquals([first?.magnitude, first?.value], [0, 0.5]);
  assertEquals(moves.moveOf("A", tailOf(candles([1, 2, 3, 4], "A:M1", 0))), null);
  assertEquals(moves.moveOf("A", tailOf(candles([], "A:M1", 0))), null);
  // 4 was the last close that it saw.
  const walk = [1, 2, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 5];
  assertEquals(moves.moveOf("A", tailOf(candles(walk, "A:M1", 0)))?.magnitude, 1);
});

Deno.test("PriceMoves.moveOf() bounds the magnitude of a move out of rest, and of any", () => {
  const moves = seen([["A:M1", T0], ["B:M1", T0]]);
  const rest = (close: number) => candles(Array.from({ length: 16 }, () => close), "A:M1", 0);
  moves.moveOf("A", tailOf(rest(5)));
  assertEquals(moves.moveOf("A", tailOf(rest(6)))?.magnitude, MOVE_FROM_REST);
  const still = candles(Array.from({ length: 16 }, (_, i) => 5 + 1e-9 * i), "B:M1", 0);
  const far = candles(Array.from({ length: 16 }, (_, i) => 50_000 + 1e-9 * i), "B:M1", 0);
  moves.moveOf("B", tailOf(still));
  assertEquals(moves.moveOf("B", tailOf(far))?.magnitude, MAGNITUDE_MAX);
});

Deno.test("PriceMoves.barsOf() hands out each bar once, under the time at which it closes", () => {
  const moves = seen([["A:M1", T0]]);
  const all = candles([1, 2, 3], "A:M1", 0);
  const first = moves.barsOf("A", tailOf(sliceCandles(all, 0, 2)));
  assertEquals(first, {
    bars: [
      { edgeId: "A", ts: T0 + MINUTE, close: 1 },
      { edgeId: "A", ts: T0 + 2 * MINUTE, close: 2 },
    ],
    missed: 0,
  });
  assertEquals(moves.barsOf("A", tailOf(sliceCandles(all, 0, 2))).bars, []);
  assertEquals(moves.barsOf("A", tailOf(all)).bars.map(({ close }) => close), [3]);
  moves.restartBars("A");
  assertEquals(moves.barsOf("A", tailOf(all)).bars.length, 3);
  assertEquals(moves.barsOf("B", tailOf(all)), { bars: [], missed: 0 });
});

Deno.test("PriceMoves.barsOf() misses no bar because an older one came late", () => {
  const moves = seen([["A:M1", T0]]);
  const all = candles([1, 2, 3], "A:M1", 0);
  moves.barsOf("A", tailOf(all, 50));
  assertEquals(moves.barsOf("A", tailOf(all, 55)), { bars: [], missed: 0 });
  // But where the tail does not reach back, those between are missed.
  const later = new CandleBuilder("A:M1");
  later.push(T0 + 20 * MINUTE, 1, 1, 1, 1, 1);
  assertEquals(moves.barsOf("A", tailOf(later.finish(), 60)).missed, 4);
});

Deno.test("PriceMoves.barsOf() begins anew after a switch of series", () => {
  const moves = seen([["A:M1", T0 + 59 * MINUTE], ["A:H1", T0]]);
  moves.barsOf("A", tailOf(candles([1, 2, 3])));
  moves.saw("A:H1", T0 + 9 * HOUR);
  const hours = new CandleBuilder("A:H1");
  hours.push(T0 - HOUR, 1, 1, 1, 1, 1);
  const { bars } = moves.barsOf("A", tailOf(hours.finish()));
  assertEquals(bars, [{ edgeId: "A", ts: T0, close: 1 }]);
});

Deno.test("PriceMoves over random tails agrees with a slow twin that keeps everything", () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 50; round++) {
    const moves = seen([["A:M1", T0]]);
    const all = candles(Array.from({ length: 300 }, () => Math.round(90 + 20 * random.next())));
    const given: number[] = [];
    let missed = 0, reported = NaN, lastCount = 0;
    for (let count = 1; count < all.length;) {
      const tail = sliceCandles(all, Math.max(0, count - LOOK_CANDLES), count);
      const found = moves.barsOf("A", { count, candles: tail });
      given.push(...found.bars.map(({ ts }) => ts));
      missed += found.missed;
      const move = moves.moveOf("A", { count, candles: tail });
      const close = all.close[count - 1] as number;
      const atr = slowAtr(all, count);
      if (close === reported) assertEquals(move, null);
      else if (Number.isNaN(reported)) assertEquals(move?.magnitude, 0);
      else if (count < 15) assertEquals(move, null);
      else assertAlmostEquals(move?.magnitude ?? NaN, Math.abs(close - reported) / atr, 1e-9);
      reported = close;
      lastCount = count;
      count += 1 + Math.floor(random.next() ** 4 * 2 * LOOK_CANDLES);
    }
    assertEquals(given.length + missed, lastCount);
    assertEquals(given, [...new Set(given)].sort((a, b) => a - b));
  }
});

/** Written out as Wilder says it: the mean of the 14 last true ranges. */
function slowAtr({ high, low, close }: CandleBlock, count: number): number {
  let sum = 0;
  for (let i = count - 14; i < count; i++) {
    const before = close[i - 1] as number, h = high[i] as number, l = low[i] as number;
    sum += Math.max(h, before) - Math.min(l, before);
  }
  return sum / 14;
}
