/**
 * One request to a receiver, within its time: whatever happens is an outcome, nothing is thrown.
 *
 * @module
 */

import type { Clock } from "../../actor/clock.ts";
import {
  type CallOutcome,
  failureOf,
  outcomeOf,
  timeoutFailure,
  type WebhookCall,
  type WebhookRequest,
} from "./call.ts";

/** What a post needs of whoever makes it. */
export interface PostOptions {
  /** Time of the timeout. */
  readonly clock: Clock;
  /** Makes the request. */
  readonly call: WebhookCall;
  /** Time for it to be answered. */
  readonly timeoutMs: number;
  /** Gives it up. */
  readonly stopping: AbortSignal;
}

/** Posts it; resolves to what the answer means. */
export async function post(
  request: WebhookRequest,
  { clock, call, timeoutMs, stopping }: PostOptions,
): Promise<CallOutcome> {
  const timeout = new AbortController();
  const cancel = clock.setTimer(timeoutMs, () => timeout.abort());
  try {
    return outcomeOf(await call(request, AbortSignal.any([stopping, timeout.signal])));
  } catch (error) {
    return timeout.signal.aborted
      ? timeoutFailure(request.url, timeoutMs)
      : failureOf(error, request.url);
  } finally {
    cancel();
  }
}
