/**
 * The rate limiter: several strict limits at once, shared by users with priorities, true across
 * restarts. Pure: every call is given the time, and who has to wait for it asks
 * {@linkcode Limiter.wakeMs} when to ask again. `limiter_gate.ts` does that with a clock.
 *
 * The life of a claim: `claim` → `waiting` → `grantNext` → `held` → `release` when the response is
 * here, `lose` when none will come, `giveBack` when nothing was sent. Only the response frees a
 * slot, a window later: see `slot_ring.ts`.
 *
 * What never goes wrong as long as the limits are the provider's own, `strayMs` is no shorter than
 * a request can be on its way, and all requests go through one limiter: no sliding window at the
 * provider holds more than the limit.
 *
 * Times are monotonic ms (`nowMs`) and, for what leaves the process, epoch ms (`wallMs`).
 *
 * @module
 */

import type { LimitNotice } from "./limit_headers.ts";
import type { LimitLane } from "./limit_lane.ts";
import { LimitLanes } from "./limit_lanes.ts";
import { type LimiterOptions, type LimiterSettings, limiterSettings } from "./limit_options.ts";
import {
  type Claim,
  goesBefore,
  LIMIT_PRIORITY_MAX,
  LimitTurns,
  type LimitUser,
  QueuedClaim,
} from "./limit_queue.ts";
import { assertRate, type LimitRate, RATE_REQUESTS_MAX } from "./limit_rate.ts";
import { LimitReserve } from "./limit_reserve.ts";
import {
  LIMITER_SNAPSHOT_VERSION,
  type LimiterSnapshot,
  readLimiterSnapshot,
} from "./limit_snapshot.ts";
import { type LimiterStatus, limiterStatus, type LimitTotals, newTotals } from "./limit_status.ts";
import { LimitUsers } from "./limit_users.ts";

/** What is asked for. */
export interface ClaimRequest {
  /** Account at the provider; counts only where a limit has the scope `key`. Default empty. */
  readonly key?: string;
  /** Who competes; equal users get equal shares. Default empty. */
  readonly user?: string;
  /** 0 to 10, 10 first; default 5. Who is lower waits as long as higher ones do. */
  readonly priority?: number;
  /** Requests that it counts as at the provider, at least 1; default 1. */
  readonly cost?: number;
}

/** Why a claim may not even wait. */
export interface ClaimRefusal {
  /** Tells it from a claim. */
  readonly state: "refused";
  /**
   * `waiters`, `user_waiters`: too many wait in this priority; `users`, `keys`: too many at a time;
   * `cost`: more than a limit ever allows; `closed`: the last snapshot is taken.
   */
  readonly code: "waiters" | "user_waiters" | "users" | "keys" | "cost" | "closed";
  /** For people. */
  readonly reason: string;
  /** Ms after which to try again; Infinity for `cost` and `closed`. */
  readonly retryAfterMs: number;
}

/** How a snapshot was taken in. */
export type RestoreResult =
  | { readonly state: "restored"; readonly elapsedMs: number }
  | { readonly state: "rejected"; readonly reason: string };

const DEFAULT_PRIORITY = 5;
/** When to try again after a refusal at the least. */
const RETRY_MIN_MS = 1_000;

/**
 * Several limits as one.
 *
 * - A claim goes when every limit has room for its cost and no pause is on, the highest priority
 *   first, users of one priority in turns, claims of one user in order.
 * - A claim that waits for its own key holds up nobody with another key.
 * - A dear claim whose turn it is is not passed by cheap ones, so it comes to its turn.
 *
 * @example
 * ```ts
 * import { parseRate } from "./limit_rate.ts";
 * const limiter = new Limiter({
 *   limits: [{ name: "minute", rate: parseRate("750/min"), begin: "free" }],
 * }, 0);
 * limiter.claim({ user: "backfill" }, 0); // { state: "waiting", … }
 * const held = limiter.grantNext(0);      // the claim, now held; send the request
 * if (held !== null) limiter.release(held, 180);
 * ```
 */
export class Limiter {
  readonly #settings: LimiterSettings;
  readonly #lanes: LimitLanes;
  readonly #turns = new LimitTurns();
  readonly #users: LimitUsers;
  readonly #reserve: LimitReserve;
  readonly #totals: LimitTotals;
  readonly #waitingLanes = new Set<LimitLane>();
  /** Claims that wait, of each priority. */
  readonly #waiting = new Uint32Array(LIMIT_PRIORITY_MAX + 1);
  #nowMs: number;
  #waitingCost = 0;
  #claims = 0;
  #turn = 0;
  #costSeenMax = 1;
  #isRestored = false;
  #isClosed = false;

  /**
   * Begins as its limits say; see {@linkcode restore}.
   *
   * @throws {RangeError} when an option is beyond its bounds.
   */
  constructor(options: LimiterOptions, nowMs: number) {
    this.#settings = limiterSettings(options);
    const { usersMax, reserve, snapshotEveryMs } = this.#settings;
    this.#nowMs = nowMs;
    this.#lanes = new LimitLanes(this.#settings, nowMs);
    this.#users = new LimitUsers(usersMax, this.#turns);
    this.#reserve = new LimitReserve(reserve, snapshotEveryMs);
    this.#totals = newTotals(nowMs);
  }

  /**
   * Asks for a slot. The claim always waits at first: call {@linkcode grantNext} until it returns
   * null, here and whenever {@linkcode wakeMs} or a release says so. O(1).
   *
   * @throws {RangeError} unless the priority is an integer from 0 to 10 and the cost one from 1.
   */
  claim(request: ClaimRequest, nowMs: number): Claim | ClaimRefusal {
    const { key = "", user: name = "", priority = DEFAULT_PRIORITY, cost = 1 } = request;
    assertInteger("priority", priority, 0, LIMIT_PRIORITY_MAX);
    assertInteger("cost", cost, 1, RATE_REQUESTS_MAX);
    const now = this.#tick(nowMs);
    const user = this.#users.get(name);
    if (user === null) return this.#refuse(null, "users", "fewer users that wait");
    const refusal = this.#refusal(user, priority, cost);
    if (refusal !== null) return refusal;
    const lane = this.#lanes.get(key, now);
    if (lane === null) return this.#refuse(user, "keys", "fewer keys in use");
    const claim = new QueuedClaim(++this.#claims, key, user, lane, priority, cost, now);
    if (user.waiting[priority] === 0) this.#turns.join(user, priority);
    lane.queue.add(claim);
    this.#waitingLanes.add(lane);
    this.#count(claim, 1);
    this.#costSeenMax = Math.max(this.#costSeenMax, cost);
    return claim;
  }

  /**
   * The next claim that may go now, held from here on; null when none may. O(keys that wait × users
   * that wait + cost).
   *
   * @param costMax What may go at all, where others share the limits: see `shared_permits.ts`.
   */
  grantNext(nowMs: number, costMax = Infinity): Claim | null {
    const now = this.#tick(nowMs);
    const best = this.#next(now);
    if (best === null || this.#isClosed || best.cost > costMax) return null;
    const { lane, cost } = best;
    if (this.#reserve.left < cost || this.#lanes.all.freeAtMs(cost, now) > now) return null;
    this.#unqueue(best);
    this.#lanes.all.take(cost, now);
    lane.take(cost, now);
    this.#reserve.spend(cost);
    this.#turns.granted(best);
    best.state = "held";
    best.grantedMs = now;
    best.turn = ++this.#turn;
    this.#totals.grant(best);
    return best;
  }

  /**
   * When {@linkcode grantNext} may next have one, as far as it is known: `nowMs` if at once,
   * Infinity while nobody waits, or all hangs on a response, a snapshot or `costMax`. Never too
   * late.
   */
  wakeMs(nowMs: number, costMax = Infinity): number {
    const now = this.#tick(nowMs);
    if (this.#isClosed) return Infinity;
    let atMs = Infinity;
    const best = this.#next(now);
    if (best !== null && this.#reserve.left >= best.cost) {
      const freeMs = this.#lanes.all.freeAtMs(best.cost, now);
      // What others leave is asked for once the claim could go.
      if (freeMs > now || best.cost <= costMax) atMs = freeMs;
    }
    for (const lane of this.#waitingLanes) {
      const first = lane.queue.best();
      const freeMs = first === null ? Infinity : lane.freeAtMs(first.cost, now);
      if (freeMs > now) atMs = Math.min(atMs, freeMs);
    }
    return atMs;
  }

  /** Cost of all that wait, and of the first that may go now; zeros when none may. */
  wanted(nowMs: number): { readonly cost: number; readonly first: number } {
    const now = this.#tick(nowMs);
    const best = this.#isClosed ? null : this.#next(now);
    if (best === null || this.#reserve.left < best.cost) return NOTHING_WANTED;
    if (this.#lanes.all.freeAtMs(best.cost, now) > now) return NOTHING_WANTED;
    return { cost: this.#waitingCost, first: best.cost };
  }

  /** How long nothing is granted to any key, ms. */
  pausedForMs(nowMs: number): number {
    return Math.max(0, this.#lanes.all.pausedUntilMs - this.#tick(nowMs));
  }

  /** Takes a claim that waits out of the queue; false when it does not wait. O(1). */
  cancel(claim: Claim, nowMs: number): boolean {
    this.#tick(nowMs);
    const own = ownClaim(claim);
    if (own.state !== "waiting") return false;
    this.#unqueue(own);
    own.state = "cancelled";
    own.owner.cancelled++;
    this.#totals.cancelled++;
    return true;
  }

  /**
   * The response came, of whatever status; its headers are followed. Idempotent.
   *
   * @param notice What `parseLimitHeaders` read.
   * @param isRefused Whether the provider refused for its limit (status 429): without a time in the
   * headers that pauses for a second.
   */
  release(claim: Claim, nowMs: number, notice?: LimitNotice, isRefused = false): void {
    const now = this.#tick(nowMs);
    const own = ownClaim(claim);
    if (own.state !== "held") return;
    own.state = "released";
    this.#lanes.all.release(own.cost, now);
    own.lane.release(own.cost, now);
    this.#reserve.touch();
    if (isRefused) this.#totals.limited++;
    if (notice !== undefined || isRefused) this.#heed(own, notice ?? SILENT, isRefused, now);
  }

  /** No response will come (timeout, broken connection), but the request may still arrive. */
  lose(claim: Claim, nowMs: number): void {
    const now = this.#tick(nowMs);
    const own = ownClaim(claim);
    if (own.state !== "held") return;
    own.state = "lost";
    const untilMs = now + this.#settings.strayMs;
    this.#lanes.all.lose(own.cost, now, untilMs);
    own.lane.lose(own.cost, now, untilMs);
    this.#totals.lost++;
  }

  /** The request was certainly never sent: the slot is free at once. */
  giveBack(claim: Claim): void {
    const own = ownClaim(claim);
    if (own.state !== "held") return;
    own.state = "unused";
    this.#lanes.all.giveBack(own.cost);
    own.lane.giveBack(own.cost);
    this.#totals.unused++;
  }

  /** Grants nothing for so long, to one key or to all. */
  pause(pauseMs: number, nowMs: number, key?: string): void {
    const now = this.#tick(nowMs);
    const { all } = this.#lanes;
    const lane = key === undefined ? all : this.#lanes.get(key, now) ?? all;
    this.#totals.pausedMs += lane.pause(pauseMs, now);
    this.#reserve.urge();
  }

  /**
   * Another rate for the limit of this name, of all keys, from now on.
   *
   * @throws {RangeError} for a rate beyond its bounds or below the cost of a claim so far, and for
   * a name that is not there.
   */
  setRate(name: string, rate: LimitRate, nowMs: number): void {
    assertRate(rate);
    assertInteger(`requests of ${name}`, rate.requests, this.#costSeenMax, RATE_REQUESTS_MAX);
    this.#lanes.setRate(name, rate, this.#tick(nowMs));
    this.#reserve.urge();
  }

  /** Counters and the use of each limit, as plain data; pauses up to now. O(rings + users). */
  status(nowMs: number): LimiterStatus {
    const now = this.#tick(nowMs);
    return limiterStatus(this.#totals, {
      lanes: this.#lanes.list(),
      users: this.#users.all(),
      waiting: this.#waiting,
      reserve: this.#reserve,
    }, now);
  }

  /**
   * Whether a snapshot has to be taken and written now: half of the reserve is used, somebody waits
   * for more than is left, the provider asked for a pause, or the last is old. Ask after each grant
   * and release. False while one is being written, and for a limiter without a reserve.
   */
  snapshotDue(nowMs: number): boolean {
    const wanted = this.#waitingLanes.size > 0 ? this.#costSeenMax : 0;
    return !this.#isClosed && this.#reserve.isDue(wanted, this.#tick(nowMs));
  }

  /**
   * What a restart needs. Write it, replacing the one before, and call {@linkcode snapshotWritten}
   * or {@linkcode snapshotFailed}; one at a time. O(slots in use).
   *
   * @param isLast Nothing is granted afterwards: nothing is reserved, and a restart loses nothing.
   */
  snapshot(nowMs: number, wallMs: number, isLast = false): LimiterSnapshot {
    const now = this.#tick(nowMs);
    if (isLast) this.#isClosed = true;
    const reserved = this.#isClosed ? 0 : Math.max(this.#settings.reserve, this.#costSeenMax);
    return {
      version: LIMITER_SNAPSHOT_VERSION,
      id: this.#reserve.begin(reserved, now),
      wallMs,
      reserved,
      ...this.#lanes.snapshot(now),
    };
  }

  /** The snapshot of this number is on disk for good. */
  snapshotWritten(id: number): void {
    this.#reserve.wrote(id);
  }

  /** The snapshot of this number could not be written; another is due. */
  snapshotFailed(id: number): void {
    this.#reserve.failed(id);
  }

  /**
   * Goes on where a former process was, before the first claim. What cannot be read is rejected and
   * the limiter stays as if full.
   *
   * @param data What the store gave back.
   * @param wallMs Epoch ms; what it says less than the snapshot's counts as no time at all.
   * @param elapsedMaxMs How long ago the snapshot can have been, for who knows better than a wall
   * clock that may have been set forward; 0 trusts it for nothing.
   */
  restore(data: unknown, nowMs: number, wallMs: number, elapsedMaxMs = Infinity): RestoreResult {
    const now = this.#tick(nowMs);
    if (this.#claims > 0 || this.#isRestored) {
      return { state: "rejected", reason: "expected a limiter that was not used yet" };
    }
    const snapshot = readLimiterSnapshot(data);
    if (typeof snapshot === "string") return { state: "rejected", reason: snapshot };
    this.#isRestored = true;
    // Either wall time may be rounded by up to a millisecond.
    const passedMs = Math.floor(wallMs - snapshot.wallMs - 1);
    const elapsedMs = Math.max(0, Math.min(passedMs, elapsedMaxMs));
    this.#totals.pausedMs += this.#lanes.restore(snapshot, elapsedMs, now);
    return { state: "restored", elapsedMs };
  }

  /**
   * Checks all counts, for tests. O(all).
   *
   * @throws {Error} when they contradict each other.
   */
  invariant(): void {
    let waiting = 0;
    for (const lane of this.#lanes.list()) {
      waiting += lane.queue.length;
      if (lane.queue.length > 0 !== this.#waitingLanes.has(lane)) throw new Error("waiting lanes");
      for (const { name, ring } of lane.rings) {
        ring.invariant();
        if (ring.held !== lane.inFlight) throw new Error(`${name} holds ${ring.held}`);
      }
    }
    const counted = this.#waiting.reduce((sum, count) => sum + count, 0);
    if (waiting !== counted) throw new Error(`${waiting} wait, counted ${counted}`);
  }

  #tick(nowMs: number): number {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    return this.#nowMs;
  }

  /** The best claim whose own key has room. */
  #next(now: number): QueuedClaim<LimitLane> | null {
    let best: QueuedClaim<LimitLane> | null = null;
    for (const lane of this.#waitingLanes) {
      const first = lane.queue.best();
      if (first === null || (best !== null && !goesBefore(first, best))) continue;
      if (lane.freeAtMs(first.cost, now) <= now) best = first;
    }
    return best;
  }

  #unqueue(claim: QueuedClaim<LimitLane>): void {
    claim.lane.queue.remove(claim);
    if (claim.lane.queue.length === 0) this.#waitingLanes.delete(claim.lane);
    this.#count(claim, -1);
  }

  #count({ owner, priority, cost }: QueuedClaim<LimitLane>, by: 1 | -1): void {
    this.#waitingCost += by * cost;
    owner.waiting[priority] = owner.waiting[priority] as number + by;
    owner.waitingTotal += by;
    this.#waiting[priority] = this.#waiting[priority] as number + by;
  }

  #refusal(
    user: LimitUser,
    priority: number,
    cost: number,
  ): ClaimRefusal | null {
    const { waitersMax, waitersPerUserMax } = this.#settings;
    if (this.#isClosed) return this.#refuse(user, "closed", "an open limiter", Infinity);
    const most = this.#lanes.costMax;
    if (cost > most) return this.#refuse(user, "cost", `a cost up to ${most}`, Infinity);
    if (user.waiting[priority] as number >= waitersPerUserMax) {
      return this.#refuse(user, "user_waiters", `fewer than ${waitersPerUserMax} waiting a user`);
    }
    if (this.#waiting[priority] as number >= waitersMax) {
      return this.#refuse(
        user,
        "waiters",
        `fewer than ${waitersMax} waiting in priority ${priority}`,
      );
    }
    return null;
  }

  #refuse(
    user: LimitUser | null,
    code: ClaimRefusal["code"],
    expected: string,
    retryAfterMs = Math.max(RETRY_MIN_MS, this.#lanes.all.freeAtMs(1, this.#nowMs) - this.#nowMs),
  ): ClaimRefusal {
    if (user !== null) user.refused++;
    this.#totals.refused++;
    return {
      state: "refused",
      code,
      reason: `Cannot queue for the limit: expected ${expected}`,
      // All under way: nobody knows when, so soon.
      retryAfterMs: retryAfterMs === Infinity && code !== "cost" && code !== "closed"
        ? RETRY_MIN_MS
        : retryAfterMs,
    };
  }

  #heed(
    claim: QueuedClaim<LimitLane>,
    notice: LimitNotice,
    isRefused: boolean,
    now: number,
  ): void {
    const lane = this.#lanes.hasKeys ? claim.lane : this.#lanes.all;
    const pausedMs = lane.heed(notice, claim.turn, isRefused, now);
    this.#totals.pausedMs += pausedMs;
    if (pausedMs > 0) this.#reserve.urge();
    if (notice.limit === null) return;
    this.#totals.reportedLimit = notice.limit;
    // A claim dearer than the limit would wait for ever.
    this.#lanes.heedLimit(claim.lane, Math.max(notice.limit, this.#costSeenMax), now);
  }
}

const NOTHING_WANTED = { cost: 0, first: 0 } as const;

/** Headers that say nothing. */
const SILENT: LimitNotice = { retryAfterMs: null, limit: null, remaining: null, resetMs: null };

function ownClaim(claim: Claim): QueuedClaim<LimitLane> {
  if (claim instanceof QueuedClaim) return claim;
  throw new TypeError(
    "Cannot use claim: expected one that this limiter gave: current value is not",
  );
}

function assertInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot claim: expected ${name} as an integer from ${least} to ${most}: ` +
      `current value is ${value}`,
  );
}
