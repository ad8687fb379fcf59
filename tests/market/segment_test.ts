import { assertEquals } from "@std/assert";
import { MAX_GAP_MS_DEFAULT, segmentsOf } from "../../src/market/segment.ts";

const at = (...ts: number[]) => Float64Array.from(ts);

Deno.test("segmentsOf() breaks only at holes longer than the bound", () => {
  const gap = MAX_GAP_MS_DEFAULT;
  assertEquals(segmentsOf(at(0, gap, 2 * gap + 1, 2 * gap + 2)), [
    { from: 0, to: 2 },
    { from: 2, to: 4 },
  ]);
  assertEquals(MAX_GAP_MS_DEFAULT, 10 * 24 * 3600 * 1000);
});

Deno.test("segmentsOf() takes another bound", () => {
  assertEquals(segmentsOf(at(0, 5, 11, 16), 5), [{ from: 0, to: 2 }, { from: 2, to: 4 }]);
  assertEquals(segmentsOf(at(0, 1, 2), 0.5).length, 3);
});

Deno.test("segmentsOf() of nothing is nothing, of one candle one", () => {
  assertEquals(segmentsOf(at()), []);
  assertEquals(segmentsOf(at(7)), [{ from: 0, to: 1 }]);
});
