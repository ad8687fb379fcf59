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

/**
 * The same by the count of what is queued, for those who know it from older systems. A count says
 * little about time: at 1,000 a second, 8,000 queued are 8 s of delay.
 */
export interface AdmissionByCount {
  /** Refusing begins at so many queued; the older systems' 8,000. */
  readonly onCount: number;
  /** Refusing ends at so few; 2,000. */
  readonly offCount: number;
  /** From here on only the highest priority is let in; 10,000. */
  readonly hardCount: number;
}

/** The count mode with the older systems' numbers. */
export const ADMISSION_BY_COUNT: AdmissionByCount = {
  onCount: 8_000,
  offCount: 2_000,
  hardCount: 10_000,
};

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
 * Decides by expected delay (or count, see {@linkcode AdmissionByCount}) and priority.
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
  /** What `load` is measured in. */
  readonly measure: "delayMs" | "count";
  readonly #on: number;
  readonly #off: number;
  readonly #hard: number;

  /**
   * Lets everything in until the load first reaches the threshold.
   *
   * @throws {RangeError} unless 0 ≤ off < on ≤ hard.
   */
  constructor(options: AdmissionOptions | AdmissionByCount = ADMISSION_DEFAULTS) {
    this.measure = "onMs" in options ? "delayMs" : "count";
    [this.#off, this.#on, this.#hard] = "onMs" in options
      ? [options.offMs, options.onMs, options.hardMs]
      : [options.offCount, options.onCount, options.hardCount];
    if (!(this.#off >= 0 && this.#off < this.#on && this.#on <= this.#hard)) {
      throw new RangeError(
        `Cannot set admission: expected 0 ≤ off < on ≤ hard: ` +
          `current values are ${this.#off}, ${this.#on}, ${this.#hard}`,
      );
    }
  }

  /** Whether work of `priority` (0 to 10) is let in at a load: its delay in ms, or the count. O(1). */
  admits(load: number, priority: number): boolean {
    if (load >= this.#on) this.refusing = true;
    else if (load <= this.#off) this.refusing = false;
    const share = (load - this.#off) / (this.#hard - this.#off);
    const needed = this.refusing ? Math.min(PRIORITY_MAX, 1 + share * (PRIORITY_MAX - 1)) : 0;
    const admitted = priority >= needed;
    if (admitted) this.accepted++;
    else this.refused++;
    return admitted;
  }

  /** Ms after which a refused sender should try again. */
  retryAfterMs(delayMs: number): number {
    return Math.max(1, Math.ceil(delayMs - (this.measure === "delayMs" ? this.#off : 0)));
  }
}
