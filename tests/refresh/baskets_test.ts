import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { BasketGrowth, type GrowingSets } from "../../src/refresh/baskets.ts";
import { seedOf } from "../actor/seed.ts";

/** Edges and sets, as plain as can be; a set that comes twice fails the test. */
class Plain implements GrowingSets {
  readonly edges = new Map<string, number>();
  readonly members = new Map<string, readonly string[]>();
  get sets(): number {
    return this.members.size;
  }
  hasEdge(edgeId: string): boolean {
    return this.edges.has(edgeId);
  }
  hasSet(setId: string): boolean {
    return this.members.has(setId);
  }
  addEdge({ edgeId, value }: { edgeId: string; value: number }): void {
    assert(!this.edges.has(edgeId));
    this.edges.set(edgeId, value);
  }
  addSet(setId: string, members: readonly string[]): void {
    assert(!this.members.has(setId) && members.every((edgeId) => this.edges.has(edgeId)));
    this.members.set(setId, members);
  }
}

function allOf(into: Plain, growth: BasketGrowth): void {
  while (growth.isGrowing) growth.grow(into, 7);
}

Deno.test("BasketGrowth: all baskets of all instruments, none twice, whatever order they came in", () => {
  const random = seededRandom(seedOf("baskets_test"));
  const names = [..."ABCDEFGHI"];
  for (const size of [2, 3, 4]) {
    const into = new Plain(), growth = new BasketGrowth({ size, setsMax: 10_000 });
    const left = [...names];
    while (left.length > 0) {
      const moved = left.splice(0, 1 + Math.floor(random.next() * 3)).reverse();
      growth.offer(moved.map((edgeId) => ({ edgeId, value: 1 })));
      // What came before changes nothing.
      growth.offer([{ edgeId: names[0] as string, value: 2 }]);
      if (random.next() < 0.5) growth.grow(into, 5);
    }
    allOf(into, growth);
    const right = names.reduce<string[][]>(
      (sets, name) => [...sets, ...sets.map((set) => [...set, name])],
      [[]],
    ).filter((set) => set.length === size).map((set) => set.join("+"));
    assertEquals([...into.members.keys()].sort(), right.sort());
  }
});

Deno.test("BasketGrowth at its bound: baskets of those that came first, later ones are edges alone", () => {
  const into = new Plain(), growth = new BasketGrowth({ size: 2, setsMax: 4 });
  growth.offer([..."CAB"].map((edgeId) => ({ edgeId, value: 1 })));
  growth.offer([{ edgeId: "D", value: 4 }, { edgeId: "E", value: 5 }]);
  allOf(into, growth);
  assertEquals([...into.members.keys()], ["A+B", "A+C", "B+C", "A+D"]);
  assertEquals([into.edges.size, into.edges.get("E")], [5, 5]);
});

Deno.test("BasketGrowth begun anew adds what its predecessor had not come to", () => {
  const into = new Plain(), first = new BasketGrowth({ size: 3, setsMax: 1_000 });
  const all = [..."ABCDEF"].map((edgeId) => ({ edgeId, value: 1 }));
  first.offer(all);
  for (let slice = 0; slice < 3; slice++) first.grow(into, 5);
  const before = into.sets;
  assert(before > 0 && before < 20);
  const second = new BasketGrowth({ size: 3, setsMax: 1_000 });
  second.offer(all);
  allOf(into, second);
  assertEquals(into.sets, 20);
});

Deno.test("BasketGrowth: the latest value of one that waits, and nothing of one taken out", () => {
  const into = new Plain(), growth = new BasketGrowth({ size: 2, setsMax: 1_000 });
  growth.offer([{ edgeId: "A", value: 1 }, { edgeId: "B", value: 1 }]);
  growth.offer([{ edgeId: "B", value: 3 }]);
  allOf(into, growth);
  assertEquals(into.edges.get("B"), 3);
  into.edges.delete("A");
  into.members.clear();
  growth.offer([{ edgeId: "A", value: 1 }, { edgeId: "C", value: 1 }]);
  allOf(into, growth);
  assertEquals([[...into.members.keys()], into.edges.has("A")], [["B+C"], false]);
});
