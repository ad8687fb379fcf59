import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { CandidateSets } from "../../src/refresh/candidate_sets.ts";
import { InvertedIndex } from "../../src/refresh/inverted_index.ts";
import { seedOf } from "../actor/seed.ts";

const EDGES = 50;

const rowOf = (index: InvertedIndex, edge: number) =>
  [...index.row.subarray(0, index.read(edge))].sort((a, b) => a - b);

Deno.test("InvertedIndex agrees with a look at all sets, through overlay and compressions", () => {
  const random = seededRandom(seedOf("inverted_index_test"));
  const index = new InvertedIndex(), sets = new CandidateSets();
  const alive: number[] = [];
  let compressions = 0;
  for (let i = 0; i < 8_000; i++) {
    if (alive.length === 0 || random.next() < (i < 4_000 ? 0.7 : 0.45)) {
      const edges = new Set<number>();
      while (edges.size < 5) edges.add(Math.floor(random.next() * EDGES));
      const set = sets.add(`s${i}`, [...edges]);
      index.add(set, sets.membersOf(set));
      alive.push(set);
    } else {
      const [set] = alive.splice(Math.floor(random.next() * alive.length), 1) as [number];
      index.remove(set, sets.membersOf(set));
      sets.remove(set);
    }
    if (index.isDue) {
      index.invariant(sets);
      index.rebuild(sets, EDGES);
      compressions++;
    }
    if (i % 1_000 === 0) index.invariant(sets);
  }
  assert(compressions > 2, `${compressions}`);
  for (let edge = 0; edge < EDGES; edge++) {
    const expected = alive.filter((set) => sets.membersOf(set).includes(edge));
    const row = [...rowOf(index, edge)];
    assertEquals(row, expected.sort((a, b) => a - b));
    assertEquals(index.degree(edge), expected.length);
  }
  const rebuilt = new InvertedIndex();
  rebuilt.rebuild(sets, EDGES);
  rebuilt.invariant(sets);
  assertEquals(rebuilt.overlayCount, 0);
  for (let edge = 0; edge < EDGES; edge++) {
    assertEquals(rowOf(rebuilt, edge), rowOf(index, edge));
  }
});

Deno.test("InvertedIndex brings a removed pair back in its place", () => {
  const index = new InvertedIndex(), sets = new CandidateSets(), members = [1, 2];
  const set = sets.add("a", members);
  index.rebuild(sets, 3);
  index.remove(set, Uint32Array.from(members));
  assertEquals([index.overlayCount, index.read(1), index.count], [2, 0, 0]);
  index.add(set, Uint32Array.from(members));
  assertEquals([index.overlayCount, rowOf(index, 1).length], [0, 1]);
  index.invariant(sets);
});

Deno.test("InvertedIndex.invariant() finds a set that it was not told of", () => {
  const index = new InvertedIndex(), sets = new CandidateSets();
  sets.add("a", [0]);
  assertThrows(() => index.invariant(sets), Error, "1 pairs, not 0");
  assertThrows(() => index.remove(0, Uint32Array.of(0)), Error, "in its row");
});
