import { seededRandom } from "../../src/actor/mod.ts";
import { ByteReader, ByteWriter, WireFormatError } from "../../src/actor/remote_bytes.ts";
import { VALUE_DEPTH_MAX, valueOf, writeValue } from "../../src/actor/remote_value.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { seedOf } from "./seed.ts";

function bytesOf(value: unknown): Uint8Array {
  const to = new ByteWriter();
  writeValue(to, value);
  return to.copied();
}

function there(value: unknown): unknown {
  return valueOf(bytesOf(value));
}

const NUMBERS = [0, -0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 0.1, NaN];

Deno.test("numbers come out as they went in, with -0, NaN and the infinities", () => {
  for (const number of [...NUMBERS, Infinity, -Infinity, Number.MIN_VALUE]) {
    assert(Object.is(there(number), number), String(number));
  }
});

Deno.test("texts come out as they went in; half a surrogate pair becomes U+FFFD", () => {
  for (const text of ["", "a", "Zürich", "\u0000", "東京", "😀".repeat(100), "x".repeat(1_000)]) {
    assertEquals(there(text), text);
  }
  assertEquals(there("\ud800"), "\ufffd");
});

Deno.test("columns, buffers, dates, bigints, maps and sets come out as structuredClone has them", () => {
  const value = {
    list: [null, undefined, true, false, [], {}],
    columns: [
      new Float64Array([1, 2]),
      new Float32Array([1]),
      new Int32Array([-1]),
      new Uint32Array([1]),
      new Int16Array([1]),
      new Uint16Array([1]),
      new Int8Array([1]),
      new Uint8Array([1]),
      new BigInt64Array([-1n]),
      new BigUint64Array([1n]),
    ],
    buffer: new Uint8Array([1, 2, 3]).buffer,
    date: new Date(5),
    big: -123_456_789_012_345_678_901n,
    map: new Map<unknown, unknown>([["a", 1], [2, new Set([3])]]),
  };
  assertEquals(there(value), structuredClone(value));
});

Deno.test("columns that are a part of a buffer travel without the rest of it", () => {
  const whole = new Float64Array([1, 2, 3, 4]);
  const part = there(whole.subarray(1, 3)) as Float64Array;
  assertEquals([part, part.buffer.byteLength], [new Float64Array([2, 3]), 16]);
});

Deno.test("what is no plain data is refused by the writer", () => {
  const loop: unknown[] = [];
  loop.push(loop);
  for (const value of [() => 1, Symbol("x"), [class {}], loop]) {
    assertThrows(() => bytesOf(value), TypeError);
  }
});

Deno.test("a key __proto__ is neither written nor read", () => {
  const value = JSON.parse('{"__proto__":{"polluted":1}}');
  assertThrows(() => bytesOf(value), TypeError);
  const forged = bytesOf({ __protO__: { polluted: 1 } });
  forged[forged.indexOf("O".charCodeAt(0))] = "o".charCodeAt(0);
  assertThrows(() => valueOf(forged), WireFormatError);
  const named = there({ constructor: 1, toString: 2, prototype: 3 }) as Record<string, unknown>;
  assertEquals(Object.getPrototypeOf(named), Object.prototype);
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
});

Deno.test("depth is bounded both ways", () => {
  const deep = (depth: number): unknown => depth === 0 ? null : [deep(depth - 1)];
  assertEquals(there(deep(VALUE_DEPTH_MAX)), deep(VALUE_DEPTH_MAX));
  assertThrows(() => bytesOf(deep(VALUE_DEPTH_MAX + 1)), TypeError);
  const nested = new Uint8Array(100_000).fill(7);
  nested.forEach((_, i) => i % 2 === 1 && (nested[i] = 1));
  assertThrows(() => valueOf(nested), WireFormatError);
});

Deno.test("a count that is larger than what follows is refused before anything is made", () => {
  for (const tag of [6, 7, 8, 9, 10, 13, 14]) {
    const forged = new Uint8Array([tag, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]);
    assertThrows(() => valueOf(forged), WireFormatError);
  }
  assertThrows(() => valueOf(new Uint8Array([9, 0, 3, 1, 2, 3])), WireFormatError);
  assertThrows(() => valueOf(new Uint8Array([0, 0])), WireFormatError);
});

Deno.test("varint() reads what it wrote, and nothing above 2^53 - 1", () => {
  for (const number of [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER]) {
    const to = new ByteWriter();
    to.varint(number);
    assertEquals(new ByteReader(to.copied()).varint(), number);
  }
  const forged = new Uint8Array(8).fill(0xff);
  assertThrows(() => new ByteReader(forged).varint(), WireFormatError);
});

Deno.test("random bytes, and sound ones with a byte changed, are read or refused, never worse", () => {
  const random = seededRandom(seedOf("remote_value"));
  const sound = bytesOf({ a: [1, 2.5, "text", new Float64Array(3)], b: new Map([[1, 2n]]) });
  for (let round = 0; round < 20_000; round++) {
    const bytes = round % 2 === 0 ? sound.slice() : new Uint8Array(Math.floor(64 * random.next()));
    if (round % 2 === 1) bytes.forEach((_, i) => bytes[i] = Math.floor(256 * random.next()));
    else bytes[Math.floor(bytes.length * random.next())] = Math.floor(256 * random.next());
    try {
      valueOf(bytes);
    } catch (error) {
      assert(error instanceof WireFormatError, String(error));
    }
  }
});
