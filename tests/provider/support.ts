/**
 * What the tests of this folder share: requests, and a virtual clock that runs while one waits.
 *
 * @module
 */

import type { VirtualClock } from "../../src/actor/clock.ts";
import type { ProviderRequest } from "../../src/provider/port.ts";
import type { ProviderKind } from "../../src/provider/values.ts";

/** A day in ms. */
export const DAY_MS = 86_400_000;

/** Wednesday, 2024-01-10: a day on which every market trades. */
export const WEDNESDAY_MS = Date.UTC(2024, 0, 10);

/** A signal that never aborts. */
export const CALM: AbortSignal = new AbortController().signal;

/** A request for a month up to that Wednesday, days where there are bars. */
export function requestOf<K extends ProviderKind>(
  kind: K,
  symbols: readonly string[],
  more: Partial<ProviderRequest<K>> = {},
): ProviderRequest<K> {
  const toMs = WEDNESDAY_MS + DAY_MS;
  return {
    kind,
    symbols,
    fromMs: toMs - 30 * DAY_MS,
    toMs,
    granularity: "D",
    signal: CALM,
    ...more,
  };
}

/** The one day of {@linkcode WEDNESDAY_MS}. */
export const ONE_DAY = { fromMs: WEDNESDAY_MS, toMs: WEDNESDAY_MS + DAY_MS };

/** Lets a promise settle, firing one timer after another as long as it does not. */
export async function driven<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => void (isSettled = true);
  promise.then(settle, settle);
  for (let idle = 0; !isSettled && idle < 100;) {
    // Several turns of microtasks, since what fired may need some to set its next timer.
    for (let turn = 0; turn < 10 && !isSettled; turn++) await Promise.resolve();
    if (!isSettled) idle = clock.fireNext() ? 0 : idle + 1;
  }
  return await promise;
}
