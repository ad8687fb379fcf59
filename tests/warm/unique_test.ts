import { assertEquals, assertLess } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { REGISTERS, UniqueKeys } from "../../src/warm/unique.ts";
import { seedOf } from "../actor/seed.ts";

Deno.test("UniqueKeys.estimate() is off by less than four standard errors, few keys or many", () => {
  const random = seededRandom(seedOf("unique_test"));
  for (const count of [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]) {
    const unique = new UniqueKeys();
    for (let i = 0; i < count; i++) unique.add(random.next() * 2 ** 32 | 0);
    assertLess(Math.abs(unique.estimate() - count), Math.max(1, 4 * 0.0163 * count));
  }
});

Deno.test("UniqueKeys.estimate() does not grow by keys that were there", () => {
  const unique = new UniqueKeys();
  assertEquals(unique.estimate(), 0);
  for (let round = 0; round < 5; round++) {
    for (let key = 0; key < 50; key++) unique.add(Math.imul(key, 0x9e3779b1));
  }
  assertEquals(Math.round(unique.estimate()), 50);
});

Deno.test("UniqueKeys.areRegisters() knows registers from other bytes", () => {
  assertEquals(UniqueKeys.areRegisters(new UniqueKeys().snapshot()), true);
  for (
    const other of [null, [], new Uint8Array(REGISTERS - 1), new Uint8Array(REGISTERS).fill(22)]
  ) assertEquals(UniqueKeys.areRegisters(other), false);
});
