import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Successors } from "../../src/warm/successors.ts";
import { seedOf } from "../actor/seed.ts";

const LIMIT = 20;
const HOUR_MS = 3_600_000;

/** A client that reads the keys one after another, a second each; returns what was proposed. */
class Reader {
  readonly successors: Successors;
  nowMs = 0;
  chanceMin = 0.7;
  /** What is proposed is fetched, and has left the cache when it is asked for. */
  isEvicting = false;

  constructor(lifeMs: (slot: number) => number) {
    this.successors = new Successors({ slotsMax: 1_000, lifeMs });
  }

  read(slots: readonly number[], isAbsent = true, client = "ann"): number[][] {
    return slots.map((slot) => {
      this.nowMs += 1_000;
      this.successors.accessed(client, slot, this.nowMs, isAbsent);
      const count = this.successors.propose(slot, this.nowMs, this.chanceMin, LIMIT);
      const proposed = [...this.successors.slots.slice(0, count)];
      if (this.isEvicting) proposed.forEach((next) => this.successors.fetched(next));
      return proposed;
    });
  }

  /** The same over and over; returns what was proposed the last time. */
  repeat(slots: readonly number[], times: number): number[][] {
    let last: number[][] = [];
    for (let round = 0; round < times; round++) last = this.read(slots);
    return last;
  }
}

Deno.test("Successors.propose() names what always follows, once it was right often enough", () => {
  const reader = new Reader(() => 60_000);
  assertEquals(reader.read([1, 2, 3, 4]).flat(), []);
  const last = reader.repeat([1, 2, 3, 4], 20);
  assertEquals([...last[0] as number[]].sort(), [2, 3, 4]);
});

Deno.test("Successors.propose() leaves out what is there", () => {
  const reader = new Reader((slot) => slot === 3 ? 0 : 60_000);
  const last = reader.repeat([1, 2, 3, 4], 60);
  assertEquals([...last[0] as number[]].sort(), [2, 4]);
});

Deno.test("Successors.propose() proposes nothing where nothing repeats", () => {
  const random = seededRandom(seedOf("successors_test"));
  const reader = new Reader(() => 60_000);
  const slots = Array.from({ length: 20_000 }, () => Math.floor(random.next() * 300));
  assertEquals(reader.read(slots).flat(), []);
});

Deno.test("Successors.propose() keeps to the chance that was asked for", () => {
  const random = seededRandom(seedOf("successors_test"));
  const chances: number[] = [];
  let used = 0;
  const reader = new Reader(() => 3_000);
  reader.chanceMin = 0;
  // Each of 100 keys is followed by its own at once in 60 of 100 cases, else by any of 500.
  for (let round = 0; round < 20_000; round++) {
    const key = Math.floor(random.next() * 100);
    const isFollowed = random.next() < 0.6;
    const next = isFollowed ? 100 + key : 300 + Math.floor(random.next() * 500);
    const [proposed = []] = reader.read([key]);
    if (round > 10_000 && proposed.includes(100 + key)) {
      chances.push(reader.successors.chances[proposed.indexOf(100 + key)] as number);
      if (isFollowed) used++;
    }
    reader.read([next]);
  }
  assert(chances.length > 1_000, `${chances.length}`);
  const mean = chances.reduce((sum, chance) => sum + chance, 0) / chances.length;
  assertAlmostEquals(mean, used / chances.length, 0.05);
});

Deno.test("Successors.propose() gives the best first, at most as many as asked for", () => {
  const reader = new Reader(() => 10_000);
  for (let round = 0; round < 200; round++) {
    reader.read([1, 2]);
    if (round % 3 > 0) reader.read([3]);
    if (round % 2 > 0) reader.read([4]);
    reader.read([10, 11, 12, 13, 14, 15, 16, 17]);
  }
  const { successors } = reader;
  reader.chanceMin = 0;
  reader.read([1]);
  const count = successors.propose(1, reader.nowMs, 0, LIMIT);
  const chances = [...successors.chances.slice(0, count)];
  assertEquals(chances, chances.toSorted((a, b) => b - a));
  assert(count >= 3, `${count}`);
  const [best] = successors.slots;
  assertEquals(successors.propose(1, reader.nowMs, 0, 1), 1);
  assertEquals(successors.slots[0], best);
});

Deno.test("Successors stops proposing what leaves the cache before it is asked for", () => {
  const reader = new Reader(() => 60_000);
  assert(reader.repeat([1, 2, 3, 4], 20).flat().length > 0);
  reader.isEvicting = true;
  reader.repeat([1, 2, 3, 4], 300);
  let proposed = 0;
  for (let round = 0; round < 300; round++) proposed += reader.read([1, 2, 3, 4]).flat().length;
  // Six in a round at most. Guesses that are not fetched come true, so that it tries again.
  assert(proposed < 0.3 * 6 * 300, `${proposed}`);
});

Deno.test("Successors waits no longer than an hour for a guess to come true", () => {
  const reader = new Reader(() => Infinity);
  for (let round = 0; round < 400; round++) {
    reader.read([1]);
    reader.nowMs += 2 * HOUR_MS;
    reader.read([2]);
    reader.nowMs += 2 * HOUR_MS;
  }
  assertEquals(reader.read([1]).flat(), []);
});

Deno.test("Successors.forget() ends proposals of the old key", () => {
  const reader = new Reader(() => 60_000);
  reader.repeat([1, 2], 40);
  reader.successors.forget(2);
  assertEquals(reader.read([1]).flat(), []);
});

Deno.test("Successors.restore() goes on proposing", () => {
  const reader = new Reader(() => 60_000);
  reader.repeat([1, 2, 3, 4], 20);
  const restarted = new Reader(() => 60_000);
  assert(restarted.successors.restore(structuredClone(reader.successors.snapshot())));
  restarted.successors.invariant();
  const [first = []] = restarted.read([1]);
  assertEquals(first.sort(), [2, 3, 4]);
});

Deno.test("Successors.restore() takes nothing that is none", () => {
  const { successors } = new Reader(() => 60_000);
  const other = new Successors({ slotsMax: 7, lifeMs: () => 0 });
  for (const wrong of [null, 1, {}, other.snapshot()]) assert(!successors.restore(wrong));
});
