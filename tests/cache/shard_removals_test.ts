/** Why the last entries left. */

import { assertEquals } from "@std/assert";
import { RecentRemovals } from "../../src/cache/shard_removals.ts";

Deno.test("RecentRemovals finds the last removal of a key and forgets the oldest", () => {
  const removals = new RecentRemovals(3);
  removals.add("a", "evicted", 10);
  removals.add("a", "expired", 20);
  assertEquals(removals.find("a", 50), { cause: "expired", agoMs: 30 });
  removals.add("b", "invalidated", 30);
  removals.add("c", "flushed", 40);
  removals.add("d", "evicted", 50);
  assertEquals(removals.find("a", 50), null);
  assertEquals(removals.find("b", 50), { cause: "invalidated", agoMs: 20 });
  assertEquals(removals.find("d", 50), { cause: "evicted", agoMs: 0 });
  assertEquals(removals.find("e", 50), null);
});
