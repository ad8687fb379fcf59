import { assertEquals } from "@std/assert";
import { healthOf, type PartState, worse } from "../../src/monitor/finding.ts";

Deno.test("worse() gives the worse state in either order", () => {
  const cases: [PartState, PartState, PartState][] = [
    ["ok", "ok", "ok"],
    ["ok", "degraded", "degraded"],
    ["degraded", "down", "down"],
    ["ok", "down", "down"],
  ];
  for (const [a, b, expected] of cases) {
    assertEquals([worse(a, b), worse(b, a)], [expected, expected]);
  }
});

Deno.test("healthOf() is as bad as its worst part, and ok without any", () => {
  const part = (name: string, state: PartState) => ({ name, state, detail: {} });
  assertEquals(healthOf([]), { state: "ok", parts: [] });
  const parts = [part("a", "ok"), part("b", "degraded"), part("c", "ok")];
  assertEquals(healthOf(parts), { state: "degraded", parts });
});

Deno.test("healthOf() puts looks at the same part together", () => {
  const found = healthOf([
    { name: "core/store", state: "ok", detail: { incarnation: 1, state: "running" } },
    { name: "core/pool", state: "ok", detail: {} },
    { name: "core/store", state: "down", detail: { store: "full" } },
  ]);
  assertEquals(found, {
    state: "down",
    parts: [
      {
        name: "core/store",
        state: "down",
        detail: { incarnation: 1, state: "running", store: "full" },
      },
      { name: "core/pool", state: "ok", detail: {} },
    ],
  });
});
