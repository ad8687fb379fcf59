import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MarketError } from "../../src/market/error.ts";
import { SERIES_PER_FILE_MAX, SeriesTable } from "../../src/market/series_table.ts";
import { bytesOf } from "./support.ts";

Deno.test("SeriesTable tells keys apart that begin alike, whatever slots they share", () => {
  for (let round = 0; round < 300; round++) {
    const table = new SeriesTable();
    const symbols = Array.from({ length: 30 }, (_, i) => `R${round}S${i}`);
    for (const symbol of symbols) table.get(`${symbol}:M15`);
    for (const symbol of symbols) {
      assertStrictEquals(table.get(`${symbol}:M1`)?.series, `${symbol}:M1`);
      assertStrictEquals(table.get(`${symbol}:M15`)?.series, `${symbol}:M15`);
    }
    assertStrictEquals(table.builders().length, 60);
  }
});

Deno.test("SeriesTable finds one builder per key, in bytes and in text, as it grows", () => {
  const table = new SeriesTable();
  const keys = Array.from({ length: 3000 }, (_, i) => `S${i}:D`);
  const first = keys.map((key) => table.get(key));
  for (const [i, key] of keys.entries()) {
    const bytes = bytesOf(`..${key}..`);
    assertStrictEquals(table.find(bytes, 2, bytes.length - 2), first[i] ?? null);
  }
  assertEquals(table.builders().map((builder) => builder.series), keys);
});

Deno.test("SeriesTable has no builder for what is no series key", () => {
  const table = new SeriesTable();
  for (const key of ["", "A", "A:X", "é:D", "A".repeat(41), "A:D "]) {
    assertStrictEquals(table.get(key), null);
  }
  assertEquals(table.builders(), []);
});

Deno.test("SeriesTable refuses more than SERIES_PER_FILE_MAX series", () => {
  const table = new SeriesTable();
  for (let i = 0; i < SERIES_PER_FILE_MAX; i++) table.get(`S${i}:D`);
  assertThrows(() => table.get("ONE:D"), MarketError, "expected at most 65536 series");
  assertStrictEquals(table.get("S7:D")?.series, "S7:D");
});
