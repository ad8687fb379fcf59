import { assertEquals } from "@std/assert";
import { withConfigTable } from "../../scripts/config_table.ts";
import { withMetricsTable } from "../../scripts/metrics_table.ts";

const README = new URL("../../README.md", import.meta.url);

Deno.test("the README lists every metric of the catalogue with its type, labels and meaning", async () => {
  const readme = await Deno.readTextFile(README);
  assertEquals(readme, withMetricsTable(readme), "write it: deno run -A scripts/metrics_table.ts");
});

Deno.test("the README lists every setting with its option, default, values and meaning", async () => {
  const readme = await Deno.readTextFile(README);
  assertEquals(readme, withConfigTable(readme), "write it: deno run -A scripts/config_table.ts");
});
