/** Admission by expected delay: thresholds, hysteresis, priorities, and a slow twin. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Admission,
  ADMISSION_BY_COUNT,
  ADMISSION_DEFAULTS,
  PRIORITY_MAX,
} from "../../src/label/admission.ts";
import { Chance, SEED } from "./support.ts";

/** Priorities 0 to 10 that are let in at a delay. */
function admitted(admission: Admission, delayMs: number): number[] {
  return Array.from({ length: PRIORITY_MAX + 1 }, (_, priority) => priority)
    .filter((priority) => admission.admits(delayMs, priority));
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

Deno.test("Admission has the thresholds of the specification", () => {
  assertEquals(ADMISSION_DEFAULTS, { onMs: 60, offMs: 20, hardMs: 80 });
});

Deno.test("Admission.admits() lets everything in below 60 ms", () => {
  const admission = new Admission();
  for (const delayMs of [0, 19, 20, 40, 59.999]) assertEquals(admitted(admission, delayMs), ALL);
  assertEquals(admission.refusing, false);
});

Deno.test("Admission.admits() begins to refuse at 60 ms and ends at 20 ms", () => {
  const admission = new Admission();
  assertEquals(admission.admits(59.999, 0), true);
  assertEquals(admission.admits(60, 0), false);
  // Once begun, it goes on below 60 ms.
  assertEquals(admission.admits(59.999, 0), false);
  assertEquals(admission.admits(20.001, 0), false);
  assertEquals(admission.admits(20, 0), true);
  assertEquals(admission.admits(59.999, 0), true);
});

Deno.test("Admission.admits() refuses the least important first", () => {
  const admission = new Admission();
  admission.admits(60, 0);
  // By hand: needed = 1 + 9 · (delay − 20) / 60.
  assertEquals(admitted(admission, 20.001), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(admitted(admission, 40), [4, 5, 6, 7, 8, 9, 10]);
  assertEquals(admitted(admission, 60), [7, 8, 9, 10]);
  assertEquals(admitted(admission, 73), [9, 10]);
  assertEquals(admitted(admission, 79), [10]);
  assertEquals(admitted(admission, 80), [10]);
});

Deno.test("Admission.admits() always lets priority 10 in", () => {
  const admission = new Admission();
  for (const delayMs of [0, 60, 80, 1e3, 1e9, Infinity]) {
    assertEquals(admitted(admission, delayMs).at(-1), 10);
  }
});

Deno.test("Admission.admits() lets nothing but priority 10 in from 80 ms on", () => {
  const admission = new Admission();
  for (const delayMs of [80, 81, 1e6, Infinity]) assertEquals(admitted(admission, delayMs), [10]);
});

Deno.test("Admission counts what it let in and what it refused", () => {
  const admission = new Admission();
  for (const priority of ALL) admission.admits(80, priority);
  for (const priority of ALL) admission.admits(0, priority);
  assertEquals([admission.accepted, admission.refused], [12, 10]);
});

Deno.test("Admission.retryAfterMs() is when the delay will have fallen to 20 ms, 1 at least", () => {
  const admission = new Admission();
  assertEquals([5, 20, 20.5, 60, 99.2].map((delayMs) => admission.retryAfterMs(delayMs)), [
    1,
    1,
    1,
    40,
    80,
  ]);
});

Deno.test("Admission takes other thresholds and refuses those in disorder", () => {
  const admission = new Admission(ADMISSION_BY_COUNT);
  assertEquals(admission.admits(7_999, 0), true);
  assertEquals(admission.admits(8_000, 7), false);
  assertEquals(admission.admits(8_000, 8), true);
  for (
    const options of [
      { onMs: 60, offMs: 60, hardMs: 80 },
      { onMs: 90, offMs: 20, hardMs: 80 },
      { onMs: 60, offMs: -1, hardMs: 80 },
      { onMs: NaN, offMs: 20, hardMs: 80 },
      { onMs: 60, offMs: 20, hardMs: NaN },
    ]
  ) assertThrows(() => new Admission(options), RangeError, "Cannot set admission");
});

/** The rule as said: the whole past decides whether it refuses, a table decides whom. */
function slowAdmits(delays: readonly number[], priority: number): boolean {
  const lastAbove = delays.findLastIndex((delayMs) => delayMs >= 60);
  const lastBelow = delays.findLastIndex((delayMs) => delayMs <= 20);
  if (lastAbove <= lastBelow) return true;
  const delayMs = delays.at(-1) as number;
  if (priority === 10) return true;
  if (delayMs >= 80) return false;
  // Priority p ≥ 1 is let in up to the delay at which p is needed.
  return priority >= 1 && delayMs <= 20 + (priority - 1) * 60 / 9;
}

Deno.test("Admission.admits() agrees with a slow twin on random walks", () => {
  const chance = new Chance(SEED);
  let refused = 0;
  for (let walk = 0; walk < 40; walk++) {
    const admission = new Admission();
    const delays: number[] = [];
    let delayMs = 0;
    for (let step = 0; step < 200; step++) {
      delayMs = Math.max(0, delayMs + chance.int(-12, 13) + chance.next());
      if (chance.next() < 0.05) delayMs = chance.pick([0, 20, 60, 80, 200]);
      delays.push(delayMs);
      const priority = chance.int(0, 11);
      const expected = slowAdmits(delays, priority);
      if (!expected) refused++;
      const at = `WICK_SEED=${SEED} walk ${walk} step ${step}: ${delayMs} ms, ${priority}`;
      assertEquals(admission.admits(delayMs, priority), expected, at);
    }
  }
  assert(refused > 100, "little was refused: little was shown");
});

Deno.test("Admission.admits() never refuses a priority and lets a lower one in", () => {
  const chance = new Chance(SEED + 1);
  for (let i = 0; i < 2_000; i++) {
    const admission = new Admission();
    admission.refusing = chance.next() < 0.5;
    const open = admitted(admission, chance.next() * 100);
    assertEquals(open, ALL.slice(ALL.length - open.length));
  }
});
