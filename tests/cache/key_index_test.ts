import { assertEquals } from "@std/assert";
import { KeyIndex, placeAt, slotOf, SLOTS_MAX, tableOf } from "../../src/cache/key_index.ts";

Deno.test("placeAt() keeps slot and table apart", () => {
  for (const slot of [0, 16, 65_536, SLOTS_MAX - 1]) {
    for (const table of [0, 1, 255]) {
      const place = placeAt(slot, table);
      assertEquals([slotOf(place), tableOf(place), place >= 0], [slot, table, true]);
    }
  }
});

Deno.test("KeyIndex.placeAgain() does not believe a miss that is over", () => {
  const index = new KeyIndex();
  assertEquals(index.placeOf("a"), -1);
  index.set("a", 20, 1);
  assertEquals(index.placeAgain("a"), placeAt(20, 1));
  assertEquals(index.placeOf("b"), -1);
  assertEquals(index.placeAgain("b"), -1);
  index.delete("a");
  assertEquals(index.placeAgain("a"), -1);
});

Deno.test("KeyIndex.drop() forgets the keys of one table", () => {
  const index = new KeyIndex();
  for (let i = 0; i < 100; i++) index.set(`${i}`, 16 + i, i % 4);
  index.drop(2);
  assertEquals(index.size, 75);
  assertEquals(index.placeOf("2"), -1);
  assertEquals(tableOf(index.placeOf("3")), 3);
});
