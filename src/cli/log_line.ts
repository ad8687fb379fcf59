/**
 * One log line as text, for people or for programs. Nothing that is logged can make it fail, grow
 * beyond its bound, break into two lines, or show a secret.
 *
 * @module
 */

import type { LogLevel } from "../actor/mod.ts";
import { KEYS_MAX, plain } from "../http/log_plain.ts";
import { HIDDEN, isSecretName, type Redact } from "../http/redact.ts";
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
