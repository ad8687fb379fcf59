import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../src/actor/clock.ts";
import { RefreshError } from "../../src/refresh/error.ts";
import type { MagnitudeClass } from "../../src/refresh/magnitude.ts";
import {
  ChangeGate,
  type ClassifiedChange,
  MINOR_HOLD_MS,
  MODERATE_HOLD_MS,
} from "../../src/refresh/resilience.ts";
import { seedOf } from "../actor/seed.ts";

const CALM = { refreshRatio: 0, providersOpenRatio: 0, failuresInRow: 0 };

const change = (
  edgeId: string,
  magnitude: MagnitudeClass,
  value: number | null = 1,
  atMs = 0,
): ClassifiedChange => ({ edgeId, magnitude, value, atMs });

/** A gate in that mode. */
function gateIn(mode: "normal" | "degraded" | "burst", keptMax = 100): ChangeGate {
  // With calmMs as long, a mode stays once it is on.
  const gate = new ChangeGate(0, { keptMax, calmMs: 1e9, burst: { on: 100, off: 1 } });
  if (mode === "degraded") gate.follow({ ...CALM, providersOpenRatio: 1 }, 0);
  if (mode === "burst") {
    for (let at = 0; at < 600; at++) gate.offer(change("x", "major"), 0);
    gate.follow(CALM, 0);
  }
  assertEquals(gate.mode, mode);
  return gate;
}

Deno.test("ChangeGate.offer() passes and keeps by mode and magnitude; major always passes", () => {
  const passing = (["normal", "degraded", "burst"] as const).map((mode) =>
    (["minor", "moderate", "major"] as const).map((magnitude) =>
      gateIn(mode).offer(change("a", magnitude), 0).length
    )
  );
  assertEquals(passing, [[1, 1, 1], [0, 1, 1], [0, 0, 1]]);
});

Deno.test("ChangeGate.offer() keeps the last value of an edge, from the first time on", () => {
  const gate = gateIn("degraded");
  for (let at = 0; at < 10; at++) gate.offer(change("a", "minor", at, at), at);
  gate.offer(change("b", "minor", 7, 10), 10);
  assertEquals(gate.due(MINOR_HOLD_MS - 1), []);
  assertEquals(gate.due(MINOR_HOLD_MS), [change("a", "minor", 9, 9)]);
  assertEquals(gate.due(MINOR_HOLD_MS + 10).map(({ edgeId }) => edgeId), ["b"]);
});

Deno.test("ChangeGate.offer() replaces a kept change by one that passes", () => {
  const gate = gateIn("degraded");
  gate.offer(change("a", "minor", 1), 0);
  assertEquals(gate.offer(change("a", "major", 2), 1), [change("a", "major", 2)]);
  assertEquals([gate.due(1e9), gate.status(1).kept], [[], 0]);
});

Deno.test("ChangeGate.offer() keeps a value when a later change has none", () => {
  const gate = gateIn("degraded");
  gate.offer(change("a", "minor", 5), 0);
  assertEquals(gate.offer(change("a", "moderate", null), 1), [change("a", "moderate", 5)]);
});

Deno.test("ChangeGate.due() lets moderate changes of a burst through after a moment", () => {
  const gate = gateIn("burst");
  gate.offer(change("a", "moderate"), 0);
  gate.offer(change("b", "minor"), 0);
  assertEquals(gate.due(MODERATE_HOLD_MS - 1), []);
  assertEquals(gate.due(MODERATE_HOLD_MS).map(({ edgeId }) => edgeId), ["a"]);
  assertEquals(gate.due(MINOR_HOLD_MS).map(({ edgeId }) => edgeId), ["b"]);
});

Deno.test("ChangeGate.due() lets everything through once the mode is normal", () => {
  const gate = new ChangeGate(0, { calmMs: 0 });
  gate.follow({ ...CALM, providersOpenRatio: 1 }, 0);
  for (const edgeId of "abc") gate.offer(change(edgeId, "minor"), 1);
  assertEquals(gate.due(2), []);
  assertEquals(gate.follow(CALM, 3)?.to, "normal");
  assertEquals(gate.due(3).map(({ edgeId }) => edgeId), ["a", "b", "c"]);
});

Deno.test("ChangeGate.offer() lets the oldest through when too many are kept", () => {
  const gate = gateIn("degraded", 2);
  const passed = [..."abcd"].flatMap((edgeId, at) => gate.offer(change(edgeId, "minor"), at));
  assertEquals(passed.map(({ edgeId }) => edgeId), ["a", "b"]);
  assertEquals(gate.status(4).kept, 2);
});

Deno.test("ChangeGate loses no last value, and keeps none longer than it may", () => {
  const random = seededRandom(seedOf("resilience_test"));
  const gate = new ChangeGate(0, { keptMax: 20, calmMs: 2_000, burst: { on: 30, off: 10 } });
  const last = new Map<string, number>(), seen = new Map<string, number>();
  const waiting = new Map<string, number>();
  let nowMs = 0, modes = 0;
  const take = (changes: readonly ClassifiedChange[]) => {
    for (const { edgeId, value } of changes) {
      seen.set(edgeId, value ?? NaN);
      waiting.delete(edgeId);
    }
  };
  for (let serial = 0; serial < 20_000; serial++) {
    const isBusy = Math.floor(serial / 2_000) % 2 === 0;
    nowMs += Math.floor(random.next() * (isBusy ? 20 : 1_000));
    const edgeId = `e${Math.floor(random.next() * 40)}`;
    const magnitude = (["minor", "moderate", "major"] as const)[Math.floor(random.next() * 2.2)];
    last.set(edgeId, serial);
    if (!waiting.has(edgeId)) waiting.set(edgeId, nowMs);
    take(gate.offer(change(edgeId, magnitude ?? "major", serial, nowMs), nowMs));
    if (gate.follow({ ...CALM, providersOpenRatio: random.next() * 0.6 }, nowMs)) modes++;
    take(gate.due(nowMs));
    assert(gate.status(nowMs).kept <= 20);
    for (const sinceMs of waiting.values()) {
      assert(nowMs - sinceMs <= MINOR_HOLD_MS + MODERATE_HOLD_MS);
    }
  }
  take(gate.due(nowMs + 2 * MINOR_HOLD_MS));
  assertEquals([...seen].sort(), [...last].sort());
  const { offered, passed, deferred, released, conflated } = gate.status(nowMs);
  assert(modes > 10 && released > 0 && conflated > 0);
  assertEquals(offered, passed + deferred);
});

Deno.test("ChangeGate.status() tells the rate of changes", () => {
  const gate = new ChangeGate(0);
  for (let at = 1; at <= 3_000; at++) gate.offer(change("a", "major"), at * 10);
  assertAlmostEquals(gate.status(30_000).changesPerS, 100, 3);
  assert(gate.status(60_000).changesPerS < 1);
});

Deno.test("ChangeGate refuses a bound below 1", () => {
  assertEquals(assertThrows(() => new ChangeGate(0, { keptMax: 0 }), RefreshError).code, "options");
});
