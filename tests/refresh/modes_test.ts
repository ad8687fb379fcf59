import { assert, assertEquals, assertThrows } from "@std/assert";
import { RefreshError } from "../../src/refresh/error.ts";
import { type LoadFacts, ModeMachine } from "../../src/refresh/modes.ts";

const CALM: LoadFacts = {
  changesPerS: 0,
  refreshRatio: 0,
  providersOpenRatio: 0,
  failuresInRow: 0,
};

Deno.test("ModeMachine.follow() leaves normal mode at once, at each upper bound", () => {
  const cases: readonly [Partial<LoadFacts>, string][] = [
    [{ changesPerS: 4_999 }, "normal"],
    [{ changesPerS: 5_000 }, "burst"],
    [{ refreshRatio: 0.8 }, "degraded"],
    [{ providersOpenRatio: 0.49 }, "normal"],
    [{ providersOpenRatio: 0.5 }, "degraded"],
    [{ failuresInRow: 2 }, "normal"],
    [{ failuresInRow: 3 }, "degraded"],
    [{ changesPerS: 9_000, failuresInRow: 3 }, "burst"],
  ];
  for (const [load, mode] of cases) {
    const modes = new ModeMachine(0);
    modes.follow({ ...CALM, ...load }, 1);
    assertEquals(modes.mode, mode, JSON.stringify(load));
  }
});

Deno.test("ModeMachine.follow() goes back after ten seconds at or below the lower bound", () => {
  const modes = new ModeMachine(0);
  modes.follow({ ...CALM, refreshRatio: 0.9 }, 0);
  // Between the bounds nothing changes, however long.
  modes.follow({ ...CALM, refreshRatio: 0.6 }, 60_000);
  assertEquals(modes.mode, "degraded");
  assertEquals(modes.follow(CALM, 61_000), null);
  assertEquals(modes.follow(CALM, 70_999), null);
  assertEquals(modes.follow(CALM, 71_000), { from: "degraded", to: "normal", atMs: 71_000 });
});

Deno.test("ModeMachine.follow() does not flap when the load swings around a bound", () => {
  const modes = new ModeMachine(0);
  for (let second = 0; second < 600; second++) {
    modes.follow({ ...CALM, changesPerS: second % 2 === 0 ? 5_100 : 2_400 }, second * 1_000);
  }
  assertEquals([modes.mode, modes.changes], ["burst", 1]);
});

Deno.test("ModeMachine.follow() ends a burst in degraded mode if that still holds", () => {
  const modes = new ModeMachine(0);
  modes.follow({ ...CALM, changesPerS: 9_000, providersOpenRatio: 1 }, 0);
  modes.follow({ ...CALM, providersOpenRatio: 1 }, 1_000);
  assertEquals(modes.follow({ ...CALM, providersOpenRatio: 1 }, 11_000)?.to, "degraded");
});

Deno.test("ModeMachine.follow() takes what is no number for no calm", () => {
  const modes = new ModeMachine(0, { calmMs: 0 });
  modes.follow({ ...CALM, failuresInRow: 3 }, 0);
  modes.follow({ ...CALM, refreshRatio: NaN }, 1);
  assertEquals(modes.mode, "degraded");
});

Deno.test("ModeMachine refuses a lower bound above the upper one", () => {
  const options = { burst: { on: 1, off: 2 } };
  const error = assertThrows(() => new ModeMachine(0, options), RefreshError);
  assert(error.code === "options");
});
