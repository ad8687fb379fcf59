/**
 * What is logged beside a message as plain JSON: bounded, without secrets, and whatever it was no
 * reason to fail.
 *
 * @module
 */

import { HIDDEN, isSecretName, type Redact } from "./redact.ts";

/** Longest text that is shown. A stack takes some 2,000 characters. */
const TEXT_CHARS_MAX = 8_192;
/** Longest secret that may lie across the end of a text. */
const SECRET_CHARS_MAX = 4_096;
/** How deep fields are followed. */
const DEPTH_MAX = 4;
/** Members shown of a list. */
const LIST_MAX = 20;
/** Members shown of an object. */
export const KEYS_MAX = 40;
const STACK_LINES_MAX = 12;

/** A value as JSON can hold it, bounded, without secrets; `depth`: of how many others it is part. */
export function plain(value: unknown, redact: Redact, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return cut(value, TEXT_CHARS_MAX, redact);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
    case "symbol":
      return String(value).slice(0, 256);
    case "function":
      return "[function]";
    case "object":
      break;
    default:
      return value;
  }
  if (value === null) return null;
  // A getter may throw, and a revoked proxy does whatever is asked of it.
  try {
    return plainObject(value, redact, depth);
  } catch (error) {
    return `[unreadable: ${String(error).slice(0, 100)}]`;
  }
}

/** The beginning of a text. A secret that is cut would not be known for one. */
function cut(text: string, charsMax: number, redact: Redact): string {
  return redact(text.slice(0, charsMax + SECRET_CHARS_MAX)).slice(0, charsMax);
}

function plainObject(value: object, redact: Redact, depth: number): unknown {
  if (value instanceof Error) return errorText(value, redact);
  if (depth >= DEPTH_MAX) return "[…]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const shown = value.slice(0, LIST_MAX).map((one) => plain(one, redact, depth + 1));
    return value.length > LIST_MAX ? [...shown, `… ${value.length - LIST_MAX} more`] : shown;
  }
  const made: Record<string, unknown> = {};
  for (const name of Object.keys(value).slice(0, KEYS_MAX)) {
    const member: unknown = Reflect.get(value, name);
    made[name] = isSecretName(name) ? HIDDEN : plain(member, redact, depth + 1);
  }
  return made;
}

function errorText(error: Error, redact: Redact): unknown {
  const stack = (error.stack ?? "").split("\n").slice(1, 1 + STACK_LINES_MAX).map((line) =>
    line.trim()
  );
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : null;
  return {
    error: cut(`${error.name}: ${error.message}`, 2_048, redact),
    ...(code === undefined ? {} : { code }),
    ...(cause === null ? {} : { cause: cut(cause, 1_024, redact) }),
    stack: redact(stack.join(" | ")),
  };
}
