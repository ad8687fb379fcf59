import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { ChunkController } from "../../src/batch/chunk_controller.ts";
import { ChunkPlan } from "../../src/batch/chunk_plan.ts";
import { chunkSizes } from "../../src/batch/chunk_sizes.ts";
import { seedOf } from "../actor/seed.ts";

/** What a chunk of n costs, and how an item fails. */
interface Model {
  readonly chunkMs: (n: number) => number;
  readonly p: number;
}

/** 2.2 ms an item at 500, 22 ms at 10. */
const OVERHEAD: Model = { chunkMs: (n) => 200 + 2 * n, p: 0 };
/** Best below the knee at 60. */
const KNEE: Model = { chunkMs: (n) => 50 + n + Math.max(0, n - 60) ** 2, p: 0 };

/** Feeds `count` chunks with a scatter of ±30 %; returns the sizes that were given out. */
function feed(chunks: ChunkController, count: number, { chunkMs, p }: Model, random: Random) {
  return Array.from({ length: count }, () => {
    const items = chunks.next();
    const tookMs = chunkMs(items) * (0.7 + 0.6 * random.next());
    chunks.record({ items, ok: random.next() < (1 - p) ** items, tookMs });
    return items;
  });
}

const tail = (sizes: readonly number[]) => sizes.slice(sizes.length / 2);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

/** Expected goodput of the second half of `count` chunks, as a share of that of `best`. */
function shareOfBest(model: Model, best: number, count: number, random: Random): number {
  const chunks = new ChunkController();
  feed(chunks, count / 2, model, random);
  const sizes = feed(chunks, count / 2, model, random);
  const through = (n: number) => n * (1 - model.p) ** n;
  const goodput = sum(sizes.map(through)) / sum(sizes.map(model.chunkMs));
  return goodput / (through(best) / model.chunkMs(best));
}

Deno.test("ChunkController climbs where only overhead counts, and begins near its start", () => {
  const share = shareOfBest(OVERHEAD, 500, 800, seededRandom(seedOf("climb")));
  // A size of 360 would bring 94 %, the first one 59 %.
  assert(share > 0.9, `${share} of the best`);
  assertEquals(new ChunkController().next(), 95);
});

Deno.test("ChunkController settles below a knee", () => {
  const share = shareOfBest(KNEE, 57, 600, seededRandom(seedOf("knee")));
  assert(share > 0.9, `${share} of the best`);
});

Deno.test("ChunkController does not waste its time on exploring beyond a cliff", () => {
  const cliff = { chunkMs: (n: number) => n > 200 ? 60_000 : 500 + n, p: 0 };
  const share = shareOfBest(cliff, 190, 2_000, seededRandom(seedOf("cliff")));
  // Every tenth chunk beyond it would leave 10 %.
  assert(share > 0.3, `${share} of the best`);
});

Deno.test("ChunkController takes the smaller of sizes that are alike", () => {
  const chunks = new ChunkController();
  feed(chunks, 600, { chunkMs: (n) => n, p: 0 }, { next: () => 0.5 });
  assertEquals(chunks.size, 10);
});

Deno.test("ChunkController follows the failure rate", () => {
  const model = { chunkMs: (n: number) => 50 + 5 * n, p: 0.005 };
  // The derivative of n·(1 − p)^n / (50 + 5·n) is 0 at 39.9; a size of 100 would bring 84 %.
  const share = shareOfBest(model, 40, 3_000, seededRandom(seedOf("flaky")));
  assert(share > 0.92, `${share} of the best`);
});

Deno.test("ChunkController follows a shift of regime, there and back", () => {
  const random = seededRandom(seedOf("shift"));
  const chunks = new ChunkController();
  // The size of a moment may be a neighbour that is being tried.
  const first = feed(chunks, 600, OVERHEAD, random);
  assert(mean(tail(first)) > 350, `mean ${mean(tail(first))}`);
  const small = feed(chunks, 600, { ...KNEE, p: 0.005 }, random);
  assert(mean(tail(small)) < 75, `mean ${mean(tail(small))}`);
  const large = feed(chunks, 1_500, OVERHEAD, random);
  assert(mean(tail(large)) > 350, `mean ${mean(tail(large))}`);
});

Deno.test("ChunkController stays within its bounds whatever comes back", () => {
  const random = seededRandom(seedOf("bounds"));
  for (let job = 0; job < 100; job++) {
    const min = 1 + Math.floor(random.next() * 20), max = min + Math.floor(random.next() * 300);
    const chunks = new ChunkController({ min, max, start: random.next() * 500 + 0.1 });
    let before = chunks.size;
    const sizes = chunkSizes(min, max);
    for (let i = 0; i < 200; i++) {
      const items = chunks.next(), ok = random.next() < 0.6;
      assert(items >= min && items <= max && Number.isInteger(items), String(items));
      chunks.record({ items, ok, tookMs: random.next() * 1_000 });
      const steps = sizes.indexOf(chunks.size) - sizes.indexOf(before);
      assert(Math.abs(steps) <= 1 || (!ok && steps >= -3 && steps < 0), `${steps} steps`);
      before = chunks.size;
    }
    for (const { chunkMs, goodputPerS } of chunks.explain().sizes) {
      assert(Number.isFinite(chunkMs) && Number.isFinite(goodputPerS));
    }
  }
});

Deno.test("ChunkController explores a neighbour with every fifth chunk, in turns", () => {
  const chunks = new ChunkController();
  const sizes = Array.from({ length: 20 }, () => chunks.next());
  const rest = [95, 95, 95, 95];
  assertEquals(sizes, [...rest, 113, ...rest, 80, ...rest, 113, ...rest, 80]);
});

Deno.test("ChunkController explores the neighbour that is known less", () => {
  const chunks = new ChunkController();
  chunks.record({ items: 113, ok: true, tookMs: 1_000 });
  const sizes = Array.from({ length: 10 }, () => chunks.next());
  assertEquals([sizes[4], sizes[9]], [80, 80]);
});

Deno.test("ChunkController drops three sizes after three failures in a row, and says so", () => {
  const chunks = new ChunkController({ start: 500 });
  for (let i = 0; i < 2; i++) chunks.record({ items: 500, ok: false, tookMs: 1_000 });
  chunks.record({ items: 500, ok: true, tookMs: 1_000 });
  const before = chunks.size;
  assertEquals(chunks.explain().why.includes("failures in a row"), false);
  for (let i = 0; i < 3; i++) chunks.record({ items: chunks.size, ok: false, tookMs: 1_000 });
  const sizes = chunkSizes(10, 500);
  assert(sizes.indexOf(before) - sizes.indexOf(chunks.size) >= 3);
  assertMatch(chunks.explain().why, /^down from \d+ to \d+ after 3 failures in a row$/);
});

Deno.test("ChunkController does not fall to the bottom by sixty chunks of one burst", () => {
  const chunks = new ChunkController({ start: 500, workers: 60 });
  for (let i = 0; i < 300; i++) chunks.record({ items: 500, ok: true, tookMs: 1_000 + 2 * i });
  const items = Array.from({ length: 60 }, () => chunks.next());
  for (const n of items) chunks.record({ items: n, ok: false, tookMs: 1_000 });
  const sizes = chunkSizes(10, 500);
  const steps = sizes.indexOf(500) - sizes.indexOf(chunks.size);
  assert(steps >= 3 && sizes.indexOf(chunks.size) >= 3, `${steps} steps down`);
});

Deno.test("ChunkController does not move from a size that it has not tried", () => {
  const chunks = new ChunkController({ workers: 60 });
  chunks.record({ items: 95, ok: true, tookMs: 200 });
  const first = chunks.size;
  assertEquals(first, 113);
  for (let i = 0; i < 59; i++) chunks.record({ items: 95, ok: true, tookMs: 200 });
  assertEquals(chunks.size, first);
});

Deno.test("ChunkController spreads the last items over all workers, one worker's not", () => {
  const many = new ChunkController({ start: 500, workers: 60 });
  assertEquals([60_000, 12_000, 1_200, 5, 0].map((waiting) => many.next(waiting)), [
    500,
    100,
    10,
    10,
    10,
  ]);
  const one = new ChunkController({ start: 500 });
  assertEquals(one.next(20), 500);
});

Deno.test("ChunkController with equal bounds gives that size for ever", () => {
  const chunks = new ChunkController({ min: 50, max: 50 });
  assertEquals(new Set(feed(chunks, 50, { ...OVERHEAD, p: 0.1 }, seededRandom(1))), new Set([50]));
  assertEquals(chunks.explain().why, "50 is fixed");
});

Deno.test("ChunkController.explain() gives each size its trials, time and goodput", () => {
  const chunks = new ChunkController({ min: 10, max: 20, start: 17 });
  const before = chunks.explain();
  assertEquals(
    before.sizes.map(({ size, trials, chunkMs, goodputPerS }) => [
      size,
      trials,
      chunkMs,
      goodputPerS,
    ]),
    [10, 12, 14, 17, 20].map((size) => [size, 0, null, null]),
  );
  assertMatch(before.why, /first size/);
  for (let i = 0; i < 40; i++) {
    for (const { size } of before.sizes) {
      chunks.record({ items: size, ok: true, tookMs: 100 + size });
    }
  }
  for (const { size, trials, chunkMs, goodputPerS } of chunks.explain().sizes) {
    assertEquals(trials, 40);
    assert(Math.abs((chunkMs ?? 0) / (100 + size) - 1) < 0.01, `${size}: ${chunkMs}`);
    assert(Math.abs((goodputPerS ?? 0) / (1_000 * size / (100 + size)) - 1) < 0.01);
  }
  assertEquals(chunks.size, 20);
  assertMatch(chunks.explain().why, /^from 17 to 20 for \d+\.\d % more goodput$/);
});

Deno.test("ChunkController refuses outcomes and options that are none", () => {
  const chunks = new ChunkController();
  for (const [items, tookMs] of [[0, 1], [1.5, 1], [1, -1], [1, NaN], [1, Infinity]] as const) {
    assertThrows(() => chunks.record({ items, ok: true, tookMs }), RangeError, "Cannot record");
  }
  assertEquals(chunks.explain().sizes.every(({ trials }) => trials === 0), true);
  for (const options of [{ min: 0 }, { max: 5 }, { min: 1.5 }, { max: 1e6 }, { workers: 0 }]) {
    assertThrows(() => new ChunkController(options), RangeError, "Cannot size chunks");
  }
});

Deno.test("ChunkController and ChunkPlan do every item once with 60 workers and failures", () => {
  const random = seededRandom(seedOf("controller and plan"));
  for (let job = 0; job < 5; job++) {
    const items = 2_000 + Math.floor(random.next() * 3_000);
    const plan = new ChunkPlan({ items });
    const chunks = new ChunkController({ workers: 60 });
    const times = new Uint8Array(items);
    const poison = new Set([Math.floor(random.next() * items), 0, items - 1]);
    const out: { from: number; to: number }[] = [];
    while (true) {
      const next = plan.next(chunks.next(plan.waiting), 0);
      if (next.state === "done") break;
      if (next.state === "chunk") out.push(next.chunk);
      if (next.state === "chunk" && out.length < 60) continue;
      const at = Math.floor(random.next() * out.length);
      const chunk = out.splice(at, 1)[0] as Parameters<typeof plan.settle>[0];
      const { from, to } = chunk;
      const isBad = [...poison].some((item) => item >= from && item < to);
      const ok = !isBad && random.next() < 0.9;
      chunks.record({ items: to - from, ok, tookMs: 100 + to - from });
      if (!ok && !(isBad && to - from === 1)) {
        plan.failed(chunk, { atMs: 0 });
        continue;
      }
      for (let i = from; i < to; i++) times[i] = (times[i] ?? 0) + 1;
      plan.settle(chunk);
    }
    plan.invariant();
    assertEquals(times.every((n) => n === 1), true);
  }
});
