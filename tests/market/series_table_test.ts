import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MarketError } from "../../src/market/error.ts";
import { NO_SERIES, SERIES_PER_FILE_MAX, SeriesTable } from "../../src/market/series_table.ts";
import { bytesOf } from "./support.ts";

Deno.test("SeriesTable tells keys apart that begin alike, whatever slots they share", () => {
  for (let round = 0; round < 300; round++) {
    const table = new SeriesTable();
    const symbols = Array.from({ length: 30 }, (_, i) => `R${round}S${i}`);
    for (const symbol of symbols) table.get(`${symbol}:M15`);
    for (const symbol of symbols) {
      assertStrictEquals(table.series()[table.get(`${symbol}:M1`)], `${symbol}:M1`);
      assertStrictEquals(table.series()[table.get(`${symbol}:M15`)], `${symbol}:M15`);
    }
    assertStrictEquals(table.series().length, 60);
  }
});

Deno.test("SeriesTable numbers keys as they come, in bytes and in text, as it grows", () => {
  const table = new SeriesTable();
  const keys = Array.from({ length: 3000 }, (_, i) => `S${i}:D`);
  assertEquals(keys.map((key) => table.get(key)), keys.map((_, i) => i));
  for (const [i, key] of keys.entries()) {
    const bytes = bytesOf(`..${key}..`);
    assertStrictEquals(table.find(bytes, 2, bytes.length - 2), i);
  }
  assertEquals(table.series(), keys);
});

Deno.test("SeriesTable has no number for what is no series key", () => {
  const table = new SeriesTable();
  for (const key of ["", "A", "A:X", "é:D", "A".repeat(41), "A:D "]) {
    assertStrictEquals(table.get(key), NO_SERIES);
  }
  assertEquals(table.series(), []);
});

Deno.test("SeriesTable refuses more than SERIES_PER_FILE_MAX series", () => {
  const table = new SeriesTable();
  for (let i = 0; i < SERIES_PER_FILE_MAX; i++) table.get(`S${i}:D`);
  assertThrows(() => table.get("ONE:D"), MarketError, "expected at most 65536 series");
  assertStrictEquals(table.series()[table.get("S7:D")], "S7:D");
});
