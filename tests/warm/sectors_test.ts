import { assertEquals, assertThrows } from "@std/assert";
import { WarmError } from "../../src/warm/error.ts";
import { SECTOR_SYMBOLS_MAX, Sectors, SECTORS_MAX } from "../../src/warm/sectors.ts";

Deno.test("Sectors.assign(): what was said of a symbol counts before what is known", () => {
  const sectors = new Sectors(4);
  sectors.say([["AAPL", "phones"]]);
  sectors.assign(0, "price:AAPL:1", "tech");
  sectors.assign(1, "price:MSFT", "tech");
  sectors.assign(2, "price:EUR_USD", null);
  assertEquals([0, 1, 2, 3].map((slot) => sectors.nameAt(slot)), ["phones", "tech", null, null]);
  assertEquals(sectors.numberAt(1), sectors.numberOfName("tech"));
  assertEquals(sectors.numberOfName("coal"), 0);
});

Deno.test("Sectors.say() replaces what was said, and nothing when it is refused", () => {
  const sectors = new Sectors(1);
  sectors.say([["AAPL", "phones"]]);
  for (
    const wrong of [
      [["AAPL", ""]],
      [["", "tech"]],
      [["AAPL", "x".repeat(65)]],
      [["X".repeat(65), "tech"]],
    ] as [string, string][][]
  ) {
    const error = assertThrows(() => sectors.say(wrong), WarmError, "Cannot set sectors: expected");
    assertEquals(error.code, "sector");
  }
  const many = function* (): Generator<[string, string]> {
    for (let i = 0; i <= SECTOR_SYMBOLS_MAX; i++) yield [`S${i}`, "tech"];
  };
  assertThrows(() => sectors.say(many()), WarmError, `at most ${SECTOR_SYMBOLS_MAX}`);
  assertEquals([...sectors.said], [["AAPL", "phones"]]);
  sectors.say([["__proto__", "tech"]]);
  sectors.assign(0, "price:__proto__", null);
  assertEquals([sectors.said.size, sectors.nameAt(0)], [1, "tech"]);
});

Deno.test("Sectors: one beyond the most is none", () => {
  const sectors = new Sectors(SECTORS_MAX + 1);
  for (let slot = 0; slot <= SECTORS_MAX; slot++) sectors.assign(slot, `price:S`, `sector ${slot}`);
  assertEquals(sectors.nameAt(SECTORS_MAX - 1), `sector ${SECTORS_MAX - 1}`);
  assertEquals(sectors.nameAt(SECTORS_MAX), null);
});
