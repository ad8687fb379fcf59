/**
 * Applying the log to a copy: entries in order, each once, from memory or by reading. See
 * `replicated_store.ts`.
 *
 * ## Where entries come from
 * `expect` says what an own entry does, before it is appended; `placed` at which position it is. What
 * follows on the copy's position is applied at once. When something is missing before it, exactly that
 * is read. While own entries are under way nothing else is read, since their answers say whether
 * something came between; while none is, a read waits for others. So a node that writes alone reads
 * nothing back.
 *
 * Everything that applies is synchronous: between two entries nobody sees half of one.
 *
 * @module
 */

import type { Cancel, Clock } from "../../actor/clock.ts";
import type { BuryResult, CommitResult, RefusalCode, Refused, WriteResult } from "../port.ts";
import type { Copy } from "./copy.ts";
import type { EntryClock } from "./entry_clock.ts";
import { type Change, unpackChange } from "./entry_codec.ts";
import {
  type CopyStand,
  type LogEntry,
  LogError,
  type LogMark,
  type LogPosition,
  type SharedLog,
} from "./port.ts";
import type { AppliedEntry } from "./replicated_store.ts";
import { Stands } from "./stands.ts";

/** How long one read waits, ms. */
const READ_MS = 1_000;
/** After own entries nothing is read for so long, ms: more of them may follow. */
const QUIET_MS = 2;
/** Own entries that are not answered hold up reading for so long at most, ms. */
const UNANSWERED_MS = 50;
/** Pause after a read that failed, ms. */
const FAILED_MS = 100;
/** Pause before a copy that could not be written is tried again, ms. */
const STALLED_MS = 500;

/** Refusals that are the copy's own and no outcome: another copy may not have them. */
const LOCAL: ReadonlySet<RefusalCode> = new Set<RefusalCode>(["disk_full", "busy", "broken"]);

/** What an entry came to. */
export type Outcome =
  | CommitResult
  | WriteResult
  | BuryResult
  | { readonly state: "dropped"; count: number }
  | Refused;

/** What a copy threw. */
export interface Thrown {
  readonly state: "thrown";
  readonly error: unknown;
}

/** How a {@linkcode Follower} is made. */
export interface FollowerOptions {
  readonly log: SharedLog;
  readonly clock: Clock;
  readonly copy: Copy;
  /** What the copy stands at. */
  readonly mark: LogMark;
  readonly entryClock: EntryClock;
  /** Who writes own entries. */
  readonly writer: string;
}

/** An own entry whose outcome is not known. */
interface Own {
  readonly change: Change;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** An entry that is about to be applied. */
interface Arrived extends Pick<LogEntry, "position" | "atMs" | "writer" | "number"> {
  readonly change: Change;
  readonly stand: CopyStand | null;
}

/** See the module's text. */
export class Follower {
  readonly #options: FollowerOptions;
  /** By number. */
  readonly #own = new Map<number, Own>();
  /** Own entries that wait for what is missing before them, by position. */
  readonly #placed = new Map<LogPosition, Arrived>();
  readonly #waiters: {
    readonly position: LogPosition;
    settle: (error: LogError | null) => void;
  }[] = [];
  readonly #listeners = new Set<(applied: AppliedEntry) => void>();
  readonly #stands = new Stands();
  readonly #ending = new AbortController();
  /** Resolves when it follows no more. */
  readonly stopped: Promise<LogError>;
  #stop: (error: LogError) => void = () => {};
  #mark: LogMark;
  #position: LogPosition;
  #unanswered = 0;
  #mustRead = false;
  #isFilling = false;
  #failure: LogError | null = null;
  #stall: Refused | null = null;
  #lastError: string | null = null;
  #lastAnswerMs = -Infinity;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  /** Does nothing before {@linkcode start}. */
  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#mark = options.mark;
    this.#position = options.mark.position;
    this.stopped = new Promise((resolve) => this.#stop = resolve);
  }

  /** Last entry that was applied. */
  get applied(): LogPosition {
    return this.#mark.position;
  }

  /** Last entry that is known of. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Own writes whose outcome is not known. */
  get length(): number {
    return this.#own.size;
  }

  /** Why it follows no more. */
  get failure(): LogError | null {
    return this.#failure;
  }

  /** Why the copy could not be written; null when it could. */
  get stall(): Refused | null {
    return this.#stall;
  }

  /** What reading ran into last; null once it went well. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** Begins to read. */
  start(): void {
    this.#loop = this.#follow();
  }

  /** Says what an own entry does; its outcome, once it is known. */
  expect(number: number, change: Change): Promise<Outcome> {
    if (this.#unanswered++ === 0) this.#lastAnswerMs = this.#options.clock.now();
    return new Promise((resolve, reject) =>
      void this.#own.set(number, { change, resolve, reject })
    );
  }

  /** An own entry is in the log. */
  placed(number: number, position: LogPosition, atMs: number): void {
    const own = this.#answered(number);
    this.#position = Math.max(this.#position, position);
    if (own === undefined || position <= this.applied) return;
    const { writer } = this.#options;
    this.#placed.set(position, {
      ...{ position, atMs, writer, number, change: own.change, stand: null },
    });
    this.#applyPlaced();
    if (this.#placed.size > 0) void this.#fill();
  }

  /** An own entry is in the log, but nobody knows where: it is found by reading. */
  isElsewhere(number: number): void {
    if (this.#answered(number) === undefined) return;
    this.#mustRead = true;
    this.#wake();
  }

  /** Nothing was appended. */
  refuse(number: number, refused: Refused): void {
    const own = this.#answered(number);
    this.#own.delete(number);
    own?.resolve(refused);
  }

  /** Nobody will know. */
  fail(number: number, error: unknown): void {
    const own = this.#answered(number);
    this.#own.delete(number);
    own?.reject(error);
  }

  /** The copy follows the log no more. */
  stop(error: LogError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#ending.abort();
    this.#wake();
    // What may be in the log has an outcome that nobody here will know.
    for (const { reject } of this.#own.values()) reject(error);
    this.#own.clear();
    this.#placed.clear();
    for (const { settle } of this.#waiters.splice(0)) settle(error);
    this.#stop(error);
  }

  /** Resolves once an entry was applied. */
  caughtUp(position: LogPosition): Promise<void> {
    if (position <= this.applied) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#position = Math.max(this.#position, position);
    this.#mustRead = true;
    this.#wake();
    return new Promise((resolve, reject) => {
      const settle = (error: LogError | null) => error === null ? resolve() : reject(error);
      this.#waiters.push({ position, settle });
    });
  }

  /** Calls `listener` after each entry. */
  onApplied(listener: (applied: AppliedEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ends reading; what is under way fails. Idempotent. */
  async close(): Promise<void> {
    this.stop(new LogError("closed", "Cannot follow the log: the store was closed"));
    await this.#loop;
  }

  #answered(number: number): Own | undefined {
    const own = this.#own.get(number);
    this.#lastAnswerMs = this.#options.clock.now();
    this.#unanswered--;
    if (this.#unanswered === 0) this.#wake();
    return own;
  }

  // ---- reading --------------------------------------------------------------------------------------

  async #follow(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#ending;
    while (this.#failure === null) {
      try {
        if (this.#stall !== null) await this.#untilWritten();
        else if (this.#isBusy()) await this.#idle(UNANSWERED_MS);
        else {
          this.#mustRead = false;
          const entries = await log.read(this.applied, READ_MS, signal);
          this.#lastError = null;
          this.#arrived(entries);
        }
      } catch (error) {
        await this.#readFailed(error);
      }
    }
  }

  /** Whether own entries are about to tell what came between. */
  #isBusy(): boolean {
    if (this.#mustRead) return false;
    const sinceMs = this.#options.clock.now() - this.#lastAnswerMs;
    return this.#unanswered > 0 ? sinceMs < UNANSWERED_MS : sinceMs < QUIET_MS;
  }

  async #readFailed(error: unknown): Promise<void> {
    if (this.#failure !== null) return;
    this.#lastError = error instanceof Error ? error.message : String(error);
    if (error instanceof LogError && error.code !== "away") return this.stop(error);
    if (!(error instanceof LogError)) {
      const message = `Cannot follow the log: ${this.#lastError}`;
      return this.stop(new LogError("foreign", message, { cause: error }));
    }
    await this.#idle(FAILED_MS);
  }

  /** Waits, unless it is woken before. */
  #idle(ms: number): Promise<void> {
    if (this.#failure !== null) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel: Cancel = this.#options.clock.setTimer(ms, () => this.#wake());
      this.#wake = () => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
    });
  }

  /** Reads what is missing before an own entry. */
  async #fill(): Promise<void> {
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      while (this.#placed.size > 0 && this.#stall === null && this.#failure === null) {
        const first = Math.min(...this.#placed.keys());
        const entries = await this.#options.log.between(this.applied, first);
        this.#arrived(entries);
        // Not there after all, or not yet: the next read says more.
        if (entries.length === 0 && this.#placed.size > 0) break;
      }
      this.#mustRead ||= this.#placed.size > 0;
    } catch (error) {
      if (error instanceof LogError && error.code === "away") this.#mustRead = true;
      else await this.#readFailed(error);
    } finally {
      this.#isFilling = false;
    }
  }

  #arrived(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      if (this.#failure !== null || this.#stall !== null) return;
      this.#position = Math.max(this.#position, entry.position);
      if (entry.position !== this.applied + 1) continue;
      const { position, atMs, writer, number, stand } = entry;
      const own = writer === this.#options.writer ? this.#own.get(number) : undefined;
      const change = own?.change ?? unpackChange(entry.kind, entry.bytes);
      this.#apply({ position, atMs, writer, number, change, stand });
    }
    this.#applyPlaced();
  }

  #applyPlaced(): void {
    while (this.#failure === null && this.#stall === null) {
      const next = this.#placed.get(this.applied + 1);
      if (next === undefined) break;
      this.#apply(next);
    }
  }

  // ---- applying -------------------------------------------------------------------------------------

  #apply(arrived: Arrived): void {
    const { position, atMs, writer, number, change, stand } = arrived;
    const astray = stand === null ? null : this.#stands.difference(stand);
    if (astray !== null) return this.stop(new LogError("foreign", astray));
    const { copy, entryClock } = this.#options;
    const mark = { log: this.#mark.log, position, writer, number };
    entryClock.atMs = atMs;
    copy.setMark(mark);
    const outcome = this.#outcomeOf(change);
    if (outcome.state === "thrown" || outcome.state === "refused") {
      const isLocal = outcome.state === "refused" && LOCAL.has(outcome.code);
      const written = isLocal ? outcome : copy.putMark();
      if (written.state === "refused") {
        // Not this entry's doing: it is applied once the copy can be written.
        this.#placed.set(position, arrived);
        this.#stall = written;
        return this.#wake();
      }
    }
    this.#mark = mark;
    this.#position = Math.max(this.#position, position);
    this.#placed.delete(position);
    const { seq } = copy.store;
    this.#stands.saw(position, seq);
    this.#tell({ position, atMs, seq, change, outcome }, writer, number);
  }

  /**
   * A change that makes the copy throw is a mistake of the program. It is passed over, as it is by
   * every other copy: stopping there would stop all nodes for ever.
   */
  #outcomeOf(change: Change): Outcome | Thrown {
    try {
      return this.#done(change);
    } catch (error) {
      this.#lastError = `Cannot apply an entry: ${error instanceof Error ? error.message : error}`;
      return { state: "thrown", error };
    }
  }

  #done(change: Change): Outcome {
    const { store } = this.#options.copy;
    switch (change.kind) {
      case "commit":
        return store.commit(change.batches);
      case "put":
        return store.putRecord(...change.record);
      case "drop":
        return store.dropRecord(...change.record);
      case "bury":
        return store.buryLetters(change.letters);
      case "unbury":
        return store.dropLetters(change.filter);
    }
  }

  #tell(applied: Omit<AppliedEntry, "isOwn">, writer: string, number: number): void {
    const { position, outcome } = applied;
    const isOwn = writer === this.#options.writer;
    const own = isOwn ? this.#own.get(number) : undefined;
    if (own !== undefined) {
      this.#own.delete(number);
      if (outcome.state === "thrown") own.reject(outcome.error);
      else own.resolve(outcome);
    }
    for (const listener of [...this.#listeners]) listener({ ...applied, isOwn });
    if (this.#waiters.length === 0) return;
    const reached = this.#waiters.filter((waiter) => waiter.position <= position);
    for (const waiter of reached) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.settle(null);
    }
  }

  /** Tries the copy again until it can be written. */
  async #untilWritten(): Promise<void> {
    await this.#idle(STALLED_MS);
    this.#stall = null;
    this.#applyPlaced();
    if (this.#placed.size > 0) void this.#fill();
  }
}
