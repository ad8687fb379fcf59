import { assertEquals } from "@std/assert";
import { withMetricsTable } from "../../scripts/metrics_table.ts";

const README = new URL("../../README.md", import.meta.url);

Deno.test("the README lists every metric of the catalogue with its type, labels and meaning", async () => {
  const readme = await Deno.readTextFile(README);
  assertEquals(readme, withMetricsTable(readme), "write it: deno run -A scripts/metrics_table.ts");
});
