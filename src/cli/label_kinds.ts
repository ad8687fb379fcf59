/**
 * The list of kinds that `wick label --kinds list` shows.
 *
 * @module
 */

import { KINDS } from "../label/kinds/registry.ts";
import type { CliIo } from "./io.ts";
import { textTable } from "./table.ts";

/** Words that ask for the list instead of for kinds; a shell may take `?` for itself. */
export function asksForKinds(text: string | undefined): boolean {
  return text === "?" || text === "list";
}

/** The kinds as a table, and their parameters as another; or as JSON, one object a kind. */
export function kindsText(isJson: boolean, io: CliIo): string {
  if (isJson) {
    return KINDS.map(({ name, about, unit, isInteger, needsLevels, params }) => {
      const given = params.map((param) => ({
        name: param.name,
        default: param.byDefault,
        expected: param.expected,
        about: param.about,
      }));
      return `${JSON.stringify({ name, about, unit, isInteger, needsLevels, params: given })}\n`;
    }).join("");
  }
  const kinds = KINDS.map(({ name, about, unit, needsLevels }) => [
    name,
    unit,
    needsLevels ? "needed" : "",
    about,
  ]);
  const params = KINDS.flatMap(({ name, params }) =>
    params.map((param) => [
      `${name}:${param.name}=${param.byDefault}`,
      `${param.about}; ${param.expected}`,
    ])
  );
  return `${textTable(["kind", "unit", "levels", "meaning"], kinds, io)}\n` +
    textTable(["parameter", "meaning"], params, io);
}
