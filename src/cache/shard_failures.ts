/**
 * Failures that a shard answers with of its own, beside those of loaders.
 *
 * @module
 */

import { shown } from "./error.ts";
import type { Found } from "./types.ts";

/** When to try again after there was no room for a load, ms. */
const OVERLOAD_RETRY_MS = 1_000;

/** An answer of no value. */
export type Failed = Extract<Found<never>, { state: "failed" }>;

function failedWith(code: string, message: string, retryAfterMs: number | null = null): Failed {
  return { state: "failed", failure: { code, message, retryAfterMs } };
}

/** There was no room for a load. */
export function overload(key: string): Failed {
  const expected = "expected room for one more load: current value is none";
  return failedWith("overload", `Cannot load ${shown(key)}: ${expected}`, OVERLOAD_RETRY_MS);
}

/** A load, or a caller's wait for it, did not end in time. */
export function timeout(key: string): Failed {
  const expected = "expected it to end in time: current value is unknown";
  return failedWith("timeout", `Cannot load ${shown(key)}: ${expected}`);
}

/** What was loaded, twice, misses a commit of before the question. */
export function outdated(key: string): Failed {
  const expected = "expected a value as of the last commit: current value is older";
  return failedWith("outdated", `Cannot load ${shown(key)}: ${expected}`);
}

/** The answer of a shard that is closed. */
export function closed(key: string): Failed {
  const expected = "expected an open shard: current value is closed";
  return failedWith("closed", `Cannot load ${shown(key)}: ${expected}`);
}

/** What came cannot be kept; the text is our own. */
export function unfit(key: string, error: unknown): Failed {
  const reason = error instanceof Error ? error.message : "it cannot be kept";
  return failedWith("value", `Cannot load ${shown(key)}: ${reason}`);
}

/** A loader that breaks its promise; its text may hold anything, so only the kind of error is told. */
export function broken(key: string, error: unknown): Failed {
  const name = error instanceof Error ? error.name : typeof error;
  return failedWith(
    "loader",
    `Cannot load ${shown(key)}: expected a result: current value is ${name}`,
  );
}
