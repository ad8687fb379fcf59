/** Rates as people write them. */

import { assertEquals, assertThrows } from "@std/assert";
import { formatRate, parseRate } from "../../src/batch/limit_rate.ts";

const MINUTE = 60_000, DAY = 86_400_000;

for (
  const [text, requests, windowMs, printed] of [
    ["750/min", 750, MINUTE, "750/min"],
    ["10/s", 10, 1_000, "10/s"],
    ["100000/day", 100_000, DAY, "100000/day"],
    ["100,000/d", 100_000, DAY, "100000/day"],
    ["100_000 / days", 100_000, DAY, "100000/day"],
    [" 750 per minute ", 750, MINUTE, "750/min"],
    ["5/15min", 5, 15 * MINUTE, "5/15min"],
    ["5/15 Minutes", 5, 15 * MINUTE, "5/15min"],
    ["3/250ms", 3, 250, "3/250ms"],
    ["60/60s", 60, MINUTE, "60/min"],
    ["2/90s", 2, 90_000, "2/90s"],
    ["9/h", 9, 60 * MINUTE, "9/h"],
  ] as const
) {
  Deno.test(`parseRate() reads ${text}`, () => {
    assertEquals(parseRate(text), { requests, windowMs });
    assertEquals(formatRate({ requests, windowMs }), printed);
    assertEquals(parseRate(printed), { requests, windowMs });
  });
}

for (
  const text of [
    "",
    "750",
    "750/",
    "/min",
    "0/min",
    "-1/s",
    "1.5/s",
    "1e3/s",
    "10/0s",
    "10/fortnight",
    "10/min/s",
    "9999999999/day",
    "1/32days",
    ",/s",
    "1/constructor",
  ]
) {
  Deno.test(`parseRate() refuses ${JSON.stringify(text)}`, () => {
    assertThrows(() => parseRate(text), RangeError, `current value is ${text}`);
  });
}
