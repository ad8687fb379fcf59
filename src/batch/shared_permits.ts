/**
 * A node's part of a shared budget: permits at hand, taken a few at a time, and what is still to be
 * said of those that were used. Behind the limiter of the node, which decides who sends next.
 *
 * One call at a time is under way. One whose answer is not known is said again, word for word,
 * until it is answered; the budget counts it once. Once the session is over nothing is sent,
 * whatever is at hand.
 *
 * @module
 */

import type { Cancel, Clock, Random } from "../actor/clock.ts";
import {
  BUDGET_BOUNDS,
  type BudgetReply,
  type BudgetSync,
  type BudgetUse,
  type SharedBudget,
} from "./shared_budget.ts";

/** The limiter in front. */
export interface PermitHost {
  /** Cost of those that wait and could go, and of the first of them; zeros when there is none. */
  wanted(nowMs: number): { readonly cost: number; readonly first: number };
  /** There may be more permits than before, or they count again. */
  changed(): void;
  /** The provider told another node to send nothing for so long. */
  paused(pauseMs: number): void;
}

/** A use of the budget. Each ends with one of its calls; later ones do nothing. */
export interface SharedPermit {
  /** Whether the request may still be sent. */
  isValid(): boolean;
  /** The response is here. */
  answered(): void;
  /** No response will come, but the request may be on its way. */
  lost(): void;
  /** Nothing was sent. */
  unused(): void;
}

/** How {@linkcode SharedPermits} are made. */
export interface SharedPermitsOptions {
  /** The budget that all nodes share. */
  readonly budget: SharedBudget;
  /** Says what time it is, and when to go on. */
  readonly clock: Clock;
  /** Spreads the moments at which nodes ask. */
  readonly random: Random;
  /** Names this node in its sessions. */
  readonly node: string;
  /** Told when the budget cannot be reached, and, with null, when it can again. */
  readonly onState?: (error: unknown) => void;
}

/** How it is with the permits of a node. */
export interface SharedPermitsStatus {
  /** `away`: the budget does not answer; `ok` before the first call. */
  readonly state: "ok" | "away";
  /** Whether what is at hand may be sent. */
  readonly isValid: boolean;
  /** Permits at hand. */
  readonly stock: number;
  /** Permits with callers. */
  readonly held: number;
  /** Calls that were answered. */
  readonly syncs: number;
  /** Permits that were granted so far. */
  readonly granted: number;
}

/** A call that failed is said again after, ms. */
const RETRY_MIN_MS = 20, RETRY_MAX_MS = 500;
/** What nobody uses goes back after, ms. */
const IDLE_MS = 200;
/** What was used is told within, ms, or a quarter of the shortest window. */
const TELL_MS = 200;
/** The session ends here so much sooner than there, as a share: clocks differ by far less. */
const MARGIN_RATIO = 0.1;
/** Permits are taken for so long ahead where one call follows another, ms. */
const AHEAD_MS = 50;
/** Pauses that end so close are one, ms. */
const PAUSE_SAME_MS = 50;
/** Who waits asks no more often, ms, or in a 200th of the shortest window. */
const POLL_MIN_MS = 2, POLL_MAX_MS = 20;

/** See the module's text. */
export class SharedPermits {
  readonly #options: SharedPermitsOptions;
  readonly #aheadMax: number;
  readonly #pollMs: number;
  readonly #tellMs: number;
  #host: PermitHost | null = null;
  #session: string | null = null;
  #number = 0;
  /** Counts sessions: permits of a former one are void. */
  #epoch = 0;
  #validUntilMs = -Infinity;
  #stock = 0;
  #held = 0;
  #uses: { atMs: number; count: number }[] = [];
  /** When the first of them was noted. */
  #usesSinceMs = 0;
  #pausedUntilMs = -Infinity;
  #pauseTold = true;
  #reported: number | null = null;
  #reportTold = true;
  /** Nothing more is to be had before. */
  #notBeforeMs = -Infinity;
  #takenMs = -Infinity;
  #sentMs = -Infinity;
  #isUnderWay = false;
  #failures = 0;
  #isClosed = false;
  #cancel: Cancel | null = null;
  #timerMs = Infinity;
  #syncs = 0;
  #granted = 0;

  /** Asks for nothing before somebody waits. */
  constructor(options: SharedPermitsOptions) {
    this.#options = options;
    const { limits } = options.budget.terms;
    const shortestMs = Math.min(...limits.map(({ windowMs }) => windowMs));
    const perMs = Math.min(...limits.map(({ requests, windowMs }) => requests / windowMs));
    this.#aheadMax = Math.floor(perMs * AHEAD_MS);
    this.#pollMs = Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, shortestMs / 200));
    this.#tellMs = Math.min(TELL_MS, shortestMs / 4);
  }

  /** Whose permits these are; once. */
  attach(host: PermitHost): void {
    this.#host = host;
  }

  /** Cost that may be sent now. */
  left(nowMs: number): number {
    return nowMs < this.#validUntilMs ? this.#stock : 0;
  }

  /** Takes as many as {@linkcode left} at most. */
  take(cost: number): SharedPermit {
    const { clock } = this.#options;
    const epoch = this.#epoch;
    this.#stock -= cost;
    this.#held += cost;
    this.#takenMs = clock.now();
    let isOver = false;
    const end = (run: () => void) => {
      if (isOver) return;
      isOver = true;
      if (epoch !== this.#epoch) return;
      this.#held -= cost;
      run();
      this.poke();
    };
    return {
      isValid: () => !isOver && epoch === this.#epoch && clock.now() < this.#validUntilMs,
      answered: () => end(() => this.#used(cost, clock.now())),
      lost: () => end(() => this.#used(cost, clock.now() + this.#options.budget.terms.strayMs)),
      unused: () => end(() => this.#stock += cost),
    };
  }

  /** The provider wants nothing for so long, from anybody. */
  pause(pauseMs: number): void {
    const untilMs = this.#options.clock.now() + Math.min(pauseMs, BUDGET_BOUNDS.pauseMs);
    // What was heard from there comes back by way of the limiter, a moment later.
    if (untilMs <= this.#pausedUntilMs + PAUSE_SAME_MS) return;
    this.#pausedUntilMs = untilMs;
    this.#pauseTold = false;
    this.poke();
  }

  /** What the provider says that its limit is. */
  report(limit: number): void {
    if (limit === this.#reported) return;
    this.#reported = limit;
    this.#reportTold = false;
    this.poke();
  }

  /** Looks at what has to be said, now or later. */
  poke(): void {
    if (this.#isUnderWay || this.#isClosed) return;
    const nowMs = this.#options.clock.now();
    const dueMs = this.#dueMs(nowMs);
    if (dueMs <= nowMs) return void this.#sync(nowMs);
    if (this.#cancel !== null && this.#timerMs === dueMs) return;
    this.#unset();
    if (dueMs === Infinity) return;
    this.#timerMs = dueMs;
    this.#cancel = this.#options.clock.setTimer(dueMs - nowMs, () => {
      this.#cancel = null;
      this.poke();
    });
  }

  /** Where it stands, for people who look. */
  status(): SharedPermitsStatus {
    return {
      state: this.#failures > 0 ? "away" : "ok",
      isValid: this.#options.clock.now() < this.#validUntilMs,
      stock: this.#stock,
      held: this.#held,
      syncs: this.#syncs,
      granted: this.#granted,
    };
  }

  /**
   * Gives back what is at hand, if the budget answers at once; what callers have counts as used.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unset();
    if (this.#isUnderWay || this.#session === null || this.#stock + this.#uses.length === 0) return;
    const request = this.#request(this.#options.clock.now());
    await this.#options.budget.sync({ ...request, want: 0, least: 0 }).catch(() => {});
  }

  #unset(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** When the next call is due. */
  #dueMs(nowMs: number): number {
    const { cost, first } = this.#host?.wanted(nowMs) ?? { cost: 0, first: 0 };
    let dueMs = Infinity;
    const isShort = cost > 0 && this.left(nowMs) < first;
    if (isShort) dueMs = Math.max(nowMs, this.#notBeforeMs);
    if (!this.#pauseTold || !this.#reportTold) return nowMs;
    if (this.#uses.length >= BUDGET_BOUNDS.uses) return nowMs;
    if (this.#uses.length > 0) dueMs = Math.min(dueMs, this.#usesSinceMs + this.#tellMs);
    if (this.#stock > 0 && !isShort) dueMs = Math.min(dueMs, this.#takenMs + IDLE_MS);
    if (this.#stock + this.#held > 0) {
      dueMs = Math.min(dueMs, this.#sentMs + this.#options.budget.terms.sessionMs / 4);
    }
    return dueMs;
  }

  #used(count: number, atMs: number): void {
    const last = this.#uses.at(-1);
    if (last === undefined) this.#usesSinceMs = this.#options.clock.now();
    // Later is safe.
    if (last !== undefined && this.#uses.length >= BUDGET_BOUNDS.uses) {
      last.count += count;
      last.atMs = Math.max(last.atMs, atMs);
    } else if (last !== undefined && last.atMs === atMs) last.count += count;
    else this.#uses.push({ atMs, count });
  }

  /** What there is to say, which is from now on under way. */
  #request(nowMs: number): BudgetSync {
    const { random, node } = this.#options;
    const isOver = nowMs >= this.#validUntilMs;
    if (isOver && this.#stock + this.#held === 0 && this.#uses.length === 0) this.#session = null;
    if (this.#session === null) {
      this.#session = `${node}/${Math.floor(random.next() * 2 ** 52).toString(36)}`;
      this.#number = 0;
    }
    const { cost, first } = this.#host?.wanted(nowMs) ?? { cost: 0, first: 0 };
    const isIdle = this.left(nowMs) >= first && nowMs - this.#takenMs >= IDLE_MS;
    // A session that was over may be so for good: nothing of it is at hand until it is known.
    const unused = isIdle || cost > 0 && this.left(nowMs) === 0 ? this.#stock : 0;
    this.#stock -= unused;
    const stock = this.left(nowMs);
    const want = cost > stock ? cost - stock + this.#aheadMax : 0;
    const uses = this.#uses.map(({ atMs, count }): BudgetUse => ({ ageMs: nowMs - atMs, count }));
    this.#uses = [];
    const pauseMs = this.#pauseTold ? 0 : Math.max(0, this.#pausedUntilMs - nowMs);
    const reported = this.#reportTold ? null : this.#reported;
    this.#pauseTold = this.#reportTold = true;
    return {
      session: this.#session,
      number: ++this.#number,
      want,
      least: Math.min(want, Math.max(1, first - stock)),
      unused,
      uses,
      pauseMs,
      reported,
    };
  }

  async #sync(nowMs: number): Promise<void> {
    this.#unset();
    this.#isUnderWay = true;
    const request = this.#request(nowMs);
    const { clock, budget, onState } = this.#options;
    for (;;) {
      const sentMs = clock.now();
      try {
        const reply = await budget.sync(request);
        if (this.#failures > 0) onState?.(null);
        this.#failures = 0;
        this.#isUnderWay = false;
        this.#syncs++;
        this.#hear(request, reply, sentMs);
        break;
      } catch (error) {
        if (this.#isClosed) return;
        if (this.#failures++ === 0) onState?.(error);
      }
      const pauseMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(10, this.#failures));
      await new Promise<void>((resolve) => void (this.#cancel = clock.setTimer(pauseMs, resolve)));
      if (this.#isClosed) return;
    }
    this.#host?.changed();
    this.poke();
  }

  #hear({ want }: BudgetSync, reply: BudgetReply, sentMs: number): void {
    const { clock, budget } = this.#options;
    if (reply.state === "lost") {
      const isNew = this.#number === 1;
      this.#epoch++;
      this.#session = null;
      this.#stock = this.#held = 0;
      this.#uses = [];
      this.#validUntilMs = -Infinity;
      // There were too many: not at once again.
      this.#notBeforeMs = isNew ? clock.now() + BUDGET_BOUNDS.waitMs : -Infinity;
      return;
    }
    this.#sentMs = sentMs;
    this.#validUntilMs = sentMs + budget.terms.sessionMs * (1 - MARGIN_RATIO);
    this.#stock += reply.granted;
    this.#granted += reply.granted;
    if (reply.granted > 0) this.#takenMs = clock.now();
    const isAgain = reply.granted < want;
    if (isAgain) {
      const waitMs = reply.waitMs === 0 ? 0 : Math.max(this.#pollMs, reply.waitMs);
      this.#notBeforeMs = clock.now() + waitMs;
    } else this.#notBeforeMs = -Infinity;
    if (reply.pausedMs > 0) {
      const untilMs = clock.now() + reply.pausedMs;
      if (untilMs > this.#pausedUntilMs) this.#pausedUntilMs = untilMs;
      this.#host?.paused(reply.pausedMs);
    }
  }
}
