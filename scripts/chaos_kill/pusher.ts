/**
 * A client that pushes candles and sends again whatever was not acknowledged.
 *
 * @module
 */

import type { Endpoint } from "./endpoint.ts";
import { PushBodies } from "./inputs.ts";

/** Pause before a request that failed is sent again. */
const RETRY_MS = 5;

/** A request that is not answered by then is taken for lost, and sent again. */
const ANSWER_LIMIT_MS = 10_000;

/** One pusher; it sends one request at a time, in order. */
export class Pusher {
  /** Requests acknowledged so far. */
  acknowledged = 0;
  /** Requests sent again because the service died before it answered. */
  repeated = 0;
  /** Requests sent again because the service had no room, or gave them back. */
  refused = 0;
  readonly #bodies: PushBodies;
  readonly #endpoint: Endpoint;

  constructor(seed: number, pusher: number, endpoint: Endpoint) {
    this.#bodies = new PushBodies(seed, pusher);
    this.#endpoint = endpoint;
  }

  /** Pushes until `isOver` says so, pausing `pauseMs` in between; what it began it ends. */
  async run(isOver: () => boolean, pauseMs: number): Promise<void> {
    while (!isOver()) {
      await this.#push(this.#bodies.next());
      this.acknowledged++;
      if (pauseMs > 0) await pause(pauseMs);
    }
  }

  async #push(body: string): Promise<void> {
    for (;;) {
      const base = await this.#endpoint.base;
      try {
        const response = await fetch(`${base}/api/candles`, {
          method: "POST",
          headers: { "content-type": "application/x-ndjson" },
          body,
          signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
        });
        const text = await response.text();
        if (response.ok) return;
        if (response.status !== 503 && response.status !== 429) {
          throw new RangeError(`the service answered ${response.status}: ${text}`);
        }
        this.refused++;
      } catch (error) {
        if (error instanceof RangeError) throw error;
        this.repeated++;
      }
      await pause(RETRY_MS);
    }
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
