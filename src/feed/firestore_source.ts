/**
 * A collection of Firestore as a source: one document a candle, complete ones only.
 *
 * ## Order
 * Firestore knows when each document was committed but cannot be asked in that order. So documents
 * are read in the order of a field that says it too: `updatedAt`, set with
 * `FieldValue.serverTimestamp()` at every write. That time and the commit's differ by little; `skewMs`
 * says by how much at most. A collection without such a field can be read in the order of the
 * candles' own time (`fields.updated` names that of `ts`), with `skewMs` at least the longest bar and
 * the lateness of changes together: what changes later than that is not seen, and each look reads so
 * many days of candles again. Never is the newest asked for first.
 *
 * ## Passes
 * A *pass* delivers what was committed after its base and up to the server's time of its first
 * query, `upTo`; the next has that as its base. It reads, in pages, documents whose `updatedAt` is
 * later than base - skew, and of those takes the ones whose commit lies in (base, upTo]. A document
 * changed during a pass is left to the next one. So every state of a document that lasts is
 * delivered once: after a crash, a lost connection or days away, whatever wrote what meanwhile, and
 * without a list of what was delivered. The cursor is base, upTo, and the place in the pass. All
 * times are the server's; clocks of this machine may jump.
 *
 * ## Live
 * Once a pass has found the end, the same query is listened to (`onSnapshot`). Its first answer
 * begins a pass, so nothing falls between reading and listening; a later one does the same, and
 * brings the documents along. The view is bounded and begun again when it has grown; whatever it
 * misses (a document whose `updatedAt` is early, a listener that died quietly) comes with the
 * next look, every `lookMs`. A look that fails is how an absent server is noticed.
 *
 * ## Corrections and deletions
 * A document that is written again comes again: a revision. One that gets `deleted: true` (with a
 * new `updatedAt`, and `complete` still true) deletes its candle. One that is removed, or not complete
 * any more, deletes it too if that happens while the feed listens and the document is in its view; no
 * query tells of it later.
 *
 * ## Cost
 * A candle is one read in a pass, and about one more when it comes live; a look is one read at least.
 * A time that more documents share than {@linkcode TIES_MAX} cannot be read: they come in one query.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { type CandleBlock, CandleBuilder } from "../market/block.ts";
import type { Rejection } from "../market/reject.ts";
import {
  comparePositions,
  FIRESTORE_FIRST,
  FIRESTORE_ORDER_US_MIN,
  FIRESTORE_START,
  firestoreCursor,
  type FirestorePosition,
  type FirestoreStand,
  parseFirestoreCursor,
} from "./firestore_cursor.ts";
import { type FirestoreItem, FirestoreReader, type StoredDocument } from "./firestore_item.ts";
import { type FirestoreLink, firestoreLink, type FirestorePage } from "./firestore_link.ts";
import { FirestoreListening } from "./firestore_listening.ts";
import { type FirestoreOptions, type FirestorePlan, firestorePlan } from "./firestore_options.ts";
import { assertBatchRows, closedError, FeedGate } from "./gate.ts";
import {
  FEED_BATCH_REJECTIONS_MAX,
  FEED_IDLE_MS,
  type FeedBatch,
  type FeedDetail,
  FeedError,
  type FeedSource,
} from "./port.ts";
import { sleep } from "./sleep.ts";

/** Most documents of one `updatedAt`, as those of one commit: 65,536 are some 130 MB. */
const TIES_MAX = 65_536;

/** How much more is asked for when a whole page has one `updatedAt`. */
const TIES_FACTOR = 4;

/** Documents counted to see whether they have the field they are read by: 10 reads. */
const COUNTED_MAX = 10_000;

/** Pause before asking again for what was too fresh: an emulator's clock has whole milliseconds. */
const FRESH_MS = 2;

/** Pause between passes while more is written than a view holds, ms. */
const CROWDED_MS = 1_000;

/** Documents whose absence is asked for at a time. */
const GONE_AT_ONCE = 256;

/** Most of them that are kept until they are committed: more than a view can lose at once. */
const UNSURE_MAX = 4_096;

/** A server's clock that goes back by more than this is said to a person, µs. */
const JUMP_US = 1_000_000;

/** What is delivered between two times of the server, see above. */
interface Pass {
  readonly upToUs: number;
  /** Whether it began in this incarnation: only such a one knows that it saw the end. */
  readonly isFresh: boolean;
  /** What was delivered last. */
  position: FirestorePosition;
  /** From where the next page is read. */
  fromUs: number;
  /** Something was there that was committed after `upToUs`. */
  hasFresher: boolean;
}

/** Items at hand. */
interface Hand {
  readonly items: readonly FirestoreItem[];
  at: number;
  readonly isLast: boolean;
}

/** Makes the way to the server; a test hands in another. */
export type FirestoreConnect = (plan: FirestorePlan, clock: Clock) => Promise<FirestoreLink>;

/**
 * A collection as a source, see above.
 *
 * - at most one page is held; a batch has at most one page
 * - of documents that share an `updatedAt`, earlier candles come first
 * - documents that are no candle are refused with their path; their line is 0
 * - with `follow` false it ends when a pass has seen everything
 * - a note says how many documents cannot be seen because they lack `updatedAt`
 *
 * @throws {FeedError} code `options`; `open` also when the package is not there; `read` code
 * `options` when no document has the field they are read by, `unreadable` for what the server says.
 */
export function firestoreSource(
  clock: Clock,
  options: FirestoreOptions,
  connect: FirestoreConnect = firestoreLink,
): FeedSource {
  const plan = firestorePlan(options);
  assertBatchRows(plan.rowsMax);
  return new FirestoreSource(clock, plan, connect);
}

class FirestoreSource implements FeedSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #plan: FirestorePlan;
  readonly #connect: FirestoreConnect;
  readonly #reader: FirestoreReader;
  readonly #gate: FeedGate;
  /** Changes with every open and close: what is under way for another life is dropped. */
  #life = 0;
  #link: FirestoreLink | null = null;
  #listening: FirestoreListening | null = null;
  #cursor: string;
  #baseUs = 0;
  #pass: Pass | null = null;
  #hand: Hand | null = null;
  /** Documents that left the view and are not there any more. */
  #gone: FirestoreItem[] = [];
  /** Such ones in batches that are not acknowledged: if they come again, then only from here. */
  #unsure: { readonly cursor: string; readonly items: readonly FirestoreItem[] }[] = [];
  #isDone = false;
  #isChecked = false;
  #hasToldSkew = false;
  #failure: FeedError | null = null;
  #step: Promise<void> | null = null;
  /** Next look, and next pass in any case, on the clock. */
  #lookAtMs = 0;
  #notes: string[] = [];
  readonly #counts = { queries: 0, documentsRead: 0, passes: 0, foreign: 0 };

  constructor(clock: Clock, plan: FirestorePlan, connect: FirestoreConnect) {
    this.name = plan.name;
    this.#clock = clock;
    this.#plan = plan;
    this.#connect = connect;
    this.#reader = new FirestoreReader(plan);
    this.#gate = new FeedGate(plan.name);
    this.#cursor = firestoreCursor(plan.key, FIRESTORE_START);
  }

  async open(cursor: string | null): Promise<void> {
    const stand = cursor === null ? FIRESTORE_START : this.#parsed("open", cursor);
    await this.close();
    const life = this.#life;
    const link = await this.#connect(this.#plan, this.#clock);
    if (life !== this.#life) {
      await link.close();
      throw closedError(this.name);
    }
    this.#link = link;
    this.#cursor = cursor ?? firestoreCursor(this.#plan.key, FIRESTORE_START);
    this.#stand(stand);
    this.#gate.opened();
  }

  read(signal: AbortSignal): Promise<FeedBatch | null> {
    return this.#gate.read(signal, (signal) => this.#next(signal));
  }

  // deno-lint-ignore require-await -- what is wrong with the cursor rejects the promise
  async ack(cursor: string): Promise<void> {
    this.#gate.assertOpen("acknowledge");
    this.#parsed("acknowledge", cursor);
    const at = this.#unsure.findIndex((one) => one.cursor === cursor);
    if (at >= 0) this.#unsure.splice(0, at + 1);
  }

  async close(): Promise<void> {
    this.#gate.closed();
    this.#life++;
    this.#listening?.stop();
    this.#listening = null;
    this.#step = null;
    this.#hand = null;
    const link = this.#link;
    this.#link = null;
    await link?.close();
  }

  detail(): FeedDetail {
    const { collection, isGroup, emulatorHost } = this.#plan;
    const isReading = this.#pass !== null || this.#baseUs === 0;
    return {
      collection: isGroup ? `**/${collection}` : collection,
      phase: this.#link === null ? "closed" : isReading ? "reading" : "listening",
      emulator: emulatorHost,
      deliveredTo: this.#baseUs === 0 ? null : new Date(this.#baseUs / 1_000).toISOString(),
      viewDocuments: this.#listening?.size ?? 0,
      ...this.#counts,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #stand({ baseUs, pass }: FirestoreStand): void {
    this.#baseUs = baseUs;
    this.#pass = pass === null ? null : {
      ...pass,
      isFresh: false,
      fromUs: pass.position.orderUs,
      hasFresher: false,
    };
    const unsure = this.#unsure.flatMap(({ items }) => items);
    this.#gone = [...unsure, ...this.#gone].slice(-UNSURE_MAX);
    this.#unsure = [];
    this.#isDone = false;
    this.#isChecked = false;
    this.#hasToldSkew = false;
    this.#failure = null;
    this.#notes = [];
    this.#lookAtMs = -Infinity;
  }

  #parsed(verb: string, cursor: string): FirestoreStand {
    const stand = parseFirestoreCursor(this.#plan.key, cursor);
    if (typeof stand !== "string") return stand;
    throw new FeedError(
      "cursor",
      `Cannot ${verb} feed ${this.name}: ${stand}: current value is ${JSON.stringify(cursor)}`,
    );
  }

  // ---- a batch --------------------------------------------------------------------------------------

  /** Nothing is taken but where a batch is returned, so an aborted or late read loses nothing. */
  async #next(signal: AbortSignal): Promise<FeedBatch | null> {
    const untilMs = this.#clock.now() + FEED_IDLE_MS;
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const batch = this.#taken();
      if (batch !== null) return batch;
      const leftMs = untilMs - this.#clock.now();
      if (leftMs <= 0) return this.#idle();
      const isDue = this.#step !== null || this.#isDue();
      if (isDue) await this.#within(this.#stepping(), leftMs, signal);
      else {
        const wakeMs = Math.min(leftMs, this.#lookAtMs - this.#clock.now());
        await this.#within(this.#listening?.news ?? null, Math.max(0, wakeMs), signal);
      }
    }
  }

  /** A long stretch of documents of others moves the cursor too. */
  #idle(): FeedBatch | null {
    const pass = this.#pass;
    if (pass === null || this.#hand === null || pass.position === FIRESTORE_FIRST) return null;
    const cursor = this.#passCursor(pass);
    if (cursor === this.#cursor) return null;
    this.#cursor = cursor;
    return { blocks: [], rejections: [], cursor, done: false };
  }

  /** What is at hand as a batch; null when that is nothing. */
  #taken(): FeedBatch | null {
    if (this.#isDone) return this.#batch([], []);
    const { builders, rejections, gone } = this.#takeItems();
    const blocks = Array.from(builders.values(), (builder) => builder.finish());
    const isEmpty = blocks.length === 0 && rejections.length === 0;
    if (!isEmpty) {
      const pass = this.#pass;
      this.#cursor = pass === null
        ? firestoreCursor(this.#plan.key, { baseUs: this.#baseUs, pass: null })
        : this.#passCursor(pass);
      if (gone.length > 0) this.#unsure.push({ cursor: this.#cursor, items: gone });
    }
    if (isEmpty && this.#notes.length === 0 && !this.#isDone) return null;
    return this.#batch(blocks, rejections);
  }

  #passCursor({ upToUs, position }: Pass): string {
    return firestoreCursor(this.#plan.key, { baseUs: this.#baseUs, pass: { upToUs, position } });
  }

  #batch(blocks: readonly CandleBlock[], rejections: readonly Rejection[]): FeedBatch {
    const batch = { blocks, rejections, cursor: this.#cursor, done: this.#isDone };
    const notes = this.#notes;
    if (notes.length === 0) return batch;
    this.#notes = [];
    return { ...batch, notes };
  }

  #takeItems() {
    const builders = new Map<string, CandleBuilder>();
    const rejections: Rejection[] = [];
    const gone: FirestoreItem[] = [];
    const pass = this.#pass;
    const hand = this.#hand;
    let rows = 0;
    if (pass === null || hand === null) return { builders, rejections, gone };
    const isFull = () =>
      rows + rejections.length >= this.#plan.rowsMax ||
      rejections.length >= FEED_BATCH_REJECTIONS_MAX;
    const builderOf = (series: string) => {
      const builder = builders.get(series) ?? new CandleBuilder(series, 16);
      builders.set(series, builder);
      return builder;
    };
    while (!isFull() && this.#gone.length > 0) {
      const item = this.#gone.shift() as FirestoreItem;
      gone.push(item);
      builderOf(item.series).pushDeleted(item.ts);
      rows++;
    }
    for (; !isFull() && hand.at < hand.items.length; hand.at++) {
      const item = hand.items[hand.at] as FirestoreItem;
      if (!this.#isDueIn(pass, item)) continue;
      pass.position = { orderUs: item.orderUs, ts: item.ts, hash: item.hash };
      if (item.rejection !== null) rejections.push(item.rejection);
      else if (item.kind === "deleted") builderOf(item.series).pushDeleted(item.ts);
      else if (item.row !== null) builderOf(item.series).pushRow(item.row);
      if (item.kind === "candle" || item.kind === "deleted") rows++;
    }
    if (hand.at === hand.items.length && this.#gone.length === 0) this.#emptied(pass, hand);
    return { builders, rejections, gone };
  }

  #isDueIn(pass: Pass, item: FirestoreItem): boolean {
    if (comparePositions(item, pass.position) <= 0 || item.updateUs <= this.#baseUs) return false;
    if (item.updateUs > pass.upToUs) {
      pass.hasFresher = true;
      return false;
    }
    if (item.kind === "foreign") this.#counts.foreign++;
    this.#lookAtSkew(item);
    return true;
  }

  /** One that came this late was found by luck: others may not be. */
  #lookAtSkew({ orderUs, updateUs }: FirestoreItem): void {
    const { skewMs, fields } = this.#plan;
    if (this.#hasToldSkew || this.#baseUs === 0 || updateUs - orderUs <= skewMs * 1_000) return;
    this.#hasToldSkew = true;
    const lateMs = Math.round((updateUs - orderUs) / 1_000);
    this.#notes.push(
      `a document was committed ${lateMs} ms after the time in its field ${fields.updated}: beyond ` +
        `skewMs ${skewMs} such documents can be missed`,
    );
  }

  #emptied(pass: Pass, hand: Hand): void {
    this.#hand = null;
    if (!hand.isLast) return;
    this.#pass = null;
    this.#baseUs = pass.upToUs;
    this.#isDone = !this.#plan.follow && pass.isFresh && !pass.hasFresher;
    const { follow, lookMs } = this.#plan;
    const pauseMs = pass.hasFresher ? FRESH_MS : follow ? lookMs : 0;
    this.#lookAtMs = this.#clock.now() + pauseMs;
    if (follow) this.#listen();
  }

  // ---- reading --------------------------------------------------------------------------------------

  #isDue(): boolean {
    if (this.#pass !== null || this.#listening?.hasNews) return true;
    return this.#clock.now() >= this.#lookAtMs;
  }

  #stepping(): Promise<void> {
    const life = this.#life;
    return this.#step ??= this.#read(life).catch((error) => {
      if (life !== this.#life) return;
      this.#failure = error instanceof FeedError
        ? error
        : new FeedError("unreadable", `Cannot read feed ${this.name}: ${error}`, { cause: error });
    }).finally(() => {
      if (life === this.#life) this.#step = null;
    });
  }

  /** Brings the next page, of the pass under way or of a new one. */
  async #read(life: number): Promise<void> {
    const link = this.#link;
    if (link === null || this.#hand !== null) return;
    this.#listening?.throwFailure();
    const pass = this.#pass;
    if (pass === null) return await this.#begin(link, life);
    const page = await this.#page(link, pass.fromUs);
    if (life === this.#life) this.#hold(pass, page);
  }

  async #begin(link: FirestoreLink, life: number): Promise<void> {
    const listening = this.#listening;
    const view = listening?.take() ?? null;
    const gone = await this.#absent(link, listening?.takeRemoved() ?? []);
    if (!this.#isChecked && life === this.#life) await this.#check(link);
    const baseUs = this.#baseUs;
    const seen = view !== null && view.readUs > baseUs ? view : null;
    const page = seen !== null
      ? { documents: seen.after(baseUs), readUs: seen.readUs, isLast: true, nextUs: 0 }
      : await this.#page(link, this.#fromUs());
    if (life !== this.#life) return;
    this.#gone.push(...gone);
    this.#counts.passes++;
    if (page.readUs <= baseUs) return this.#tooEarly(page.readUs);
    this.#pass = {
      upToUs: page.readUs,
      isFresh: true,
      position: FIRESTORE_FIRST,
      fromUs: FIRESTORE_ORDER_US_MIN,
      hasFresher: false,
    };
    this.#hold(this.#pass, page);
  }

  /** The server's time stands still between two queries, or was set back. */
  #tooEarly(readUs: number): void {
    this.#lookAtMs = this.#clock.now() + FRESH_MS;
    if (this.#baseUs - readUs < JUMP_US) return;
    // A look came at least so often before: what was written since comes, some of it again.
    this.#baseUs = Math.max(1, readUs - 2_000 * (this.#plan.lookMs + this.#plan.answerMs));
    this.#notes.push("the server's clock went back: what was written last is read again");
  }

  #fromUs(): number {
    if (this.#baseUs === 0) return FIRESTORE_ORDER_US_MIN;
    return Math.max(FIRESTORE_ORDER_US_MIN, this.#baseUs - this.#plan.skewMs * 1_000);
  }

  #hold(pass: Pass, page: WholePage): void {
    const items = page.documents.map((document) => this.#reader.item(document));
    pass.fromUs = page.nextUs;
    this.#hand = { items: items.sort(comparePositions), at: 0, isLast: page.isLast };
  }

  /** A page that ends between two times, so that those of one time stay together. */
  async #page(link: FirestoreLink, fromUs: number): Promise<WholePage> {
    for (let limit = this.#plan.pageDocuments;; limit *= TIES_FACTOR) {
      const { documents, readUs } = await link.page(fromUs, Math.min(limit, TIES_MAX));
      this.#counts.queries++;
      this.#counts.documentsRead += documents.length;
      if (documents.length < Math.min(limit, TIES_MAX)) {
        return { documents, readUs, isLast: true, nextUs: 0 };
      }
      const lastUs = this.#reader.orderUs(documents.at(-1) as StoredDocument);
      const whole = documents.filter((document) => this.#reader.orderUs(document) < lastUs);
      if (whole.length > 0) return { documents: whole, readUs, isLast: false, nextUs: lastUs };
      if (limit >= TIES_MAX) throw this.#tiesError(lastUs);
    }
  }

  #tiesError(us: number): FeedError {
    return new FeedError(
      "unreadable",
      `Cannot read feed ${this.name}: expected fewer than ${TIES_MAX} documents of one ` +
        `${this.#plan.fields.updated}: current value is more at ${
          new Date(us / 1_000).toISOString()
        }`,
    );
  }

  /** Documents without the field they are read by are in no answer: that must not go unnoticed. */
  async #check(link: FirestoreLink): Promise<void> {
    const all = await link.count(false, COUNTED_MAX);
    if (all === 0) return;
    const seen = await link.count(true, COUNTED_MAX);
    const { fields, collection, orderAs } = this.#plan;
    const kind = orderAs === "millis" ? "epoch milliseconds" : "a timestamp";
    if (seen === 0) {
      throw new FeedError(
        "options",
        `Cannot read feed ${this.name}: expected ${kind} in field ${fields.updated} of the documents ` +
          `of ${collection}, by which they are read (fields.updated names another one): current ` +
          `value is ${all} documents without it`,
      );
    }
    this.#isChecked = true;
    if (seen < all && all < COUNTED_MAX) {
      this.#notes.push(
        `${all - seen} documents of ${collection} have no ${kind} in field ${fields.updated}: ` +
          "they are not read",
      );
    }
  }

  /** Of documents that left the view those that are gone, as items that delete. */
  async #absent(
    link: FirestoreLink,
    removed: readonly StoredDocument[],
  ): Promise<readonly FirestoreItem[]> {
    const gone: FirestoreItem[] = [];
    for (let at = 0; at < removed.length; at += GONE_AT_ONCE) {
      const some = removed.slice(at, at + GONE_AT_ONCE);
      const present = await link.present(some.map(({ path }) => path));
      const complete = new Set(
        present.filter((document) => this.#reader.isComplete(document)).map(({ path }) => path),
      );
      for (const document of some) {
        const item = this.#reader.item(document);
        if (!complete.has(document.path) && item.kind === "candle") gone.push(item);
      }
    }
    return gone;
  }

  // ---- waiting --------------------------------------------------------------------------------------

  #listen(): void {
    const link = this.#link;
    const listening = this.#listening;
    if (link === null) return;
    if (listening !== null && listening.isCrowded) {
      listening.stop();
      this.#listening = null;
      // As much would come at once again; meanwhile it is asked for.
      if (listening.isOverfull) {
        this.#lookAtMs = Math.min(this.#lookAtMs, this.#clock.now() + CROWDED_MS);
        return;
      }
    }
    this.#listening ??= new FirestoreListening(
      link,
      this.#fromUs(),
      this.#plan.viewDocuments,
    );
  }

  /** Waits for work at most `ms`; how it ended is seen in the state. */
  async #within(work: Promise<void> | null, ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    try {
      const slept = sleep(this.#clock, ms, both);
      await (work === null ? slept : Promise.race([work, slept]));
    } finally {
      over.abort(OVER);
    }
  }
}

/** Reason of a wait that is over: nobody sees it. */
const OVER = new Error("over");

interface WholePage extends FirestorePage {
  readonly isLast: boolean;
  /** From where the next page is read, epoch µs. */
  readonly nextUs: number;
}
