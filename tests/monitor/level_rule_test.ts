import { assertEquals, assertThrows } from "@std/assert";
import {
  assertLevel,
  levelNext,
  type LevelOptions,
  levelStart,
} from "../../src/monitor/level_rule.ts";

const QUEUE: LevelOptions = {
  side: "above",
  raise: 100,
  clear: 50,
  forMs: 10_000,
  clearForMs: 5_000,
};

/** The phases of a life: a value for every 5 s, or for the times given with it. */
function phasesOf(
  options: LevelOptions,
  values: readonly (number | null | { value: number | null; atMs: number })[],
): string {
  let state = levelStart(0);
  return values.map((each, i) => {
    const { value, atMs } = each !== null && typeof each === "object"
      ? each
      : { value: each, atMs: i * 5_000 };
    state = levelNext(options, state, value, atMs);
    return state.phase[0];
  }).join("");
}

Deno.test("levelNext() fires after `forMs` beyond the level, not before", () => {
  assertEquals(phasesOf(QUEUE, [0, 101, 101, 101, 101]), "cppff");
});

Deno.test("levelNext() begins anew when a pending value comes back, at the level too", () => {
  assertEquals(phasesOf(QUEUE, [101, 101, 100, 101, 101, 101]), "ppcppf");
});

Deno.test("levelNext() stays firing between the levels, and clears after `clearForMs` below", () => {
  assertEquals(phasesOf(QUEUE, [101, 101, 101, 75, 75, 50, 51, 50, 50]), "ppffffffc");
});

Deno.test("levelNext() without times or a second level follows the value", () => {
  assertEquals(phasesOf({ side: "below", raise: 1 }, [1, 0, 1, 0]), "cfcf");
});

Deno.test("levelNext() holds on to what it knows while values are missing", () => {
  // Clear stays clear; firing stays firing, for as long as it takes.
  assertEquals(phasesOf(QUEUE, [0, null, null, null]), "cccc");
  const missing = Array.from({ length: 20 }, () => null);
  assertEquals(phasesOf(QUEUE, [101, 101, 101, ...missing]), "pp" + "f".repeat(21));
});

Deno.test("levelNext() gives a pending value up after `missingMs`", () => {
  const missing = Array.from({ length: 8 }, () => null);
  // 30 s by default: missing from 5 s on, at 35 s more than that has passed.
  assertEquals(phasesOf(QUEUE, [101, ...missing]), "pppppppcc");
});

Deno.test("levelNext() takes a missing value as wrong or right when asked to", () => {
  const missing = Array.from({ length: 5 }, () => null);
  const raise: LevelOptions = { ...QUEUE, missing: "raise", missingMs: 5_000 };
  assertEquals(phasesOf(raise, [0, ...missing]), "ccppff");
  // Seen at 10 s, missing for longer than 5 s at 20 s, right for 5 s at 25 s.
  const clear: LevelOptions = { ...QUEUE, missing: "clear", missingMs: 5_000 };
  assertEquals(phasesOf(clear, [101, 101, 101, ...missing]), "ppfffccc");
});

Deno.test("levelNext() takes NaN as missing", () => {
  assertEquals(phasesOf(QUEUE, [101, 101, 101, NaN, NaN]), "ppfff");
});

Deno.test("levelNext(): a stuck clock lets nothing pass, a jump back neither", () => {
  const at = (atMs: number, value = 101) => ({ value, atMs });
  assertEquals(phasesOf(QUEUE, [at(0), at(0), at(0), at(0)]), "pppp");
  assertEquals(phasesOf(QUEUE, [at(60_000), at(0), at(69_999), at(70_000)]), "pppf");
  // A jump forward is time in which it was wrong, as far as is known.
  assertEquals(phasesOf(QUEUE, [at(0), at(3_600_000)]), "pf");
});

Deno.test("assertLevel() refuses a clear level on the wrong side and times below 0", () => {
  assertLevel(QUEUE);
  for (
    const wrong of [
      { side: "above", raise: 1, clear: 2 },
      { side: "below", raise: 1, clear: 0 },
      { side: "above", raise: NaN },
      { side: "above", raise: 1, forMs: -1 },
    ] as const
  ) {
    assertThrows(() => assertLevel(wrong), RangeError, "clear on the good side");
  }
});
