import { assert, assertEquals } from "@std/assert";
import { errorText, type Expected, faultIn } from "../../src/refresh/fallback.ts";
import type { EvaluationOutcome } from "../../src/refresh/run_engine.ts";

const OUTCOME: EvaluationOutcome = {
  best: { setId: "a", score: 2 },
  revision: 7,
  candidates: 5,
  evaluated: 3,
  skipped: 2,
  changed: 1,
  unchanged: 2,
  failedCount: 0,
  failed: [],
};
const EXPECTED: Expected = {
  revision: 7,
  sets: 9,
  candidates: 5,
  floor: { setId: "b", score: 2 },
};

Deno.test("faultIn() finds none in a result that adds up and is not below a known score", () => {
  assertEquals(faultIn(OUTCOME, EXPECTED, 0), null);
});

Deno.test("faultIn() tells what is wrong, the worst first", () => {
  const failed = [{ setId: "c", error: "Error: odd" }];
  const cases: readonly [Partial<EvaluationOutcome>, number, string | undefined][] = [
    [{ revision: 6 }, 0, "invariant"],
    [{ candidates: 4, evaluated: 2, unchanged: 1 }, 0, "invariant"],
    [{ skipped: 1 }, 0, "invariant"],
    [{ changed: 0 }, 0, "invariant"],
    [{ best: { setId: "a", score: Infinity } }, 0, "invariant"],
    [{ best: null }, 0, "invariant"],
    [{ best: null }, 9, undefined],
    [{ best: { setId: "a", score: 1.999 } }, 0, "degraded"],
    [{ failedCount: 1, failed, skipped: 1 }, 1, "scorer"],
    [{ failedCount: 1, failed, skipped: 1, best: { setId: "a", score: 1 } }, 1, "degraded"],
    // The known set is among those that failed.
    [
      {
        failedCount: 1,
        failed: [{ setId: "b", error: "x" }],
        skipped: 1,
        best: { setId: "a", score: 1 },
      },
      1,
      "scorer",
    ],
    [{ failedCount: 1, failed, skipped: 1, revision: 0 }, 1, "invariant"],
  ];
  for (const [outcome, failedSets, reason] of cases) {
    const fault = faultIn({ ...OUTCOME, ...outcome }, EXPECTED, failedSets);
    assertEquals(fault?.reason, reason, JSON.stringify(outcome));
  }
});

Deno.test("errorText() shows any thrown value, cut short", () => {
  assertEquals(errorText(new RangeError("odd")), "RangeError: odd");
  assertEquals(errorText(undefined), "undefined");
  assert(errorText(new Error("x".repeat(1_000))).length === 300);
});
