/**
 * Who waits for a refresh of a run.
 *
 * An asker wants a refresh that sees what was recorded before it asked. So while one is under way it
 * waits for the next one, and all who wait go into that one together:
 *
 * - when one of them wants a rebuild, it is a rebuild, and serves them all: a rebuild finds what a
 *   partial refresh would, and nothing is left to fall back to
 * - else it serves the first who waits and all who take a failure the same way; the others wait for
 *   the one after it
 *
 * @module
 */

import type { RefreshReport } from "./run_types.ts";
import type { RefreshAnswer } from "./service_types.ts";

/** Askers that may wait for one run: each holds a reply; far more than have a use for one. */
export const WAITERS_MAX = 1_000;

/** What an asker wants. */
export type AskedRefresh =
  /** The cheapest way; a failure is reported. */
  | "refresh"
  /** The cheapest way; a failure leads to a rebuild. */
  | "with_fallback"
  /** Every set anew. */
  | "rebuild";

interface Waiter {
  readonly asked: AskedRefresh;
  readonly reply: (answer: RefreshAnswer) => void;
}

/** See the head of this file. */
export class RunWaiters {
  #waiting: Waiter[] = [];
  #served: Waiter[] = [];

  /** Whether anyone waits for a refresh that has not begun. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Waits for the next refresh; false when too many do. */
  add(asked: AskedRefresh, reply: (answer: RefreshAnswer) => void): boolean {
    if (this.#waiting.length + this.#served.length >= WAITERS_MAX) return false;
    this.#waiting.push({ asked, reply });
    return true;
  }

  /** The refresh that begins now, for those whom it serves. Null when nobody waits. */
  next(): AskedRefresh | null {
    const [first] = this.#waiting;
    if (first === undefined) return null;
    const isRebuild = this.#waiting.some(({ asked }) => asked === "rebuild");
    this.#served = this.#waiting.filter(({ asked }) => isRebuild || asked === first.asked);
    this.#waiting = this.#waiting.filter(({ asked }) => !isRebuild && asked !== first.asked);
    return isRebuild ? "rebuild" : first.asked;
  }

  /** The refresh that served them has ended. */
  done(report: RefreshReport): void {
    for (const { reply } of this.#served.splice(0)) reply({ state: "done", report });
  }

  /** There will be no refresh, or what was under way is given up. */
  cancel(): void {
    const all = [...this.#served.splice(0), ...this.#waiting.splice(0)];
    for (const { reply } of all) reply({ state: "cancelled" });
  }
}
