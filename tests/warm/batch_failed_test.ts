/** What is done about a call that failed. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import {
  afterFailedBatch,
  type FailedBatch,
  HALVES_PER_BATCH_MAX,
  HALVES_PER_MINUTE_MAX,
  HalvingBudget,
  SUSPECT_MS,
  Suspects,
  SUSPECTS_MAX,
} from "../../src/warm/batch_failed.ts";

const random = seededRandom(1);

const decide = (more: Partial<FailedBatch>) =>
  afterFailedBatch({
    failure: "transient",
    canBeKey: true,
    isDown: false,
    keys: 50,
    attempts: 1,
    refusals: 0,
    pauseMs: 0,
    retryAfterMs: null,
    leftMs: 10_000,
    ...more,
  }, random);

Deno.test("afterFailedBatch() halves what is refused for good until one key is left", () => {
  assertEquals(decide({ failure: "permanent" }), { action: "halve" });
  assertEquals(decide({ failure: "permanent", keys: 2 }), { action: "halve" });
  assertEquals(decide({ failure: "permanent", keys: 1 }), { action: "fail" });
});

Deno.test("afterFailedBatch() does not halve where no key can be to blame", () => {
  assertEquals(decide({ failure: "permanent", canBeKey: false }), { action: "fail" });
  const verdict = decide({ canBeKey: false, attempts: 2 });
  assertEquals(verdict.action, "retry");
});

Deno.test("afterFailedBatch() tries again as a whole what failed for a while, then in halves", () => {
  const first = decide({});
  assert(first.action === "retry");
  assertLessOrEqual(first.pauseMs, 5_000);
  assertEquals(decide({ attempts: 2 }), { action: "halve" });
  assertEquals(decide({ attempts: 2, keys: 1 }).action, "retry");
  assertEquals(decide({ attempts: 3, keys: 1 }), { action: "fail" });
});

Deno.test("afterFailedBatch() gives up when the provider is down, or nobody waits as long", () => {
  assertEquals(decide({ isDown: true }), { action: "fail" });
  assertEquals(decide({ leftMs: 100 }), { action: "fail" });
});

Deno.test("afterFailedBatch() waits as long as a limit asks for, some times", () => {
  const limited = { failure: "limited", attempts: 0, retryAfterMs: 4_000 } as const;
  const verdict = decide({ ...limited, refusals: 1 });
  assert(verdict.action === "retry");
  assert(verdict.pauseMs >= 4_000 && verdict.pauseMs <= 4_250, `${verdict.pauseMs}`);
  assertEquals(decide({ ...limited, refusals: 3 }), { action: "fail" });
  assertEquals(decide({ ...limited, refusals: 1, leftMs: 3_000 }), { action: "fail" });
});

Deno.test("HalvingBudget bounds calls for halves by batch and by minute", () => {
  const budget = new HalvingBudget();
  const batch = { halves: HALVES_PER_BATCH_MAX };
  let taken = 0;
  while (budget.take(batch, 0)) taken += 2;
  assertEquals(taken, HALVES_PER_BATCH_MAX);
  const many = { halves: 1_000 };
  while (budget.take(many, 1)) taken += 2;
  assertEquals(taken, HALVES_PER_MINUTE_MAX);
  assert(!budget.take(many, 59_999));
  assert(budget.take(many, 60_000));
});

Deno.test("Suspects are forgotten after a while, when they do well, and beyond so many", () => {
  const suspects = new Suspects();
  suspects.add("A", 0);
  suspects.add("B", 0);
  assert(suspects.has("A", SUSPECT_MS - 1));
  assert(!suspects.has("A", SUSPECT_MS));
  suspects.clear("B");
  assertEquals(suspects.size, 0);
  for (let i = 0; i <= SUSPECTS_MAX; i++) suspects.add(`S${i}`, 0);
  assertEquals([suspects.size, suspects.has("S0", 1), suspects.has("S1", 1)], [
    SUSPECTS_MAX,
    false,
    true,
  ]);
});
