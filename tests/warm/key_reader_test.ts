import { assert, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { HASH_BITS_SURE, KEY_BYTES_MAX, KeyReader } from "../../src/warm/key_reader.ts";
import { seedOf } from "../actor/seed.ts";

const readerOf = (seed: number) => {
  const random = seededRandom(seed);
  return new KeyReader(random.next() * 2 ** 32, random.next() * 2 ** 32);
};

function bytesRead(reader: KeyReader, key: string): Uint8Array {
  assert(reader.read(key));
  return new Uint8Array(reader.words.buffer.slice(0, reader.length));
}

Deno.test("KeyReader.read() makes the UTF-8 of a key, whatever was read before", () => {
  const reader = readerOf(1);
  const keys = [
    "x".repeat(KEY_BYTES_MAX),
    "",
    "a",
    "price:AAPL",
    "profile:ÄÖÜ",
    "price:A",
    "news:株式:1",
    "ab\u0000",
    "😀",
    "\ufeffprice:A",
  ];
  for (const key of [...keys, ...keys.toReversed()]) {
    assertEquals(bytesRead(reader, key), new TextEncoder().encode(key));
  }
});

Deno.test("KeyReader.read() fills the last word up with zeros", () => {
  const reader = readerOf(1);
  reader.read("x".repeat(20));
  reader.read("abcde");
  assertEquals(reader.words[1], "e".charCodeAt(0));
});

Deno.test("KeyReader.read() refuses keys that are too long or no text", () => {
  const reader = readerOf(1);
  assertEquals(reader.read("x".repeat(KEY_BYTES_MAX + 1)), false);
  assertEquals(reader.read("é".repeat(KEY_BYTES_MAX / 2 + 1)), false);
  assertEquals(reader.read("price:\ud800"), false);
  assert(reader.read("é".repeat((KEY_BYTES_MAX - 1) / 2)));
});

Deno.test("KeyReader.hashAt() of the words of a key is the hash that reading made", () => {
  const reader = readerOf(seedOf("key_reader_test"));
  for (const key of ["", "a", "ab", "abc", "abcd", "abcde", "price:AAPL", "profile:ÄÖÜ", "é"]) {
    reader.read(key);
    const kept = new Int32Array(70);
    kept.set(reader.words.subarray(0, (reader.length + 3) >> 2), 3);
    assertEquals(reader.hashAt(kept, 3, reader.length), reader.hash);
  }
});

Deno.test("KeyReader.hash is the sum of secret words times pairs of bytes", () => {
  // Linear: what a byte adds does not depend on the others. The expected value needs no secret.
  const reader = readerOf(seedOf("key_reader_test"));
  const hash = (key: string) => (reader.read(key), reader.hash);
  assertEquals((hash("ba") - hash("aa")) | 0, (hash("bz") - hash("az")) | 0);
  assertEquals((hash("xxba") - hash("xxaa")) | 0, (hash("yyba") - hash("yyaa")) | 0);
  assertNotEquals(hash("a"), hash("a\u0000"));
});

Deno.test("KeyReader.hash: keys agree in the upper bits as rarely as by chance", () => {
  const random = seededRandom(seedOf("key_reader_test"));
  const pairs = [["price:AAPL", "price:AAPM"], ["ab", "ba"], ["a", "a\u0000"], ["x", "xx"]];
  const rounds = 20_000;
  const bits = 8;
  for (const [one, other] of pairs) {
    let agree = 0;
    for (let round = 0; round < rounds; round++) {
      const reader = new KeyReader(random.next() * 2 ** 32, random.next() * 2 ** 32);
      reader.read(one as string);
      const hash = reader.hash >>> (32 - bits);
      reader.read(other as string);
      if (reader.hash >>> (32 - bits) === hash) agree++;
    }
    // 78 expected; six standard deviations.
    assertLess(Math.abs(agree - rounds / 2 ** bits), 6 * Math.sqrt(rounds / 2 ** bits));
  }
  assert(bits <= HASH_BITS_SURE);
});
