import { assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { CandidateSets, MEMBERS_MAX } from "../../src/refresh/candidate_sets.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("CandidateSets agrees with a Map over random additions and removals", () => {
  const random = seededRandom(seedOf("candidate_sets_test"));
  const sets = new CandidateSets(), twin = new Map<string, number[]>();
  for (let i = 0; i < 6_000; i++) {
    const grows = Math.floor(i / 1_500) % 2 === 0;
    if (twin.size === 0 || random.next() < (grows ? 0.7 : 0.3)) {
      // Sizes change with time, so that unused room does not fit.
      const size = 1 + Math.floor(random.next() * 6) + Math.floor(i / 1_500) * 9;
      const members = Array.from({ length: size }, (_, n) => n * 7 + i % 7);
      sets.add(`s${i}`, members);
      twin.set(`s${i}`, members);
    } else {
      const id = [...twin.keys()][Math.floor(random.next() * twin.size)] as string;
      sets.remove(sets.handleOf(id) as number);
      twin.delete(id);
    }
    if (i % 300 === 0) sets.invariant();
  }
  assertEquals(sets.count, twin.size);
  for (const [id, members] of twin) {
    assertEquals([...sets.membersOf(sets.handleOf(id) as number)], members);
  }
});

Deno.test("CandidateSets gives the handle and the room of a removed set again", () => {
  const sets = new CandidateSets(), a = sets.add("a", [1, 2, 3]);
  sets.add("b", [4, 5, 6]);
  sets.remove(a);
  assertEquals(sets.isAlive(a), false);
  assertEquals(sets.add("c", [7, 8, 9]), a);
  assertEquals([sets.ids[a], sets.limit], ["c", 2]);
  sets.invariant();
});

Deno.test("CandidateSets refuses what is no set", () => {
  const sets = new CandidateSets(), many = Array.from({ length: MEMBERS_MAX + 1 }, (_, i) => i);
  const a = sets.add("run_1", [1]);
  assertThrows(() => sets.add("run_1", [2]), Error, "an id that is free");
  assertThrows(() => sets.add("x", []), Error, "1 to 64 members");
  assertThrows(() => sets.add("x", many), Error, "current value is 65");
  assertThrows(() => sets.add("x", [1, 2, 1]), Error, "each member once");
  assertEquals(sets.handleOf("run_10"), undefined);
  sets.remove(a);
  assertThrows(() => sets.remove(a), Error, "the handle of a living one");
});
