/**
 * Waiting that an interrupt ends.
 *
 * @module
 */

import type { CliIo } from "./io.ts";

/** Waits `ms`; false when it was interrupted. */
export async function pause(
  ms: number,
  { clock, interrupted }: Pick<CliIo, "clock" | "interrupted">,
): Promise<boolean> {
  if (interrupted.aborted) return false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.setTimer(ms, resolve);
  const onAbort = () => resolve();
  interrupted.addEventListener("abort", onAbort, { once: true });
  await promise;
  cancel();
  interrupted.removeEventListener("abort", onAbort);
  return !interrupted.aborted;
}
