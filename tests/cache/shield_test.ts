/** What stands between stored values and those who get them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  copyOf,
  inspectValue,
  SHIELD_DEPTH_MAX,
  SHIELD_PARTS_MAX,
  shielded,
} from "../../src/cache/shield.ts";

const keep = <V>(value: V) => shielded(value, inspectValue(value));

Deno.test("shielded() freezes JSON-like values through and through and keeps them the same", () => {
  const value = { a: [{ b: 1 }, null, "x", true], c: { d: undefined } };
  assert(keep(value) === value);
  for (const part of [value, value.a, value.a[0], value.c]) assert(Object.isFrozen(part));
});

Deno.test("shielded() copies values with columns, and freezes what is around them", () => {
  const ts = new Float64Array([1, 2]);
  const value = { rows: [{ ts }], n: 1 };
  const kept = keep(value);
  assert(kept !== value && !Object.isFrozen(value));
  ts[0] = 9;
  assertEquals(kept, { rows: [{ ts: new Float64Array([1, 2]) }], n: 1 });
  assert(Object.isFrozen(kept) && Object.isFrozen(kept.rows) && Object.isFrozen(kept.rows[0]));
});

Deno.test("copyOf() gives columns of one's own, also of views into a larger buffer", () => {
  const whole = new Uint8Array([1, 2, 3, 4]);
  const value = { part: whole.subarray(1, 3) };
  const copy = copyOf(value);
  copy.part[0] = 9;
  assertEquals([...whole], [1, 2, 3, 4]);
  assertEquals(copy.part.buffer.byteLength, 2);
});

Deno.test("copyOf() keeps names that are special elsewhere", () => {
  const value = JSON.parse('{"__proto__":{"x":1},"constructor":2}');
  value.column = new Int8Array(1);
  const copy = copyOf(value);
  assertEquals(Object.keys(copy), ["__proto__", "constructor", "column"]);
  assertEquals(({} as Record<string, unknown>).x, undefined);
});

Deno.test("inspectValue() refuses what is no data", () => {
  class Own {}
  const wrong = [
    new Date(0),
    new Map(),
    new Own(),
    () => 1,
    Symbol("x"),
    1n,
    new ArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
    Promise.resolve(),
  ];
  for (const value of wrong) {
    assertThrows(() => inspectValue(value), TypeError, "Cannot keep a value");
    assertThrows(() => inspectValue({ deep: [value] }), TypeError, "Cannot keep a value");
  }
});

Deno.test("inspectValue() refuses rings, depths and crowds beyond its bounds", () => {
  const ring: Record<string, unknown> = {};
  ring.self = ring;
  assertThrows(() => inspectValue(ring), TypeError, "depth");
  const nested = (depth: number) => {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };
  inspectValue(nested(SHIELD_DEPTH_MAX));
  assertThrows(() => inspectValue(nested(SHIELD_DEPTH_MAX + 1)), TypeError, "depth");
  inspectValue(Array(SHIELD_PARTS_MAX - 1).fill(1));
  assertThrows(() => inspectValue(Array(SHIELD_PARTS_MAX).fill(1)), TypeError, "parts");
});

Deno.test("inspectValue() changes nothing of a value that it refuses", () => {
  const value = { a: { b: 1 }, c: new Date(0) };
  assertThrows(() => inspectValue(value), TypeError);
  assert(!Object.isFrozen(value) && !Object.isFrozen(value.a));
});

Deno.test("inspectValue() weighs by what is in a value", () => {
  const weight = (value: unknown) => inspectValue(value).weightBytes;
  assert(weight("x".repeat(1_000)) >= 1_000);
  assert(weight(new Float64Array(1_000)) >= 8_000);
  assert(weight([1, 2, 3]) > weight([1, 2]));
  assert(weight({ a: { b: 1 } }) > weight({ a: 1 }));
});
