/**
 * What access statistics are made of, and what they tell.
 *
 * @module
 */

import type { Random } from "../actor/clock.ts";
import type { AnswerCounts } from "./slot_figures.ts";
import type { KeyMarket } from "./types.ts";

/** What `AccessStatistics` is made of. */
export interface StatisticsOptions {
  /** Slots; default `KEYS_DEFAULT`. */
  readonly keysMax?: number;
  /** Makes the secret of the index. */
  readonly random: Random;
  /** When it begins, epoch ms. */
  readonly nowMs: number;
  /** What is known of a key's market; null: nothing, it is taken to trade always. */
  marketOf(key: string): KeyMarket | null;
  /** Patterns of users, opt-in: `usersMax` of them, default `USERS_DEFAULT`. */
  readonly users?: { readonly usersMax?: number } | null;
  /** A slot has got a key. Must not record. */
  onTracked?(slot: number, key: string, atMs: number): void;
  /** A slot loses its key, which `keyAt` still has. Must not record. */
  onReplaced?(slot: number): void;
}

/** A key with its figures. */
export interface RankedKey {
  readonly key: string;
  readonly slot: number;
  /** What it was ranked by; see the method. */
  readonly score: number;
  /** Accesses, decayed with a half-life of a day, and of an hour. */
  readonly accesses: number;
  readonly recent: number;
  /** When it was asked for last, epoch ms, to the second. */
  readonly lastAtMs: number;
  /** Share of accesses that did not wait, of late; null when nothing is known. */
  readonly hitRatio: number | null;
}

/** A sector with its figures, over the tracked keys. */
export interface SectorFigures {
  readonly sector: string;
  readonly keys: number;
  /** Accesses, decayed with a half-life of a day, and of an hour. */
  readonly accesses: number;
  readonly recent: number;
  /** As `trending`: above 1 it surely is asked for more than usual. */
  readonly ratio: number;
}

/** Sums over all accesses, since the statistics began. */
export interface AccessTotals extends AnswerCounts {
  readonly sinceMs: number;
  readonly accesses: number;
  /** Accesses that were not noted, since they came too fast. */
  readonly lost: number;
  /** Accesses to keys that cannot be kept: longer than 255 bytes. */
  readonly untracked: number;
}
