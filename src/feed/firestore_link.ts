/**
 * The way to a Firestore: the few questions that the feed asks of it. The client library is loaded
 * when the first link is made, and only then: a process without such a feed pays nothing for it.
 *
 * @module
 */

import type { Firestore, Query, QueryDocumentSnapshot } from "@google-cloud/firestore";
import type { Clock } from "../actor/clock.ts";
import { type FirestoreClient, firestoreClient, type FirestoreModule } from "./firestore_client.ts";
import { FIRESTORE_ORDER_US_MIN } from "./firestore_cursor.ts";
import { softenSessionEnds } from "./firestore_http2.ts";
import { assertCredentials, firestoreError } from "./firestore_error.ts";
import { type StoredDocument, timestampUs } from "./firestore_item.ts";
import type { FirestorePlan } from "./firestore_options.ts";
import { closedError } from "./gate.ts";
import { FeedError } from "./port.ts";

/** What a query found. */
export interface FirestorePage {
  /** By `updated`, ascending; those of one time in any order. */
  readonly documents: readonly StoredDocument[];
  /** What was committed up to then is in it, epoch µs by the server's clock. */
  readonly readUs: number;
}

/** What a query finds while it goes on. */
export interface FirestoreView {
  /** Documents in it. */
  readonly size: number;
  /** See {@linkcode FirestorePage}. */
  readonly readUs: number;
  /** Paths and fields of those that were in the view before and are not any more. */
  readonly removed: readonly StoredDocument[];
  /** Those committed after a time, as a page has them. O(size). */
  readonly after: (updateUs: number) => readonly StoredDocument[];
}

/** An open way to one collection; every call may be repeated, and fails with a {@linkcode FeedError}. */
export interface FirestoreLink {
  /** The first `limit` complete documents whose `updated` is at or after a time, epoch µs. */
  page(fromUs: number, limit: number): Promise<FirestorePage>;
  /** The same query going on; calls back until what it answers is called. */
  listen(
    fromUs: number,
    limit: number,
    onView: (view: FirestoreView) => void,
    onError: (error: FeedError) => void,
  ): () => void;
  /** Those of some paths that are there. */
  present(paths: readonly string[]): Promise<readonly StoredDocument[]>;
  /** Complete documents, at most `max`; with `hasOrder` only those that have a usable `updated`. */
  count(hasOrder: boolean, max: number): Promise<number>;
  /** Lets go of connections; idempotent. */
  close(): Promise<void>;
}

/** The name is no literal where it is imported: so the package is in no module graph. */
const PACKAGE: string = "@google-cloud/firestore";

/** An emulator has milliseconds: what it commits in that of a read may be missing from it. */
const EMULATOR_TICK_US = 1_000;

/** How long closing waits for answers under way, and then for connections to close, ms. */
const CLOSE_WAIT_MS = 100;

/**
 * Opens the way to the collection of a plan; the network is first used by a question.
 *
 * @throws {FeedError} code `options` when the package or the key file cannot be used.
 */
export async function firestoreLink(plan: FirestorePlan, clock: Clock): Promise<FirestoreLink> {
  if (plan.credentialsFile !== null && plan.emulatorHost === null) {
    await assertCredentials(plan.name, plan.credentialsFile);
  }
  let module: FirestoreModule;
  softenSessionEnds();
  try {
    module = await import(PACKAGE) as FirestoreModule;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new FeedError(
      "options",
      `Cannot open feed ${plan.name}: expected the package ${PACKAGE} beside the program: ` +
        `current value is ${reason}`,
      { cause: error },
    );
  }
  return new Link(module, plan, clock);
}

class Link implements FirestoreLink {
  readonly #module: FirestoreModule;
  readonly #plan: FirestorePlan;
  readonly #clock: Clock;
  readonly #database: Firestore;
  readonly #client: FirestoreClient;
  readonly #listeners = new Set<() => void>();
  readonly #asked = new Set<Promise<unknown>>();
  readonly #closed = Promise.withResolvers<never>();
  #isClosed = false;

  constructor(module: FirestoreModule, plan: FirestorePlan, clock: Clock) {
    this.#module = module;
    this.#plan = plan;
    this.#clock = clock;
    this.#client = firestoreClient(module, plan);
    this.#database = this.#client.database;
    this.#closed.promise.catch(() => {});
  }

  async page(fromUs: number, limit: number): Promise<FirestorePage> {
    const found = await this.#answered(() => this.#ordered(fromUs).limit(limit).get());
    return { documents: found.docs.map(storedOf), readUs: this.#readUs(found.readTime) };
  }

  listen(
    fromUs: number,
    limit: number,
    onView: (view: FirestoreView) => void,
    onError: (error: FeedError) => void,
  ): () => void {
    if (this.#isClosed) throw closedError(this.#plan.name);
    const stop = this.#ordered(fromUs).limit(limit).onSnapshot(
      (found) =>
        onView({
          size: found.size,
          readUs: this.#readUs(found.readTime),
          removed: found.docChanges().filter(({ type }) => type === "removed")
            .map(({ doc }) => storedOf(doc)),
          after: (us) =>
            found.docs.filter(({ updateTime }) => (timestampUs(updateTime) as number) > us)
              .map(storedOf),
        }),
      (error) => onError(this.#error(error)),
    );
    const once = () => {
      if (!this.#listeners.delete(once)) return;
      stop();
      if (this.#listeners.size === 0) this.#client.cancelListening();
    };
    this.#listeners.add(once);
    return once;
  }

  async present(paths: readonly string[]): Promise<readonly StoredDocument[]> {
    if (paths.length === 0) return [];
    const references = paths.map((path) => this.#database.doc(path));
    const found = await this.#answered(() => this.#database.getAll(...references));
    return found.filter((one) => one.exists).map((one) => storedOf(one as QueryDocumentSnapshot));
  }

  async count(hasOrder: boolean, max: number): Promise<number> {
    const query = (hasOrder ? this.#ordered(FIRESTORE_ORDER_US_MIN) : this.#complete()).limit(max);
    const found = await this.#answered(() => query.count().get());
    return found.data().count;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stop of [...this.#listeners]) stop();
    this.#closed.reject(closedError(this.#plan.name));
    await this.#within(Promise.allSettled(this.#asked));
    await this.#within(this.#client.end().catch(() => {}));
  }

  #complete(): Query {
    const { collection, isGroup, fields, serverFilter } = this.#plan;
    const { symbols, granularities } = serverFilter;
    let query =
      (isGroup ? this.#database.collectionGroup(collection) : this.#database.collection(collection))
        .where(fields.complete, "==", true);
    if (symbols.length > 0) query = query.where(fields.instrument, "in", symbols);
    if (granularities.length > 0) query = query.where(fields.granularity, "in", granularities);
    return query;
  }

  #ordered(fromUs: number): Query {
    const { fields, orderAs } = this.#plan;
    const seconds = Math.floor(fromUs / 1_000_000);
    const from = orderAs === "millis"
      ? Math.floor(fromUs / 1_000)
      : new this.#module.Timestamp(seconds, (fromUs - seconds * 1_000_000) * 1_000);
    return this.#complete().where(fields.updated, ">=", from).orderBy(fields.updated);
  }

  #readUs(time: unknown): number {
    const us = timestampUs(time) as number;
    return this.#plan.emulatorHost === null ? us : us - EMULATOR_TICK_US;
  }

  /** The library tries for minutes; who waits here wants to say that the server is away. */
  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    const { name, answerMs } = this.#plan;
    if (this.#isClosed) throw closedError(name);
    const late = Promise.withResolvers<never>();
    const cancel = this.#clock.setTimer(answerMs, () =>
      late.reject(
        new FeedError(
          "unreadable",
          `Cannot read feed ${name}: expected an answer of Firestore within ${answerMs} ms: ` +
            "current value is none",
        ),
      ));
    const asked = ask();
    this.#asked.add(asked);
    const over = () => this.#asked.delete(asked);
    asked.then(over, over);
    try {
      return await Promise.race([asked, late.promise, this.#closed.promise]);
    } catch (error) {
      throw this.#error(error);
    } finally {
      cancel();
    }
  }

  /** Resolves with the work, but in {@linkcode CLOSE_WAIT_MS} at the latest. */
  async #within(work: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.setTimer(CLOSE_WAIT_MS, late.resolve);
    await Promise.race([work, late.promise]);
    cancel();
  }

  #error(error: unknown): FeedError {
    return error instanceof FeedError ? error : firestoreError(this.#plan.name, error);
  }
}

function storedOf(found: QueryDocumentSnapshot): StoredDocument {
  return {
    path: found.ref.path,
    updateUs: timestampUs(found.updateTime) as number,
    data: found.data(),
  };
}
