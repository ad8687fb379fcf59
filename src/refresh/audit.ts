/**
 * When a run is compared with a rebuild: one in N refreshes, in idle time, and more often after a
 * comparison failed.
 *
 * ```
 * every N ── mismatch ──▶ every 1 ── match ──▶ every 2 ── match ──▶ 4 … ──▶ every N
 * ```
 *
 * @module
 */

import { RefreshError } from "./error.ts";
import type { EvaluationOutcome, ScoredSet } from "./run_engine.ts";

/** Refreshes of which one is audited. */
export const AUDIT_EVERY_DEFAULT = 100;
/** Audits in a row that a refresh cut off before an alert says that none comes to its end. */
export const AUDITS_CUT_OFF_MAX = 8;

/** Counts of audits. */
export interface AuditCounts {
  /** Audits that came to their end. */
  readonly audits: number;
  /** Of these, those that did not match. */
  readonly mismatches: number;
  /** Audits that a refresh cut off. */
  readonly cutOff: number;
  /** One in so many refreshes is audited now. */
  readonly every: number;
}

/** What outlives the process. */
export interface AuditSnapshot extends AuditCounts {
  /** Refreshes since the last audit. */
  readonly since: number;
}

/** See the head of this file. All is O(1). */
export class AuditSchedule {
  readonly #everyMax: number;
  #every: number;
  #since = 0;
  #audits = 0;
  #mismatches = 0;
  #cutOff = 0;
  #cutOffInRow = 0;

  /**
   * One in `every` refreshes; 0 audits none.
   *
   * @throws {RefreshError} code `options`, when that is no whole number ≥ 0.
   */
  constructor(every: number = AUDIT_EVERY_DEFAULT) {
    if (!Number.isSafeInteger(every) || every < 0) {
      throw new RefreshError(
        "options",
        "Cannot schedule audits: expected a whole number of refreshes ≥ 0: " +
          `current value is ${every}`,
      );
    }
    this.#everyMax = every;
    this.#every = every;
  }

  /** Whether the next idle time is for an audit. */
  get isDue(): boolean {
    return this.#every > 0 && this.#since >= this.#every;
  }

  /** A partial refresh succeeded. A rebuild needs no audit. */
  refreshed(): void {
    this.#since++;
  }

  /** Everything was evaluated. */
  rebuilt(): void {
    this.#since = 0;
  }

  /** An audit came to its end. */
  finished(isMatch: boolean): void {
    this.#audits++;
    this.#since = 0;
    this.#cutOffInRow = 0;
    if (!isMatch) {
      this.#mismatches++;
      this.#every = Math.min(1, this.#everyMax);
    } else {
      this.#every = Math.min(2 * this.#every, this.#everyMax);
    }
  }

  /** A refresh cut an audit off, which stays due. True once there were too many in a row. */
  cutOff(): boolean {
    this.#cutOff++;
    this.#cutOffInRow++;
    return this.#cutOffInRow === AUDITS_CUT_OFF_MAX;
  }

  /** Counts since the run was made. */
  counts(): AuditCounts {
    const audits = this.#audits, mismatches = this.#mismatches;
    return { audits, mismatches, cutOff: this.#cutOff, every: this.#every };
  }

  /** What outlives the process. */
  snapshot(): AuditSnapshot {
    return { ...this.counts(), since: this.#since };
  }

  /** Goes on from a snapshot, already checked; the interval is at most what is set now. */
  restore(saved: AuditSnapshot): void {
    this.#audits = saved.audits;
    this.#mismatches = saved.mismatches;
    this.#cutOff = saved.cutOff;
    this.#since = saved.since;
    this.#every = this.#everyMax === 0 ? 0 : Math.min(Math.max(1, saved.every), this.#everyMax);
  }
}

/**
 * What differs between the best set of a run and that of an audit, scores bit for bit; null when
 * nothing does. Sets on which the scorer throws are no difference: with lazy evaluation a run need
 * not have met them. O(1).
 */
export function auditMismatch(live: ScoredSet | null, audit: EvaluationOutcome): string | null {
  const right = audit.best;
  const isSame = live === null || right === null
    ? live === right
    : live.setId === right.setId && Object.is(live.score, right.score);
  return isSame
    ? null
    : `expected the best set ${setText(right)}: current value is ${setText(live)}`;
}

const setText = (set: ScoredSet | null) => set === null ? "none" : `${set.setId} (${set.score})`;
