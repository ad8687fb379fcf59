/**
 * Who is let in when there is more work than time. The measure is the delay that work arriving now
 * would meet, not a count of queued items: 8,000 queued at 1,000 a second are 8 s of delay.
 *
 * @module
 */

/** Thresholds of {@linkcode Admission}. */
export interface AdmissionOptions {
  /** Refusing begins when the expected delay reaches this, ms; default 60. */
  readonly onMs: number;
  /** Refusing ends when it has fallen to this, ms; default 20. */
  readonly offMs: number;
  /** From here on only the highest priority is let in, ms; default 80. */
  readonly hardMs: number;
}

/** The service's defaults: accepted work is done within 100 ms, with 20 ms in reserve. */
export const ADMISSION_DEFAULTS: AdmissionOptions = { onMs: 60, offMs: 20, hardMs: 80 };

/** Lowest and highest priority of a request. */
export const PRIORITY_MAX = 10;

/** Counts of one {@linkcode Admission}. */
export interface AdmissionCounts {
  /** Requests let in so far. */
  readonly accepted: number;
  /** Requests refused so far. */
  readonly refused: number;
}

/**
 * Decides by expected delay and priority.
 *
 * - Below `onMs` everything is let in, and again once the delay has fallen to `offMs`.
 * - In between, while refusing, the priority needed grows from 1 at `offMs` to 10 at `hardMs`, so
 *   the least important work is refused first.
 * - Priority 10 is always let in.
 */
export class Admission {
  /** Whether the delay reached `onMs` and has not fallen to `offMs` since. */
  refusing = false;
  /** Requests let in so far. */
  accepted = 0;
  /** Requests refused so far. */
  refused = 0;
  readonly #options: AdmissionOptions;

  /**
   * Lets everything in until the first delay of `onMs`.
   *
   * @throws {RangeError} unless 0 ≤ offMs < onMs ≤ hardMs.
   */
  constructor(options: AdmissionOptions = ADMISSION_DEFAULTS) {
    const { onMs, offMs, hardMs } = options;
    if (!(offMs >= 0 && offMs < onMs && onMs <= hardMs)) {
      throw new RangeError(
        `Cannot set admission: expected 0 ≤ offMs < onMs ≤ hardMs: ` +
          `current values are ${offMs}, ${onMs}, ${hardMs}`,
      );
    }
    this.#options = options;
  }

  /** Whether work of `priority` (0 to 10) that would wait `delayMs` is let in. O(1). */
  admits(delayMs: number, priority: number): boolean {
    const { onMs, offMs, hardMs } = this.#options;
    if (delayMs >= onMs) this.refusing = true;
    else if (delayMs <= offMs) this.refusing = false;
    const share = (delayMs - offMs) / (hardMs - offMs);
    const needed = this.refusing ? Math.min(PRIORITY_MAX, 1 + share * (PRIORITY_MAX - 1)) : 0;
    const admitted = priority >= needed;
    if (admitted) this.accepted++;
    else this.refused++;
    return admitted;
  }

  /** Ms after which a refused sender should try again. */
  retryAfterMs(delayMs: number): number {
    return Math.max(1, Math.ceil(delayMs - this.#options.offMs));
  }
}
