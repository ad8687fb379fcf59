/**
 * One strict limit: no window of a given length ever holds more requests than allowed, as counted
 * by whoever receives them.
 *
 * Why it is strict. A request sent at s with its response at r was counted at some time in [s, r],
 * nobody knows which. Its slot is used again by a request sent at s' ≥ r + W, which is counted at
 * s' or later. So two requests of one slot are counted at least W apart, whatever the jitter, and N
 * slots put at most N requests into any window [t, t + W). Counting from the time of sending, as
 * limiters usually do, is exact only while every request travels equally long.
 *
 * Its price is the latency: a slot goes round in W + latency, so that at most N / (W + latency) is
 * reached. Knowing less than the time of arrival, nobody can do better without a risk.
 *
 * Times are monotonic ms; an earlier one than the last counts as the last.
 *
 * @module
 */

import { assertRate, type LimitRate } from "./limit_rate.ts";

/**
 * Uses with different times that one ring keeps apart. Beyond it, uses released within 1/4,096 of
 * the window count as released at the last of them: at most 1/4,096 of the rate for a ring of 64 kB
 * instead of 8 bytes a request (100,000 a day, 10^9 a month).
 */
const RUNS_MAX = 4_096;
const RUNS_START = 16;

/** Uses that were released together. */
export interface SlotRun {
  /** When, monotonic ms. */
  readonly atMs: number;
  /** How many. */
  readonly count: number;
}

/** As plain data, oldest first. */
const slotRuns = (runs: Runs): SlotRun[] =>
  Array.from({ length: runs.length }, (_, i) => ({ atMs: runs.timeAt(i), count: runs.countAt(i) }));

/**
 * FIFO of runs in two growing ring buffers. As many as are used, and no more than
 * {@linkcode RUNS_MAX} and a few: see `grainMs` of {@linkcode SlotRing}.
 */
class Runs {
  #times = new Float64Array(RUNS_START);
  #counts = new Float64Array(RUNS_START);
  #head = 0;
  length = 0;
  /** Sum of the counts. */
  total = 0;

  timeAt(i: number): number {
    return this.#times[(this.#head + i) & (this.#times.length - 1)] as number;
  }

  countAt(i: number): number {
    return this.#counts[(this.#head + i) & (this.#times.length - 1)] as number;
  }

  push(atMs: number, count: number): void {
    this.#grow();
    const at = (this.#head + this.length++) & (this.#times.length - 1);
    this.#times[at] = atMs;
    this.#counts[at] = count;
    this.total += count;
  }

  unshift(atMs: number, count: number): void {
    this.#grow();
    this.#head = (this.#head - 1) & (this.#times.length - 1);
    this.length++;
    this.#times[this.#head] = atMs;
    this.#counts[this.#head] = count;
    this.total += count;
  }

  /** Adds to the last run, which then counts as of `atMs`. */
  extend(atMs: number, count: number): void {
    const at = (this.#head + this.length - 1) & (this.#times.length - 1);
    this.#times[at] = atMs;
    this.#counts[at] = this.#counts[at] as number + count;
    this.total += count;
  }

  shift(): void {
    this.total -= this.countAt(0);
    this.#head = (this.#head + 1) & (this.#times.length - 1);
    this.length--;
  }

  #grow(): void {
    const size = this.#times.length;
    if (this.length < size) return;
    const times = new Float64Array(2 * size), counts = new Float64Array(2 * size);
    for (let i = 0; i < this.length; i++) {
      times[i] = this.timeAt(i);
      counts[i] = this.countAt(i);
    }
    this.#times = times;
    this.#counts = counts;
    this.#head = 0;
  }
}

/**
 * N slots; each is free again W after the response of its last use.
 *
 * - A slot is held (request under way), stray (no response, may still arrive), cooling (response
 *   less than W ago) or free.
 * - More may be used than there are: after the rate was lowered, or as {@linkcode SlotRing.restore}
 *   counts with caution. Then nothing is free until enough has cooled.
 * - `take`, `release`, `lose` and `free` are O(1) amortised; `freeAtMs` is O(slots asked for).
 *
 * @example
 * ```ts
 * const ring = new SlotRing({ requests: 2, windowMs: 1_000 });
 * ring.take(1, 0); // true
 * ring.take(1, 0); // true
 * ring.release(1, 80);
 * ring.freeAtMs(1, 100); // 1_080
 * ```
 */
export class SlotRing {
  #requests: number;
  #windowMs: number;
  #nowMs = -Infinity;
  #held = 0;
  /** Ordered by time. */
  readonly #cooling = new Runs();
  /** Ordered by the time from which on they cool; all later than now. */
  readonly #strays = new Runs();
  /** Time of the first use in the last cooling run. */
  #runFromMs = -Infinity;

  /**
   * All slots are free.
   *
   * @throws {RangeError} beyond the bounds of {@linkcode LimitRate}.
   */
  constructor(rate: LimitRate) {
    assertRate(rate);
    this.#requests = rate.requests;
    this.#windowMs = rate.windowMs;
  }

  /** N and W. */
  get rate(): LimitRate {
    return { requests: this.#requests, windowMs: this.#windowMs };
  }

  /** Slots of requests under way. */
  get held(): number {
    return this.#held;
  }

  /** Slots that may be taken at `nowMs`. */
  free(nowMs: number): number {
    return Math.max(0, this.#requests - this.used(nowMs));
  }

  /** Slots that are held, stray or cooling at `nowMs`; may be more than there are. */
  used(nowMs: number): number {
    this.#settle(nowMs);
    return this.#held + this.#strays.total + this.#cooling.total;
  }

  /** Takes `count` slots for a request that is sent now or later; false = not so many are free. */
  take(count: number, nowMs: number): boolean {
    if (this.free(nowMs) < count) return false;
    this.#held += count;
    return true;
  }

  /** The response came: the slots cool from now on. */
  release(count: number, nowMs: number): void {
    this.#unhold(count);
    this.#settle(nowMs);
    this.#cool(this.#nowMs, count);
  }

  /** The request was never sent: the slots are free at once. */
  giveBack(count: number): void {
    this.#unhold(count);
  }

  /** No response will come, but the request may arrive until `untilMs`: they cool from then. */
  lose(count: number, nowMs: number, untilMs: number): void {
    this.#unhold(count);
    this.stray(count, nowMs, untilMs);
  }

  /** Requests not let through by this ring may arrive until `untilMs`: they cool from then. */
  stray(count: number, nowMs: number, untilMs: number): void {
    this.#settle(nowMs);
    if (count === 0) return;
    const strays = this.#strays;
    const lastMs = strays.length === 0 ? this.#nowMs : strays.timeAt(strays.length - 1);
    // Later is safe, and keeps the order.
    const atMs = Math.max(lastMs, untilMs);
    if (strays.length > 0 && (atMs === lastMs || strays.length >= RUNS_MAX)) {
      strays.extend(atMs, count);
    } else strays.push(atMs, count);
  }

  /**
   * When `count` slots will be free, as far as it is known: `nowMs` if they are; Infinity while it
   * hangs on responses, or when there are not so many at all.
   */
  freeAtMs(count: number, nowMs: number): number {
    let missing = this.used(nowMs) + count - this.#requests;
    if (missing <= 0) return this.#nowMs;
    if (count > this.#requests) return Infinity;
    for (const runs of [this.#cooling, this.#strays]) {
      for (let i = 0; i < runs.length; i++) {
        missing -= runs.countAt(i);
        if (missing <= 0) return runs.timeAt(i) + this.#windowMs;
      }
    }
    return Infinity;
  }

  /**
   * Another N or W from now on. Uses older than the old W are forgotten; for a longer W the ring
   * counts as full, with what it forgot just before its memory begins.
   *
   * @throws {RangeError} beyond the bounds of {@linkcode LimitRate}.
   */
  setRate(rate: LimitRate, nowMs: number): void {
    assertRate(rate);
    const used = this.used(nowMs);
    if (rate.windowMs > this.#windowMs && used < rate.requests) {
      this.#cooling.unshift(this.#nowMs - this.#windowMs, rate.requests - used);
    }
    this.#requests = rate.requests;
    this.#windowMs = rate.windowMs;
    this.#settle(nowMs);
  }

  /**
   * What is used and not held at `nowMs`, by the time from which on it cools, oldest first: a time
   * later than now is that of a stray. O(runs).
   */
  runs(nowMs: number): SlotRun[] {
    this.#settle(nowMs);
    return [...slotRuns(this.#cooling), ...slotRuns(this.#strays)];
  }

  /**
   * Takes in what {@linkcode SlotRing.runs} said of another ring, before anything else was done with
   * this one.
   *
   * @throws {RangeError} when the ring is in use or the runs are out of order.
   */
  restore(runs: readonly SlotRun[], nowMs: number): void {
    if (this.used(nowMs) > 0) {
      throw new RangeError(
        `Cannot restore slots: expected none in use: current value is ${this.used(nowMs)}`,
      );
    }
    let lastMs = -Infinity;
    for (const { atMs, count } of runs) {
      if (!(atMs >= lastMs && count >= 0)) {
        throw new RangeError(
          `Cannot restore slots: expected times in order: current value is ${atMs} after ${lastMs}`,
        );
      }
      lastMs = atMs;
      if (atMs > this.#nowMs) this.stray(count, nowMs, atMs);
      else if (count > 0) this.#cool(atMs, count);
    }
    this.#settle(nowMs);
  }

  /**
   * Checks all counts, for tests. O(runs).
   *
   * @throws {Error} when they contradict each other.
   */
  invariant(): void {
    for (const runs of [this.#cooling, this.#strays]) {
      let total = 0, lastMs = -Infinity;
      for (let i = 0; i < runs.length; i++) {
        total += runs.countAt(i);
        if (runs.timeAt(i) < lastMs) throw new Error(`run ${i} is before the one before`);
        lastMs = runs.timeAt(i);
      }
      if (total !== runs.total) throw new Error(`runs hold ${total}, counted ${runs.total}`);
    }
    if (this.#held < 0) throw new Error(`held is ${this.#held}`);
    if (this.#cooling.length > Math.max(this.#cooling.total, 3 * RUNS_MAX)) {
      throw new Error(`${this.#cooling.length} runs`);
    }
  }

  get #grainMs(): number {
    return this.#requests <= RUNS_MAX ? 0 : this.#windowMs / RUNS_MAX;
  }

  #unhold(count: number): void {
    if (count > this.#held) {
      throw new RangeError(
        `Cannot release slots: expected at most the ${this.#held} held: current value is ${count}`,
      );
    }
    this.#held -= count;
  }

  #cool(atMs: number, count: number): void {
    const runs = this.#cooling;
    if (runs.length > 0) {
      const isSame = atMs === runs.timeAt(runs.length - 1);
      if (isSame || atMs - this.#runFromMs < this.#grainMs) return runs.extend(atMs, count);
    }
    this.#runFromMs = atMs;
    runs.push(atMs, count);
  }

  /** Lets strays that can no longer arrive cool, and forgets what has cooled. */
  #settle(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    const strays = this.#strays, cooling = this.#cooling;
    while (strays.length > 0 && strays.timeAt(0) <= this.#nowMs) {
      this.#cool(strays.timeAt(0), strays.countAt(0));
      strays.shift();
    }
    while (cooling.length > 0 && cooling.timeAt(0) + this.#windowMs <= this.#nowMs) cooling.shift();
  }
}
