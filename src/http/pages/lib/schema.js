// What a JSON Schema asks for, and texts as its values.

/** References to references: more are a loop. */
const HOPS_MAX = 6;

/** The schema behind local references; null where there is none. */
export function resolve(schema, root) {
  let found = schema;
  for (let hops = 0; hops < HOPS_MAX; hops += 1) {
    if (typeof found?.$ref !== "string") return found ?? null;
    if (!found.$ref.startsWith("#")) return null;
    const steps = found.$ref.slice(1).split("/").filter((step) => step !== "");
    found = steps.reduce(
      (at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")],
      root,
    );
  }
  return null;
}

/**
 * How a schema is asked for: `{ kind, schema }`, kind one of const, choice, text, number, boolean,
 * list, object, union (with `options`), null or json. Nullable ones have `nullable`.
 */
export function shapeOf(given, root) {
  const schema = resolve(given, root);
  if (schema === null || typeof schema !== "object") return { kind: "json", schema: {} };
  const options = schema.oneOf ?? schema.anyOf;
  if (options !== undefined) return unionOf(schema, options, root);
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    const nullable = types.length < schema.type.length;
    if (types.length !== 1) {
      const each = types.map((type) => ({ type }));
      return { kind: "union", schema, options: each, nullable };
    }
    return { ...shapeOf({ ...schema, type: types[0] }, root), nullable };
  }
  if ("const" in schema) return { kind: "const", schema };
  if (Array.isArray(schema.enum)) return { kind: "choice", schema };
  return { kind: kindOfType(schema), schema };
}

function unionOf(schema, options, root) {
  const isNull = (option) => resolve(option, root)?.type === "null";
  const rest = options.filter((option) => !isNull(option));
  const nullable = rest.length < options.length;
  if (rest.length === 1) {
    const [only] = rest;
    const described = { ...resolve(only, root) };
    if (schema.default !== undefined) described.default = schema.default;
    return { ...shapeOf(described, root), nullable };
  }
  const constants = rest.map((option) => resolve(option, root));
  if (constants.length > 0 && constants.every((one) => one !== null && "const" in one)) {
    const words = constants.map((one) => one.const);
    return { kind: "choice", schema: { ...schema, enum: words }, nullable };
  }
  return { kind: "union", schema, options: rest, nullable };
}

function kindOfType({ type, properties, items }) {
  if (type === "string") return "text";
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean" || type === "null") return type;
  if (type === "array" && items !== undefined && typeof items === "object") return "list";
  if (type === "object" && properties !== undefined) return "object";
  return "json";
}

/** A text as a value of a string schema: `{ value }` or `{ message }`. */
export function readText(given, schema) {
  const { minLength, maxLength, pattern } = schema;
  if (minLength !== undefined && given.length < minLength) {
    return { message: minLength === 1 ? "must not be empty" : `at least ${minLength} characters` };
  }
  if (maxLength !== undefined && given.length > maxLength) {
    return { message: `at most ${maxLength} characters` };
  }
  if (pattern !== undefined && !matches(pattern, given)) return { message: `must be ${pattern}` };
  return { value: given };
}

// A pattern that browsers do not understand is left to the service.
function matches(pattern, given) {
  try {
    return new RegExp(pattern, "u").test(given);
  } catch {
    return true;
  }
}

/** A text as a value of a number schema. */
export function readNumber(given, schema) {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const trimmed = given.trim();
  const value = Number(trimmed);
  if (trimmed === "" || !Number.isFinite(value)) return { message: "must be a number" };
  if (type === "integer" && !Number.isSafeInteger(value)) return { message: "must be whole" };
  if (minimum !== undefined && value < minimum) return { message: `at least ${minimum}` };
  if (maximum !== undefined && value > maximum) return { message: `at most ${maximum}` };
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) {
    return { message: `above ${exclusiveMinimum}` };
  }
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) {
    return { message: `below ${exclusiveMaximum}` };
  }
  if (
    multipleOf !== undefined && Math.abs(value / multipleOf - Math.round(value / multipleOf)) > 1e-9
  ) {
    return { message: `a multiple of ${multipleOf}` };
  }
  return { value };
}

/** A text as JSON. */
export function readJson(given) {
  try {
    return { value: JSON.parse(given) };
  } catch (error) {
    return { message: `must be JSON: ${error.message}` };
  }
}

/** What the bounds of a schema are, in a few words. */
export function hintOf(schema) {
  const { type, minimum, maximum, minLength, maxLength, format, description } = schema;
  const parts = [];
  if (description !== undefined) parts.push(description);
  if (format !== undefined) parts.push(format);
  const isTold = (bound) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  if (isTold(minimum)) parts.push(`at least ${minimum}`);
  if (isTold(maximum)) parts.push(`at most ${maximum}`);
  if (type === "string" && minLength > 1) parts.push(`at least ${minLength} characters`);
  if (type === "string" && maxLength !== undefined) parts.push(`at most ${maxLength} characters`);
  return parts.join(", ");
}

/** A name for one option of a union: by its constant field, its title, or its type. */
export function optionName(option, index, root) {
  const schema = resolve(option, root) ?? {};
  if (typeof schema.title === "string") return schema.title;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const found = resolve(property, root);
    if (found !== null && "const" in found) return `${name} ${String(found.const)}`;
  }
  if ("const" in schema) return JSON.stringify(schema.const);
  return schema.type ?? `option ${index + 1}`;
}
