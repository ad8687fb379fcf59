/** Metrics of one's own: what is refused, how they are judged, what is exported of them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { monitoredMetrics, monitoredRules } from "../../src/cli/monitoring.ts";
import { dashboardQueries, grafanaDashboard } from "../../src/monitor/export_grafana.ts";
import { prometheusRules, ruleQueries } from "../../src/monitor/export_prometheus_rules.ts";
import { unknownMetrics } from "../../src/monitor/export_promql.ts";
import { healthInputs } from "../../src/monitor/health_inputs.ts";
import { healthScore } from "../../src/monitor/health_score.ts";
import {
  assertOwnMetrics,
  OWN_METRICS_MAX,
  type OwnMetric,
  ownRules,
  ownTargets,
} from "../../src/monitor/own_metrics.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { RuleEngine } from "../../src/monitor/rules_engine.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import { TARGETS_DEFAULT, targetsWith } from "../../src/monitor/targets.ts";

const TARGET = {
  better: "lower",
  unit: "seconds",
  good: 0.1,
  warning: 0.5,
  critical: 1,
} as const;
const ORDERS: OwnMetric = {
  name: "desk_order_seconds",
  kind: "histogram",
  help: "From a label to its order",
  labels: ["venue"],
  edges: [0.1, 0.5, 1, 2],
  target: TARGET,
  alert: { severity: "page", forMs: 10_000 },
};
const OPEN: OwnMetric = {
  name: "desk_open_orders",
  kind: "gauge",
  help: "Orders that are open",
  alert: { raise: 10, clear: 5, forMs: 0, clearForMs: 10_000, summary: "{value} orders are open" },
};
const REJECTED: OwnMetric = {
  name: "desk_rejected_orders_total",
  kind: "counter",
  help: "Orders refused",
  target: { better: "lower", unit: "per_second", good: 0.1, warning: 1, critical: 2 },
  alert: { overMs: 30_000, forMs: 0 },
};
const LOOK_MS = 5_000;

Deno.test("assertOwnMetrics() takes these, and refuses names of others and what does not fit", () => {
  assertOwnMetrics([ORDERS, OPEN, REJECTED]);
  const cases: [Partial<OwnMetric>, RegExp][] = [
    [{ name: "wick_desk_seconds" }, /does not begin with wick_/],
    [{ name: "wick_" }, /does not begin with wick_/],
    [{ name: "seconds" }, /of two words or more/],
    [{ name: "Desk_seconds" }, /small letters/],
    [{ name: `desk_${"x".repeat(50)}_seconds` }, /at most 56/],
    [{ name: "desk_order_ms" }, /base units/],
    [{ name: "desk_order_total" }, /without _total/],
    [{ help: " " }, /a help text/],
    [{ labels: ["le"] }, /expected labels/],
    [{ labels: ["a", "b", "c", "d", "e"] }, /at most 4/],
    [{ seriesMax: 2_000 }, /1 to 1024 series/],
    [{ target: { ...TARGET, critical: 0.2 } }, /good < warning < critical/],
    [{ target: { ...TARGET, read: "value" } }, /p99 or mean of a histogram/],
    [{ target: { ...TARGET, labels: { desk: "a" } } }, /a target of its own labels.* desk/],
    [{ alert: { raise: 1, clear: 2 } }, /clear on the good side/],
    [{ alert: { overMs: 1_000 } }, /over 10000 to/],
    [{ alert: { forMs: -1 } }, /times from 0/],
  ];
  for (const [change, message] of cases) {
    const error = assertThrows(() => assertOwnMetrics([{ ...ORDERS, ...change }]));
    assert(error instanceof Error && message.test(error.message), String(error));
  }
  const { target: _, ...without } = ORDERS;
  assertThrows(() => assertOwnMetrics([without]), TypeError, "a level to raise at, or a target");
  assertThrows(() => assertOwnMetrics([OPEN, OPEN]), TypeError, "it comes twice");
  const many = Array.from(
    { length: OWN_METRICS_MAX + 1 },
    (_, i) => ({ ...OPEN, name: `a_b${i}` }),
  );
  assertThrows(() => assertOwnMetrics(many), RangeError, "at most 64");
});

/** A registry with them, looked at every five seconds by their rules. */
class Rig {
  readonly registry = new Registry();
  readonly engine = new RuleEngine(ownRules([ORDERS, OPEN, REJECTED]));
  nowMs = 0;

  constructor() {
    for (const spec of [ORDERS, OPEN, REJECTED]) this.registry.register(spec, "own");
  }

  /** What is wrong after a look at these. */
  look(...samples: Sample[]): string[] {
    assertEquals(applySamples(this.registry, samples, this.nowMs), []);
    this.nowMs += LOOK_MS;
    const readings = this.engine.look(this.registry.snapshot(this.nowMs, this.nowMs));
    return readings.filter(({ phase }) => phase !== "clear")
      .map(({ rule, phase, severity, summary }) => `${phase} ${severity} ${rule}: ${summary}`);
  }
}

Deno.test("ownRules(): a gauge fires beyond its level, and clears at the other one for a while", () => {
  const rig = new Rig();
  const look = (value: number) => rig.look({ name: OPEN.name, value }).length;
  const at = [10, 11, 7, 5, 7, 5, 5, 5].map(look);
  assertEquals(at, [0, 1, 1, 1, 1, 1, 1, 0]);
  assertEquals(rig.look({ name: OPEN.name, value: 12 }), [
    "firing ticket own_desk_open_orders: 12 orders are open",
  ]);
});

Deno.test("ownRules(): a counter is judged by its rate", () => {
  const rig = new Rig();
  const look = (add: number) => rig.look({ name: REJECTED.name, add });
  // Of the first look nothing is known; then 1 and 3 a second.
  assertEquals(look(1_000), []);
  for (let i = 0; i < 6; i++) assertEquals(look(5), []);
  let told: string[] = [];
  for (let i = 0; i < 6; i++) told = look(15);
  assertEquals(told, ["firing ticket own_desk_rejected_orders_total: Orders refused: 3"]);
});

Deno.test("ownRules(): a rate that is to be high is judged once it was seen for its whole time", () => {
  const target = {
    better: "higher",
    unit: "per_second",
    good: 9,
    warning: 7,
    critical: 5,
  } as const;
  const filled: OwnMetric = {
    name: "desk_filled_orders_total",
    kind: "counter",
    help: "Orders filled",
    target,
    alert: { severity: "page", overMs: 600_000, forMs: 10_000 },
  };
  const registry = new Registry();
  registry.register(filled, "own");
  const engine = new RuleEngine(ownRules([filled]));
  const after = (looks: number, add: number) => {
    const phases = new Set<string>();
    for (let i = 0; i < looks; i++) {
      nowMs += LOOK_MS;
      assertEquals(applySamples(registry, [{ name: filled.name, add }], nowMs), []);
      for (const { phase } of engine.look(registry.snapshot(nowMs, nowMs))) phases.add(phase);
    }
    return [...phases];
  };
  let nowMs = 0;
  // Ten a second from the start, then two.
  assertEquals(after(240, 10 * LOOK_MS / 1_000), ["clear"]);
  assertEquals(after(240, 2 * LOOK_MS / 1_000), ["clear", "pending", "firing"]);
});

Deno.test("ownRules(): a histogram is judged by its percentile, each series by itself", () => {
  const rig = new Rig();
  const look = (ny: number[], ldn: number[]) =>
    rig.look(
      { name: ORDERS.name, labels: { venue: "ny" }, observe: ny },
      { name: ORDERS.name, labels: { venue: "ldn" }, observe: ldn },
    );
  look([0.05], [0.05]);
  assertEquals(look([0.05], Array(100).fill(1.5)).map((text) => text.split(" ", 3).join(" ")), [
    "pending page own_desk_order_seconds:",
  ]);
  look([], []);
  // 99 % of the way through the bucket from 1 to 2.
  assertEquals(look([], []), [
    "firing page own_desk_order_seconds: From a label to its order (venue ldn): 1.99 s",
  ]);
  // Nothing was taken for longer than the window and what may be missing: nothing is wrong.
  let told: string[] = [];
  for (let i = 0; i < 24; i++) told = look([], []);
  assertEquals(told, []);
});

Deno.test("ownTargets(): the worst series counts for the health", () => {
  const rig = new Rig();
  const snapshot = () => rig.registry.snapshot(rig.nowMs, rig.nowMs);
  const own = ownTargets([ORDERS, OPEN, REJECTED]);
  assertEquals(own.map(({ measure, read }) => `${measure} ${read}`), [
    "desk_order_seconds p99",
    "desk_rejected_orders_total rate",
  ]);
  const before = snapshot();
  rig.look(
    { name: ORDERS.name, labels: { venue: "ny" }, observe: [0.05] },
    { name: ORDERS.name, labels: { venue: "ldn" }, observe: [1.5] },
    { name: REJECTED.name, add: 5 },
  );
  const score = healthScore(healthInputs(snapshot(), before, { own }), [], { own });
  const found = score.measures.filter(({ measure }) => measure.startsWith("desk_"));
  assertEquals(found.map(({ value, level }) => [value, level]), [[1.99, "critical"], [
    1,
    "warning",
  ]]);
  assertEquals(score.critical, ["desk_order_seconds"]);
  const ny = ownTargets([{ ...ORDERS, target: { ...TARGET, labels: { venue: "ny" } } }]);
  const one = healthScore(healthInputs(snapshot(), before, { own: ny }), [], { own: ny });
  assertEquals(one.critical, []);
});

Deno.test("what is exported names own metrics, and follows the targets", () => {
  const own = [ORDERS, OPEN, REJECTED];
  const targets = targetsWith({ latencyP99: { warning: 0.15, critical: 0.2 } });
  const specs = monitoredMetrics(targets, own);
  const rules = prometheusRules(specs, monitoredRules(2, specs, targets, own));
  const dashboard = grafanaDashboard(specs, targets);
  const recorded = [...rules.recording, ...rules.objectives].map(({ record }) => record);
  const queries = [...ruleQueries(rules), ...dashboardQueries(dashboard)];
  assertEquals(unknownMetrics(queries, specs, recorded), []);
  const alert = (name: string) => rules.alerts.find(({ alert }) => alert === name);
  assertEquals(
    alert("WickOwnDeskOrderSeconds")?.expr,
    "histogram_quantile(0.99, sum by (job, instance, venue, le) " +
      "(rate(desk_order_seconds_bucket[1m]))) > 1",
  );
  assertEquals(alert("WickOwnDeskOpenOrders")?.expr, "desk_open_orders > 10");
  assertEquals(
    alert("WickOwnDeskRejectedOrdersTotal")?.expr,
    "increase(desk_rejected_orders_total[30s]) / 30 > 2",
  );
  assert(dashboard.panels.some(({ title }) => title === "Desk"));
  // The objective counts by the new target, which is an edge of the histogram.
  const latency = rules.objectives.find(({ record }) => record.includes("wick_ingest_latency_bad"));
  assert(latency?.expr.includes('le="0.2"'), latency?.expr);
  const commit = specs.find(({ name }) => name === "wick_ingest_commit_seconds");
  for (const edge of [0.15, 0.2, 0.5]) assert(commit?.edges?.includes(edge), String(edge));
});

Deno.test("monitoredRules(): thresholds are the targets, cleared at warning", () => {
  const targets = targetsWith({
    queueTime: { critical: 0.2 },
    memory: { warning: 3e9, critical: 4e9 },
    cacheHits: { critical: 0.7 },
    cpu: { critical: 0.9 },
    queueUsed: { critical: 0.95 },
    success: { good: 0.995 },
  });
  const levels = (of: typeof targets) =>
    Object.fromEntries(
      monitoredRules(1, monitoredMetrics(of), of).flatMap((rule) =>
        rule.kind === "level" ? [[rule.name, [rule.level.raise, rule.level.clear]]] : []
      ),
    );
  const { pool_delay, queue_time, memory, cache_misses, cpu, mailbox_full } = levels(targets);
  assertEquals({ pool_delay, queue_time, memory, cache_misses, cpu, mailbox_full }, {
    pool_delay: [0.2, 0.05],
    queue_time: [0.2, 0.05],
    memory: [4e9, 3e9],
    cache_misses: [0.3, 0.1],
    cpu: [0.9, 0.6],
    mailbox_full: [0.95, 0.7],
  });
  // As they were written down before they could be set.
  const known = levels(TARGETS_DEFAULT);
  assertEquals([known["cache_misses"], known["memory"], known["cpu"]], [
    [0.2, 0.1],
    [1.8e9, 1.6e9],
    [0.8, 0.6],
  ]);
});
