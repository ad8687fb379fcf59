/**
 * The clients that live in the world of `limiter_world.ts`: ours, and the one that knows
 * everything.
 *
 * @module
 */

import type { LimiterOptions } from "../../src/batch/limit_options.ts";
import type { Claim } from "../../src/batch/limit_queue.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { Clairvoyant } from "./limiter_oracle.ts";
import type { WorldClient, WorldRequest } from "./limiter_world.ts";

/**
 * Mistakes on purpose, to show that the judge sees them.
 *
 * - `send`: slots cool from the time of sending, as with most limiters.
 * - `forget`: a restart begins as if nothing had been sent.
 * - `no_reserve`: the snapshot says nothing about what is granted after it.
 */
export type Mistake = "send" | "forget" | "no_reserve";

/** The limiter with what its owner has to do. */
export class LimiterClient implements WorldClient {
  readonly #options: LimiterOptions;
  readonly #mistake: Mistake | null;
  #limiter: Limiter;
  readonly #asked = new Map<Claim, WorldRequest>();
  readonly #held = new Map<WorldRequest, Claim>();

  constructor(options: LimiterOptions, mistake: Mistake | null = null) {
    this.#options = options;
    this.#mistake = mistake;
    this.#limiter = new Limiter(options, 0);
  }

  /** The one of the process that runs now. */
  get limiter(): Limiter {
    return this.#limiter;
  }

  start(nowMs: number, wallMs: number, disk: string | null): void {
    this.#limiter = new Limiter(this.#options, nowMs);
    this.#asked.clear();
    this.#held.clear();
    if (disk === null || this.#mistake === "forget") return;
    const result = this.#limiter.restore(JSON.parse(disk), nowMs, wallMs);
    if (result.state === "rejected") throw new Error(result.reason);
  }

  want(request: WorldRequest, nowMs: number): void {
    const { user: { name, key = "", priority }, cost } = request;
    const claim = this.#limiter.claim({ user: name, key, priority, cost }, nowMs);
    if (claim.state === "refused") throw new Error(claim.reason);
    this.#asked.set(claim, request);
  }

  next(nowMs: number): WorldRequest | null {
    const claim = this.#limiter.grantNext(nowMs);
    const request = claim === null ? undefined : this.#asked.get(claim);
    if (claim === null || request === undefined) return null;
    this.#asked.delete(claim);
    if (this.#mistake === "send") this.#limiter.release(claim, nowMs);
    else this.#held.set(request, claim);
    return request;
  }

  wakeMs(nowMs: number): number {
    return this.#limiter.wakeMs(nowMs);
  }

  responded(request: WorldRequest, nowMs: number): void {
    const claim = this.#held.get(request);
    if (claim === undefined) return;
    this.#held.delete(request);
    this.#limiter.release(claim, nowMs);
  }

  save(nowMs: number, wallMs: number): { id: number; text: string } | null {
    if (!this.#limiter.snapshotDue(nowMs)) return null;
    const snapshot = this.#limiter.snapshot(nowMs, wallMs);
    const written = this.#mistake === "no_reserve" ? { ...snapshot, reserved: 0 } : snapshot;
    return { id: snapshot.id, text: JSON.stringify(written) };
  }

  saved(id: number): void {
    this.#limiter.snapshotWritten(id);
  }
}

/** The client that cannot be beaten; see {@linkcode Clairvoyant}. */
export class ClairvoyantClient implements WorldClient {
  readonly #slots: Clairvoyant;
  #waiting: WorldRequest[] = [];

  constructor(requests: number, windowMs: number) {
    this.#slots = new Clairvoyant(requests, windowMs);
  }

  start(): void {
    this.#waiting = [];
  }

  want(request: WorldRequest): void {
    this.#waiting.push(request);
  }

  next(nowMs: number, upMs: number): WorldRequest | null {
    if (this.wakeMs(nowMs, upMs) > nowMs) return null;
    this.#slots.take(nowMs + upMs);
    return this.#waiting.shift() ?? null;
  }

  wakeMs(nowMs: number, upMs: number): number {
    return this.#waiting.length === 0 ? Infinity : Math.max(nowMs, this.#slots.freeAtMs(upMs));
  }

  responded(): void {}

  save(): null {
    return null;
  }

  saved(): void {}
}
