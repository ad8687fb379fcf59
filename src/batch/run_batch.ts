/**
 * Runs work of any kind over many items: in chunks, at a rate, with retries, from where it stopped.
 *
 * Several workers take chunks from one list (`chunk_plan.ts`), which gives every item to one of
 * them at a time. A worker waits for its slot, calls `process`, and says what came of it: items
 * settle, come back alone or in halves, or are given up. What settled is saved together with its
 * results, so that a batch that is killed anywhere goes on with exactly the items that were not
 * saved.
 *
 * Settled means: the result was handed to the checkpoint, or the item to the dead letters. An item
 * is processed again only when its call failed or its result was not saved, so the effects that
 * travel in the save are there once; effects that `process` has elsewhere may be there twice.
 *
 * @module
 */

import { type Cancel, type Clock, systemClock, systemRandom } from "../actor/clock.ts";
import { ChunkController } from "./chunk_controller.ts";
import { type Chunk, ChunkPlan } from "./chunk_plan.ts";
import { type Interval, IntervalSet } from "./interval_set.ts";
import { LimitRefused } from "./limiter_gate.ts";
import { Progress } from "./progress.ts";
import { RunRecorder } from "./report.ts";
import type { RetryVerdict } from "./retry.ts";
import { BatchRetries } from "./run_batch_retry.ts";
import type { PhaseRecorder } from "./report_phase.ts";
import { OpenCall } from "./run_batch_call.ts";
import { BatchSaver } from "./run_batch_saver.ts";
import {
  type BatchChunker,
  type BatchOptions,
  type BatchPermit,
  type BatchResult,
  type DeadItem,
  ItemFailure,
  type ItemResult,
} from "./run_batch_types.ts";

/** Chunks under way at the same time at most: each holds a request open. */
export const CONCURRENCY_MAX = 500;

/** Items given up that a result holds; all of them go to `onDeadLetter`. */
export const DEAD_KEPT_MAX = 1_000;

const SAVE_EVERY_DEFAULT = 100;
const DEADLINE_DEFAULT_MS = 30_000;
const PROGRESS_EVERY_MS = 1_000;

/**
 * Works on all items and resolves when each is settled, or when it was stopped. O(1) chunks in
 * memory for each worker.
 *
 * @throws {RangeError} when an option is out of its bounds, or the checkpoint is not of these
 * items.
 * @throws what the checkpoint rejects with: what was not saved is done again by the next run.
 *
 * @example
 * ```ts
 * import { runBatch } from "./run_batch.ts";
 *
 * const { state, ok } = await runBatch({
 *   items: ["AAPL", "MSFT", "NVDA"],
 *   process: async (symbols) => {
 *     await Promise.resolve();
 *     return symbols.map((symbol) => symbol.length);
 *   },
 *   chunk: 2,
 * });
 * console.log(state, ok); // done 3
 * ```
 */
export async function runBatch<T, R>(options: BatchOptions<T, R>): Promise<BatchResult<T>> {
  const { items, checkpoint } = options;
  const state = await checkpoint?.load() ?? null;
  const settled = IntervalSet.parse(state?.done ?? "");
  const plan = new ChunkPlan({ items: items.length, settled });
  const clock = options.clock ?? systemClock;
  const phase = options.phase ?? "items";
  const report = options.report ?? new RunRecorder({ clock, runId: phase, job: phase });
  if (state !== null && state.report !== null) report.continueFrom(state.report);
  return await new BatchRun(options, plan, clock, report, phase).run();
}

/** One batch under way. */
class BatchRun<T, R> {
  readonly #options: BatchOptions<T, R>;
  readonly #plan: ChunkPlan;
  readonly #clock: Clock;
  readonly #report: RunRecorder;
  readonly #phase: PhaseRecorder;
  readonly #progress: Progress;
  readonly #chunker: BatchChunker;
  readonly #retries: BatchRetries;
  readonly #saver: BatchSaver<T, R>;
  readonly #stop = new AbortController();
  /** Failed tries of items that are alone; they leave when they settle. */
  readonly #tries = new Map<number, number>();
  /** Refusals of ranges by their first item; they leave when it settles. */
  readonly #refusals = new Map<number, number>();
  readonly #dead: DeadItem<T>[] = [];
  /** Workers that found nothing to do. */
  readonly #waiting = new Set<() => void>();
  #ok = 0;
  #failed = 0;
  #toldMs = -Infinity;

  constructor(
    options: BatchOptions<T, R>,
    plan: ChunkPlan,
    clock: Clock,
    report: RunRecorder,
    phase: string,
  ) {
    const every = options.saveEvery ?? SAVE_EVERY_DEFAULT;
    const workers = options.concurrency ?? 1;
    assertWithin("concurrency", workers, CONCURRENCY_MAX);
    assertWithin("saveEvery", every, Number.MAX_SAFE_INTEGER);
    this.#options = options;
    this.#plan = plan;
    this.#clock = clock;
    this.#report = report;
    this.#phase = report.phase(phase);
    this.#chunker = chunkerOf(options.chunk ?? 1, workers);
    this.#retries = new BatchRetries(clock, options.random ?? systemRandom, options.retry);
    this.#progress = options.progress ?? new Progress(clock.now());
    const failed = Math.min(this.#phase.failed, plan.settled.size);
    const before = { ok: plan.settled.size - failed, failed };
    this.#progress.phase(phase, options.items.length, clock.now(), before);
    this.#saver = new BatchSaver(
      options.checkpoint,
      every,
      () => ({ done: plan.settled.toText(), report: report.snapshot() }),
      (dead) => this.#bury(dead),
    );
  }

  async run(): Promise<BatchResult<T>> {
    const { signal, concurrency = 1 } = this.#options;
    const stop = () => this.#halt();
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const workers = Array.from({ length: concurrency }, () => this.#work());
      // All of them end before this does: nothing of the batch goes on behind its back.
      const ends = await Promise.allSettled(workers);
      const broken = ends.find((end) => end.status === "rejected");
      if (broken !== undefined) {
        // What settled is kept if it can be; the first error says why the batch broke.
        await this.#saver.saveAll().catch(() => {});
        throw broken.reason;
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#phase.end();
    }
    await this.#saver.saveAll();
    this.#tell(true);
    const { left } = this.#plan;
    return {
      state: left === 0 ? "done" : "stopped",
      ok: this.#ok,
      failed: this.#failed,
      left,
      dead: this.#dead,
      report: this.#report.report(left === 0 ? "done" : "paused"),
    };
  }

  /** One worker: chunk after chunk until all is settled or the batch stops. */
  async #work(): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) {
        const nowMs = this.#clock.now();
        const retryInMs = this.#retries.waitMs();
        const next = this.#plan.next(
          this.#chunker.next(this.#plan.waiting),
          nowMs,
          retryInMs === 0,
        );
        if (next.state === "done") return;
        if (next.state === "chunk") await this.#take(next.chunk);
        else {await this.#wait(
            retryInMs === 0 ? next.untilMs : Math.min(next.untilMs, nowMs + retryInMs),
          );}
      }
    } catch (error) {
      // One broken worker breaks the batch: the others must not run on.
      this.#halt();
      throw error;
    }
  }

  /** Waits for the slot of a chunk, and makes its call. */
  async #take(chunk: Chunk): Promise<void> {
    const waitedFromMs = this.#clock.now();
    this.#retries.sent(chunk.attempts > 0);
    let permit: BatchPermit | null = null;
    try {
      permit = await this.#options.limiter?.acquire({ signal: this.#stop.signal }) ?? null;
    } catch (error) {
      const laterMs = error instanceof LimitRefused ? error.retryAfterMs : Infinity;
      this.#plan.putBack(chunk, { atMs: this.#clock.now() + laterMs });
      // Too many wait at the limit: others first. Any other error is no refusal but a broken
      // limiter.
      if (this.#stop.signal.aborted || laterMs < Infinity) return;
      throw error;
    }
    const sentMs = this.#clock.now();
    const call = new OpenCall(this.#clock, permit, chunk.attempts);
    const made = await this.#call(chunk, call);
    const tookMs = (call.answeredMs ?? this.#clock.now()) - sentMs;
    const { endpoint, phase } = this.#options;
    const isUnsent = !made.ok && this.#retries.kindOf(made.error).isUnsent === true;
    if (!isUnsent) {
      this.#report.call({
        endpoint: endpoint ?? phase ?? this.#phase.name,
        // An answer that came is no failed call, whatever was made of it afterwards.
        ok: made.ok || call.hasResponded,
        tookMs,
        waitedMs: sentMs - waitedFromMs,
        phase: this.#phase.name,
      });
    }
    if (made.ok) this.#settle(chunk, made.results);
    const isLimited = !made.ok && this.#fail(chunk, made.error);
    // What a rate limit refused says nothing about the size.
    if (!isLimited) {
      const items = chunk.to - chunk.from, spentMs = this.#clock.now() - sentMs;
      this.#chunker.record({ items, ok: made.ok, tookMs: spentMs });
    }
    this.#notify();
    this.#tell(false);
    await this.#saver.saveSome();
  }

  /** Calls `process`, and waits for the answer at most until the deadline. */
  async #call(chunk: Chunk, call: OpenCall): Promise<CallOutcome<R>> {
    const { items, process, deadlineMs = DEADLINE_DEFAULT_MS } = this.#options;
    const late = call.expireAfter(deadlineMs);
    const size = chunk.to - chunk.from;
    try {
      const work = process(items.slice(chunk.from, chunk.to), call);
      const results = await Promise.race([work, late]);
      call.end();
      if (results === undefined) return { ok: true, results: null };
      if (results.length === size) return { ok: true, results };
      throw new RangeError(
        `Cannot match results: expected one for each of ${size} items: ` +
          `current value is ${results.length}`,
      );
    } catch (error) {
      call.failed(error);
      return { ok: false, error };
    }
  }

  /** A chunk came back: its items are settled, those that failed alone apart. */
  #settle(chunk: Chunk, results: readonly (R | ItemFailure)[] | null): void {
    this.#retries.succeeded();
    const done: ItemResult<R>[] = [], dead: DeadItem<T>[] = [];
    const again: number[] = [];
    let pauseMs = 0;
    for (let index = chunk.from; index < chunk.to; index++) {
      const result = results?.[index - chunk.from];
      if (!(result instanceof ItemFailure)) {
        // Without results at all, undefined stands for each of them.
        done.push({ index, value: result as R });
        continue;
      }
      const verdict = this.#judge({ from: index, to: index + 1 }, result.cause, chunk.pauseMs);
      if (verdict.action === "retry") {
        again.push(index);
        pauseMs = Math.max(pauseMs, verdict.pauseMs);
      } else dead.push(this.#deadOf(index, result.cause));
    }
    if (again.length === 0) this.#plan.settle(chunk);
    else this.#plan.partlyFailed(chunk, again, { atMs: this.#clock.now() + pauseMs, pauseMs });
    this.#count(done, dead);
  }

  /**
   * A chunk failed as a whole: again as it is, in halves, or given up. Returns whether a rate limit
   * refused it.
   */
  #fail(chunk: Chunk, error: unknown): boolean {
    const isAlone = chunk.to - chunk.from === 1;
    const isLimited = this.#retries.kindOf(error).failure === "limited";
    const verdict = this.#judge(chunk, error, chunk.pauseMs);
    const nowMs = this.#clock.now();
    if (verdict.action === "give up") {
      // One of them is to blame, or the chunk as such, and the halves tell which, at once. By a rate
      // limit all are refused alike.
      if (isAlone || isLimited) this.#giveUp(chunk, error);
      else this.#plan.failed(chunk, { atMs: nowMs });
      return isLimited;
    }
    const { pauseMs } = verdict;
    const retry = { atMs: nowMs + pauseMs, pauseMs };
    if (!verdict.counts) this.#plan.putBack(chunk, retry);
    else if (chunk.isFresh && !isAlone) this.#plan.again(chunk, retry);
    else this.#plan.failed(chunk, retry);
    return isLimited;
  }

  #giveUp(chunk: Chunk, error: unknown): void {
    this.#plan.settle(chunk);
    const dead: DeadItem<T>[] = [];
    for (let index = chunk.from; index < chunk.to; index++) dead.push(this.#deadOf(index, error));
    this.#count([], dead);
  }

  /** What the policy says about items that failed together; counts their tries and the retry. */
  #judge(range: Interval, error: unknown, pauseMs: number): RetryVerdict {
    const { from, to } = range;
    const kind = this.#retries.kindOf(error);
    let attempts = 1, refusals = 0;
    if (kind.failure === "limited") {
      // Whoever waits for the provider, or for a permit, was refused nothing.
      const isHeld = kind.isDown === true || kind.isUnsent === true;
      refusals = (this.#refusals.get(from) ?? 0) + (isHeld ? 0 : 1);
      this.#refusals.set(from, refusals);
    } else if (to - from === 1) {
      // Only tries alone count: in a larger chunk another item may be to blame.
      attempts = (this.#tries.get(from) ?? 0) + 1;
      this.#tries.set(from, attempts);
    }
    const verdict = this.#retries.decide({ kind, attempts, refusals, pauseMs });
    const waitMs = verdict.action === "retry" ? verdict.pauseMs : 0;
    const isTriedAgain = verdict.action === "retry" || to - from > 1 && refusals === 0;
    if (isTriedAgain) this.#report.retry({ cause: kind.failure, waitMs });
    return verdict;
  }

  #deadOf(index: number, cause: unknown): DeadItem<T> {
    const item = this.#options.items[index] as T;
    return { index, item, cause, attempts: this.#tries.get(index) ?? 1 };
  }

  /** In one turn with the plan: a save that begins between them would know only half. */
  #count(done: readonly ItemResult<R>[], dead: readonly DeadItem<T>[]): void {
    if (this.#tries.size + this.#refusals.size > 0) {
      for (const { index } of [...done, ...dead]) {
        this.#tries.delete(index);
        this.#refusals.delete(index);
      }
    }
    const count = { ok: done.length, failed: dead.length };
    this.#ok += count.ok;
    this.#failed += count.failed;
    this.#phase.items(count);
    this.#progress.done(this.#phase.name, count, this.#clock.now());
    this.#saver.add(done, dead);
  }

  #bury(dead: readonly DeadItem<T>[]): void {
    for (const item of dead) {
      if (this.#dead.length < DEAD_KEPT_MAX) this.#dead.push(item);
      this.#options.onDeadLetter?.(item);
    }
  }

  #tell(isLast: boolean): void {
    const { onProgress } = this.#options;
    const nowMs = this.#clock.now();
    if (onProgress === undefined || (!isLast && nowMs - this.#toldMs < PROGRESS_EVERY_MS)) return;
    this.#toldMs = nowMs;
    onProgress(this.#progress.snapshot(nowMs));
  }

  /** Ends all waiting: no chunk is begun any more. */
  #halt(): void {
    this.#stop.abort(new DOMException("The batch was stopped.", "AbortError"));
    this.#notify();
  }

  /** Lets the workers that found nothing to do look again. */
  #notify(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Until a time, or until something settled. */
  #wait(untilMs: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const wake = () => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      if (untilMs === Infinity) return;
      cancel = this.#clock.setTimer(Math.max(0, untilMs - this.#clock.now()), wake);
    });
  }
}

type CallOutcome<R> =
  | { readonly ok: true; readonly results: readonly (R | ItemFailure)[] | null }
  | { readonly ok: false; readonly error: unknown };

function chunkerOf(chunk: "auto" | number | BatchChunker, workers: number): BatchChunker {
  if (chunk === "auto") return new ChunkController({ workers });
  if (typeof chunk !== "number") return chunk;
  assertWithin("chunk", chunk, Number.MAX_SAFE_INTEGER);
  return { next: () => chunk, record: () => {} };
}

function assertWithin(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw new RangeError(
    `Cannot run a batch: expected ${name} of 1 to ${max}: current value is ${value}`,
  );
}
