/**
 * Waiting that ends: with a result, with time, or with a signal.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";

/** What a wait ended with. */
export type Waited<T> =
  | { readonly state: "done"; readonly value: T }
  | { readonly state: "timeout" }
  | { readonly state: "aborted" };

/** Waits for a promise, at most `ms`, or until the signal. Leaves no timer and no listener. */
export async function waitFor<T>(
  promise: Promise<T>,
  ms: number,
  signal: AbortSignal,
  clock: Clock,
): Promise<Waited<T>> {
  if (signal.aborted) return { state: "aborted" };
  const { promise: ended, resolve } = Promise.withResolvers<Waited<T>>();
  const cancel = clock.setTimer(ms, () => resolve({ state: "timeout" }));
  const onAbort = () => resolve({ state: "aborted" });
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([
      promise.then((value): Waited<T> => ({ state: "done", value })),
      ended,
    ]);
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}
