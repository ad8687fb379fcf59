/**
 * A dashboard for Grafana, made of the declared metrics: an overview, and for every subsystem a row
 * with a panel for each of its metrics. The classic JSON model, which all versions import.
 *
 * @module
 */

import type { NamedQuery } from "./export_promql.ts";
import type { MetricSpec } from "./metric_spec.ts";
import { type Target, type Targets, TARGETS_DEFAULT } from "./targets.ts";

/** A query of a panel. */
export interface GrafanaTarget {
  /** `A`, `B`, …: unlike the others of its panel. */
  readonly refId: string;
  /** PromQL. */
  readonly expr: string;
  /** Name of its lines. */
  readonly legendFormat: string;
}

/** A panel, or a row that holds panels. */
export interface GrafanaPanel {
  /** Unlike that of any other. */
  readonly id: number;
  /** `row`, `timeseries` or `stat`. */
  readonly type: string;
  /** What it shows. */
  readonly title: string;
  /** One line for people. */
  readonly description?: string;
  /** Where it stands: 24 columns. */
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  /** Queries. */
  readonly targets?: readonly GrafanaTarget[];
  /** Panels of a row that is closed. */
  readonly panels?: readonly GrafanaPanel[];
  /** Whether a row is closed. */
  readonly collapsed?: boolean;
  /** Where its data comes from. */
  readonly datasource?: { readonly type: string; readonly uid: string };
  /** Unit, and edges of targets. */
  readonly fieldConfig?: unknown;
  /** How it is drawn. */
  readonly options?: unknown;
}

/** The dashboard; to be written as JSON. */
export interface GrafanaDashboard {
  /** Unlike that of other dashboards. */
  readonly uid: string;
  /** Its name. */
  readonly title: string;
  /** The rest of the model, plain JSON. */
  readonly [field: string]: unknown;
  /** Rows and panels. */
  readonly panels: readonly GrafanaPanel[];
}

const COLUMNS = 24, WIDTH = 8, HEIGHT = 8;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;
const SELECT = 'job=~"$job", instance=~"$instance"';
const RANGE = "$__rate_interval";

/** What a panel shows, before it has its place. */
interface Draft {
  readonly type?: "timeseries" | "stat";
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  readonly target?: Target;
  readonly max?: number;
}

/** Makes the dashboard. O(metrics). */
export function grafanaDashboard(
  specs: readonly MetricSpec[],
  targets: Targets = TARGETS_DEFAULT,
): GrafanaDashboard {
  const panels: GrafanaPanel[] = [];
  let id = 0, y = 0;
  const place = (drafts: readonly Draft[], top: number) =>
    drafts.map((draft, i) => panelOf(draft, ++id, i, top));
  const overview = overviewOf(specs, targets);
  panels.push(rowOf(++id, "Overview", y, []), ...place(overview, ++y));
  y += HEIGHT * Math.ceil(overview.length * WIDTH / COLUMNS);
  for (const [subsystem, members] of bySubsystem(specs)) {
    const rowId = ++id;
    const title = subsystem.charAt(0).toUpperCase() + subsystem.slice(1).replaceAll("_", " ");
    panels.push(rowOf(rowId, title, y, place(members.map(draftOf), y + 1)));
    y++;
  }
  return { ...FRAME, templating: { list: VARIABLES }, panels };
}

/** Every query of the dashboard and its variables, to be checked. */
export function dashboardQueries({ panels }: GrafanaDashboard): NamedQuery[] {
  const all = panels.flatMap((panel) => [panel, ...panel.panels ?? []]);
  return [
    { where: "variables", expr: VARIABLE_METRIC },
    ...all.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ where: title, expr }))
    ),
  ];
}

/** A metric that every process has: its labels tell which there are. */
const VARIABLE_METRIC = "wick_monitor_series";

const variable = (name: string, query: string) => ({
  ...{ name, label: name, type: "query", datasource: DATASOURCE, query, definition: query },
  ...{ refresh: 2, multi: true, includeAll: true, sort: 1, hide: 0 },
  current: { selected: true, text: ["All"], value: ["$__all"] },
});

const VARIABLES = [
  {
    ...{ name: "datasource", label: "datasource", type: "datasource", query: "prometheus" },
    ...{ hide: 0, multi: false, includeAll: false, refresh: 1 },
  },
  variable("job", `label_values(${VARIABLE_METRIC}, job)`),
  variable("instance", `label_values(${VARIABLE_METRIC}{job=~"$job"}, instance)`),
];

const FRAME = {
  uid: "wick-service",
  title: "Wick",
  description: "Written by wick monitoring export from the service's metrics",
  tags: ["wick"],
  timezone: "utc",
  editable: true,
  graphTooltip: 1,
  schemaVersion: 39,
  version: 1,
  refresh: "10s",
  time: { from: "now-1h", to: "now" },
  annotations: { list: [] },
  links: [],
} as const;

/** By the word after `wick_`, or the first one of one's own metrics, in the order in which they first come; some words mean the same. */
function bySubsystem(specs: readonly MetricSpec[]): Map<string, MetricSpec[]> {
  const SAME: Readonly<Record<string, string>> = {
    supervisor: "actor",
    event: "process",
    ingest: "pool",
    jobs: "job",
    dead: "dead_letters",
  };
  const groups = new Map<string, MetricSpec[]>();
  for (const spec of specs) {
    const [owner = "", word = ""] = spec.name.split("_");
    const subsystem = owner === "wick" ? SAME[word] ?? word : owner;
    groups.set(subsystem, [...groups.get(subsystem) ?? [], spec]);
  }
  return groups;
}

function rowOf(
  id: number,
  title: string,
  y: number,
  panels: readonly GrafanaPanel[],
): GrafanaPanel {
  const gridPos = { x: 0, y, w: COLUMNS, h: 1 };
  return { id, type: "row", title, gridPos, collapsed: panels.length > 0, panels };
}

function panelOf(draft: Draft, id: number, index: number, top: number): GrafanaPanel {
  const { type = "timeseries", title, description, unit, queries, target, max } = draft;
  const across = COLUMNS / WIDTH;
  return {
    id,
    type,
    title,
    description,
    datasource: DATASOURCE,
    gridPos: {
      x: index % across * WIDTH,
      y: top + Math.floor(index / across) * HEIGHT,
      w: WIDTH,
      h: HEIGHT,
    },
    targets: queries.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      expr,
      legendFormat,
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max === undefined ? {} : { max }),
        ...(target === undefined ? {} : {
          thresholds: { mode: "absolute", steps: stepsOf(target) },
          custom: { thresholdsStyle: { mode: "line" } },
        }),
      },
      overrides: [],
    },
    options: type === "stat"
      ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "background" }
      : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
  };
}

/** Colours from low to high, whichever end is better. */
function stepsOf({ better, warning, critical }: Target) {
  return better === "lower"
    ? [
      { color: "green", value: null },
      { color: "orange", value: warning },
      { color: "red", value: critical },
    ]
    : [
      { color: "red", value: null },
      { color: "orange", value: critical },
      { color: "green", value: warning },
    ];
}

const legendOf = (labels: readonly string[]) =>
  ["instance", ...labels].map((label) => `{{${label}}}`).join(" ");

const byLabels = (labels: readonly string[]) => ["job", "instance", ...labels].join(", ");

/** The panel of one metric. */
function draftOf({ name, kind, help, labels = [] }: MetricSpec): Draft {
  const unit = grafanaUnit(name, kind);
  const draft = { title: titleOf(name), description: help, unit };
  const legend = legendOf(labels);
  const series = `${name}{${SELECT}}`;
  if (kind === "gauge") return { ...draft, queries: [[series, legend]] };
  if (kind === "counter") {
    const expr = `sum by (${byLabels(labels)}) (rate(${series}[${RANGE}]))`;
    return { ...draft, queries: [[expr, legend]] };
  }
  return {
    ...draft,
    queries: ([["p50", 0.5], ["p95", 0.95], ["p99", 0.99]] as const).map(([text, share]) => [
      quantileExpr(name, share, labels),
      `${text} ${legend}`,
    ]),
  };
}

const quantileExpr = (name: string, share: number, labels: readonly string[] = []) =>
  `histogram_quantile(${share}, sum by (${byLabels([...labels, "le"])}) ` +
  `(rate(${name}_bucket{${SELECT}}[${RANGE}])))`;

const rateSum = (name: string) => `sum by (job, instance) (rate(${name}{${SELECT}}[${RANGE}]))`;

/** `wick_pool_queued_rows` is `Pool queued rows`. */
function titleOf(name: string): string {
  const words = name.replace(/^wick_/, "").replace(/_total$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The name that Grafana has for a metric's unit; a counter is shown per second. */
export function grafanaUnit(name: string, kind: MetricSpec["kind"]): string {
  const base = name.replace(/_total$/, "");
  const isRate = kind === "counter";
  // Seconds a second are a share, and more than one where several work at a time.
  if (base.endsWith("_seconds")) return isRate ? "percentunit" : "s";
  if (base.endsWith("_bytes")) return isRate ? "Bps" : "decbytes";
  if (base.endsWith("_ratio")) return "percentunit";
  return isRate ? "cps" : "short";
}

/** Panels of the overview whose metrics are declared. */
function overviewOf(specs: readonly MetricSpec[], targets: Targets): Draft[] {
  const declared = new Set(specs.map(({ name }) => name));
  const commit = "wick_ingest_commit_seconds";
  const [hits, misses] = ["wick_cache_hits_total", "wick_cache_misses_total"] as const;
  const drafts: (Draft & { readonly needs: readonly string[] })[] = [
    {
      ...{ needs: ["wick_health_score"], type: "stat", title: "Health", unit: "short", max: 100 },
      description: "0 to 100; at most 59 while something is critical",
      queries: [[`wick_health_score{${SELECT}}`, "{{instance}}"]],
      target: { better: "higher", unit: "count", good: 95, warning: 75, critical: 60 },
    },
    {
      ...{ needs: ["wick_health_part_score"], title: "Parts of the health", unit: "short" },
      ...{ description: "Latency 40 %, success 30 %, cache 20 %, throughput 10 %", max: 100 },
      queries: [[`wick_health_part_score{${SELECT}}`, "{{instance}} {{part}}"]],
    },
    {
      ...{ needs: ["wick_health_component_up"], title: "Components", unit: "short", max: 1 },
      description: "1 while it works, 0.5 while not as it should, 0 while it is down",
      queries: [[`wick_health_component_up{${SELECT}}`, "{{instance}} {{component}}"]],
    },
    {
      ...{ needs: [commit], title: "Candle to label", unit: "s", target: targets.latencyP99 },
      description: "From a batch's arrival at the pool to its commit",
      queries: [
        [quantileExpr(commit, 0.5), "p50 {{instance}}"],
        [quantileExpr(commit, 0.99), "p99 {{instance}}"],
        [`${rateSum(`${commit}_sum`)} / ${rateSum(`${commit}_count`)}`, "mean {{instance}}"],
      ],
    },
    {
      ...{ needs: ["wick_pool_candles_total"], title: "Throughput", unit: "cps" },
      description: "Candles committed and label rows written",
      queries: [
        [rateSum("wick_pool_candles_total"), "candles {{instance}}"],
        [rateSum("wick_pool_labels_total"), "labels {{instance}}"],
      ],
    },
    {
      ...{ needs: ["wick_pool_delay_seconds"], title: "Queue time", unit: "s" },
      description: "Expected delay of a batch that comes now",
      queries: [[`wick_pool_delay_seconds{${SELECT}}`, "{{instance}}"]],
      target: targets.queueTime,
    },
    {
      ...{ needs: [hits, misses], title: "Cache hits", unit: "percentunit", max: 1 },
      description: "Hits by requests of the first tier",
      queries: [[firstTierRatio(hits, misses), "{{instance}}"]],
      target: targets.cacheHits,
    },
    {
      ...{ needs: ["wick_process_memory_bytes"], title: "Memory", unit: "decbytes" },
      description: "Resident memory of the process",
      queries: [[`wick_process_memory_bytes{kind="resident", ${SELECT}}`, "{{instance}}"]],
      target: targets.memory,
    },
    {
      ...{ needs: ["wick_dead_letters_total"], title: "Dead letters", unit: "cps" },
      description: "Messages that ended without being handled",
      queries: [[
        `sum by (job, instance, reason) (rate(wick_dead_letters_total{${SELECT}}[${RANGE}]))`,
        "{{instance}} {{reason}}",
      ]],
    },
  ];
  return drafts.filter(({ needs }) => needs.every((name) => declared.has(name)));
}

function firstTierRatio(hits: string, misses: string): string {
  const rate = (name: string) =>
    `sum by (job, instance) (rate(${name}{tier="l1", ${SELECT}}[${RANGE}]))`;
  return `${rate(hits)} / (${rate(hits)} + ${rate(misses)})`;
}
