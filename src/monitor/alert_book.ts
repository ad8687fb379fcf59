/**
 * What a book of alerts is set up with, answers and keeps; see `alerts.ts`.
 *
 * @module
 */

import type { Alert, AlertEvent } from "./alert.ts";
import type { Causes } from "./alert_causes.ts";

/** How a book is set up. */
export interface BookOptions {
  /** Least time between two `fired` of one identity, ms; default 5 min. */
  readonly cooldownMs?: number;
  /** Least time between two `fired` events of one rule, ms; default 30 s. */
  readonly groupMs?: number;
  /** How long what a cause explained stays muted after its end, ms; default 60 s. */
  readonly graceMs?: number;
  /** An identity of which no rule has said anything for so long is resolved, ms; default 5 min. */
  readonly absentMs?: number;
  /** Identities that are kept; default {@linkcode ALERTS_MAX}. */
  readonly alertsMax?: number;
  /** Resolved alerts that are kept; default {@linkcode HISTORY_MAX}. */
  readonly historyMax?: number;
  /** Which components explain which; default that of this service. */
  readonly causes?: Causes;
}

/** Identities that are kept: some 1 kB each; whoever has more wrong has one problem, not many. */
export const ALERTS_MAX = 1_024;
/** Resolved alerts that are kept: some weeks of a service that is looked after. */
export const HISTORY_MAX = 512;
/** Longest note and name of an acknowledgement in characters. */
export const NOTE_CHARS_MAX = 500;

/** What a book holds, for a restart; plain data. */
export interface BookState {
  /** Of this layout. */
  readonly version: 1;
  /** When it was taken, epoch ms. */
  readonly at: number;
  /** Pending and firing, and those resolved that still cool down. */
  readonly held: readonly {
    readonly alert: Alert;
    /** Whether it is a cause. */
    readonly isCause: boolean;
    /** Time since it was last told, ms; null = it never was. */
    readonly toldAgoMs: number | null;
  }[];
  /** Resolved, the oldest first. */
  readonly history: readonly Alert[];
}

/** Answer to an acknowledgement. `known`: somebody did before; `unknown`: nothing like that fires. */
export type AckResult =
  | { readonly state: "acknowledged"; readonly event: AlertEvent }
  | { readonly state: "known"; readonly alert: Alert }
  | { readonly state: "unknown" };

/** Counts of a book since its start. */
export interface BookCounts {
  /** Pending now. */
  readonly pending: number;
  /** Firing now. */
  readonly firing: number;
  /** Alerts told as fired. */
  readonly fired: number;
  /** Alerts held back, once for each reason. */
  readonly suppressed: number;
  /** Alerts that found no room, or lost theirs to a more severe one. */
  readonly refused: number;
}
