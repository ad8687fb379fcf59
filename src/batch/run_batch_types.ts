/**
 * What `runBatch` is given and what it gives.
 *
 * @module
 */

import type { Clock, Random } from "../actor/clock.ts";
import type { ChunkController } from "./chunk_controller.ts";
import type { HeaderSource } from "./limit_headers.ts";
import type { Lease } from "./limiter_gate.ts";
import type { Progress, ProgressSnapshot } from "./progress.ts";
import type { RecorderSnapshot, RunRecorder } from "./report.ts";
import type { Failure, RetryPolicy } from "./retry.ts";
import type { RetryBudget } from "./retry_budget.ts";
import type { RunReport } from "./report_schema.ts";

/** In place of the result of an item that failed on its own, while others of its chunk did not. */
export class ItemFailure {
  /** What went wrong. */
  readonly cause: unknown;

  /** A failure for that cause. */
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** What a call of `process` is told, and what it may tell. */
export interface BatchCall {
  /** Aborts when no answer has come by the deadline; the call has then failed, whatever comes. */
  readonly signal: AbortSignal;
  /** Failed tries of these items before this one. */
  readonly attempts: number;
  /**
   * The provider has answered, and well: its slot is given back, what its headers say of the limit
   * is followed, and the time of the call ends here; what comes after is work of one's own. Without
   * it, the call ends when `process` does.
   */
  responded(headers?: HeaderSource): void;
}

/**
 * Works on a chunk and gives a result for each item, in their order, with an `ItemFailure` for each
 * that failed alone. Nothing at all stands for `undefined` of every item.
 *
 * A rejection fails the chunk as a whole. An error with a numeric `status`, and `headers` perhaps,
 * is an answer of the provider; after any other nobody knows whether the request still arrives, and
 * its slot stays taken for as long as it might.
 */
export type ProcessChunk<T, R> = (
  chunk: readonly T[],
  call: BatchCall,
) => Promise<readonly (R | ItemFailure)[] | void>;

/** Lets calls through at a rate; a `LimiterGate` is one. */
export interface BatchLimiter {
  /** Resolves when a call may be sent; rejects when `signal` aborts first. */
  acquire(options: { readonly signal: AbortSignal }): Promise<BatchPermit>;
}

/** One call that may be sent. One of its methods is called, once. */
export type BatchPermit = Pick<Lease, "release" | "lost">;

/** Chooses how many items go out together; a `ChunkController` is one. */
export type BatchChunker = Pick<ChunkController, "next" | "record">;

/** What kind of failure an error is. */
export interface FailureKind extends Pick<Failure, "failure" | "retryAfterMs"> {
  /** Nothing was sent: the report counts no call, and no refusal; default false. */
  readonly isUnsent?: boolean;
  /** The provider is down: no refusal counts, however long that lasts; default false. */
  readonly isDown?: boolean;
}

/** What to do about failures. */
export interface BatchRetry {
  /** How often and after what pauses; default: `RetryPolicy` with its defaults. */
  readonly policy?: RetryPolicy;
  /** Bounds retries over all items; null = none; default: `RetryBudget` with a second of idleness. */
  readonly budget?: RetryBudget | null;
  /** The kind of an error that `process` rejected with; default: `failureOf`, by its status. */
  readonly classify?: (error: unknown) => FailureKind;
}

/** An item that was given up. */
export interface DeadItem<T> {
  /** Its place in `items`. */
  readonly index: number;
  /** The item. */
  readonly item: T;
  /** What went wrong the last time. */
  readonly cause: unknown;
  /** Tries of it alone. */
  readonly attempts: number;
}

/** The result of an item. */
export interface ItemResult<R> {
  /** Its place in `items`. */
  readonly index: number;
  /** What `process` gave for it. */
  readonly value: R;
}

/** What of a batch is done. */
export interface BatchState {
  /** Places of the items that are settled, as text of an `IntervalSet`. */
  readonly done: string;
  /** State of the report; null when there is none. */
  readonly report: RecorderSnapshot | null;
}

/** What is to be kept, in one transaction: then each effect is there exactly once. */
export interface BatchSave<T, R> extends BatchState {
  /** Results since the last save. */
  readonly results: readonly ItemResult<R>[];
  /** Items given up since the last save. */
  readonly dead: readonly DeadItem<T>[];
}

/** Where the state of a batch is kept. */
export interface BatchCheckpoint<T, R> {
  /** The last state saved; null at the beginning. */
  load(): Promise<BatchState | null>;
  /** Keeps the state together with the results, or rejects and keeps neither. One at a time. */
  save(save: BatchSave<T, R>): Promise<void>;
}

/** What to do, and how. Only `items` and `process` are needed. */
export interface BatchOptions<T, R> {
  /** What to work on; at most 2^53, in an order that a resumed batch has again. */
  readonly items: readonly T[];
  /** The work. */
  readonly process: ProcessChunk<T, R>;
  /** Rate of calls; default none. */
  readonly limiter?: BatchLimiter;
  /**
   * Items in a chunk: fixed, or chosen while running by a controller, with `auto` from some 100 within 10
   * and 500; default 1.
   */
  readonly chunk?: "auto" | number | BatchChunker;
  /** What to do about failures; default: as {@linkcode BatchRetry} says. */
  readonly retry?: BatchRetry;
  /** Where the state is kept; default nowhere. */
  readonly checkpoint?: BatchCheckpoint<T, R>;
  /** Settled items after which a save begins, and a save at the end; default 100. */
  readonly saveEvery?: number;
  /** Chunks under way at the same time, 1 to 500; default 1. */
  readonly concurrency?: number;
  /** Longest time until a call is answered, ms; default 30,000. */
  readonly deadlineMs?: number;
  /** Stops the batch: what is under way ends and is saved, the rest is left. */
  readonly signal?: AbortSignal;
  /** Time; default the machine's. */
  readonly clock?: Clock;
  /** Chance, for the pauses of the default retry; default the machine's. */
  readonly random?: Random;
  /** Name of this work in report and progress; default `items`. */
  readonly phase?: string;
  /** Name of the endpoint in the report; default the phase. */
  readonly endpoint?: string;
  /**
   * Records the run; shared by batches that are phases of one run, of which one alone has a
   * checkpoint with a report.
   */
  readonly report?: RunRecorder;
  /** Follows the run; shared like `report`. */
  readonly progress?: Progress;
  /** Called when items settled, at most once a second, and at the end. */
  readonly onProgress?: (progress: ProgressSnapshot) => void;
  /** Called for each item given up, after it was saved. */
  readonly onDeadLetter?: (dead: DeadItem<T>) => void;
}

/** What came of a batch. */
export interface BatchResult<T> {
  /** `stopped`: by the signal, with items left. */
  readonly state: "done" | "stopped";
  /** Items that succeeded, in this part of the run. */
  readonly ok: number;
  /** Items given up, in this part of the run. */
  readonly failed: number;
  /** Items left. */
  readonly left: number;
  /** The first thousand of the items given up; all of them go to `onDeadLetter`. */
  readonly dead: readonly DeadItem<T>[];
  /** The report so far; when batches share a recorder, that of all of them. */
  readonly report: RunReport;
}
