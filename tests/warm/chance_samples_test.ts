import { assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { ChanceSamples, SAMPLES_MAX } from "../../src/warm/chance_samples.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("ChanceSamples.takeEnded() gives windows in the order of their ends, as a sorted list does", () => {
  const seed = seedOf("chance_samples_test");
  const random = seededRandom(seed);
  const samples = new ChanceSamples();
  const twin: { endMs: number; name: number }[] = [];
  for (let step = 0; step < 20_000; step++) {
    if (random.next() < 0.55) {
      const endMs = Math.floor(random.next() * 1_000);
      const place = samples.add(endMs);
      assertEquals(place < 0, twin.length === SAMPLES_MAX, `seed ${seed}`);
      if (place < 0) continue;
      samples.atMs[place] = endMs;
      twin.push({ endMs, name: step });
    } else {
      const nowMs = Math.floor(random.next() * 1_000);
      const place = samples.takeEnded(nowMs);
      twin.sort((a, b) => a.endMs - b.endMs);
      const first = twin[0];
      if (first === undefined || first.endMs >= nowMs) assertEquals(place, -1, `seed ${seed}`);
      else {
        assertEquals(samples.atMs[place], first.endMs, `seed ${seed}`);
        twin.shift();
      }
    }
    assertEquals(samples.size, twin.length);
  }
});

Deno.test("ChanceSamples.add() has no place when all are taken", () => {
  const samples = new ChanceSamples();
  for (let place = 0; place < SAMPLES_MAX; place++) samples.add(place);
  assertEquals(samples.add(0), -1);
  samples.takeEnded(1);
  assertEquals(samples.add(5) >= 0, true);
});
