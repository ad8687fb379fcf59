import { assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { Blocks, NO_KEY } from "../../src/refresh/blocks.ts";
import { seedOf } from "../actor/seed.ts";

/** The best by looking at all: highest key, then lowest id. */
function bestOf(keys: readonly number[], ids: readonly string[]): number {
  let best = -1;
  keys.forEach((key, at) => {
    if (key === NO_KEY) return;
    const ahead = best < 0 || key > (keys[best] as number) ||
      (key === keys[best] && (ids[at] as string) < (ids[best] as string));
    if (ahead) best = at;
  });
  return best;
}

Deno.test("Blocks.best() agrees with a look at all keys, ties and growth included", () => {
  const random = seededRandom(seedOf("blocks_test"));
  const ids: string[] = [], keys: number[] = [], blocks = new Blocks(ids);
  for (let i = 0; i < 3_000; i++) {
    if (ids.length === 0 || random.next() < 0.5) {
      for (let n = 0; n < 5; n++) {
        ids.push(`${Math.floor(random.next() * 1e6)}_${ids.length}`);
        keys.push(NO_KEY);
      }
      blocks.reserve(ids.length);
    }
    const at = Math.floor(random.next() * ids.length);
    // Few different keys, so that most bests are ties.
    const key = random.next() < 0.3 ? NO_KEY : Math.floor(random.next() * 4) - 2;
    keys[at] = key;
    blocks.set(at, key);
    assertEquals(blocks.best(), bestOf(keys, ids));
    if (i % 500 === 0) blocks.invariant();
  }
  blocks.clear();
  assertEquals(blocks.best(), -1);
  blocks.invariant();
});

Deno.test("Blocks.best() takes 0 and -0 as a tie", () => {
  const blocks = new Blocks(["b", "a"]);
  blocks.reserve(2);
  blocks.set(0, 0);
  blocks.set(1, -0);
  assertEquals(blocks.best(), 1);
});

Deno.test("Blocks.invariant() finds a key that was written past it", () => {
  const blocks = new Blocks(["a", "b"]);
  blocks.reserve(2);
  blocks.set(0, 1);
  blocks.best();
  blocks.keys[1] = 2;
  assertThrows(() => blocks.invariant(), Error, "block 0");
});
