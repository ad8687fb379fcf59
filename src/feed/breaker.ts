/**
 * A circuit breaker: after some failures in a row it says so, and lets one try through now and then
 * (M. Nygard, Release It!, 2007).
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { type BackoffBounds, backoffMs, SOURCE_BACKOFF } from "./backoff.ts";

/** Failures in a row that open a breaker: some 16 s to 31 s of trying. */
export const BREAKER_FAILURES_DEFAULT = 5;

/** `closed`: tries go through; `open`: none until the next one is due; `half_open`: that one. */
export type BreakerState = "closed" | "open" | "half_open";

/** How a breaker is set up. */
export interface BreakerOptions {
  /** Failures in a row that open it; 5 unless said otherwise. */
  readonly failuresMax?: number;
  /** Pauses between tries; 1 s·2^n up to 60 s unless said otherwise. */
  readonly backoff?: BackoffBounds;
}

/**
 * The breaker of one source. It decides, and neither waits nor calls.
 *
 * - closed until `failuresMax` failures came in a row; one success closes it again
 * - the pause after each failure grows also while it is closed
 */
export class Breaker {
  readonly #failuresMax: number;
  readonly #backoff: BackoffBounds;
  #failures = 0;
  #nextTryMs: number | null = null;
  #isTrying = false;

  /** A closed one. */
  constructor(options: BreakerOptions = {}) {
    this.#failuresMax = options.failuresMax ?? BREAKER_FAILURES_DEFAULT;
    this.#backoff = options.backoff ?? SOURCE_BACKOFF;
  }

  /** See {@linkcode BreakerState}. */
  get state(): BreakerState {
    if (this.#failures < this.#failuresMax) return "closed";
    return this.#isTrying ? "half_open" : "open";
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** When the next try is due, on the clock of `failed`; null unless a pause is under way. */
  get nextTryMs(): number | null {
    return this.#nextTryMs;
  }

  /** A try failed at `nowMs`; how long to pause before the next, ms. */
  failed(nowMs: number, random: Random): number {
    const pauseMs = backoffMs(this.#failures++, this.#backoff, random);
    this.#isTrying = false;
    this.#nextTryMs = nowMs + pauseMs;
    return pauseMs;
  }

  /** A try begins. */
  trying(): void {
    this.#isTrying = true;
    this.#nextTryMs = null;
  }

  /** The try that had begun was not made after all: another may be, at once. */
  abandoned(nowMs: number): void {
    if (!this.#isTrying) return;
    this.#isTrying = false;
    this.#nextTryMs = nowMs;
  }

  /** A try succeeded. */
  succeeded(): void {
    this.#failures = 0;
    this.#isTrying = false;
    this.#nextTryMs = null;
  }
}
