/**
 * One phase of a run: how long it worked and what it did.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { shareOf } from "./report_calls.ts";
import type { PhaseReport } from "./report_schema.ts";

/** A phase as it is kept between two parts of a run. */
export interface PhaseSnapshot {
  /** Its name. */
  readonly name: string;
  /** Time at work, ms. */
  readonly durationMs: number;
  /** Items that succeeded. */
  readonly ok: number;
  /** Items given up. */
  readonly failed: number;
  /** Time of its workers at the limiter, summed, ms. */
  readonly waitedMs: number;
  /** Time of its workers in calls, summed, ms. */
  readonly calledMs: number;
}

const NEW = { durationMs: 0, ok: 0, failed: 0, waitedMs: 0, calledMs: 0 };

/** Counts one phase. Begun and ended as often as one likes: stretches add up. */
export class PhaseRecorder {
  /** Its name. */
  readonly name: string;
  readonly #clock: Pick<Clock, "now">;
  #durationMs: number;
  /** Start of the stretch that goes on; null between two. */
  #beganMs: number | null = null;
  #ok: number;
  #failed: number;
  #waitedMs: number;
  #calledMs: number;

  /** Not begun yet. */
  constructor(clock: Pick<Clock, "now">, name: string, from: Omit<PhaseSnapshot, "name"> = NEW) {
    this.name = name;
    this.#clock = clock;
    this.#durationMs = from.durationMs;
    this.#ok = from.ok;
    this.#failed = from.failed;
    this.#waitedMs = from.waitedMs;
    this.#calledMs = from.calledMs;
  }

  /** Time at work so far, ms. */
  get durationMs(): number {
    return this.#durationMs + (this.#beganMs === null ? 0 : this.#clock.now() - this.#beganMs);
  }

  /** Items that succeeded so far. */
  get ok(): number {
    return this.#ok;
  }

  /** Items given up so far. */
  get failed(): number {
    return this.#failed;
  }

  /** Time of its workers at the limiter so far, summed, ms. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Time of its workers in calls so far, summed, ms. */
  get calledMs(): number {
    return this.#calledMs;
  }

  /** Begins a stretch of work; nothing when one goes on. */
  begin(): void {
    this.#beganMs ??= this.#clock.now();
  }

  /** Ends the stretch; nothing when none goes on. */
  end(): void {
    this.#durationMs = this.durationMs;
    this.#beganMs = null;
  }

  /** Items that are done, well or for good not. */
  items(count: { readonly ok?: number; readonly failed?: number }): void {
    this.#ok += count.ok ?? 0;
    this.#failed += count.failed ?? 0;
  }

  /** Time of one worker, ms. */
  spent(time: { readonly waitedMs?: number; readonly calledMs?: number }): void {
    this.#waitedMs += time.waitedMs ?? 0;
    this.#calledMs += time.calledMs ?? 0;
  }

  /** As the report says it. */
  report(): PhaseReport {
    const seconds = this.durationMs / 1_000;
    const processed = this.#ok + this.#failed;
    return {
      duration_seconds: seconds,
      processed,
      ok: this.#ok,
      failed: this.#failed,
      throughput_per_second: shareOf(processed, seconds),
      waited_seconds: this.#waitedMs / 1_000,
      called_seconds: this.#calledMs / 1_000,
    };
  }

  /** What the constructor takes, as plain data. */
  snapshot(): PhaseSnapshot {
    return {
      name: this.name,
      durationMs: this.durationMs,
      ok: this.#ok,
      failed: this.#failed,
      waitedMs: this.#waitedMs,
      calledMs: this.#calledMs,
    };
  }
}
