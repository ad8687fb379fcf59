/**
 * The rig in which warming is measured on a workload: what it counts, and what it compares with.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { servedFromMs } from "../../bench/warm/cold.ts";
import { aboveFrontier } from "../../bench/warm/readme_lines.ts";
import { playRig, type RigOptions, strategyOf } from "../../bench/warm/rig.ts";
import { SimplePredictor } from "../../bench/warm/simple_predictor.ts";
import { firstHours, stretchOf } from "../../bench/warm/stretch.ts";
import { precisionOf, WarmCredit } from "../../bench/warm/warm_credit.ts";
import { playWarming } from "../../bench/warm/warming_side.ts";
import { parseWorkload, readWorkload, type Workload } from "../../bench/warm/workloads.ts";
import { seedOf } from "../actor/seed.ts";

/** Tuesday 2026-03-03, 10:00 in New York. */
const START_MS = Date.UTC(2026, 2, 3, 15);
const MINUTE_MS = 60_000;
const RIG: RigOptions = { entriesMax: 1_000, seed: 1, aheadRatio: null };

/** Requests of some users for a few keys, skewed, a second apart on average. */
function randomWorkload(seed: number, requests: number): Workload {
  const random = seededRandom(seed);
  let atMs = START_MS;
  const lines = Array.from({ length: requests }, () => {
    atMs += Math.ceil(2_000 * random.next());
    const key = Math.floor(40 * random.next() ** 2);
    return `${atMs},${Math.floor(9 * random.next())},${key % 2 === 0 ? "price" : "news"}:C${key}`;
  });
  const universe = Array.from({ length: 40 }, (_, i) => `C${i},crypto,crypto,`);
  return parseWorkload("random", lines, universe);
}

Deno.test("playRig() counts the same whoever warms, and is the same for the same seed", async () => {
  const seed = seedOf("day_test");
  const workload = randomWorkload(seed, 3_000);
  const play = () =>
    playRig(workload, { ...RIG, seed, warmer: (ports) => new SimplePredictor(ports, 0.5) });
  const [first, second] = [await play(), await play()];
  const { warmS: _warm, totalS: _total, ...rest } = first;
  const { warmS: _warm2, totalS: _total2, ...again } = second;
  assertEquals(rest, again);
  assertEquals(first.seen.requests, 3_000);
  assertEquals(first.credit.warmed, first.asked.warmLoads - failedLoads(first));
  const without = await playRig(workload, { ...RIG, seed });
  assertEquals(without.credit.warmed, 0);
  assert(first.seen.served > without.seen.served);
  assert(first.upstream.keys > without.upstream.keys);
});

/** Loads for warming that brought nothing: those of failed calls, or that somebody joined. */
function failedLoads(
  { asked, credit }: { asked: { warmLoads: number }; credit: { warmed: number } },
) {
  const failed = asked.warmLoads - credit.warmed;
  assert(failed >= 0 && failed < 0.05 * asked.warmLoads, `${failed} of ${asked.warmLoads}`);
  return failed;
}

Deno.test("playRig() serves nothing past its TTL where stale answers are off", async () => {
  const workload = randomWorkload(seedOf("day_test"), 500);
  const { seen } = await playRig(workload, { ...RIG, isStaleServed: false });
  assertEquals(seen.served, seen.fresh);
});

Deno.test("SimplePredictor renews all at floor 0 and nothing above 1", async () => {
  const workload = parseWorkload("one", [
    `${START_MS},1,price:C1`,
    `${START_MS + 10 * MINUTE_MS},1,news:C1`,
  ], ["C1,crypto,crypto,"]);
  const warmed = async (floor: number) => {
    const warmer: RigOptions["warmer"] = (ports) => new SimplePredictor(ports, floor);
    return (await playRig(workload, { ...RIG, warmer })).credit.warmed;
  };
  // A price of a crypto lives a minute, and every renewal lingers and travels some seconds more.
  const all = await warmed(0);
  assert(all === 8 || all === 9, String(all));
  assertEquals(await warmed(1.1), 0);
});

Deno.test("strategyOf() reads the origin of an entry", () => {
  assertEquals(strategyOf("warm:pre_market"), "pre_market");
  assertEquals(strategyOf("demand"), null);
});

Deno.test("WarmCredit gives an entry its first read, and no other", () => {
  const credit = new WarmCredit();
  const entry = { softAtMs: 100, hardAtMs: 200, weightBytes: 1, strategy: "popular" } as const;
  const read = (key: string, atMs: number, answer: "fresh" | "stale" | "waited") =>
    credit.accessed({ key, atMs, answer, user: null });
  for (const key of ["fresh", "stale", "evicted", "replaced", "unread", "open"]) {
    credit.stored({ ...entry, key, atMs: 0, ...(key === "open" ? { hardAtMs: 2_000 } : {}) });
  }
  credit.stored({ ...entry, key: "replaced", atMs: 50, strategy: null });
  read("fresh", 90, "fresh");
  read("fresh", 95, "fresh");
  read("stale", 150, "stale");
  read("evicted", 60, "waited");
  read("evicted", 90, "fresh");
  read("replaced", 90, "fresh");
  const count = credit.end(1_000);
  assertEquals(count, { warmed: 6, usedFresh: 1, used: 2, open: 1 });
  assertEquals(precisionOf(count), 2 / 5);
});

Deno.test("aboveFrontier() is the distance from straight lines", () => {
  const frontier = [[100, 50], [200, 70], [400, 80]] as const;
  assertAlmostEquals(aboveFrontier(frontier, [150, 63]), 3);
  assertAlmostEquals(aboveFrontier(frontier, [300, 74]), -1);
  assertAlmostEquals(aboveFrontier(frontier, [50, 51]), 1);
  assertAlmostEquals(aboveFrontier(frontier, [500, 81]), 1);
});

Deno.test("stretchOf() is from ≤ t < to", () => {
  const workload = parseWorkload("three", ["1000,1,news:C1", "2000,2,news:C1", "3000,3,news:C1"], [
    "C1,crypto,crypto,",
  ]);
  assertEquals([...stretchOf(workload, 1_000, 3_000).userOf], [1, 2]);
  assertEquals([...stretchOf(workload, 1_001, 3_001).userOf], [2, 3]);
  assertEquals([...firstHours(workload, 1).userOf], [1, 2, 3]);
});

Deno.test("servedFromMs() is when of the last ten seconds, or more, 85 % are served", () => {
  // A request a second: nobody is served in the first minute, everybody afterwards.
  const atMs = Float64Array.from({ length: 200 }, (_, i) => START_MS + 1_000 * i);
  const workload = { ...randomWorkload(1, 1), atMs };
  const answers = Uint8Array.from(atMs, (_, i) => i < 60 ? 0 : 1);
  // Of the ten up to second 68 nine are served, of the 60 up to second 110 51.
  assertEquals(servedFromMs(workload, { answers }, START_MS), 68_000);
  assertEquals(servedFromMs(workload, { answers }, START_MS, 60_000), 110_000);
  // Nothing is known before so much time has passed.
  const all = answers.map(() => 1);
  assertEquals(servedFromMs(workload, { answers: all }, START_MS), 10_000);
  assertEquals(servedFromMs(workload, { answers: answers.fill(0) }, START_MS), Infinity);
});

Deno.test("playWarming() of the first hour of day1 agrees with all counts and serves more", async () => {
  const whole = readWorkload("day1");
  if (whole === null) return console.log("skipped: day1 (../shared is absent)");
  const workload = firstHours(whole, 1);
  const rig = { entriesMax: 8_000, seed: 1 };
  const without = await playRig(workload, rig);
  const warmed = await playWarming(workload, rig);
  assert(warmed.seen.served >= without.seen.served);
});
