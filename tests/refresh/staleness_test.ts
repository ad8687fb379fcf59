import { assertEquals } from "@std/assert";
import { type StaleFacts, staleReasons } from "../../src/refresh/staleness.ts";

const HOUR_MS = 3_600_000;
const FRESH: StaleFacts = {
  refreshedAtMs: 0,
  createdAtMs: -HOUR_MS,
  changes: 0,
  oldestChangeAtMs: null,
  failures: 0,
  structureChanges: 0,
  failedSets: 0,
};

Deno.test("staleReasons() is empty for a run that is up to date, to the very hour", () => {
  assertEquals(staleReasons(FRESH, 0), []);
  assertEquals(staleReasons(FRESH, HOUR_MS), []);
});

Deno.test("staleReasons() gives each reason with its measure, from its bound on", () => {
  const cases: readonly [Partial<StaleFacts>, number, ReturnType<typeof staleReasons>][] = [
    [{ refreshedAtMs: null, createdAtMs: 0 }, 0, [{ reason: "never_refreshed" }]],
    [{ changes: 3 }, 0, [{ reason: "revision_gap", changes: 3 }]],
    [{ oldestChangeAtMs: 0 }, 60_000, []],
    [{ oldestChangeAtMs: 0 }, 60_001, [{ reason: "unapplied_change", ageMs: 60_001 }]],
    [{}, HOUR_MS + 1, [{ reason: "age", ageMs: HOUR_MS + 1 }]],
    [{ failures: 2 }, 0, []],
    [{ failures: 3 }, 0, [{ reason: "failures", failures: 3 }]],
    [{ structureChanges: 1 }, 0, [{ reason: "structure_changed", changes: 1 }]],
    [{ failedSets: 2 }, 0, [{ reason: "sets_failed", sets: 2 }]],
  ];
  for (const [facts, nowMs, expected] of cases) {
    assertEquals(staleReasons({ ...FRESH, ...facts }, nowMs), expected);
  }
});

Deno.test("staleReasons() takes other bounds", () => {
  const facts = { ...FRESH, failures: 1, oldestChangeAtMs: 0 };
  const limits = { ageMaxMs: 10, failuresStale: 1, unappliedMaxMs: 5 };
  assertEquals(staleReasons(facts, 11, limits).map(({ reason }) => reason), [
    "unapplied_change",
    "age",
    "failures",
  ]);
});

Deno.test("staleReasons() finds nothing stale when the clock went backwards", () => {
  assertEquals(staleReasons({ ...FRESH, oldestChangeAtMs: 0 }, -10 * HOUR_MS), []);
});
