/**
 * Which metrics a query of Prometheus names, so that one that does not exist is found before it is
 * written anywhere.
 *
 * @module
 */

import type { MetricSpec } from "./metric_spec.ts";

/** A query and where it stands. */
export interface NamedQuery {
  /** For people: the panel or rule. */
  readonly where: string;
  /** PromQL. */
  readonly expr: string;
}

/** A name in a query that nothing declares. */
export interface UnknownMetric {
  /** As in {@linkcode NamedQuery}. */
  readonly where: string;
  /** The name that is not declared. */
  readonly metric: string;
}

/** Words of the language that are no names of metrics. */
const WORDS = new Set([
  ...["and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"],
  ...["group_left", "group_right", "inf", "nan", "start", "end"],
]);

/** What a histogram's name ends with in a query. */
const HISTOGRAM_END = /_(bucket|sum|count)$/;

/**
 * Names of metrics in a query, each once, in their order. What stands in quotes, braces and brackets,
 * and the labels of `by (…)` and its like, are none. O(length).
 */
export function metricNames(expr: string): string[] {
  const bare = expr
    .replace(/"(\\.|[^"\\])*"/g, "")
    .replace(/\{[^{}]*\}/g, "")
    .replace(/\[[^\]]*\]/g, "")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)/gi, " ");
  const names = new Set<string>();
  for (const match of bare.matchAll(/(?<![\w:.$])([a-zA-Z_:][\w:]*)(\s*\()?/g)) {
    const [, name = "", call] = match;
    if (call === undefined && !WORDS.has(name.toLowerCase())) names.add(name);
  }
  return [...names];
}

/**
 * Names in queries that neither a declared metric nor a recording rule has. `recorded` are names of
 * rules. O(queries + specs).
 */
export function unknownMetrics(
  queries: readonly NamedQuery[],
  specs: readonly MetricSpec[],
  recorded: readonly string[] = [],
): UnknownMetric[] {
  const declared = new Map(specs.map(({ name, kind }) => [name, kind]));
  const records = new Set(recorded);
  const isKnown = (name: string) => {
    const kind = declared.get(name);
    // A histogram has no series of its bare name in the classic format.
    if (kind !== undefined) return kind !== "histogram";
    return records.has(name) ||
      (HISTOGRAM_END.test(name) && declared.get(name.replace(HISTOGRAM_END, "")) === "histogram");
  };
  return queries.flatMap(({ where, expr }) =>
    metricNames(expr).filter((name) => !isKnown(name)).map((metric) => ({ where, metric }))
  );
}

/** A time as Prometheus writes it: `5m`, `90s`, `1500ms`. */
export function promDuration(ms: number): string {
  const units: [string, number][] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ];
  for (const [unit, size] of units) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
