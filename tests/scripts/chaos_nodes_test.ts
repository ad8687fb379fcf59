/** `deno task chaos:nodes`, small: nodes that are killed and stopped lose nothing; without fences they do. */

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { runNodesCampaign } from "../../scripts/chaos_nodes/campaign.ts";
import { OwnerHistory, type OwnersView } from "../../scripts/chaos_nodes/owners.ts";
import { EVENTS, NODES, NODES_MAX, NODES_MIN, planOf } from "../../scripts/chaos_nodes/plan.ts";
import { isRight, rowDifference, SeriesRows } from "../../scripts/chaos_nodes/rows.ts";
import { GROUP_BOUNDS } from "../../src/store/log/port.ts";
import { serviceOrSkip } from "../support/services.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`chaos_nodes_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const LEASE_MS = 500;
/** The parser of Redis' answers shrinks its memory by an interval of its own, which outlives a test. */
const ON_REDIS = { ...serviceOrSkip("redis"), sanitizeOps: false, sanitizeResources: false };
/** A node that sleeps must have been at work to write when it wakes: not every pause finds it so. */
const UNFENCED_PAUSES = 8;

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
  assertEquals(logOf([[-1, 5], [1, 5], [2, 6], [1, 7]]).repeated("log"), 0);
  assertEquals(logOf([[1, 5], [2, 6], [1, 5], [1, 5]]).repeated("log"), 2);
});

const SESSIONS = { a: "session-a", b: "session-b", c: "session-c" } as const;
type Name = keyof typeof SESSIONS;

/** A look at the group; moves are `[atMs, from, to]` of partition 7, newest first. */
function looked(
  atMs: number,
  moves: readonly (readonly [atMs: number, from: Name | null, to: Name | null])[],
  owner: readonly [node: Name, sinceMs: number] | null = null,
): OwnersView {
  const about = { region: "", url: null, version: "", startedMs: 0, isLeaving: false, applied: 0 };
  const nodes = (["a", "b", "c"] as const).map((node) => ({
    ...{ node, session: SESSIONS[node], leftMs: 1, ...about },
  }));
  const [node, sinceMs] = owner ?? [];
  return {
    ...{ atMs, nodes },
    owners: node === undefined || sinceMs === undefined
      ? []
      : [{ partition: 7, node, session: SESSIONS[node], token: 1, sinceMs }],
    moves: moves.map(([atMs, from, to]) => ({ atMs, partitions: [7], from, to, why: "handed" })),
  };
}

function found(history: OwnerHistory, writes: readonly (readonly [Name, number])[]) {
  for (const [node, atMs] of writes) history.wrote(7, SESSIONS[node], atMs);
  const { judged, unjudged, stale } = history.findings;
  return { judged, unjudged, stale };
}

Deno.test("OwnerHistory holds writes against who owned the partition then", () => {
  const history = new OwnerHistory();
  assertEquals(history.saw(looked(50, [[20, "a", "b"], [10, null, "a"]])).length, 2);
  assertEquals(found(history, [["a", 15], ["b", 25]]), { judged: 2, unjudged: 0, stale: 0 });
  assertEquals(found(history, [["b", 15], ["a", 25]]), { judged: 4, unjudged: 0, stale: 2 });
  assertEquals(found(history, [["a", 5]]), { judged: 5, unjudged: 0, stale: 3 });
  assertEquals(history.findings.examples[1], "partition 7 of b at 25: written to by a");
});

Deno.test("OwnerHistory accepts either owner in the ms of a move, and no third", () => {
  const history = new OwnerHistory();
  // Let go and taken within a ms, told of newest first.
  history.saw(looked(50, [[20, null, "b"], [20, "a", null], [10, null, "a"]]));
  const writes = [["a", 20], ["b", 20], ["b", 21]] as const;
  assertEquals(found(history, writes), { judged: 3, unjudged: 0, stale: 0 });
  assertEquals(found(history, [["c", 20], ["a", 21]]), { judged: 5, unjudged: 0, stale: 2 });
});

Deno.test("OwnerHistory judges no write before the group was seen later than it", () => {
  const history = new OwnerHistory();
  history.saw(looked(50, [[10, null, "a"]]));
  assertEquals(found(history, [["b", 60], ["a", 50]]), { judged: 0, unjudged: 2, stale: 0 });
  const moves = [[55, "a", "b"], [10, null, "a"]] as const;
  assertEquals(history.saw(looked(60, moves)).map(({ to }) => to), ["b"]);
  assertEquals(found(history, []), { judged: 1, unjudged: 1, stale: 0 });
  history.saw(looked(70, moves));
  assertEquals(found(history, []), { judged: 2, unjudged: 0, stale: 0 });
});

Deno.test("OwnerHistory does not judge what it has missed the moves of", () => {
  const full = (atMs: number) =>
    Array.from(
      { length: GROUP_BOUNDS.moves },
      (_, i) => [atMs - i, i % 2 === 0 ? "a" : "b", i % 2 === 0 ? "b" : "a"] as const,
    );
  const history = new OwnerHistory();
  history.saw(looked(50, [[10, null, "c"]]));
  // The first of those that are told of: at 937, from b to a.
  history.saw(looked(2_000, full(1_000)));
  assertEquals(found(history, [["a", 60], ["b", 900]]), { judged: 0, unjudged: 2, stale: 0 });
  assertEquals(found(history, [["c", 49], ["a", 1_000]]), { judged: 2, unjudged: 2, stale: 0 });
  assertEquals(found(history, [["a", 1_001], ["c", 940]]), { judged: 4, unjudged: 2, stale: 2 });
});

Deno.test("OwnerHistory believes an owner since when it has been one, whatever it has missed", () => {
  const others = Array.from({ length: GROUP_BOUNDS.moves }, (_, i) => ({
    ...{ atMs: 1_000 - i, partitions: [8], from: "a", to: "b", why: "handed" as const },
  }));
  const early = new OwnerHistory();
  early.saw({ ...looked(2_000, [], ["a", 100]), moves: others });
  assertEquals(found(early, [["a", 101], ["b", 101]]), { judged: 2, unjudged: 0, stale: 1 });
  assertEquals(found(early, [["a", 99]]), { judged: 2, unjudged: 1, stale: 1 });
  const late = new OwnerHistory();
  late.saw(looked(200, [[100, null, "a"]], ["a", 100]));
  late.saw({ ...looked(2_000, [], ["a", 100]), moves: others });
  assertEquals(found(late, [["a", 500], ["c", 500]]), { judged: 2, unjudged: 0, stale: 1 });
});

Deno.test("nodes that are killed, stopped, joined and left lose, double and disorder nothing", {
  ...ON_REDIS,
}, async () => {
  const result = await runNodesCampaign({
    ...{ labels: 20_000, events: 5, seed: SEED, leaseMs: LEASE_MS },
    ...{ fence: "checked", isCluster: false },
  });
  assertEquals(result.violations, []);
  const { inLog, owners } = result;
  // Rows of commits that follow on one that was refused are there again.
  assert(inLog === null || inLog.lost + inLog.outOfOrder === 0, JSON.stringify(inLog));
  assertEquals(owners.examples, []);
  assertEquals(owners.stale, 0);
  assertGreaterOrEqual(owners.judged, 19 * owners.unjudged);
  assertGreaterOrEqual(result.labels, 20_000);
  assertGreaterOrEqual(result.copies, NODES_MIN);
});

Deno.test("nodes without fences write to partitions that are others' by now", {
  ...ON_REDIS,
}, async () => {
  const { inLog, owners, violations } = await runNodesCampaign({
    ...{ labels: 20_000, events: Array(UNFENCED_PAUSES).fill("pause"), seed: SEED },
    ...{ leaseMs: LEASE_MS, fence: "off", isCluster: false },
    isEnough: ({ stale }, rows) => stale > 0 && rows.repeated("log") > 0,
  });
  // The copies' own look at what they apply is a fence, too.
  assertEquals(violations, []);
  assertGreaterOrEqual(owners.stale, 1);
  assert(inLog !== null && !isRight(inLog), JSON.stringify(inLog));
});
