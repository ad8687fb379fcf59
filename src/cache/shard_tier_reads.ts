/**
 * Reads of the second tier with a deadline: a load that could go upstream does not wait for a tier
 * that hangs.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import type { SecondTier, TierEntry } from "./types.ts";

/** See the head of this file. */
export class TierReads {
  readonly #clock: Pick<Clock, "setTimer">;
  readonly #timeoutMs: number;
  readonly #cancels = new Set<Cancel>();
  /** Reads that did not end in time, or broke. */
  timeouts = 0;

  /** None under way. */
  constructor(
    { clock, secondTierTimeoutMs }: {
      readonly clock: Pick<Clock, "setTimer">;
      readonly secondTierTimeoutMs: number;
    },
  ) {
    this.#clock = clock;
    this.#timeoutMs = secondTierTimeoutMs;
  }

  /** Entries in the order of the keys; null when they do not come in time. Never rejects. */
  getMany(
    tier: SecondTier,
    keys: readonly string[],
  ): Promise<readonly (TierEntry | null)[] | null> {
    return new Promise((resolve) => {
      const settle = (entries: readonly (TierEntry | null)[] | null) => {
        if (!this.#cancels.delete(cancel)) return;
        cancel();
        if (entries === null) this.timeouts++;
        resolve(entries);
      };
      const cancel = this.#clock.setTimer(this.#timeoutMs, () => settle(null));
      this.#cancels.add(cancel);
      tier.getMany(keys).then(settle, () => settle(null));
    });
  }

  /** Ends the deadlines; reads under way are never answered. */
  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
