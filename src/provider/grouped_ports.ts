/**
 * The words of keys that travel in calls with others: what is wanted, what comes of it, and the world
 * in which it happens.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import type { LoadedTogether } from "../cache/types.ts";
import type { LimitsNow } from "../warm/batch_load.ts";
import type { DataProvider, ProviderAnswer, ProviderRequest, SymbolResult } from "./port.ts";

/** A key that may travel with others in one call. */
export interface GroupedRequest extends Omit<ProviderRequest, "signal" | "symbols"> {
  /** The key. */
  readonly symbol: string;
  /** Who wants it. */
  readonly user: string;
  /** 0 to 10, 10 first. */
  readonly priority: number;
  /**
   * How long it may wait for others of its kind, ms; null: as long as any that somebody waits for, see
   * `BatchSettings.lingerMs`.
   */
  readonly lingerMs: number | null;
  /** Whether it waits so long only while the provider is busy; default no. */
  readonly isBulk?: boolean;
  /** How long whoever wants it waits for the result, ms; default for ever. */
  readonly timeoutMs?: number;
  /** Results of one call for all who say the same name belong together; default: to nobody. */
  readonly together?: string;
}

/** What came of a key, and with which others it came. */
export type GroupedResult = SymbolResult & {
  /** Left out where it came alone. */
  readonly together?: LoadedTogether;
};

/** A call that was refused before it was made. */
export interface CallRefusal {
  readonly state: "refused";
  /** `open`: the provider fails; `rate`: too many wait for its limits. */
  readonly code: "open" | "rate";
  readonly reason: string;
  readonly retryAfterMs: number;
}

/** What came of a call; `isDown` as in the actor's `PermittedAnswer`. */
export type GroupedAnswer = (ProviderAnswer & { readonly isDown: boolean }) | CallRefusal;

/** The world of grouped calls; `L` is the right to make one call. */
export interface GroupedCallsPorts<L> {
  readonly clock: Clock;
  readonly random: Random;
  readonly source: Pick<DataProvider, "name" | "capabilities" | "groupOf">;
  /** Why no call is made now; null = one may be. */
  refusal(): CallRefusal | null;
  /** Waits for the limits; gives the place in the queue up when the signal aborts, then rejects. */
  acquire(
    wanted: {
      readonly user: string;
      readonly priority: number;
      readonly cost: number;
      readonly signal: AbortSignal;
    },
  ): Promise<L | CallRefusal>;
  /** Nothing was sent with it. */
  unused(right: L): void;
  /** Makes the call. Rejects when the provider breaks its promise, or stops. */
  send(request: Omit<ProviderRequest, "signal">, right: L): Promise<GroupedAnswer>;
  /** The limits now; null for none. */
  limits(): LimitsNow | null;
  /** Calls `GroupedCalls.flush` after that time, and not at the time said before. */
  wakeIn(delayMs: number): void;
}

/** Who waits for a key. */
export interface Waiter {
  readonly user: string;
  readonly together: string | null;
  readonly untilMs: number;
  readonly resolve: (result: GroupedResult) => void;
}
