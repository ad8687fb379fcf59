import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { PRECISION_COUNT_MIN, PROBE_COUNT, Throttle } from "../../src/warm/throttle.ts";
import { seedOf } from "../actor/seed.ts";

const FLOOR = 0.55;
const MINUTE_MS = 60_000;

/** Outcomes of which the share `used` is used, evenly spread. */
function outcomes(throttle: Throttle, count: number, used: number, nowMs: number): void {
  for (let at = 0; at < count; at++) {
    throttle.outcome(Math.floor((at + 1) * used) > Math.floor(at * used), FLOOR, nowMs);
  }
}

Deno.test("Throttle closes a strategy that guesses 12 % after so many outcomes, not before", () => {
  const throttle = new Throttle();
  outcomes(throttle, PRECISION_COUNT_MIN, 0.12, 0);
  assertEquals([throttle.state, throttle.precision], ["open", null]);
  // The count decays a little, so that it takes a few more.
  outcomes(throttle, 5, 0.12, 0);
  assertEquals(throttle.state, "closed");
  assertEquals(throttle.allows(29 * MINUTE_MS), 0);
});

Deno.test("Throttle leaves a strategy open that reaches its floor", () => {
  const throttle = new Throttle();
  const random = seededRandom(seedOf("throttle_test"));
  for (let at = 0; at < 5_000; at++) throttle.outcome(random.next() < 0.8, FLOOR, at);
  assertEquals(throttle.state, "open");
  assert(Math.abs((throttle.precision ?? 0) - 0.8) < 0.08);
});

Deno.test("Throttle probes with a few keys, and doubles its back-off when they fail", () => {
  const throttle = new Throttle();
  outcomes(throttle, 60, 0.1, 0);
  let backOffMs = 30 * MINUTE_MS;
  for (const nextMs of [60, 120, 240, 480, 480].map((minutes) => minutes * MINUTE_MS)) {
    const probeMs = throttle.probeAtMs;
    assertEquals(throttle.allows(probeMs - 1), 0);
    assertEquals(throttle.allows(probeMs), PROBE_COUNT);
    throttle.asked(PROBE_COUNT);
    assertEquals(throttle.allows(probeMs + 1), 0);
    outcomes(throttle, PROBE_COUNT, 0.2, probeMs + 2);
    assertEquals(throttle.state, "closed");
    assertEquals(throttle.probeAtMs, probeMs + 2 + nextMs);
    backOffMs = nextMs;
  }
  assertEquals(backOffMs, 480 * MINUTE_MS);
});

Deno.test("Throttle opens after a probe that reaches the floor, and forgets what was before", () => {
  const throttle = new Throttle();
  outcomes(throttle, 300, 0.1, 0);
  assertEquals(throttle.allows(throttle.probeAtMs), PROBE_COUNT);
  outcomes(throttle, PROBE_COUNT, 0.9, throttle.probeAtMs);
  assertEquals([throttle.state, throttle.allows(0)], ["open", Infinity]);
  outcomes(throttle, 60, 0.9, throttle.probeAtMs);
  assert((throttle.precision ?? 0) > 0.85);
});

Deno.test("Throttle tries a probe again that comes to no end", () => {
  const throttle = new Throttle();
  outcomes(throttle, 60, 0, 0);
  const probeMs = throttle.probeAtMs;
  throttle.allows(probeMs);
  throttle.asked(PROBE_COUNT);
  outcomes(throttle, PROBE_COUNT - 1, 0.9, probeMs);
  assertEquals(throttle.allows(probeMs + 29 * MINUTE_MS), 0);
  assertEquals(throttle.allows(probeMs + 30 * MINUTE_MS), PROBE_COUNT);
});

Deno.test("Throttle.amend() takes a judgement back", () => {
  const throttle = new Throttle();
  outcomes(throttle, 52, 1, 0);
  throttle.outcome(false, FLOOR, 0);
  const before = throttle.precision ?? 0;
  throttle.amend();
  assert((throttle.precision ?? 0) > before);
  assertEquals(throttle.precision, 1);
});

Deno.test("Throttle goes on from a snapshot", () => {
  const throttle = new Throttle();
  outcomes(throttle, 80, 0.3, 5);
  const again = new Throttle();
  again.restore(throttle.snapshot(), 5);
  assertEquals(again.snapshot(), throttle.snapshot());
  assertEquals(again.precision, throttle.precision);
});

Deno.test("Throttle probes within a back-off after a restart, though the clock was put back", () => {
  const throttle = new Throttle();
  for (let n = 0; n < 80; n++) throttle.outcome(false, FLOOR, 1e12);
  const again = new Throttle();
  again.restore(throttle.snapshot(), 0);
  assertEquals(again.allows(0), 0);
  assertEquals(again.allows(8 * 60 * MINUTE_MS), PROBE_COUNT);
});

Deno.test("Throttle stays open through a burst of wastes while entries at their end were used often enough", () => {
  const throttle = new Throttle();
  // Of a hundred entries 70 are used: the uses are known first, the wastes come together.
  outcomes(throttle, 350, 350, 0);
  for (let i = 0; i < 400; i++) throttle.matured(i % 10 < 7);
  outcomes(throttle, 450, 0, 1);
  assertEquals([throttle.state, (throttle.precision ?? 1) < 0.5], ["open", true]);
  // Entries that come to their end unused say the same in the end.
  for (let i = 0; i < 400; i++) throttle.matured(false);
  outcomes(throttle, 1, 0, 2);
  assertEquals(throttle.state, "closed");
});
