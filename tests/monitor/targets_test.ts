import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  assertOwnTargets,
  assertTarget,
  levelOf,
  OWN_TARGETS_MAX,
  type OwnTarget,
  pointsOf,
  type Target,
  TARGETS_DEFAULT,
  targetsWith,
  worseLevel,
} from "../../src/monitor/targets.ts";

Deno.test("TARGETS_DEFAULT is the table of the issue, and each target is in order", () => {
  const table = Object.entries(TARGETS_DEFAULT).map(([name, { good, warning, critical }]) => [
    name,
    good,
    warning,
    critical,
  ]);
  assertEquals(table, [
    ["latencyP99", 0.05, 0.08, 0.1],
    ["latencyMean", 0.025, 0.04, 0.05],
    ["queueTime", 0.01, 0.05, 0.1],
    ["throughput", 1_000, 800, 500],
    ["success", 0.999, 0.99, 0.95],
    ["cacheHits", 0.95, 0.9, 0.8],
    ["memory", 1.2e9, 1.6e9, 1.8e9],
    ["cpu", 0.5, 0.6, 0.8],
    ["queueUsed", 0.5, 0.7, 0.9],
  ]);
  for (const [name, target] of Object.entries(TARGETS_DEFAULT)) assertTarget(name, target);
});

Deno.test("pointsOf() has 100, 75, 50 at the three values, is linear between, and ends at 0", () => {
  // By hand: 65 ms is half way from 50 to 80; 125 ms is half way from critical to 150 ms.
  const cases: [Target, number, number][] = [
    [TARGETS_DEFAULT.latencyP99, 0, 100],
    [TARGETS_DEFAULT.latencyP99, 0.05, 100],
    [TARGETS_DEFAULT.latencyP99, 0.065, 87.5],
    [TARGETS_DEFAULT.latencyP99, 0.08, 75],
    [TARGETS_DEFAULT.latencyP99, 0.09, 62.5],
    [TARGETS_DEFAULT.latencyP99, 0.1, 50],
    [TARGETS_DEFAULT.latencyP99, 0.125, 25],
    [TARGETS_DEFAULT.latencyP99, 0.15, 0],
    [TARGETS_DEFAULT.latencyP99, 9, 0],
    [TARGETS_DEFAULT.throughput, 5_000, 100],
    [TARGETS_DEFAULT.throughput, 900, 87.5],
    [TARGETS_DEFAULT.throughput, 800, 75],
    [TARGETS_DEFAULT.throughput, 500, 50],
    [TARGETS_DEFAULT.throughput, 250, 25],
    [TARGETS_DEFAULT.throughput, 0, 0],
    // 95 to 80 is 15 points of a hundred: 0 at 65 %.
    [TARGETS_DEFAULT.cacheHits, 0.725, 25],
    [TARGETS_DEFAULT.cacheHits, 0.65, 0],
  ];
  for (const [target, value, points] of cases) {
    assertAlmostEquals(pointsOf(target, value), points, 1e-9, `${value}`);
  }
});

Deno.test("pointsOf() never rises as a value becomes worse", () => {
  for (const target of Object.values(TARGETS_DEFAULT)) {
    const away = Math.abs(target.critical - target.good);
    const sign = target.better === "lower" ? 1 : -1;
    let last = 100;
    for (let i = -50; i <= 300; i++) {
      const points = pointsOf(target, target.good + sign * away * i / 100);
      if (points > last + 1e-9) throw new Error(`${points} after ${last}`);
      last = points;
    }
    assertEquals(last, 0);
  }
});

Deno.test("levelOf() counts each value as at least as bad as its level", () => {
  const { latencyP99, success } = TARGETS_DEFAULT;
  const levels = (target: Target, values: number[]) => values.map((v) => levelOf(target, v));
  assertEquals(levels(latencyP99, [0.01, 0.05, 0.051, 0.08, 0.099, 0.1, 1]), [
    ...["good", "good", "fair", "warning", "warning", "critical", "critical"] as const,
  ]);
  assertEquals(levels(success, [1, 0.999, 0.995, 0.99, 0.95, 0]), [
    ...["good", "good", "fair", "warning", "critical", "critical"] as const,
  ]);
  assertEquals([worseLevel("fair", "good"), worseLevel("warning", "critical")], [
    ...["fair", "critical"] as const,
  ]);
});

Deno.test("targetsWith() changes single values and leaves the rest", () => {
  const targets = targetsWith({ memory: { critical: 4e9 }, cpu: { good: 0.1 } });
  assertEquals(targets.memory, { ...TARGETS_DEFAULT.memory, critical: 4e9 });
  assertEquals(targets.cpu.good, 0.1);
  assertEquals(targets.latencyP99, TARGETS_DEFAULT.latencyP99);
  assertEquals(TARGETS_DEFAULT.memory.critical, 1.8e9);
});

Deno.test("targetsWith() refuses what is out of order, out of bounds or not known", () => {
  assertThrows(
    () => targetsWith({ memory: { good: 1.7e9 } }),
    RangeError,
    "Cannot set the target of memory: expected good < warning < critical, of at least 0: " +
      "current value is 1700000000, 1600000000, 1800000000",
  );
  assertThrows(() => targetsWith({ success: { good: 0.9 } }), RangeError, "good > warning");
  assertThrows(() => targetsWith({ success: { good: 99.9 } }), RangeError, "within 0 to 1");
  assertThrows(() => targetsWith({ cpu: { warning: NaN } }), RangeError);
  assertThrows(() => targetsWith({ cpu: { good: -1 } }), RangeError);
  assertThrows(() => targetsWith({ latency: {} }), TypeError, "current value is latency");
});

Deno.test("assertOwnTargets() refuses names that are taken and too many", () => {
  const own = (measure: string): OwnTarget => ({
    ...TARGETS_DEFAULT.memory,
    measure,
    metric: "wick_mine_bytes",
    read: "value",
  });
  assertOwnTargets([own("a"), own("b")]);
  assertThrows(() => assertOwnTargets([own("a"), own("a")]), TypeError, "current value is a");
  assertThrows(() => assertOwnTargets([own("memory")]), TypeError, "memory");
  assertThrows(() => assertOwnTargets([{ ...own("a"), good: 9e9 }]), RangeError);
  const many = Array.from({ length: OWN_TARGETS_MAX + 1 }, (_, i) => own(`m${i}`));
  assertThrows(() => assertOwnTargets(many), RangeError, "at most 64");
});
