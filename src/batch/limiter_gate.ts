/**
 * A limiter that is waited for: promises and one timer around {@linkcode Limiter}, which decides.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import { type HeaderSource, parseLimitHeaders } from "./limit_headers.ts";
import type { Claim } from "./limit_queue.ts";
import type { LimitRate } from "./limit_rate.ts";
import type { LimiterSnapshot } from "./limit_snapshot.ts";
import type { ClaimRefusal, ClaimRequest, Limiter } from "./limiter.ts";
import type { SharedPermit, SharedPermits } from "./shared_permits.ts";

/** What is asked of {@linkcode LimiterGate.acquire}. */
export interface AcquireOptions extends ClaimRequest {
  /** Gives the place in the queue up; without effect on a lease. */
  readonly signal?: AbortSignal;
}

/** A slot that is held. Every lease ends with one of its calls; later ones do nothing. */
export interface Lease extends Disposable {
  /** How long it was waited for, ms. */
  readonly waitedMs: number;
  /**
   * Whether something may still be sent with it; to be asked right before. Always true unless the
   * limits are shared with other nodes and this one has heard nothing of them for too long.
   */
  isValid(): boolean;
  /**
   * The response is here. Its headers are followed; `status` 429 without a time in them pauses for
   * a second.
   */
  release(headers?: HeaderSource, status?: number): void;
  /** No response will come, but something may have been sent; what leaving a `using` block does. */
  lost(): void;
  /** Nothing was sent: the slot is free at once. */
  unused(): void;
}

/** The claim could not even wait; see {@linkcode ClaimRefusal} for the codes. */
export class LimitRefused extends Error {
  /** Why, for programs. */
  readonly code: ClaimRefusal["code"];
  /** Ms after which to try again. */
  readonly retryAfterMs: number;

  /** As an error. */
  constructor({ code, reason, retryAfterMs }: ClaimRefusal) {
    super(reason);
    this.name = "LimitRefused";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a gate is given besides its limiter. */
export interface GateOptions {
  /**
   * Writes a snapshot, in place of the one before, and resolves when it is on disk. One at a time.
   * Needed for a limiter with a reserve, which grants nothing before.
   */
  readonly save?: (snapshot: LimiterSnapshot) => Promise<void>;
  /** Told of each write that failed; it is tried again. */
  readonly onSaveError?: (error: unknown) => void;
  /**
   * What other nodes leave of the same limits: nothing is granted beyond it. They belong to the
   * gate from now on.
   */
  readonly permits?: SharedPermits;
}

interface Pending {
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
  /** Stops listening to the signal. */
  readonly unlisten: () => void;
}

/** A failed write is tried again after so long, ms. */
const SAVE_RETRY_MS = 1_000;
/** Timers may fire this much early; asking again at once would spin, ms. */
const TIMER_MIN_MS = 0.1;

/**
 * Waits in the order that the limiter says.
 *
 * - One timer at most, none while nobody waits. What waits is bounded by the limiter.
 * - Closing it refuses who waits, writes the last snapshot and leaves leases valid.
 *
 * @example
 * ```ts
 * import { systemClock } from "../actor/clock.ts";
 * import { parseRate } from "./limit_rate.ts";
 * import { Limiter } from "./limiter.ts";
 * const limits = [{ name: "minute", rate: parseRate("750/min"), begin: "free" as const }];
 * const limiter = new Limiter({ limits }, systemClock.now());
 * await using gate = new LimiterGate(limiter, systemClock);
 * using lease = await gate.acquire({ user: "backfill", priority: 2 });
 * const response = await fetch("https://provider.example/prices");
 * lease.release(response.headers, response.status);
 * ```
 */
export class LimiterGate implements AsyncDisposable {
  readonly #limiter: Limiter;
  readonly #clock: Clock;
  readonly #options: GateOptions;
  readonly #pending = new Map<Claim, Pending>();
  #timer: Cancel | null = null;
  #timerAtMs = Infinity;
  #saving: Promise<void> | null = null;
  #retryTimer: Cancel | null = null;
  #isClosed = false;
  /** Until then the limiter pauses, as far as the other nodes were told. */
  #pausedUntilMs = -Infinity;

  /** `limiter` belongs to the gate from now on. */
  constructor(limiter: Limiter, clock: Clock, options: GateOptions = {}) {
    this.#limiter = limiter;
    this.#clock = clock;
    this.#options = options;
    options.permits?.attach({
      wanted: (nowMs) => limiter.wanted(nowMs),
      changed: () => this.#pump(),
      paused: (pauseMs) => this.pause(pauseMs),
    });
  }

  /**
   * Waits for a slot. Rejects with {@linkcode LimitRefused} when too many wait or the gate is
   * closed, and with the signal's reason when that aborts first.
   *
   * @throws {RangeError} for a priority or cost that is none.
   */
  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    const { signal } = options;
    signal?.throwIfAborted();
    const claim = this.#limiter.claim(options, this.#clock.now());
    if (claim.state === "refused") throw new LimitRefused(claim);
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const abort = () => {
      if (!this.#limiter.cancel(claim, this.#clock.now())) return;
      this.#pending.delete(claim);
      signal?.removeEventListener("abort", abort);
      reject(signal?.reason);
      this.#pump();
    };
    signal?.addEventListener("abort", abort, { once: true });
    const unlisten = () => signal?.removeEventListener("abort", abort);
    this.#pending.set(claim, { resolve, reject, unlisten });
    this.#pump();
    return await promise;
  }

  /** As {@linkcode Limiter.setRate}; who waits is looked at again. */
  setRate(name: string, rate: LimitRate): void {
    this.#limiter.setRate(name, rate, this.#clock.now());
    this.#pump();
  }

  /** As {@linkcode Limiter.pause}. */
  pause(pauseMs: number, key?: string): void {
    this.#limiter.pause(pauseMs, this.#clock.now(), key);
    this.#pump();
  }

  /** Refuses who waits and writes the last snapshot; idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTimer();
    this.#retryTimer?.();
    for (const [claim, { reject, unlisten }] of this.#pending) {
      this.#limiter.cancel(claim, this.#clock.now());
      unlisten();
      reject(closedError());
    }
    this.#pending.clear();
    await this.#saving;
    const { save, onSaveError, permits } = this.#options;
    await permits?.close();
    const last = this.#limiter.snapshot(this.#clock.now(), this.#clock.wallNow(), true);
    try {
      await save?.(last);
    } catch (error) {
      onSaveError?.(error);
    }
  }

  /** As {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Lets go who may go, and sets the timer for the next. */
  #pump(): void {
    if (this.#isClosed) return;
    const nowMs = this.#clock.now();
    const { permits } = this.#options;
    const left = () => permits?.left(nowMs) ?? Infinity;
    for (
      let claim = this.#limiter.grantNext(nowMs, left());
      claim !== null;
      claim = this.#limiter.grantNext(nowMs, left())
    ) this.#grant(claim);
    this.#setTimer(this.#limiter.wakeMs(nowMs, left()), nowMs);
    this.#save(nowMs);
    if (permits !== undefined) this.#tellOthers(permits, nowMs);
  }

  /** What the provider asked for goes for all nodes. */
  #tellOthers(permits: SharedPermits, nowMs: number): void {
    const pauseMs = this.#limiter.pausedForMs(nowMs);
    if (nowMs + pauseMs > this.#pausedUntilMs && pauseMs > 0) {
      this.#pausedUntilMs = nowMs + pauseMs;
      permits.pause(pauseMs);
    }
    permits.poke();
  }

  #grant(claim: Claim): void {
    const pending = this.#pending.get(claim);
    const permit = this.#options.permits?.take(claim.cost) ?? null;
    if (pending === undefined) {
      permit?.unused();
      return this.#limiter.giveBack(claim);
    }
    this.#pending.delete(claim);
    pending.unlisten();
    pending.resolve(this.#lease(claim, permit));
  }

  #lease(claim: Claim, permit: SharedPermit | null): Lease {
    const lost = () => {
      permit?.lost();
      this.#limiter.lose(claim, this.#clock.now());
      this.#pump();
    };
    return {
      waitedMs: claim.grantedMs - claim.askedMs,
      isValid: () => permit?.isValid() ?? true,
      release: (headers, status) => {
        permit?.answered();
        const notice = headers && parseLimitHeaders(headers, this.#clock.wallNow());
        this.#limiter.release(claim, this.#clock.now(), notice, status === 429);
        if (notice?.limit !== null && notice?.limit !== undefined) {
          this.#options.permits?.report(notice.limit);
        }
        this.#pump();
      },
      lost,
      unused: () => {
        permit?.unused();
        this.#limiter.giveBack(claim);
        this.#pump();
      },
      [Symbol.dispose]: lost,
    };
  }

  #setTimer(atMs: number, nowMs: number): void {
    if (atMs === this.#timerAtMs && this.#timer !== null) return;
    this.#cancelTimer();
    if (atMs === Infinity) return;
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.setTimer(Math.max(TIMER_MIN_MS, atMs - nowMs), () => {
      this.#timer = null;
      this.#pump();
    });
  }

  #cancelTimer(): void {
    this.#timer?.();
    this.#timer = null;
    this.#timerAtMs = Infinity;
  }

  #save(nowMs: number): void {
    const { save, onSaveError } = this.#options;
    if (save === undefined || this.#saving !== null || this.#retryTimer !== null) return;
    if (!this.#limiter.snapshotDue(nowMs)) return;
    const snapshot = this.#limiter.snapshot(nowMs, this.#clock.wallNow());
    const write = async () => {
      try {
        await save(snapshot);
        this.#limiter.snapshotWritten(snapshot.id);
      } catch (error) {
        this.#limiter.snapshotFailed(snapshot.id);
        this.#saveLater();
        onSaveError?.(error);
      }
    };
    this.#saving = write().finally(() => {
      this.#saving = null;
      this.#pump();
    });
  }

  #saveLater(): void {
    if (this.#isClosed) return;
    this.#retryTimer = this.#clock.setTimer(SAVE_RETRY_MS, () => {
      this.#retryTimer = null;
      this.#pump();
    });
  }
}

function closedError(): LimitRefused {
  return new LimitRefused({
    state: "refused",
    code: "closed",
    reason: "Cannot queue for the limit: expected an open limiter",
    retryAfterMs: Infinity,
  });
}
