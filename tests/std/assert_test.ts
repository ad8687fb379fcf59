import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertExists,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { rejects, strictEqual, throws } from "node:assert/strict";

// The assertions are judged by node's, never by themselves.
const fails = (fn: () => unknown, message: RegExp | string) =>
  throws(fn, (error) =>
    error instanceof AssertionError &&
    (typeof message === "string" ? error.message.includes(message) : message.test(error.message)));

const failsLater = (fn: () => Promise<unknown>, message: string) =>
  rejects(fn, (error) => error instanceof AssertionError && error.message.includes(message));

class Point {
  constructor(readonly x: number, readonly y: number) {}
}

const cycle = () => {
  const value: Record<string, unknown> = { name: "root" };
  value.self = value;
  return value;
};

const EQUAL: [name: string, a: unknown, b: unknown][] = [
  ["NaN", NaN, NaN],
  ["0 and -0", 0, -0],
  ["nested plain objects in another key order", { a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 }],
  ["an object without a prototype and a plain one", Object.assign(Object.create(null), { a: 1 }), {
    a: 1,
  }],
  ["instances of one class", new Point(1, 2), new Point(1, 2)],
  ["dates", new Date(5), new Date(5)],
  ["regular expressions", /a/g, /a/g],
  ["URLs", new URL("http://a/b"), new URL("http://a/b")],
  ["lists of numbers", [1, NaN, -0], [1, NaN, 0]],
  ["lists of more than numbers", [1, "a", [2]], [1, "a", [2]]],
  ["typed arrays", Float64Array.of(1, NaN, -0), Float64Array.of(1, NaN, 0)],
  ["buffers", Uint8Array.of(1, 2).buffer, Uint8Array.of(1, 2).buffer],
  ["sets in another order", new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1])],
  ["maps in another order", new Map([["a", [1]], ["b", [2]]]), new Map([["b", [2]], ["a", [1]]])],
  ["cycles", cycle(), cycle()],
  ["errors", new RangeError("x"), new RangeError("x")],
  ["big integers", 5n, 5n],
];

const DIFFERENT: [name: string, a: unknown, b: unknown][] = [
  ["a number and its text", 1, "1"],
  ["undefined and a missing property", { a: undefined }, {}],
  ["undefined under another name", { a: undefined }, { b: undefined }],
  ["a class instance and a plain object", new Point(1, 2), { x: 1, y: 2 }],
  ["arrays of different length", [1, 2], [1, 2, 3]],
  ["lists of numbers by one", [1, 2, 3], [1, 2, 4]],
  ["lists of numbers by NaN", [1, NaN], [1, 0]],
  ["lists of numbers by a property", [1], Object.assign([1], { index: 0 })],
  ["lists of numbers by a symbol", [1], Object.assign([1], { [Symbol.for("a")]: 0 })],
  ["an array and an object", [], {}],
  ["null and an object", null, {}],
  ["dates", new Date(5), new Date(6)],
  ["regular expressions by flag", /a/g, /a/i],
  ["URLs", new URL("http://a/b"), new URL("http://a/c")],
  ["typed arrays", Float64Array.of(1, NaN), Float64Array.of(NaN, 1)],
  ["typed arrays of different kind", Int8Array.of(1), Uint8Array.of(1)],
  ["buffers", Uint8Array.of(1, 2).buffer, Uint8Array.of(1, 3).buffer],
  ["sets", new Set([1, 2]), new Set([1, 3])],
  ["sets by multiplicity", new Set([[1], [1]]), new Set([[1], [2]])],
  ["maps", new Map([["a", 1]]), new Map([["a", 2]])],
  ["errors by message", new Error("x"), new Error("y")],
  ["errors by class", new RangeError("x"), new Error("x")],
  ["deep leaves", { a: [{ b: { c: 1 } }] }, { a: [{ b: { c: 2 } }] }],
  ["a shared part that differs elsewhere", [{ a: 1 }, { a: 1 }], [{ a: 1 }, { a: 2 }]],
];

Deno.test("assert() passes the truthy and throws on the falsy", () => {
  assert("a");
  fails(() => assert(0, "zero"), /^zero$/);
});

for (const [name, a, b] of EQUAL) {
  Deno.test(`assertEquals() holds equal: ${name}`, () => {
    assertEquals(a, b);
    assertEquals(b, a);
    fails(() => assertNotEquals(a, b), "not to be");
  });
}

for (const [name, a, b] of DIFFERENT) {
  Deno.test(`assertEquals() holds different: ${name}`, () => {
    fails(() => assertEquals(a, b), "Values are not equal.");
    fails(() => assertEquals(b, a), "Values are not equal.");
    assertNotEquals(a, b);
  });
}

Deno.test("assertEquals() shows what differs, after the caller's text", () => {
  fails(() => assertEquals({ a: 1 }, { a: 2 }, "candle"), /^Values are not equal: candle\n/);
  fails(() => assertEquals({ a: 1 }, { a: 2 }), /\+\s+a: 1[\s\S]*-\s+a: 2/);
});

Deno.test("assertStrictEquals() compares identity", () => {
  const value = {};
  assertStrictEquals(value, value);
  assertStrictEquals(NaN, NaN);
  fails(() => assertStrictEquals(0, -0), "same structure");
  fails(() => assertStrictEquals({}, {}), "not reference-equal");
  fails(() => assertStrictEquals(1, 2), "not strictly equal");
});

Deno.test("assertAlmostEquals() takes 1e-7 of the expected value unless told", () => {
  assertAlmostEquals(1_000_000.05, 1_000_000);
  fails(() => assertAlmostEquals(1_000_000.2, 1_000_000), "to be close to");
  assertAlmostEquals(1, 1.5, 0.5);
  fails(() => assertAlmostEquals(1, 1.6, 0.5), 'greater than "0.5"');
  assertAlmostEquals(Infinity, Infinity);
  assertAlmostEquals(NaN, NaN);
  fails(() => assertAlmostEquals(NaN, 1), "to be close to");
  fails(() => assertAlmostEquals(1, NaN), "to be close to");
  fails(() => assertAlmostEquals(0.0001, 0), "to be close to");
});

Deno.test("assertGreater() and its kin draw the line where they say", () => {
  assertGreater(2, 1);
  fails(() => assertGreater(1, 1), "Expect 1 > 1");
  assertGreaterOrEqual(1, 1);
  fails(() => assertGreaterOrEqual(0, 1), "Expect 0 >= 1");
  assertLess(1, 2);
  fails(() => assertLess(1, 1), "Expect 1 < 1");
  assertLessOrEqual(1, 1);
  fails(() => assertLessOrEqual(2, 1), "Expect 2 <= 1");
  fails(() => assertLess(NaN, 1), "Expect NaN < 1");
});

Deno.test("assertExists() passes what is neither undefined nor null", () => {
  assertExists(0);
  assertExists("");
  fails(() => assertExists(undefined), "undefined");
  fails(() => assertExists(null), "null");
});

Deno.test("assertInstanceOf() narrows to the class", () => {
  const value: unknown = new Point(1, 2);
  assertInstanceOf(value, Point);
  strictEqual(value.x, 1);
  fails(() => assertInstanceOf({}, Point), 'instance of "Point" but was "Object"');
  fails(() => assertInstanceOf(null, Point), 'but was "null"');
  fails(() => assertInstanceOf(5, Point), 'but was "number"');
});

Deno.test("assertMatch() and assertStringIncludes() search the text", () => {
  assertMatch("EUR_USD:H1", /^[A-Z_]+:H1$/);
  fails(() => assertMatch("EUR_USD", /:/), 'to match: "/:/"');
  assertStringIncludes("EUR_USD:H1", "USD:");
  fails(() => assertStringIncludes("EUR_USD", ":"), 'to contain: ":"');
});

Deno.test("fail() throws", () => {
  fails(() => fail("here"), "Failed assertion: here");
});

Deno.test("assertThrows() returns the error it expected", () => {
  const error = new RangeError("too far");
  strictEqual(assertThrows(() => raise(error), RangeError, "far"), error);
  strictEqual(assertThrows(() => raise(error), Error), error);
  strictEqual(assertThrows(() => raise("text")), "text");
});

Deno.test("assertThrows() refuses silence, another class, another message, a non-error", () => {
  fails(() => assertThrows(() => 1), "Expected function to throw.");
  fails(() => assertThrows(() => 1, "loading"), "Expected function to throw: loading");
  fails(() => assertThrows(() => raise(new Error("x")), RangeError), 'but was "Error"');
  fails(() => assertThrows(() => raise(new Error("x")), Error, "y"), "to include 'y'");
  fails(() => assertThrows(() => raise("text"), Error), "A non-Error object was thrown");
});

Deno.test("assertRejects() resolves with the error it expected", async () => {
  const error = new RangeError("too far");
  strictEqual(await assertRejects(() => Promise.reject(error), RangeError, "far"), error);
  strictEqual(await assertRejects(() => Promise.reject("text")), "text");
});

Deno.test("assertRejects() refuses fulfilment, a throw, another class or message", async () => {
  await failsLater(() => assertRejects(() => Promise.resolve(1)), "Expected function to reject.");
  await failsLater(() => assertRejects(() => raise(new Error("x"))), "throws when expected");
  await failsLater(
    () => assertRejects(() => Promise.reject(new Error("x")), RangeError),
    'but was "Error"',
  );
  await failsLater(
    () => assertRejects(() => Promise.reject(new Error("x")), Error, "y"),
    "to include 'y'",
  );
  await failsLater(() => assertRejects(() => Promise.reject("text"), Error), "non-Error");
});

function raise(value: unknown): never {
  throw value;
}
