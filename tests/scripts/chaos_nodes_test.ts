/** `deno task chaos:nodes`, small: nodes that are killed and stopped lose nothing; without fences they do. */

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { runNodesCampaign } from "../../scripts/chaos_nodes/campaign.ts";
import {
  type ChaosEvent,
  EVENTS,
  NODES,
  NODES_MAX,
  NODES_MIN,
  planOf,
} from "../../scripts/chaos_nodes/plan.ts";
import { isRight, rowDifference, SeriesRows } from "../../scripts/chaos_nodes/rows.ts";
import { serviceOrSkip } from "../support/services.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`chaos_nodes_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const LEASE_MS = 800;
/** The parser of Redis' answers shrinks its memory by an interval of its own, which outlives a test. */
const ON_REDIS = { ...serviceOrSkip("redis"), sanitizeOps: false, sanitizeResources: false };
/** A node that sleeps must have been at work to write when it wakes: not every pause finds it so. */
const UNFENCED_TRIES = 4;

Deno.test("planOf() has as much of every event, and nodes within their bounds", () => {
  for (let seed = SEED; seed < SEED + 200; seed++) {
    const plan = planOf(100, seededRandom(seed));
    for (const event of EVENTS) {
      assertGreaterOrEqual(plan.filter((each) => each === event).length, 15, event);
    }
    let nodes = NODES;
    for (const event of plan) {
      nodes += event === "join" ? 1 : event === "leave" ? -1 : 0;
      assert(nodes >= NODES_MIN && nodes <= NODES_MAX, `${nodes} nodes`);
    }
  }
});

/** Rows of one series; a negative time is the first step of a label. */
function logOf(rows: readonly (readonly [ts: number, hash: number])[]): SeriesRows {
  const all = new SeriesRows();
  for (const row of rows) all.of("log", "S:M1").push(...row);
  return all;
}

Deno.test("rowDifference() finds what is lost, doubled, out of order and other", () => {
  const expected = logOf([[-1, 5], [2, 6], [1, 7], [3, 8]]);
  const of = (rows: readonly (readonly [number, number])[]) => {
    const { lost, doubled, outOfOrder, halves } = rowDifference("log", expected, logOf(rows));
    return { lost, doubled, outOfOrder, halves };
  };
  const none = { lost: 0, doubled: 0, outOfOrder: 0, halves: 0 };
  assertEquals(of([[-1, 5], [2, 6], [1, 7], [3, 8]]), none);
  assertEquals(of([[2, 6], [1, 7], [3, 8]]), { ...none, halves: 1 });
  assertEquals(of([[-1, 5], [2, 6], [1, 7]]), { ...none, lost: 1 });
  assertEquals(of([[-1, 5], [2, 6], [1, 7], [3, 8], [3, 8]]), { ...none, doubled: 1 });
  assertEquals(of([[-1, 5], [2, 6], [1, 7], [3, 9]]), { ...none, lost: 1, doubled: 1 });
  assertEquals(of([[-1, 5], [1, 7], [2, 6], [3, 8]]), { ...none, outOfOrder: 2 });
  assertEquals(of([[2, 6], [1, 7], [-1, 5], [3, 8]]), { ...none, outOfOrder: 1 });
});

Deno.test("nodes that are killed, stopped, joined and left lose, double and disorder nothing", {
  ...ON_REDIS,
}, async () => {
  const result = await runNodesCampaign({
    ...{ labels: 20_000, events: 8, seed: SEED, leaseMs: LEASE_MS },
    ...{ fence: "checked", isCluster: false },
  });
  assertEquals(result.violations, []);
  const { inLog } = result;
  assert(inLog === null || isRight(inLog), JSON.stringify(inLog));
  assertGreaterOrEqual(result.labels, 20_000);
  assertGreaterOrEqual(result.copies, NODES_MIN);
});

Deno.test("nodes without fences write to partitions that are others' by now", {
  ...ON_REDIS,
}, async () => {
  const events: ChaosEvent[] = ["pause", "pause", "pause"];
  for (let tried = 0; tried < UNFENCED_TRIES; tried++) {
    const { inLog, violations } = await runNodesCampaign({
      ...{ labels: 16_000, events, seed: SEED + tried, leaseMs: LEASE_MS },
      ...{ fence: "off", isCluster: false },
    });
    // The copies' own look at what they apply is a fence, too.
    assertEquals(violations, []);
    if (inLog !== null && !isRight(inLog)) return;
  }
  throw new Error(`without fences nothing differs in ${UNFENCED_TRIES} runs`);
});
