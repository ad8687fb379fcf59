import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { monitoredMetrics } from "../../src/cli/monitoring.ts";
import { BURN_WINDOWS } from "../../src/monitor/burn_rate.ts";
import {
  dashboardQueries,
  grafanaDashboard,
  type GrafanaPanel,
  grafanaUnit,
} from "../../src/monitor/export_grafana.ts";
import {
  prometheusRules,
  prometheusRulesText,
  ruleQueries,
} from "../../src/monitor/export_prometheus_rules.ts";
import { metricNames, promDuration, unknownMetrics } from "../../src/monitor/export_promql.ts";
import { yamlText } from "../../src/monitor/export_yaml.ts";
import type { MetricSpec } from "../../src/monitor/metric_spec.ts";
import { wickRules } from "../../src/monitor/rules.ts";
import type { Rule } from "../../src/monitor/rules_types.ts";

const SPECS = monitoredMetrics();
const RULES = prometheusRules(SPECS, wickRules({ cores: 4 }));
const RECORDED = [...RULES.recording, ...RULES.objectives].map(({ record }) => record);

/**
 * Reads the YAML that rule files are made of: maps and lists in block style, texts as JSON, numbers.
 * Anything else throws.
 */
function readYaml(text: string): unknown {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s*#/.test(line));
  let at = 0;
  const indentOf = (line: string) => line.length - line.trimStart().length;
  const scalar = (text: string): unknown => JSON.parse(text);
  const block = (indent: number): unknown => {
    const isList = lines[at]?.slice(indent).startsWith("- ") === true;
    return isList ? list(indent) : map(indent);
  };
  const list = (indent: number): unknown[] => {
    const items: unknown[] = [];
    while (at < lines.length && indentOf(lines[at] ?? "") === indent) {
      const line = lines[at] ?? "";
      assert(line.slice(indent).startsWith("- "), line);
      // The item is a block of its own, two columns further in.
      lines[at] = `${" ".repeat(indent + 2)}${line.slice(indent + 2)}`;
      items.push(
        /^\s*("(\\.|[^"])*"|[\w-]+):/.test(lines[at] ?? "")
          ? block(indent + 2)
          : scalar((lines[at++] ?? "").trim()),
      );
    }
    return items;
  };
  const map = (indent: number): Record<string, unknown> => {
    const found: Record<string, unknown> = {};
    while (at < lines.length && indentOf(lines[at] ?? "") === indent) {
      const match = /^\s*("(?:\\.|[^"\\])*"|[A-Za-z_]\w*):(?: (.*))?$/.exec(lines[at++] ?? "");
      assert(match !== null, lines[at - 1]);
      const [, name = "", value] = match;
      const key = name.startsWith('"') ? String(JSON.parse(name)) : name;
      assert(!(key in found), `${key} twice`);
      found[key] = value === undefined ? block(indent + 2) : scalar(value);
    }
    return found;
  };
  const value = block(0);
  assertEquals(at, lines.length);
  return value;
}

Deno.test("yamlText() writes block style with texts as JSON has them", () => {
  const text = yamlText({
    groups: [{
      name: "a",
      rules: [{ expr: 'up{x="1"} > 0.5', labels: { severity: "page", on: "yes" } }, { count: -2 }],
      none: [],
      empty: {},
    }],
    list: ["x: y", "# no comment", "line\nbreak"],
  }, ["Made by hand."]);
  assertEquals(
    text,
    `# Made by hand.
groups:
  - name: "a"
    rules:
      - expr: "up{x=\\"1\\"} > 0.5"
        labels:
          severity: "page"
          "on": "yes"
      - count: -2
    none: []
    empty: {}
list:
  - "x: y"
  - "# no comment"
  - "line\\nbreak"
`,
  );
});

Deno.test("metricNames() finds metrics and nothing else", () => {
  const cases: [string, string[]][] = [
    ["up", ["up"]],
    ['rate(wick_a_total{le="wick_no", x=~"a|b"}[5m]) > 14.4', ["wick_a_total"]],
    ["sum by (job, instance) (rate(a_total[$__rate_interval])) / sum(b)", ["a_total", "b"]],
    ["a / on (x, y) group_left (z) b and c unless d or absent(e)", ["a", "b", "c", "d", "e"]],
    ["histogram_quantile(0.99, sum without (pod) (rate(h_bucket[5m] offset 1w)))", ["h_bucket"]],
    ["instance:wick_a:rate5m / 1e3 > bool 5", ["instance:wick_a:rate5m"]],
    ["a + a - Inf * NaN", ["a"]],
    ['label_replace(a, "b", "wick_c", "d", "(.*)")', ["a"]],
  ];
  for (const [expr, names] of cases) {
    assertEquals(metricNames(expr), names, expr);
  }
});

Deno.test("unknownMetrics() finds a name that is not declared, and a histogram without its end", () => {
  const specs: MetricSpec[] = [
    { name: "wick_a_total", kind: "counter", help: "A" },
    { name: "wick_h_seconds", kind: "histogram", help: "H" },
  ];
  const unknown = (expr: string) =>
    unknownMetrics([{ where: "x", expr }], specs, ["i:r:rate5m"]).map(({ metric }) => metric);
  assertEquals(unknown("wick_a_total + wick_h_seconds_bucket + wick_h_seconds_sum"), []);
  assertEquals(unknown("i:r:rate5m + wick_h_seconds_count"), []);
  assertEquals(unknown("wick_a + wick_h_seconds + wick_a_total_sum + i:r:rate1h"), [
    ...["wick_a", "wick_h_seconds", "wick_a_total_sum", "i:r:rate1h"],
  ]);
});

Deno.test("promDuration() writes times as Prometheus does", () => {
  const times = [300_000, 90_000, 3_600_000, 259_200_000, 1_500, 604_800_000];
  assertEquals(times.map(promDuration), ["5m", "90s", "1h", "3d", "1500ms", "7d"]);
});

Deno.test("every query of the rules names metrics that there are", () => {
  const queries = ruleQueries(RULES);
  assert(queries.length > 100, `${queries.length}`);
  assertEquals(unknownMetrics(queries, SPECS, RECORDED), []);
  for (const { where, expr } of queries) assert(metricNames(expr).length > 0, where);
});

Deno.test("every query of the dashboard names metrics that there are", () => {
  const queries = dashboardQueries(grafanaDashboard(SPECS));
  assertEquals(unknownMetrics(queries, SPECS), []);
  // Every metric is shown.
  const shown = new Set(
    queries.flatMap(({ expr }) => metricNames(expr)).map((name) => name.replace(/_bucket$/, "")),
  );
  for (const { name } of SPECS) assert(shown.has(name), name);
});

Deno.test("queries have their brackets closed", () => {
  for (
    const { where, expr } of [...ruleQueries(RULES), ...dashboardQueries(grafanaDashboard(SPECS))]
  ) {
    const open: string[] = [];
    for (const char of expr.replace(/"(\\.|[^"\\])*"/g, "")) {
      if ("([{".includes(char)) open.push(char);
      const at = ")]}".indexOf(char);
      if (at >= 0) assertEquals(open.pop(), "([{"[at], where);
    }
    assertEquals(open, [], where);
  }
});

Deno.test("the rules file reads back as what was written", () => {
  const text = prometheusRulesText(RULES);
  const read = readYaml(text) as { groups: { name: string; interval: string; rules: unknown[] }[] };
  const { recording, objectives, alerts } = RULES;
  assertEquals(read, {
    groups: [
      { name: "wick_recording", interval: "30s", rules: [...recording] },
      { name: "wick_objectives", interval: "30s", rules: [...objectives] },
      { name: "wick_alerts", interval: "30s", rules: [...alerts] },
    ],
  });
  assertMatch(text, /^# .*\n# Watched by the service alone: .*ingest_rate/);
  assertThrows(() => readYaml("a: 1\n b: 2\n"));
});

Deno.test("names of rules are each there once, and as Prometheus wants them", () => {
  assertEquals(new Set(RECORDED).size, RECORDED.length);
  for (const record of RECORDED) assertMatch(record, /^instance:wick_[a-z0-9_]+:[a-z0-9_]+$/);
  const names = RULES.alerts.map(({ alert }) => alert);
  assertEquals(new Set(names).size, names.length);
  for (const { alert, labels, annotations } of RULES.alerts) {
    assertMatch(alert, /^Wick[A-Za-z0-9]+$/);
    assert(["page", "ticket", "info"].includes(labels["severity"] ?? ""), alert);
    assert(!/\{(value|actor|labels)\}/.test(annotations["summary"] ?? "{value}"), alert);
  }
});

const expectAlert = (rule: Rule) => {
  const [alert] = prometheusRules(SPECS, [rule]).alerts;
  return [alert?.expr, alert?.for, alert?.keep_firing_for];
};

const base = {
  name: "x",
  type: "resource",
  severity: "ticket",
  component: "",
  summary: "S",
  runbook: "R",
  kind: "level",
} as const;

Deno.test("prometheusRules() says each kind of level in PromQL", () => {
  const level = { side: "above", raise: 2 } as const;
  assertEquals(
    expectAlert({
      ...base,
      value: { read: "value", metric: "wick_store_seq", where: { a: "b" } },
      level: { side: "below", raise: 0.5, clear: 1, forMs: 90_000, missing: "raise" },
    }),
    ['wick_store_seq{a="b"} < 0.5 or absent(wick_store_seq)', "90s", "5m"],
  );
  assertEquals(
    expectAlert({ ...base, value: { read: "quotient", metric: "wick_a", of: "wick_b" }, level }),
    ["wick_a / wick_b > 2", undefined, undefined],
  );
  const overMs = 600_000;
  const pool = "wick_pool_failures_total";
  assertEquals(
    expectAlert({
      ...base,
      value: { read: "grew", metric: pool, overMs, sum: true, by: 4 },
      level,
    }),
    [`sum by (job, instance) (increase(${pool}[10m])) / 4 > 2`, undefined, undefined],
  );
  // A gauge has no resets that `increase` would have to make up for.
  assertEquals(
    expectAlert({ ...base, value: { read: "grew", metric: "wick_store_seq", overMs }, level })[0],
    "delta(wick_store_seq[10m]) > 2",
  );
  assertEquals(
    expectAlert({
      ...base,
      value: { read: "share", metric: "wick_a", of: ["wick_a", "wick_b"], overMs, eventsMin: 9 },
      level,
    })[0],
    "increase(wick_a[10m]) / (increase(wick_a[10m]) + increase(wick_b[10m])) > 2 and " +
      "(increase(wick_a[10m]) + increase(wick_b[10m])) >= 9",
  );
});

Deno.test("prometheusRules() says an objective as burn rates over two windows each", () => {
  const { objectives, alerts } = prometheusRules(SPECS, [{
    ...{ ...base, kind: "slo", name: "slow", severity: "page", objective: 0.999 },
    events: { from: "histogram", metric: "wick_ingest_commit_seconds", goodAtMost: 0.1 },
  }]);
  assertEquals(objectives.map(({ record }) => record), [
    ...["5m", "30m", "1h", "6h", "3d"].map((at) => `instance:wick_slow_bad:ratio_rate${at}`),
  ]);
  assertEquals(
    objectives[0]?.expr,
    '1 - sum by (job, instance) (rate(wick_ingest_commit_seconds_bucket{le="0.1"}[5m])) / ' +
      "sum by (job, instance) (rate(wick_ingest_commit_seconds_count[5m]))",
  );
  assertEquals(alerts.map(({ alert, labels }) => [alert, labels["severity"]]), [
    ["WickSlowBurn", "page"],
    ["WickSlowBudget", "ticket"],
  ]);
  // Table 5-8 of the SRE workbook: 14.4 over 1 h and 5 min, 6 over 6 h and 30 min, 1 over 3 d.
  assertEquals(BURN_WINDOWS.length, 3);
  const r = "instance:wick_slow_bad:ratio_rate";
  assertEquals(
    alerts[0]?.expr,
    `(${r}1h / 0.001 > 14.4 and ${r}5m / 0.001 > 14.4) or ` +
      `(${r}6h / 0.001 > 6 and ${r}30m / 0.001 > 6)`,
  );
  assertEquals(alerts[1]?.expr, `(${r}3d / 0.001 > 1 and ${r}6h / 0.001 > 1)`);
});

Deno.test("edges of the objectives are edges of their histograms", () => {
  const edges = [...prometheusRulesText(RULES).matchAll(/(wick_\w+)_bucket\{le=\\"([\d.]+)\\"\}/g)];
  assert(edges.length > 0);
  const text = JSON.stringify(SPECS.find(({ name }) => name === edges[0]?.[1]));
  assert(text.includes("wick_ingest_commit_seconds"));
  const standard = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.04, 0.05, 0.08, 0.1, 0.25, 1, 5];
  for (const [, , edge] of edges) assert(standard.includes(Number(edge)), edge);
});

const flat = (panels: readonly GrafanaPanel[]) =>
  panels.flatMap((panel) => [panel, ...panel.panels ?? []]);

Deno.test("grafanaDashboard() has ids that differ, and no panel on another", () => {
  const { panels } = grafanaDashboard(SPECS);
  const all = flat(panels);
  assertEquals(new Set(all.map(({ id }) => id)).size, all.length);
  for (const group of [panels, ...panels.map((panel) => panel.panels ?? [])]) {
    for (const a of group) {
      assert(a.gridPos.x + a.gridPos.w <= 24);
      for (const b of group) {
        if (a === b) continue;
        const [p, q] = [a.gridPos, b.gridPos];
        const isApart = p.x + p.w <= q.x || q.x + q.w <= p.x || p.y + p.h <= q.y ||
          q.y + q.h <= p.y;
        assert(isApart, `${a.title} and ${b.title}`);
      }
    }
  }
});

Deno.test("grafanaDashboard() shows counters as rates and histograms as percentiles", () => {
  const panel = (spec: MetricSpec) => {
    const all = flat(grafanaDashboard([spec]).panels);
    return all.find(({ targets }) => targets !== undefined)?.targets?.map(({ expr }) => expr);
  };
  assertEquals(
    panel({ name: "wick_x_rows_total", kind: "counter", help: "X", labels: ["feed"] }),
    [
      'sum by (job, instance, feed) (rate(wick_x_rows_total{job=~"$job", ' +
      'instance=~"$instance"}[$__rate_interval]))',
    ],
  );
  const [p50] = panel({ name: "wick_x_seconds", kind: "histogram", help: "X" }) ?? [];
  assertEquals(
    p50,
    'histogram_quantile(0.5, sum by (job, instance, le) (rate(wick_x_seconds_bucket{job=~"$job", ' +
      'instance=~"$instance"}[$__rate_interval])))',
  );
  assertEquals(panel({ name: "wick_x", kind: "gauge", help: "X" }), [
    'wick_x{job=~"$job", instance=~"$instance"}',
  ]);
});

Deno.test("grafanaUnit() goes by the end of the name", () => {
  assertEquals(
    [
      ...[grafanaUnit("wick_a_seconds", "gauge"), grafanaUnit("wick_a_seconds_total", "counter")],
      ...[grafanaUnit("wick_a_bytes", "gauge"), grafanaUnit("wick_a_bytes_total", "counter")],
      ...[grafanaUnit("wick_a_ratio", "gauge"), grafanaUnit("wick_a_total", "counter")],
      grafanaUnit("wick_a", "gauge"),
    ],
    ["s", "percentunit", "decbytes", "Bps", "percentunit", "cps", "short"],
  );
});
