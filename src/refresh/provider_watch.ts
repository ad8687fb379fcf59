/**
 * Looks at the providers that stand behind what is refreshed.
 *
 * @module
 */

import type { ProviderHealth } from "./service_types.ts";

/** What is asked of a provider. */
export interface WatchedStatus {
  /** State of its circuit breaker. */
  readonly breaker: "closed" | "open" | "half_open";
  /** Counts by endpoint. */
  readonly endpoints: readonly { readonly calls: number; readonly failed: number }[];
}

/** Asks a provider how it is; rejects when it does not answer in time. */
export type AskStatus = () => Promise<WatchedStatus>;

/** See the head of this file. */
export class ProviderWatch {
  readonly #providers: ReadonlyMap<string, AskStatus>;
  #health: readonly ProviderHealth[] = [];
  #isLooking = false;

  /** Providers by name. */
  constructor(providers: ReadonlyMap<string, AskStatus>) {
    this.#providers = providers;
  }

  /** As of the last look; none before the first. */
  get health(): readonly ProviderHealth[] {
    return this.#health;
  }

  /**
   * Share of them whose breaker is open, 0 to 1. One that does not answer is as good as open; one
   * that is being tried is not.
   */
  get openRatio(): number {
    const all = this.#health;
    const open = all.filter(({ breaker }) => breaker === "open" || breaker === null).length;
    return all.length === 0 ? 0 : open / all.length;
  }

  /** Looks; one that is not over when the next begins is that one, too. Never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#health = await Promise.all(Array.from(this.#providers, healthOf));
    this.#isLooking = false;
  }
}

async function healthOf([name, ask]: readonly [string, AskStatus]): Promise<ProviderHealth> {
  try {
    const { breaker, endpoints } = await ask();
    const sum = (of: "calls" | "failed") => endpoints.reduce((total, one) => total + one[of], 0);
    return { name, breaker, calls: sum("calls"), failed: sum("failed") };
  } catch {
    // It restarts, or has too much to do.
    return { name, breaker: null, calls: 0, failed: 0 };
  }
}
