import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type CandleBlock,
  CandleBuilder,
  decodeCandles,
  decodeLabels,
  encodeCandles,
  encodeLabels,
  LABEL_COLUMNS,
  type LabelBlock,
} from "../../src/market/block.ts";
import { MarketError } from "../../src/market/error.ts";
import { seededRandom } from "./support.ts";

const AWKWARD = [0, -0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE, 0.1];

function candles(rows: number, hasDeleted: boolean): CandleBlock {
  const random = seededRandom(`candles ${rows}`);
  const any = () => AWKWARD[Math.floor(random() * 16)] ?? random();
  const builder = new CandleBuilder("ÄUR_USD:H1");
  for (let i = 0; i < rows; i++) {
    if (hasDeleted && i % 3 === 0) builder.pushDeleted(i);
    else builder.push(i, any(), any(), any(), any(), any());
  }
  return builder.finish();
}

function labels(rows: number): LabelBlock {
  const random = seededRandom(`labels ${rows}`);
  const columns = LABEL_COLUMNS.map(([name, type]) => {
    const values = Array.from({ length: rows }, () => Math.floor(random() * 1e6) - 5e5);
    if (type === "f64") return [name, Float64Array.from(values, (v) => v % 7 === 0 ? NaN : v / 3)];
    if (type === "u16") return [name, Uint16Array.from(values)];
    return [name, type === "i8" ? Int8Array.from(values) : Uint8Array.from(values)];
  });
  return {
    series: "EUR_USD:M1",
    paramHash: "0123456789abcdef",
    length: rows,
    ...Object.fromEntries(columns),
  };
}

function shifted(bytes: Uint8Array, by: number): Uint8Array {
  const room = new Uint8Array(bytes.length + by);
  room.set(bytes, by);
  return room.subarray(by);
}

for (const rows of [0, 1, 2, 7, 1000]) {
  Deno.test(`decodeCandles() gives back ${rows} rows at every alignment`, () => {
    for (const hasDeleted of [false, rows > 0]) {
      const block = candles(rows, hasDeleted);
      for (let by = 0; by <= 8; by++) {
        assertEquals(decodeCandles(shifted(encodeCandles(block), by)), block);
      }
    }
  });

  Deno.test(`decodeLabels() gives back ${rows} rows at every alignment`, () => {
    const block = labels(rows);
    for (let by = 0; by <= 8; by++) {
      assertEquals(decodeLabels(shifted(encodeLabels(block), by)), block);
    }
  });
}

Deno.test("encodeCandles() writes columns little endian, as documented", () => {
  const builder = new CandleBuilder("A:D");
  builder.push(1.5, 2, 3, 4, 5, 6);
  const bytes = encodeCandles(builder.finish());
  const view = new DataView(bytes.buffer);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 4)), "WICK");
  assertEquals([...bytes.subarray(4, 8)], [1, 1, 0, 0]);
  assertEquals([view.getUint32(8, true), view.getUint32(12, true)], [1, 24 + 8 + 6 * 8]);
  assertEquals(new TextDecoder().decode(bytes.subarray(24, 27)), "A:D");
  assertEquals([32, 40, 72].map((at) => view.getFloat64(at, true)), [1.5, 2, 6]);
});

Deno.test("encodeCandles() keeps the bits of every number", () => {
  const bits = (column: Float64Array) => [...new BigUint64Array(column.slice().buffer)];
  const block = candles(500, false);
  assertEquals(bits(decodeCandles(encodeCandles(block)).close), bits(block.close));
});

Deno.test("decodeCandles() shares memory when aligned, and not otherwise", () => {
  const bytes = encodeCandles(candles(5, false));
  assertStrictEquals(decodeCandles(bytes).ts.buffer, bytes.buffer);
  const odd = shifted(bytes, 3);
  assertStrictEquals(decodeCandles(odd).ts.buffer === odd.buffer, false);
});

Deno.test("decodeCandles() reads shared memory", () => {
  const bytes = encodeCandles(candles(5, true));
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  assertEquals(decodeCandles(shared), decodeCandles(bytes));
});

Deno.test("decodeCandles() refuses every truncation and every extension", () => {
  const bytes = encodeCandles(candles(3, true));
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => decodeCandles(bytes.slice(0, length)), MarketError, "Cannot decode");
  }
  const longer = new Uint8Array(bytes.length + 8);
  longer.set(bytes);
  assertThrows(() => decodeCandles(longer), MarketError, `expected ${bytes.length} bytes`);
});

Deno.test("decodeCandles() survives any damage to the header", () => {
  const bytes = encodeCandles(candles(3, true));
  for (let at = 0; at < 24; at++) {
    for (let value = 0; value < 256; value++) {
      const damaged = bytes.slice();
      damaged[at] = value;
      try {
        assertStrictEquals(decodeCandles(damaged).length, 3);
      } catch (error) {
        if (!(error instanceof MarketError)) throw error;
      }
    }
  }
});

Deno.test("decodeCandles() names what it was given instead", () => {
  const bytes = encodeCandles(candles(1, false));
  const withByte = (at: number, value: number) => {
    const changed = bytes.slice();
    changed[at] = value;
    return changed;
  };
  const refused = (given: Uint8Array, text: string) =>
    assertThrows(() => decodeCandles(given), MarketError, text);
  refused(new TextEncoder().encode("SQLite format 3, and so on"), "expected the magic WICK");
  refused(withByte(4, 2), "expected encoding version 1 to 1: current value is 2");
  refused(withByte(6, 2), "expected no unknown flag: current value is 2");
  refused(encodeLabels(labels(1)), "expected kind 1: current value is 2");
  assertThrows(() => decodeLabels(bytes), MarketError, "expected kind 2: current value is 1");
});
