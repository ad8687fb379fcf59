/**
 * A shared budget in Redis, timed by its clock.
 *
 * Redis replicates to its replicas after it has answered: a failover may lose the last permits. The
 * replica has another `run_id`, so that the budget then begins as if full, as after a restart.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  BUDGET_BOUNDS,
  type BudgetReply,
  type BudgetSync,
  type BudgetTerms,
  quantumOf,
  type SharedBudget,
} from "../../batch/shared_budget.ts";
import { SHARED_BUDGET_SCRIPT } from "./shared_budget_script.ts";

/** What is needed of a client of Redis. */
export interface ScriptClient {
  evalsha(sha: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
}

/** How a {@linkcode RedisBudget} is made. */
export interface RedisBudgetOptions {
  /** Of the provider; budgets of the same name are the same. */
  readonly name: string;
  readonly terms: BudgetTerms;
  /** Before all keys. */
  readonly prefix: string;
  /**
   * Runs a script on the server that has a key: `RedisGroup.trip`. Rejects when `limitMs` are over.
   */
  readonly trip: (
    key: string,
    run: (redis: ScriptClient) => Promise<unknown>,
    limitMs: number,
  ) => Promise<unknown>;
  /** Instead of Redis's own clock and life; for tests. */
  readonly at?: () => { readonly nowMs: number; readonly server: string };
}

/** Longest wait for an answer, ms: whoever waits longer says the same again. */
const ANSWER_MS = 1_000;
const SHA = createHash("sha1").update(SHARED_BUDGET_SCRIPT).digest("hex");

/** See the module's text. */
export class RedisBudget implements SharedBudget {
  readonly terms: BudgetTerms;
  readonly #options: RedisBudgetOptions;
  readonly #keys: readonly string[];
  readonly #head: readonly (string | number)[];

  /** Nothing is sent before the first call. */
  constructor(options: RedisBudgetOptions) {
    const { name, prefix, terms } = options;
    this.#options = options;
    this.terms = terms;
    const key = `${prefix}:{limit:${name.replaceAll(/[{}]/g, "_")}}`;
    this.#keys = [
      key,
      ...terms.limits.flatMap((limit) => [`${key}:${limit.name}:t`, `${key}:${limit.name}:n`]),
    ];
    this.#head = [
      terms.sessionMs,
      terms.strayMs,
      quantumOf(terms),
      terms.limits.length,
      ...terms.limits.flatMap(({ requests, windowMs, begin }) => [
        requests,
        windowMs * (1 + terms.driftRatio),
        begin,
      ]),
    ];
  }

  async sync(request: BudgetSync): Promise<BudgetReply> {
    const { session, number, want, least, unused, pauseMs, reported, uses } = request;
    const at = this.#options.at?.();
    const args = [
      ...this.#keys,
      ...at === undefined ? ["", ""] : [at.nowMs, at.server],
      ...this.#head,
      ...[session, number, want, least, unused, pauseMs, reported ?? "", uses.length],
      ...uses.flatMap(({ ageMs, count }) => [ageMs, count]),
    ];
    const [key] = this.#keys as [string];
    return replyOf(await this.#options.trip(key, (redis) => this.#run(redis, args), ANSWER_MS));
  }

  async #run(redis: ScriptClient, args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await redis.evalsha(SHA, this.#keys.length, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return await redis.eval(SHARED_BUDGET_SCRIPT, this.#keys.length, ...args);
    }
  }
}

function replyOf(found: unknown): BudgetReply {
  const words = Array.isArray(found) ? found.map(String) : [];
  const [state, granted, waitMs, pausedMs, reported] = words;
  if (state === "lost") return { state };
  const numbers = [granted, waitMs, pausedMs].map(Number);
  if (state !== "ok" || numbers.some((value) => !(value >= 0))) {
    throw new Error(
      `Cannot read the shared limit: expected an answer of its script: current value is ${words}`,
    );
  }
  return {
    state,
    granted: numbers[0] as number,
    waitMs: Math.min(numbers[1] as number, BUDGET_BOUNDS.waitMs),
    pausedMs: Math.min(numbers[2] as number, BUDGET_BOUNDS.pauseMs),
    reported: reported === undefined || reported === "" ? null : Number(reported),
  };
}
