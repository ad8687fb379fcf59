/**
 * Switches a strategy off whose guesses are not used, and tries it again with a few.
 *
 * ```
 * open ── precision ≪ floor ──▶ closed ── back-off over ──▶ probing ── ≥ floor ──▶ open
 *                                 ▲                           │
 *                                 └── < floor, back-off × 2 ──┘
 * ```
 *
 * A use is known at once and a waste only at the end of an entry, so after a burst of warming the uses
 * come first and the wastes together. For a strategy to be closed, precision must be below the floor
 * both ways: over outcomes as they become known, and over entries that have come to the end of their
 * time, where uses and wastes are of the same age. And it must be so by more than chance: a strategy
 * whose last keys are worth just the floor, as those of a good one are, would be closed every other day.
 *
 * @module
 */

/** Outcomes that precision is a mean of: its standard error is then 2 points at 0.5. */
const PRECISION_WINDOW = 500;

/** Outcomes before a strategy is judged: its standard error is 7 points at 0.5 by then. */
export const PRECISION_COUNT_MIN = 50;

/** Standard errors below the floor that are no chance: 1 time in 40, were precision at the floor. */
const SURE_ERRORS = 2;

/** Outcomes of a probe before it is judged. */
export const PROBE_COUNT = 20;

/** First back-off, ms. */
const BACK_OFF_MIN_MS = 30 * 60_000;
/** Longest back-off, ms: what users do changes from day to day. */
const BACK_OFF_MAX_MS = 8 * 3_600_000;

/** A mean of the last outcomes, newer ones counting more. */
class DecayedShare {
  #used = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Share that was used; NaN without any. */
  get share(): number {
    return this.#used / this.#count;
  }

  add(isUsed: boolean): void {
    const keep = 1 - 1 / PRECISION_WINDOW;
    this.#used = this.#used * keep + (isUsed ? 1 : 0);
    this.#count = this.#count * keep + 1;
  }

  /** The last outcome but a few that was said to be unused was used after all. */
  amend(): void {
    this.#used = Math.min(this.#count, this.#used + 1);
  }

  set(used: number, count: number): void {
    this.#used = used;
    this.#count = count;
  }

  saved(): readonly [used: number, count: number] {
    return [this.#used, this.#count];
  }
}

/** Whether a precision is below the floor by more than what chance makes of so few outcomes. */
function isBelow({ share, count }: Pick<DecayedShare, "share" | "count">, floor: number): boolean {
  return share + SURE_ERRORS * Math.sqrt(share * (1 - share) / count) < floor;
}

/** What outlives the process of a {@linkcode Throttle}: plain numbers. */
export interface ThrottleSnapshot {
  readonly used: number;
  readonly count: number;
  readonly maturedUsed: number;
  readonly maturedCount: number;
  readonly state: ThrottleState;
  readonly sinceMs: number;
  readonly probeAtMs: number;
  readonly backOffMs: number;
}

/** See the head of this file. */
export type ThrottleState = "open" | "closed" | "probing";

/**
 * One strategy's throttle.
 *
 * - it is judged by {@linkcode PRECISION_COUNT_MIN} outcomes at least
 * - a probe is {@linkcode PROBE_COUNT} keys; while it is open, nothing more is let through
 * - a probe that does not come to enough outcomes within a back-off is tried again
 */
export class Throttle {
  readonly #precision = new DecayedShare();
  readonly #matured = new DecayedShare();
  #state: ThrottleState = "open";
  #sinceMs = 0;
  #probeAtMs = 0;
  #backOffMs = BACK_OFF_MIN_MS;
  #probeKeysLeft = 0;
  #probeUsed = 0;
  #probeCount = 0;

  /** Whether it lets all, none, or a few through. */
  get state(): ThrottleState {
    return this.#state;
  }

  /** Since when it is not open, epoch ms. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** When it is tried again, epoch ms. */
  get probeAtMs(): number {
    return this.#probeAtMs;
  }

  /** Precision of the last outcomes; null before there are enough. */
  get precision(): number | null {
    return this.#precision.count >= PRECISION_COUNT_MIN ? this.#precision.share : null;
  }

  /** How many keys may be asked for at `nowMs`. */
  allows(nowMs: number): number {
    if (this.#state === "open") return Infinity;
    if (nowMs >= this.#probeAtMs) this.#probe(nowMs);
    return this.#state === "probing" ? this.#probeKeysLeft : 0;
  }

  /** Keys were asked for. */
  asked(keys: number): void {
    if (this.#state === "probing") this.#probeKeysLeft = Math.max(0, this.#probeKeysLeft - keys);
  }

  /** An entry was used, or ended without. */
  outcome(isUsed: boolean, floor: number, nowMs: number): void {
    this.#precision.add(isUsed);
    if (this.#state === "open") {
      const isWaste = this.#precision.count >= PRECISION_COUNT_MIN &&
        isBelow(this.#precision, floor) &&
        (this.#matured.count < PRECISION_COUNT_MIN || isBelow(this.#matured, floor));
      if (isWaste) this.#close(nowMs, BACK_OFF_MIN_MS);
      return;
    }
    if (this.#state !== "probing") return;
    this.#probeCount++;
    if (isUsed) this.#probeUsed++;
    if (this.#probeCount < PROBE_COUNT) return;
    if (this.#probeUsed / this.#probeCount < floor) {
      this.#close(nowMs, Math.min(2 * this.#backOffMs, BACK_OFF_MAX_MS));
    } else {
      this.#state = "open";
      this.#backOffMs = BACK_OFF_MIN_MS;
      // What was measured before it was closed says nothing of now.
      this.#precision.set(this.#probeUsed, this.#probeCount);
      this.#matured.set(0, 0);
    }
  }

  /** An entry has come to the end of its time, used in it or not. */
  matured(isUsed: boolean): void {
    this.#matured.add(isUsed);
  }

  /** An entry that was counted as unused was used after all. */
  amend(): void {
    this.#precision.amend();
    if (this.#state === "probing" && this.#probeUsed < this.#probeCount) this.#probeUsed++;
  }

  #probe(nowMs: number): void {
    this.#state = "probing";
    this.#probeKeysLeft = PROBE_COUNT;
    this.#probeUsed = 0;
    this.#probeCount = 0;
    this.#probeAtMs = nowMs + this.#backOffMs;
  }

  #close(nowMs: number, backOffMs: number): void {
    if (this.#state === "open") this.#sinceMs = nowMs;
    this.#state = "closed";
    this.#backOffMs = backOffMs;
    this.#probeAtMs = nowMs + backOffMs;
  }

  /** What outlives the process. */
  snapshot(): ThrottleSnapshot {
    const [used, count] = this.#precision.saved();
    const [maturedUsed, maturedCount] = this.#matured.saved();
    return {
      used,
      count,
      maturedUsed,
      maturedCount,
      state: this.#state,
      sinceMs: this.#sinceMs,
      probeAtMs: this.#probeAtMs,
      backOffMs: this.#backOffMs,
    };
  }

  /** Goes on from a snapshot that was checked; a probe begins anew, within a back-off from now. */
  restore(saved: ThrottleSnapshot, nowMs: number): void {
    this.#precision.set(saved.used, saved.count);
    this.#matured.set(saved.maturedUsed, saved.maturedCount);
    this.#state = saved.state === "probing" ? "closed" : saved.state;
    this.#sinceMs = saved.sinceMs;
    this.#backOffMs = Math.min(Math.max(saved.backOffMs, BACK_OFF_MIN_MS), BACK_OFF_MAX_MS);
    this.#probeAtMs = Math.min(saved.probeAtMs, nowMs + this.#backOffMs);
  }
}
