import { plainOf } from "../../src/http/plain.ts";
import { seededRandom } from "../../src/actor/mod.ts";
import { assert, assertEquals } from "@std/assert";

Deno.test("plainOf() leaves what JSON can hold as it is", () => {
  const value = { a: [1, "two", null, true, { b: [] }], c: {} };
  assertEquals(JSON.parse(JSON.stringify(plainOf(value, 10_000))), value);
});

Deno.test("plainOf() turns what JSON cannot hold into texts and heads", () => {
  const self: Record<string, unknown> = {};
  self.self = self;
  assertEquals(JSON.parse(JSON.stringify(plainOf(self, 1_000))), { self: "…" });
  assertEquals(plainOf(1n, 99), "1");
  assertEquals(plainOf(NaN, 99), "NaN");
  assertEquals(plainOf(undefined, 99), null);
  assertEquals(plainOf(new Error("x"), 99), "Error: x");
  assertEquals(plainOf(new Map([["k", 1]]), 99), [["k", 1]]);
  assertEquals(plainOf(new DataView(new ArrayBuffer(4)), 99), { column: "DataView", bytes: 4 });
  assertEquals(plainOf(new Int32Array([1, 2]), 99), {
    column: "Int32Array",
    length: 2,
    head: [1, 2],
  });
});

Deno.test("plainOf() holds its bound whatever it is given", () => {
  const seed = 4;
  const random = seededRandom(seed);
  const make = (depth: number): unknown => {
    const kind = Math.floor(random.next() * (depth > 5 ? 3 : 5));
    if (kind === 0) return 'é"\\'.repeat(Math.floor(random.next() * 2_000));
    if (kind === 1) return random.next();
    if (kind === 2) return new Float64Array(1_000);
    const length = Math.floor(random.next() * 8);
    if (kind === 3) return Array.from({ length }, () => make(depth + 1));
    return Object.fromEntries(Array.from({ length }, (_, i) => [`name${i}`, make(depth + 1)]));
  };
  for (let i = 0; i < 200; i++) {
    const text = JSON.stringify(plainOf(make(0), 1_000));
    // Escapes double a character at most here; marks of what was cut come on top.
    assert(text.length < 3_000, `seed ${seed}: ${text.length} characters`);
  }
});
