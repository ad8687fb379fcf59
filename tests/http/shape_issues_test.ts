/** What problems of shape say: what was expected, and what came. */

import { assertEquals } from "@std/assert";
import { z } from "zod";
import * as input from "../../src/http/refresh_input.ts";
import { ISSUES_MAX, shapeIssues } from "../../src/http/shape_issues.ts";

function messages(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  if (error === undefined) throw new Error("Cannot test: expected a wrong shape");
  return shapeIssues("json", error, value).map(({ path, message }) => `${path}: ${message}`);
}

const CHANGE = { edgeId: "A", magnitude: 1 };

Deno.test("shapeIssues() says what came where the text of a check does not", () => {
  assertEquals(messages(input.edgeChangesPost, { ...CHANGE, magnitude: -1 }), [
    "json.magnitude: Too small: expected number to be >=0: current value is -1",
  ]);
  assertEquals(messages(input.edgeChangesPost, [CHANGE, { ...CHANGE, edgeId: "" }]), [
    'json.1.edgeId: Too small: expected string to have >=1 characters: current value is ""',
  ]);
  assertEquals(messages(input.edgeChange, { ...CHANGE, at: "noon" }), [
    "json.at: expected epoch milliseconds, or an ISO date or time in UTC: " +
    'current value is "noon"',
  ]);
  assertEquals(messages(z.strictObject({ id: input.runId }), { id: "a b" }), [
    "json.id: expected 1 to 64 letters, digits or . _ -, a letter or a digit first: " +
    'current value is "a b"',
  ]);
});

Deno.test("shapeIssues() leaves texts that say it as they are", () => {
  assertEquals(messages(input.edgeChange, { edgeId: "A", magnitude: "x" }), [
    "json.magnitude: Invalid input: expected number, received string",
  ]);
  assertEquals(messages(input.edgeChange, { ...CHANGE, more: 1 }), [
    'json: Unrecognized key: "more"',
  ]);
});

Deno.test("shapeIssues() names the choices where no one of them was meant", () => {
  assertEquals(messages(input.edgeChangesPost, 5), [
    "json: expected a change of an edge, or an array of them: current value is 5",
  ]);
  assertEquals(messages(input.edgeChangesPost, []), [
    "json: Too small: expected array to have >=1 items",
  ]);
});

Deno.test("shapeIssues() shows no more of a text than is needed, on one line", () => {
  const long = "x".repeat(100_000);
  assertEquals(messages(z.enum(["a", "b"]), long), [
    `json: Invalid option: expected one of "a"|"b": current value is "${"x".repeat(64)}…"`,
  ]);
  const [text = ""] = messages(z.enum(["a", "b"]), "a\n\u202e\u009b");
  assertEquals(text.endsWith('current value is "a\\n��"'), true, text);
});

Deno.test("shapeIssues() reads no more of a value than its own", () => {
  const schema = z.custom().superRefine((_, ctx) => {
    ctx.addIssue({ code: "custom", path: ["constructor", "name"], message: "expected another" });
  });
  assertEquals(messages(schema, {}), ["json.constructor.name: expected another"]);
});

Deno.test("shapeIssues() names a bounded number of fields", () => {
  const wrong = Array.from({ length: 1_000 }, () => -1);
  assertEquals(messages(z.array(z.number().min(0)), wrong).length, ISSUES_MAX);
});
