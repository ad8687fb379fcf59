import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { TOUCHED_BOUNDS, TouchedIndex } from "../../src/cache/touched.ts";
import type { TouchedRange } from "../../src/cache/types.ts";
import { seededRandom } from "../market/support.ts";

const range = (series: string, fromTs: number, toTs: number): TouchedRange => ({
  series,
  fromTs,
  toTs,
});

Deno.test("TouchedIndex.isTouched() is whether a later commit touched from <= t < to", () => {
  const index = new TouchedIndex();
  index.add(5, [range("X", 10, 20)]);
  const is = (fromTs: number, toTs: number, afterSeq: number) =>
    index.isTouched(range("X", fromTs, toTs), afterSeq);
  assertEquals([is(0, 10, 4), is(0, 11, 4), is(19, 30, 4), is(20, 30, 4)], [
    false,
    true,
    true,
    false,
  ]);
  assertEquals([is(10, 20, 5), is(10, 20, 6), is(0, Infinity, 4), is(0, Infinity, 5)], [
    false,
    false,
    true,
    false,
  ]);
  assertEquals(index.isTouched(range("Y", 0, 100), 0), false);
});

Deno.test("TouchedIndex.isTouched() keeps the last commit of each candle", () => {
  const index = new TouchedIndex();
  index.add(1, [range("X", 0, 100)]);
  index.add(2, [range("X", 40, 60)]);
  index.add(3, [range("X", 50, 55), range("X", 90, 110)]);
  const lastOf = (t: number) => [0, 1, 2, 3].find((s) => !index.isTouched(range("X", t, t + 1), s));
  assertEquals([0, 39, 40, 49, 50, 54, 55, 59, 60, 89, 90, 109, 110].map(lastOf), [
    1,
    1,
    2,
    2,
    3,
    3,
    2,
    2,
    1,
    1,
    3,
    3,
    0,
  ]);
  index.invariant();
});

Deno.test("TouchedIndex.isTouched() says touched of levels and other entries", () => {
  const index = new TouchedIndex();
  assertEquals(index.isTouched({ kind: "levels", instrument: "X" }, 1), true);
  assertEquals(index.isTouched({ kind: "key", key: "x" }, 1), true);
  assertEquals(index.isTouched({ kind: "candles", series: "X", fromTs: 0, toTs: 1 }, 1), false);
});

Deno.test("TouchedIndex.isTouched() says touched of what was before it began or is no seq", () => {
  const index = new TouchedIndex({ fromSeq: 10 });
  const is = (afterSeq: number) => index.isTouched(range("X", 0, 1), afterSeq);
  assertEquals([9, 10, 11, NaN, -Infinity].map(is), [true, false, false, true, true]);
});

Deno.test("TouchedIndex from Infinity says touched until it is told where commits begin", () => {
  const index = new TouchedIndex({ fromSeq: Infinity });
  index.add(3, [range("X", 0, 1)]);
  assertEquals(index.isTouched(range("Y", 0, 1), 1e9), true);
  index.forget(5);
  index.add(6, [range("X", 0, 1)]);
  assertEquals([4, 5, 6].map((seq) => index.isTouched(range("X", 0, 1), seq)), [true, true, false]);
  assertEquals([4, 5].map((seq) => index.isTouched(range("Y", 0, 1), seq)), [true, false]);
  index.invariant();
});

Deno.test("TouchedIndex.forget() makes all up to a seq touched, in every series", () => {
  const index = new TouchedIndex();
  index.add(1, [range("X", 0, 1)]);
  index.forget(5);
  for (const series of ["X", "Y"]) {
    assertEquals([4, 5].map((seq) => index.isTouched(range(series, 50, 51), seq)), [true, false]);
  }
  index.add(6, [range("X", 0, 1)]);
  index.forget(3);
  assertEquals([5, 6].map((seq) => index.isTouched(range("Y", 0, 1), seq)), [true, false]);
  assertEquals(index.size, 0);
});

Deno.test("TouchedIndex.add() takes a late commit for the last one", () => {
  const index = new TouchedIndex();
  index.add(7, [range("X", 0, 10)]);
  index.add(5, [range("X", 20, 30)]);
  index.add(NaN, [range("X", 40, 50)]);
  assertEquals([20, 40].map((t) => index.isTouched(range("X", t, t + 1), 6)), [true, true]);
  assertEquals([20, 40].map((t) => index.isTouched(range("X", t, t + 1), 7)), [false, false]);
});

Deno.test("TouchedIndex joins one commit's ranges side by side", () => {
  const index = new TouchedIndex();
  index.add(1, [range("X", 10, 20), range("X", 0, 10), range("X", 20, 30)]);
  assertEquals(index.size, 1);
  index.add(2, [range("X", 30, 40)]);
  assertEquals(index.size, 2);
  index.add(2, [range("X", 5, 5), range("X", 9, 8), range("X", NaN, 8)]);
  assertEquals(index.size, 2);
});

Deno.test("TouchedIndex is exact about the last commits at a live edge within its bound", () => {
  const index = new TouchedIndex();
  const max = TOUCHED_BOUNDS.rangesPerSeriesMax;
  for (let seq = 1; seq <= 1_000; seq++) {
    index.add(seq, [range("X", seq * 60, seq * 60 + 60)]);
    assert(index.size <= max);
  }
  // A quarter is joined at once; what is exact is never less than the rest.
  const exact = max * 0.75;
  assert(index.size >= exact);
  for (let back = 0; back < exact - 1; back++) {
    const seq = 1_000 - back;
    assertEquals(index.isTouched(range("X", seq * 60, seq * 60 + 60), seq - 1), true);
    assertEquals(index.isTouched(range("X", 0, seq * 60 + 60), seq), false, `${back} back`);
  }
  // Long ago it knows the candles, but not which commit.
  assertEquals(index.isTouched(range("X", 60, 120), 1), true);
  assertEquals(index.isTouched(range("X", 0, 60), 1), false);
  assertEquals(index.isTouched(range("X", 61_000, Infinity), 1), false);
});

Deno.test("TouchedIndex forgets the series touched longest ago when there are too many", () => {
  const index = new TouchedIndex({ rangesMax: 100, rangesPerSeriesMax: 2 });
  for (let seq = 1; seq <= 1_000; seq++) index.add(seq, [range(`S${seq}`, 0, 1)]);
  assertLess(index.size, 101);
  assertGreater(index.size, 70);
  index.invariant();
  assertEquals(index.isTouched(range("S1000", 0, 1), 999), true);
  assertEquals(index.isTouched(range("S1000", 1, 2), 999), false);
  assertEquals(index.isTouched(range("S1", 0, 1), 0), true);
  assertEquals(index.isTouched(range("never", 0, 1), index.floorSeq - 1), true);
  assertEquals(index.isTouched(range("never", 0, 1), index.floorSeq), false);
});

for (
  const [name, bounds] of [
    ["", {}],
    [" with few ranges a series", { rangesPerSeriesMax: 3 }],
    [" with few ranges", { rangesPerSeriesMax: 4, rangesMax: 12 }],
  ] as const
) {
  Deno.test(`TouchedIndex never says untouched of what was touched${name}`, () => {
    const random = seededRandom(`touched${name}`);
    const upTo = (n: number) => Math.floor(random() * n);
    let untouched = 0;
    for (let run = 0; run < 40; run++) {
      const index = new TouchedIndex(bounds);
      const log: { seq: number; range: TouchedRange }[] = [];
      const some = () => {
        const from = upTo(60);
        return range(`S${upTo(6)}`, from, random() < 0.05 ? Infinity : from + upTo(12));
      };
      let forgotten = 0;
      for (let seq = 1; seq < 120; seq++) {
        const ranges = Array.from({ length: upTo(4) }, some);
        index.add(seq, ranges);
        for (const one of ranges) log.push({ seq, range: one });
        if (random() < 0.01) index.forget(forgotten = seq);
        index.invariant();
        for (let question = 0; question < 5; question++) {
          const [asked, afterSeq] = [some(), upTo(seq + 2)];
          const expected = log.some(({ seq, range }) =>
            seq > afterSeq && range.series === asked.series && range.fromTs < range.toTs &&
            range.fromTs < asked.toTs && asked.fromTs < range.toTs && asked.fromTs < asked.toTs
          );
          const found = index.isTouched(asked, afterSeq);
          if (expected) assert(found, JSON.stringify({ asked, afterSeq, seq }));
          // Without bounds in its way it is exact, but of what it was told to forget.
          const isExact = name === "" && afterSeq >= forgotten && asked.fromTs < asked.toTs;
          if (isExact) assertEquals(found, expected, JSON.stringify({ asked, afterSeq, seq }));
          if (!found) untouched++;
        }
      }
    }
    assertGreater(untouched, 1_000);
  });
}
