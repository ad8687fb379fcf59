/**
 * What a run remembers of its refreshes: counters, durations, history, failures in a row.
 *
 * @module
 */

import { Histogram } from "../monitor/histogram.ts";
import type { FallbackReason } from "./fallback.ts";
import type { BestSet } from "./published.ts";
import type { EvaluationOutcome } from "./run_engine.ts";
import type { DurationFigures, RefreshReport, RunCounters, ScorePoint } from "./run_types.ts";

/** Best scores that are kept: four hours of a best that changes each minute. */
export const HISTORY_MAX = 256;

/** The reasons, in order. */
export const FALLBACK_REASONS: readonly FallbackReason[] = [
  "error",
  "scorer",
  "timeout",
  "invariant",
  "degraded",
];

/** Names of the counters. */
export const COUNTER_NAMES: readonly (keyof RunCounters)[] = [
  "refreshes",
  "partial",
  "full",
  "partialWanted",
  "fallbacks",
  "incomplete",
  "failed",
  "held",
  "evaluated",
  "skipped",
  "changed",
  "unchanged",
  "rescored",
  "publications",
];

type Counters = { -readonly [Name in keyof RunCounters]: number };

/** See the head of this file. */
export class RunBook {
  readonly #counters = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Counters;
  readonly #fallbacksBy = Object.fromEntries(
    FALLBACK_REASONS.map((reason) => [reason, 0]),
  ) as Record<FallbackReason, number>;
  #history: ScorePoint[] = [];
  /** Durations of partial refreshes, seconds. */
  readonly partialSeconds: Histogram = new Histogram();
  /** Durations of rebuilds, seconds. */
  readonly fullSeconds: Histogram = new Histogram();
  /** Failures in a row. */
  failuresInRow = 0;
  /** When a refresh last succeeded, epoch ms. */
  refreshedAtMs: number | null = null;
  /** Sets that the last refresh had to look at. */
  setsAffected = 0;

  /** Counters so far. */
  get counters(): RunCounters {
    return { ...this.#counters };
  }

  /** Fallbacks so far, by reason. */
  get fallbacksBy(): Readonly<Record<FallbackReason, number>> {
    return { ...this.#fallbacksBy };
  }

  /** Best scores, oldest first. */
  get history(): readonly ScorePoint[] {
    return [...this.#history];
  }

  /** Counts one more, or `by` more. */
  count(name: keyof RunCounters, by = 1): void {
    this.#counters[name] += by;
  }

  /** A partial refresh gave way to a rebuild. */
  fellBack(reason: FallbackReason): void {
    this.#counters.fallbacks++;
    this.#fallbacksBy[reason]++;
  }

  /** An evaluation came to its end. */
  evaluated(outcome: EvaluationOutcome): void {
    for (const name of ["evaluated", "skipped", "changed", "unchanged"] as const) {
      this.#counters[name] += outcome[name];
    }
  }

  /** An evaluation worked so long. */
  took(kind: "partial" | "full", busyMs: number): void {
    const histogram = kind === "partial" ? this.partialSeconds : this.fullSeconds;
    histogram.record(busyMs / 1_000);
  }

  /** A refresh came to its end. */
  ended({ state, kind, setsAffected }: RefreshReport, nowMs: number): void {
    this.#counters.refreshes++;
    this.#counters[kind]++;
    this.setsAffected = setsAffected;
    if (state === "failed") {
      this.#counters.failed++;
      this.failuresInRow++;
    } else {
      if (state === "incomplete") this.#counters.incomplete++;
      this.failuresInRow = 0;
      this.refreshedAtMs = nowMs;
    }
  }

  /** The best set now. Kept when it is another, or scores otherwise. */
  best({ setId, score, revision, atMs }: BestSet): void {
    const last = this.#history.at(-1);
    if (last !== undefined && last.setId === setId && last.score === score) return;
    this.#history.push({ setId, score, revision, atMs });
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
  }

  /** Goes on from a snapshot, already checked. Durations begin anew. */
  restore(
    counters: RunCounters,
    fallbacksBy: Readonly<Record<FallbackReason, number>>,
    history: readonly ScorePoint[],
  ): void {
    for (const name of COUNTER_NAMES) this.#counters[name] = counters[name];
    for (const reason of FALLBACK_REASONS) this.#fallbacksBy[reason] = fallbacksBy[reason];
    this.#history = history.slice(-HISTORY_MAX);
  }
}

/** Figures of a histogram of seconds. O(buckets). */
export function durationFigures(seconds: Histogram): DurationFigures {
  const [p50 = 0, p99 = 0] = seconds.percentiles([0.5, 0.99]);
  return {
    count: seconds.count,
    meanMs: seconds.mean * 1_000,
    p50Ms: p50 * 1_000,
    p99Ms: p99 * 1_000,
    maxMs: seconds.count === 0 ? 0 : seconds.max * 1_000,
  };
}
