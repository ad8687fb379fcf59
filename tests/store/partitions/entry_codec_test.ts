import { assertEquals, assertThrows } from "@std/assert";
import { crc32 } from "node:zlib";
import { seededRandom } from "../../../src/actor/clock.ts";
import { type CandleBlock, CandleBuilder } from "../../../src/market/block.ts";
import { entriesOf, pageOf } from "../../../src/store/partitions/entries.ts";
import { encodeEntry, Entry, EntryError } from "../../../src/store/partitions/entry_codec.ts";
import { candles, seriesOf, textOf } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const [S, T] = seriesOf(3, 2) as [string, string];
const [U] = seriesOf(17, 1) as [string];

const entryOf = (...blocks: CandleBlock[]) =>
  encodeEntry(blocks.map((block) => ({ block, from: 0, to: block.length })));

/** The rows of one entry as text. */
const rowsIn = (bytes: Uint8Array) => textOf(pageOf(3, null, [{ place: "1-1", bytes }]).blocks);

/** Bytes with another value at a place, and a checksum that is right again. */
function changed(bytes: Uint8Array, at: number, to: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(to, at);
  new DataView(copy.buffer).setUint32(16, crc32(copy.subarray(20)), true);
  return copy;
}

Deno.test("encodeEntry writes what its table says", () => {
  const bytes = entryOf(candles(S, 1, 2));
  const view = new DataView(bytes.buffer);
  const text = new TextEncoder().encode(S);
  const columnsAt = Math.ceil((24 + 8 + text.length) / 8) * 8;
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 4)), "WKPE");
  assertEquals([view.getUint8(4), view.getUint8(5), view.getUint16(6, true)], [1, 0, 1]);
  assertEquals([view.getUint32(8, true), view.getUint32(12, true)], [2, columnsAt + 96]);
  assertEquals(view.getUint32(20, true), text.length);
  assertEquals([view.getUint32(24, true), view.getUint16(28, true)], [2, text.length]);
  assertEquals([...bytes.subarray(32, 32 + text.length)], [...text]);
  const numbers = Array.from({ length: 12 }, (_, i) => view.getFloat64(columnsAt + 8 * i, true));
  assertEquals(numbers, [60_000, 120_000, 1.5, 1.5, 3.25, 4.25, 1.25, 1.25, 1.75, 1.75, 1, 2]);
});

Deno.test("an entry holds all rows of its blocks, wherever its bytes begin", () => {
  const random = seededRandom(SEED);
  for (let i = 0; i < 50; i++) {
    const blocks = Array.from({ length: 1 + Math.floor(6 * random.next()) }, () => {
      const builder = new CandleBuilder(random.next() < 0.5 ? S : T);
      for (let rows = Math.floor(30 * random.next()); rows > 0; rows--) {
        if (random.next() < 0.1) builder.pushDeleted(random.next());
        else {
          builder.push(
            random.next(),
            random.next(),
            -random.next(),
            1 / random.next(),
            0,
            random.next(),
          );
        }
      }
      return builder.finish();
    });
    const bytes = entryOf(...blocks);
    for (const offset of [0, 1, 7]) {
      const shifted = new Uint8Array(bytes.length + offset);
      shifted.set(bytes, offset);
      assertEquals(rowsIn(shifted.subarray(offset)), textOf(blocks), `WICK_SEED=${SEED}`);
    }
  }
});

Deno.test("an entry keeps series keys of any letters", () => {
  const series = Array.from({ length: 10_000 }, (_, i) => `Ł${i}€:M1`);
  const odd = series.find((key) => {
    try {
      new Entry(3, entryOf(candles(key, 0, 1)));
      return true;
    } catch {
      return false;
    }
  }) as string;
  assertEquals(rowsIn(entryOf(candles(odd, 0, 2))), textOf([candles(odd, 0, 2)]));
});

Deno.test("entriesOf fills entries to their bound, in order", () => {
  const blocks = [candles(S, 0, 5_000), candles(T, 0, 5_000), candles(S, 5_000, 10_000)];
  const entries = entriesOf(blocks);
  const rows = entries.map((bytes) =>
    new Entry(3, bytes).runs.map(({ series, rows }) => [series, rows])
  );
  assertEquals(rows, [
    [[S, 5_000], [T, 3_192]],
    [[T, 1_808], [S, 6_384]],
    [[S, 3_616]],
  ]);
  assertEquals(entriesOf([]), []);
  assertEquals(entriesOf([candles(S, 0, 0)]), []);
});

Deno.test("an entry of which any byte was changed is refused", () => {
  const bytes = entryOf(candles(S, 0, 3), candles(T, 0, 2));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    assertThrows(() => new Entry(3, damaged), EntryError, "Cannot read entry", `byte ${at}`);
  }
});

Deno.test("an entry that was cut, or has more, is refused", () => {
  const bytes = entryOf(candles(S, 0, 3));
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => new Entry(3, bytes.subarray(0, length)), EntryError);
  }
  assertThrows(() => new Entry(3, new Uint8Array([...bytes, 0])), EntryError);
});

Deno.test("random bytes are refused, whatever they begin with", () => {
  const random = seededRandom(SEED);
  const head = entryOf(candles(S, 0, 3)).subarray(0, 24);
  for (let i = 0; i < 2_000; i++) {
    const bytes = Uint8Array.from(
      { length: Math.floor(300 * random.next()) },
      () => Math.floor(256 * random.next()),
    );
    if (i % 2 === 0) bytes.set(head.subarray(0, bytes.length));
    assertThrows(() => new Entry(3, bytes), EntryError, "", `WICK_SEED=${SEED}`);
  }
});

Deno.test("an entry that lies with a right checksum is refused", () => {
  const bytes = entryOf(candles(S, 0, 3), candles(T, 0, 2));
  const lies: [what: string, at: number, to: number[], expected: string][] = [
    ["another version", 4, [2], "version 1"],
    ["an unknown flag", 5, [2], "no unknown flag"],
    ["a deleted column that is not there", 5, [1], "bytes for 5 rows"],
    ["more runs", 6, [200], "bytes for 5 rows"],
    ["no runs", 6, [0, 0], "bytes for 5 rows"],
    ["more rows than an entry may have", 8, [0, 0, 1, 0], "at most 8192 rows"],
    ["rows that are not there", 8, [6], "bytes for 6 rows"],
    ["a run of more rows", 24, [4], "5 rows in its runs"],
    ["a run of fewer rows", 24, [2], "5 rows in its runs"],
    ["a run of very many rows", 24, [255, 255, 255, 255], "5 rows in its runs"],
    ["a key beyond its bytes", 28, [255, 3], "its keys within their bytes"],
    ["a key that is no text", 40, [0xff], "a key in UTF-8"],
    ["another series", 40, [0x51], "series of partition 3"],
  ];
  for (const [what, at, to, expected] of lies) {
    assertThrows(() => new Entry(3, changed(bytes, at, to)), EntryError, expected, what);
  }
  assertThrows(() => new Entry(3, entryOf(candles(U, 0, 1))), EntryError, "partition 3");
});
