import { assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { DecayedCounts } from "../../src/warm/decayed.ts";
import { seedOf } from "../actor/seed.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 2, 3);

/** What counts are by their definition: the sum of 2^(-age / half-life). */
const closed = (timesMs: readonly number[], nowMs: number) =>
  timesMs.reduce((sum, atMs) => sum + 2 ** (-(nowMs - atMs) / HOUR_MS), 0);

Deno.test("DecayedCounts.at() is the sum of 2^(-age / half-life) over accesses", () => {
  const random = seededRandom(seedOf("decayed_test"));
  const counts = new DecayedCounts(3, HOUR_MS, START_MS);
  const times: number[][] = [[], [], []];
  let nowMs = START_MS;
  for (let i = 0; i < 3_000; i++) {
    // Ten days in all: the landmark moves several times.
    nowMs += Math.floor(random.next() * 600_000);
    const slot = Math.floor(random.next() * 3);
    counts.advance(nowMs);
    counts.add(slot);
    times[slot]?.push(nowMs);
    if (i % 100 !== 0) continue;
    for (const [at, of] of times.entries()) {
      const expected = closed(of, nowMs);
      assertAlmostEquals(counts.at(at), expected, expected * 1e-3 + 1e-12);
    }
    const all = closed(times.flat(), nowMs);
    assertAlmostEquals(counts.total, all, all * 1e-3);
  }
});

Deno.test("DecayedCounts are halved in a half-life, and gone after a thousand", () => {
  const counts = new DecayedCounts(1, HOUR_MS, START_MS);
  for (let i = 0; i < 8; i++) counts.add(0);
  for (const [hours, count] of [[0, 8], [1, 4], [3, 1], [64, 8 / 2 ** 64], [65, 8 / 2 ** 65]]) {
    counts.advance(START_MS + (hours as number) * HOUR_MS);
    assertAlmostEquals(counts.at(0), count as number, (count as number) * 1e-6);
  }
  counts.advance(START_MS + 1_000 * HOUR_MS);
  assertAlmostEquals(counts.at(0) + counts.total, 0, 1e-200);
  counts.add(0);
  assertAlmostEquals(counts.at(0), 1, 1e-6);
});

Deno.test("DecayedCounts.clear() makes a slot 0 and leaves the total", () => {
  const counts = new DecayedCounts(2, HOUR_MS, START_MS);
  counts.add(0);
  counts.add(1);
  counts.clear(0);
  assertEquals([counts.at(0), counts.at(1), counts.total], [0, 1, 2]);
});

Deno.test("DecayedCounts.restore() goes on from a snapshot, slots moved, time passed", () => {
  const counts = new DecayedCounts(3, HOUR_MS, START_MS);
  for (const slot of [0, 1, 1, 2, 2, 2, 2]) counts.add(slot);
  const other = new DecayedCounts(2, HOUR_MS, START_MS + 10 * HOUR_MS);
  other.restore(counts.snapshot(), Int32Array.of(2, -1), START_MS + HOUR_MS);
  assertAlmostEquals(other.at(0), 2, 1e-6);
  assertEquals(other.at(1), 0);
  assertAlmostEquals(other.total, 3.5, 1e-6);
});
