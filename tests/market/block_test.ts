import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  candleBlock,
  CandleBuilder,
  concatCandles,
  emptyCandles,
  sliceCandles,
} from "../../src/market/block.ts";
import { MarketError } from "../../src/market/error.ts";
import { rowsOf } from "./support.ts";

const row = (i: number) => [i, i + 1, i + 3, i + 0.5, i + 2, i * 10];

function built(from: number, to: number) {
  const builder = new CandleBuilder("EUR_USD:H1", 2);
  for (let i = from; i < to; i++) {
    builder.push(...row(i) as [number, number, number, number, number, number]);
  }
  return builder.finish();
}

Deno.test("CandleBuilder keeps rows and their order while it grows", () => {
  assertEquals(rowsOf(built(0, 1000)), Array.from({ length: 1000 }, (_, i) => row(i)));
});

Deno.test("CandleBuilder.finish() hands out buffers of exact length and starts over", () => {
  const builder = new CandleBuilder("EUR_USD:H1");
  builder.pushRow(Float64Array.from(row(7)));
  const first = builder.finish();
  assertStrictEquals(first.ts.buffer.byteLength, 8);
  assertStrictEquals(builder.length, 0);
  builder.pushRow(Float64Array.from(row(8)));
  assertEquals(rowsOf(builder.finish()), [row(8)]);
  assertEquals(rowsOf(first), [row(7)]);
});

Deno.test("CandleBuilder.pushDeleted() marks only its row, also after growing", () => {
  const builder = new CandleBuilder("EUR_USD:H1", 1);
  builder.push(1, 1, 1, 1, 1, 1);
  builder.pushDeleted(2);
  builder.push(3, 1, 1, 1, 1, 1);
  const block = builder.finish();
  assertEquals([...block.deleted ?? []], [0, 1, 0]);
  assertEquals([...block.close], [1, NaN, 1]);
  builder.push(4, 1, 1, 1, 1, 1);
  assertStrictEquals(builder.finish().deleted, null);
});

Deno.test("candleBlock() refuses columns of different lengths", () => {
  const { ts, open, high, low, close } = built(0, 3);
  const columns = { ts, open, high, low, close, volume: new Float64Array(2) };
  assertThrows(() => candleBlock("A:D", columns), MarketError, "column volume: current value is 2");
});

Deno.test("sliceCandles() gives views of the rows asked for", () => {
  const block = built(0, 10);
  const slice = sliceCandles(block, 2, 5);
  assertEquals(rowsOf(slice), [row(2), row(3), row(4)]);
  assertStrictEquals(slice.ts.buffer, block.ts.buffer);
});

Deno.test("sliceCandles() refuses ranges outside of the block", () => {
  for (const [from, to] of [[-1, 2], [3, 2], [0, 11], [NaN, 1]] as const) {
    assertThrows(() => sliceCandles(built(0, 10), from, to), MarketError, "Cannot slice");
  }
});

Deno.test("concatCandles() joins blocks in order, deletions included", () => {
  const builder = new CandleBuilder("EUR_USD:H1");
  builder.pushDeleted(99);
  const joined = concatCandles([built(0, 2), emptyCandles("EUR_USD:H1"), builder.finish()]);
  assertEquals([...joined.ts], [0, 1, 99]);
  assertEquals([...joined.deleted ?? []], [0, 0, 1]);
});

Deno.test("concatCandles() refuses blocks of different series, and none", () => {
  const blocks = [emptyCandles("A:D"), emptyCandles("B:D")];
  assertThrows(() => concatCandles(blocks), MarketError, "expected series A:D");
  assertThrows(() => concatCandles([]), MarketError, "current value is none");
});
