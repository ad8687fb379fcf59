/**
 * What the cache says of keys, for people.
 *
 * @module
 */

import type { z } from "zod";
import type { cacheDependency, cacheExplanation, cacheFound } from "../http/cache_schemas.ts";
import type { CliIo } from "./io.ts";
import { textTable } from "./table.ts";
import { bytesText, countText, spanText, timeText } from "./text.ts";

type Found = z.output<typeof cacheFound>["found"];
type Explanation = z.output<typeof cacheExplanation>;
type Dependency = z.output<typeof cacheDependency>;

/** Least room of a key on a terminal, characters: kind and symbol of most keys. */
const KEY_CHARS_MIN = 24;

/**
 * A line for each key: what became of it, and its value as JSON. On a terminal keys are cut at a
 * third of it, so that what became of them is seen.
 */
export function foundText(found: Found, io: CliIo): string {
  const keyCharsMax = io.isTerminal.stdout
    ? Math.max(KEY_CHARS_MIN, Math.floor(io.columns() / 3))
    : Infinity;
  const isExplained = found.some(({ before }) => before !== undefined);
  const header = ["key", "state", "tier", "age", ...(isExplained ? ["before"] : []), "value"];
  const rows = found.map(({ key, state, tier, ageMs, value, failure, before }) => [
    key.length > keyCharsMax ? `${key.slice(0, keyCharsMax - 1)}…` : key,
    state,
    tier ?? "",
    ageMs === null ? "" : spanText(ageMs),
    ...(isExplained ? [beforeText(before ?? null)] : []),
    failure !== null ? failureText(failure) : value === undefined ? "" : jsonText(value),
  ]);
  return textTable(header, rows, io);
}

function failureText({ code, message, retryAfterMs }: NonNullable<Found[number]["failure"]>) {
  const when = retryAfterMs === null ? "" : `; again in ${spanText(retryAfterMs)}`;
  return `${code}: ${escaped(message.split("\n")[0] ?? "")}${when}`;
}

/** JSON that moves no cursor: it leaves the controls above U+007E as they are. */
function jsonText(value: unknown): string {
  return escaped(JSON.stringify(value));
}

/** Controls, and what turns the direction of writing, as JSON writes them. */
export function escaped(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `absent (evicted 3 s ago)`, `fresh`. */
function beforeText(before: Explanation | null): string {
  if (before === null) return "not known";
  return `${before.state}${removalText(before)}`;
}

function removalText({ state, lastRemoval }: Explanation): string {
  if (lastRemoval === null || state === "fresh" || state === "stale") return "";
  return ` (${lastRemoval.cause} ${spanText(lastRemoval.agoMs)} ago)`;
}

/** What is known of one key, a line for each thing; whole, since one of them is what was asked. */
export function explanationText(found: Explanation, io: CliIo): string {
  const { tier, shard, weightBytes, reads, isProtected, isInflight, segment } = found;
  const span = (ms: number | null) => ms === null ? null : spanText(ms);
  const isThere = tier !== null;
  const place = isThere ? `${tier}, shard ${shard}` : `shard ${shard}`;
  const where = segment === null ? place : `${place}, segment ${segment}`;
  const rows: [string, string | null][] = [
    ["state", `${found.state}${removalText(found)}`],
    ["where", where],
    ["age", span(found.ageMs)],
    ["stale in", isThere ? span(found.softLeftMs) ?? "never" : null],
    ["gone in", isThere ? span(found.hardLeftMs) ?? "never" : null],
    ["size", weightBytes === null ? null : bytesText(weightBytes)],
    ["reads", reads === null ? null : countText(reads)],
    ["put in by", found.origin],
    ["as of", found.seq === null ? null : `commit ${countText(found.seq)}`],
    ["protected", isProtected ? "yes" : null],
    ["load", isInflight ? "under way" : null],
    ["tags", listText(found.tags)],
    ["made of", listText(found.dependsOn.map(dependencyText))],
    ["dependents", listText(found.dependents)],
  ];
  const known = rows.filter((row): row is [string, string] => row[1] !== null);
  const { columns, hasColour, isTerminal: { stderr } } = io;
  const whole = { columns, hasColour, isTerminal: { stdout: false, stderr } };
  return textTable(["key", found.key], known, whole);
}

function listText(parts: readonly string[]): string | null {
  return parts.length === 0 ? null : parts.join(", ");
}

function dependencyText(one: Dependency): string {
  switch (one.kind) {
    case "candles":
      return `candles ${one.series}${one.from === null ? "" : ` from ${timeText(one.from)}`}${
        one.to === null ? "" : ` to ${timeText(one.to)}`
      }`;
    case "levels":
      return `levels ${one.instrument}`;
    case "key":
      return one.key;
  }
}
