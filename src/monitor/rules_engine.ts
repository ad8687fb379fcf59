/**
 * Applies rules to snapshots of the metrics: at each look every rule says of everything that it is
 * about whether it is well. What is said goes to an `AlertBook`.
 *
 * The engine holds no time of its own: a snapshot has both clocks. Looks are to be 5 s apart; one
 * that comes late counts as one, and those that come at once are taken together.
 *
 * @module
 */

import type { AlertReading } from "./alert.ts";
import type { EventWindowsState } from "./burn_rate_events.ts";
import { LatencyCusum } from "./cusum_latency.ts";
import { type AlertPhase, assertLevel } from "./level_rule.ts";
import { Pattern, type PatternState } from "./pattern.ts";
import { LevelWatch } from "./rules_level.ts";
import { GrowthWindow, seriesKey, SnapshotIndex } from "./rules_read.ts";
import { ShiftWatch } from "./rules_shift.ts";
import { FAST_CLEAR_MS, LOOK_LEAST_MS, SloWatch } from "./rules_slo.ts";
import type {
  LatencyRule,
  LevelRule,
  PatternRule,
  Rule,
  ShiftRule,
  SloRule,
} from "./rules_types.ts";
import type { LabelValues, MetricsSnapshot } from "./snapshot.ts";

/** Rules of an engine: the built-in ones and as many again of one's own. */
export const RULES_MAX = 128;
/** Objectives of one rule, one for each value of its `by`: 25 kB each. */
export const OBJECTIVES_MAX = 16;

/** What an engine knows of days and weeks, for a restart; plain data. */
export interface EngineState {
  /** Of this layout. */
  readonly version: 1;
  /** When it was taken, epoch ms. */
  readonly at: number;
  /** Of each objective: rule, value of its `by`, events. */
  readonly objectives: readonly {
    readonly rule: string;
    readonly by: string;
    readonly events: EventWindowsState;
  }[];
  /** Of each rhythm. */
  readonly patterns: readonly { readonly rule: string; readonly pattern: PatternState }[];
}

/** Something that applies one rule. */
type Watch = (index: SnapshotIndex) => AlertReading[];

/** See the module. */
export class RuleEngine {
  readonly #watches: readonly { readonly rule: Rule; readonly watch: Watch }[];
  readonly #objectives = new Map<string, Map<string, SloWatch>>();
  readonly #patterns = new Map<string, Pattern>();

  /**
   * One that has seen nothing.
   *
   * @throws {TypeError} when two rules have one name, or a name is none.
   * @throws {RangeError} when there are more than {@linkcode RULES_MAX}, or an option cannot be.
   */
  constructor(rules: readonly Rule[]) {
    if (rules.length > RULES_MAX) {
      throw new RangeError(
        `Cannot watch rules: expected at most ${RULES_MAX}: current value is ${rules.length}`,
      );
    }
    const names = new Set<string>();
    for (const { name } of rules) {
      if (!/^[a-z][a-z0-9_]{0,63}$/.test(name) || names.has(name)) {
        throw new TypeError(
          `Cannot watch a rule: expected a new name of letters, digits and _: ` +
            `current value is ${name}`,
        );
      }
      names.add(name);
    }
    this.#watches = rules.map((rule) => ({ rule, watch: this.#watchOf(rule) }));
  }

  /** What all rules say of a snapshot. O(series that they read), some 10 µs per objective. */
  look(snapshot: MetricsSnapshot): AlertReading[] {
    const index = new SnapshotIndex(snapshot);
    return this.#watches.flatMap(({ watch }) => watch(index));
  }

  #watchOf(rule: Rule): Watch {
    switch (rule.kind) {
      case "level":
        return levelWatch(rule);
      case "slo":
        return this.#sloWatch(rule);
      case "latency":
        return latencyWatch(rule);
      case "pattern":
        return this.#patternWatch(rule);
      case "shift":
        return shiftWatch(rule);
    }
  }

  #sloWatch(rule: SloRule): Watch {
    const watches = new Map<string, SloWatch>();
    // Throws now what the first look would throw.
    new SloWatch(rule.objective);
    this.#objectives.set(rule.name, watches);
    return (index) => {
      const { nowMs } = index.snapshot;
      const readings: AlertReading[] = [];
      for (const [by, total] of index.events(rule.events)) {
        let watch = watches.get(by);
        if (watch === undefined) {
          if (watches.size >= OBJECTIVES_MAX) continue;
          watches.set(by, watch = new SloWatch(rule.objective));
        }
        watch.total(total, nowMs);
        const { fast, burn, budget, recentBurn, longBurn } = watch.at(nowMs);
        const name = rule.events.from === "counters" ? rule.events.by : undefined;
        const labels: LabelValues = name === undefined ? {} : { [name]: by };
        const say = (suffix: string, phase: AlertPhase, value: number): AlertReading =>
          readingOf({ ...rule, name: `${rule.name}_${suffix}` }, labels, phase, value);
        readings.push(
          say("fast", fast, recentBurn),
          say("burn", burn, recentBurn),
          {
            ...say("budget", budget, longBurn),
            severity: rule.severity === "page" ? "ticket" : rule.severity,
          },
        );
      }
      return readings;
    };
  }

  #patternWatch(rule: PatternRule): Watch {
    const pattern = new Pattern();
    this.#patterns.set(rule.name, pattern);
    const window = new GrowthWindow(rule.overMs, null);
    let beforeMs: number | null = null;
    let startMs = Infinity;
    return (index) => {
      const { at, nowMs } = index.snapshot;
      const { series } = index.numbers(rule.metric);
      const total = series.reduce((sum, { value }) => sum + value, 0);
      const grown = window.take(total, "counter", nowMs);
      if (beforeMs !== null) pattern.record(grown, nowMs - beforeMs, at);
      else startMs = nowMs;
      beforeMs = nowMs;
      const verdict = nowMs - startMs >= rule.overMs
        ? pattern.judge(window.sum(nowMs), rule.overMs, at)
        : "unknown";
      const rate = window.sum(nowMs) / (rule.overMs / 1_000);
      const isOdd = verdict === "low" || verdict === "high";
      return [readingOf(rule, {}, isOdd ? "firing" : "clear", rate)];
    };
  }

  /** What is to survive a restart, taken at epoch `at`. */
  snapshot(at: number): EngineState {
    return {
      version: 1,
      at,
      objectives: [...this.#objectives].flatMap(([rule, watches]) =>
        [...watches].map(([by, watch]) => ({ rule, by, events: watch.snapshot() }))
      ),
      patterns: [...this.#patterns].map(([rule, pattern]) => ({
        rule,
        pattern: pattern.snapshot(),
      })),
    };
  }

  /**
   * Goes on from a snapshot before the first look, at monotonic `nowMs` and epoch `at`. What belongs
   * to rules that are gone is left out.
   *
   * @throws {RangeError} when it is of another layout, or what it holds cannot be.
   */
  restore(state: EngineState, nowMs: number, at: number): void {
    if (state.version !== 1) {
      throw new RangeError(
        `Cannot restore rules: expected version 1: current value is ${state.version}`,
      );
    }
    const awayMs = Math.max(0, at - state.at);
    for (const { rule, pattern } of state.patterns) this.#patterns.get(rule)?.restore(pattern);
    for (const { rule, by, events } of state.objectives) {
      const watches = this.#objectives.get(rule);
      const objective = this.#watches.find((each) => each.rule.name === rule)?.rule;
      if (watches === undefined || objective?.kind !== "slo") continue;
      if (watches.size >= OBJECTIVES_MAX) continue;
      const watch = new SloWatch(objective.objective);
      watch.restore(events, nowMs, awayMs);
      watches.set(by, watch);
    }
  }
}

function levelWatch(rule: LevelRule): Watch {
  assertLevel(rule.level);
  const watch = new LevelWatch(rule);
  return (index) =>
    watch.look(index).map(({ labels, phase, value }) => readingOf(rule, labels, phase, value));
}

/** A ticket that ends when no alarm has come for as long as one of the CUSUM of counts. */
function latencyWatch(rule: LatencyRule): Watch {
  const cusum = new LatencyCusum();
  let before: { readonly count: number; readonly sum: number } | null = null;
  let isFiring = false, lookMs = -Infinity, evidentMs = -Infinity;
  let last: number | null = null;
  return (index) => {
    const { nowMs } = index.snapshot;
    const now = index.histogram(rule.metric, Infinity);
    if (now === null) return [];
    const say = () => [readingOf(rule, {}, isFiring ? "firing" : "clear", last)];
    if (nowMs - lookMs < LOOK_LEAST_MS) return say();
    lookMs = nowMs;
    const began = before !== null && now.count >= before.count ? before : { count: 0, sum: 0 };
    const count = before === null ? 0 : now.count - began.count;
    const { alarm, sum, threshold, factor } = cusum.step(count, (now.sum - began.sum) / count);
    before = now;
    if (alarm) isFiring = true;
    if (sum >= threshold / 2) evidentMs = nowMs;
    if (nowMs - evidentMs >= FAST_CLEAR_MS) isFiring = false;
    last = factor;
    return say();
  };
}

function shiftWatch(rule: ShiftRule): Watch {
  const watches = new Map<string, ShiftWatch>();
  const totals = new Map<string, number>();
  let isFirst = true;
  return (index) => {
    const { nowMs } = index.snapshot;
    for (const { labels, value } of index.numbers(rule.metric).series) {
      const key = seriesKey(labels);
      const before = totals.get(key) ?? (isFirst ? value : 0);
      const by = labels[rule.by] ?? "";
      let watch = watches.get(by);
      // Series of a family are bounded, so these maps are.
      if (watch === undefined) watches.set(by, watch = new ShiftWatch());
      watch.add(labels[rule.category] ?? "", value >= before ? value - before : value);
      totals.set(key, value);
    }
    isFirst = false;
    return [...watches].map(([by, watch]) => {
      const shift = watch.look(nowMs);
      const phase = shift?.moved === true ? "firing" : "clear";
      return readingOf(rule, { [rule.by]: by }, phase, shift?.psi ?? null);
    });
  };
}

function readingOf(
  rule: Rule,
  labels: LabelValues,
  phase: AlertPhase,
  value: number | null,
): AlertReading {
  const { name, type, severity, runbook, component, actorLabel } = rule;
  const of = actorLabel === undefined ? "" : labels[actorLabel] ?? "";
  const actor = component === "" || of === "" ? component + of : `${component}/${of}`;
  const base = { rule: name, type, severity, actor, labels, phase, value, runbook };
  return {
    ...base,
    // What nobody reads need not be written.
    summary: phase === "clear" ? "" : summaryOf(rule, actor, labels, value),
    ...(rule.isCause === undefined ? {} : { isCause: rule.isCause }),
  };
}

function summaryOf(rule: Rule, actor: string, labels: LabelValues, value: number | null): string {
  const text = Object.entries(labels).map(([name, of]) => `${name} ${of}`).join(", ");
  const values: Readonly<Record<string, string>> = {
    value: valueText(value, rule.unit ?? "count"),
    actor: actor === "" ? "the service" : actor,
    labels: text,
  };
  return rule.summary.replaceAll(
    /\{(value|actor|labels)(?::([^{}|]*)\|([^{}|]*))?\}/g,
    (_, name, one, many) => {
      const shown = values[name] ?? "";
      return one === undefined ? shown : `${shown} ${shown === "1" ? one : many}`;
    },
  );
}

/** A value as people read it. */
export function valueText(value: number | null, unit: NonNullable<Rule["unit"]>): string {
  if (value === null) return "unknown";
  switch (unit) {
    case "ratio":
      return `${short(value * 100)} %`;
    case "seconds":
      return value < 1 ? `${short(value * 1_000)} ms` : `${short(value)} s`;
    case "bytes":
      return `${short(value / 1e6)} MB`;
    case "factor":
      return `${short(value)} times`;
    case "count":
      return short(value);
  }
}

/** Three significant digits, without an exponent. */
function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
