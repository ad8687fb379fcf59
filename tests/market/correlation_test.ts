/** Pearson's coefficient of log returns, against values worked out elsewhere and by its rules. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { correlationOf } from "../../src/market/correlation.ts";
import type { CandleBlock } from "../../src/market/block.ts";

function blockOf(series: string, rows: readonly (readonly [number, number])[]): CandleBlock {
  const closes = Float64Array.from(rows, ([, close]) => close);
  return {
    series,
    length: rows.length,
    ts: Float64Array.from(rows, ([ts]) => ts),
    open: closes,
    high: closes,
    low: closes,
    close: closes,
    volume: new Float64Array(rows.length),
    deleted: null,
  };
}

const closesA = [100, 101, 99, 103, 104, 101, 100, 102, 105, 103, 107, 108];
const closesB = [50, 50.5, 50.2, 51.4, 51.1, 50.3, 50.9, 51.2, 52.0, 51.1, 52.4, 53.5];
const a = blockOf("A:H1", closesA.map((close, i) => [i, close]));
const b = blockOf("B:H1", closesB.map((close, i) => [i, close]));

Deno.test("correlationOf() is Pearson's coefficient of log returns", () => {
  // Worked out in Python with math.fsum over the same closes.
  const { correlation, returns, fromTs, toTs } = correlationOf(a, b, 100);
  assertAlmostEquals(correlation ?? NaN, 0.8250046039247712, 1e-12);
  assertEquals([returns, fromTs, toTs], [11, 0, 11]);
});

Deno.test("correlationOf() takes only bars that both have, and only the last ones", () => {
  const gaps = blockOf("B:H1", closesB.map((close, i) => [i, close] as const).toSpliced(4, 1));
  const withoutBoth = blockOf(
    "A:H1",
    closesA.map((close, i) => [i, close] as const).toSpliced(4, 1),
  );
  assertEquals(correlationOf(a, gaps, 100), correlationOf(withoutBoth, gaps, 100));
  assertEquals(correlationOf(a, b, 10).returns, 10);
  assertEquals(correlationOf(a, b, 10).fromTs, 1);
});

Deno.test("correlationOf() of a series with itself is 1, of what does not move or is short null", () => {
  assertAlmostEquals(correlationOf(a, a, 100).correlation ?? NaN, 1, 1e-12);
  const flat = blockOf("F:H1", closesA.map((_, i) => [i, 7]));
  assertEquals(correlationOf(a, flat, 100).correlation, null);
  assertEquals(correlationOf(a, blockOf("N:H1", []), 100), {
    correlation: null,
    returns: 0,
    fromTs: null,
    toTs: null,
  });
  const below = blockOf("Z:H1", closesA.map((close, i) => [i, i === 5 ? -1 : close]));
  assertEquals(correlationOf(a, below, 100).correlation, null);
});
