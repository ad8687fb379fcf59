/**
 * All that has to agree before a request goes: the slot rings of one key, or of all keys, and what
 * the provider said in its headers.
 *
 * @module
 */

import type { LimitNotice } from "./limit_headers.ts";
import { WaitQueue } from "./limit_queue.ts";
import type { SlotRing } from "./slot_ring.ts";

/** The pause after a refusal by the provider that does not say for how long, ms. */
export const LIMITED_PAUSE_MS = 1_000;
/** A pause longer than this is cut: a day, so that a wrong header does not stop a job for ever. */
export const PAUSE_MAX_MS = 86_400_000;
/** Resets that differ by less are the same one, told in whole seconds by different responses. */
const SAME_RESET_MS = 1_500;

/** One limit at work. */
export interface LaneRing {
  /** Name of the limit. */
  readonly name: string;
  /** Its slots. */
  readonly ring: SlotRing;
  /** Whether the provider's headers speak of this limit. */
  readonly reported: boolean;
}

/** What is left of a provider's count until it begins again. */
interface Budget {
  left: number;
  untilMs: number;
  /** Turn of the claim whose response said so. */
  turn: number;
}

/** The limits of one key, or those of all keys together. */
export class LimitLane {
  /** Claims that wait for this key. */
  readonly queue: WaitQueue<LimitLane> = new WaitQueue();
  /** Monotonic ms; nothing is granted before. */
  pausedUntilMs: number = -Infinity;
  /** Cost of the requests under way. */
  inFlight = 0;
  #budget: Budget | null = null;

  /** `rings` are asked in order; empty where a key has no limit of its own. */
  constructor(readonly key: string | null, readonly rings: LaneRing[]) {}

  /** When a request of this cost may go, as far as it is known; `nowMs` if it may. O(cost). */
  freeAtMs(cost: number, nowMs: number): number {
    let atMs = Math.max(nowMs, this.pausedUntilMs);
    const budget = this.#budget;
    if (budget !== null && budget.left < cost) atMs = Math.max(atMs, budget.untilMs);
    for (const { ring } of this.rings) atMs = Math.max(atMs, ring.freeAtMs(cost, nowMs));
    return atMs;
  }

  /** Takes the slots; only when {@linkcode freeAtMs} said `nowMs`. */
  take(cost: number, nowMs: number): void {
    for (const { ring } of this.rings) ring.take(cost, nowMs);
    this.inFlight += cost;
    const budget = this.#budget;
    if (budget !== null && budget.untilMs <= nowMs) this.#budget = null;
    else if (budget !== null) budget.left -= cost;
  }

  /** The response came. */
  release(cost: number, nowMs: number): void {
    for (const { ring } of this.rings) ring.release(cost, nowMs);
    this.inFlight -= cost;
  }

  /** No response will come; the request may arrive until `untilMs`. */
  lose(cost: number, nowMs: number, untilMs: number): void {
    for (const { ring } of this.rings) ring.lose(cost, nowMs, untilMs);
    this.inFlight -= cost;
  }

  /** The request was never sent. */
  giveBack(cost: number): void {
    for (const { ring } of this.rings) ring.giveBack(cost);
    this.inFlight -= cost;
    if (this.#budget !== null) this.#budget.left += cost;
  }

  /** Whether nothing would be lost with it. O(1). */
  isIdle(nowMs: number): boolean {
    return this.queue.length === 0 && this.inFlight === 0 && this.pausedUntilMs <= nowMs &&
      (this.#budget === null || this.#budget.untilMs <= nowMs) &&
      this.rings.every(({ ring }) => ring.used(nowMs) === 0);
  }

  /**
   * Follows a response. Returns the ms of pause that came on top of what was paused already.
   *
   * @param turn Which grant the response belongs to: later ones know better.
   * @param isRefused Whether the provider refused the request for its limit (status 429).
   */
  heed(notice: LimitNotice, turn: number, isRefused: boolean, nowMs: number): number {
    this.#budgetOf(notice, turn, nowMs);
    const saidMs = notice.retryAfterMs ??
      (isRefused ? notice.resetMs ?? LIMITED_PAUSE_MS : null);
    return saidMs === null ? 0 : this.pause(saidMs, nowMs);
  }

  /** Grants nothing for so long; returns the ms that came on top. */
  pause(pauseMs: number, nowMs: number): number {
    const beforeMs = Math.max(nowMs, this.pausedUntilMs);
    const untilMs = nowMs + Math.min(pauseMs, PAUSE_MAX_MS);
    if (untilMs <= beforeMs) return 0;
    this.pausedUntilMs = untilMs;
    return untilMs - beforeMs;
  }

  /**
   * What is under way may not be in the provider's count yet, so it is taken off. The later grant's
   * word replaces an earlier one's; an earlier grant's can only lower it.
   */
  #budgetOf({ remaining, resetMs }: LimitNotice, turn: number, nowMs: number): void {
    if (remaining === null || resetMs === null) return;
    const untilMs = nowMs + Math.min(resetMs, PAUSE_MAX_MS);
    const left = Math.max(0, remaining - this.inFlight);
    const known = this.#budget;
    if (known === null || turn > known.turn) {
      this.#budget = { left, untilMs, turn };
    } else if (Math.abs(untilMs - known.untilMs) <= SAME_RESET_MS) {
      known.left = Math.min(known.left, left);
    }
  }
}
