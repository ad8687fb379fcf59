/**
 * The budget of a provider that several nodes share: one strict sliding window for all of them.
 *
 * Why it is strict. The budget has N slots, and hands them out as permits. A permit is counted as
 * used from the moment it was granted until a window after the response of its request, by the
 * budget's own clock: a node says how long ago the response came, not when, so that no clock of a
 * node matters, and a word that comes late only keeps the slot longer. Between two uses of a slot
 * lies a window as the provider sees it, whatever the jitter: see `slot_ring.ts`.
 *
 * A node may use its permits while its session lives, `sessionMs` from the beginning of the last
 * call that was answered. So one that crashed, was stopped, or cannot reach the budget has stopped
 * to send by then; its permits count as sent `strayMs` later, and are free a window after that.
 *
 * A budget that cannot be reached lets nobody send: each node would else have to guess what the
 * others do. One that may have forgotten something (another server, or the same one started again)
 * begins as if full.
 *
 * @module
 */

/** One limit of a shared budget. */
export interface SharedLimit {
  /** Names it; a limit of another rate has another name. */
  readonly name: string;
  /** Requests of a window. */
  readonly requests: number;
  /** Length of the window, ms. */
  readonly windowMs: number;
  /**
   * `full`: while nobody knows what was sent before, all of it counts as used. `free`: nothing
   * does, and what the budget has kept is trusted.
   */
  readonly begin: "full" | "free";
}

/** What all nodes have to agree on. */
export interface BudgetTerms {
  /** Every permit counts in all of them. */
  readonly limits: readonly SharedLimit[];
  /** How long a request without a response may be on its way, ms. */
  readonly strayMs: number;
  /** How long a node may use its permits without a word of the budget, ms. */
  readonly sessionMs: number;
  /** By how much windows are longer, as the clocks of provider and budget may differ. */
  readonly driftRatio: number;
}

/** Permits whose response came together. */
export interface BudgetUse {
  /** How long ago, ms; below 0: none will come, but the request may arrive for so long. */
  readonly ageMs: number;
  /** Calls. */
  readonly count: number;
}

/** What a node says and asks for. Said again with the same number it counts once. */
export interface BudgetSync {
  /** A life of the node, never the same twice. */
  readonly session: string;
  /** Ascending from 1 within the session. */
  readonly number: number;
  /** Permits that are wanted. */
  readonly want: number;
  /** Fewer than this are of no use; 1 to `want`. */
  readonly least: number;
  /** Permits with which nothing was sent. */
  readonly unused: number;
  /** Permits that were used; at most {@linkcode BUDGET_BOUNDS}`.uses`. */
  readonly uses: readonly BudgetUse[];
  /** The provider wants nothing for so long, from all nodes; 0 = it did not say so. */
  readonly pauseMs: number;
  /** What the provider said that its limit is; null = nothing. Counts where there is one limit. */
  readonly reported: number | null;
}

/** What comes of it. */
export type BudgetReply =
  | {
    readonly state: "ok";
    /** Permits, 0 or `least` to `want`. */
    readonly granted: number;
    /** When more may be had, as far as it is known, ms; 0 when nothing more is wanted. */
    readonly waitMs: number;
    /** Nothing may be sent for so long. */
    readonly pausedMs: number;
    /** The limit as the provider reported it to any node. */
    readonly reported: number | null;
  }
  /** The session is not known, or not any more: its permits are void. */
  | { readonly state: "lost" };

/** See the module's text. */
export interface SharedBudget {
  /** The limits, the same on all nodes. */
  readonly terms: BudgetTerms;
  /** Rejects when nobody knows whether it was done; then the same is to be said again. */
  sync(request: BudgetSync): Promise<BudgetReply>;
}

/** Bounds of a shared budget. */
export const BUDGET_BOUNDS = {
  /** Sessions that are known: each is looked at in every call. */
  sessions: 128,
  /** Different times that are kept of a window; uses between two of them count as the later. */
  grains: 4_096,
  /** Uses of one call. */
  uses: 64,
  /** Longest pause, ms: a wrong header does not stop a job for ever. */
  pauseMs: 86_400_000,
  /** Who waits comes again within, ms. */
  waitMs: 1_000,
  /** Who waits and does not come when he said has lost his turn so long after, ms. */
  slackMs: 100,
  /** Who waits for the turn of another comes again after, ms. */
  turnMs: 5,
} as const;

/**
 * Most permits granted at once while others wait, for fairness: a sixteenth of the smallest limit.
 */
export function quantumOf({ limits }: BudgetTerms): number {
  return Math.max(1, Math.ceil(Math.min(...limits.map(({ requests }) => requests)) / 16));
}
