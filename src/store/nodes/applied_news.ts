/**
 * What a copy has applied lately, for whoever follows it: commits with how many label rows each wrote,
 * and which records were written or dropped.
 *
 * @module
 */

import type { Cancel, Clock } from "../../actor/clock.ts";
import type { AppliedEntry } from "../log/replicated_store.ts";
import type { AppliedNews, ChangedRecord } from "./followed_store.ts";

/** Bounds of what is remembered for a follower that is slow. */
export const APPLIED_NEWS_BOUNDS = {
  /** Commits whose rows are known by themselves: some seconds of small ones. */
  commits: 4_096,
  /** Changes of records that are known by themselves. */
  records: 4_096,
  /** A question that nothing new answers is answered after so long, ms. */
  waitMs: 1_000,
} as const;

interface AppliedCommit {
  readonly seq: number;
  readonly rows: number;
}

/** See the module's text. */
export class AppliedNewsLog {
  readonly #clock: Clock;
  readonly #commits: AppliedCommit[] = [];
  readonly #records: ChangedRecord[] = [];
  readonly #wakers = new Set<() => void>();
  #isOver = false;
  #seq: number;
  #atMs = 0;
  #changes = 0;

  /** `seq` is that of the last commit when it begins. */
  constructor(clock: Clock, seq: number) {
    this.#clock = clock;
    this.#seq = seq;
  }

  /** An entry was applied. */
  applied({ seq, atMs, change, outcome }: AppliedEntry): void {
    if (outcome.state === "committed") {
      this.#seq = seq;
      this.#atMs = atMs;
      let rows = 0;
      for (const { labels, revised } of outcome.batches) rows += labels + revised;
      this.#commits.push({ seq, rows });
      if (this.#commits.length > 2 * APPLIED_NEWS_BOUNDS.commits) {
        this.#commits.splice(0, APPLIED_NEWS_BOUNDS.commits);
      }
    }
    if (change.kind === "commit" && outcome.state === "committed") {
      for (const { records = [] } of change.batches) {
        for (const { kind, key } of records) this.#changed(kind, key);
      }
    } else if ((change.kind === "put" || change.kind === "drop") && outcome.state === "written") {
      this.#changed(change.record[0], change.record[1]);
    } else if (outcome.state !== "committed") return;
    for (const wake of [...this.#wakers]) wake();
  }

  #changed(kind: string, key: string): void {
    this.#changes++;
    this.#records.push({ kind, key });
    if (this.#records.length > 2 * APPLIED_NEWS_BOUNDS.records) {
      this.#records.splice(0, APPLIED_NEWS_BOUNDS.records);
    }
  }

  /** See `FollowedStore.appliedAfter`. */
  after(seq: number, changes: number): Promise<AppliedNews> {
    // A copy that was opened anew may know of less than it is asked for: that is news as well.
    const isNew = () => this.#seq !== seq || this.#changes !== changes;
    if (this.#isOver || isNew()) return Promise.resolve(this.#news(seq, changes));
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#wakers.delete(wake);
        resolve(this.#news(seq, changes));
      };
      const wake = () => {
        if (this.#isOver || isNew()) end();
      };
      const cancel: Cancel = this.#clock.setTimer(APPLIED_NEWS_BOUNDS.waitMs, end);
      this.#wakers.add(wake);
    });
  }

  /** Nothing more is applied: answers whoever waits. */
  end(): void {
    this.#isOver = true;
    for (const wake of [...this.#wakers]) wake();
  }

  #news(seq: number, changes: number): AppliedNews {
    let rows = 0;
    for (let at = this.#commits.length - 1; at >= 0; at--) {
      const commit = this.#commits[at] as AppliedCommit;
      if (commit.seq <= seq) break;
      rows += commit.rows;
    }
    const isKnown = changes <= this.#changes && changes >= this.#changes - this.#records.length;
    const records = isKnown
      ? this.#records.slice(this.#records.length - (this.#changes - changes))
      : null;
    return { seq: this.#seq, atMs: this.#atMs, rows, changes: this.#changes, records };
  }
}
