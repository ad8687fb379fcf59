/**
 * Queries by their schemas: texts become numbers and booleans where the schema has those, and
 * nothing is guessed.
 *
 * @module
 */

import type { z } from "zod";
import { HttpProblem, shapeProblem } from "./problem.ts";

/** Decimal numbers as JSON writes them; no hexadecimal, no blanks, no empty text. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * A query as its schema reads it.
 *
 * @throws {HttpProblem} 422 `shape` for a wrong, unknown or repeated parameter.
 */
export function readQuery<S extends z.ZodObject>(
  given: Readonly<Record<string, readonly string[]>>,
  schema: S,
): z.output<S> {
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, texts] of Object.entries(given)) {
    if (texts.length > 1) {
      throw new HttpProblem(422, "shape", `Cannot read the query: ${name} is there twice`, {
        issues: [{ path: `query.${name}`, message: "expected once" }],
      });
    }
    const field = Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined;
    values[name] = valueOf(texts[0] ?? "", field);
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) throw shapeProblem("query", parsed.error, values);
  return parsed.data;
}

function valueOf(text: string, field: z.core.$ZodType | undefined): unknown {
  if (field === undefined) return text;
  const kinds = kindsOf(field);
  if (kinds.has("number") && NUMBER.test(text)) return Number(text);
  if (kinds.has("boolean") && (text === "true" || text === "false")) return text === "true";
  return text;
}

/** The kinds of plain values that a schema takes. */
function kindsOf(schema: z.core.$ZodType): Set<string> {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case "optional":
    case "default":
    case "nullable":
      return kindsOf(def.innerType);
    case "pipe":
      return kindsOf(def.in);
    case "union":
      return new Set(def.options.flatMap((option) => [...kindsOf(option)]));
    default:
      return new Set([def.type]);
  }
}
