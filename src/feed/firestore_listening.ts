/**
 * A query that is listened to: the latest of what it said, and what left it.
 *
 * @module
 */

import type { StoredDocument } from "./firestore_item.ts";
import type { FirestoreLink, FirestoreView } from "./firestore_link.ts";
import type { FeedError } from "./port.ts";

/** A view that is fuller than this is begun anew: then it has room for what comes. */
const CROWDED_RATIO = 0.5;

/** Most documents that left the view and were not asked for yet; beyond, the oldest are let go. */
const REMOVED_MAX = 4_096;

/** Listens from its making until `stop`. Only the latest view is kept: nothing piles up. */
export class FirestoreListening {
  readonly #stop: () => void;
  readonly #sizeMax: number;
  #view: FirestoreView | null = null;
  #size = 0;
  #hasNews = false;
  readonly #removed = new Map<string, StoredDocument>();
  #failure: FeedError | null = null;
  #news = Promise.withResolvers<void>();

  /** Of what says that it was written at `fromUs` or later the first `sizeMax` documents. */
  constructor(link: FirestoreLink, fromUs: number, sizeMax: number) {
    this.#sizeMax = sizeMax;
    this.#stop = link.listen(
      fromUs,
      sizeMax,
      (view) => this.#seen(view),
      (error) => {
        this.#failure = error;
        this.#tell();
      },
    );
  }

  /** Documents in the view. */
  get size(): number {
    return this.#size;
  }

  /** It should be begun anew from where the feed stands now. */
  get isCrowded(): boolean {
    return this.#size > this.#sizeMax * CROWDED_RATIO;
  }

  /** It is as large as it can be: later documents are not in it. */
  get isOverfull(): boolean {
    return this.#size >= this.#sizeMax;
  }

  /** Whether something came since the last `take`. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Resolves when something has come. */
  get news(): Promise<void> {
    return this.#news.promise;
  }

  /** The latest view that is whole, once; there is no news afterwards. */
  take(): FirestoreView | null {
    const view = this.#view;
    this.#view = null;
    this.#hasNews = false;
    this.#news = Promise.withResolvers<void>();
    return this.isOverfull ? null : view;
  }

  /** Documents that left the view since the last call. */
  takeRemoved(): readonly StoredDocument[] {
    const removed = [...this.#removed.values()];
    this.#removed.clear();
    return removed;
  }

  /** @throws {FeedError} when listening has failed for good. */
  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Ends it; idempotent. */
  stop(): void {
    this.#stop();
    this.#news.resolve();
  }

  #seen(view: FirestoreView): void {
    this.#view = view;
    this.#size = view.size;
    for (const document of view.removed) {
      this.#removed.delete(document.path);
      this.#removed.set(document.path, document);
    }
    for (const path of this.#removed.keys()) {
      if (this.#removed.size <= REMOVED_MAX) break;
      this.#removed.delete(path);
    }
    this.#tell();
  }

  #tell(): void {
    this.#hasNews = true;
    this.#news.resolve();
  }
}
