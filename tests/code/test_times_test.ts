import { addTimes, slowest } from "../../scripts/support/test_times.ts";
import { assertEquals } from "@std/assert";

const testcase = (file: string, time: string, name = "a") =>
  `        <testcase name="${name}" classname="./tests/${file}" time="${time}" line="1" col="6">`;

Deno.test("addTimes() adds up the tests of a file, and steps only once", () => {
  const seconds = new Map([["./tests/a/x_test.ts", 1]]);
  addTimes(
    seconds,
    [
      testcase("a/x_test.ts", "0.500"),
      testcase("a/x_test.ts", "0.250", "a &lt; b"),
      testcase("a/x_test.ts", "0.250", "a &lt; b &gt; a step"),
      testcase("b/y_test.ts", "2.000"),
    ].join("\n"),
  );
  assertEquals([...seconds], [["./tests/a/x_test.ts", 1.75], ["./tests/b/y_test.ts", 2]]);
});

Deno.test("slowest() names the slowest files of every folder, the slowest folder first", () => {
  const seconds = new Map([
    ["./tests/a/x_test.ts", 1],
    ["./tests/b/deep/y_test.ts", 2.25],
    ["./tests/b/z.ts", 3],
    ["./tests/b/w_test.ts", 0.5],
    ["./elsewhere/x_test.ts", 9],
  ]);
  assertEquals(slowest(seconds, 2), ["   5.8 b: z 3.0, deep/y 2.3", "   1.0 a: x 1.0"]);
});
