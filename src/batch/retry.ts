/**
 * What to do about a call that failed: again after a pause, again when the provider allows it, or
 * not at all.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { type RetryBounds, retryPauseMs } from "./retry_pause.ts";

/**
 * Kinds of failures.
 *
 * - `transient`: may go well next time: a timeout, a broken connection, 500, 502, 503, 504
 * - `limited`: refused by a rate limit (429), by no fault of the items
 * - `permanent`: will fail again: bad request, not found, not authorised, an answer of another shape
 */
export type FailureClass = "transient" | "limited" | "permanent";

/** A failed try. */
export interface Failure {
  /** See {@linkcode FailureClass}. */
  readonly failure: FailureClass;
  /** How long the provider wants to be left alone, ms (Retry-After), if it said so. */
  readonly retryAfterMs?: number;
  /** Failed tries so far, this one included; limited ones are not among them. */
  readonly attempts: number;
  /** Refusals so far, this one included if it is one. */
  readonly refusals?: number;
  /** The pause before this try, ms; 0 before the first. */
  readonly pauseMs: number;
  /** From now to when the result is of no use any more, ms; default never. */
  readonly leftMs?: number;
}

/** What to do about it. */
export type RetryVerdict =
  | {
    readonly action: "retry";
    /** From now to the next try, ms. */
    readonly pauseMs: number;
    /** Whether this try counts as an attempt. */
    readonly counts: boolean;
  }
  | { readonly action: "give up"; readonly why: "permanent" | "exhausted" | "late" };

/** How a policy is set up. */
export interface RetryPolicyOptions extends RetryBounds {
  /** Tries of an item, the first included, ≥ 1. */
  readonly attemptsMax: number;
  /** Longest wait that a provider can ask for, ms; a longer one is cut to it. */
  readonly limitedMaxMs: number;
  /** Refusals of one item before it is given up, ≥ 1. */
  readonly refusalsMax: number;
  /** Time of one call, ms: one that takes longer has failed. */
  readonly callMs: number;
}

/**
 * Five tries over some ten seconds; a wait of a quarter of an hour, the window of the coarsest rate
 * limits that providers of market data publish; a hundred refusals, so that a job with a revoked key
 * ends; thirty seconds for a call, four times the p99 of a slow provider under load.
 */
export const RETRY_DEFAULT: RetryPolicyOptions = {
  minMs: 500,
  maxMs: 30_000,
  attemptsMax: 5,
  limitedMaxMs: 900_000,
  refusalsMax: 100,
  callMs: 30_000,
};

/** Decides about failed tries; chance comes in, time goes out, nothing is kept. */
export class RetryPolicy {
  readonly #options: RetryPolicyOptions;

  /**
   * What is left out is as in {@linkcode RETRY_DEFAULT}.
   *
   * @throws {RangeError} when a number is not positive, or minMs is above maxMs.
   */
  constructor(options: Partial<RetryPolicyOptions> = {}) {
    this.#options = { ...RETRY_DEFAULT, ...options };
    for (const [name, value] of Object.entries(this.#options)) {
      if (Number.isFinite(value) && value > 0) continue;
      throw new RangeError(
        `Cannot set up retries: expected ${name} > 0: current value is ${value}`,
      );
    }
    const { minMs, maxMs } = this.#options;
    if (minMs > maxMs) {
      throw new RangeError(
        `Cannot set up retries: expected minMs ≤ ${maxMs}: current value is ${minMs}`,
      );
    }
  }

  /** Time for a call that begins now, ms: no longer than its result is of use. */
  callMs(leftMs = Infinity): number {
    return Math.max(0, Math.min(this.#options.callMs, leftMs));
  }

  /** What to do about a failed try. */
  decide(failed: Failure, random: Random): RetryVerdict {
    if (failed.failure === "permanent") return { action: "give up", why: "permanent" };
    const isLimited = failed.failure === "limited";
    const { attemptsMax, refusalsMax } = this.#options;
    const isExhausted = isLimited
      ? (failed.refusals ?? 0) >= refusalsMax
      : failed.attempts >= attemptsMax;
    if (isExhausted) return { action: "give up", why: "exhausted" };
    const pauseMs = this.#pauseMs(failed, random);
    if (pauseMs >= (failed.leftMs ?? Infinity)) return { action: "give up", why: "late" };
    return { action: "retry", pauseMs, counts: !isLimited };
  }

  #pauseMs({ pauseMs, retryAfterMs }: Failure, random: Random): number {
    const jitteredMs = retryPauseMs(pauseMs, this.#options, random);
    if (retryAfterMs === undefined) return jitteredMs;
    // Spread behind what was asked for: those who were refused together would come back together.
    const spreadMs = this.#options.minMs * random.next();
    return Math.min(this.#options.limitedMaxMs, Math.max(0, retryAfterMs)) + spreadMs;
  }
}
