/**
 * Records what a run does and says it as a report.
 *
 * A run may have several parts: it is killed and resumed, paused and taken up again. The recorder's
 * state is plain data ({@linkcode RunRecorder.snapshot}) that travels in the checkpoint, so that
 * the report of the last part is the report of all.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import type { LimitRate } from "./limit_rate.ts";
import { CallStats, type EndpointSnapshot, shareOf } from "./report_calls.ts";
import { PhaseRecorder, type PhaseSnapshot } from "./report_phase.ts";
import { type PlanSavings, type Saving, Savings, type SavingsSnapshot } from "./report_savings.ts";
import {
  type LimiterReport,
  REPORT_SCHEMA,
  type RetriesReport,
  type RunReport,
  type RunState,
  type RunSummary,
} from "./report_schema.ts";

/** Phases of a run: a report is read by people. */
export const PHASES_MAX = 64;

/** Causes of retries told apart; a cause is a class, not a message. */
export const RETRY_CAUSES_MAX = 32;

const OTHER_CAUSE = "other";

/** One call, when it is over. */
export interface CallRecord {
  /** Which one was called. */
  readonly endpoint: string;
  /** Whether it succeeded. */
  readonly ok: boolean;
  /** From sending to the answer, ms. */
  readonly tookMs: number;
  /** Time at the limiter before it, ms. */
  readonly waitedMs?: number;
  /** Phase for which it was made. */
  readonly phase?: string;
}

/** A call that is to be made again. */
export interface RetryRecord {
  /** Class of the failure: transient, limited, … */
  readonly cause: string;
  /** Pause before the next try, ms. */
  readonly waitMs: number;
}

/** What a recorder starts with. */
export interface RecorderOptions {
  /** Time. */
  readonly clock: Pick<Clock, "now" | "wallNow">;
  /** Name of this run, unique. */
  readonly runId: string;
  /** Name of the job. */
  readonly job: string;
  /** What the provider allows; left out where there is no limit. */
  readonly limit?: LimitRate;
}

/** Version of {@linkcode RecorderSnapshot}. */
const SNAPSHOT_VERSION = 1;

/** State of a recorder as plain data. */
export interface RecorderSnapshot {
  /** Of this shape. */
  readonly version: number;
  /** Name of the run. */
  readonly runId: string;
  /** When its first part began, epoch ms. */
  readonly startedMs: number;
  /** Time at work, ms. */
  readonly workedMs: number;
  /** Times that it was taken up again. */
  readonly resumed: number;
  /** Time of all workers at the limiter, ms. */
  readonly waitedMs: number;
  /** Calls. */
  readonly endpoints: readonly EndpointSnapshot[];
  /** Phases, in the order in which they began. */
  readonly phases: readonly PhaseSnapshot[];
  /** What was saved. */
  readonly savings: SavingsSnapshot;
  /** Retries by cause. */
  readonly retries: Readonly<Record<string, number>>;
  /** Pauses before them, ms. */
  readonly retryWaitMs: number;
}

/**
 * Records one run.
 *
 * - `call`, `retry` and the counters of a phase are O(1).
 * - `report` and `snapshot` are O(endpoints × buckets), tens of microseconds.
 *
 * @example
 * ```ts
 * import { VirtualClock } from "../actor/clock.ts";
 * import { RunRecorder } from "./report.ts";
 *
 * const clock = new VirtualClock();
 * const recorder = new RunRecorder({ clock, runId: "night-1", job: "night" });
 * const phase = recorder.phase("prices");
 * clock.advance(30_000);
 * recorder.call({ endpoint: "eod", ok: true, tookMs: 150, phase: "prices" });
 * phase.items({ ok: 650 });
 * phase.end();
 * console.log(recorder.report("done").run_summary.total_duration_minutes); // 0.5
 * ```
 */
export class RunRecorder {
  readonly #options: RecorderOptions;
  readonly #beganMs: number;
  readonly #phases = new Map<string, PhaseRecorder>();
  #runId: string;
  #startedMs: number;
  /** Time at work in the parts before this one. */
  #workedBeforeMs = 0;
  #resumed = 0;
  #calls = new CallStats();
  #savings = new Savings();
  #retries = new Map<string, number>();
  #retryWaitMs = 0;
  #waitedMs = 0;

  /** Begins a run. */
  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#runId = options.runId;
    this.#beganMs = options.clock.now();
    this.#startedMs = options.clock.wallNow();
  }

  /**
   * Goes on with the run of a snapshot: its name, its start and all its counts become this one's.
   *
   * @throws {RangeError} when something was recorded already, or the snapshot is of another version
   * or does not add up.
   */
  continueFrom(snapshot: RecorderSnapshot): void {
    if (snapshot.version !== SNAPSHOT_VERSION) {
      throw refusal(`a snapshot of version ${SNAPSHOT_VERSION}`, snapshot.version);
    }
    const recorded = this.#calls.total + this.#phases.size + this.#retries.size;
    if (recorded > 0) throw refusal("a recorder that recorded nothing yet", recorded);
    this.#calls = new CallStats(snapshot.endpoints);
    this.#savings = new Savings(snapshot.savings);
    for (const { name, ...from } of snapshot.phases) {
      this.#phases.set(name, new PhaseRecorder(this.#options.clock, name, from));
    }
    this.#retries = new Map(Object.entries(snapshot.retries));
    this.#retryWaitMs = snapshot.retryWaitMs;
    this.#waitedMs = snapshot.waitedMs;
    this.#runId = snapshot.runId;
    this.#startedMs = snapshot.startedMs;
    this.#workedBeforeMs = snapshot.workedMs;
    this.#resumed = snapshot.resumed + 1;
  }

  /** Name of the run: that of its first part. */
  get runId(): string {
    return this.#runId;
  }

  /**
   * The phase of that name, begun; phases may run at the same time.
   *
   * @throws {RangeError} when there are more than {@linkcode PHASES_MAX}.
   */
  phase(name: string): PhaseRecorder {
    let phase = this.#phases.get(name);
    if (phase === undefined) {
      if (this.#phases.size >= PHASES_MAX) {
        throw new RangeError(
          `Cannot begin phase ${name}: expected at most ${PHASES_MAX} phases: ` +
            `current value is ${this.#phases.size}`,
        );
      }
      phase = new PhaseRecorder(this.#options.clock, name);
      this.#phases.set(name, phase);
    }
    phase.begin();
    return phase;
  }

  /** Counts a call that is over, whether it succeeded or not. */
  call({ endpoint, ok, tookMs, waitedMs = 0, phase }: CallRecord): void {
    this.#calls.add(endpoint, ok, tookMs);
    this.#waitedMs += waitedMs;
    if (phase !== undefined) this.#phases.get(phase)?.spent({ waitedMs, calledMs: tookMs });
  }

  /** Counts a call that is to be made again. */
  retry({ cause, waitMs }: RetryRecord): void {
    const isKnown = this.#retries.has(cause) || this.#retries.size < RETRY_CAUSES_MAX;
    const name = isKnown ? cause : OTHER_CAUSE;
    this.#retries.set(name, (this.#retries.get(name) ?? 0) + 1);
    this.#retryWaitMs += waitMs;
  }

  /** Takes what the filters of a plan saved: a fact about the plan, which replaces itself. */
  plan(savings: PlanSavings): void {
    this.#savings.plan(savings);
  }

  /**
   * Adds what the run itself saved, beyond its plan.
   *
   * @throws {RangeError} when more calls would be saved than the plan left to make.
   */
  optimization(saving: Saving): void {
    this.#savings.add(saving);
  }

  /** The report as of now. */
  report(state: RunState): RunReport {
    const { total, failed } = this.#calls;
    return {
      schema: REPORT_SCHEMA,
      run_summary: this.#summary(state),
      api_metrics: {
        total_calls: total,
        failed_calls: failed,
        success_rate: shareOf(total - failed, total),
        by_endpoint: this.#calls.report(),
      },
      optimizations: this.#savings.report(),
      phases: Object.fromEntries(
        Array.from(this.#phases, ([name, phase]) => [name, phase.report()]),
      ),
      limiter: this.#limiter(),
      retries: this.#retriesReport(),
    };
  }

  /** What a recorder of a later part begins with, as plain data. */
  snapshot(): RecorderSnapshot {
    return {
      version: SNAPSHOT_VERSION,
      runId: this.runId,
      startedMs: this.#startedMs,
      workedMs: this.#workedMs,
      resumed: this.#resumed,
      waitedMs: this.#waitedMs,
      endpoints: this.#calls.snapshot(),
      phases: Array.from(this.#phases.values(), (phase) => phase.snapshot()),
      savings: this.#savings.snapshot(),
      retries: Object.fromEntries(this.#retries),
      retryWaitMs: this.#retryWaitMs,
    };
  }

  get #workedMs(): number {
    return this.#workedBeforeMs + this.#options.clock.now() - this.#beganMs;
  }

  #summary(state: RunState): RunSummary {
    let ok = 0, failed = 0;
    let limiting: PhaseRecorder | null = null;
    for (const phase of this.#phases.values()) {
      ok += phase.ok;
      failed += phase.failed;
      if (limiting === null || phase.durationMs > limiting.durationMs) limiting = phase;
    }
    return {
      run_id: this.runId,
      job: this.#options.job,
      state,
      started_at: new Date(this.#startedMs).toISOString(),
      ended_at: new Date(this.#options.clock.wallNow()).toISOString(),
      total_duration_minutes: this.#workedMs / 60_000,
      resumed: this.#resumed,
      items_processed: ok + failed,
      items_ok: ok,
      items_failed: failed,
      items_skipped: this.#savings.itemsSkipped,
      success_rate: shareOf(ok, ok + failed),
      limiting_phase: limiting?.name ?? null,
      limited_by: limiting === null ? null : limitOf(limiting),
    };
  }

  #limiter(): LimiterReport {
    const { limit } = this.#options;
    const waited_ms = this.#waitedMs;
    if (limit === undefined) return { calls_max: null, window_ms: null, use: null, waited_ms };
    // A window's calls may come at once: a run that is shorter than a window has them all.
    const allowed = limit.requests * Math.max(1, this.#workedMs / limit.windowMs);
    return {
      calls_max: limit.requests,
      window_ms: limit.windowMs,
      use: shareOf(this.#calls.total, allowed),
      waited_ms,
    };
  }

  #retriesReport(): RetriesReport {
    let total = 0;
    for (const count of this.#retries.values()) total += count;
    return { total, by_cause: Object.fromEntries(this.#retries), waited_ms: this.#retryWaitMs };
  }
}

function limitOf({ waitedMs, calledMs }: PhaseRecorder): RunSummary["limited_by"] {
  if (waitedMs === 0 && calledMs === 0) return null;
  return waitedMs > calledMs ? "rate limit" : "provider";
}

function refusal(expected: string, found: unknown): RangeError {
  return new RangeError(
    `Cannot continue a report: expected ${expected}: current value is ${found}`,
  );
}
