/**
 * The README's table of settings, from where they are declared: `deno run -A
 * scripts/config_table.ts` writes it.
 *
 * @module
 */

import { z } from "zod";
import { CONFIG_SHAPE, type SettingName } from "../src/cli/config_schema.ts";
import { CONFIG_DEFAULTS, SETTING_NAMES, SETTINGS } from "../src/cli/settings.ts";

const FILE = new URL("../README.md", import.meta.url);
/** The table is what stands between these lines. */
const BEGIN = "<!-- settings: made by scripts/config_table.ts -->";
const END = "<!-- end of settings -->";

/** From this on a bound is one of the machine (longest timer, largest whole number), not shown. */
const BOUND_SHOWN_MAX = 2_147_483_647;

/** Longest list of words shown as the values of a setting, characters. */
const WORDS_SHOWN_MAX = 60;

/** What a JSON Schema says of a setting's values, as far as the table shows it. */
const valueSchema = z.object({
  enum: z.array(z.string()).optional(),
  type: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
});

/** Every setting as a row of a Markdown table, in the order in which they are declared. */
export function configTable(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { about, flag, isRepeated } = SETTINGS[name];
    const option = flag === null ? "" : `\`--${flag}\`${isRepeated === undefined ? "" : " …"}`;
    return [`\`${name}\``, option, defaultText(name), valuesText(name), about].map(escaped);
  });
  return table([["setting", "option", "default", "values", "meaning"], ...rows]);
}

/** Puts the table into a text that has a place for it. */
export function withConfigTable(readme: string): string {
  const from = readme.indexOf(BEGIN), to = readme.indexOf(END);
  if (from < 0 || to < from) {
    throw new Error(
      `Cannot write the table of settings: expected ${BEGIN} and ${END} in the README`,
    );
  }
  return `${readme.slice(0, from)}${BEGIN}\n\n${configTable()}\n\n${readme.slice(to)}`;
}

function defaultText(name: SettingName): string {
  const value: unknown = CONFIG_DEFAULTS[name];
  if (value === null || value === "") return "";
  if (Array.isArray(value) && value.every((part) => typeof part === "string")) {
    return value.length === 0 ? "" : `\`${value.join(",")}\``;
  }
  if (typeof value === "object") {
    return Object.keys(value).length === 0 ? "" : JSON.stringify(value);
  }
  return `\`${String(value)}\``;
}

/** Words, or from where to where a number may be; empty for everything else. */
function valuesText(name: SettingName): string {
  const json = z.toJSONSchema(CONFIG_SHAPE[name], { io: "input", unrepresentable: "any" });
  const forms = [json, ...json.anyOf ?? []].map((form) => valueSchema.parse(form));
  const words = forms.flatMap((form) => form.enum ?? []).join(", ");
  if (words !== "") return words.length > WORDS_SHOWN_MAX ? "" : words;
  const number = forms.find(({ type }) => type === "integer" || type === "number");
  if (number === undefined) return "";
  const { minimum, exclusiveMinimum, maximum } = number;
  const most = maximum === undefined || maximum >= BOUND_SHOWN_MAX ? null : maximum;
  if (exclusiveMinimum !== undefined) {
    const least = `above ${shown(exclusiveMinimum)}`;
    return most === null ? least : `${least}, to ${shown(most)}`;
  }
  if (minimum === undefined || minimum <= -BOUND_SHOWN_MAX) return "";
  return most === null ? `${shown(minimum)} or more` : `${shown(minimum)} to ${shown(most)}`;
}

const shown = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 6 });

const escaped = (text: string) => text.replaceAll("|", "\\|").replaceAll("*", "\\*");

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...body.map(line)].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(FILE, withConfigTable(await Deno.readTextFile(FILE)));
}
