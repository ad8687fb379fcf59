/**
 * A rate kept by a clock.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { sleep } from "./sleep.ts";

/** What may be made up for after a pause, in milliseconds of the rate. */
const BURST_MS = 1_000;

/** Times are sums of fractions: a row that is due up to a nanosecond later is due. */
const SLACK_ROWS = 1e-6;

/**
 * Rows that are due by a clock at a steady rate.
 *
 * - the mean rate is exact: what is spent beyond what was due is waited for
 * - after a pause at most a second's rows are due at once (at least one)
 */
export class Pace {
  readonly #clock: Clock;
  readonly #rowsPerMs: number;
  readonly #burstRows: number;
  /** Rows due at `#atMs`; below 0 after a step that sent more than was due. */
  #dueRows = 0;
  #atMs: number;

  constructor(clock: Clock, ratePerSecond: number) {
    this.#clock = clock;
    this.#rowsPerMs = ratePerSecond / 1_000;
    this.#burstRows = Math.max(1, this.#rowsPerMs * BURST_MS);
    this.#atMs = clock.now();
  }

  /** Nothing is due now. */
  restart(): void {
    this.#dueRows = 0;
    this.#atMs = this.#clock.now();
  }

  /** Takes rows away from what is due. */
  spend(rows: number): void {
    this.#dueRows -= rows;
  }

  /** Waits until rows are due, at most `limitMs`; how many, or 0. Rejects when `signal` aborts. */
  async wait(limitMs: number, signal: AbortSignal): Promise<number> {
    const untilMs = this.#clock.now() + limitMs;
    for (;;) {
      const rows = this.#due();
      const leftMs = untilMs - this.#clock.now();
      if (rows >= 1 || leftMs <= 0) return rows;
      const dueMs = (1 - this.#dueRows) / this.#rowsPerMs;
      await sleep(this.#clock, Math.min(leftMs, dueMs), signal);
    }
  }

  #due(): number {
    const nowMs = this.#clock.now();
    this.#dueRows = Math.min(
      this.#burstRows,
      this.#dueRows + (nowMs - this.#atMs) * this.#rowsPerMs,
    );
    this.#atMs = nowMs;
    return Math.max(0, Math.floor(this.#dueRows + SLACK_ROWS));
  }
}
