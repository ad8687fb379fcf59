/**
 * What is set of the grouping of keys into calls, and what it says of itself.
 *
 * @module
 */

import { CACHE_LINGER_MS } from "./cache_request.ts";
import { LOW_LOAD_HOURS_DEFAULT } from "../warm/batch_hours.ts";

/** What may be set. */
export interface BatchSettings {
  /** Whether keys are grouped; else each is a call of its own, at once. */
  readonly isEnabled: boolean;
  /** Most keys of a call, where its endpoint takes as many. */
  readonly keysMax: number;
  /** Longest time that bulk work waits for company and for an idle provider, ms. */
  readonly bulkLingerMaxMs: number;
  /** How long keys that somebody waits for wait for others, ms; see `CACHE_LINGER_MS`. */
  readonly lingerMs: number;
  /** Hours of low load until they are learned, 0 to 23, UTC. */
  readonly lowLoadHours: readonly number[];
}

/** What holds unless set otherwise. */
export const BATCH_DEFAULTS: BatchSettings = {
  isEnabled: true,
  keysMax: 50,
  bulkLingerMaxMs: 60_000,
  lingerMs: CACHE_LINGER_MS.demand,
  lowLoadHours: LOW_LOAD_HOURS_DEFAULT,
};

/** Longest `lingerMs`, ms: company is not worth more of a user's time. */
export const LINGER_MAX_MS = 1_000;

/** Longest that tuning lets somebody wait for company unless told otherwise, ms: 4 times the default. */
export const LINGER_TUNED_MAX_MS = 20;

/** Sums since the provider's actor was made. */
export interface BatchCounts {
  /** Calls made for grouped keys, those for halves and those made again included. */
  calls: number;
  /** Keys of these calls. */
  keys: number;
  /** Wishes for a key that waited already, and so cost no key. */
  coalesced: number;
  /** Calls that failed and were made again as they were. */
  retried: number;
  /** Calls that failed and were halved. */
  bisected: number;
  /** Calls made for halves. */
  halves: number;
  /** Keys that were not asked for, since nobody waited any more when it was their turn. */
  expired: number;
}

/** The sums, and how it is now. */
export interface BatchStatus extends Readonly<BatchCounts> {
  /** Keys that were found to make their call fail, and travel alone now. */
  readonly suspects: number;
  /** Keys of bulk work that wait now. */
  readonly bulkWaiting: number;
  /** Most keys of a call. */
  readonly callKeysMax: number;
  /** How long keys that somebody waits for wait for others, ms. */
  readonly lingerMs: number;
  /** Share of the limits in use, 0 to 1. */
  readonly loadRatio: number;
  /** Whether this is an hour of low load. */
  readonly isLowLoad: boolean;
}
