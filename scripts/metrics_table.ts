/**
 * The README's table of metrics, from the catalogue: `deno run -A scripts/metrics_table.ts` writes it.
 *
 * @module
 */

import { WICK_METRICS } from "../src/monitor/catalogue.ts";

const FILE = new URL("../README.md", import.meta.url);
/** The table is what stands between these lines. */
const BEGIN = "<!-- metrics: made by scripts/metrics_table.ts -->";
const END = "<!-- end of metrics -->";

/** Every metric of the catalogue as a row of a Markdown table, by subsystem as they are declared. */
export function metricsTable(): string {
  const rows = WICK_METRICS.map(({ name, kind, labels = [], help }) => [
    `\`${name}\``,
    kind,
    labels.map((label) => `\`${label}\``).join(", "),
    help.replaceAll("|", "\\|"),
  ]);
  const all = [["metric", "type", "labels", "meaning"], ...rows];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...all.map((row) => (row[at] ?? "").length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [head = [], ...body] = all;
  return [line(head), rule, ...body.map(line)].join("\n");
}

/** Puts the table into a text that has a place for it. */
export function withMetricsTable(readme: string): string {
  const from = readme.indexOf(BEGIN), to = readme.indexOf(END);
  if (from < 0 || to < from) {
    throw new Error(
      `Cannot write the table of metrics: expected ${BEGIN} and ${END} in the README`,
    );
  }
  return `${readme.slice(0, from)}${BEGIN}\n\n${metricsTable()}\n\n${readme.slice(to)}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(FILE, withMetricsTable(await Deno.readTextFile(FILE)));
}
