/**
 * The partition writer: in a node, whoever has candles asks it and not the label pool to take them.
 * It appends them to the streams of their partitions and then commits where their source stands.
 *
 * - A batch is taken as `committed` once its candles are durable in the streams, and its cursor,
 *   records and letters, if it has any, in the store. The counts say what was appended; the labels
 *   come when the owners of the partitions have got to it.
 * - Between the append and the commit everything may end: then the source begins at its old cursor
 *   and the candles are in the streams twice, which is harmless.
 * - Batches of one feed are appended and committed in their order. One that is refused takes those
 *   of its feed behind it with it.
 * - It does not queue for streams that have no room or cannot be reached, it refuses.
 *
 * @module
 */

import {
  actor,
  type Context,
  type Deferred,
  type Ref,
  textOf,
  type Trail,
} from "../src/actor/mod.ts";
import {
  Admission,
  ADMISSION_DEFAULTS,
  type AdmissionByCount,
  type AdmissionOptions,
  type Door,
  type Refusal,
} from "../src/label/admission.ts";
import { MarketError } from "../src/market/error.ts";
import { partitionOf } from "../src/market/partition.ts";
import { packCommit, unpackResult } from "../src/store/commit_codec.ts";
import type { PartitionStreams } from "../src/store/partitions/port.ts";
import type { CommitBatch, CommitResult } from "../src/store/port.ts";
import { type Ingest, type IngestReply, rowsOf, type Store } from "./protocols.ts";
import { type AppendOutcome, PartitionWriter } from "./protocols_nodes.ts";

/** How a writer is set up. */
export interface PartitionWriterArgs {
  readonly store: Ref<typeof Store.definition>;
  /** The store is in a thread: commits travel as one buffer each. */
  readonly packed?: boolean;
  /** Somebody else closes them. */
  readonly streams: PartitionStreams;
  readonly admission?: AdmissionOptions | AdmissionByCount;
  /** Where senders can look whether they would be refused. */
  readonly door?: Door;
}

/** Bytes of columns on their way: a second of what one writer appends, and what a burst may hold. */
const BYTES_UNDER_WAY_MAX = 32 * 1024 * 1024;
/** Batches on their way. */
const BATCHES_UNDER_WAY_MAX = 10_000;
/** Batches of one commit. */
const COMMIT_BATCHES_MAX = 1_024;
/** Records and letters of one commit, unless its first batch has more. */
const COMMIT_RECORDS_MAX = 10_000;
/** A partition without room is tried again after this, ms: its owner trims several times meanwhile. */
const FULL_PAUSE_MS = 50;
/** Streams that cannot be reached are tried again after this, ms. */
const AWAY_PAUSE_MS = 250;
/** Batches of a feed that are sent together arrive within this, ms. */
const ORDER_MS = 1_000;
/** A store that does not answer within this is taken for lost, ms. */
const ANSWER = { timeoutMs: 60_000 } as const;
/** Six numbers. */
const ROW_BYTES = 48;
const IDS_PER_INCARNATION = 2 ** 32;
/** Full partitions that the status names. */
const FULL_SHOWN_MAX = 16;

/** What was taken from a feed last, and when, ms of the clock. */
interface Taken {
  readonly cursor: string | null;
  atMs: number;
}

class Batch {
  /** All of its candles are in the streams. */
  isAppended = false;
  constructor(
    readonly id: number,
    readonly ingest: Ingest,
    readonly reply: Deferred<IngestReply>,
    readonly rows: number,
    readonly arrivedMs: number,
    readonly trail: Trail | null,
  ) {}

  /** Whether the store is to know of it. */
  get isCommitted(): boolean {
    const { feed, cursor, records, letters } = this.ingest;
    return (feed !== null && cursor !== null) || this.records > 0 ||
      records !== undefined || letters !== undefined;
  }

  get records(): number {
    const { records, letters } = this.ingest;
    return (records?.length ?? 0) + (letters?.length ?? 0);
  }
}

/** See {@linkcode PartitionWriter}. */
export const partitionWriter = actor(PartitionWriter, async (ctx, args: PartitionWriterArgs) => {
  const writer = new Writer(ctx, args, await args.store.ask("seq", {}, ANSWER));
  if (args.door !== undefined) {
    ctx.onStop(args.door.open((priority) => writer.refusalAhead(priority)));
  }
  const life = ctx.incarnation;
  return {
    ingest: (ingest) => {
      const refusal = writer.refusal(ingest, ctx.waitedMs);
      if (refusal !== null) return refusal;
      const reply = ctx.defer<IngestReply>();
      writer.take(ingest, reply);
      return reply;
    },
    appended: (told) => {
      if (told.life === life) writer.appended(told.id, told.outcome);
    },
    stored: (told) => {
      if (told.life === life) writer.stored(told.result);
    },
    lost: (told) => {
      if (told.life === life) writer.lost(told.message);
    },
    status: () => writer.status(),
  };
});

class Writer {
  readonly #ctx: Context<typeof PartitionWriter.definition>;
  readonly #args: PartitionWriterArgs;
  readonly #admission: Admission;
  /** On their way, by id, in the order of their arrival. */
  readonly #batches = new Map<number, Batch>();
  /** The last batch taken from each feed; forgotten when batches are given back. */
  readonly #taken = new Map<string, Taken>();
  /** Partitions without room, and when to try them again, ms of the clock. */
  readonly #fullUntilMs = new Map<number, number>();
  #bytes = 0;
  #ids: number;
  #committing: Batch[] | null = null;
  /** Commits of one batch each that are to come: one of those that went together was refused. */
  #alone = 0;
  /** The last commit that is known here. */
  #seq: number;
  #lastError: string | null = null;
  readonly #counts = { batches: 0, rows: 0, refused: 0, failed: 0 };

  constructor(
    ctx: Context<typeof PartitionWriter.definition>,
    args: PartitionWriterArgs,
    seq: number,
  ) {
    this.#ctx = ctx;
    this.#args = args;
    this.#seq = seq;
    this.#ids = ctx.incarnation * IDS_PER_INCARNATION;
    this.#admission = new Admission(args.admission ?? ADMISSION_DEFAULTS);
  }

  // ---- in -------------------------------------------------------------------------------------------

  /** Why a batch is not taken now; null when it is. */
  refusal(ingest: Ingest, waitedMs: number): IngestReply | null {
    const refusal = this.#refusal(ingest, waitedMs);
    if (refusal === null) return null;
    this.#counts.refused++;
    const taken = ingest.feed === null ? undefined : this.#taken.get(ingest.feed);
    // Those behind it are on their way here already.
    if (taken !== undefined && taken.cursor === ingest.after) taken.atMs = this.#ctx.clock.now();
    return refusal;
  }

  #refusal(ingest: Ingest, waitedMs: number): IngestReply | null {
    if (!this.#follows(ingest)) {
      return refused("order", "the batch before it was not taken", 1);
    }
    const bytes = ROW_BYTES * rowsOf(ingest.blocks);
    const hasRoom = this.#bytes === 0 || this.#bytes + bytes <= BYTES_UNDER_WAY_MAX;
    if (!hasRoom || this.#batches.size >= BATCHES_UNDER_WAY_MAX) {
      return refused("room", "as much is under way as may be", 5);
    }
    const full = this.#fullOf(ingest);
    if (full !== null) return full;
    return ingest.bulk ? null : this.#overload(ingest.priority, waitedMs, "admits");
  }

  /** Why work of this priority that is not sent yet would be refused; null when it would not be. */
  refusalAhead(priority: number): Refusal | null {
    return this.#overload(priority, this.#ctx.oldestWaitMs, "refuses");
  }

  #overload(priority: number, waitedMs: number, how: "admits" | "refuses"): Refusal | null {
    const { turnMs } = this.#ctx;
    const [oldest] = this.#batches.values();
    const delayMs = waitedMs + (oldest === undefined ? 0 : turnMs - oldest.arrivedMs);
    const load = this.#admission.measure === "delayMs" ? delayMs : this.#batches.size;
    const isRefused = how === "refuses"
      ? this.#admission.refuses(load, priority, turnMs, 0)
      : !this.#admission.admits(load, priority, turnMs, 0);
    if (!isRefused) return null;
    return {
      state: "refused",
      code: "overload",
      reason: `overload: it would wait ${Math.round(delayMs)} ms`,
      retryAfterMs: this.#admission.retryAfterMs(delayMs),
    };
  }

  #fullOf({ blocks }: Ingest): IngestReply | null {
    if (this.#fullUntilMs.size === 0) return null;
    const nowMs = this.#ctx.clock.now();
    for (const { series } of blocks) {
      const partition = partitionOf(series);
      const untilMs = this.#fullUntilMs.get(partition) ?? -Infinity;
      if (untilMs > nowMs) return refused("room", fullText([partition]), untilMs - nowMs);
      this.#fullUntilMs.delete(partition);
    }
    return null;
  }

  /**
   * A batch that follows on one that was not taken must not be taken either. What a feed sent long ago
   * says nothing: another node may have gone on with it since, and the store has the last word.
   */
  #follows({ feed, after }: Ingest): boolean {
    const taken = feed === null ? undefined : this.#taken.get(feed);
    if (feed === null || taken === undefined || taken.cursor === after) return true;
    if (this.#ctx.clock.now() - taken.atMs <= ORDER_MS) return false;
    for (const { ingest } of this.#batches.values()) if (ingest.feed === feed) return false;
    this.#taken.delete(feed);
    return true;
  }

  take(ingest: Ingest, reply: Deferred<IngestReply>): void {
    const { turnMs, trail } = this.#ctx;
    const id = ++this.#ids;
    const batch = new Batch(id, ingest, reply, rowsOf(ingest.blocks), turnMs, trail);
    this.#batches.set(id, batch);
    this.#bytes += ROW_BYTES * batch.rows;
    if (ingest.feed !== null && ingest.cursor !== null) this.#took(ingest.feed, ingest.cursor);
    const life = this.#ctx.incarnation;
    const { self } = this.#ctx;
    this.#ctx.follow(trail, () => {
      this.#args.streams.append(ingest.blocks).then(
        (outcome) => self.tell("appended", { life, id, outcome }),
        (error) => self.tell("appended", { life, id, outcome: outcomeOf(error) }),
      );
    });
  }

  #took(feed: string, cursor: string | null): void {
    this.#taken.set(feed, { cursor, atMs: this.#ctx.clock.now() });
  }

  // ---- from the streams -------------------------------------------------------------------------------

  appended(id: number, outcome: AppendOutcome): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    if (outcome.state === "appended") {
      batch.isAppended = true;
      if (batch.isCommitted) this.#commit();
      else this.#done(batch, this.#seq);
      return;
    }
    if (outcome.state === "impossible") {
      return this.#giveBack(batch, { state: "failed", code: "encoding", message: outcome.message });
    }
    if (outcome.state === "full") {
      const untilMs = this.#ctx.clock.now() + FULL_PAUSE_MS;
      for (const partition of outcome.partitions) this.#fullUntilMs.set(partition, untilMs);
      return this.#giveBack(batch, refused("room", fullText(outcome.partitions), FULL_PAUSE_MS));
    }
    if (this.#lastError === null) {
      this.#ctx.log("warn", "candles cannot be appended", { reason: outcome.message });
    }
    this.#lastError = outcome.message;
    const reason = `the streams cannot be reached: ${outcome.message}`;
    this.#giveBack(batch, refused("room", reason, AWAY_PAUSE_MS));
  }

  /** Answers a batch with what became of it, and those of its feed behind it. */
  #giveBack(batch: Batch, reply: IngestReply): void {
    const { feed, after } = batch.ingest;
    this.#end(batch, reply);
    if (feed === null) return;
    // One that is refused comes again after what was taken before it; after a failure its feed looks
    // at the store first.
    if (reply.state === "refused") this.#took(feed, after);
    else this.#taken.delete(feed);
    const behind = reply.state === "refused"
      ? refused("order", "the batch before it was not taken", 1)
      : reply;
    for (const other of this.#batches.values()) {
      const isBehind = other.ingest.feed === feed && other.id > batch.id;
      if (isBehind) this.#end(other, behind);
    }
    this.#commit();
  }

  #end(batch: Batch, reply: IngestReply): void {
    this.#batches.delete(batch.id);
    this.#bytes -= ROW_BYTES * batch.rows;
    if (reply.state === "refused") this.#counts.refused++;
    else if (reply.state === "failed") this.#counts.failed++;
    batch.reply.resolve(reply);
  }

  #done(batch: Batch, seq: number): void {
    if (this.#lastError !== null) {
      this.#ctx.log("info", "candles are appended again");
      this.#lastError = null;
    }
    this.#counts.batches++;
    this.#counts.rows += batch.rows;
    const counts = { candles: batch.rows, corrected: 0, labels: 0, revised: 0 };
    this.#end(batch, { state: "committed", seq, ...counts });
  }

  // ---- to the store -----------------------------------------------------------------------------------

  /** Commits what is appended, several batches in one when they queue. */
  #commit(): void {
    if (this.#committing !== null) return;
    const ready = this.#ready(this.#alone > 0 ? 1 : COMMIT_BATCHES_MAX);
    if (ready.length === 0) return;
    if (this.#alone > 0) this.#alone--;
    this.#committing = ready;
    const life = this.#ctx.incarnation;
    const { self } = this.#ctx;
    this.#ctx.follow(ready.find(({ trail }) => trail !== null)?.trail ?? null, () => {
      this.#ask(ready.map(commitOf)).then(
        (result) => self.tell("stored", { life, result }),
        (error) => self.tell("lost", { life, message: textOf(error) }),
      );
    });
  }

  /** Batches that may be committed: appended, as all before them of their feed are. */
  #ready(batchesMax: number): Batch[] {
    const ready: Batch[] = [];
    const waiting = new Set<string>();
    let records = 0;
    for (const batch of this.#batches.values()) {
      const { feed } = batch.ingest;
      if (feed !== null && waiting.has(feed)) continue;
      if (!batch.isAppended) {
        if (feed !== null) waiting.add(feed);
        continue;
      }
      records += batch.records;
      if (ready.length > 0 && records > COMMIT_RECORDS_MAX) break;
      ready.push(batch);
      if (ready.length >= batchesMax) break;
    }
    return ready;
  }

  async #ask(batches: readonly CommitBatch[]): Promise<CommitResult> {
    const { store, packed } = this.#args;
    if (packed !== true) return await store.ask("commit", { batches }, ANSWER);
    return unpackResult(await store.ask("commitPacked", packCommit(batches), ANSWER));
  }

  stored(result: CommitResult): void {
    const batches = this.#committing ?? [];
    this.#committing = null;
    if (result.state === "committed") {
      this.#seq = Math.max(this.#seq, result.seq);
      for (const batch of batches) this.#done(batch, result.seq);
    } else if (batches.length > 1) {
      // All or none: which of them it is will be seen.
      this.#alone = batches.length;
    } else {
      const { code, message } = result;
      for (const batch of batches) this.#giveBack(batch, { state: "failed", code, message });
    }
    this.#commit();
  }

  /** Nobody knows whether it was committed; the cursor says so to whoever looks. */
  lost(message: string): void {
    const batches = this.#committing ?? [];
    this.#committing = null;
    this.#ctx.log("warn", "batches go back", { code: "store", message });
    for (const batch of batches) {
      if (this.#batches.has(batch.id)) {
        this.#giveBack(batch, { state: "failed", code: "store", message });
      }
    }
    this.#commit();
  }

  status() {
    const nowMs = this.#ctx.clock.now();
    const full = [...this.#fullUntilMs].filter(([, untilMs]) => untilMs > nowMs);
    const { state, lastError } = this.#args.streams.status;
    return {
      state,
      ...this.#counts,
      underWayBatches: this.#batches.size,
      underWayBytes: this.#bytes,
      fullPartitions: full.slice(0, FULL_SHOWN_MAX).map(([partition]) => partition),
      lastError: this.#lastError ?? lastError,
    };
  }
}

/** What the store is to know: everything but the candles. */
function commitOf({ ingest }: Batch): CommitBatch {
  const { feed, after, cursor, records, letters } = ingest;
  const base = { feed, after, cursor, series: [] };
  if (records === undefined && letters === undefined) return base;
  return { ...base, records: records ?? [], letters: letters ?? [] };
}

function outcomeOf(error: unknown): AppendOutcome {
  const message = textOf(error);
  return error instanceof MarketError
    ? { state: "impossible", message }
    : { state: "away", message };
}

function refused(
  code: "room" | "order",
  reason: string,
  retryAfterMs: number,
): IngestReply & { readonly state: "refused" } {
  return { state: "refused", code, reason, retryAfterMs: Math.ceil(retryAfterMs) };
}

function fullText(partitions: readonly number[]): string {
  return `too much waits to be labelled in partition ${partitions.slice(0, 8).join(", ")}`;
}
