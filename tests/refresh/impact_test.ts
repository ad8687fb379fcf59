import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { RefreshError } from "../../src/refresh/error.ts";
import { type Cluster, Clusters } from "../../src/refresh/clusters.ts";
import { IMPACT_DEFAULTS, Impacts, impactSettings } from "../../src/refresh/impact.ts";

const cluster = (...members: string[]): Cluster => ({ id: members[0] as string, members });
const groups = (...all: string[][]) => new Clusters(all.map((members) => cluster(...members)));

Deno.test("Impacts.change() fires at one change of magnitude 1, and not below", () => {
  assertEquals(new Impacts().change("a", 1, 0), true);
  assertEquals(new Impacts().change("a", 0.99, 0), false);
});

Deno.test("Impacts.change() is an EMA: hand-made vector", () => {
  const impacts = new Impacts();
  // 0.3·0.5 = 0.15; 0.3·0.2 + 0.7·0.15 = 0.165; 0.3·1 + 0.7·0.165 = 0.4155
  const expected = [[0.5, 0.15, false], [0.2, 0.165, false], [1, 0.4155, true]] as const;
  expected.forEach(([magnitude, impact, fires], at) => {
    assertEquals(impacts.change("a", magnitude, at), fires);
    assertAlmostEquals(impacts.of("a").impact, impact, 1e-15);
  });
});

Deno.test("Impacts.change() fires once, and again only after it fell below the lower bound", () => {
  const impacts = new Impacts();
  const fired = [1, 1, 0, 1, 0, 0, 0, 1, 1].map((magnitude, at) =>
    impacts.change("a", magnitude, at)
  );
  // Impact: 0.3, 0.51, 0.357, 0.55, 0.385, 0.269, 0.189, 0.43: not below 0.15 until then.
  assertEquals(fired, [true, false, false, false, false, false, false, false, false]);
  let at = 10;
  while (impacts.of("a").impact >= 0.15) impacts.change("a", 0, at++);
  assertEquals(impacts.change("a", 1, at), true);
});

Deno.test("Impacts.change() below the threshold but above the lower bound does not arm", () => {
  const impacts = new Impacts(impactSettings({ rearmBelow: 0.2 }));
  impacts.change("a", 1, 0);
  impacts.change("a", 0, 1); // 0.21
  assertEquals([impacts.of("a").isFired, impacts.change("a", 1, 2)], [true, false]);
});

Deno.test("Impacts: clusters do not share impact, nor does run_1 with run_10", () => {
  const impacts = new Impacts();
  impacts.change("run_10", 1, 0);
  assertEquals(impacts.of("run_1").impact, 0);
  assertEquals(impacts.change("run_1", 1, 0), true);
});

Deno.test("Impacts: with a half-life a quiet cluster is armed again", () => {
  const impacts = new Impacts(impactSettings({ halfLifeMs: 1_000 }));
  impacts.change("a", 1, 0);
  assertAlmostEquals(impacts.of("a", 1_000).impact, 0.15, 1e-15);
  assertEquals(impacts.of("a", 1_000).isFired, true);
  assertEquals(impacts.of("a", 1_001).isFired, false);
  assertEquals(impacts.change("a", 1, 2_000), true);
  const endless = new Impacts(IMPACT_DEFAULTS);
  endless.change("a", 1, 0);
  assertEquals(endless.change("a", 1, 1e12), false);
});

Deno.test("Impacts.regroup(): clusters go on from the highest impact of their members", () => {
  const impacts = new Impacts();
  impacts.change("a", 1, 0);
  impacts.change("c", 0.5, 0);
  impacts.regroup(groups(["a", "b"], ["c", "d"]), groups(["a"], ["b", "c"], ["d"], ["e"]));
  assertEquals(
    ["a", "b", "c", "d", "e"].map((id) => [impacts.of(id).impact, impacts.of(id).isFired]),
    [[0.3, true], [0.3, true], [0, false], [0.15, false], [0, false]],
  );
  assertEquals(impacts.change("b", 1, 1), false, "what has fired does not fire by a border");
});

Deno.test("Impacts.restore() goes on from a snapshot, in the clusters there are now", () => {
  const impacts = new Impacts();
  impacts.change("a", 1, 0);
  impacts.change("c", 0.5, 3);
  const other = new Impacts();
  other.restore(structuredClone(impacts.snapshot()), groups(["a", "c"], ["b"]));
  assertEquals(other.of("a"), { impact: 0.3, isFired: true, at: 0 });
  assertEquals(other.snapshot().length, 1);
  for (const wrong of [null, [{}], [{ clusterId: "a", impact: NaN, isFired: true, at: 0 }]]) {
    const error = assertThrows(() => other.restore(wrong, groups(["a"])), RefreshError);
    assertEquals(error.code, "snapshot");
  }
});

Deno.test("Impacts.restore() fades what was saved by a clock that was ahead", () => {
  const aHour = 3_600_000, settings = impactSettings({ halfLifeMs: 1_000 });
  const ahead = new Impacts(settings);
  ahead.change("a", 1, aHour);
  const impacts = new Impacts(settings);
  impacts.restore(structuredClone(ahead.snapshot()), groups(["a"]), 0);
  assertEquals(impacts.of("a"), { impact: 0.3, isFired: true, at: 0 });
  assert(impacts.change("a", 1, 10_000), "it is armed again ten half-lives later");
});

Deno.test("impactSettings() refuses what is out of bounds", () => {
  for (
    const wrong of [
      { alpha: 0 },
      { alpha: 1.1 },
      { threshold: NaN },
      { rearmBelow: 0.31 },
      { halfLifeMs: 0 },
    ]
  ) assertThrows(() => impactSettings(wrong), RefreshError, "Cannot set");
});
