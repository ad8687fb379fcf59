/** Values as bytes: what comes back equals what went in, and nothing else is taken. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { inspectValue } from "../../src/cache/shield.ts";
import {
  decodeValue,
  encodeValue,
  VALUE_DEPTH_MAX,
  weighValue,
} from "../../src/cache/value_codec.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`value_codec_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const column = fc.oneof(
  fc.float64Array({ maxLength: 9 }),
  fc.int32Array({ maxLength: 9 }),
  fc.uint8Array({ maxLength: 9 }),
  fc.uint16Array({ maxLength: 9 }),
);
const jsonLike = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: "binary" }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => Object.is(n, -0) ? 0 : n),
    column,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__"), fc.constant("c")), tie("value"), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  ),
})).value;

Deno.test("decodeValue() gives back what encodeValue() was given, columns included", () => {
  fc.assert(
    fc.property(jsonLike, (value) => {
      const bytes = encodeValue(value);
      assertEquals(decodeValue(bytes), value);
      // At any offset of a larger buffer, and without sharing memory with it.
      const within = new Uint8Array(bytes.length + 3);
      within.set(bytes, 3);
      const found = decodeValue(within.subarray(3));
      within.fill(255);
      assertEquals(found, value);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

Deno.test("decodeValue() refuses bytes that were cut or changed, and never hangs", () => {
  const bytes = encodeValue({ a: Float64Array.of(1, 2, 3), b: ["x", { c: Uint8Array.of(9) }] });
  // The last column ends 7 bytes before the padding does.
  for (let length = 0; length < bytes.length - 7; length++) {
    assertThrows(() => decodeValue(bytes.subarray(0, length)), TypeError, "Cannot decode");
  }
  const wrongHead = (head: unknown) => {
    const text = new TextEncoder().encode(JSON.stringify(head));
    const made = new Uint8Array(4 + text.length + 64);
    new DataView(made.buffer).setUint32(0, text.length, true);
    made.set(text, 4);
    return made;
  };
  for (
    const head of [
      null,
      {},
      { v: 1, c: 1 },
      { v: {}, c: [[["a"], "Float64Array", 0, 1]] },
      { v: { a: null }, c: [[["a"], "constructor", 0, 1]] },
      { v: { a: null }, c: [[["a"], "Float64Array", -8, 1]] },
      { v: { a: null }, c: [[["a"], "Float64Array", 0, 1e9]] },
      { v: { a: null }, c: [[["__proto__", "x"], "Uint8Array", 0, 1]] },
    ]
  ) assertThrows(() => decodeValue(wrongHead(head)), TypeError, "Cannot decode");
  assert(!("x" in {}));
});

Deno.test("encodeValue() refuses what JSON and columns cannot hold", () => {
  let deep: unknown = 1;
  for (let i = 0; i <= VALUE_DEPTH_MAX; i++) deep = [deep];
  const circle: unknown[] = [];
  circle.push(circle);
  for (
    const value of [NaN, Infinity, 1n, () => 1, Symbol("x"), new Date(0), new Map(), deep, circle, {
      a: new DataView(new ArrayBuffer(8)),
    }]
  ) assertThrows(() => encodeValue(value), TypeError, "Cannot encode");
});

Deno.test("weighValue() counts columns in full and is never below the text of a value", () => {
  assert(weighValue({ ts: new Float64Array(1_000) }) >= 8_000);
  assert(weighValue(["x".repeat(1_000)]) >= 1_000);
  assertEquals(inspectValue({ a: [{ b: Float64Array.of() }] }).hasColumns, true);
  assertEquals(inspectValue({ a: [{ b: [1, "x", null] }] }).hasColumns, false);
});
