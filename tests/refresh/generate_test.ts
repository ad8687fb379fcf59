import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  combinations,
  combinationsCount,
  generatedCount,
  generatedSets,
  setIdOf,
} from "../../src/refresh/generate.ts";

const ids = (count: number) =>
  Array.from({ length: count }, (_, i) => `e${String(i).padStart(3, "0")}`);

/** All subsets of a size, by bits: slow, and ascending in another way. */
function subsets(count: number, size: number): Set<string> {
  const all = new Set<string>();
  for (let bits = 0; bits < 1 << count; bits++) {
    const picked = ids(count).filter((_, i) => bits >> i & 1);
    if (picked.length === size) all.add(picked.join("+"));
  }
  return all;
}

Deno.test("combinations: as many as the binomial says, ascending, none twice", () => {
  // Pascal's triangle, row 6, and a poker hand.
  assertEquals([0, 1, 2, 3, 6, 7].map((k) => combinationsCount(6, k)), [1, 6, 15, 20, 1, 0]);
  assertEquals(combinationsCount(52, 5), 2_598_960);
  assertEquals(combinationsCount(5_000, 8), Number.MAX_SAFE_INTEGER);
  assertEquals([...combinations(4, 2)].map(String), ["0,1", "0,2", "0,3", "1,2", "1,3", "2,3"]);
  assertEquals([...combinations(2, 3)], []);
});

Deno.test("generatedSets of combinations: all of them in the order of ids, whatever order edges came in", () => {
  const generator = { kind: "combinations", size: 3, setsMax: 1_000 } as const;
  const sets = [...generatedSets(ids(7).reverse(), generator)].map(({ setId }) => setId);
  assertEquals(sets, [...subsets(7, 3)].sort());
  const some = [...generatedSets(ids(7), { ...generator, setsMax: 5 })];
  assertEquals(some.map(({ setId }) => setId), sets.slice(0, 5));
});

Deno.test("generatedSets takes one set at a time: the first of a hundred million costs nothing", () => {
  const generator = { kind: "combinations", size: 5, setsMax: 1_000_000 } as const;
  const first = generatedSets(ids(300), generator).next();
  assert(first.done !== true);
  assertEquals(first.value.members, ["e000", "e001", "e002", "e003", "e004"]);
});

Deno.test("generatedSets at random: different ones, the same by the same seed, all when all are wanted", () => {
  const of = (sets: number, seed: number, edges = 10) =>
    [...generatedSets(ids(edges), { kind: "random", size: 3, sets, seed })].map(({ setId }) =>
      setId
    );
  // 120 in all: few are drawn, many are sampled.
  for (const count of [1, 20, 59, 60, 100, 119]) {
    const sets = of(count, 7);
    assertEquals([sets.length, new Set(sets).size], [count, count]);
    assert(sets.every((setId) => subsets(10, 3).has(setId)));
    assertEquals(of(count, 7), sets);
    assertNotEquals(of(count, 8), sets);
  }
  assertEquals(new Set(of(500, 7)), subsets(10, 3));
  assertEquals(generatedCount(10, { kind: "random", size: 3, sets: 500, seed: 7 }), 120);
});

Deno.test("generatedSets at random takes each edge about as often", () => {
  const seen = new Map<string, number>();
  for (
    const { members } of generatedSets(ids(20), { kind: "random", size: 4, sets: 2_000, seed: 1 })
  ) {
    for (const member of members) seen.set(member, (seen.get(member) ?? 0) + 1);
  }
  // 400 of each are expected, with a deviation of 18 at the most.
  for (const [edgeId, count] of seen) assert(Math.abs(count - 400) < 90, `${edgeId}: ${count}`);
  assertEquals(seen.size, 20);
});

Deno.test("setIdOf: members joined, no two sets alike, a hash where that is too long", () => {
  assertEquals(setIdOf(["EUR_USD", "USD_JPY"]), "EUR_USD+USD_JPY");
  assertNotEquals(setIdOf(["a+b", "c"]), setIdOf(["a", "b+c"]));
  assertNotEquals(setIdOf(["a%2Bb"]), setIdOf(["a+b"]));
  const long = [..."abcdefgh"].map((letter) => letter.repeat(40));
  const id = setIdOf(long);
  assert(id.length <= 256 && id.startsWith("set:"));
  assertEquals(setIdOf(long), id);
  const others = new Set(Array.from({ length: 20_000 }, (_, i) => setIdOf([...long, String(i)])));
  assertEquals(others.size, 20_000);
});

Deno.test("generatedSets refuses sizes and counts out of range", () => {
  const first = (generator: Parameters<typeof generatedSets>[1]) => () =>
    generatedSets(ids(9), generator).next();
  assertThrows(first({ kind: "combinations", size: 0, setsMax: 1 }), Error, "Cannot generate sets");
  assertThrows(first({ kind: "combinations", size: 65, setsMax: 1 }), Error, "1 to 64 members");
  assertThrows(first({ kind: "random", size: 2, sets: 2e6, seed: 0 }), Error, "1000000 sets");
});
