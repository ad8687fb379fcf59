/** The small organs of a path: touches, finer candles, sliding extremes. */

import { assertEquals, assertThrows } from "@std/assert";
import { Touch, touch } from "../../src/label/barriers.ts";
import { SlidingMaximum } from "../../src/label/extremes.ts";
import { FinerCandles } from "../../src/label/finer.ts";
import { LiveBarriers } from "../../src/label/live_barriers.ts";
import { blockOf, type CandleRow, Chance, SEED, walk } from "./support.ts";

/** R7, case by case in its order. */
function slowTouch(o: number, h: number, l: number, up: number, down: number): number {
  if (o >= up) return Touch.gapUp;
  if (o <= down) return Touch.gapDown;
  if (h >= up && l <= down) return Touch.both;
  if (h >= up) return Touch.up;
  if (l <= down) return Touch.down;
  return Touch.none;
}

Deno.test("touch() is the first case of R7 that applies, on every small candle", () => {
  const seen = new Set<number>();
  for (let l = 1; l <= 7; l++) {
    for (let h = l; h <= 7; h++) {
      for (let o = l; o <= h; o++) {
        for (let down = 1; down <= 6; down++) {
          for (let up = down + 1; up <= 7; up++) {
            const code = touch(o, h, l, up, down);
            assertEquals(code, slowTouch(o, h, l, up, down), `${o} ${h} ${l} in ${down}..${up}`);
            seen.add(code);
          }
        }
      }
    }
  }
  assertEquals(seen.size, 6);
});

Deno.test("FinerCandles.find() is the first touching candle inside the bar", () => {
  const chance = new Chance(SEED);
  const rows = walk(chance, 500, 0);
  const barMs = 600_000;
  const finer = new FinerCandles(blockOf(rows), barMs);
  for (let probe = 0; probe < 2000; probe++) {
    const ts = (rows[chance.int(0, rows.length)] as CandleRow)[0] + chance.int(-barMs, 60_000);
    const up = 100 + chance.next() * 10;
    const down = up - chance.next() * 10 - 0.01;
    const expected = rows.findIndex(([t, o, h, l]) =>
      t >= ts && t < ts + barMs && slowTouch(o, h, l, up, down) !== Touch.none
    );
    assertEquals(finer.find(ts, up, down), expected);
  }
});

Deno.test("FinerCandles reads neither the candle before the bar nor the one at its end", () => {
  const rows = [0, 60, 120].map((ts): CandleRow => [ts, 5, 5, 5, 5, 0]);
  const finer = new FinerCandles(blockOf(rows), 60);
  assertEquals(finer.find(60, 5, 1), 1);
  assertEquals(finer.find(61, 5, 1), 2);
  assertEquals(new FinerCandles(blockOf(rows), 59).find(61, 5, 1), -1);
});

Deno.test("FinerCandles refuses a bar without length and candles out of order", () => {
  const rows = walk(new Chance(SEED), 3, 0);
  for (const barMs of [0, -1, 0.5, NaN]) {
    assertThrows(() => new FinerCandles(blockOf(rows), barMs), RangeError, "barMs");
  }
  const twice = blockOf([...rows, rows[2] as CandleRow]);
  assertThrows(() => new FinerCandles(twice, 60), RangeError, "at row 3");
});

Deno.test("SlidingMaximum is the first maximum of the window", () => {
  const chance = new Chance(SEED);
  for (const size of [1, 2, 5, 31]) {
    const window = new SlidingMaximum(64);
    for (let run = 0; run < 2; run++) {
      const values: number[] = [];
      for (let index = 0; index < 600; index++) {
        values.push(chance.int(0, 6));
        window.push(index, values[index] as number, index - size);
        window.invariant(Math.max(0, index - size + 1), index + 1);
        const inside = values.slice(-size);
        const largest = Math.max(...inside);
        assertEquals(window.value(), largest);
        assertEquals(window.index(), index + 1 - inside.length + inside.indexOf(largest));
      }
      window.clear();
    }
  }
});

Deno.test("LiveBarriers.take() finds what a scan of all live events finds", () => {
  const chance = new Chance(SEED + 8);
  for (const horizon of [1, 2, 7, 8, 9, 40, 288]) {
    const live = new LiveBarriers(horizon);
    for (let run = 0; run < 2; run++) {
      const twin = new Map<number, [number, number]>();
      for (let index = 0; index < 1500; index++) {
        const high = chance.int(45, 75);
        const low = high - chance.int(0, 20);
        const isTouched = ([up, down]: [number, number]) => high >= up || low <= down;
        const ending = index - horizon;
        const last = twin.get(ending);
        if (ending >= 0) assertEquals(live.end(ending, high, low), !!last && isTouched(last));
        twin.delete(ending);
        const expected = [...twin].filter(([, pair]) => isTouched(pair)).map(([event]) => event);
        const isGuarded = high >= live.guardUp || low <= live.guardDown;
        assertEquals(isGuarded || expected.length === 0, true, "the guard lets a touch through");
        const count = isGuarded ? live.take(Math.max(0, ending + 1), index, high, low) : 0;
        assertEquals([...live.taken.subarray(0, count)], expected);
        for (const event of expected) twin.delete(event);
        if (chance.next() < 0.2) {
          live.skip(index);
        } else {
          const pair: [number, number] = [chance.int(60, 90), chance.int(10, 40)];
          live.add(index, ...pair);
          twin.set(index, pair);
        }
        live.invariant(Math.max(0, ending + 1), index + 1);
      }
      live.clear();
    }
  }
});
