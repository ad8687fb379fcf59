import { assertEquals } from "@std/assert";
import { auditMismatch, AuditSchedule } from "../../src/refresh/audit.ts";
import type { EvaluationOutcome, ScoredSet } from "../../src/refresh/run_engine.ts";

/** Refreshes until an audit is due. */
function refreshesUntilDue(schedule: AuditSchedule): number {
  let count = 0;
  for (; !schedule.isDue; count++) schedule.refreshed();
  return count;
}

Deno.test("AuditSchedule.isDue is so after every N refreshes, never with 0", () => {
  const schedule = new AuditSchedule(8);
  assertEquals(refreshesUntilDue(schedule), 8);
  schedule.finished(true);
  assertEquals(refreshesUntilDue(schedule), 8);
  const none = new AuditSchedule(0);
  for (let count = 0; count < 100; count++) none.refreshed();
  assertEquals(none.isDue, false);
});

Deno.test("AuditSchedule audits each refresh after a mismatch, and half as many with each match", () => {
  const schedule = new AuditSchedule(8);
  schedule.finished(false);
  const every = [1, 2, 3, 4, 5, 6].map(() => {
    const count = refreshesUntilDue(schedule);
    schedule.finished(true);
    return count;
  });
  assertEquals(every, [1, 2, 4, 8, 8, 8]);
});

Deno.test("AuditSchedule.rebuilt() begins to count anew", () => {
  const schedule = new AuditSchedule(2);
  schedule.refreshed();
  schedule.rebuilt();
  assertEquals(refreshesUntilDue(schedule), 2);
});

Deno.test("AuditSchedule.cutOff() tells once when too many in a row were cut off", () => {
  const schedule = new AuditSchedule(1);
  const tell = () => Array.from({ length: 10 }, () => schedule.cutOff());
  const once = [false, false, false, false, false, false, false, true, false, false];
  assertEquals(tell(), once);
  schedule.finished(true);
  assertEquals(tell(), once);
});

Deno.test("AuditSchedule.restore() goes on where it was, within what is set now", () => {
  const schedule = new AuditSchedule(100);
  for (let count = 0; count < 30; count++) schedule.refreshed();
  const copy = new AuditSchedule(40);
  copy.restore(structuredClone(schedule.snapshot()));
  assertEquals(refreshesUntilDue(copy), 10);
});

Deno.test("auditMismatch() compares set and score bit for bit", () => {
  const audit = (best: ScoredSet | null) => ({ best }) as EvaluationOutcome;
  const set = { setId: "a", score: 0.3 };
  assertEquals(auditMismatch(set, audit({ setId: "a", score: 0.3 })), null);
  assertEquals(auditMismatch(null, audit(null)), null);
  assertEquals(
    auditMismatch(set, audit({ setId: "a", score: 0.1 + 0.2 })),
    "expected the best set a (0.30000000000000004): current value is a (0.3)",
  );
  assertEquals(
    auditMismatch(null, audit(set)),
    "expected the best set a (0.3): current value is none",
  );
});
