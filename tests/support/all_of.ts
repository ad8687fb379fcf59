/**
 * Parts of a test that run side by side.
 *
 * @module
 */

/** Resolves when all are over, of which none may fail: what they share ends no sooner. */
export async function allOf(all: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(all);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
