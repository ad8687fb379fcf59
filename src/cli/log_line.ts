/**
 * One log line as text, for people or for programs. Nothing that is logged can make it fail, grow
 * beyond its bound, break into two lines, or show a secret.
 *
 * @module
 */

import type { LogLevel } from "../actor/mod.ts";
import { HIDDEN, isSecretName, type Redact } from "./secrets.ts";
import type { Palette } from "./text.ts";

/** Longest line in characters; what is beyond is cut. A stack takes some 2,000. */
export const LINE_CHARS_MAX = 8_192;

/**
 * Longest message of a JSON line, longest path, and longest part shown of fields that are too long:
 * even if every character is escaped (six for one, two for one that is escaped already) the line
 * stays below its bound.
 */
const MESSAGE_CHARS_MAX = 1_000;
const PATH_CHARS_MAX = 150;
const CUT_CHARS_MAX = 500;

/** How deep fields are followed, how many members are shown of a list, and of an object. */
const DEPTH_MAX = 4;
const LIST_MAX = 20;
const KEYS_MAX = 40;
const STACK_LINES_MAX = 12;

/** What a line says. */
export interface LogEntry {
  /** Epoch ms. */
  readonly atMs: number;
  readonly level: LogLevel;
  /** Path of the actor, or `wick`. */
  readonly path: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** A JSON object on one line: `at`, `level`, `path`, `message`, `fields`. */
export function jsonLine(entry: LogEntry, redact: Redact): string {
  const fields = entry.fields === undefined ? undefined : plain(entry.fields, redact, 0);
  const line = (fields: unknown) =>
    JSON.stringify({
      at: timeOf(entry.atMs),
      level: entry.level,
      path: entry.path.slice(0, PATH_CHARS_MAX),
      message: redact(entry.message).slice(0, MESSAGE_CHARS_MAX),
      ...(fields === undefined ? {} : { fields }),
    });
  const whole = line(fields);
  if (whole.length <= LINE_CHARS_MAX) return whole;
  return line({ cut: JSON.stringify(fields).slice(0, CUT_CHARS_MAX) });
}

/** `12:00:00.000 warn  core/store  message  key=value`, on one line but for a stack. */
export function textLine(entry: LogEntry, redact: Redact, paint: Palette): string {
  const level = entry.level.padEnd(5);
  const shownLevel = entry.level === "error"
    ? paint.red(level)
    : entry.level === "warn"
    ? paint.yellow(level)
    : paint.dim(level);
  const words = [
    paint.dim(timeOf(entry.atMs).slice(11, 23)),
    shownLevel,
    entry.path.replace(/^\/[^/]+\//, ""),
    oneLine(redact(entry.message)),
  ];
  for (const [name, value] of Object.entries(entry.fields ?? {}).slice(0, KEYS_MAX)) {
    const shown = isSecretName(name) ? HIDDEN : plain(value, redact, 1);
    words.push(paint.dim(`${name}=`) + fieldText(shown));
  }
  const line = words.join(" ");
  return line.length <= LINE_CHARS_MAX ? line : `${line.slice(0, LINE_CHARS_MAX - 1)}…`;
}

function fieldText(value: unknown): string {
  if (typeof value === "string") {
    return /[\s="]/.test(value) || value === "" ? JSON.stringify(value) : value;
  }
  if (typeof value === "object" && value !== null && "error" in value && "stack" in value) {
    return JSON.stringify(value.error);
  }
  return JSON.stringify(value) ?? "undefined";
}

function oneLine(text: string): string {
  // Control characters of a message must not move the cursor of whoever reads the log.
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

function timeOf(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** A value as JSON can hold it, bounded, without secrets. */
function plain(value: unknown, redact: Redact, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return redact(value.slice(0, LINE_CHARS_MAX));
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
    error: redact(`${error.name}: ${error.message}`.slice(0, 2_048)),
    ...(code === undefined ? {} : { code }),
    ...(cause === null ? {} : { cause: redact(cause.slice(0, 1_024)) }),
    stack: redact(stack.join(" | ")),
  };
}
