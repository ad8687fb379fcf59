import { guardDepth, jsonDepth } from "../../../src/http/guards/json_depth.ts";
import { HttpProblem } from "../../../src/http/problem.ts";
import { assertEquals, assertThrows } from "@std/assert";

/** The slow way: parse it, and walk. */
function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

Deno.test("jsonDepth() counts brackets outside of strings only", () => {
  const texts = [
    "1",
    "[]",
    '{"a":[{"b":[]}],"c":{}}',
    '["[[[[", "\\"[[[", {"}}}": "\\\\"}]',
    '{"\\\\\\"[": [[]]}',
  ];
  for (const text of texts) assertEquals(jsonDepth(text), depthOf(JSON.parse(text)), text);
});

Deno.test("guardDepth() refuses what would exhaust a recursive parser", () => {
  guardDepth("[".repeat(32) + "]".repeat(32));
  for (const bracket of ["[", '{"a":']) {
    const error = assertThrows(() => guardDepth(bracket.repeat(100_000)), HttpProblem);
    assertEquals(error.code, "json_depth");
  }
});
