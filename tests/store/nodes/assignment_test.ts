import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { seededRandom } from "../../../src/actor/clock.ts";
import { PARTITIONS } from "../../../src/market/partition.ts";
import {
  type AssignedNode,
  assignPartitions,
  parsePin,
  type PartitionPin,
  pinText,
} from "../../../src/store/nodes/assignment.ts";

const NOBODY: readonly null[] = new Array(PARTITIONS).fill(null);

function nodesOf(...names: string[]): AssignedNode[] {
  return names.map((node) => ({ node, region: "" }));
}

function counts(owners: readonly (string | null)[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const owner of owners) if (owner !== null) found.set(owner, (found.get(owner) ?? 0) + 1);
  return found;
}

function moved(before: readonly (string | null)[], after: readonly (string | null)[]): number[] {
  return [...after.keys()].filter((p) => before[p] !== after[p]);
}

/** The shares of n nodes, from the sum they must make. */
function assertEven(owners: readonly (string | null)[], nodes: readonly AssignedNode[]): void {
  const found = counts(owners);
  assertEquals([...found.keys()].sort(), nodes.map(({ node }) => node).sort());
  const shares = [...found.values()];
  assertEquals(shares.reduce((sum, share) => sum + share), PARTITIONS);
  const most = Math.max(...shares);
  assertLessOrEqual(most - Math.min(...shares), 1);
  assert(most / (PARTITIONS / nodes.length) <= 1.02 || most === Math.ceil(256 / nodes.length));
}

Deno.test("assignPartitions() is even for 1 to 64 nodes", () => {
  for (let n = 1; n <= 64; n++) {
    const nodes = nodesOf(...Array.from({ length: n }, (_, i) => `node-${i}`));
    assertEven(assignPartitions(nodes, NOBODY).owners, nodes);
  }
});

Deno.test("assignPartitions() gives the largest share of up to ten nodes at most 1.02 of the mean", () => {
  // By hand: ceil(256 / n) / (256 / n) for the n where that is within 1.02.
  for (const [n, most] of [[2, 128], [3, 86], [4, 64], [5, 52], [7, 37], [8, 32]] as const) {
    const nodes = nodesOf(...Array.from({ length: n }, (_, i) => `host-${i}:8003`));
    const shares = [...counts(assignPartitions(nodes, NOBODY).owners).values()];
    assertEquals(Math.max(...shares), most);
  }
});

Deno.test("assignPartitions() gives nothing to nobody", () => {
  assertEquals(assignPartitions([], NOBODY).owners, NOBODY);
});

Deno.test("assignPartitions() is the same in whatever order nodes are listed", () => {
  const seed = 7, random = seededRandom(seed);
  const nodes = nodesOf("a", "b", "c", "d", "e");
  const expected = assignPartitions(nodes, NOBODY).owners;
  for (let i = 0; i < 20; i++) {
    const shuffled = nodes.map((node) => ({ node, at: random.next() }))
      .sort((a, b) => a.at - b.at).map(({ node }) => node);
    assertEquals(assignPartitions(shuffled, NOBODY).owners, expected);
  }
});

Deno.test("assignPartitions() over random joins and leaves moves no more than it must", () => {
  const seed = Math.floor(Math.random() * 2 ** 32), random = seededRandom(seed);
  let nodes = nodesOf("first"), owners = assignPartitions(nodes, NOBODY).owners, made = 0;
  for (let step = 0; step < 400; step++) {
    const joins = nodes.length === 1 || (nodes.length < 64 && random.next() < 0.5);
    const before = owners;
    if (joins) {
      const name = `n${made++}`;
      nodes = [...nodes, { node: name, region: "" }];
      owners = assignPartitions(nodes, before).owners;
      const gone = moved(before, owners);
      assert(gone.every((p) => owners[p] === name), `seed ${seed}: a join moved between others`);
      assertLessOrEqual(gone.length, Math.ceil(PARTITIONS / nodes.length));
    } else {
      const leaver = nodes[Math.floor(random.next() * nodes.length)] as AssignedNode;
      nodes = nodes.filter((node) => node !== leaver);
      owners = assignPartitions(nodes, before).owners;
      const gone = moved(before, owners);
      assert(gone.every((p) => before[p] === leaver.node), `seed ${seed}: a leave moved others`);
    }
    assertEven(owners, nodes);
    // What is decided is what one would decide again.
    assertEquals(assignPartitions(nodes, owners).owners, owners, `seed ${seed}`);
  }
});

Deno.test("assignPartitions() halfway through the moves decides the same", () => {
  const seed = Math.floor(Math.random() * 2 ** 32), random = seededRandom(seed);
  for (let round = 0; round < 100; round++) {
    const names = Array.from({ length: 1 + Math.floor(random.next() * 12) }, (_, i) => `n${i}`);
    const some = () => names[Math.floor(random.next() * (names.length + 3))] ?? null;
    const pins: PartitionPin[] = random.next() < 0.5 ? [] : [{ from: 10, to: 90, region: "r1" }];
    const nodes = names.map((node, i) => ({ node, region: `r${i % 3}` }));
    const before = Array.from({ length: PARTITIONS }, some);
    const target = assignPartitions(nodes, before, pins).owners;
    const halfway = before.map((owner, p) => random.next() < 0.5 ? target[p] ?? null : owner);
    assertEquals(assignPartitions(nodes, halfway, pins).owners, target, `seed ${seed}`);
  }
});

Deno.test("assignPartitions() keeps pins while a node of the region lives, and evens out the rest", () => {
  const pins = [{ from: 0, to: 64, region: "eu" }, { from: 200, to: 210, region: "us" }];
  const nodes = [
    { node: "a", region: "eu" },
    { node: "b", region: "eu" },
    { node: "c", region: "us" },
    { node: "d", region: "" },
  ];
  const { owners, unheld } = assignPartitions(nodes, NOBODY, pins);
  assertEquals(unheld, []);
  for (let p = 0; p < 64; p++) assert(owners[p] === "a" || owners[p] === "b");
  for (let p = 200; p < 210; p++) assertEquals(owners[p], "c");
  assertEquals([...counts(owners).values()], [64, 64, 64, 64]);
});

Deno.test("assignPartitions() lets a region have more than its share where pins say so", () => {
  const nodes = [{ node: "a", region: "eu" }, { node: "b", region: "us" }];
  const { owners } = assignPartitions(nodes, NOBODY, [{ from: 0, to: 200, region: "eu" }]);
  assertEquals(Object.fromEntries(counts(owners)), { a: 200, b: 56 });
});

Deno.test("assignPartitions() says which pins nobody can hold, and divides their partitions", () => {
  const pin = { from: 0, to: 128, region: "mars" };
  const nodes = nodesOf("a", "b");
  const { owners, unheld } = assignPartitions(nodes, NOBODY, [pin]);
  assertEquals(unheld, [pin]);
  assertEven(owners, nodes);
});

Deno.test("assignPartitions() refuses pins that overlap or are out of range", () => {
  const from = (...pins: PartitionPin[]) => () => assignPartitions([], NOBODY, pins);
  assertThrows(from({ from: 0, to: 9, region: "a" }, { from: 8, to: 9, region: "b" }), RangeError);
  assertThrows(from({ from: 0, to: 257, region: "a" }), RangeError, "0-256=a");
  assertThrows(from({ from: 5, to: 5, region: "a" }), RangeError);
});

Deno.test("parsePin() reads what pinText() writes", () => {
  assertEquals(parsePin("0-63=eu"), { from: 0, to: 64, region: "eu" });
  assertEquals(parsePin("7=us-east"), { from: 7, to: 8, region: "us-east" });
  assertEquals(pinText({ from: 0, to: 64, region: "eu" }), "0-63=eu");
  assertEquals(pinText(parsePin("7=eu")), "7=eu");
  for (const bad of ["", "eu", "0-63", "63-0=eu", "0-256=eu", "a-b=eu", "1.5=eu"]) {
    assertThrows(() => parsePin(bad), RangeError, "Cannot pin partitions");
  }
});
