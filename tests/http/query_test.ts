import { HttpProblem } from "../../src/http/problem.ts";
import { readQuery } from "../../src/http/query.ts";
import { z } from "zod";
import { assertEquals, assertThrows } from "@std/assert";

const SCHEMA = z.strictObject({
  count: z.int().max(1_000).default(7),
  ratio: z.number().optional(),
  loud: z.boolean().default(false),
  name: z.string().optional(),
  when: z.union([z.int(), z.iso.date()]).optional(),
});
const read = (query: Record<string, string[]>) => readQuery(query, SCHEMA);

Deno.test("readQuery() reads texts as the schema says, and fills in defaults", () => {
  assertEquals(read({}), { count: 7, loud: false });
  assertEquals(read({ count: ["-5"], ratio: ["1.5e2"], loud: ["true"], name: ["12"] }), {
    count: -5,
    ratio: 150,
    loud: true,
    name: "12",
  });
  assertEquals(read({ when: ["99"] }).when, 99);
  assertEquals(read({ when: ["2024-02-29"] }).when, "2024-02-29");
});

Deno.test("readQuery() guesses nothing", () => {
  const wrong: Record<string, string[]>[] = [
    { count: [""] },
    { count: [" 1"] },
    { count: ["0x1f"] },
    { count: ["01"] },
    { count: ["1_000"] },
    { count: ["1001"] },
    { count: ["Infinity"] },
    { count: ["1e999"] },
    { ratio: ["NaN"] },
    { loud: ["1"] },
    { loud: ["TRUE"] },
    { name: ["a", "b"] },
    { other: ["1"] },
    { constructor: ["1"] },
    { when: ["2024-02-30"] },
  ];
  for (const query of wrong) {
    const error = assertThrows(() => read(query), HttpProblem, undefined, JSON.stringify(query));
    assertEquals([error.status, error.code], [422, "shape"]);
  }
});
