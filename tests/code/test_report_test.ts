import { finalCounts, sumOf, TestReport } from "../../scripts/support/test_report.ts";
import { assertEquals } from "@std/assert";

function read(output: string) {
  const lines: string[] = [];
  const report = new TestReport((line) => lines.push(line));
  for (const line of output.split("\n")) report.line(line);
  report.end();
  return { lines, counts: report.counts };
}

Deno.test("TestReport drops tests that pass or are ignored, with what they printed", () => {
  const { lines } = read(`running 3 tests from ./tests/a_test.ts
a ... ok (3ms)
b ... ignored (0ms)
c ...
------- output -------
noise
----- output end -----
c ... ok (2ms)
with steps ...
  one ... ok (0ms)
with steps ... ok (1ms)

ok | 3 passed (1 step) | 0 failed | 1 ignored (5ms)`);
  assertEquals(lines, [
    "running 3 tests from ./tests/a_test.ts",
    "",
    "ok | 3 passed (1 step) | 0 failed | 1 ignored (5ms)",
  ]);
});

Deno.test("TestReport keeps tests that fail, with what they printed", () => {
  const { lines } = read(`a ... FAILED (1ms)
b ...
------- output -------
a clue
----- output end -----
b ... FAILED (due to 1 failed step) (2ms)
c ... ok (1ms)`);
  assertEquals(lines, [
    "a ... FAILED (1ms)",
    "b ...",
    "------- output -------",
    "a clue",
    "----- output end -----",
    "b ... FAILED (due to 1 failed step) (2ms)",
  ]);
});

Deno.test("TestReport names the test in which a run broke off", () => {
  assertEquals(read("a ... ok (1ms)\nhanging ...\nlast words").lines, [
    "hanging ...",
    "last words",
  ]);
});

Deno.test("TestReport reads the last summary, coloured or not", () => {
  const { counts } = read(
    "ok | 1 passed | 0 failed (1ms)\n" +
      "\x1b[0m\x1b[31mFAILED\x1b[0m | 3 passed (2 steps) | 6 failed (1 step) | 1 ignored (1s)",
  );
  assertEquals(counts, { passed: 3, failed: 6, ignored: 1 });
});

Deno.test("TestReport reads a summary with filtered tests", () => {
  const { counts } = read("ok | 2 passed | 0 failed | 4 filtered out (1ms)");
  assertEquals(counts, { passed: 2, failed: 0, ignored: 0 });
});

Deno.test("finalCounts() counts a run that broke off as one failure", () => {
  const counts = { passed: 3, failed: 0, ignored: 1 };
  assertEquals(finalCounts(undefined, false), { passed: 0, failed: 1, ignored: 0 });
  assertEquals(finalCounts(undefined, true), { passed: 0, failed: 1, ignored: 0 });
  assertEquals(finalCounts(counts, false), { passed: 3, failed: 1, ignored: 1 });
  assertEquals(finalCounts(counts, true), counts);
  assertEquals(finalCounts({ ...counts, failed: 2 }, false).failed, 2);
});

Deno.test("sumOf() adds up runs", () => {
  const one = { passed: 3, failed: 1, ignored: 2 };
  assertEquals(sumOf([]), { passed: 0, failed: 0, ignored: 0 });
  assertEquals(sumOf([one, { passed: 1, failed: 0, ignored: 0 }]), { ...one, passed: 4 });
});
