import { moduleOf, planTests } from "../../scripts/support/test_plan.ts";
import { assertEquals } from "@std/assert";

const file = (path: string, text = "Deno.test();") => ({ path: `tests/${path}`, text });

Deno.test("planTests() puts folders of the domain side by side, the largest first", () => {
  const { sideBySide, inTurn, alone } = planTests([
    file("cache/a_test.ts"),
    file("label/a_test.ts"),
    file("label/kinds/b_test.ts"),
  ]);
  assertEquals([...sideBySide], [
    ["label", ["tests/label/a_test.ts", "tests/label/kinds/b_test.ts"]],
    ["cache", ["tests/cache/a_test.ts"]],
  ]);
  assertEquals([inTurn.size, alone], [0, []]);
});

Deno.test("planTests() has others run in turn, and what measures", () => {
  const { sideBySide, inTurn, alone } = planTests([
    file("http/a_test.ts"),
    file("cache/a_test.ts", "const startMs = performance.now();"),
    file("market/a_test.ts", 'import { systemClock } from "../../src/actor/clock.ts";'),
  ]);
  assertEquals([...inTurn], [
    ["http", ["tests/http/a_test.ts"]],
    ["cache", ["tests/cache/a_test.ts"]],
    ["market", ["tests/market/a_test.ts"]],
  ]);
  assertEquals([sideBySide.size, alone], [0, []]);
});

Deno.test("planTests() leaves alone what another test of the isolate would feel", () => {
  const texts = [
    "Deno.memoryUsage()",
    "Deno.chdir(folder)",
    "Deno.test.afterAll(() => {})",
    "const url = oneServer(start)",
    'serviceOrSkip("chromium")',
    "{ sanitizeOps: false }",
  ];
  const files = texts.map((text, i) => file(`market/${i}_test.ts`, text));
  const { sideBySide, inTurn, alone } = planTests(files);
  assertEquals([sideBySide.size, inTurn.size, alone], [0, 0, files.map(({ path }) => path)]);
});

Deno.test("moduleOf() loads every file", () => {
  assertEquals(
    moduleOf("/a b/", ["tests/x_test.ts", "tests/y_test.ts"]),
    'import "file:///a%20b/tests/x_test.ts";\nimport "file:///a%20b/tests/y_test.ts";\n',
  );
});
