/**
 * Keys that are known not to be there, or whose load failed, remembered for a short time: so many
 * who ask for what does not exist, or while the provider is down, do not become as many calls.
 *
 * @module
 */

import type { KeyPattern } from "./key_pattern.ts";
import type { LoadFailure } from "./types.ts";

/** Keys remembered; the oldest go first. Some 200 bytes each. */
export const NEGATIVES_MAX = 10_000;

/** How long what is remembered, ms. */
export interface NegativeTimes {
  /** That there is no such thing; default a minute. */
  readonly missingMs: number;
  /** The first failure of a key; each that follows is remembered twice as long; default a second. */
  readonly failedMinMs: number;
  /** A failure at the most, also when the provider asks for more; default half a minute. */
  readonly failedMaxMs: number;
}

/** See {@linkcode NegativeTimes}. */
export const NEGATIVE_TIMES: NegativeTimes = {
  missingMs: 60_000,
  failedMinMs: 1_000,
  failedMaxMs: 30_000,
};

/** What a key is known for. */
export type Negative =
  | { readonly state: "missing" }
  | { readonly state: "failed"; readonly failure: LoadFailure };

interface Remembered {
  /** Monotonic ms at which it ends. */
  readonly untilMs: number;
  /** Null: there is no such thing. */
  readonly failure: LoadFailure | null;
  /** Failures in a row. */
  readonly failures: number;
}

/**
 * See the head of this file.
 *
 * - a failure is remembered for at least what the provider asks for, up to `failedMaxMs`
 * - all is O(1) but for `forgetMatching`; what is past its time goes when it is asked for, or when
 *   room is needed
 */
export class Negatives {
  readonly #times: NegativeTimes;
  readonly #entriesMax: number;
  /** In the order in which they were put in. */
  readonly #entries = new Map<string, Remembered>();

  /** An empty one. */
  constructor(times: Partial<NegativeTimes> = {}, entriesMax: number = NEGATIVES_MAX) {
    this.#times = { ...NEGATIVE_TIMES, ...times };
    this.#entriesMax = entriesMax;
  }

  /** Keys remembered, those past their time included. */
  get size(): number {
    return this.#entries.size;
  }

  /** What is known of a key at `nowMs`; null for nothing. */
  get(key: string, nowMs: number): Negative | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    const leftMs = entry.untilMs - nowMs;
    if (leftMs > 0) {
      const { failure } = entry;
      return failure === null
        ? { state: "missing" }
        : { state: "failed", failure: { ...failure, retryAfterMs: Math.ceil(leftMs) } };
    }
    // Failures past their time still say that the next one is not the first.
    if (entry.failure === null || leftMs < -this.#times.failedMaxMs) this.#entries.delete(key);
    return null;
  }

  /** There is no such thing. */
  addMissing(key: string, nowMs: number): void {
    this.#add(key, { untilMs: nowMs + this.#times.missingMs, failure: null, failures: 0 });
  }

  /** A load failed. */
  addFailed(key: string, failure: LoadFailure, nowMs: number): void {
    const { failedMinMs, failedMaxMs } = this.#times;
    const before = this.#entries.get(key);
    const isRecent = before !== undefined && nowMs - before.untilMs <= failedMaxMs;
    const failures = isRecent ? before.failures + 1 : 1;
    const backoffMs = failedMinMs * 2 ** Math.min(failures - 1, 30);
    const forMs = Math.min(failedMaxMs, Math.max(backoffMs, failure.retryAfterMs ?? 0));
    this.#add(key, { untilMs: nowMs + forMs, failure, failures });
  }

  #add(key: string, entry: Remembered): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#entriesMax) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest as string);
  }

  /** Nothing is known of a key any more; false when nothing was. */
  forget(key: string): boolean {
    return this.#entries.delete(key);
  }

  /** The same of all keys that match. O(keys · patterns). */
  forgetMatching(patterns: readonly KeyPattern[]): void {
    if (patterns.length === 0) return;
    for (const key of this.#entries.keys()) {
      if (patterns.some((pattern) => pattern.matches(key))) this.#entries.delete(key);
    }
  }

  /** Nothing is known of any key. */
  clear(): void {
    this.#entries.clear();
  }
}
