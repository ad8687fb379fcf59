/** Numbers as bytes: compared with `String`, which the engine answers for. */

import { assertEquals } from "@std/assert";
import { NUMBER_BYTES_MAX, writeNumber, writeWhole } from "../../src/market/number_text.ts";
import { Chance, SEED } from "../label/support.ts";

const AT = 3;
const bytes = new Uint8Array(AT + NUMBER_BYTES_MAX);
const view = new DataView(bytes.buffer);
const one = new Float64Array(1);
const words = new Uint32Array(one.buffer);
const decoder = new TextDecoder();

function written(write: typeof writeNumber, value: number): string {
  one[0] = value;
  // What lies there already must not show.
  bytes.fill(0x39);
  return decoder.decode(bytes.subarray(AT, write(bytes, view, AT, one, 0)));
}

function check(value: number): void {
  for (const signed of [value, -value]) {
    if (written(writeNumber, signed) !== String(signed)) {
      assertEquals(written(writeNumber, signed), String(signed), `WICK_SEED=${SEED}`);
    }
  }
}

/** A double of the given biased exponent, by its bits. */
function ofBits(exponent: number, high: number, low: number): number {
  words[1] = ((exponent << 20) | (high & 0xfffff)) >>> 0;
  words[0] = low;
  return one[0] as number;
}

const bits32 = (chance: Chance) => chance.int(0, 2 ** 32);
const ROUNDS = 60_000;

Deno.test("writeNumber() writes the ends of every range as String does", () => {
  const edges = [0, 5e-324, 2.2250738585072014e-308, Number.MAX_VALUE, NaN, Infinity];
  for (let exponent = -8; exponent <= 22; exponent++) edges.push(Number(`1e${exponent}`));
  for (let power = -30; power <= 60; power++) edges.push(2 ** power);
  edges.push(0.1 + 0.2, 0.3, 123456.789, 1767627540000, 99999999.99999999, 102.3679, 1.5);
  for (const edge of edges) {
    one[0] = edge;
    const low = words[0] as number, high = words[1] as number;
    check(edge);
    for (const by of [-2, -1, 1, 2]) {
      words[1] = high;
      words[0] = low;
      words[0] = (words[0] as number) + by;
      check(one[0] as number);
    }
  }
});

Deno.test("writeNumber() writes any doubles of the magnitudes of markets as String does", () => {
  const chance = new Chance(SEED);
  for (let round = 0; round < 3 * ROUNDS; round++) {
    check(ofBits(chance.int(1_023 - 23, 1_023 + 56), bits32(chance), bits32(chance)));
  }
});

Deno.test("writeNumber() writes doubles of any magnitude as String does", () => {
  const chance = new Chance(SEED + 1);
  for (let round = 0; round < ROUNDS; round++) {
    check(ofBits(chance.int(0, 2_048), bits32(chance), bits32(chance)));
  }
});

Deno.test("writeNumber() writes short decimals and their neighbours as String does", () => {
  const chance = new Chance(SEED + 2);
  for (let round = 0; round < ROUNDS; round++) {
    const digits = chance.int(1, 10 ** chance.int(1, 10));
    check(Number(`${digits}e${-chance.int(0, 14)}`));
    one[0] = Number(`${digits}e${chance.int(0, 12) - 12}`);
    words[0] = (words[0] as number) + chance.int(-3, 4);
    check(one[0] as number);
  }
});

Deno.test("writeNumber() writes numbers beside powers of two, and halves, as String does", () => {
  const chance = new Chance(SEED + 3);
  for (let round = 0; round < ROUNDS; round++) {
    const exponent = chance.int(1_023 - 23, 1_023 + 56), few = chance.int(0, 8);
    check(ofBits(exponent, 0, few));
    check(ofBits(exponent, 0xfffff, 0xffffffff - few));
    check(chance.int(0, 2 ** 40) / 2 ** chance.int(0, 14));
  }
});

Deno.test("writeNumber() and writeWhole() write whole numbers as String does", () => {
  const chance = new Chance(SEED + 4);
  for (let round = 0; round < ROUNDS; round++) {
    const value = Math.floor(chance.next() * 2 ** chance.int(0, 60));
    check(value);
    assertEquals(written(writeWhole, value), String(value));
  }
  for (const value of [-0, -1, 0.5, 1e8 - 1, 1e8, 3e8, 1e15, 2 ** 53, 1e21]) {
    assertEquals(written(writeWhole, value), String(value));
  }
});
