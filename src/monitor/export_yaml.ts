/**
 * Plain data as YAML 1.2, as much of it as rule files need: maps, lists, texts, numbers.
 *
 * @module
 */

/** What can be written. */
export type YamlValue =
  | string
  | number
  | boolean
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue };

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Keys that a reader would take for something else than a text. */
const WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;

/**
 * Block style, two spaces a level; every text is in double quotes, which YAML reads as JSON does. Ends
 * with a line break. O(size).
 */
export function yamlText(value: YamlValue, comments: readonly string[] = []): string {
  const head = comments.map((line) => `# ${line}`.trimEnd());
  return [...head, ...linesOf(value)].map((line) => `${line}\n`).join("");
}

function linesOf(value: YamlValue): string[] {
  if (typeof value !== "object") return [scalar(value)];
  if (Array.isArray(value)) {
    if (value.length === 0) return ["[]"];
    return value.flatMap((item: YamlValue) => {
      const [first = "", ...rest] = linesOf(item);
      return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return ["{}"];
  return entries.flatMap(([key, item]) => {
    const lines = linesOf(item);
    const isShort = typeof item !== "object" || lines[0] === "[]" || lines[0] === "{}";
    const name = PLAIN_KEY.test(key) && !WORDS.test(key) ? key : JSON.stringify(key);
    return isShort
      ? [`${name}: ${lines[0] ?? ""}`]
      : [`${name}:`, ...lines.map((line) => `  ${line}`)];
  });
}

/** JSON's escapes are YAML's too. */
const scalar = (value: string | number | boolean) =>
  typeof value === "string" ? JSON.stringify(value) : String(value);
