/**
 * What `runBatch` does about failures: what kind they are, whether the policy has them tried again, and
 * whether the budget has a try left.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import { type FailureClass, RetryPolicy, type RetryVerdict } from "./retry.ts";
import { RetryBudget } from "./retry_budget.ts";
import type { BatchRetry, FailureKind } from "./run_batch_types.ts";

/**
 * Without first tries, one retry goes through each second: a twelfth of 750 calls a minute, and a small
 * batch does not wait long for its last items.
 */
const BUDGET_IDLE_MS = 1_000;

/** Statuses of answers that may be better next time (RFC 9110, RFC 6585). */
const TRANSIENT_STATUSES = [408, 425, 500, 502, 503, 504];
const LIMITED_STATUS = 429;

/** A failed try of items that failed together. */
export interface FailedTries {
  /** What went wrong. */
  readonly kind: FailureKind;
  /** Tries that failed, this one included. */
  readonly attempts: number;
  /** Refusals by a rate limit, this one included. */
  readonly refusals: number;
  /** The pause before this try, ms. */
  readonly pauseMs: number;
}

/** Policy, budget and chance of one batch. */
export class BatchRetries {
  readonly #clock: Pick<Clock, "now">;
  readonly #random: Random;
  readonly #policy: RetryPolicy;
  readonly #budget: RetryBudget | null;
  readonly #classify: (error: unknown) => FailureKind;

  /** What is left out is the default. */
  constructor(clock: Pick<Clock, "now">, random: Random, retry: BatchRetry = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#policy = retry.policy ?? new RetryPolicy();
    this.#budget = retry.budget === undefined
      ? new RetryBudget(clock.now(), { idleMs: BUDGET_IDLE_MS })
      : retry.budget;
    this.#classify = retry.classify ?? failureOf;
  }

  /** How long no retry may be sent, ms; 0 = one may now. */
  waitMs(): number {
    return this.#budget?.waitMs(this.#clock.now()) ?? 0;
  }

  /** A try is made: the first of its items, or a later one, for which the wait must be over. */
  sent(isRetry: boolean): void {
    if (isRetry) this.#budget?.spend(this.#clock.now());
    else this.#budget?.firstTry(this.#clock.now());
  }

  /** A try went well. */
  succeeded(): void {
    this.#budget?.succeeded();
  }

  /** What kind of failure an error is. */
  kindOf(error: unknown): FailureKind {
    return this.#classify(error);
  }

  /** What to do about a failed try. */
  decide({ kind, ...tries }: FailedTries): RetryVerdict {
    return this.#policy.decide({ ...kind, ...tries }, this.#random);
  }
}

/**
 * The kind of an error that may carry the `status` of an answer: 429 is limited, 408, 425 and 5xx that
 * may pass are transient, and so is what has no status (a broken connection, a deadline); any other
 * status is permanent.
 */
export function failureOf(error: unknown): FailureKind {
  const status = statusOf(error);
  return { failure: status === null ? "transient" : classOf(status) };
}

function classOf(status: number): FailureClass {
  if (status === LIMITED_STATUS) return "limited";
  return TRANSIENT_STATUSES.includes(status) ? "transient" : "permanent";
}

function statusOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null) return null;
  const { status } = error as { status?: unknown };
  return typeof status === "number" ? status : null;
}
