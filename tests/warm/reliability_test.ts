import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Reliability } from "../../src/warm/reliability.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("Reliability.corrected() changes nothing before anything has come true", () => {
  const reliability = new Reliability();
  for (const chance of [0, 0.03, 0.5, 0.77, 1]) assertEquals(reliability.corrected(chance), chance);
});

Deno.test("Reliability.corrected() learns that chances are squared", () => {
  const seed = seedOf("reliability_test");
  const random = seededRandom(seed);
  const reliability = new Reliability();
  for (let entry = 0; entry < 20_000; entry++) {
    const said = random.next();
    reliability.add(said, random.next() < said * said);
  }
  for (let said = 0.05; said < 1; said += 0.05) {
    assertAlmostEquals(reliability.corrected(said), said * said, 0.05, `seed ${seed}, ${said}`);
  }
});

Deno.test("Reliability.corrected() believes few entries little", () => {
  const reliability = new Reliability();
  for (let entry = 0; entry < 5; entry++) reliability.add(0.75, false);
  assert(reliability.corrected(0.75) > 0.65);
});

Deno.test("Reliability.buckets() are tenths with their means", () => {
  const reliability = new Reliability();
  for (const [chance, isUsed] of [[0.71, true], [0.79, false], [1, true]] as const) {
    reliability.add(chance, isUsed);
  }
  const [seven, nine] = reliability.buckets();
  assertEquals([seven?.from, seven?.count, seven?.used], [0.7, 2, 0.5]);
  assertAlmostEquals(seven?.predicted ?? 0, 0.75, 1e-12);
  assertEquals([nine?.from, nine?.to, nine?.predicted, nine?.used], [0.9, 1, 1, 1]);
});

Deno.test("Reliability forgets by half, and goes on from a snapshot", () => {
  const reliability = new Reliability();
  for (let entry = 0; entry < 100; entry++) reliability.add(0.5, entry % 4 === 0);
  reliability.decay();
  assertEquals(reliability.buckets()[0]?.count, 50);
  const again = new Reliability();
  again.restore(reliability.snapshot());
  assertEquals(again.buckets(), reliability.buckets());
});
