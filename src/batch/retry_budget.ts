/**
 * A bound on retries over all items: in a full outage each of them retrying on its own would
 * multiply the load on a provider that is already down.
 *
 * @module
 */

/** How a budget is set up. */
export interface RetryBudgetOptions {
  /** Retries earned by a first try, whatever comes of it; 0.1 unless said otherwise. */
  readonly ratio?: number;
  /**
   * Retries earned by a success; 2 unless said otherwise: while calls get through at all, what
   * failed may be tried again, and after an outage retries double with each success.
   */
  readonly perSuccess?: number;
  /** Retries that can be saved up, ≥ 1; 10 unless said otherwise: a burst of failures at once. */
  readonly savedMax?: number;
  /**
   * Without any try for so long, one retry is let through, ms; 10,000 unless said otherwise. A job
   * whose last items wait for a retry has nothing else to earn it with.
   */
  readonly idleMs?: number;
}

/** Ten times 0.1 is a little less than 1. */
const EPSILON = 1e-9;

/**
 * Retries as money: earned by first tries and successes, spent one by one (after the retry budgets
 * of Finagle and of the AWS SDKs).
 *
 * - nothing succeeds: over any n first tries at most ratio · n + savedMax retries, and one more for
 *   each idleMs without a try: 10 % more load
 * - begins empty, so that a job that starts in an outage is bounded like any other
 * - O(1)
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #perSuccess: number;
  readonly #savedMax: number;
  readonly #idleMs: number;
  #saved = 0;
  /** Time of the last try of any kind. */
  #lastMs: number;

  /**
   * An empty one.
   *
   * @throws {RangeError} when a number is negative, `savedMax` is below 1 or `idleMs` is 0.
   */
  constructor(nowMs: number, options: RetryBudgetOptions = {}) {
    const { ratio = 0.1, perSuccess = 2, savedMax = 10, idleMs = 10_000 } = options;
    // Less than one saved could never be spent.
    if (!(ratio >= 0 && perSuccess >= 0 && savedMax >= 1 && idleMs > 0)) {
      throw new RangeError(
        "Cannot set up a retry budget: expected ratio, perSuccess ≥ 0, savedMax ≥ 1, idleMs > 0: " +
          `current value is ${ratio}, ${perSuccess}, ${savedMax}, ${idleMs}`,
      );
    }
    this.#ratio = ratio;
    this.#perSuccess = perSuccess;
    this.#savedMax = savedMax;
    this.#idleMs = idleMs;
    this.#lastMs = nowMs;
  }

  /** Retries that could be made at once. */
  get saved(): number {
    return Math.floor(this.#saved + EPSILON);
  }

  /** A first try was made. */
  firstTry(nowMs: number): void {
    this.#earn(this.#ratio);
    this.#lastMs = nowMs;
  }

  /** A try succeeded, the first or a later one. */
  succeeded(): void {
    this.#earn(this.#perSuccess);
  }

  /** How long until a retry may be made unless something is earned before, ms; 0 = now. */
  waitMs(nowMs: number): number {
    return this.saved >= 1 ? 0 : Math.max(0, this.#lastMs + this.#idleMs - nowMs);
  }

  /**
   * A retry is made.
   *
   * @throws {Error} when {@linkcode RetryBudget.waitMs} is not 0.
   */
  spend(nowMs: number): void {
    const waitMs = this.waitMs(nowMs);
    if (waitMs > 0) {
      throw new Error(`Cannot spend a retry: expected one to be saved: wait ${waitMs} ms`);
    }
    this.#saved = Math.max(0, this.#saved - 1);
    this.#lastMs = nowMs;
  }

  #earn(retries: number): void {
    this.#saved = Math.min(this.#savedMax, this.#saved + retries);
  }
}
