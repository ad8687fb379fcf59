import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { ChunkFailures } from "../../src/batch/chunk_failures.ts";
import { Heap } from "../../src/batch/chunk_heap.ts";
import { chunkSizes, nearestSize } from "../../src/batch/chunk_sizes.ts";
import { ChunkTimes } from "../../src/batch/chunk_times.ts";
import { seedOf } from "../actor/seed.ts";

const near = (value: number, expected: number, ratio: number) =>
  assert(Math.abs(value / expected - 1) < ratio, `${value} is not about ${expected}`);

Deno.test("chunkSizes() doubles in four steps and includes both bounds", () => {
  assertEquals(chunkSizes(10, 80), [10, 12, 14, 17, 20, 24, 28, 34, 40, 48, 57, 67, 80]);
  assertEquals(chunkSizes(1, 8), [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(chunkSizes(10, 500).length, 24);
  assertEquals(chunkSizes(7, 7), [7]);
  assertEquals(chunkSizes(7, 8), [7, 8]);
});

Deno.test("nearestSize() is nearest by ratio", () => {
  const sizes = [10, 20, 40];
  assertEquals([1, 14, 15, 28, 29, 1_000].map((items) => nearestSize(sizes, items)), [
    0,
    0,
    1,
    1,
    2,
    2,
  ]);
});

Deno.test("ChunkFailures finds the rate of items, from chunks of one size or of many", () => {
  const random = seededRandom(seedOf("ChunkFailures"));
  for (const p of [0.0002, 0.005, 0.02]) {
    for (const sizeOf of [() => 40, () => 1 + Math.floor(random.next() * 200)]) {
      const failures = new ChunkFailures();
      let sum = 0, failed = 0;
      for (let i = 0; i < 40_000; i++) {
        const items = sizeOf();
        const ok = random.next() < (1 - p) ** items;
        failures.record(items, ok);
        if (i < 10_000) continue;
        sum += failures.ratio;
        if (!ok) failed++;
      }
      // Five standard deviations of a count of failures, and a little for steps of the method.
      near(sum / 30_000, p, 5 / Math.sqrt(failed) + 0.03);
    }
  }
});

Deno.test("ChunkFailures sees through chunks that nearly all fail", () => {
  const random = seededRandom(seedOf("ChunkFailures, large"));
  const failures = new ChunkFailures();
  let sum = 0;
  for (let i = 0; i < 40_000; i++) {
    // 92 of 100 fail: counted as one each, the rate would be 0.0018.
    failures.record(500, random.next() < 0.995 ** 500);
    if (i >= 10_000) sum += failures.ratio;
  }
  near(sum / 30_000, 0.005, 0.15);
});

Deno.test("ChunkFailures is 0 without failures, and forgets them", () => {
  const failures = new ChunkFailures();
  for (let i = 0; i < 50; i++) failures.record(10, true);
  assertEquals(failures.ratio, 0);
  for (let i = 0; i < 20; i++) failures.record(10, false);
  assert(failures.ratio > 0.025, String(failures.ratio));
  for (let i = 0; i < 1_000; i++) failures.record(10, true);
  assert(failures.ratio < 0.001, String(failures.ratio));
});

Deno.test("ChunkTimes gives a size that was tried often its own mean", () => {
  const sizes = [10, 20, 40];
  const times = new ChunkTimes(sizes);
  for (let i = 0; i < 500; i++) {
    times.record(0, 10, i % 2 === 0 ? 50 : 150);
    times.record(1, 20, 130);
    times.record(2, 40, 1_000);
  }
  sizes.forEach((_, i) => near(times.chunkMs(i), [100, 130, 1_000][i] ?? NaN, 0.12));
});

Deno.test("ChunkTimes draws a power law through sizes that were never tried", () => {
  const sizes = chunkSizes(10, 160);
  const times = new ChunkTimes(sizes);
  const chunkMs = (n: number) => 30 * n ** 0.7;
  for (let i = 0; i < 200; i++) {
    for (const at of [4, 12]) times.record(at, sizes[at] ?? 1, chunkMs(sizes[at] ?? 1));
  }
  for (const at of [0, 8, 16]) near(times.chunkMs(at), chunkMs(sizes[at] ?? 1), 0.02);
});

Deno.test("ChunkTimes knows nothing at first, and bears a chunk of no time", () => {
  const times = new ChunkTimes([10, 20]);
  assertEquals([times.chunkMs(0), times.trials(0)], [NaN, 0]);
  times.record(0, 10, 0);
  assert(times.chunkMs(0) > 0 && Number.isFinite(times.chunkMs(1)));
});

Deno.test("ChunkTimes.trials() halves every hundred chunks of any size", () => {
  const times = new ChunkTimes([10, 20]);
  times.record(0, 10, 1);
  assertEquals(times.trials(0), 1);
  for (let i = 0; i < 100; i++) times.record(1, 20, 1);
  near(times.trials(0), 0.5, 1e-9);
});

Deno.test("Heap gives back what was pushed in ascending order, over random pushes and pops", () => {
  const random = seededRandom(seedOf("Heap"));
  const heap = new Heap<number>((a, b) => a - b);
  const twin: number[] = [];
  for (let i = 0; i < 5_000; i++) {
    if (random.next() < 0.55) {
      const value = Math.floor(random.next() * 100);
      heap.push(value);
      twin.push(value);
    } else {
      twin.sort((a, b) => a - b);
      assertEquals(heap.peek(), twin[0]);
      assertEquals(heap.pop(), twin.shift());
    }
    assertEquals(heap.size, twin.length);
  }
  assertEquals([...heap].sort((a, b) => a - b), twin.sort((a, b) => a - b));
});
