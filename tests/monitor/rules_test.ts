import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type AlertReading, SEVERITY_RANK } from "../../src/monitor/alert.ts";
import { WICK_METRICS } from "../../src/monitor/catalogue.ts";
import { Registry } from "../../src/monitor/registry.ts";
import { applySamples, type Sample } from "../../src/monitor/samples.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import { RuleEngine, RULES_MAX, valueText } from "../../src/monitor/rules_engine.ts";
import { ALERT_METRICS, alertSamples, RULE_METRICS } from "../../src/monitor/rules_metrics.ts";
import { LOOK_LEAST_MS, SloWatch } from "../../src/monitor/rules_slo.ts";
import { type LevelRule, metricsOf, type Rule } from "../../src/monitor/rules_types.ts";

/** Those of the alerts may be in the catalogue already. */
const SPECS = new Map(
  [...WICK_METRICS, ...ALERT_METRICS, ...RULE_METRICS].map((spec) => [spec.name, spec]),
);

Deno.test("wickRules(): every metric exists and has the labels that its rule names", () => {
  for (const rule of wickRules()) {
    for (const { name, labels } of metricsOf(rule)) {
      const spec = SPECS.get(name);
      assert(spec !== undefined, `${rule.name} reads ${name}`);
      for (const label of labels) {
        assert(spec.labels?.includes(label) === true, `${rule.name}: ${name} by ${label}`);
      }
    }
  }
});

Deno.test("wickRules(): the kind of every metric is what its rule reads, and edges are edges", () => {
  const kindOf = (name: string) => SPECS.get(name)?.kind;
  for (const rule of wickRules()) {
    const [first] = metricsOf(rule);
    const kind = kindOf(first?.name ?? "");
    if (rule.kind === "latency") assertEquals(kind, "histogram", rule.name);
    else if (rule.kind === "level") assert(kind !== "histogram", rule.name);
    else if (rule.kind === "slo" && rule.events.from === "histogram") {
      assertEquals(kind, "histogram", rule.name);
      const edges = SPECS.get(rule.events.metric)?.edges ?? [0.1, 0.25];
      assert(edges.includes(rule.events.goodAtMost), rule.name);
    } else assertEquals(kind, "counter", rule.name);
  }
});

Deno.test("wickRules() cover every type and severity, and say what to do", () => {
  const rules = wickRules();
  assertEquals(
    [...new Set(rules.map(({ type }) => type))].sort(),
    ["business", "performance", "resource", "system_health"],
  );
  assertEquals(
    [...new Set(rules.map(({ severity }) => severity))].sort(),
    Object.keys(SEVERITY_RANK).sort(),
  );
  for (const { name, summary, runbook } of rules) {
    assert(summary.length > 10 && runbook.length > 10, name);
  }
});

Deno.test("RuleEngine refuses rules of one name, names that are none, and too many", () => {
  const [rule] = wickRules();
  const rules = rule === undefined ? [] : [rule];
  assertThrows(() => new RuleEngine([...rules, ...rules]), TypeError, "expected a new name");
  assertThrows(() => new RuleEngine(rules.map((each) => ({ ...each, name: "A b" }))), TypeError);
  const many = Array.from(
    { length: RULES_MAX + 1 },
    (_, i) => rules.map((each) => ({ ...each, name: `r${i}` })),
  ).flat();
  assertThrows(() => new RuleEngine(many), RangeError, "expected at most 128");
});

/** A registry with the engine of some rules, looked at every 5 s. */
class Rig {
  readonly registry = new Registry();
  readonly engine: RuleEngine;
  nowMs = 0;

  constructor(rules: readonly Rule[]) {
    for (const spec of SPECS.values()) this.registry.register(spec);
    this.engine = new RuleEngine(rules);
  }

  look(samples: readonly Sample[], afterMs = 5_000): AlertReading[] {
    this.nowMs += afterMs;
    assertEquals(applySamples(this.registry, samples, this.nowMs), []);
    return this.engine.look(this.registry.snapshot(1_800_000_000_000 + this.nowMs, this.nowMs));
  }
}

const ruleOf = (name: string) => wickRules({ cores: 2 }).filter((rule) => rule.name === name);
const firing = (readings: readonly AlertReading[]) =>
  readings.filter(({ phase }) => phase === "firing").map(({ rule, actor }) => `${rule} ${actor}`);

Deno.test("store_not_writable fires after 10 s, about the store, as a cause", () => {
  const rig = new Rig(ruleOf("store_not_writable"));
  const writable = (value: number) => rig.look([{ name: "wick_store_writable", value }]);
  assertEquals(firing(writable(1)), []);
  assertEquals(firing(writable(0)), []);
  assertEquals(firing(writable(0)), []);
  const readings = writable(0);
  assertEquals(firing(readings), ["store_not_writable core/store"]);
  assertEquals(readings[0]?.isCause, true);
  assertEquals(firing(writable(1)), []);
});

Deno.test("actor_down names the actor, and ends when the actor is gone for good", () => {
  const rig = new Rig(ruleOf("actor_down"));
  const up = (value: number): Sample[] => [
    { name: "wick_actor_up", labels: { actor: "core/a" }, value },
    { name: "wick_actor_up", labels: { actor: "core/b" }, value: 1 },
  ];
  for (let i = 0; i < 3; i++) rig.look(up(0));
  const readings = rig.look(up(0));
  assertEquals(firing(readings), ["actor_down core/a"]);
  assertEquals(readings[0]?.summary, "core/a is not running");
  rig.registry.expire(Infinity);
  for (let i = 0; i < 6; i++) rig.look([]);
  assertEquals(firing(rig.look([])), []);
});

Deno.test("mailbox_full divides a mailbox by its own bound", () => {
  const rig = new Rig(ruleOf("mailbox_full"));
  const mailbox = (actor: string, depth: number, bound: number): Sample[] => [
    { name: "wick_actor_mailbox_messages", labels: { actor }, value: depth },
    { name: "wick_actor_mailbox_bound_messages", labels: { actor }, value: bound },
  ];
  let readings: AlertReading[] = [];
  for (let i = 0; i < 7; i++) {
    readings = rig.look([...mailbox("core/a", 95, 100), ...mailbox("core/b", 95, 1_000)]);
  }
  assertEquals(firing(readings), ["mailbox_full core/a"]);
  assertEquals(readings[0]?.summary, "The mailbox of core/a is 95 % full");
});

Deno.test("cpu adds up modes and divides by the processors", () => {
  const rig = new Rig(ruleOf("cpu"));
  let seconds = 0;
  const cpu = (perSecond: number) => {
    seconds += perSecond * 5 / 2;
    return rig.look(["user", "system"].map((mode) => ({
      name: "wick_process_cpu_seconds_total",
      labels: { mode },
      total: seconds,
    })));
  };
  for (let i = 0; i < 200; i++) assertEquals(firing(cpu(1.2)), []);
  let readings: AlertReading[] = [];
  for (let i = 0; i < 80; i++) readings = cpu(1.8);
  assertAlmostEquals(readings[0]?.value ?? NaN, 0.9, 0.05);
  assertEquals(firing(readings), ["cpu "]);
});

Deno.test("invalid_candles takes the share of rows refused, of enough rows", () => {
  const rig = new Rig(ruleOf("invalid_candles"));
  const totals = { few: 0, many: 0 };
  const feed = (name: "few" | "many", rows: number, refused: number): Sample[] => {
    totals[name] += refused;
    const labels = { feed: name };
    return [
      { name: "wick_feed_rows_total", labels, add: rows },
      { name: "wick_feed_rejected_total", labels, total: totals[name] },
    ];
  };
  rig.look([...feed("few", 0, 0), ...feed("many", 0, 0)]);
  const readings = rig.look([...feed("few", 10, 5), ...feed("many", 960, 40)]);
  assertEquals(firing(readings), ["invalid_candles core/work/ingest/feeds/many"]);
  assertEquals(
    readings.find(({ phase }) => phase === "firing")?.summary,
    "4 % of the rows of core/work/ingest/feeds/many are refused",
  );
  // Ten minutes later it is past.
  assertEquals(firing(rig.look([], 660_000)), []);
});

Deno.test("supervisor_gave_up takes a counter that appears as one that began at 0", () => {
  const rig = new Rig(ruleOf("supervisor_gave_up"));
  const name = "wick_supervisor_gave_up_total";
  // What was counted before the first look is past.
  assertEquals(firing(rig.look([{ name, labels: { supervisor: "core" }, total: 3 }])), []);
  assertEquals(
    firing(rig.look([{ name, labels: { supervisor: "core/work" }, total: 1 }])),
    ["supervisor_gave_up core/work"],
  );
});

Deno.test("gaps fire when more bars are missing, not because some always were", () => {
  const rig = new Rig(ruleOf("gaps"));
  const missing = (value: number) =>
    rig.look([{ name: "wick_feed_missing_bars", labels: { feed: "x" }, value }]);
  assertEquals(firing(missing(500)), []);
  assertEquals(firing(missing(480)), []);
  assertEquals(firing(missing(490)), ["gaps core/work/ingest/feeds/x"]);
});

Deno.test("label_shift fires by kind when outcomes are shared otherwise", () => {
  const rig = new Rig(ruleOf("label_shift"));
  const outcomes = (up: number, down: number) =>
    rig.look(
      [["up", up], ["down", down]].map(([outcome, add]) => ({
        name: "wick_label_outcomes_total",
        labels: { kind: "barrier", outcome: String(outcome) },
        add: Number(add),
      })),
      3_600_000,
    );
  for (let i = 0; i < 10; i++) assertEquals(firing(outcomes(500, 500)), []);
  assertEquals(firing(outcomes(950, 50)), ["label_shift core/work/ingest/label_pool"]);
});

Deno.test("messages pages when many end as dead letters, and not for one in a thousand", () => {
  const rig = new Rig(ruleOf("messages"));
  const labels = { actor: "core/a" };
  const look = (handled: number, dead: number) =>
    rig.look([
      { name: "wick_actor_messages_handled_total", labels, add: handled },
      { name: "wick_actor_messages_dead_lettered_total", labels, add: dead },
    ]);
  for (let i = 0; i < 100; i++) assertEquals(firing(look(5_000, 3)), []);
  const seen: string[] = [];
  for (let i = 0; i < 6; i++) seen.push(...firing(look(4_900, 100)));
  assertEquals(seen[0], "messages_fast ");
});

Deno.test("SloWatch: looks at once, or under a clock that stands, are one look", () => {
  const watch = new SloWatch(0.999);
  for (let i = 0; i < 50; i++) watch.count({ events: 1_000, bad: 200 }, 60_000);
  for (let i = 0; i < 3; i++) watch.count({ events: 1_000, bad: 200 }, 60_000 - i * 10_000);
  assertEquals(watch.at(60_000).fast, "clear");
  for (let i = 1; i <= 5; i++) watch.count({ events: 1_000, bad: 200 }, 60_000 + i * LOOK_LEAST_MS);
  assertEquals(watch.at(60_000 + 5 * LOOK_LEAST_MS).fast, "firing");
});

Deno.test("SloWatch: evidence from before a long pause is not added to", () => {
  const watch = new SloWatch(0.999);
  for (let i = 0; i < 4; i++) watch.count({ events: 1_000, bad: 200 }, i * 5_000);
  watch.count({ events: 1_000, bad: 200 }, 3_600_000);
  assertEquals(watch.at(3_600_000).fast, "clear");
});

Deno.test("RuleEngine.restore() keeps days of events and weeks of rhythm", () => {
  const rules = [...ruleOf("messages"), ...ruleOf("ingest_rate")];
  const rig = new Rig(rules);
  const labels = { actor: "core/a" };
  const samples: Sample[] = [
    { name: "wick_actor_messages_handled_total", labels, add: 9_980 },
    { name: "wick_actor_messages_dead_lettered_total", labels, add: 20 },
  ];
  for (let i = 0; i < 900; i++) rig.look(samples, 300_000);
  const state = JSON.parse(JSON.stringify(rig.engine.snapshot(1_800_000_000_000)));
  const other = new Rig(rules);
  other.engine.restore(state, 0, 1_800_000_000_000);
  const budget = (readings: readonly AlertReading[]) =>
    readings.find(({ rule }) => rule === "messages_budget")?.value ?? NaN;
  other.look(samples);
  assertAlmostEquals(budget(other.look(samples)), 2, 0.05);
  assertThrows(() => other.engine.restore({ ...state, version: 2 }, 0, 0), RangeError, "version 1");
});

Deno.test("RuleEngine puts a level of one's own to a series of one's own", () => {
  const rule: LevelRule = {
    name: "mine",
    kind: "level",
    type: "business",
    severity: "info",
    component: "core/work",
    value: { read: "value", metric: "wick_refresh_stale_runs" },
    level: { side: "above", raise: 3 },
    summary: "{value} runs of {actor} are stale",
    runbook: "Run them.",
  };
  const rig = new Rig([rule]);
  const [reading] = rig.look([{ name: "wick_refresh_stale_runs", value: 4 }]);
  assertEquals(reading?.summary, "4 runs of core/work are stale");
});

Deno.test("valueText() is what people read", () => {
  assertEquals(valueText(0.1234, "ratio"), "12.3 %");
  assertEquals(valueText(0.1234, "seconds"), "123 ms");
  assertEquals(valueText(12, "seconds"), "12 s");
  assertEquals(valueText(1.85e9, "bytes"), "1850 MB");
  assertEquals(valueText(2.5, "factor"), "2.5 times");
  assertEquals(valueText(null, "count"), "unknown");
});

Deno.test("alertSamples() are measurements of declared metrics", () => {
  const rig = new Rig([]);
  rig.look(alertSamples({ pending: 1, firing: 2, fired: 3, suppressed: 4, refused: 5 }));
  assertEquals(rig.registry.family("wick_alerts")?.size, 2);
});

Deno.test("RuleEngine says one for one and several for several", () => {
  const rig = new Rig(wickRules().filter(({ name }) => name === "batches_given_back"));
  const failed = (total: number) => {
    assertEquals(
      applySamples(rig.registry, [{ name: "wick_pool_failures_total", total }], rig.nowMs),
      [],
    );
    rig.nowMs += 5_000;
    return rig.engine.look(rig.registry.snapshot(rig.nowMs, rig.nowMs)).map(({ summary }) =>
      summary
    );
  };
  assertEquals(failed(0), [""]);
  assertEquals(failed(1), [
    "All batches under way were given back 1 time within ten minutes",
  ]);
  assertEquals(failed(3), [
    "All batches under way were given back 3 times within ten minutes",
  ]);
});
