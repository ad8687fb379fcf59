import { assertEquals, assertLess } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Ghost } from "../../src/cache/ghost.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("Ghost remembers what a slow ring does", () => {
  const random = seededRandom(seedOf("ghost_test"));
  for (const capacity of [1, 2, 7, 64]) {
    const ghost = new Ghost(capacity);
    // Places in order of leaving; a hash that was taken leaves an empty one.
    const ring: (number | null)[] = [];
    for (let i = 0; i < 20_000; i++) {
      const hash = Math.floor(random.next() * capacity * 3) * 0x01000000 | 0;
      const place = ring.indexOf(hash);
      if (random.next() < 0.4) {
        assertEquals(ghost.take(hash), place >= 0);
        if (place >= 0) ring[place] = null;
      } else {
        ghost.add(hash);
        if (place >= 0) ring[place] = null;
        ring.push(hash);
        if (ring.length > capacity) ring.shift();
      }
      assertEquals(ghost.size, ring.filter((one) => one !== null).length);
      if (i % 100 === 0) ghost.invariant();
    }
  }
});

Deno.test("Ghost.resize() forgets", () => {
  const ghost = new Ghost(4);
  ghost.add(1);
  ghost.resize(8);
  assertEquals([ghost.size, ghost.take(1)], [0, false]);
  for (let hash = 0; hash < 20; hash++) ghost.add(hash);
  assertEquals(ghost.size, 8);
});

Deno.test("Ghost is no slower for hashes that agree in their lower bits", () => {
  const ghost = new Ghost(20_000);
  const startMs = performance.now();
  for (let i = 0; i < 60_000; i++) ghost.add(i << 16);
  assertLess(performance.now() - startMs, 2_000);
});
