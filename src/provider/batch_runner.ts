/**
 * A grouped call from the right to make it to its results: tried again, or halved until a bad key is
 * alone, where it fails; see `batch_failed.ts` for when.
 *
 * @module
 */

import type { LoadedTogether } from "../cache/types.ts";
import {
  afterFailedBatch,
  HALVES_PER_BATCH_MAX,
  type HalvesLeft,
  HalvingBudget,
  Suspects,
} from "../warm/batch_failed.ts";
import type { BatchCounts } from "./batch_status.ts";
import { failure, type FailureCode, type ProviderFailure } from "./error.ts";
import type { CallRefusal, GroupedAnswer, GroupedCallsPorts, Waiter } from "./grouped_ports.ts";
import type { GroupedCall } from "./grouping.ts";
import { costOf, type SymbolResult } from "./port.ts";

/** What one call and its halves share. */
interface Batch extends HalvesLeft {
  /** Keys that failed alone, with their endpoint. */
  readonly alone: { readonly endpoint: string; readonly symbol: string }[];
  /** A part was answered: the endpoint works. */
  isAnswered: boolean;
}

/** Who asks for the right to make a call. */
export interface CallShape {
  readonly user: string;
  readonly priority: number;
  readonly endpoint: string;
  readonly keys: number;
}

/** Failures of a whole call that one key may have caused. */
const CODES_OF_KEYS: readonly FailureCode[] = [
  "refused",
  "too_large",
  "shape",
  "symbol",
  "json",
  "unavailable",
  "timeout",
];
/** When to come back for who gave up a place in the queue, ms. */
const GIVEN_UP_MS = 1_000;

/** See the head of this file; `L` is the right to make one call. */
export class BatchRunner<L> {
  readonly #ports: GroupedCallsPorts<L>;
  readonly #onSent: () => void;
  readonly #suspects = new Suspects();
  readonly #halving = new HalvingBudget();
  /** What was done so far. */
  readonly counts: BatchCounts = {
    calls: 0,
    keys: 0,
    coalesced: 0,
    retried: 0,
    bisected: 0,
    halves: 0,
    expired: 0,
  };
  /** How to end each pause before another try. */
  readonly #pauses = new Set<() => void>();
  #isClosed = false;
  /** See {@linkcode LoadedTogether}. */
  #groupId: number;

  /** Numbers of results that come together begin after `firstId`; `onSent` is told of each call. */
  constructor(ports: GroupedCallsPorts<L>, firstId: number, onSent: () => void) {
    this.#ports = ports;
    this.#groupId = firstId;
    this.#onSent = onSent;
  }

  /** Nothing is waited for between two tries any more; idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#pauses) end();
  }

  /** Keys that are to travel alone. */
  get suspects(): number {
    return this.#suspects.size;
  }

  /** Whether a key made its call fail, and so is to travel alone. */
  isSuspect(endpoint: string, symbol: string): boolean {
    return this.#suspects.has(suspectName(endpoint, symbol), this.#ports.clock.now());
  }

  /** A refusal, or the right to make one call. */
  async right(
    { user, priority, endpoint: name, keys }: CallShape,
    abort: AbortController = new AbortController(),
  ): Promise<L | CallRefusal> {
    const refusal = this.#ports.refusal();
    if (refusal !== null) return refusal;
    const { endpoints } = this.#ports.source.capabilities;
    const endpoint = endpoints.find((one) => one.name === name);
    const cost = endpoint === undefined ? 1 : Math.max(1, Math.ceil(costOf(endpoint, keys)));
    try {
      return await this.#ports.acquire({ user, priority, cost, signal: abort.signal });
    } catch {
      return {
        state: "refused",
        code: "rate",
        reason: "it was given up",
        retryAfterMs: GIVEN_UP_MS,
      };
    }
  }

  /** Makes a call with the right to it, and tells everybody who waits what came of it. */
  async run(call: GroupedCall<Waiter>, right: L | CallRefusal): Promise<void> {
    const batch: Batch = { halves: HALVES_PER_BATCH_MAX, alone: [], isAnswered: false };
    const wanted = this.#wanted(call);
    if (wanted.symbols.length > 0) await this.#part(wanted, batch, right);
    else if (!isRefusal(right)) this.#ports.unused(right);
    if (!batch.isAnswered) return;
    // Where every part failed it was not for a key.
    for (const { endpoint, symbol } of batch.alone) {
      this.#suspects.add(suspectName(endpoint, symbol), this.#ports.clock.now());
    }
  }

  /** The call without keys that nobody waits for any more. */
  #wanted(call: GroupedCall<Waiter>): GroupedCall<Waiter> {
    const nowMs = this.#ports.clock.now();
    const isWanted = call.waiters.map((all) => all.some(({ untilMs }) => untilMs > nowMs));
    if (!isWanted.includes(false)) return call;
    const late = pick(call, (at) => isWanted[at] === false);
    this.counts.expired += late.symbols.length;
    for (const [at, symbol] of late.symbols.entries()) {
      const result = this.error("timeout", symbol, "its turn came after everybody's deadline");
      for (const { resolve } of late.waiters[at] ?? []) resolve(result);
    }
    return pick(call, (at) => isWanted[at] === true);
  }

  /** One call and what comes of it: results, another try, or halves. Everybody is told. */
  async #part(
    call: GroupedCall<Waiter>,
    batch: Batch,
    first?: L | CallRefusal,
    attemptsBefore = 0,
  ): Promise<void> {
    const { clock, random } = this.#ports;
    const { priority, endpoint } = call;
    const keys = call.symbols.length;
    let attempts = attemptsBefore;
    let refusals = 0;
    let pauseMs = 0;
    for (let given = first;; given = undefined) {
      const user = call.waiters[0]?.[0]?.user ?? "fetch";
      const right = given ?? await this.right({ user, priority, endpoint, keys });
      const answer = isRefusal(right) ? right : await this.#sent(call, right);
      if (answer.state === "refused") {
        const { code, reason, retryAfterMs } = answer;
        return this.#all(call, this.error(code, `${keys} keys`, reason, retryAfterMs));
      }
      if (answer.state === "answered") return this.#answered(call, batch, answer.results);
      const { class: kind, code, retryAfterMs } = answer.failure;
      if (kind === "limited") refusals++;
      else attempts++;
      const verdict = afterFailedBatch({
        failure: kind,
        canBeKey: CODES_OF_KEYS.includes(code),
        isDown: answer.isDown,
        keys,
        attempts,
        refusals,
        pauseMs,
        retryAfterMs,
        leftMs: leftOf(call, clock.now()),
      }, random);
      if (verdict.action === "halve" && this.#halving.take(batch, clock.now())) {
        // A half of what failed twice for a while need not fail twice.
        return await this.#halved(call, batch, kind === "transient" ? 1 : 0);
      }
      if (verdict.action !== "retry") {
        if (keys === 1 && CODES_OF_KEYS.includes(code)) {
          batch.alone.push({ endpoint, symbol: call.symbols[0] ?? "" });
        }
        return this.#all(call, { state: "error", failure: answer.failure });
      }
      this.counts.retried++;
      pauseMs = verdict.pauseMs;
      await this.#pause(pauseMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isClosed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#ports.clock.setTimer(ms, resolve);
    this.#pauses.add(resolve);
    await promise;
    cancel();
    this.#pauses.delete(resolve);
  }

  async #halved(call: GroupedCall<Waiter>, batch: Batch, attempts: number): Promise<void> {
    this.counts.bisected++;
    this.counts.halves += 2;
    const half = Math.ceil(call.symbols.length / 2);
    await Promise.all([
      this.#part(pick(call, (at) => at < half), batch, undefined, attempts),
      this.#part(pick(call, (at) => at >= half), batch, undefined, attempts),
    ]);
  }

  async #sent(call: GroupedCall<Waiter>, right: L): Promise<GroupedAnswer> {
    const { kind, endpoint, symbols, fromMs, toMs, granularity } = call;
    this.counts.calls++;
    this.counts.keys += symbols.length;
    this.#onSent();
    try {
      const request = { kind, endpoint, symbols, fromMs, toMs, granularity };
      return await this.#ports.send(request, right);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "it broke its promise";
      return { state: "refused", code: "open", reason, retryAfterMs: 0 };
    }
  }

  #answered(
    call: GroupedCall<Waiter>,
    batch: Batch,
    results: readonly SymbolResult[],
  ): void {
    batch.isAnswered = true;
    for (const symbol of call.symbols) this.#suspects.clear(suspectName(call.endpoint, symbol));
    const nowMs = this.#ports.clock.now();
    const groups = this.#groupsOf(call, nowMs);
    for (const [at, waiters] of call.waiters.entries()) {
      const result = results[at] ?? { state: "missing" };
      for (const { together, untilMs, resolve } of waiters) {
        const isLate = together === null || untilMs <= nowMs;
        const group = isLate ? undefined : groups.get(together);
        resolve(group === undefined || group.size === 1 ? result : { ...result, together: group });
      }
    }
  }

  /** For each name, how many results of the call belong to it; who gave up does not count. */
  #groupsOf(
    { waiters }: GroupedCall<Waiter>,
    nowMs: number,
  ): ReadonlyMap<string, LoadedTogether> {
    const groups = new Map<string, { id: number; size: number }>();
    for (const { together, untilMs } of waiters.flat()) {
      if (together === null || untilMs <= nowMs) continue;
      const group = groups.get(together);
      if (group !== undefined) group.size++;
      else groups.set(together, { id: ++this.#groupId, size: 1 });
    }
    return groups;
  }

  #all(call: GroupedCall<Waiter>, result: SymbolResult): void {
    for (const { resolve } of call.waiters.flat()) resolve(result);
  }

  /** A result that says so of what was to be fetched. */
  error(
    code: FailureCode,
    what: string,
    reason: string,
    retryAfterMs: number | null = null,
  ): { readonly state: "error"; readonly failure: ProviderFailure } {
    const message = `Cannot fetch ${what} from ${this.#ports.source.name}: ${reason}`;
    return { state: "error", failure: failure(code, message.slice(0, 1_000), retryAfterMs) };
  }
}

/** Whether there is no right to make a call. */
export function isRefusal<L>(right: L | CallRefusal): right is CallRefusal {
  return typeof right === "object" && right !== null && "state" in right &&
    right.state === "refused";
}

function suspectName(endpoint: string, symbol: string): string {
  return `${endpoint} ${symbol}`;
}

/** Until the last one who waits gives up, ms. */
function leftOf({ waiters }: GroupedCall<Waiter>, nowMs: number): number {
  return waiters.flat().reduce((most, { untilMs }) => Math.max(most, untilMs - nowMs), 0);
}

/** The call with some of its keys. */
function pick<T>(call: GroupedCall<T>, isIn: (at: number) => boolean): GroupedCall<T> {
  return {
    ...call,
    symbols: call.symbols.filter((_, at) => isIn(at)),
    waiters: call.waiters.filter((_, at) => isIn(at)),
  };
}
