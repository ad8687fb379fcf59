import { assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { TopSlots } from "../../src/warm/top_slots.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("TopSlots.take() has the highest scores first, as a sort would", () => {
  const random = seededRandom(seedOf("top_slots_test"));
  for (let round = 0; round < 300; round++) {
    const count = Math.floor(random.next() * 60), limit = Math.floor(random.next() * 30);
    // Few different scores, so that there are equals; some that are not above 0.
    const scores = Array.from({ length: count }, () => Math.floor(random.next() * 12) - 1);
    const top = new TopSlots(limit);
    for (const [slot, score] of scores.entries()) top.offer(slot, score);
    const sorted = [...scores.entries()].filter(([, score]) => score > 0)
      .sort(([a, x], [b, y]) => y - x || a - b).slice(0, limit);
    assertEquals(top.take((slot, score) => [slot, score] as [number, number]), sorted);
  }
});

Deno.test("TopSlots.offer() does not take NaN", () => {
  const top = new TopSlots(2);
  top.offer(1, NaN);
  assertEquals(top.take((slot) => slot), []);
});
