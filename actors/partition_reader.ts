/**
 * The partition reader: in a node, reads the streams of the partitions that this node owns and asks the
 * label pool to take their candles, as the feed `partition/N`.
 *
 * ## What it believes
 * As a feed does: what a partition's past is, only the store says. Whatever fails (a refusal, a thread
 * that died, a commit of somebody else) ends the same way: what was on its way is forgotten, and after
 * a pause reading goes on from the committed cursor. A partition that somebody else owns by now fails
 * for ever, until this reader is told.
 *
 * ## How much is on its way
 * A few batches a partition, in all less than the pool takes, so that it need not refuse. What a round
 * of reading brought beyond that is held here, and nothing is read until it has gone on. So entries
 * gather in the streams while the pool is busy, and the next page of a partition has them all.
 *
 * What was committed is given up in the streams, many partitions at a time and not at every commit.
 *
 * @module
 */

import { actor, type Context, type Deferred, type Ref, textOf } from "../src/actor/mod.ts";
import { type BackoffBounds, backoffMs } from "../src/feed/backoff.ts";
import { PARTITIONS } from "../src/market/partition.ts";
import { placeParts } from "../src/store/partitions/place.ts";
import {
  PARTITION_BOUNDS,
  type PartitionBacklog,
  partitionFeed,
  type PartitionPage,
  type PartitionStreams,
  type StreamPlace,
} from "../src/store/partitions/port.ts";
import type { NewLetter } from "../src/store/port.ts";
import { type IngestReply, rowsOf, type Store } from "./protocols.ts";
import {
  type Drained,
  type IngestRef,
  type PartitionLag,
  PartitionReader,
} from "./protocols_nodes.ts";

/** What a reader does with streams. */
export type ReadStreams = Pick<PartitionStreams, "read" | "trim" | "backlog" | "status">;

/** How a reader is set up. */
export interface PartitionReaderArgs {
  readonly store: Ref<typeof Store.definition>;
  readonly pool: IngestRef;
  /** Somebody else closes them. */
  readonly streams: ReadStreams;
  /** Partitions that are this node's; it lies here to outlive incarnations of the reader. */
  readonly owned: Set<number>;
}

/** Batches of a partition with the pool: one that is labelled, one that waits for it. */
const BATCHES_PER_PARTITION = 2;
/** Rows with the pool, which takes 65,536 and would refuse more. */
const ROWS_UNDER_WAY_MAX = 49_152;
/** A read comes back after this, ms, if nothing was appended. */
const READ_WAIT_MS = 1_000;
/** Between two rounds of giving up what was committed, ms. */
const TRIM_EVERY_MS = 100;
/** Bytes of a partition that are given up at once: who appends may be waiting for room. */
const TRIM_AT_ONCE_BYTES = PARTITION_BOUNDS.waitingBytes / 4;
/** A partition that is let go is done with after this at the latest, ms. */
const DRAIN_MS = 1_500;
/** Between two looks at what waits in the streams, ms. */
const LOOK_EVERY_MS = 2_000;
/** The pool answers within its own limits; beyond this it is taken for lost, ms. */
const POOL_ANSWER = { timeoutMs: 180_000 } as const;
const STORE_ANSWER = { timeoutMs: 60_000 } as const;
/** Most of what fails a batch is over at once: a thread that died has been started again. */
const BACKOFF: BackoffBounds = { minMs: 50, maxMs: 15_000 };
/** Streams that cannot be reached are there again within a failover. */
const AWAY_BACKOFF: BackoffBounds = { minMs: 100, maxMs: 5_000 };
/** Doublings after which a pause grows no more. */
const BACKOFF_COUNT_MAX = 10;
const IDS_PER_INCARNATION = 2 ** 32;
/** Not the least important: it was acknowledged. */
const PRIORITY = 5;

interface Sent {
  readonly id: number;
  readonly cursor: StreamPlace;
  readonly firstAtMs: number;
}

/** A partition that is this node's. */
class Own {
  /** Told apart from what was on its way before: answers of an earlier epoch do not count. */
  epoch: number;
  state: "asking" | "reading" | "pausing" | "draining" = "asking";
  committed: StreamPlace | null = null;
  /** Where reading goes on. */
  readTo: StreamPlace | null = null;
  /** With the pool, oldest first. */
  sent: Sent[] = [];
  failures = 0;
  lastError: string | null = null;
  /** Up to where the stream was given up. */
  trimmed: StreamPlace | null = null;
  backlog: PartitionBacklog | null = null;
  /** Nothing of it was given up while it drained. */
  isClean = true;
  readonly draining: Deferred<Drained>[] = [];
  constructor(readonly partition: number, epoch: number) {
    this.epoch = epoch;
  }
}

/** See {@linkcode PartitionReader}. */
export const partitionReader = actor(PartitionReader, (ctx, args: PartitionReaderArgs) => {
  const reader = new Reader(ctx, args);
  ctx.onStop(() => reader.stop());
  const life = ctx.incarnation;
  return {
    own: ({ partitions, cursors }) => reader.own(partitions, cursors),
    drain: ({ partition }) => reader.drain(partition),
    disown: ({ partition }) => reader.disown(partition),
    cursor: (told) => reader.cursor(told.partition, told.epoch, told.cursor, told.error),
    cursors: ({ epochs, cursors }) => reader.cursors(epochs, cursors),
    pages: (told) => {
      if (told.life === life) reader.pages(told.pages, told.error);
    },
    settled: ({ partition, epoch, id, reply }) => reader.settled(partition, epoch, id, reply),
    go: ({ partition }) => reader.go(partition),
    late: ({ partition }) => reader.late(partition),
    read: () => reader.resume(),
    trim: () => reader.trim(),
    look: () => reader.look(),
    looked: (told) => {
      if (told.life === life) reader.looked(told.backlog);
    },
    lags: () => reader.lags(),
    status: () => reader.status(),
  };
});

class Reader {
  readonly #ctx: Context<typeof PartitionReader.definition>;
  readonly #args: PartitionReaderArgs;
  readonly #own = new Map<number, Own>();
  /** Partitions to be read now, and where; the streams look at it before every round. */
  readonly #places = new Map<number, StreamPlace | null>();
  /** Batches that are with the pool, whether their answers still count or not. */
  readonly #underWay = new Map<number, { readonly partition: number; readonly rows: number }>();
  /** How many of them a partition has. */
  readonly #perPartition = new Map<number, number>();
  #rows = 0;
  /** Read, and not with the pool yet: what one round may bring, 32 MB. */
  #held: PartitionPage[] = [];
  /** Ends the wait of the read under way; null while there is none. */
  #reading: AbortController | null = null;
  /** Reading pauses: the streams are away. */
  #isPausing = false;
  #readFailures = 0;
  #isTrimming = false;
  #isLooking = false;
  #epoch: number;
  #ids: number;
  #lastError: string | null = null;
  readonly #counts = { batches: 0, rows: 0, retries: 0, damaged: 0 };

  constructor(ctx: Context<typeof PartitionReader.definition>, args: PartitionReaderArgs) {
    this.#ctx = ctx;
    this.#args = args;
    // The mailbox outlives an incarnation, and so do answers on their way: none may pass for a new one.
    this.#epoch = this.#ids = ctx.incarnation * IDS_PER_INCARNATION;
    ctx.timer("look", { delayMs: LOOK_EVERY_MS, everyMs: LOOK_EVERY_MS }, "look", {});
    this.own([...args.owned]);
  }

  // ---- whose they are ---------------------------------------------------------------------------------

  own(partitions: readonly number[], cursors?: readonly (StreamPlace | null)[]): void {
    const added: Own[] = [];
    for (const partition of partitions) {
      this.#args.owned.add(partition);
      const known = this.#own.get(partition);
      if (known === undefined) {
        const own = new Own(partition, ++this.#epoch);
        this.#own.set(partition, own);
        added.push(own);
      } else if (known.state === "draining") this.#stays(known);
    }
    const [first] = added;
    if (cursors !== undefined) {
      const known = new Map(partitions.map((partition, at) => [partition, cursors[at] ?? null]));
      for (const own of added) this.#begin(own, known.get(own.partition) ?? null);
      this.#pump();
    } else if (added.length > 1) this.#askCursors(added);
    else if (first !== undefined) this.#askCursor(first);
  }

  /** A partition that drains is this node's after all. */
  #stays(own: Own): void {
    this.#ctx.cancelTimer(`late/${own.partition}`);
    this.#answerDrains(own);
    own.epoch = ++this.#epoch;
    own.sent = [];
    own.isClean = true;
    own.state = "pausing";
    this.go(own.partition);
  }

  drain(partition: number): Drained | Deferred<Drained> {
    const own = this.#own.get(partition);
    if (own === undefined) return { partition, isClean: true, cursor: null };
    this.#args.owned.delete(partition);
    own.state = "draining";
    this.#ctx.cancelTimer(`go/${partition}`);
    this.#place(own);
    const reply = this.#ctx.defer<Drained>();
    own.draining.push(reply);
    if (this.#underWayOf(partition) === 0) this.#forget(own);
    else this.#ctx.timer(`late/${partition}`, { delayMs: DRAIN_MS }, "late", { partition });
    return reply;
  }

  /** A partition that drains takes too long. */
  late(partition: number): void {
    const own = this.#own.get(partition);
    if (own?.state === "draining") this.#forget(own);
  }

  disown(partition: number): void {
    this.#args.owned.delete(partition);
    const own = this.#own.get(partition);
    if (own !== undefined) this.#forget(own);
  }

  #answerDrains({ partition, sent, committed, draining, isClean }: Own): void {
    for (const reply of draining.splice(0)) {
      reply.resolve({ partition, isClean: isClean && sent.length === 0, cursor: committed });
    }
  }

  /** It is not this node's any more; what is committed may still be given up. */
  #forget(own: Own): void {
    const { partition } = own;
    this.#own.delete(partition);
    this.#places.delete(partition);
    this.#ctx.cancelTimer(`go/${partition}`);
    this.#ctx.cancelTimer(`late/${partition}`);
    this.#answerDrains(own);
    this.#trimLast(own);
    this.#pump();
  }

  #trimLast({ partition, committed, trimmed }: Own): void {
    if (committed === null || committed === trimmed) return;
    // The next owner gives it up, too.
    this.#args.streams.trim(new Map([[partition, committed]])).catch(() => {});
  }

  stop(): void {
    this.#reading?.abort();
    for (const own of this.#own.values()) this.#answerDrains(own);
  }

  // ---- where they stand -------------------------------------------------------------------------------

  #askCursor(own: Own): void {
    own.state = "asking";
    const { partition, epoch } = own;
    const { self } = this.#ctx;
    const tell = (cursor: string | null, error: string | null) =>
      self.tell("cursor", { partition, epoch, cursor, error });
    this.#args.store.ask("cursor", { feed: partitionFeed(partition) }, STORE_ANSWER).then(
      (cursor) => tell(cursor, null),
      (error) => tell(null, textOf(error)),
    );
  }

  /** One question for many: they move together, and each waits for its own answer. */
  #askCursors(added: readonly Own[]): void {
    const epochs = added.map(({ partition, epoch }) => ({ partition, epoch }));
    const { self } = this.#ctx;
    this.#args.store.ask("cursors", {}, STORE_ANSWER).then(
      (found) => {
        const known = new Map(found.map(({ feed, cursor }) => [feed, cursor]));
        const cursors = epochs.map(({ partition }) => known.get(partitionFeed(partition)) ?? null);
        self.tell("cursors", { epochs, cursors });
      },
      (error) => {
        for (const one of epochs) {
          self.tell("cursor", { ...one, cursor: null, error: textOf(error) });
        }
      },
    );
  }

  cursor(partition: number, epoch: number, cursor: string | null, error: string | null): void {
    const own = this.#own.get(partition);
    if (own === undefined || own.epoch !== epoch || own.state !== "asking") return;
    if (error !== null) return this.#goBack(own, error, 0);
    this.#begin(own, cursor);
    this.#pump();
  }

  /** The same of many, `epochs` in the order of their cursors. */
  cursors(
    epochs: readonly { readonly partition: number; readonly epoch: number }[],
    cursors: readonly (string | null)[],
  ): void {
    epochs.forEach(({ partition, epoch }, at) => {
      const own = this.#own.get(partition);
      if (own?.epoch === epoch && own.state === "asking") this.#begin(own, cursors[at] ?? null);
    });
    this.#pump();
  }

  #begin(own: Own, cursor: string | null): void {
    own.committed = own.readTo = cursor;
    own.state = "reading";
    this.#place(own);
  }

  /** Everything since the committed cursor is read again, after a pause. */
  #goBack(own: Own, reason: string, atLeastMs: number): void {
    const { partition } = own;
    own.epoch = ++this.#epoch;
    own.sent = [];
    own.lastError = this.#lastError = reason;
    if (own.state === "draining") {
      own.isClean = false;
      return;
    }
    const count = Math.min(own.failures++, BACKOFF_COUNT_MAX);
    const pauseMs = Math.max(atLeastMs, backoffMs(count, BACKOFF, this.#ctx.random));
    this.#counts.retries++;
    own.state = "pausing";
    this.#place(own);
    const fields = { partition, reason, pauseMs: Math.round(pauseMs), failures: own.failures };
    this.#ctx.log(count === 0 ? "debug" : "warn", "goes back to the committed cursor", fields);
    this.#ctx.timer(`go/${partition}`, { delayMs: pauseMs }, "go", { partition });
  }

  go(partition: number): void {
    const own = this.#own.get(partition);
    if (own?.state !== "pausing") return;
    if (this.#underWayOf(partition) === 0) return this.#askCursor(own);
    // What was given up here may be committed yet, and would be in the way of what follows.
    this.#ctx.timer(`go/${partition}`, { delayMs: BACKOFF.minMs }, "go", { partition });
  }

  // ---- reading ----------------------------------------------------------------------------------------

  /** Says whether a partition is to be read, and where; after every change of it. */
  #place(own: Own): void {
    const { partition, state, sent, readTo } = own;
    if (state !== "reading" || sent.length >= BATCHES_PER_PARTITION) {
      this.#places.delete(partition);
    } else if (this.#places.get(partition) !== readTo) {
      this.#places.set(partition, readTo);
      // The read under way may be waiting without it.
      this.#reading?.abort();
    }
  }

  /** Sends what is held, and reads on if there is room. */
  #pump(): void {
    this.#sendHeld();
    this.#read();
  }

  /** As much was read as may be. */
  get #isFull(): boolean {
    return this.#held.length > 0 || this.#rows >= ROWS_UNDER_WAY_MAX;
  }

  /** Begins to read unless it does, or must not. */
  #read(): void {
    if (this.#reading !== null || this.#isPausing || this.#isFull) return;
    if (this.#places.size === 0) return;
    const abort = this.#reading = new AbortController();
    const life = this.#ctx.incarnation;
    const { self } = this.#ctx;
    void this.#ctx.anew(() =>
      this.#args.streams.read(this.#places, READ_WAIT_MS, abort.signal).then(
        (pages) => self.tell("pages", { life, pages, error: null }),
        (error) => self.tell("pages", { life, pages: [], error: textOf(error) }),
      )
    );
  }

  pages(pages: readonly PartitionPage[], error: string | null): void {
    this.#reading = null;
    if (error !== null) return this.#pause(error);
    this.#readFailures = 0;
    for (const page of pages) {
      const own = this.#own.get(page.partition);
      // Its partition went back, or away, while it was read.
      if (own?.state !== "reading" || own.readTo !== page.after) continue;
      own.readTo = page.place;
      this.#place(own);
      this.#held.push(page);
    }
    this.#pump();
  }

  #pause(error: string): void {
    if (this.#readFailures === 0) {
      this.#ctx.log("warn", "the streams cannot be read", { reason: error });
    }
    this.#lastError = error;
    this.#isPausing = true;
    const count = Math.min(this.#readFailures++, BACKOFF_COUNT_MAX);
    const delayMs = backoffMs(count, AWAY_BACKOFF, this.#ctx.random);
    this.#ctx.timer("read", { delayMs }, "read", {});
  }

  /** The pause is over. */
  resume(): void {
    this.#isPausing = false;
    this.#read();
  }

  // ---- to the pool and back ---------------------------------------------------------------------------

  #sendHeld(): void {
    let count = 0;
    for (const page of this.#held) {
      const own = this.#own.get(page.partition);
      const isStale = own === undefined || !follows(own, page);
      const rows = rowsOf(page.blocks);
      if (!isStale && this.#rows > 0 && this.#rows + rows > ROWS_UNDER_WAY_MAX) break;
      count++;
      if (!isStale) this.#send(own, page, rows);
    }
    if (count > 0) this.#held = this.#held.slice(count);
  }

  #send(own: Own, page: PartitionPage, rows: number): void {
    const { partition, epoch } = own;
    const id = ++this.#ids;
    own.sent.push({ id, cursor: page.place, firstAtMs: page.firstAtMs });
    this.#place(own);
    this.#underWay.set(id, { partition, rows });
    this.#perPartition.set(partition, this.#underWayOf(partition) + 1);
    this.#rows += rows;
    const { self } = this.#ctx;
    const settle = (reply: IngestReply) => self.tell("settled", { partition, epoch, id, reply });
    this.#args.pool.ask("ingest", {
      feed: partitionFeed(partition),
      after: page.after,
      cursor: page.place,
      blocks: page.blocks,
      priority: PRIORITY,
      bulk: true,
      ...(page.damaged.length === 0 ? {} : { letters: this.#lettersOf(page) }),
    }, POOL_ANSWER).then(
      settle,
      (error) => settle({ state: "failed", code: "no_answer", message: textOf(error) }),
    );
  }

  /** Entries that cannot be read are kept as dead letters, with the page that they were part of. */
  #lettersOf({ partition, damaged }: PartitionPage): NewLetter[] {
    const { clock, path } = this.#ctx;
    this.#counts.damaged += damaged.length;
    for (const { place, reason } of damaged) {
      this.#ctx.log("error", "an entry of a stream is damaged", { partition, place, reason });
    }
    return damaged.map(({ place, reason, bytes, head }) => ({
      atMs: clock.wallNow(),
      path,
      type: "entry",
      reason: "damaged",
      error: reason,
      payload: JSON.stringify({ partition, place, bytes, head }),
    }));
  }

  settled(partition: number, epoch: number, id: number, reply: IngestReply): void {
    const batch = this.#underWay.get(id);
    // Of an earlier incarnation.
    if (batch === undefined) return;
    this.#underWay.delete(id);
    this.#rows -= batch.rows;
    const left = this.#underWayOf(partition) - 1;
    if (left > 0) this.#perPartition.set(partition, left);
    else this.#perPartition.delete(partition);
    const own = this.#own.get(partition);
    if (own?.epoch === epoch) this.#settle(own, id, reply);
    if (own?.state === "draining" && left === 0) this.#forget(own);
    else if (own !== undefined) this.#place(own);
    this.#pump();
  }

  #underWayOf(partition: number): number {
    return this.#perPartition.get(partition) ?? 0;
  }

  #settle(own: Own, id: number, reply: IngestReply): void {
    const [first] = own.sent;
    if (reply.state === "failed") return this.#goBack(own, `${reply.code}: ${reply.message}`, 0);
    if (reply.state === "refused") {
      return this.#goBack(own, `${reply.code}: ${reply.reason}`, reply.retryAfterMs);
    }
    // The pool commits a feed's batches in their order.
    if (first === undefined || first.id !== id) return this.#goBack(own, "out of order", 0);
    own.sent.shift();
    own.committed = first.cursor;
    own.failures = 0;
    own.lastError = null;
    this.#counts.batches++;
    this.#counts.rows += reply.candles + reply.corrected;
    this.#trimLater(own);
  }

  // ---- giving up what is committed --------------------------------------------------------------------

  #trimLater({ committed, trimmed }: Own): void {
    const bytes = endOf(committed) - endOf(trimmed);
    const delayMs = trimmed !== null && bytes >= TRIM_AT_ONCE_BYTES ? 0 : TRIM_EVERY_MS;
    if (this.#isTrimming && delayMs > 0) return;
    this.#isTrimming = true;
    this.#ctx.timer("trim", { delayMs }, "trim", {});
  }

  trim(): void {
    this.#isTrimming = false;
    const places = new Map<number, StreamPlace>();
    for (const own of this.#own.values()) {
      if (own.committed === null || own.committed === own.trimmed) continue;
      places.set(own.partition, own.committed);
      own.trimmed = own.committed;
    }
    if (places.size === 0) return;
    this.#args.streams.trim(places).catch((error) => {
      // What is not given up now is with the next commit of its partition.
      this.#ctx.log("debug", "streams cannot be trimmed", { reason: textOf(error) });
      for (const partition of places.keys()) {
        const own = this.#own.get(partition);
        if (own !== undefined) own.trimmed = null;
      }
    });
  }

  // ---- for people -------------------------------------------------------------------------------------

  /** Asks what waits where something may. */
  look(): void {
    if (this.#isLooking) return;
    const isBusy = this.#isFull || this.#isPausing;
    // Nobody else may ask whether the streams are there again.
    const isAway = this.#args.streams.status.state === "away";
    const partitions = isAway ? Array.from({ length: PARTITIONS }, (_, at) => at) : [];
    for (const own of this.#own.values()) {
      if (!isAway && (isBusy || mayWait(own))) partitions.push(own.partition);
    }
    if (partitions.length === 0) return;
    this.#isLooking = true;
    const life = this.#ctx.incarnation;
    const { self } = this.#ctx;
    this.#args.streams.backlog(partitions).then(
      (backlog) => self.tell("looked", { life, backlog }),
      () => self.tell("looked", { life, backlog: [] }),
    );
  }

  looked(backlog: readonly PartitionBacklog[]): void {
    this.#isLooking = false;
    for (const found of backlog) {
      const own = this.#own.get(found.partition);
      if (own === undefined) continue;
      own.backlog = found;
      // Trimming that failed is made up for.
      if (found.entries > 0 && own.trimmed === null) this.#trimLater(own);
    }
  }

  lags(): PartitionLag[] {
    return Array.from(this.#own.values(), lagOf);
  }

  status() {
    const lags = this.lags();
    const oldest = lags.flatMap(({ oldestAtMs }) => oldestAtMs ?? []);
    const { state, lastError } = this.#args.streams.status;
    return {
      state,
      partitions: lags.length,
      ...this.#counts,
      underWayBatches: this.#underWay.size,
      underWayRows: this.#rows,
      waitingEntries: lags.reduce((sum, { entries }) => sum + entries, 0),
      waitingBytes: lags.reduce((sum, { bytes }) => sum + bytes, 0),
      oldestMs: oldest.length === 0
        ? null
        : Math.max(0, this.#ctx.clock.wallNow() - Math.min(...oldest)),
      lastError: this.#lastError ?? lastError,
    };
  }
}

/** Whether a page is the next one of its partition. */
function follows({ state, sent, committed }: Own, { after }: PartitionPage): boolean {
  return state === "reading" && (sent.at(-1)?.cursor ?? committed) === after;
}

/** Whether something may lie in its stream; what was read to its end is empty. */
function mayWait({ state, readTo, committed, trimmed, backlog }: Own): boolean {
  const isRead = state === "reading" && readTo === committed;
  return !isRead || committed !== trimmed || (backlog !== null && backlog.entries > 0);
}

function lagOf({ partition, sent, failures, lastError, committed, backlog }: Own): PartitionLag {
  // What is committed, and only not given up yet, is not behind.
  const committedAtMs = placeParts(committed ?? "")?.atMs ?? -Infinity;
  const isBehind = (backlog?.oldestAtMs ?? -Infinity) > committedAtMs;
  const waiting = isBehind && backlog !== null
    ? backlog
    : { entries: 0, bytes: 0, oldestAtMs: null };
  const oldestAtMs = sent[0]?.firstAtMs ?? waiting.oldestAtMs;
  return { ...waiting, partition, oldestAtMs, underWay: sent.length, failures, lastError };
}

function endOf(place: StreamPlace | null): number {
  return place === null ? 0 : placeParts(place)?.endBytes ?? 0;
}
