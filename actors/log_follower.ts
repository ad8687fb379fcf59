/**
 * In a node, tells of every commit that its copy of the store has applied, whoever made it, in the
 * order of their seqs: first the cache, then the sinks, as the label pool does where it is alone. What
 * others wrote beside commits (instruments, levels) is told of as well.
 *
 * - What was told of is kept over restarts of the actor, so that nothing is told twice or skipped. A
 *   sink of labels that cannot be given what lies between (the log gave it up) is not told of it, and
 *   the gap is counted; the others can read what they missed.
 * - It asks with a question that is answered when there is something new, so it costs nothing while
 *   nothing happens; what came meanwhile is told of at once.
 *
 * @module
 */

import { actor, type Context, type Ref, type TellRef, textOf } from "../src/actor/mod.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import { unpackLogged } from "../src/store/commit_codec.ts";
import { storeErrorCode } from "../src/store/error.ts";
import type { AppliedNews, ChangedRecord, TouchedNews } from "../src/store/nodes/followed_store.ts";
import { TouchedSeqs } from "../src/store/nodes/touched_seqs.ts";
import type { LoggedCommit, Touched } from "../src/store/port.ts";
import type { CommitSink, LabelPool, LabelSink, Store } from "./protocols.ts";
import { LogFollower } from "./protocols_nodes.ts";

/** What outlives incarnations of the follower. */
export interface FollowerCell {
  /** The last commit that was told of; null before the first. */
  toldSeq: number | null;
  /** Changes of records that were told of, of those since the copy was opened. */
  toldChanges: number;
}

/** How a follower is set up. */
export interface LogFollowerArgs {
  readonly store: Ref<typeof Store.definition>;
  readonly cell: FollowerCell;
  /** The cache, if there is one. */
  readonly cache?: Pick<CacheRouter<unknown>, "seq" | "caughtUp" | "missed">;
  /** Told of every commit's labels. */
  readonly sinks: readonly TellRef<typeof LabelSink.definition>[];
  /** Told that there was one. */
  readonly commitSinks: readonly TellRef<typeof CommitSink.definition>[];
  /** Answers with what is in the store by now. */
  readonly pool: TellRef<typeof LabelPool.definition>;
  /** Told of records; null: nobody knows which. */
  readonly onRecords?: (changed: readonly ChangedRecord[] | null) => void;
}

/** A little longer than the store lets wait. */
const APPLIED = { timeoutMs: 10_000 } as const;
const ANSWER = { timeoutMs: 60_000 } as const;
/** After a store that did not answer. */
const AGAIN_MS = 200;
/** Ranges of one look: some 5 MB, and a turn of some 10 ms. */
const RANGES_MAX = 10_000;
/** Label rows of one look: some 10 MB. */
const LABEL_ROWS_MAX = 65_536;

/** See the module's text. */
export const logFollower = actor(LogFollower, async (ctx, args: LogFollowerArgs) => {
  const run = new Follower(ctx, args);
  await run.begin();
  ctx.timer("look", { delayMs: 0 }, "look", {});
  return {
    status: () => run.status(),
    touchedSeq: ({ series }) => run.touched.after(series),
    look: () => run.look(),
  };
});

class Follower {
  readonly touched: TouchedSeqs;
  readonly #ctx: Context<typeof LogFollower.definition>;
  readonly #args: LogFollowerArgs;
  #isLooking = false;
  #isOver = false;
  #commits = 0;
  #gaps = 0;
  #lastError: string | null = null;

  constructor(ctx: Context<typeof LogFollower.definition>, args: LogFollowerArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.touched = new TouchedSeqs();
    ctx.onStop(() => {
      this.#isOver = true;
    });
  }

  /** What was there before is no news, unless a former incarnation has not told of it. */
  async begin(): Promise<void> {
    const { store, cell, cache } = this.#args;
    const seq = await store.ask("seq", {}, ANSWER);
    if (cell.toldSeq === null) {
      // Entries of an earlier process may be older than its commits: nobody knows.
      cache?.missed(seq);
      cell.toldSeq = seq;
    }
    this.touched.forget(cell.toldSeq);
  }

  /** Asks for what is new; a question at a time. */
  look(): void {
    if (this.#isLooking || this.#isOver) return;
    this.#isLooking = true;
    this.#next().then(
      () => this.#again(0),
      (error) => {
        if (this.#lastError === null) {
          this.#ctx.log("warn", "cannot follow the log", { reason: textOf(error) });
        }
        this.#lastError = textOf(error);
        this.#again(AGAIN_MS);
      },
    );
  }

  #again(delayMs: number): void {
    this.#isLooking = false;
    if (!this.#isOver) this.#ctx.timer("look", { delayMs }, "look", {});
  }

  status() {
    return {
      state: this.#lastError === null ? "ok" as const : "away" as const,
      toldSeq: this.#args.cell.toldSeq ?? 0,
      commits: this.#commits,
      gaps: this.#gaps,
      lastError: this.#lastError,
    };
  }

  async #next(): Promise<void> {
    const { store, cell } = this.#args;
    const toldSeq = cell.toldSeq ?? 0;
    const changes = cell.toldChanges;
    const asked = { seq: toldSeq, changes, ranges: RANGES_MAX };
    const news = await store.ask("appliedAfter", asked, APPLIED);
    if (this.#isOver) return;
    this.#lastError = null;
    this.#tellRecords(news);
    // A copy that was made anew from a snapshot may know less than was told of: then all is new.
    if (news.seq === toldSeq) return;
    await this.#tell(toldSeq, news);
  }

  #tellRecords({ changes, records }: AppliedNews): void {
    const { cell, onRecords } = this.#args;
    if (cell.toldChanges === changes) return;
    cell.toldChanges = changes;
    onRecords?.(records);
  }

  /** Tells of what came after a seq, as far as one look reads. */
  async #tell(toldSeq: number, news: TouchedNews): Promise<void> {
    const { sinks, cell } = this.#args;
    const { touched: ranges } = news;
    const isPart = ranges !== null && ranges.length >= RANGES_MAX;
    let throughSeq = isPart ? ranges.at(-1)?.seq ?? news.seq : news.seq;
    const labels = sinks.length === 0 ? [] : await this.#labelsAfter(toldSeq);
    const rows = labels.reduce((sum, { labels }) => sum + labels.length, 0);
    if (rows >= LABEL_ROWS_MAX) throughSeq = Math.min(throughSeq, labels.at(-1)?.seq ?? throughSeq);
    if (this.#isOver) return;
    this.#tellCache(toldSeq, throughSeq, ranges);
    // Before anybody hears of it: what is asked for then is answered from a store that has it.
    this.#args.pool.tell("applied", { seq: throughSeq });
    this.#tellSinks(throughSeq, labels, news);
    this.#commits += Math.max(0, throughSeq - toldSeq);
    cell.toldSeq = throughSeq;
  }

  #tellCache(toldSeq: number, throughSeq: number, ranges: readonly Touched[] | null): void {
    const { cache } = this.#args;
    if (ranges === null) {
      this.#gap();
      cache?.missed(throughSeq);
      this.touched.forget(throughSeq);
      return;
    }
    const known = ranges.filter(({ seq }) => seq <= throughSeq);
    for (const { series, seq } of known) this.touched.touch(series, seq);
    if (cache === undefined) return;
    const commits = Map.groupBy(known, ({ seq }) => seq);
    cache.caughtUp(
      toldSeq,
      throughSeq,
      [...commits].map(([seq, ranges]) => ({ seq, ranges })),
    );
  }

  #tellSinks(throughSeq: number, labels: readonly LoggedCommit[], news: AppliedNews): void {
    const { sinks, commitSinks } = this.#args;
    for (const commit of labels) {
      if (commit.seq <= throughSeq) { for (const sink of sinks) sink.tell("labels", commit); }
    }
    // One word for all of them: whoever hears it reads from where it stood.
    const isAll = throughSeq === news.seq;
    const { atMs } = news;
    const rows = isAll ? news.rows : 0;
    for (const sink of commitSinks) sink.tell("committed", { seq: throughSeq, atMs, rows });
  }

  async #labelsAfter(seq: number): Promise<readonly LoggedCommit[]> {
    const { store } = this.#args;
    const asked = store.ask("labelsAfterPacked", { seq, limit: LABEL_ROWS_MAX }, ANSWER);
    return await asked.then(unpackLogged).catch((error) => {
      if (storeErrorCode(error) !== "gone") throw error;
      this.#gap();
      return [];
    });
  }

  /** Retention gave up what was not told of yet. */
  #gap(): void {
    this.#gaps++;
    this.#ctx.log("warn", "commits were given up before they were told of");
  }
}
