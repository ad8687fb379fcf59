/**
 * The part of `@std/async` that this project uses, under the same names and signatures.
 * `deno.json` maps `@std/async` to this file because JSR is not reachable from every machine that
 * builds the project; where it is, mapping the name to the real package needs no other change.
 *
 * @example
 * ```ts
 * import { deadline, delay } from "@std/async";
 *
 * await deadline(delay(10), 1_000);
 * ```
 *
 * @module
 */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the delay early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether the process stays alive while the delay runs. True by default. */
  persistent?: boolean;
}

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

// A timer of more milliseconds would fire at once: longer delays are chains of timers.
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Resolves after `ms` milliseconds.
 *
 * - A delay of any length works; one of zero still yields to the timers.
 * - An aborted delay leaves no timer and no listener behind.
 *
 * @throws The signal's reason, when it aborts first.
 */
export async function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  let leftMs = Math.max(ms, 0) || 0;
  do {
    const partMs = Math.min(leftMs, TIMER_MAX_MS);
    await timer(partMs, options.signal, options.persistent ?? true);
    leftMs -= partMs;
  } while (leftMs > 0);
}

function timer(ms: number, signal: AbortSignal | undefined, persistent: boolean): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(id);
      reject(signal?.reason);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
    if (!persistent) Deno.unrefTimer(id);
  });
}

/**
 * Resolves like `p`, unless `ms` milliseconds pass first.
 *
 * - The work behind `p` goes on: only the wait ends.
 * - No timer and no listener is left behind, whichever comes first.
 *
 * @throws {DOMException} `TimeoutError` when the time is up, or the signal's reason.
 */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  options.signal?.throwIfAborted();
  const timeUp = Promise.withResolvers<never>();
  const abort = () => timeUp.reject(options.signal?.reason);
  const id = setTimeout(
    () => timeUp.reject(new DOMException("Signal timed out.", "TimeoutError")),
    Math.min(ms, TIMER_MAX_MS),
  );
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([p, timeUp.promise]);
  } finally {
    clearTimeout(id);
    options.signal?.removeEventListener("abort", abort);
  }
}
