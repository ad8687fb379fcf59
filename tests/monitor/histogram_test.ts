import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLessOrEqual,
  assertThrows,
} from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { DOUBLINGS_MAX, Histogram, RELATIVE_ERROR } from "../../src/monitor/histogram.ts";
import { seedOf } from "../actor/seed.ts";
import { exactPercentile, numbersOf, SHAPES } from "./support.ts";

const SEED = seedOf("histogram_test");

const SHARES = [0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1];

function histogramOf(numbers: Iterable<number>): Histogram {
  const histogram = new Histogram();
  for (const value of numbers) histogram.record(value);
  return histogram;
}

function assertSame(a: Histogram, b: Histogram): void {
  assertEquals([a.count, a.min, a.max, a.rejected], [b.count, b.min, b.max, b.rejected]);
  assertAlmostEquals(a.sum, b.sum, Math.abs(b.sum) * 1e-9);
  assertEquals(a.percentiles(SHARES), b.percentiles(SHARES));
}

for (const [name, shape] of Object.entries(SHAPES)) {
  Deno.test(`Histogram.percentiles() are within 0.78 % of exact ones: ${name}, 10^6 numbers`, () => {
    const numbers = numbersOf(shape, 1_000_000, SEED);
    const histogram = histogramOf(numbers);
    const sum = numbers.reduce((sum, value) => sum + value, 0);
    numbers.sort();
    assertLessOrEqual(RELATIVE_ERROR, 0.01);
    const found = histogram.percentiles(SHARES);
    SHARES.forEach((share, i) => {
      const exact = exactPercentile(numbers, share);
      const error = Math.abs((found[i] ?? NaN) - exact) / exact;
      assertLessOrEqual(error, RELATIVE_ERROR, `p${100 * share}: ${found[i]} for ${exact}`);
    });
    assertEquals(histogram.count, numbers.length);
    assertAlmostEquals(histogram.sum, sum, sum * 1e-12);
    assertEquals([histogram.min, histogram.max], [numbers[0], numbers.at(-1)]);
  });
}

Deno.test("Histogram.percentile() keeps its error at every edge of a bucket", () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 20_000; round++) {
    // Powers of two, the numbers right beside them, and any in between.
    const power = 2 ** Math.floor(random.next() * 38 - 23);
    const factors = [1, 1 - Number.EPSILON, 1 + Number.EPSILON, 1 + random.next()];
    const value = power * (factors[round % 4] ?? NaN);
    const histogram = histogramOf([value * 0.5, value, value, value, value * 2]);
    assertLessOrEqual(Math.abs(histogram.percentile(0.5) - value) / value, RELATIVE_ERROR);
  }
});

Deno.test("Histogram.percentile() is exact for a single number and for both ends", () => {
  const one = histogramOf([0.0123]);
  assertEquals(one.percentiles([0, 0.5, 0.99, 1]), [0.0123, 0.0123, 0.0123, 0.0123]);
  const three = histogramOf([0.3, 0.1, 0.2]);
  assertEquals([three.percentile(0), three.percentile(1)], [0.1, 0.3]);
});

Deno.test("Histogram.percentile() of nothing is 0, and count, sum and mean are", () => {
  const { count, sum, mean, min, max } = new Histogram();
  assertEquals([count, sum, mean, min, max], [0, 0, 0, Infinity, -Infinity]);
  assertEquals(new Histogram().percentile(0.99), 0);
});

Deno.test("Histogram.percentiles() refuses shares that are no shares or do not ascend", () => {
  for (const shares of [[-0.1], [1.1], [NaN], [0.9, 0.5]]) {
    assertThrows(() => histogramOf([1]).percentiles(shares), RangeError, "ascending shares");
  }
});

Deno.test("Histogram.record() counts what is no number ≥ 0 as rejected, and nothing else", () => {
  const histogram = histogramOf([-1, -0.0001, NaN, Infinity, -Infinity]);
  assertEquals([histogram.rejected, histogram.count, histogram.sum], [5, 0, 0]);
  histogram.record(-0);
  assertEquals([histogram.rejected, histogram.count, histogram.min], [5, 1, 0]);
});

Deno.test("Histogram.record() takes numbers below and above the range, with exact ends", () => {
  const histogram = new Histogram({ lowest: 1, highest: 1_024 });
  for (const value of [0, 1e-300, 0.999, 5e9, 1e300]) histogram.record(value);
  assertEquals([histogram.count, histogram.min, histogram.max], [5, 0, 1e300]);
  assertEquals([histogram.percentile(0), histogram.percentile(1)], [0, 1e300]);
  // Below the range: somewhere in it. Above: the maximum.
  assert(histogram.percentile(0.5) < 1);
  assertEquals(histogram.percentile(0.7), 1e300);
});

Deno.test("Histogram.record() with times equals that many records", () => {
  const many = new Histogram(), one = new Histogram();
  for (const [value, times] of [[0.5, 3], [0.25, 1], [7, 1_000]] as const) {
    many.record(value, times);
    for (let i = 0; i < times; i++) one.record(value);
  }
  assertSame(many, one);
});

Deno.test("Histogram counts exactly beyond 2^32 in one bucket", () => {
  const histogram = new Histogram();
  histogram.record(0.5, 2 ** 32);
  histogram.record(0.5, 5);
  assertEquals(histogram.count, 2 ** 32 + 5);
  assertEquals(histogram.countsAtMost([0.4, 0.5]), [0, 2 ** 32 + 5]);
});

Deno.test("Histogram refuses ranges that are none, and those over its bound", () => {
  for (const [lowest, highest] of [[0, 1], [-1, 1], [2, 1], [1, 1], [NaN, 1], [1, Infinity]]) {
    assertThrows(
      () => new Histogram({ lowest: lowest ?? 0, highest: highest ?? 0 }),
      RangeError,
      "expected a range above 0",
    );
  }
  new Histogram({ lowest: 2 ** -64, highest: 2 ** (DOUBLINGS_MAX - 64) });
  const over = { lowest: 2 ** -64, highest: 2 ** (DOUBLINGS_MAX - 63) };
  assertThrows(() => new Histogram(over), RangeError, "128 powers of two");
});

Deno.test("Histogram.merge() equals recording everything in one", () => {
  const random = seededRandom(SEED);
  const shape = SHAPES.lognormal ?? (() => 0);
  const numbers = Array.from({ length: 30_000 }, () => shape(random));
  const parts = [0, 1, 2].map((part) => histogramOf(numbers.filter((_, i) => i % 3 === part)));
  parts[1]?.record(NaN);
  const merged = new Histogram();
  for (const part of parts) merged.merge(part);
  const whole = histogramOf([...numbers, NaN]);
  assertSame(merged, whole);
});

Deno.test("Histogram.merge() leaves the other as it is, takes an empty one, refuses another range", () => {
  const a = histogramOf([1, 2]), b = histogramOf([3]);
  a.merge(b);
  assertEquals([a.count, b.count, b.sum], [3, 1, 3]);
  a.merge(new Histogram());
  assertEquals([a.count, a.min, a.max], [3, 1, 3]);
  assertThrows(
    () => a.merge(new Histogram({ lowest: 1 })),
    RangeError,
    "Cannot merge a histogram: expected the range 2^-24 to 2^17: current value is 2^0 to 2^17",
  );
});

Deno.test("Histogram.reset() forgets everything", () => {
  const histogram = histogramOf([1, 2, NaN]);
  histogram.reset();
  assertSame(histogram, new Histogram());
});

Deno.test("Histogram.countsAtMost() counts to an edge, at most 1/64 beyond it", () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    const numbers = numbersOf(shape, 50_000, SEED);
    const edges = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 1e6];
    const counts = histogramOf(numbers).countsAtMost(edges);
    edges.forEach((edge, i) => {
      const exactly = (limit: number) => numbers.filter((value) => value <= limit).length;
      const count = counts[i] ?? NaN;
      const [least, most] = [exactly(edge), exactly(edge * (1 + 1 / 64))];
      assert(least <= count && count <= most, `${name} ${edge}: ${count} in ${least}–${most}`);
    });
  }
});

Deno.test("Histogram.decode() gives back what encode() wrote, whatever was left out", () => {
  const cases = [
    [],
    [0],
    [1e9],
    [0, 1e9],
    [0.001, 0.002, 7],
    [NaN],
    numbersOf(
      SHAPES.pareto ?? (() => 0),
      10_000,
      SEED,
    ),
  ];
  for (const numbers of cases) {
    const histogram = histogramOf(numbers);
    const decoded = Histogram.decode(histogram.encode());
    assertSame(decoded, histogram);
    // It is a histogram like any other.
    decoded.record(0.5);
    histogram.record(0.5);
    assertSame(decoded, histogram);
  }
});

Deno.test("Histogram.encode() is a transferable copy, smaller than the histogram", () => {
  const histogram = histogramOf(numbersOf(SHAPES.uniform ?? (() => 0), 1_000, SEED));
  const encoded = histogram.encode();
  const there = structuredClone(encoded, { transfer: [encoded.buffer] });
  assertEquals([encoded.length, histogram.count], [0, 1_000]);
  assertSame(Histogram.decode(there), histogram);
  // 2^-24 to 2^17 in 64 buckets a doubling; the numbers span some ten doublings.
  assert(there.length < 41 * 64 / 3, `${there.length}`);
});

Deno.test("Histogram.decode() refuses what is none, in any single number", () => {
  const encoded = histogramOf([0.001, 0.1, 0.2]).encode();
  assertThrows(() => Histogram.decode(new Float64Array()), RangeError, "expected format");
  assertThrows(() => Histogram.decode(encoded.slice(0, 5)), RangeError, "expected format");
  assertThrows(() => Histogram.decode(new Float64Array(100)), RangeError, "expected format");
  assertThrows(() => Histogram.decode(encoded.slice(0, -1)), RangeError, "add up to 3");
  const wrong: readonly (readonly [at: number, value: number, text: string])[] = [
    [0, 7, "expected format"],
    [1, 0.5, "powers of two"],
    [2, 1e9, "powers of two"],
    [3, 4, "add up to 4"],
    [8, -1, "buckets"],
    [8, 1e6, "buckets"],
    [encoded.length - 1, -5, "add up to 3"],
    [encoded.length - 1, NaN, "add up to 3"],
  ];
  for (const [at, value, text] of wrong) {
    const changed = encoded.slice();
    changed[at] = value;
    assertThrows(() => Histogram.decode(changed), RangeError, text);
  }
});

Deno.test("Histogram finds the bucket that a twin finds by logarithms", () => {
  const random = seededRandom(SEED);
  const edges: number[] = [];
  for (let exponent = -20; exponent < 10; exponent++) {
    for (let sub = 0; sub < 64; sub++) edges.push(2 ** exponent * (1 + sub / 64));
  }
  edges.push(2 ** 10);
  for (let round = 0; round < 2_000; round++) {
    const value = 2 ** (random.next() * 30 - 20);
    const above = edges.findIndex((edge) => edge > value);
    const [lower = NaN, upper = NaN] = [edges[above - 1], edges[above]];
    const histogram = histogramOf([2 ** -22, value, 2 ** 12]);
    assertEquals(histogram.percentile(0.5), (lower + upper) / 2);
  }
});

Deno.test("Histogram.since() is what was recorded in between", () => {
  const all = new Histogram();
  const between = new Histogram();
  const random = seededRandom(SEED);
  for (let i = 0; i < 300; i++) all.record(random.next());
  const earlier = Histogram.decode(all.encode());
  assertEquals(all.since(earlier)?.count, 0);
  for (let i = 0; i < 200; i++) {
    const seconds = 10 * random.next();
    all.record(seconds);
    between.record(seconds);
  }
  all.record(-1);
  const found = all.since(earlier);
  assertEquals([found?.count, found?.rejected], [200, 1]);
  assertAlmostEquals(found?.sum ?? 0, between.sum, 1e-9);
  const edges = [0.001, 0.1, 0.5, 2, 5, 9];
  assertEquals(found?.countsAtMost(edges), between.countsAtMost(edges));
});

Deno.test("Histogram.since() knows nothing of extremes of before", () => {
  const all = new Histogram();
  for (const seconds of [1e-6, 500]) all.record(seconds);
  const earlier = Histogram.decode(all.encode());
  for (const seconds of [0.02, 0.03, 0.04]) all.record(seconds);
  const found = all.since(earlier);
  assertAlmostEquals(found?.min ?? 0, 0.02, 0.02 * RELATIVE_ERROR);
  assertAlmostEquals(found?.max ?? 0, 0.04, 0.04 * RELATIVE_ERROR);
  assertAlmostEquals(found?.percentile(1) ?? 0, 0.04, 0.04 * RELATIVE_ERROR);
  all.record(700);
  // One that is the largest of all is known exactly.
  assertEquals(all.since(earlier)?.max, 700);
});

Deno.test("Histogram.since() of what is no earlier state is null", () => {
  const now = new Histogram();
  now.record(1);
  const more = new Histogram();
  more.record(1, 2);
  const other = new Histogram();
  other.record(2);
  assertEquals(now.since(more), null);
  assertEquals(now.since(other), null);
  assertEquals(now.since(new Histogram({ lowest: 1, highest: 10 })), null);
});
