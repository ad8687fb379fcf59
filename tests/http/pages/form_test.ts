import { assertEquals, assertMatch } from "@std/assert";
import { z } from "zod";
import { FormProblem } from "../../../src/http/pages/lib/form.js";
import {
  hintOf,
  optionName,
  readJson,
  readNumber,
  readText,
  resolve,
  shapeOf,
} from "../../../src/http/pages/lib/schema.js";

/** How a schema of zod is asked for, as the service would describe it. */
function kindOf(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const { kind, nullable } = shapeOf(json, json);
  return nullable === true ? `${kind}?` : kind;
}

Deno.test("shapeOf() finds an editor for what protocols are made of", () => {
  const cases: [z.ZodType, string][] = [
    [z.string(), "text"],
    [z.number(), "number"],
    [z.int(), "number"],
    [z.boolean(), "boolean"],
    [z.null(), "null"],
    [z.literal("x"), "const"],
    [z.enum(["a", "b"]), "choice"],
    [z.union([z.literal(1), z.literal(2)]), "choice"],
    [z.array(z.string()), "list"],
    [z.strictObject({ a: z.string() }), "object"],
    [z.string().nullable(), "text?"],
    [z.strictObject({}).nullable(), "object?"],
    [z.union([z.string(), z.number()]), "union"],
    [
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("a") }),
        z.strictObject({ kind: z.literal("b"), n: z.number() }),
      ]),
      "union",
    ],
    [z.union([z.string(), z.number(), z.null()]), "union?"],
    [z.record(z.string(), z.number()), "json"],
    [z.unknown(), "json"],
  ];
  for (const [schema, kind] of cases) assertEquals(kindOf(schema), kind);
});

Deno.test("shapeOf() knows lists of types, and leaves what it does not know to JSON", () => {
  assertEquals(shapeOf({ type: ["integer", "null"] }, {}).kind, "number");
  assertEquals(shapeOf({ type: ["integer", "null"] }, {}).nullable, true);
  assertEquals(shapeOf({ type: ["integer", "string"] }, {}), {
    kind: "union",
    schema: { type: ["integer", "string"] },
    options: [{ type: "integer" }, { type: "string" }],
    nullable: false,
  });
  assertEquals(shapeOf({ type: "tuple" }, {}).kind, "json");
  assertEquals(shapeOf({ allOf: [] }, {}).kind, "json");
  assertEquals(shapeOf(true, {}).kind, "json");
});

Deno.test("resolve() follows local references, and gives up on loops and other documents", () => {
  const root = {
    $defs: {
      "a/b": { type: "string" },
      again: { $ref: "#/$defs/a~1b" },
      loop: { $ref: "#/$defs/loop" },
    },
  };
  assertEquals(resolve({ $ref: "#/$defs/again" }, root), { type: "string" });
  assertEquals(resolve({ $ref: "#" }, root), root);
  assertEquals(resolve({ $ref: "#/$defs/loop" }, root), null);
  assertEquals(resolve({ $ref: "#/$defs/gone" }, root), null);
  assertEquals(resolve({ $ref: "other.json" }, root), null);
});

Deno.test("readNumber() takes what the schema allows, and says what it would", () => {
  const integer = { type: "integer", minimum: 1, maximum: 10 };
  assertEquals(readNumber(" 7 ", integer), { value: 7 });
  assertEquals(readNumber("1e1", integer), { value: 10 });
  assertEquals(readNumber("0", integer), { message: "at least 1" });
  assertEquals(readNumber("11", integer), { message: "at most 10" });
  assertEquals(readNumber("2.5", integer), { message: "must be whole" });
  for (const text of ["", "  ", "x", "Infinity", "NaN"]) {
    assertEquals(readNumber(text, integer), { message: "must be a number" }, text);
  }
  const open = { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1, multipleOf: 0.1 };
  assertEquals(readNumber("0", open), { message: "above 0" });
  assertEquals(readNumber("1", open), { message: "below 1" });
  assertEquals(readNumber("0.3", open), { value: 0.3 });
  assertEquals(readNumber("0.35", open), { message: "a multiple of 0.1" });
});

Deno.test("readText() checks length and pattern, and leaves strange patterns to the service", () => {
  assertEquals(readText("", { minLength: 1 }), { message: "must not be empty" });
  assertEquals(readText("ab", { minLength: 3 }), { message: "at least 3 characters" });
  assertEquals(readText("abcd", { maxLength: 3 }), { message: "at most 3 characters" });
  assertEquals(readText("a1", { pattern: "^[a-z]+$" }), { message: "must be ^[a-z]+$" });
  assertEquals(readText("a1", { pattern: "(?<" }), { value: "a1" });
  assertEquals(readText("", {}), { value: "" });
});

Deno.test("readJson() says where the text is no JSON", () => {
  assertEquals(readJson('{"a":[1,null]}'), { value: { a: [1, null] } });
  assertMatch(String(readJson("{a}").message), /^must be JSON: /);
});

Deno.test("hintOf() tells the bounds that somebody set, not those of the number format", () => {
  const json = z.toJSONSchema(z.int().min(2));
  assertEquals(hintOf(json), "at least 2");
  assertEquals(
    hintOf({ type: "string", maxLength: 8, description: "Who" }),
    "Who, at most 8 characters",
  );
});

Deno.test("optionName() names an option by its constant field, title or type", () => {
  const kinds = { type: "object", properties: { n: { type: "number" }, kind: { const: "a" } } };
  assertEquals(optionName(kinds, 0, {}), "kind a");
  assertEquals(optionName({ title: "Candles", ...kinds }, 0, {}), "Candles");
  assertEquals(optionName({ type: "string" }, 0, {}), "string");
  assertEquals(optionName({}, 2, {}), "option 3");
});

Deno.test("FormProblem names every field and what is wrong with it", () => {
  const problem = new FormProblem([
    { path: "a.b", message: "must be a number" },
    { path: "", message: "must be JSON" },
  ]);
  assertEquals(problem.message, "a.b: must be a number; value: must be JSON");
});
