import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { INTERVALS_MAX, INTERVALS_TEXT_MAX, IntervalSet } from "../../src/batch/interval_set.ts";
import { seedOf } from "../actor/seed.ts";

const below = (random: { next(): number }, n: number) => Math.floor(random.next() * n);

Deno.test("IntervalSet is what a Set of the same items is, over random additions", () => {
  const random = seededRandom(seedOf("IntervalSet fuzz"));
  for (let round = 0; round < 200; round++) {
    const count = 1 + below(random, 60);
    const set = new IntervalSet(), twin = new Set<number>();
    for (let step = 0; step < 30; step++) {
      const from = below(random, count), to = from + 1 + below(random, count - from);
      let added = 0;
      for (let i = from; i < to; i++) {
        if (!twin.has(i)) added++;
        twin.add(i);
      }
      assertEquals(set.add(from, to), added);
      set.invariant();
    }
    const all = Array.from({ length: count }, (_, i) => i);
    assertEquals(all.map((i) => set.has(i)), all.map((i) => twin.has(i)));
    assertEquals(set.size, twin.size);
    const holes = [...set.holes(count)].flatMap(({ from, to }) => all.slice(from, to));
    assertEquals(holes, all.filter((i) => !twin.has(i)));
    assertEquals(IntervalSet.parse(set.toText()).toText(), set.toText());
  }
});

Deno.test("IntervalSet.add() joins ranges that touch, and keeps those that do not apart", () => {
  const set = new IntervalSet();
  assertEquals([set.add(0, 10), set.add(11, 20), set.toText()], [10, 9, "0-10,11-20"]);
  assertEquals([set.add(10, 11), set.toText(), set.intervals], [1, "0-20", 1]);
  assertEquals([set.add(5, 15), set.size], [0, 20]);
});

Deno.test("IntervalSet.add() refuses what is no range of items", () => {
  const set = new IntervalSet();
  for (const [from, to] of [[1, 1], [2, 1], [-1, 1], [0.5, 1], [0, NaN], [0, 2 ** 53]] as const) {
    assertThrows(() => set.add(from, to), RangeError, "Cannot add a range");
  }
  assertEquals(set.toText(), "");
});

Deno.test("IntervalSet.holes() ends at the count, also within a range or before all of them", () => {
  const set = IntervalSet.parse("2-4,6-9");
  const text = (count: number) => [...set.holes(count)].map(({ from, to }) => `${from}-${to}`);
  assertEquals(text(12), ["0-2", "4-6", "9-12"]);
  assertEquals(text(7), ["0-2", "4-6"]);
  assertEquals(text(5), ["0-2", "4-5"]);
  assertEquals(text(1), ["0-1"]);
  assertEquals(text(0), []);
});

Deno.test("IntervalSet.parse() reads canonical text only", () => {
  assertEquals([...IntervalSet.parse("0-4500,4700-4800")], [
    { from: 0, to: 4500 },
    { from: 4700, to: 4800 },
  ]);
  const broken = [
    "0",
    "0-",
    "0-0",
    "3-2",
    "00-2",
    "0-02",
    "0-2,",
    ",0-2",
    "0-2,2-3",
    "0-2,1-5",
    "5-6,0-2",
    "0-2 ",
    "0- 2",
    "-1-2",
    "0-1e3",
    "0-2;3-4",
    "0-2\n",
    "0-9007199254740993",
    "0-99999999999999999",
  ];
  for (const text of broken) {
    assertThrows(() => IntervalSet.parse(text), RangeError, "Cannot", JSON.stringify(text));
  }
});

Deno.test("IntervalSet.parse() refuses a text longer than its bound without reading it", () => {
  const text = "0-1,".repeat(INTERVALS_TEXT_MAX / 4 + 1);
  assertThrows(() => IntervalSet.parse(text), RangeError, "characters");
});

Deno.test("IntervalSet.add() keeps its bound on ranges, and still fills holes at it", () => {
  const set = new IntervalSet();
  for (let i = 0; i < INTERVALS_MAX; i++) set.add(2 * i, 2 * i + 1);
  assertThrows(() => set.add(3 * INTERVALS_MAX, 3 * INTERVALS_MAX + 1), RangeError, "ranges");
  assertEquals(set.intervals, INTERVALS_MAX);
  assert(set.toText().length <= INTERVALS_TEXT_MAX);
  assertEquals([set.add(1, 2), set.intervals], [1, INTERVALS_MAX - 1]);
});
