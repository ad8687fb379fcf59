import { assertAlmostEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { FadingCounts, keptOf, newKept, SPEEDS, TAUS_MS } from "../../src/warm/rates_decay.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("keptOf() is exp(−elapsed / τ) at each speed", () => {
  const kept = newKept();
  for (const elapsedMs of [0, 1, 250, 60_000, 3_600_000, 86_400_000, 30 * 86_400_000]) {
    keptOf(elapsedMs, kept);
    TAUS_MS.forEach((tauMs, speed) => {
      assertAlmostEquals(kept[speed] as number, Math.exp(-elapsedMs / tauMs), 2e-6);
    });
  }
});

Deno.test("FadingCounts.count() is the sum over accesses, to a second", () => {
  const seed = seedOf("rates_decay_test");
  const random = seededRandom(seed);
  const counts = new FadingCounts(2);
  const came: { row: number; atMs: number }[] = [];
  let nowMs = 1_772_514_000_000;
  for (let step = 0; step < 2_000; step++) {
    nowMs += random.next() * 4_000;
    counts.advance(nowMs);
    const row = random.next() < 0.3 ? 0 : 1;
    counts.add(row);
    came.push({ row, atMs: nowMs });
  }
  for (let row = 0; row < 2; row++) {
    for (let speed = 0; speed < SPEEDS; speed++) {
      const expected = came.filter((access) => access.row === row)
        .reduce((sum, { atMs }) => sum + Math.exp(-(nowMs - atMs) / (TAUS_MS[speed] ?? 1)), 0);
      assertAlmostEquals(counts.count(row, speed) / expected, 1, 0.02, `seed ${seed}`);
    }
  }
});

Deno.test("FadingCounts.restore() puts rows where they are now", () => {
  const counts = new FadingCounts(2);
  counts.advance(1_000);
  counts.add(0);
  counts.add(0);
  counts.advance(2_500);
  const again = new FadingCounts(3);
  again.restore(counts.snapshot(), [-1, 1, 0], 2_500);
  assertAlmostEquals(again.count(2, 0), 2, 1e-3);
  assertAlmostEquals(again.count(0, 0) + again.count(1, 0), 0, 1e-12);
});
