/** parseSides() and sideAt(). */

import { assertEquals, assertThrows } from "@std/assert";
import { parseSides, sideAt, SIDES_MAX } from "../../../src/label/kinds/sides.ts";

Deno.test("parseSides() reads rows in any order; an empty side is no bet", () => {
  const sides = parseSides("ts,side\r\n120000,-1\n60000, 0.5 \n180000,\n-60000,1e-3\n");
  assertEquals([...sides.ts], [-60_000, 60_000, 120_000, 180_000]);
  assertEquals([...sides.side], [1e-3, 0.5, -1, NaN]);
});

Deno.test("sideAt() is the side of that time, NaN of any other", () => {
  const sides = parseSides("ts,side\n60000,1\n120000,-1\n");
  const times = [0, 60_000, 60_001, 120_000, 180_000];
  assertEquals(times.map((ts) => sideAt(sides, ts)), [NaN, 1, NaN, -1, NaN]);
  assertEquals(sideAt(parseSides("ts,side\n"), 0), NaN);
});

Deno.test("parseSides() refuses another header, bad cells and repeated times", () => {
  const refusal = (text: string) => assertThrows(() => parseSides(text), TypeError).message;
  assertEquals(
    refusal("time,side\n"),
    'Cannot read sides: line 1: expected the header ts,side: current value is "time,side"',
  );
  for (const row of ["1.5,1", "60000", "60000,x", "60000,1,2", ",1", "60000,1e999", "60000,+"]) {
    assertEquals(refusal(`ts,side\n0,1\n${row}\n`).slice(0, 26), "Cannot read sides: line 3:", row);
  }
  assertEquals(refusal("ts,side\n5,1\n5,1").endsWith("5 is there twice"), true);
  assertEquals(refusal(`ts,side\n${"0,1\n".repeat(SIDES_MAX + 1)}`).includes("at most"), true);
});
