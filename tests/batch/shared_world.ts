/**
 * Several nodes that share a budget, a provider that counts strictly, and what happens between them:
 * jitter, trips that fail, nodes that are killed. In virtual time or in the machine's.
 *
 * @module
 */

import { WindowOracle } from "../../bench/batch/limiter_oracle.ts";
import { type Clock, pause, type Random } from "../../src/actor/clock.ts";
import { Limiter } from "../../src/batch/limiter.ts";
import { LimiterGate, LimitRefused } from "../../src/batch/limiter_gate.ts";
import type { BudgetReply, BudgetSync, SharedBudget } from "../../src/batch/shared_budget.ts";
import { SharedPermits } from "../../src/batch/shared_permits.ts";

/** The provider: counts each request when it arrives. */
export class StrictProvider {
  readonly oracles: readonly WindowOracle[];
  readonly arrivals: number[] = [];
  limited = 0;
  readonly byNode = new Map<string, number>();

  constructor(limits: readonly { readonly requests: number; readonly windowMs: number }[]) {
    this.oracles = limits.map(({ requests, windowMs }) => new WindowOracle(requests, windowMs));
  }

  arrive(node: string, nowMs: number): void {
    for (const oracle of this.oracles) oracle.arrive(nowMs);
    this.arrivals.push(nowMs);
    this.byNode.set(node, (this.byNode.get(node) ?? 0) + 1);
  }

  get violations(): number {
    return this.oracles.reduce((sum, { violations }) => sum + violations, 0);
  }

  /** Requests that arrived between two times, per ms. */
  rate(fromMs: number, toMs: number): number {
    const within = this.arrivals.filter((atMs) => atMs >= fromMs && atMs < toMs);
    return within.length / (toMs - fromMs);
  }
}

/** The way to a budget. */
export class FlakyBudget implements SharedBudget {
  isAway = false;
  trips = 0;
  /** So much too early every response is said to have come. */
  earlyMs = 0;

  constructor(
    readonly inner: SharedBudget,
    readonly clock: Clock,
    readonly random: Random,
    readonly jitterMs: number,
    readonly failRatio: number,
  ) {}

  get terms() {
    return this.inner.terms;
  }

  async sync(said: BudgetSync): Promise<BudgetReply> {
    const uses = said.uses.map(({ ageMs, count }) => ({ ageMs: ageMs + this.earlyMs, count }));
    const request = { ...said, uses };
    this.trips++;
    await pause(this.clock, this.random.next() * this.jitterMs);
    // Half of what fails was carried out.
    const fate = this.random.next();
    if (this.isAway || fate < this.failRatio / 2) throw new Error("away");
    const reply = await this.inner.sync(request);
    await pause(this.clock, this.random.next() * this.jitterMs);
    if (this.isAway || fate < this.failRatio) throw new Error("away");
    return reply;
  }
}

/** A node with workers that send one request after the other. */
export class BudgetNode {
  readonly permits: SharedPermits;
  readonly gate: LimiterGate;
  #isDead = false;

  constructor(
    readonly name: string,
    readonly budget: SharedBudget,
    readonly provider: StrictProvider,
    readonly clock: Clock,
    readonly random: Random,
    readonly jitterMs = 5,
  ) {
    this.permits = new SharedPermits({ budget, clock, random, node: name });
    const { limits, strayMs } = budget.terms;
    const limiter = new Limiter({
      limits: limits.map(({ name, requests, windowMs }) => ({
        name,
        rate: { requests, windowMs },
        begin: "free" as const,
      })),
      strayMs,
    }, clock.now());
    this.gate = new LimiterGate(limiter, clock, { permits: this.permits });
  }

  async work(workers: number, isOn: () => boolean = () => true, thinkMs = 0): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#worker(isOn, thinkMs)));
  }

  async #worker(isOn: () => boolean, thinkMs: number): Promise<void> {
    try {
      while (!this.#isDead && isOn()) await this.#request(thinkMs);
    } catch (error) {
      if (!(error instanceof LimitRefused)) throw error;
    }
  }

  async #request(thinkMs: number): Promise<void> {
    const { clock, random, jitterMs } = this;
    const lease = await this.gate.acquire();
    if (this.#isDead) return;
    if (thinkMs > 0) await pause(clock, random.next() * thinkMs);
    if (this.#isDead) return;
    if (!lease.isValid()) return lease.unused();
    await pause(clock, random.next() * jitterMs);
    this.provider.arrive(this.name, clock.now());
    // Some answers never come.
    const isLost = random.next() < 0.01;
    await pause(clock, random.next() * jitterMs);
    if (this.#isDead) return;
    if (isLost) lease.lost();
    else lease.release(undefined, 200);
  }

  /** Nothing of it goes on, and nobody is told; what was sent arrives. */
  kill(): void {
    this.#isDead = true;
    // Its timers would keep a real process alive.
    (this.permits as unknown as { poke: () => void }).poke = () => {};
  }
}
