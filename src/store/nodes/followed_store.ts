/**
 * What a store does beside the port that is a copy of a log shared with others.
 *
 * @module
 */

import type { Clock } from "../../actor/clock.ts";
import type { ReplicatedStore } from "../log/replicated_store.ts";
import { storeErrorCode } from "../error.ts";
import type { Store, Touched } from "../port.ts";
import { AppliedNewsLog } from "./applied_news.ts";

/** A record that was written or dropped, by whomever. */
export interface ChangedRecord {
  readonly kind: string;
  readonly key: string;
}

/** What a copy has applied after a seq, whoever committed it. */
export interface AppliedNews {
  /** Its last commit. */
  readonly seq: number;
  /** Epoch ms of that; 0 when there was none since the copy was opened. */
  readonly atMs: number;
  /** Label rows, new, completed and changed, of the commits after the seq that was asked for. */
  readonly rows: number;
  /** Records that were written or dropped so far, in commits and beside them. */
  readonly changes: number;
  /** Those after the count that was asked for; null when so many were that nobody knows which. */
  readonly records: readonly ChangedRecord[] | null;
}

/** The same with what the commits touched. */
export interface TouchedNews extends AppliedNews {
  /** As `touched` of the store; null when it no longer reaches back to the seq. */
  readonly touched: readonly Touched[] | null;
}

/** See the module's text. */
export interface FollowedStore {
  readonly store: ReplicatedStore;
  /**
   * Resolves once there is a commit after `seq`, or a record after so many `changes`, and after about
   * a second in any case; with at most about `ranges` ranges that were touched.
   */
  appliedAfter(seq: number, changes: number, ranges: number): Promise<TouchedNews>;
  /** Answers whoever waits; the store itself stays open. */
  end(): void;
}

/** The same store, as one that follows a log; null for one that does not. */
export function followedStore(store: Store, clock: Clock): FollowedStore | null {
  // Its class is not looked at: only threads, and nodes, load it.
  if (!("onApplied" in store)) return null;
  const copy = store as ReplicatedStore;
  const news = new AppliedNewsLog(clock, copy.seq);
  const unwatch = copy.onApplied((applied) => news.applied(applied));
  const touchedAfter = (seq: number, ranges: number) => {
    try {
      return copy.touched(seq, ranges);
    } catch (error) {
      if (storeErrorCode(error) === "gone") return null;
      throw error;
    }
  };
  return {
    store: copy,
    end: () => {
      unwatch();
      news.end();
    },
    appliedAfter: async (seq, changes, ranges) => {
      const found = await news.after(seq, changes);
      return { ...found, touched: found.seq > seq ? touchedAfter(seq, ranges) : [] };
    },
  };
}
