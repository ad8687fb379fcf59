/**
 * One call of `runBatch`: from sending to the answer, its deadline and its permit.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import type { HeaderSource } from "./limit_headers.ts";
import type { BatchCall, BatchPermit } from "./run_batch_types.ts";

/** A call that did not end in time. */
export class BatchDeadlineError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "BatchDeadlineError";
}

/** A call that is under way, and its permit. */
export class OpenCall implements BatchCall {
  readonly attempts: number;
  /** When it was answered, or failed; null while it is open. */
  answeredMs: number | null = null;
  /** Whether the provider answered well. */
  hasResponded = false;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #permit: BatchPermit | null;
  #cancelDeadline: Cancel = () => {};

  /** Sent now. */
  constructor(clock: Clock, permit: BatchPermit | null, attempts: number) {
    this.#clock = clock;
    this.#permit = permit;
    this.attempts = attempts;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  responded(headers?: HeaderSource): void {
    if (this.answeredMs === null) this.hasResponded = true;
    this.#close((permit) => permit.release(headers));
  }

  /** `process` is over. */
  end(): void {
    this.#close((permit) => permit.release());
  }

  /** `process` failed: with an answer, or nobody knows. */
  failed(error: unknown): void {
    const answer = answerOf(error);
    this.#close((permit) => {
      if (answer === null) permit.lost();
      else permit.release(answer.headers, answer.status);
    });
  }

  /** Rejects when no answer has come by then; stays open for ever when one has. */
  expireAfter(deadlineMs: number): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#cancelDeadline = this.#clock.setTimer(deadlineMs, () => {
      const error = new BatchDeadlineError(
        `Cannot finish call: expected an answer within ${deadlineMs} ms`,
      );
      this.#close((permit) => permit.lost());
      this.#controller.abort(error);
      reject(error);
    });
    return promise;
  }

  #close(give: (permit: BatchPermit) => void): void {
    this.answeredMs ??= this.#clock.now();
    this.#cancelDeadline();
    const permit = this.#permit;
    this.#permit = null;
    if (permit !== null) give(permit);
  }
}

/** What a provider answered, as its error tells; null when it does not. */
function answerOf(error: unknown): { status: number; headers?: HeaderSource } | null {
  if (typeof error !== "object" || error === null) return null;
  const { status, headers } = error as { status?: unknown; headers?: unknown };
  if (typeof status !== "number") return null;
  return isHeaders(headers) ? { status, headers } : { status };
}

function isHeaders(value: unknown): value is HeaderSource {
  return typeof value === "object" && value !== null &&
    typeof (value as Partial<HeaderSource>).get === "function";
}
