/**
 * Damage: values and bytes that were valid, changed in one to three places.
 *
 * @module
 */

import type { Grammar } from "./grammar.ts";

/** Values that have broken parsers, prototypes and arithmetic before. */
const NASTY: readonly unknown[] = [
  null,
  "",
  "__proto__",
  "\u0000",
  "\ud800",
  "9".repeat(400),
  -1,
  1e308,
  -1e308,
  5e-324,
  2 ** 53,
  true,
  [],
  {},
  [[[[[[[[]]]]]]]],
  "x".repeat(5_000),
];
const NAMES = ["__proto__", "constructor", "prototype", "toString", "", "a.b", "type", "extra"];

/** The value with one thing changed somewhere; the value itself stays. */
export function mutateValue(grammar: Grammar, value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0 && grammar.chance(0.7)) {
    return mutateList(grammar, value);
  }
  if (typeof value === "object" && value !== null && grammar.chance(0.85)) {
    return mutateFields(grammar, value);
  }
  return grammar.pick(NASTY);
}

function mutateList(grammar: Grammar, list: readonly unknown[]): unknown[] {
  const made = [...list];
  const at = grammar.below(made.length);
  const kind = grammar.below(5);
  if (kind === 0) made.splice(at, 1);
  else if (kind === 1) made.splice(at, 0, grammar.pick(NASTY));
  else made[at] = mutateValue(grammar, made[at]);
  return made;
}

function mutateFields(grammar: Grammar, value: object): object {
  const entries = Object.entries(value);
  const at = grammar.below(Math.max(1, entries.length));
  const entry = entries[at];
  const kind = grammar.below(5);
  if (entry === undefined || kind === 0) entries.push([grammar.pick(NAMES), grammar.pick(NASTY)]);
  else if (kind === 1) entries.splice(at, 1);
  else entries[at] = [entry[0], mutateValue(grammar, entry[1])];
  // Own properties, whatever their names.
  const made = Object.create(null);
  for (const [name, part] of entries) made[name] = part;
  return made;
}

/** The text with bytes taken out, put in, doubled or changed. */
export function mutateText(grammar: Grammar, text: string): string {
  let made = text;
  for (let i = 1 + grammar.below(3); i > 0; i--) {
    const at = grammar.below(made.length + 1);
    const to = Math.min(made.length, at + 1 + grammar.below(12));
    switch (grammar.below(5)) {
      case 0:
        made = made.slice(0, at) + made.slice(to);
        break;
      case 1:
        made = made.slice(0, at) + grammar.pick([...'{}[]",:\\\n\r\u0000é e-+.9']) + made.slice(at);
        break;
      case 2:
        made = made.slice(0, to) + made.slice(at);
        break;
      case 3:
        made = made.slice(0, at);
        break;
      default:
        made = made.slice(0, at) + grammar.pick(["[[", "{{", "nan", "1e999", "\ufeff"]) +
          made.slice(to);
    }
  }
  return made;
}
