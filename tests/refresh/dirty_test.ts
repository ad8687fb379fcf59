import { assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { DirtyBits } from "../../src/refresh/dirty.ts";
import { seedOf } from "../actor/seed.ts";

/** Everything that a walk finds. */
function walk(bits: DirtyBits): number[] {
  const found: number[] = [];
  for (let at = bits.next(0); at >= 0; at = bits.next(at + 1)) found.push(at);
  return found;
}

Deno.test("DirtyBits agrees with a Set over random operations", () => {
  const random = seededRandom(seedOf("dirty_test"));
  const bits = new DirtyBits(), twin = new Set<number>();
  let size = 0;
  for (let i = 0; i < 20_000; i++) {
    if (i % 1_000 === 0) bits.reserve(size += 97);
    const at = Math.floor(random.next() * size), what = random.next();
    if (what < 0.5) {
      assertEquals(bits.mark(at), !twin.has(at));
      twin.add(at);
    } else if (what < 0.95) assertEquals(bits.clear(at), twin.delete(at));
    else if (what < 0.951) {
      bits.clearAll();
      twin.clear();
    } else {
      const row = Uint32Array.from({ length: 9 }, () => Math.floor(random.next() * size));
      bits.markAll(row, 5);
      row.subarray(0, 5).forEach((one) => twin.add(one));
    }
    assertEquals(bits.has(at), twin.has(at));
    if (i % 500 === 0) {
      assertEquals(walk(bits), [...twin].sort((a, b) => a - b));
      bits.invariant();
    }
    assertEquals(bits.count, twin.size);
  }
});

Deno.test("DirtyBits.next() finds the first and last bit of a word, and nothing after the end", () => {
  const bits = new DirtyBits(96);
  for (const at of [0, 31, 32, 63, 95]) bits.mark(at);
  assertEquals(walk(bits), [0, 31, 32, 63, 95]);
  assertEquals(bits.next(96), -1);
  assertEquals(bits.next(64), 95);
});

Deno.test("DirtyBits.markAll() counts a number that comes twice once", () => {
  const bits = new DirtyBits(64);
  bits.markAll(Uint32Array.of(3, 3, 31, 31), 4);
  assertEquals(bits.count, 2);
  bits.invariant();
});

Deno.test("DirtyBits.mark() beyond what was reserved is found by invariant()", () => {
  const bits = new DirtyBits(32);
  bits.mark(40);
  assertThrows(() => bits.invariant(), Error, "dirty bits");
});
