/** A strict reader of the text format of Prometheus, for tests: nothing of the writer is in it. */

import { assert } from "@std/assert";
import type { LabelValues } from "../../src/monitor/snapshot.ts";

/** What a text of metrics says. */
export interface Exposition {
  readonly types: Map<string, string>;
  readonly helps: Map<string, string>;
  /** Value by name and labels, the labels sorted by name. */
  readonly values: Map<string, number>;
}

/** Key of a sample in {@linkcode Exposition.values}. */
export const keyOf = (name: string, labels: LabelValues) =>
  JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1)]);

/**
 * Reads the text format 0.0.4 by its description: a line is a comment, empty, or a sample of a
 * name, labels in braces with \\, \" and \n escaped, and a number. Strict: anything else throws.
 */
export function parseExposition(text: string): Exposition {
  const parsed: Exposition = { types: new Map(), helps: new Map(), values: new Map() };
  assert(text.endsWith("\n"));
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line);
    if (comment !== null) {
      const [, what, name = "", rest = ""] = comment;
      const table = what === "HELP" ? parsed.helps : parsed.types;
      assert(!table.has(name), `twice: ${line}`);
      table.set(name, rest);
      continue;
    }
    const { key, value } = parseSample(line);
    assert(!parsed.values.has(key), `twice: ${line}`);
    parsed.values.set(key, value);
  }
  return parsed;
}

function parseSample(line: string): { key: string; value: number } {
  const name = /^[a-zA-Z_:][\w:]*/.exec(line)?.[0] ?? "";
  let at = name.length;
  const labels: Record<string, string> = {};
  if (line[at] === "{") {
    at++;
    while (line[at] !== "}") {
      const label = /^[a-zA-Z_]\w*(?==")/.exec(line.slice(at))?.[0];
      assert(label !== undefined, line);
      at += label.length + 2;
      let value = "";
      while (line[at] !== '"') {
        assert(at < line.length, line);
        if (line[at] !== "\\") value += line[at++];
        else {
          value += { "\\": "\\", '"': '"', n: "\n" }[line[at + 1] ?? ""] ?? "?";
          at += 2;
        }
      }
      labels[label] = value;
      at++;
      if (line[at] === ",") at++;
    }
    at++;
  }
  const number = /^ ([+-]?Inf|NaN|[-+.\deE]+)$/.exec(line.slice(at))?.[1];
  assert(name !== "" && number !== undefined, line);
  return { key: keyOf(name, labels), value: Number(number.replace("Inf", "Infinity")) };
}
