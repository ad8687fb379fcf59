import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { longList } from "../../src/http/long_list.ts";

const prices = longList(z.number().min(0), { min: 1, max: 1_000 });

/** Paths and messages of what is wrong. */
function wrongIn(schema: z.ZodType, value: unknown): [string, string][] {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => [path.join("."), message]);
}

Deno.test("longList() takes what a list of its items takes, and gives what their schema gives", () => {
  const dates = longList(z.iso.date().transform((text) => Date.parse(text)), { max: 3 });
  assertEquals(dates.parse([]), []);
  assertEquals(dates.parse(["1970-01-01", "1970-01-02"]), [0, 86_400_000]);
});

Deno.test("longList() names the items that are wrong, and their fields", () => {
  assertEquals(wrongIn(prices, [1, -1, 2, "3"]).map(([path]) => path), ["1", "3"]);
  const points = longList(z.strictObject({ at: z.strictObject({ x: z.number() }) }), { max: 9 });
  const given = { points: [{ at: { x: 1 } }, { at: { x: "1" } }] };
  assertEquals(wrongIn(z.strictObject({ points }), given).map(([path]) => path), ["points.1.at.x"]);
});

Deno.test("longList() counts before it looks, and stops after some that are wrong", () => {
  let looks = 0;
  const counted = longList(z.number().refine(() => ++looks > 0), { max: 1_000 });
  assertEquals(wrongIn(counted, Array(1_001).fill(1)), [["", "expected at most 1000 of them"]]);
  assertEquals(looks, 0);
  assertEquals(wrongIn(counted, Array(1_000).fill("1")).length, 20);
  assertEquals(counted.parse(Array(1_000).fill(1)).length, 1_000);
  assertEquals(looks, 1_000);
});

Deno.test("longList() refuses what is no list, none, and too short", () => {
  for (const value of [undefined, null, {}, "1", { length: 1, 0: 1 }]) {
    assertEquals(wrongIn(prices, value), [["", "expected an array"]]);
  }
  assertEquals(wrongIn(prices, []), [["", "expected at least 1 of them"]]);
});

Deno.test("longList() does not look at items that are right as they are", () => {
  const numbers = longList(z.never(), { max: 9, isRight: (item) => typeof item === "number" });
  assertEquals(numbers.parse([1, 2]), [1, 2]);
  assertEquals(wrongIn(numbers, [1, "2"]).map(([path]) => path), ["1"]);
});

Deno.test("longList() is a list in JSON Schema, and required unless it is optional", () => {
  const shape = z.strictObject({
    prices,
    more: prices.optional(),
    none: prices.default([]),
  });
  const { properties = {}, required } = z.toJSONSchema(shape, {
    io: "input",
    unrepresentable: "any",
  });
  assertEquals(properties.prices, {
    type: "array",
    items: { type: "number", minimum: 0 },
    minItems: 1,
    maxItems: 1_000,
  });
  assertEquals(required, ["prices"]);
  assertEquals(shape.parse({ prices: [1] }), { prices: [1], none: [] });
  assert(!shape.safeParse({}).success);
});
