import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { partitionOf, PARTITIONS } from "../../src/market/partition.ts";
import { partitionOwners } from "../../src/market/spread.ts";

/** Partitions of each worker. */
function shares(workers: number): number[] {
  const counts = new Array<number>(workers).fill(0);
  for (const owner of partitionOwners(workers)) counts[owner] = (counts[owner] as number) + 1;
  return counts;
}

Deno.test("partitionOwners() gives shares that differ by one partition at most", () => {
  for (let workers = 1; workers <= PARTITIONS; workers++) {
    const counts = shares(workers);
    assertEquals(counts.length, workers);
    assert(Math.max(...counts) - Math.min(...counts) <= 1, `${workers}: ${counts}`);
  }
});

Deno.test("partitionOwners() of one worker more moves its share to it and nothing else", () => {
  for (let workers = 1; workers < PARTITIONS; workers++) {
    const before = partitionOwners(workers), after = partitionOwners(workers + 1);
    const moved = [...after.keys()].filter((at) => after[at] !== before[at]);
    assert(moved.every((at) => after[at] === workers), `${workers + 1} workers`);
    assertEquals(moved.length, Math.floor(PARTITIONS / (workers + 1)));
  }
});

Deno.test("partitionOwners() is the same in whatever order it is asked", () => {
  const eight = [...partitionOwners(8)];
  partitionOwners(3);
  assertEquals([...partitionOwners(8)], eight);
  // Made by hand from the rule: of two, the second has every other partition.
  assertEquals([...partitionOwners(2).subarray(0, 6)], [0, 1, 0, 1, 0, 1]);
});

Deno.test("partitionOwners() spreads names that differ in few letters over few workers", () => {
  const names = Array.from({ length: 4_000 }, (_, i) => `SYM${i}:M1`);
  // 99.9 % of random spreads stay below 10.8, 13.8, 16.3 and 24.3 (1, 2, 3 and 7 degrees), and the
  // shares of three workers differ by one partition, which is 16 names.
  for (const [workers, bound] of [[2, 10.8], [3, 14.5], [4, 16.3], [8, 24.3]] as const) {
    const owners = partitionOwners(workers);
    const counts = new Array<number>(workers).fill(0);
    for (const name of names) {
      const owner = owners[partitionOf(name)] as number;
      counts[owner] = (counts[owner] as number) + 1;
    }
    const expected = names.length / workers;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assertLess(chiSquare, bound, `${workers} workers: ${counts}`);
  }
});

Deno.test("partitionOwners() refuses no workers and more than there are partitions", () => {
  for (const workers of [0, -1, 1.5, 257, NaN]) {
    assertThrows(() => partitionOwners(workers), RangeError, `current value is ${workers}`);
  }
});
