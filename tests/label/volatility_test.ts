/** Volatility estimators against slow twins written from their formulas. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { VOLATILITIES, type VolatilityName } from "../../src/label/params.ts";
import { createVolatility, RealisedVolatility, Window } from "../../src/label/volatility.ts";
import { type CandleRow, Chance, SEED, walk } from "./support.ts";

const last = <T>(list: readonly T[], count: number) => list.slice(list.length - count);
const mean = (list: readonly number[]) => list.reduce((a, x) => a + x, 0) / list.length;
const variance = (list: readonly number[]) => {
  const middle = mean(list);
  return list.reduce((a, x) => a + (x - middle) ** 2, 0) / (list.length - 1);
};

/** Price-unit volatility of the last of these candles, all of one segment. */
const TWINS: Record<VolatilityName, (rows: readonly CandleRow[]) => number> = {
  atr: (rows) =>
    mean(last(
      rows.slice(1).map(([, , h, l], i) => {
        const before = rows[i]?.[4] ?? NaN;
        return Math.max(h - l, Math.abs(h - before), Math.abs(l - before));
      }),
      14,
    )),
  parkinson: (rows) =>
    Math.sqrt(
      mean(last(rows, 14).map(([, , h, l]) => (Math.log(h) - Math.log(l)) ** 2)) /
        (4 * Math.log(2)),
    ) * closeOf(rows),
  "garman-klass": (rows) =>
    Math.sqrt(
      mean(
        last(rows, 14).map(([, o, h, l, c]) =>
          Math.log(h / l) ** 2 / 2 - (2 * Math.log(2) - 1) * Math.log(c / o) ** 2
        ),
      ),
    ) * closeOf(rows),
  "yang-zhang": (rows) => {
    const overnight = rows.slice(1).map(([, o], i) => Math.log(o / (rows[i]?.[4] ?? NaN)));
    const body = rows.map(([, o, , , c]) => Math.log(c / o));
    const rs = rows.map(([, o, h, l, c]) =>
      Math.log(h / c) * Math.log(h / o) + Math.log(l / c) * Math.log(l / o)
    );
    const n = 14;
    const k = 0.34 / (1.34 + (n + 1) / (n - 1));
    return Math.sqrt(
      variance(last(overnight, n)) + k * variance(last(body, n)) + (1 - k) * mean(last(rs, n)),
    ) * closeOf(rows);
  },
  ewma: (rows) => {
    const returns = rows.slice(1).map(([, , , , c], i) => Math.log(c / (rows[i]?.[4] ?? NaN)));
    const decay = 13 / 15;
    // σ²[i] unrolled: (1 − λ) Σ λ^age r², the oldest with weight λ^age instead.
    const weighted = returns.map((r, i) => {
      const age = returns.length - 1 - i;
      return decay ** age * (i === 0 ? 1 : 1 - decay) * r * r;
    });
    return Math.sqrt(weighted.reduce((a, x) => a + x, 0)) * closeOf(rows);
  },
};

function closeOf(rows: readonly CandleRow[]): number {
  return rows.at(-1)?.[4] ?? NaN;
}

for (const name of VOLATILITIES) {
  Deno.test(`createVolatility("${name}") follows its formula after 14 candles of warm-up`, () => {
    const rows = walk(new Chance(SEED), 300, 0);
    const estimator = createVolatility(name);
    for (let run = 0; run < 2; run++) {
      for (const [i, [, o, h, l, c]] of rows.entries()) {
        const value = estimator.push(o, h, l, c);
        if (i < 14) {
          assertEquals(value, NaN, `${name} ${i}`);
        } else {
          const expected = TWINS[name](rows.slice(0, i + 1));
          assertAlmostEquals(value, expected, 1e-9 * closeOf(rows), `${name} ${i}`);
        }
      }
      estimator.reset();
    }
  });

  Deno.test(`createVolatility("${name}") is 0 while nothing moves`, () => {
    const estimator = createVolatility(name);
    let value = NaN;
    for (let i = 0; i < 40; i++) value = estimator.push(7, 7, 7, 7);
    assertEquals(value, 0);
  });
}

Deno.test("createVolatility() forgets after 15 candles, but for ewma", () => {
  const rows = walk(new Chance(SEED + 1), 200, 0);
  for (const name of VOLATILITIES) {
    const long = createVolatility(name);
    const short = createVolatility(name);
    let [a, b] = [NaN, NaN];
    for (const [i, [, o, h, l, c]] of rows.entries()) {
      a = long.push(o, h, l, c);
      if (i >= rows.length - 15) b = short.push(o, h, l, c);
    }
    assertEquals(Object.is(a, b), name !== "ewma", name);
  }
});

Deno.test("RealisedVolatility follows its formula after 20 candles of warm-up", () => {
  const rows = walk(new Chance(SEED + 2), 200, 0);
  const estimator = new RealisedVolatility();
  for (const [i, [, , , , close]] of rows.entries()) {
    const value = estimator.push(close);
    const closes = rows.slice(0, i + 1).map((row) => row[4]);
    const squares = closes.slice(1).map((c, j) => Math.log(c / (closes[j] ?? NaN)) ** 2);
    if (i < 20) assertEquals(value, NaN);
    else assertAlmostEquals(value, Math.sqrt(mean(last(squares, 20))), 1e-14);
  }
});

Deno.test("Window.sum() adds the last values, oldest first", () => {
  const window = new Window(3);
  // Adding 1 first loses it; adding it last keeps it: the order shows in the result.
  for (const value of [5, 1, 1e16, -1e16]) window.push(value);
  assertEquals(window.sum(), 1 + 1e16 - 1e16);
  window.push(1);
  assertEquals(window.sum(), 1e16 - 1e16 + 1);
  assert(window.sum() === 1);
});
