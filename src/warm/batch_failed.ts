/**
 * What to do about a call of several keys that failed: the same again, each half by itself, or
 * nothing.
 *
 * A call fails as a whole for one of its keys where the provider is careless. Halving it until the
 * bad key is alone costs 2·log₂(n) calls, 12 for one bad key of 50; where everything fails it would
 * cost 2n, so the calls are bounded by batch and by minute. A key that was found is remembered for a
 * while and travels alone, so that the next call need not be halved again.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import { type FailureClass, RetryPolicy } from "../batch/retry.ts";

/** Calls for halves of one batch: three bad keys of 50, which is 36 calls less those shared. */
export const HALVES_PER_BATCH_MAX = 32;

/** Calls for halves within a minute: a twelfth of 750, so that a sick endpoint costs no more. */
export const HALVES_PER_MINUTE_MAX = 60;

/** Bad keys that are remembered, oldest forgotten; a hundred bytes each. */
export const SUSPECTS_MAX = 1_000;

/** How long a bad key travels alone, ms: as long as failures are commonly fixed in, or never. */
export const SUSPECT_MS = 600_000;

const MINUTE_MS = 60_000;

/**
 * Three tries, since somebody waits; the pauses are those of one who waits, too. A call takes ten
 * seconds at most.
 */
const RETRY = new RetryPolicy({
  attemptsMax: 3,
  refusalsMax: 3,
  minMs: 250,
  maxMs: 5_000,
  limitedMaxMs: MINUTE_MS,
  callMs: 10_000,
});

/** A call that failed. */
export interface FailedBatch {
  /** What may be done about it. */
  readonly failure: FailureClass;
  /** Whether one of its keys can be to blame, as for a refused request; not for a wrong password. */
  readonly canBeKey: boolean;
  /** Whether the provider fails whatever it is asked. */
  readonly isDown: boolean;
  /** Keys of the call. */
  readonly keys: number;
  /** Failed tries of these keys together, this one included; refusals by a limit left out. */
  readonly attempts: number;
  /** Refusals by a limit, this one included. */
  readonly refusals: number;
  /** The pause before this try, ms; 0 before the first. */
  readonly pauseMs: number;
  /** Wait that the provider asks for, ms; null when it names none. */
  readonly retryAfterMs: number | null;
  /** From now to when nobody waits any more, ms. */
  readonly leftMs: number;
}

/** What to do about it. */
export type BatchVerdict =
  /** All keys again. */
  | { readonly action: "retry"; readonly pauseMs: number }
  /** Each half by itself. */
  | { readonly action: "halve" }
  | { readonly action: "fail" };

/** Tries of one call that fail for a while before one of its keys is suspected. */
const WHOLE_TRIES = 2;

/**
 * What to do about a failed call.
 *
 * - `permanent`: halves, if a key can be to blame
 * - `transient`: again as a whole, after that in halves, as a key may fail each time with an error
 *   that looks as if it passed; not while the provider as such is down
 * - `limited`: again after the wait that was asked for
 */
export function afterFailedBatch(failed: FailedBatch, random: Random): BatchVerdict {
  const { failure, canBeKey, isDown, keys, attempts, retryAfterMs, ...rest } = failed;
  if (isDown) return { action: "fail" };
  if (failure === "permanent") return { action: canBeKey && keys > 1 ? "halve" : "fail" };
  const isStubborn = failure === "transient" && attempts >= WHOLE_TRIES;
  if (isStubborn && canBeKey && keys > 1) return { action: "halve" };
  const verdict = RETRY.decide({
    failure,
    attempts,
    ...rest,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  }, random);
  if (verdict.action === "give up") return { action: "fail" };
  return { action: "retry", pauseMs: verdict.pauseMs };
}

/** Calls for halves that one batch may still make. */
export interface HalvesLeft {
  /** So many. */
  halves: number;
}

/** Both bounds on halves: by batch and by minute. */
export class HalvingBudget {
  #minute = -Infinity;
  #used = 0;

  /** Takes two calls for a batch, or none. */
  take(batch: HalvesLeft, nowMs: number): boolean {
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute !== this.#minute) this.#used = 0;
    this.#minute = minute;
    if (batch.halves < 2 || this.#used + 2 > HALVES_PER_MINUTE_MAX) return false;
    batch.halves -= 2;
    this.#used += 2;
    return true;
  }
}

/** Keys that made their call fail. All is O(1). */
export class Suspects {
  /** Until when, in the order in which they were found. */
  readonly #untilMs = new Map<string, number>();

  /** So many are remembered. */
  get size(): number {
    return this.#untilMs.size;
  }

  /** One was found. */
  add(name: string, nowMs: number): void {
    this.#untilMs.delete(name);
    this.#untilMs.set(name, nowMs + SUSPECT_MS);
    if (this.#untilMs.size <= SUSPECTS_MAX) return;
    const [oldest] = this.#untilMs.keys();
    this.#untilMs.delete(oldest as string);
  }

  /** Whether it is to travel alone. */
  has(name: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(name);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#untilMs.delete(name);
    return false;
  }

  /** It did well. */
  clear(name: string): void {
    this.#untilMs.delete(name);
  }
}
