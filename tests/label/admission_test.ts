/** Admission by expected delay: thresholds, windows, priorities, a slow twin; its pace and its door. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  Admission,
  ADMISSION_BY_COUNT,
  ADMISSION_DEFAULTS,
  Door,
  Pace,
  PRIORITY_MAX,
  type Refusal,
} from "../../src/label/admission.ts";
import { Chance, SEED } from "./support.ts";

/** Priorities 0 to 10 that are let in at a delay. */
function admitted(admission: Admission, delayMs: number, nowMs = 0, queuedMs = 0): number[] {
  return Array.from({ length: PRIORITY_MAX + 1 }, (_, priority) => priority)
    .filter((priority) => admission.admits(delayMs, priority, nowMs, queuedMs));
}

/** One that has begun to refuse at 0 ms. */
function refusing(): Admission {
  const admission = new Admission();
  admission.admits(60, 10, 0, 0);
  return admission;
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

Deno.test("Admission has the thresholds of the specification", () => {
  assertEquals(ADMISSION_DEFAULTS, { onMs: 60, offMs: 20, hardMs: 80 });
});

Deno.test("Admission.admits() lets everything in below 60 ms, however much is queued", () => {
  const admission = new Admission();
  for (const delayMs of [0, 19, 20, 40, 59.999]) {
    for (const queuedMs of [0, 4, 59]) {
      assertEquals(admitted(admission, delayMs, 0, queuedMs), ALL);
    }
  }
  assertEquals(admission.refusing, false);
});

Deno.test("Admission.admits() begins to refuse at 60 ms and does not end within the window", () => {
  const admission = new Admission();
  assertEquals(admission.admits(59.999, 0, 0, 0), true);
  assertEquals(admission.admits(60, 0, 0, 0), false);
  // Once begun, it goes on below 60 ms, and at 20 ms too: the queue is short because it refuses.
  assertEquals(admission.admits(59.999, 0, 1, 0), false);
  assertEquals(admission.admits(20, 0, 99.9, 0), false);
  assertEquals(admission.refusing, true);
});

Deno.test("Admission.admits() refuses the least important first", () => {
  const admission = refusing();
  // By hand: needed = 1 + 9 · (delay − 20) / 60.
  assertEquals(admitted(admission, 20.001), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(admitted(admission, 40), [4, 5, 6, 7, 8, 9, 10]);
  assertEquals(admitted(admission, 60), [7, 8, 9, 10]);
  assertEquals(admitted(admission, 73), [9, 10]);
  assertEquals(admitted(admission, 79), [10]);
  assertEquals(admitted(admission, 80), [10]);
  // Below 20 ms too: priority 0 may wait less than 20 − 60/9 ms.
  assertEquals(admitted(admission, 20), ALL.slice(1));
  assertEquals(admitted(admission, 13.4), ALL.slice(1));
  assertEquals(admitted(admission, 13.3), ALL);
});

Deno.test("Admission.admits() keeps the queue short while it refuses, shortest for the least", () => {
  const admission = refusing();
  // By hand: priority p is let in below 4 · (½ + p/10) ms of work: 2 for 0, 4 for 5, 5.6 for 9.
  assertEquals(admitted(admission, 0, 1, 1.99), ALL);
  assertEquals(admitted(admission, 0, 1, 2), ALL.slice(1));
  assertEquals(admitted(admission, 0, 1, 3.99), ALL.slice(5));
  assertEquals(admitted(admission, 0, 1, 4), ALL.slice(6));
  assertEquals(admitted(admission, 0, 1, 5.59), ALL.slice(9));
  assertEquals(admitted(admission, 0, 1, 5.6), [10]);
  assertEquals(admitted(admission, 0, 1, Infinity), [10]);
});

Deno.test("Admission.admits() goes on after a window in which more than a tenth was refused", () => {
  const admission = refusing();
  // 1 came to begin with. Of 20 in all, 3 are refused.
  for (let i = 0; i < 16; i++) assertEquals(admission.admits(0, 10, 50, 0), true);
  for (let i = 0; i < 3; i++) assertEquals(admission.admits(30, 0, 50, 0), false);
  assertEquals(admission.admits(0, 5, 100, 4), false);
  assertEquals(admission.refusing, true);
  // The next window is a new one, and holds that one refusal only.
  for (let i = 0; i < 9; i++) admission.admits(0, 10, 150, 0);
  assertEquals(admission.admits(0, 5, 199.9, 4), false);
  assertEquals(admission.admits(0, 5, 200, 4), false, "2 of 11 were refused");
});

Deno.test("Admission.admits() ends refusing after a window with few refusals, at 20 ms or less", () => {
  for (const [delayMs, isOver] of [[20, true], [20.001, false], [0, true]] as const) {
    const admission = refusing();
    for (let i = 0; i < 18; i++) admission.admits(0, 10, 50, 0);
    admission.admits(30, 0, 50, 0);
    // 1 of 20 was refused. Not before 100 ms have gone by.
    assertEquals(admission.admits(delayMs, 9, 99.999, 5.6), false);
    // 2 of 21 now.
    assertEquals(admission.admits(delayMs, 9, 100, 5.6), isOver, `${delayMs} ms`);
    assertEquals(admission.refusing, !isOver);
  }
});

Deno.test("Admission.admits() ends refusing when nobody came for a window", () => {
  const admission = new Admission();
  for (const priority of ALL) admission.admits(80, priority, 0, 0);
  assertEquals(admission.admits(0, 0, 99, 3), false);
  // That window had refusals; the one after it had none, since nobody came.
  assertEquals(admission.admits(0, 10, 100, 0), true);
  assertEquals(admission.refusing, true);
  assertEquals(admission.admits(0, 0, 5_000, 3), true);
  assertEquals(admission.refusing, false);
});

Deno.test("Admission.admits() always lets priority 10 in", () => {
  const admission = new Admission();
  for (const delayMs of [0, 60, 80, 1e3, 1e9, Infinity]) {
    for (const queuedMs of [0, 1e3, Infinity]) {
      assertEquals(admitted(admission, delayMs, 0, queuedMs).at(-1), 10);
    }
  }
});

Deno.test("Admission.admits() lets nothing but priority 10 in from 80 ms on", () => {
  const admission = new Admission();
  for (const delayMs of [80, 81, 1e6, Infinity]) assertEquals(admitted(admission, delayMs), [10]);
});

Deno.test("Admission counts what it let in and what it refused", () => {
  const admission = new Admission();
  for (const priority of ALL) admission.admits(80, priority, 0, 0);
  for (const priority of ALL) admission.admits(0, priority, 0, 0);
  assertEquals([admission.accepted, admission.refused], [12, 10]);
});

Deno.test("Admission.refuses() decides as admits() does and counts only what it refused", () => {
  const [ahead, then] = [new Admission(), new Admission()];
  for (const delayMs of [10, 60, 70, 30, 5]) {
    for (const priority of ALL) {
      const isIn = then.admits(delayMs, priority, delayMs, 0);
      assertEquals(ahead.refuses(delayMs, priority, delayMs, 0), !isIn);
    }
  }
  assertEquals([ahead.accepted, ahead.refused], [0, then.refused]);
  assert(then.refused > 0 && then.accepted > 0);
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
  assertEquals(admission.admits(7_999, 0, 0, 0), true);
  assertEquals(admission.admits(8_000, 7, 0, 0), false);
  assertEquals(admission.admits(8_000, 8, 0, 0), true);
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

interface Call {
  readonly nowMs: number;
  readonly delayMs: number;
  readonly queuedMs: number;
  readonly priority: number;
}

/** A table says whom refusing lets in: priority p may wait, and be queued behind, so much. */
const MAY_WAIT_MS = [40, 60, 80, 100, 120, 140, 160, 180, 200, 220].map((n) => n / 3);
const MAY_QUEUE_MS = [2, 2.4, 2.8, 3.2, 3.6, 4, 4.4, 4.8, 5.2, 5.6];

function isLetIn({ delayMs, queuedMs, priority }: Call): boolean {
  if (priority === 10) return true;
  return delayMs <= (MAY_WAIT_MS[priority] as number) &&
    queuedMs < (MAY_QUEUE_MS[priority] as number);
}

/** The rule as said, from the whole past: which of the calls are refused. */
function slowRefusals(calls: readonly Call[]): boolean[] {
  const refused = calls.map(() => false);
  let i = 0;
  while (i < calls.length) {
    if ((calls[i] as Call).delayMs < 60) {
      i++;
      continue;
    }
    // Refusing begins; it is made of windows, each to the first call 100 ms after its beginning.
    for (let isOver = false; !isOver && i < calls.length;) {
      const endMs = (calls[i] as Call).nowMs + 100;
      const window: Call[] = [];
      while (i < calls.length && (calls[i] as Call).nowMs < endMs) {
        refused[i] = !isLetIn(calls[i] as Call);
        window.push(calls[i++] as Call);
      }
      const count = window.filter((call) => !isLetIn(call)).length;
      const next = calls[i];
      isOver = next !== undefined && next.delayMs <= 20 && count * 10 <= window.length;
      if (isOver) i++;
    }
  }
  return refused;
}

Deno.test("Admission.admits() agrees with a slow twin on random walks", () => {
  const chance = new Chance(SEED);
  let refused = 0, ended = 0;
  for (let walk = 0; walk < 60; walk++) {
    const admission = new Admission();
    const calls: Call[] = [];
    const actual: boolean[] = [];
    let delayMs = 0, nowMs = 0;
    const isCalm = walk % 2 === 0;
    for (let step = 0; step < 400; step++) {
      delayMs = Math.max(0, delayMs + chance.int(-14, 13) + chance.next());
      if (chance.next() < 0.03) delayMs = chance.pick([0, 20, 60, 80, 200]);
      nowMs += chance.next() < 0.02 ? 100 : chance.next() * 20;
      const queuedMs = chance.next() * (isCalm ? 2 : 7);
      const call = { nowMs, delayMs, queuedMs, priority: isCalm ? 10 : chance.int(0, 11) };
      if (isCalm && chance.next() < 0.1) call.priority = chance.int(0, 11);
      calls.push(call);
      const was = admission.refusing;
      actual.push(!admission.admits(delayMs, call.priority, nowMs, queuedMs));
      if (was && !admission.refusing) ended++;
    }
    refused += admission.refused;
    assertEquals(actual, slowRefusals(calls), `WICK_SEED=${SEED} walk ${walk}`);
    assertEquals(admission.refused, actual.filter((isRefused) => isRefused).length);
  }
  assert(refused > 100, "little was refused: little was shown");
  assert(ended > 10, "refusing hardly ever ended: little was shown");
});

Deno.test("Admission.admits() never refuses a priority and lets a lower one in", () => {
  const chance = new Chance(SEED + 1);
  for (let i = 0; i < 2_000; i++) {
    const admission = new Admission();
    admission.refusing = chance.next() < 0.5;
    const open = admitted(admission, chance.next() * 100, i, chance.next() * 8);
    assertEquals(open, ALL.slice(ALL.length - open.length));
  }
});

// ---- pace -----------------------------------------------------------------------------------------

Deno.test("Pace learns only from rounds of 16 pieces or more", () => {
  const pace = new Pace();
  assertEquals(pace.msPerPiece, 0);
  pace.begin(1_000);
  pace.done(15, 1_030);
  pace.done(1, 1_040);
  assertEquals(pace.msPerPiece, 0);
  // Counted from the round before it, which took its own time.
  pace.done(16, 1_072);
  assertEquals(pace.msPerPiece, 2);
  pace.done(15, 9_000);
  assertEquals(pace.msPerPiece, 2);
});

Deno.test("Pace learns what is better quicker than what is worse", () => {
  const better = new Pace();
  better.done(20, 20);
  better.done(20, 30);
  // 30 % of the way from 1 to ½.
  assertAlmostEquals(better.msPerPiece, 0.85, 1e-12);
  const worse = new Pace();
  worse.done(20, 20);
  worse.done(20, 60);
  // 2 % of the way from 1 to 2.
  assertAlmostEquals(worse.msPerPiece, 1.02, 1e-12);
});

Deno.test("Pace does not count idle time, nor time that goes back", () => {
  const pace = new Pace();
  pace.begin(0);
  pace.done(16, 16);
  pace.begin(60_000);
  pace.done(16, 60_016);
  assertEquals(pace.msPerPiece, 1);
  pace.done(16, 50_000);
  assertAlmostEquals(pace.msPerPiece, 0.7, 1e-12);
});

// ---- door -----------------------------------------------------------------------------------------

/** Refuses below priority 5. */
function halfOpen(reason: string) {
  return (priority: number): Refusal | null =>
    priority >= 5 ? null : { state: "refused", code: "overload", reason, retryAfterMs: 1 };
}

Deno.test("Door.refusal() refuses nothing while nobody stands behind it", () => {
  assertEquals(new Door().refusal(0), null);
});

Deno.test("Door.refusal() asks whoever opened it last, until that one leaves", () => {
  const door = new Door();
  const leaveFirst = door.open(halfOpen("first"));
  assertEquals([door.refusal(4)?.reason, door.refusal(5)], ["first", null]);
  const leaveSecond = door.open(halfOpen("second"));
  // The one before it takes nothing with it when it goes.
  leaveFirst();
  assertEquals([door.refusal(4)?.reason, door.refusal(5)], ["second", null]);
  leaveSecond();
  assertEquals(door.refusal(0), null);
  leaveSecond();
  assertEquals(door.refusal(0), null);
});
