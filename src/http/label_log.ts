/**
 * The label log as the stream reads it, over whoever can read commits and tell of new ones.
 *
 * @module
 */

import { storeErrorCode } from "../store/error.ts";
import type { LoggedCommit } from "../store/port.ts";
import type { Gone, LabelLogPort } from "./port.ts";

/**
 * Reads the log after a seq: whole commits, oldest first, until `limit` rows are passed; commits
 * without labels are left out. Rejects when it cannot be read now.
 */
export type ReadLog = (
  seq: number,
  limit: number,
) => Promise<{ readonly state: "ok"; readonly commits: readonly LoggedCommit[] } | Gone>;

/** What a log is read from; either rejects when the store does not answer. */
export interface LoggedCommits {
  /** As `labelsAfter` of the store, its errors included. */
  after(seq: number, limit: number): Promise<readonly LoggedCommit[]>;
  /** The oldest seq to read after. */
  oldestSeq(): Promise<number>;
}

/** Reads the log of a store. */
export function logReader({ after, oldestSeq }: LoggedCommits): ReadLog {
  return async (seq, limit) => {
    try {
      return { state: "ok", commits: await after(seq, limit) };
    } catch (error) {
      if (storeErrorCode(error) !== "gone") throw error;
      return { state: "gone", oldestSeq: await oldestSeq() };
    }
  };
}

/**
 * See the module's text.
 *
 * - `committed` is called with the seq of every commit once it can be read, in order; a call may be
 *   left out when a later one follows.
 * - A stream never reads past the seq that was told last, so that it sees nothing unpublished.
 */
export class LabelLog implements LabelLogPort {
  readonly #read: ReadLog;
  readonly #wakers = new Set<(seq: number) => void>();
  #seq: number;

  /** `seq` is that of the last commit when it begins. */
  constructor(read: ReadLog, seq: number) {
    this.#read = read;
    this.#seq = seq;
  }

  seq(): number {
    return this.#seq;
  }

  /** There is a new commit; O(streams). */
  committed(seq: number): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    for (const wake of this.#wakers) wake(seq);
  }

  async after(seq: number, limit: number): ReturnType<ReadAfter> {
    // First: what is committed while it reads may be missing from the answer.
    const lastSeq = this.#seq;
    const found = await this.#read(seq, limit);
    if (found.state === "gone") return found;
    const commits = found.commits.filter((commit) => commit.seq <= lastSeq);
    const rows = commits.reduce((sum, { labels }) => sum + labels.length, 0);
    const isAll = rows < limit || commits.length < found.commits.length;
    return { state: "ok", commits, throughSeq: isAll ? lastSeq : commits.at(-1)?.seq ?? lastSeq };
  }

  onCommit(wake: (seq: number) => void): () => void {
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }
}

/** @internal */
type ReadAfter = (
  seq: number,
  limit: number,
) => Promise<Awaited<ReturnType<LabelLogPort["after"]>>>;
