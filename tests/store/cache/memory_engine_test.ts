/** The second tier in memory. */

import { assertEquals } from "@std/assert";
import { systemClock, VirtualClock } from "../../../src/actor/clock.ts";
import { MemoryEngine } from "../../../src/store/cache/memory_engine.ts";
import { EngineTier } from "../../../src/store/cache/tier_engine.ts";
import { TIER_TTL_MAX_MS } from "../../../src/cache/shard_tier.ts";
import { tierConformance } from "./conformance.ts";
import { entry, texts } from "./support.ts";

tierConformance({
  name: "memory",
  open: () => {
    const tier = new EngineTier(new MemoryEngine({ clock: systemClock }), systemClock);
    return Promise.resolve({
      tier,
      settled: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(tier.close()),
    });
  },
});

Deno.test("MemoryEngine gives up the oldest ends first, and no more than it must", () => {
  const clock = new VirtualClock();
  const nowMs = clock.wallNow();
  const engine = new MemoryEngine({ clock, bytesMax: 100_000 });
  // Each counts a little more than 1,000 bytes; the ends run against the order of coming.
  engine.setMany(Array.from({ length: 200 }, (_, i) => (
    entry(`k${i}`, "x".repeat(900), { hardAtMs: nowMs + 100_000 - i })
  )));
  const left = texts(engine.getMany(Array.from({ length: 200 }, (_, i) => `k${i}`)));
  const count = left.filter((text) => text !== null).length;
  assertEquals(
    left.findIndex((text) => text === null),
    count,
    "the ends that are left are the last",
  );
  assertEquals(count > 85 && engine.info().bytes <= 100_000, true, `${count} are left`);
  assertEquals(engine.info().evicted, 200 - count);
});

Deno.test("MemoryEngine keeps nothing longer than a day", () => {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  engine.setMany([entry("a", "1", { hardAtMs: Infinity })]);
  clock.advance(TIER_TTL_MAX_MS - 1);
  assertEquals(texts(engine.getMany(["a"])), ["1"]);
  clock.advance(1);
  assertEquals(texts(engine.getMany(["a"])), [null]);
});
