/**
 * Rules as data: what is read from the metrics, when it is wrong, and what is said then.
 *
 * @module
 */

import type { AlertSeverity, AlertType } from "./alert.ts";
import type { LevelOptions } from "./level_rule.ts";
import type { LabelValues } from "./snapshot.ts";

/** What every rule has. */
export interface RuleBase {
  /** Name: small letters, digits and `_`; part of the identity of its alerts. */
  readonly name: string;
  /** See {@linkcode AlertType}. */
  readonly type: AlertType;
  /** See {@linkcode AlertSeverity}. */
  readonly severity: AlertSeverity;
  /** Path below the root of the component it is about; `""` = the service. */
  readonly component: string;
  /**
   * Label whose value is appended to `component`, or is the path itself when that is `""`; left out =
   * all series are of the component.
   */
  readonly actorLabel?: string;
  /**
   * One line; `{value}`, `{actor}` and `{labels}` are put in. `{value:time|times}` is the value with
   * the word for one or for several.
   */
  readonly summary: string;
  /** What the value is, so that it can be read: default `count`. */
  readonly unit?: "count" | "ratio" | "seconds" | "bytes" | "factor";
  /** What to do about it, in a line. */
  readonly runbook: string;
  /** It explains what is wrong below and behind its component. */
  readonly isCause?: boolean;
}

/** A number read from metrics at each look, for every series that matches. */
export type RuleRead =
  /** A gauge, or a counter's total. */
  | { readonly read: "value"; readonly metric: string; readonly where?: LabelValues }
  /** One gauge by another with the same labels. */
  | { readonly read: "quotient"; readonly metric: string; readonly of: string }
  /** Mean or 99th percentile of what a histogram took within the last `overMs`; none = missing. */
  | {
    readonly read: "histogram";
    readonly metric: string;
    readonly of: "mean" | "p99";
    readonly overMs: number;
  }
  /** Growth of a counter, or rise of a gauge, within the last `overMs`; `sum`: of all series. */
  | {
    readonly read: "grew";
    readonly metric: string;
    readonly overMs: number;
    readonly sum?: boolean;
    /** Divides the growth, to make a rate or a share of it; default 1. */
    readonly by?: number;
  }
  /**
   * Growth of one counter by that of all of `of`, with the same labels or, with `sum`, of all series; of
   * at least `eventsMin` events.
   */
  | {
    readonly read: "share";
    readonly metric: string;
    readonly of: readonly string[];
    readonly overMs: number;
    readonly eventsMin: number;
    readonly sum?: boolean;
  };

/** A value that is wrong beyond a threshold; see `level_rule.ts`. */
export interface LevelRule extends RuleBase {
  /** Tells it from other rules. */
  readonly kind: "level";
  /** What is read. */
  readonly value: RuleRead;
  /** When it is wrong. */
  readonly level: LevelOptions;
}

/** Good and bad events of an objective. */
export type RuleEvents =
  /** Good = at most this edge of the histogram's. */
  | { readonly from: "histogram"; readonly metric: string; readonly goodAtMost: number }
  /** Events are the growth of all of `all`; bad ones that of `bad`; `by` = for each of its values. */
  | {
    readonly from: "counters";
    readonly bad: string;
    readonly all: readonly string[];
    readonly by?: string;
  };

/**
 * An objective: up to three alerts, named `…_fast` (clipped CUSUM), `…_burn` (fast windows) and
 * `…_budget` (slow window, a ticket). See `burn_rate.ts` and `cusum.ts`.
 */
export interface SloRule extends RuleBase {
  /** Tells it from other rules. */
  readonly kind: "slo";
  /** What is counted. */
  readonly events: RuleEvents;
  /** Share of events that have to be good. */
  readonly objective: number;
}

/** A histogram whose mean has risen against the last half hour; see `cusum_latency.ts`. */
export interface LatencyRule extends RuleBase {
  /** Tells it from other rules. */
  readonly kind: "latency";
  /** A histogram. */
  readonly metric: string;
}

/** A rate that is unusual at this hour of the week; see `pattern.ts`. */
export interface PatternRule extends RuleBase {
  /** Tells it from other rules. */
  readonly kind: "pattern";
  /** A counter; all its series are added up. */
  readonly metric: string;
  /** Time over which the rate is taken, ms. */
  readonly overMs: number;
}

/** A counter whose series share their growth otherwise than they did; see `rules_shift.ts`. */
export interface ShiftRule extends RuleBase {
  /** Tells it from other rules. */
  readonly kind: "shift";
  /** A counter. */
  readonly metric: string;
  /** Label that tells the shares. */
  readonly category: string;
  /** Label for each of whose values this is watched by itself. */
  readonly by: string;
}

/** Any rule. */
export type Rule = LevelRule | SloRule | LatencyRule | PatternRule | ShiftRule;

/** Metrics that a rule reads, with the labels that it names. */
export function metricsOf(rule: Rule): { readonly name: string; readonly labels: string[] }[] {
  const actor = rule.actorLabel === undefined ? [] : [rule.actorLabel];
  const all = (names: readonly string[], labels: readonly string[]) =>
    [...new Set(names)].map((name) => ({ name, labels: [...labels, ...actor] }));
  switch (rule.kind) {
    case "level": {
      const { value } = rule;
      if (value.read === "value") return all([value.metric], Object.keys(value.where ?? {}));
      if (value.read === "quotient") return all([value.metric, value.of], []);
      return all(value.read === "share" ? [value.metric, ...value.of] : [value.metric], []);
    }
    case "slo": {
      const { events } = rule;
      if (events.from === "histogram") return all([events.metric], []);
      return all([events.bad, ...events.all], events.by === undefined ? [] : [events.by]);
    }
    case "shift":
      return all([rule.metric], [rule.category, rule.by]);
    default:
      return all([rule.metric], []);
  }
}
