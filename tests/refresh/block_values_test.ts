/** Blocks of correlations: their keys, what is in them, and what they cost. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { cacheKeyProblem, symbolOfKey } from "../../src/cache/key.ts";
import type { Found } from "../../src/cache/types.ts";
import {
  BLOCK_MEMBERS_MAX,
  blockKey,
  blockOf,
  type BlockPorts,
  isBlockKey,
  pairKey,
  workOutBlock,
} from "../../src/refresh/block_values.ts";
import { correlationsOf } from "../../src/refresh/correlation.ts";

const found = (correlation: number | null): Found<unknown> => ({
  state: "loaded",
  value: { correlation, returns: 250, fromTs: 0, toTs: 1 },
  tier: "upstream",
  ageMs: 0,
});

const FAILED: Found<unknown> = {
  state: "failed",
  failure: { code: "overload", message: "too much", retryAfterMs: null },
};

function ports(given: Partial<BlockPorts> = {}): BlockPorts {
  return {
    known: null,
    granularityOf: () => "H1",
    read: null,
    turn: () => Promise.resolve(),
    nowMs: () => 0,
    wallMs: 7,
    timeoutMs: 1_000,
    ...given,
  };
}

const cluster = (members: readonly string[]) => ({ id: members[0] ?? "", members });

Deno.test("blockKey() is a key of the cache for any id of an edge", () => {
  assertEquals(blockKey("EUR_USD"), "correlation:EUR_USD:block");
  const ids = ["EUR_USD", "^GSPC", "a b", "run:1", "x".repeat(256), "…", "\u0000", "__proto__"];
  const keys = ids.map(blockKey);
  assertEquals(keys.map(cacheKeyProblem), ids.map(() => null));
  assertEquals(new Set(keys).size, ids.length);
  assert(keys.every(isBlockKey));
  assert(!isBlockKey("correlation:EUR_USD:H1?with=GBP_USD&bars=250"));
  assert(!isBlockKey("label:EUR_USD:block"));
});

Deno.test("pairKey() is the same whichever edge comes first", () => {
  assertEquals(pairKey("B", "A", "H1"), "correlation:A:H1?with=B&bars=250");
  assertEquals(pairKey("A", "B", "H1"), pairKey("B", "A", "H1"));
  assertEquals(symbolOfKey(pairKey("B", "A", "H1")), "A");
});

Deno.test("workOutBlock() has what is known, and reads the pairs that are not", async () => {
  const known = correlationsOf({ kind: "pairs", pairs: [{ a: "A", b: "B", correlation: 0 }] });
  const asked: string[] = [];
  const { block, isComplete } = await workOutBlock(
    cluster(["A", "B", "C"]),
    ports({
      known,
      granularityOf: (a, b) => [a, b].includes("A") ? "H1" : null,
      read: (keys) => {
        asked.push(...keys);
        return Promise.resolve(keys.map(() => found(-0.25)));
      },
    }),
  );
  // A correlation of 0 is known.
  assertEquals(asked, ["correlation:A:H1?with=C&bars=250"]);
  assertEquals(block, {
    clusterId: "A",
    members: ["A", "B", "C"],
    rows: [[1, 0, -0.25], [0, 1, null], [-0.25, null, 1]],
    atMs: 7,
  });
  assert(isComplete);
});

Deno.test("workOutBlock() leaves null what nobody knows, and that is complete", async () => {
  const answers: Found<unknown>[] = [found(null), { state: "missing" }, found(NaN)];
  const { block, isComplete } = await workOutBlock(
    cluster(["A", "B", "C"]),
    ports({ read: () => Promise.resolve(answers) }),
  );
  assertEquals(block.rows, [[1, null, null], [null, 1, null], [null, null, 1]]);
  assert(isComplete);
});

Deno.test("workOutBlock() is not complete when a read failed, or time ran out", async () => {
  const failed = await workOutBlock(
    cluster(["A", "B"]),
    ports({ read: (keys) => Promise.resolve(keys.map(() => FAILED)) }),
  );
  assertEquals([failed.isComplete, failed.block.rows[0]?.[1]], [false, null]);
  let nowMs = 0;
  const members = Array.from({ length: 40 }, (_, i) => `S${String(i).padStart(2, "0")}`);
  const batches: number[] = [];
  const late = await workOutBlock(
    cluster(members),
    ports({
      nowMs: () => nowMs,
      read: (keys, timeoutMs) => {
        batches.push(keys.length);
        assert(timeoutMs <= 1_000 - nowMs);
        nowMs += 400;
        return Promise.resolve(keys.map(() => found(0.5)));
      },
    }),
  );
  assertEquals([late.isComplete, batches], [false, [64, 64, 64]]);
});

Deno.test("workOutBlock() rejects when the cache does, and for a cluster that is too large", async () => {
  await assertRejects(() =>
    workOutBlock(cluster(["A", "B"]), ports({ read: () => Promise.reject(new Error("lost")) }))
  );
  const many = Array.from({ length: BLOCK_MEMBERS_MAX + 1 }, (_, i) => `S${i}`);
  await assertRejects(() => workOutBlock(cluster(many), ports()), RangeError);
});

Deno.test("workOutBlock() lets others go first, now and then", async () => {
  let turns = 0;
  const members = Array.from({ length: 700 }, (_, i) => `S${i}`);
  await workOutBlock(
    cluster(members),
    ports({
      turn: () => {
        turns++;
        return Promise.resolve();
      },
    }),
  );
  // 244,650 pairs, 50,000 a turn.
  assertEquals(turns, 4);
});

Deno.test("blockOf() takes only a block of that cluster with its members", () => {
  const block = { clusterId: "A", members: ["A", "B"], rows: [[1, 0], [0, 1]], atMs: 1 };
  assertEquals(blockOf(block, cluster(["A", "B"])), block);
  assertEquals(blockOf(block, cluster(["A", "B", "C"])), null);
  assertEquals(blockOf(block, cluster(["A", "C"])), null);
  assertEquals(blockOf({ ...block, clusterId: "B" }, cluster(["A", "B"])), null);
  for (const value of [undefined, null, 3, "A", {}, { ...block, rows: [[1]] }]) {
    assertEquals(blockOf(value, cluster(["A", "B"])), null);
  }
});
