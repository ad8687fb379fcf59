/**
 * A store that is a copy of a log shared by nodes: what is written becomes an entry, and is done once
 * the entry was applied; what is read is read from the copy.
 *
 * ## Applying
 * Entries are applied in the order of their positions, each once, whoever wrote them; so every copy
 * says the same at the same position, and a commit comes to the same everywhere, its refusal too. Own
 * entries are in memory already: they are applied as soon as nothing is missing before them, and only
 * what lies between is read. While none is under way, a read waits for what others append.
 *
 * ## What can go wrong
 * - The log cannot be reached: writes that did not reach it are refused (`busy`), others wait until
 *   their outcome is known. Reads go on.
 * - The copy cannot be written (no room on the disk): applying stops and is tried again; writes are
 *   refused with what it said. Nothing is lost, the log has it.
 * - The log is another one, lost its end, holds what is no entry, or the copy has gone astray from
 *   that of a writer: the copy follows it no more. Writes are refused as `broken`; reads go on.
 * - What the copy would have to read was given up: the same; opened anew, it begins at the snapshot.
 *
 * @module
 */

import type { Cancel, Clock } from "../../actor/clock.ts";
import type { CandleBlock, SeriesKey } from "../../market/block.ts";
import { packCommit, unpackCommit } from "../commit_codec.ts";
import type {
  BuryResult,
  CommitBatch,
  CommitResult,
  Letter,
  LetterFilter,
  LoggedCommit,
  NewLetter,
  RefusalCode,
  Refused,
  Store,
  StoredLabels,
  StoredRecord,
  StoreInfo,
  Tail,
  Touched,
  Window,
  WriteResult,
} from "../port.ts";
import { type Copy, type CopyHome, MARK_KIND } from "./copy.ts";
import { type Change, packChange } from "./entry_codec.ts";
import { FenceTable } from "./fence_table.ts";
import { Follower, type Outcome, type Thrown } from "./follower.ts";
import { openCopy } from "./open_copy.ts";
import {
  type Appended,
  type Fence,
  LOG_BOUNDS,
  LogError,
  type LogPosition,
  type NewEntry,
  type SharedLog,
  type Snapshot,
} from "./port.ts";
import { madeUpResult, nobodysFences } from "./rehearsal.ts";
import { takeSnapshot } from "./snapshotter.ts";

/** Writes whose outcome is not known: more than any group of actors has in hand. */
const UNDER_WAY_MAX = 1_024;
/** Tries to open a copy while others give up what it has to read: each begins at a later snapshot. */
const OPENS_MAX = 5;

/** How a {@linkcode ReplicatedStore} is opened. */
export interface ReplicatedStoreOptions {
  readonly log: SharedLog;
  /** Where the copy is. */
  readonly copy: CopyHome;
  readonly clock: Clock;
  /** This life of the node: it is replaced with it. */
  readonly session: string;
  /** Tells this store from others of the session, earlier ones too; never the same twice. */
  readonly instance: string;
  /** How long opening waits for a log that cannot be reached, ms; default 10,000. */
  readonly openLimitMs?: number;
}

/** An entry that was applied. */
export interface AppliedEntry {
  readonly position: LogPosition;
  /** Epoch ms of the log's clock when it was appended. */
  readonly atMs: number;
  /** Seq of the store after it. */
  readonly seq: number;
  /** What it was to do, and what that came to here. */
  readonly change: Change;
  readonly outcome: Outcome | Thrown;
  /** Whether this store wrote it. */
  readonly isOwn: boolean;
}

/** See the module's text. */
export class ReplicatedStore implements Store {
  readonly #log: SharedLog;
  readonly #clock: Clock;
  readonly #copy: Copy;
  readonly #home: CopyHome;
  readonly #follower: Follower;
  readonly #fences = new FenceTable();
  readonly #writer: string;
  #number = 0;
  #snapshot: { readonly bytes: number; readonly last: Snapshot | null } = { bytes: 0, last: null };

  private constructor(options: ReplicatedStoreOptions, copy: Copy, follower: Follower) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#home = options.copy;
    this.#writer = `${options.session}/${options.instance}`;
    this.#copy = copy;
    this.#follower = follower;
  }

  /**
   * Opens the copy, brings it up from the snapshot where it must be, and applies what the log holds by
   * then. A copy that followed this log before is opened without it when it cannot be reached.
   *
   * @throws {LogError} code `foreign` when the copy is of another log, or of what the log lost; `gone`
   * when it cannot begin at the snapshot; `away`.
   * @throws {StoreError} As `SqliteStore`; code `foreign` when the copy holds data of no log and the
   * log is not empty.
   */
  static async open(options: ReplicatedStoreOptions): Promise<ReplicatedStore> {
    for (let opens = 1;; opens++) {
      const { store, position } = await ReplicatedStore.#opened(options);
      try {
        await Promise.race([store.caughtUp(position), store.stopped]);
        if (store.failure !== null) throw store.failure;
        return store;
      } catch (error) {
        await store.close();
        // A snapshot made room meanwhile, by what was still to be read here: it begins there.
        const isGone = error instanceof LogError && error.code === "gone";
        if (!isGone || opens >= OPENS_MAX) throw error;
      }
    }
  }

  /** A store that begins to follow, and the log's end; 0 when that is not known. */
  static async #opened(options: ReplicatedStoreOptions) {
    const { log, clock, session, instance } = options;
    const { copy, mark, stand, entryClock } = await openCopy(options);
    const writer = `${session}/${instance}`;
    const follower = new Follower({ log, clock, copy, mark, entryClock, writer });
    const store = new ReplicatedStore(options, copy, follower);
    follower.start();
    return { store, position: stand?.position ?? 0 };
  }

  // ---- following ------------------------------------------------------------------------------------

  /** Last entry that was applied. */
  get applied(): LogPosition {
    return this.#follower.applied;
  }

  /** Why the copy follows the log no more; null while it does. */
  get failure(): LogError | null {
    return this.#follower.failure;
  }

  /** Resolves when the copy follows the log no more. */
  get stopped(): Promise<LogError> {
    return this.#follower.stopped;
  }

  /** The partitions that this node may write to, instead of those before. */
  setFences(fences: ReadonlyMap<number, number>): void {
    this.#fences.set(fences);
  }

  /** Whether this node writes to a partition. */
  owns(partition: number): boolean {
    return this.#fences.has(partition);
  }

  /** Resolves once an entry was applied. Rejects when the store is closed or stopped before. */
  caughtUp(position: LogPosition): Promise<void> {
    return this.#follower.caughtUp(position);
  }

  /** The seq once it is higher than `seq`, or as it is after `waitMs`. */
  appliedAfter(seq: number, waitMs: number): Promise<number> {
    if (this.seq > seq || this.failure !== null) return Promise.resolve(this.seq);
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        forget();
        resolve(this.seq);
      };
      const cancel: Cancel = this.#clock.setTimer(waitMs, end);
      const forget = this.onApplied((applied) => {
        if (applied.seq > seq) end();
      });
    });
  }

  /** Calls `listener` after each entry, own or foreign, in order. Ends with what it returns. */
  onApplied(listener: (applied: AppliedEntry) => void): () => void {
    return this.#follower.onApplied(listener);
  }

  /**
   * Makes a snapshot and gives up what it makes room for, when the log holds more than `bytesMax`
   * since the last one. Only one node at a time should. Null: there was no need, or this copy cannot.
   *
   * @throws {LogError | StoreError} When it could not be made.
   */
  async snapshot(bytesMax: number): Promise<Snapshot | null> {
    const { log, store, path } = { log: this.#log, store: this.#copy.store, path: this.#home.path };
    const view = await log.view();
    this.#snapshot = { bytes: view.bytes, last: view.snapshot };
    if (view.bytes <= bytesMax || path === null || this.#home.restore === null) return null;
    const made = await takeSnapshot({ log, store, path, view });
    this.#snapshot = { bytes: (await log.view()).bytes, last: made };
    return made;
  }

  // ---- writes ---------------------------------------------------------------------------------------

  get seq(): number {
    return this.#copy.store.seq;
  }

  commit(batches: readonly CommitBatch[]): Promise<CommitResult> {
    return this.#commit(batches, null);
  }

  /** A commit that was packed already: its bytes are the entry's. */
  commitPacked(bytes: Uint8Array): Promise<CommitResult> {
    return this.#commit(unpackCommit(bytes), bytes);
  }

  async #commit(
    batches: readonly CommitBatch[],
    packed: Uint8Array | null,
  ): Promise<CommitResult> {
    for (const { records = [] } of batches) {
      for (const { kind } of records) if (kind === MARK_KIND) return reserved();
    }
    const fences = this.#fences.of(batches);
    if (!Array.isArray(fences)) return fences as Refused;
    const bytes = packed ?? packCommit(batches);
    return await this.#write({ kind: "commit", batches }, bytes, fences) as CommitResult;
  }

  /**
   * Does with a packed commit what {@linkcode commitPacked} does, but under tokens that nobody has, so
   * that the log refuses it; a log that checks none is not asked. What it answers is made up.
   *
   * @throws {LogError} When the log cannot be reached.
   */
  async rehearse(bytes: Uint8Array): Promise<CommitResult> {
    const batches = unpackCommit(bytes);
    const fences = nobodysFences(batches);
    if (this.#log.checksTokens && fences.length > 0) {
      await this.#log.append(this.#entry(++this.#number, "commit", bytes, fences));
    }
    return madeUpResult(batches, this.seq, this.#clock.wallNow());
  }

  async putRecord(kind: string, key: string, json: string): Promise<WriteResult> {
    if (kind === MARK_KIND) return reserved();
    return await this.#change({ kind: "put", record: [kind, key, json] }) as WriteResult;
  }

  async dropRecord(kind: string, key: string): Promise<WriteResult> {
    if (kind === MARK_KIND) return reserved();
    return await this.#change({ kind: "drop", record: [kind, key] }) as WriteResult;
  }

  async buryLetters(letters: readonly NewLetter[]): Promise<BuryResult> {
    return await this.#change({ kind: "bury", letters }) as BuryResult;
  }

  async dropLetters(
    filter: LetterFilter,
  ): Promise<{ readonly state: "dropped"; count: number } | Refused> {
    const dropped = await this.#change({ kind: "unbury", filter });
    return dropped as { readonly state: "dropped"; count: number } | Refused;
  }

  #change(change: Exclude<Change, { kind: "commit" }>): Promise<Outcome> {
    return this.#write(change, packChange(change), []);
  }

  async #write(change: Change, bytes: Uint8Array, fences: readonly Fence[]): Promise<Outcome> {
    const refused = this.#notNow(bytes);
    if (refused !== null) return refused;
    const number = ++this.#number;
    const entry = this.#entry(number, change.kind, bytes, fences);
    const outcome = this.#follower.expect(number, change);
    const asked = this.#log.append(entry).then(
      (appended) => this.#appended(number, appended),
      (error) => this.#notAppended(number, error),
    );
    const [done] = await Promise.all([outcome, asked]);
    return done;
  }

  #entry(
    number: number,
    kind: Change["kind"],
    bytes: Uint8Array,
    fences: readonly Fence[],
  ): NewEntry {
    const stand = { position: this.applied, seq: this.seq };
    return { writer: this.#writer, number, fences, kind, bytes, stand };
  }

  #appended(number: number, appended: Appended): void {
    switch (appended.state) {
      case "appended":
        return this.#follower.placed(number, appended.position, appended.atMs);
      case "known":
        return this.#follower.isElsewhere(number);
      case "full":
        return this.#follower.refuse(number, refusal("full", appended.message));
      case "fenced":
        return this.#follower.refuse(number, this.#fences.refused(appended.partitions));
    }
  }

  #notAppended(number: number, error: unknown): void {
    if (!(error instanceof LogError)) return this.#follower.fail(number, error);
    if (error.code === "closed") return this.#follower.fail(number, error);
    if (error.code === "away") {
      return this.#follower.refuse(number, refusal("busy", error.message));
    }
    this.#follower.stop(error);
  }

  /** Why nothing can be written at present; nothing of it is in the log then. */
  #notNow(bytes: Uint8Array): Refused | null {
    const { failure, stall, length } = this.#follower;
    if (failure !== null) return refusal("broken", failure.message);
    if (stall !== null) return stall;
    if (length >= UNDER_WAY_MAX) {
      return refusal("busy", `Cannot write: ${length} writes are under way already`);
    }
    if (bytes.length <= LOG_BOUNDS.entryBytes) return null;
    const message = `Cannot write: expected at most ${LOG_BOUNDS.entryBytes} bytes at once: ` +
      `current value is ${bytes.length}`;
    return refusal("full", message);
  }

  // ---- reads ----------------------------------------------------------------------------------------

  tails(series: readonly SeriesKey[], bars: number): Tail[] {
    return this.#copy.store.tails(series, bars);
  }

  window(series: SeriesKey, fromTs: number, toTs: number, around: number): Window {
    return this.#copy.store.window(series, fromTs, toTs, around);
  }

  cursor(feed: string): string | null {
    return this.#copy.store.cursor(feed);
  }

  cursors(): { feed: string; cursor: string }[] {
    return this.#copy.store.cursors();
  }

  series(): { series: SeriesKey; count: number; lastTs: number }[] {
    return this.#copy.store.series();
  }

  candles(
    ...args: [series: SeriesKey, fromTs: number, toTs: number, limit: number, asOf?: number]
  ): CandleBlock {
    return this.#copy.store.candles(...args);
  }

  labels(
    ...args: [
      series: SeriesKey,
      paramHash: string,
      fromTs: number,
      toTs: number,
      limit: number,
      asOf?: number,
    ]
  ): StoredLabels {
    return this.#copy.store.labels(...args);
  }

  labelsAfter(seq: number, limit: number): LoggedCommit[] {
    return this.#copy.store.labelsAfter(seq, limit);
  }

  touched(seq: number, limit: number): Touched[] {
    return this.#copy.store.touched(seq, limit);
  }

  record(kind: string, key: string): string | null {
    return this.#copy.store.record(kind, key);
  }

  records(kind: string): StoredRecord[] {
    return this.#copy.store.records(kind);
  }

  letters(filter: LetterFilter, limit: number): Letter[] {
    return this.#copy.store.letters(filter, limit);
  }

  info(): StoreInfo {
    const info = this.#copy.store.info();
    const { applied, failure, stall, lastError, position } = this.#follower;
    const { status } = this.#log;
    const state = stall === null ? info.state : stall.code === "disk_full" ? "full" : "read_only";
    const problem = failure?.message ?? stall?.message ?? null;
    return {
      ...info,
      backend: "redis",
      state: failure === null ? state : "read_only",
      lastError: problem ?? info.lastError,
      log: {
        backend: status.backend,
        state: failure === null ? status.state : "stopped",
        copy: this.#home.kind,
        applied,
        position,
        lagEntries: position - applied,
        bytes: this.#snapshot.bytes,
        snapshotPosition: this.#snapshot.last?.position ?? null,
        lastError: failure?.message ?? status.lastError ?? lastError,
      },
    };
  }

  backup(path: string): Promise<number> {
    return this.#copy.store.backup(path);
  }

  /** Stops following, and lets go of the copy; the log is closed by whoever opened it. */
  async close(): Promise<void> {
    await this.#follower.close();
    this.#copy.store.close();
  }
}

function refusal(code: RefusalCode, message: string): Refused {
  return { state: "refused", code, message };
}

function reserved(): Refused {
  return refusal("full", `Cannot write records of kind ${MARK_KIND}: they are the log's own`);
}
