import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  CandleReason,
  candleReason,
  candleRowReason,
  describeCandleReason,
} from "../../src/market/candle.ts";
import { seededRandom } from "./support.ts";

type Row = [number, number, number, number, number, number];

/** R2 word for word. */
function isCandle([ts, o, h, l, c, v]: Row): boolean {
  return Number.isInteger(ts) && Math.abs(ts) <= 8.64e15 &&
    [o, h, l, c].every((price) => Number.isFinite(price) && price > 0) &&
    h >= Math.max(o, c, l) && l <= Math.min(o, c, h) && Number.isFinite(v) && v >= 0;
}

Deno.test("candleReason() accepts exactly what R2 accepts", () => {
  const random = seededRandom("candle");
  const values = [1, 1.5, 2, 2, 2.5, 3, 0, -0, -1, NaN, Infinity, -Infinity, 5e-324];
  const any = () => values[Math.floor(random() ** 2 * values.length)] as number;
  let accepted = 0;
  for (let i = 0; i < 50_000; i++) {
    const row: Row = [any(), any(), any(), any(), any(), any()];
    const isValid = isCandle(row);
    if (isValid) accepted++;
    assertStrictEquals(candleReason(...row) === 0, isValid, `${row}`);
    assertStrictEquals(candleRowReason(Float64Array.from(row)) === 0, isValid);
  }
  assertStrictEquals(accepted > 100, true);
});

const CASES: [Row, keyof typeof CandleReason, string][] = [
  [[0, 1, 2, 1, 2, 0], "ok", "valid"],
  [[-8.64e15, 1, 1, 1, 1, 1], "ok", "valid"],
  [[0.5, 1, 2, 1, 2, 0], "tsNotInteger", "ts 0.5 is not an integer of milliseconds"],
  [[NaN, 1, 2, 1, 2, 0], "tsNotInteger", "ts NaN is not an integer of milliseconds"],
  [[8.64e15 + 1, 1, 2, 1, 2, 0], "tsOutOfRange", "is beyond 8640000000000000 milliseconds"],
  [[Infinity, 1, 2, 1, 2, 0], "tsOutOfRange", "ts Infinity is beyond"],
  [[0, 1, Infinity, 1, 2, 0], "notFinite", "high Infinity is not finite"],
  [[0, 1, 2, 1, 2, NaN], "notFinite", "volume NaN is not finite"],
  [[0, 1, 2, 0, 2, 0], "notPositive", "low 0 is not above 0"],
  [[0, -1, 2, -2, 2, 0], "notPositive", "open -1 is not above 0"],
  [[0, 1.3, 1.2, 1, 1, 0], "highTooLow", "high 1.2 is below max(open, close, low) 1.3"],
  [[0, 1, 2, 1.1, 2, 0], "lowTooHigh", "low 1.1 is above min(open, close, high) 1"],
  [[0, 1, 2, 1, 2, -1], "volumeNegative", "volume -1 is below 0"],
];

for (const [row, name, text] of CASES) {
  Deno.test(`candleReason() says ${name} for ${row.join(",")}`, () => {
    const reason = candleReason(...row);
    assertStrictEquals(reason, CandleReason[name]);
    const said = describeCandleReason(reason, row);
    assertEquals(said.includes(text), true, said);
  });
}
