/**
 * One run of a job: a batch for each kind of data, all at the same time, under one limit, with one
 * report and one checkpoint, which is committed together with what was fetched.
 *
 * It knows a provider and a place to commit to as ports of a few methods; what they do takes care of
 * limits and of durability.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import type { CandleBlock } from "../market/block.ts";
import { type Granularity, granularityMs } from "../market/granularity.ts";
import { ChunkController } from "./chunk_controller.ts";
import type { DataKind } from "./filter_kinds.ts";
import { IntervalSet } from "./interval_set.ts";
import { type Checkpoint, encodeCheckpoint } from "./job_checkpoint.ts";
import { generationOf } from "./job_generations.ts";
import { type JobPlan, plannedItems, type PlannedKind, plannedRange } from "./job_plan.ts";
import { CHUNK_RANGE, type JobSettings } from "./job_spec.ts";
import { Progress, type ProgressSnapshot } from "./progress.ts";
import { type RecorderSnapshot, RunRecorder } from "./report.ts";
import type { RunReport } from "./report_schema.ts";
import type { FailureClass } from "./retry.ts";
import { runBatch } from "./run_batch.ts";
import {
  type BatchChunker,
  type BatchSave,
  type BatchState,
  type DeadItem,
  type FailureKind,
  ItemFailure,
} from "./run_batch_types.ts";

/** A call to make. */
export interface JobCall {
  readonly kind: DataKind;
  readonly endpoint: string;
  readonly symbols: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly granularity: Granularity;
}

/** Why a call or an item failed. */
export interface JobFailure {
  readonly class: FailureClass;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

/** What is to be kept of an item. */
export interface JobValue {
  /** Candles; null of other kinds, and where there are none. */
  readonly candles: CandleBlock | null;
  /** Records. */
  readonly records: readonly JobRecord[];
}

/** A record, or null to drop it. */
export interface JobRecord {
  readonly kind: string;
  readonly key: string;
  readonly json: string | null;
}

/** What came of a call: one result for each symbol. */
export type JobAnswer =
  | { readonly state: "answered"; readonly results: readonly (JobValue | JobFailure)[] }
  | {
    readonly state: "failed";
    readonly failure: JobFailure;
    /** The provider fails whatever it is asked: no try of these items. */
    readonly isDown: boolean;
    /** Nothing was sent: no call. */
    readonly isUnsent: boolean;
  };

/** Where data comes from. */
export interface JobSource {
  /** The endpoint for a kind, and how many symbols of it go into a call. */
  endpoint(kind: DataKind): { readonly name: string; readonly symbolsMax: number };
  /** Resolves when a call may be made; rejects with the signal's reason. */
  permit(kind: DataKind, signal: AbortSignal): Promise<number>;
  /** The call of a permit. */
  call(permit: number, call: JobCall): Promise<JobAnswer>;
  /** A permit is not needed. */
  giveBack(permit: number): void;
}

/** What is committed in one transaction. */
export interface JobCommit {
  readonly blocks: readonly CandleBlock[];
  readonly records: readonly JobRecord[];
  /** Items given up. */
  readonly dead: readonly DeadJobItem[];
}

/** An item that was given up. */
export interface DeadJobItem {
  readonly kind: DataKind;
  readonly symbol: string;
  readonly error: string;
  readonly attempts: number;
}

/** What a run is given. */
export interface JobRunOptions {
  readonly settings: JobSettings;
  readonly plan: JobPlan;
  /** Where a former part of the run came to; null at its beginning. */
  readonly checkpoint: Checkpoint | null;
  readonly source: JobSource;
  /** Resolves when it is durable; rejects when it never will be. Called one at a time. */
  readonly commit: (commit: JobCommit) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onProgress?: (progress: ProgressSnapshot) => void;
}

/** Kind of the records that checkpoints are. */
export const CHECKPOINT_RECORDS = "checkpoint";

/** Longest call: the provider has a bound of its own below it, so this only ends what hangs. */
const DEADLINE_MS = 300_000;
/** Items between two saves. */
const SAVE_EVERY = 100;
/** Candles of one commit, and of one call: 5 MB, which the label pool takes in one batch. */
const COMMIT_ROWS_MAX = 65_536;
/** Items of one commit: each writes two records at most, and a batch of a store takes 10,000. */
const COMMIT_ITEMS_MAX = 4_000;

/** A failed call, for `runBatch`. */
class CallFailed extends Error {
  constructor(readonly failure: JobFailure, readonly isDown = false, readonly isUnsent = false) {
    super(failure.message);
  }

  /** The provider refuses the key: as it would for any other item. */
  get isKeyRefused(): boolean {
    return this.failure.code === "auth";
  }
}

/** One run, or the rest of one. */
export class JobRun {
  readonly #options: JobRunOptions;
  readonly #report: RunRecorder;
  readonly #progress: Progress;
  #done: IntervalSet;
  readonly #stop = new AbortController();
  #hasBegun = false;
  /** Why no call of the run can succeed. */
  #broken: Error | null = null;
  #serial: number;
  /** Items of each phase that are saved. */
  readonly #counts = new Map<string, PhaseCounts>();
  /** Saves of the kinds follow one another: each is made on the one before. */
  #saved: Promise<void> = Promise.resolve();

  /** Continues from the checkpoint, if there is one. */
  constructor(options: JobRunOptions) {
    const { settings, plan, checkpoint, clock } = options;
    this.#options = options;
    this.#report = new RunRecorder({
      clock,
      runId: plan.runId,
      job: settings.name,
      limit: settings.rate,
    });
    if (checkpoint === null) this.#report.plan(plan.savings);
    else this.#report.continueFrom(checkpoint.report);
    this.#progress = new Progress(clock.now());
    this.#done = IntervalSet.parse(checkpoint?.done ?? "");
    this.#serial = checkpoint?.serial ?? 0;
    for (const { name, ok, failed } of checkpoint?.report.phases ?? []) {
      this.#counts.set(name, { ok, failed });
    }
  }

  /** Items that are settled and saved, of all of the plan. */
  get settled(): number {
    return this.#done.size;
  }

  /** Of these, given up. */
  get failed(): number {
    let failed = 0;
    for (const counts of this.#counts.values()) failed += counts.failed;
    return failed;
  }

  /** How far it is; null before it has begun. */
  progress(): ProgressSnapshot | null {
    return this.#hasBegun ? this.#progress.snapshot(this.#options.clock.now()) : null;
  }

  /** The report as of now. */
  report(state: RunReport["run_summary"]["state"]): RunReport {
    return this.#report.report(state);
  }

  /** Lets what is under way end. */
  stop(): void {
    this.#stop.abort(new DOMException("The job was stopped", "AbortError"));
  }

  /**
   * Runs until all is settled, or stopped. Rejects with what a commit rejected with, and when the
   * provider refuses the key: nothing is given up for that.
   */
  async run(): Promise<"done" | "stopped"> {
    const { plan } = this.#options;
    const shares = workersOf(plan, this.#options.settings.workers, this.#options.source);
    const kinds = plan.kinds.map((kind, i) =>
      this.#kind(kind, shares[i] as number).catch((error) => {
        this.stop();
        throw error;
      })
    );
    this.#hasBegun = true;
    const ends = await Promise.allSettled(kinds);
    const broken = ends.find((end) => end.status === "rejected");
    if (broken !== undefined) throw broken.reason;
    if (this.#broken !== null) throw this.#broken;
    return this.#done.size === plannedItems(plan) ? "done" : "stopped";
  }

  async #kind(planned: PlannedKind, workers: number): Promise<void> {
    const { source, clock, random, onProgress } = this.#options;
    const { kind, symbols } = planned;
    const phase = phaseOf(planned);
    const endpoint = source.endpoint(kind);
    const permits: number[] = [];
    await runBatch<string, JobValue>({
      items: symbols,
      process: (chunk, call) =>
        this.#call(planned, endpoint.name, chunk, permits, () => call.responded()),
      limiter: {
        // Which call a permit is for does not matter: there is one for each.
        acquire: async ({ signal }) => {
          permits.push(await source.permit(kind, signal));
          return NO_PERMIT;
        },
      },
      chunk: this.#chunker(kind, endpoint.symbolsMax, workers),
      retry: { classify: kindOfFailure },
      checkpoint: {
        load: () => Promise.resolve(this.#stateOf(planned)),
        save: (save) => this.#save(planned, save),
      },
      saveEvery: Math.max(
        1,
        Math.min(SAVE_EVERY, Math.floor(COMMIT_ROWS_MAX / this.#rowsOf(kind))),
      ),
      concurrency: workers,
      deadlineMs: DEADLINE_MS,
      signal: this.#stop.signal,
      clock,
      random,
      phase,
      endpoint: endpoint.name,
      report: this.#report,
      progress: this.#progress,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    for (const permit of permits) source.giveBack(permit);
  }

  async #call(
    { kind }: PlannedKind,
    endpoint: string,
    symbols: readonly string[],
    permits: number[],
    responded: () => void,
  ): Promise<readonly (JobValue | ItemFailure)[]> {
    const { source, plan, settings } = this.#options;
    const permit = permits.shift();
    if (permit === undefined) throw new Error("Cannot call: expected a permit for each call");
    const { granularity } = settings;
    const call = { kind, endpoint, symbols, ...plannedRange(plan, kind), granularity };
    const answer = await source.call(permit, call);
    if (answer.state === "failed") {
      const failed = new CallFailed(answer.failure, answer.isDown, answer.isUnsent);
      if (failed.isKeyRefused) {
        this.#broken ??= failed;
        this.stop();
      }
      throw failed;
    }
    responded();
    return answer.results.map((result) =>
      "class" in result ? new ItemFailure(new CallFailed(result)) : result
    );
  }

  #chunker(kind: DataKind, symbolsMax: number, workers: number): number | BatchChunker {
    const { chunk } = this.#options.settings;
    const fitting = Math.max(1, Math.floor(COMMIT_ROWS_MAX / this.#rowsOf(kind)));
    const most = Math.min(symbolsMax, fitting);
    if (most === 1) return 1;
    if (chunk.mode === "fixed") return Math.min(chunk.size, most);
    const max = Math.min(most, CHUNK_RANGE.max);
    const min = Math.min(CHUNK_RANGE.min, max);
    return new ChunkController({ min, max, start: Math.min(chunk.start, max), workers });
  }

  /** Candles that an item of a kind can bring. */
  #rowsOf(kind: DataKind): number {
    const { plan, settings } = this.#options;
    if (kind !== "prices") return 1;
    return Math.max(1, (plan.toMs - plan.fromMs) / granularityMs(settings.granularity));
  }

  /** What of a kind is settled, by its own places. */
  #stateOf({ first, symbols }: PlannedKind): BatchState | null {
    const own = shifted(this.#done, first, first + symbols.length, -first);
    return own.size === 0 ? null : { done: own.toText(), report: null };
  }

  /** Saves of different kinds wait for one another. */
  #save(planned: PlannedKind, save: BatchSave<string, JobValue>): Promise<void> {
    const saved = this.#saved.then(() => this.#commit(planned, save));
    // What fails here has failed its own kind; the next one fails by itself.
    this.#saved = saved.catch(() => {});
    return saved;
  }

  /** In as many commits as their bounds ask for, each with a checkpoint of what it holds. */
  async #commit(
    planned: PlannedKind,
    { results, dead }: BatchSave<string, JobValue>,
  ): Promise<void> {
    let at = 0, deadAt = 0;
    while (at < results.length || deadAt < dead.length) {
      const to = commitEnd(results, at), deadTo = deadAt + COMMIT_ITEMS_MAX;
      await this.#commitPart(planned, results.slice(at, to), dead.slice(deadAt, deadTo));
      at = to;
      deadAt = deadTo;
    }
  }

  async #commitPart(
    planned: PlannedKind,
    results: BatchSave<string, JobValue>["results"],
    dead: readonly DeadItem<string>[],
  ): Promise<void> {
    const { settings, plan, clock, commit } = this.#options;
    const { kind, first, symbols } = planned;
    const serial = this.#serial + 1;
    const done = IntervalSet.parse(this.#done.toText());
    for (const { index } of [...results, ...dead]) done.add(first + index, first + index + 1);
    const phase = phaseOf(planned);
    const before = this.#counts.get(phase) ?? { ok: 0, failed: 0 };
    const counts = { ok: before.ok + results.length, failed: before.failed + dead.length };
    const json = encodeCheckpoint({
      job: settings.name,
      plan: plan.runId,
      serial,
      savedMs: clock.wallNow(),
      items: plannedItems(plan),
      done: done.toText(),
      report: this.#snapshot(phase, counts),
    });
    const key = `${settings.name}/${generationOf(serial)}`;
    await commit({
      blocks: results.flatMap(({ value }) => value.candles === null ? [] : [value.candles]),
      records: [
        ...results.flatMap(({ value }) => value.records),
        { kind: CHECKPOINT_RECORDS, key, json },
      ],
      dead: dead.map((item) => deadOf(kind, symbols, item)),
    });
    this.#serial = serial;
    this.#done = done;
    this.#counts.set(phase, counts);
  }

  /** The report with the items that the checkpoint says are done: others are counted again. */
  #snapshot(phase: string, counts: PhaseCounts): RecorderSnapshot {
    const snapshot = this.#report.snapshot();
    const saved = new Map(this.#counts).set(phase, counts);
    return {
      ...snapshot,
      phases: snapshot.phases.map((one) => ({
        ...one,
        ...saved.get(one.name) ?? { ok: 0, failed: 0 },
      })),
    };
  }
}

interface PhaseCounts {
  readonly ok: number;
  readonly failed: number;
}

/** Name of the phase in progress and report. */
function phaseOf({ kind, group }: PlannedKind): string {
  return group === "" ? kind : `${kind} ${group}`;
}

/** Where a commit ends that begins with this result: within the bounds, and with one at least. */
function commitEnd(results: BatchSave<string, JobValue>["results"], from: number): number {
  let to = from, rows = 0;
  for (; to < results.length && to - from < COMMIT_ITEMS_MAX; to++) {
    rows += results[to]?.value.candles?.length ?? 0;
    if (rows > COMMIT_ROWS_MAX && to > from) break;
  }
  return to;
}

/** The source knows when a call is over. */
const NO_PERMIT = { release() {}, lost() {} } as const;

function deadOf(kind: DataKind, symbols: readonly string[], item: DeadItem<string>): DeadJobItem {
  const { index, cause, attempts } = item;
  const error = cause instanceof Error ? cause.message : String(cause);
  return { kind, symbol: symbols[index] as string, error, attempts };
}

function kindOfFailure(error: unknown): FailureKind {
  // A thread or an actor that was started again may answer next time; a mistake in a program will not.
  if (error instanceof TypeError) return { failure: "permanent" };
  if (!(error instanceof CallFailed)) return { failure: "transient" };
  const { isDown, isUnsent, isKeyRefused } = error;
  const { retryAfterMs } = error.failure;
  // No try: the items are not to blame. When to come back is up to whoever gives permits.
  const failure = isDown || isUnsent || isKeyRefused ? "limited" : error.failure.class;
  return { failure, isUnsent, isDown, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}

/** Intervals within from ≤ i < to, moved by so much. */
function shifted(set: IntervalSet, from: number, to: number, by: number): IntervalSet {
  const moved = new IntervalSet();
  for (const one of set) {
    const start = Math.max(from, one.from), end = Math.min(to, one.to);
    if (start < end) moved.add(start + by, end + by);
  }
  return moved;
}

/** The workers of each kind: by its share of the calls, one at least. */
function workersOf(plan: JobPlan, workers: number, source: JobSource): number[] {
  const calls = plan.kinds.map(({ kind, symbols }) =>
    Math.ceil(symbols.length / source.endpoint(kind).symbolsMax)
  );
  const total = calls.reduce((sum, count) => sum + count, 0);
  return calls.map((count) => Math.max(1, Math.round(workers * count / total)));
}
