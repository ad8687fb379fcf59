import { type CandleRow, priceValue } from "../../src/provider/candles.ts";
import { PRICE_REJECTIONS_MAX } from "../../src/provider/limits.ts";
import { RejectReason } from "../../src/market/reject.ts";
import { assert, assertEquals } from "@std/assert";

const ALL = { fromMs: 0, toMs: 1e15, granularity: "D" } as const;

Deno.test("priceValue() sorts, keeps the last of one time, and leaves out what is outside", () => {
  const rows: CandleRow[] = [
    [300, 1, 1, 1, 1, 3],
    [100, 1, 1, 1, 1, 1],
    [200, 1, 1, 1, 1, 2],
    [200, 2, 2, 2, 2, 9],
    [400, 1, 1, 1, 1, 4],
  ];
  const value = priceValue("AAA", rows, { ...ALL, fromMs: 100, toMs: 400 });
  assert(value !== null);
  assertEquals(Array.from(value.candles.ts), [100, 200, 300]);
  assertEquals(Array.from(value.candles.volume), [1, 9, 3]);
  assertEquals([value.candles.series, value.rejected], ["AAA:D", 0]);
});

Deno.test("priceValue() refuses by rule R2 and says which row and why", () => {
  const rows: CandleRow[] = [
    [1, 1, 2, 1, 1, 1],
    [2, 1, 0.5, 1, 1, 1],
    [3, NaN, 1, 1, 1, 1],
    [4, 1, 1, 1, 1, -1],
    [5.5, 1, 1, 1, 1, 1],
  ];
  const value = priceValue("AAA", rows, ALL);
  assert(value !== null);
  assertEquals(Array.from(value.candles.ts), [1]);
  assertEquals(value.rejected, 4);
  assertEquals(value.rejections.map(({ line, reason }) => [line, reason]), [
    [2, RejectReason.highTooLow],
    [3, RejectReason.notFinite],
    [4, RejectReason.volumeNegative],
    [5, RejectReason.tsNotInteger],
  ]);
});

Deno.test("priceValue() tells a bounded number of refused rows and counts all", () => {
  const rows = Array.from({ length: 1_000 }, (_, i): CandleRow => [i, -1, 1, 1, 1, 1]);
  const value = priceValue("AAA", rows, ALL);
  assertEquals(value?.rejected, 1_000);
  assertEquals(value?.rejections.length, PRICE_REJECTIONS_MAX);
});

Deno.test("priceValue() is null where there is nothing", () => {
  assertEquals(priceValue("AAA", [], ALL), null);
  assertEquals(priceValue("AAA", [[5, 1, 1, 1, 1, 1]], { ...ALL, toMs: 5 }), null);
});
