/** Who waits for a tick learns of their own clusters; and the rate of changes. */

import { assertEquals } from "@std/assert";
import { ChangeRate } from "../../src/refresh/change_rate.ts";
import {
  CHANGE_WAITERS_MAX,
  ChangeWaiters,
  WAITED_EDGES_MAX,
} from "../../src/refresh/change_waiters.ts";
import type { ChangesTaken } from "../../src/refresh/service_types.ts";

const recorded = { recorded: 1, refused: [] };

Deno.test("ChangeWaiters.settle() tells each of the clusters that hold one of its edges", () => {
  const waiters = new ChangeWaiters();
  const told: ChangesTaken[] = [];
  for (const edgeIds of [["B"], ["X"], ["D", "A", "B"], []]) {
    waiters.add({ recorded, edgeIds, reply: (taken) => void told.push(taken) });
  }
  const ab = { id: "A", members: ["A", "B"], impact: 0.5 };
  const d = { id: "D", members: ["D"], impact: 0.4 };
  waiters.settle([{ ...ab, changes: [] }, { ...d, changes: [] }]);
  assertEquals(told.map(({ impacted }) => impacted), [[ab], [], [ab, d], []]);
  waiters.settle([{ ...ab, changes: [] }]);
  assertEquals([told.length, waiters.size], [4, 0]);
});

Deno.test("ChangeWaiters.hasRoom() bounds who waits, and the edges that they named", () => {
  const waiters = new ChangeWaiters();
  const add = (edges: number) =>
    waiters.add({ recorded, edgeIds: new Array<string>(edges).fill("A"), reply: () => {} });
  add(WAITED_EDGES_MAX - 10);
  assertEquals([waiters.hasRoom(10), waiters.hasRoom(11)], [true, false]);
  waiters.settle([]);
  for (let i = 0; i < CHANGE_WAITERS_MAX; i++) add(1);
  assertEquals(waiters.hasRoom(1), false);
  waiters.settle([]);
  assertEquals(waiters.hasRoom(1), true);
});

Deno.test("ChangeRate.perS() is the mean of the last ten whole seconds", () => {
  const rate = new ChangeRate();
  assertEquals(rate.perS(500), 0);
  rate.add(30, 700);
  assertEquals(rate.perS(999), 0);
  assertEquals(rate.perS(1_000), 30);
  rate.add(10, 1_500);
  assertEquals(rate.perS(2_100), 20);
  assertEquals(rate.perS(10_000), 4);
  // The first second is out of sight, then the second one.
  assertEquals(rate.perS(11_000), 1);
  assertEquals(rate.perS(12_000), 0);
  rate.add(50, 90_000);
  assertEquals(rate.perS(91_000), 5);
});
