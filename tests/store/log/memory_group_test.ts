/** Leases of the group by a clock that jumps; the twin in Lua goes by that of Redis. */

import { assertEquals } from "@std/assert";
import { MemoryGroup } from "../../../src/store/log/memory_group.ts";

const LEASE_MS = 2_000;
const HOUR_MS = 3_600_000;

function infoOf(node: string) {
  const about = { region: "", url: null, version: "1", startedMs: 0 };
  return { node, session: `s-${node}`, ...about, isLeaving: false, applied: 0 };
}

for (const jumpMs of [HOUR_MS, -HOUR_MS]) {
  const how = jumpMs > 0 ? "forward" : "back";
  Deno.test(`MemoryGroup: a clock that jumps ${how} by an hour costs nobody a lease, nor lengthens one`, () => {
    let nowMs = 1_700_000_000_000;
    const group = new MemoryGroup(() => nowMs);
    const beat = (name: string) => assertEquals(group.beat(infoOf(name), LEASE_MS), null);
    const lefts = () => group.view().nodes.map(({ node, leftMs }) => [node, leftMs]);
    beat("a");
    nowMs += 300;
    beat("b");
    nowMs += jumpMs;
    assertEquals(lefts(), [["a", 1_700], ["b", 2_000]]);
    beat("b");
    for (let passedMs = 100; passedMs < 1_700; passedMs += 100) {
      nowMs += 100;
      beat("b");
      assertEquals(lefts(), [["a", 1_700 - passedMs], ["b", 2_000]]);
    }
    nowMs += 100;
    assertEquals(lefts(), [["b", 1_900]]);
  });
}
