/**
 * The clients that push candles: to any node that they believe alive, and again, to another, until
 * somebody acknowledges. What was taken although its sender gave up waiting comes twice, and later
 * than what follows it; nodes have to put up with that.
 *
 * @module
 */

import { pause, type Random, systemClock } from "../../src/actor/clock.ts";
import type { Inputs } from "./inputs.ts";

/** Requests under way, each of another group of series: some wait for a node that sleeps. */
const CLIENTS = 12;
/** A request that is not answered within this is sent to another node, ms: less than a pause. */
const ANSWER_LIMIT_MS = 1_200;
/** Between two looks whether more may be sent, ms. */
const LOOK_MS = 5;
/** Before a request that failed is sent again, ms. */
const RETRY_MS = 10;

/** How pushers are set up. */
export interface PushersOptions {
  readonly inputs: Inputs;
  readonly random: Random;
  /** Where a node may be reached, at random; null when none is known to live. */
  readonly target: () => string | null;
  /** Rows that may have been sent by now. */
  readonly allowed: () => number;
}

/** All clients. */
export class Pushers {
  /** Rows that were acknowledged. */
  rows = 0;
  requests = 0;
  /** Requests sent again because nobody answered. */
  unanswered = 0;
  /** Requests sent again because a node had no room, or could not reach Redis. */
  refused = 0;
  readonly #options: PushersOptions;
  /** Groups that nobody sends at present, and where each goes on. */
  readonly #idle: { readonly group: number; bar: number }[];
  /** Rows that were begun to be sent. */
  #begun = 0;
  #isOver = false;

  constructor(options: PushersOptions) {
    this.#options = options;
    this.#idle = Array.from({ length: options.inputs.groups }, (_, group) => ({ group, bar: 0 }));
  }

  /** Sends everything. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
  }

  /** Ends it early. */
  stop(): void {
    this.#isOver = true;
  }

  async #client(): Promise<void> {
    const { inputs, allowed } = this.#options;
    while (!this.#isOver) {
      const next = this.#begun < allowed() ? this.#idle.shift() : undefined;
      if (next === undefined) {
        if (this.#begun >= inputs.rows) return;
        await pause(systemClock, LOOK_MS);
        continue;
      }
      const request = inputs.request(next.group, next.bar);
      if (request === null) continue;
      this.#begun += request.rows;
      await this.#push(request.body);
      this.rows += request.rows;
      next.bar = request.toBar;
      this.#idle.push(next);
    }
  }

  async #push(body: string): Promise<void> {
    while (!this.#isOver) {
      const target = this.#options.target();
      if (target !== null && await this.#isTaken(target, body)) {
        this.requests++;
        return;
      }
      await pause(systemClock, RETRY_MS * (1 + this.#options.random.next()));
    }
  }

  async #isTaken(target: string, body: string): Promise<boolean> {
    let status: number, text: string;
    try {
      const response = await fetch(`${target}/api/candles`, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson" },
        body,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      status = response.status;
      text = await response.text();
    } catch {
      this.unanswered++;
      return false;
    }
    if (status === 200) return true;
    if (status !== 503 && status !== 429) {
      throw new RangeError(`Cannot push candles: a node answered ${status}: ${text}`);
    }
    this.refused++;
    return false;
  }
}
