/**
 * Events for whoever watches the service: the last of them are kept, so that a watcher that lost
 * its connection goes on where it was.
 *
 * Watchers share one ring: each has only a place in it, so a thousand slow ones take no more
 * memory than none. One that is so slow that its next event is gone is told which it missed.
 *
 * @module
 */

/** One event. */
export interface HubEvent {
  /** Ascending, without gaps, for the life of the hub. */
  readonly id: number;
  /** Kind of event: `labels`, `restart`, …; the hub's own are `missed` and `dropped`. */
  readonly type: string;
  /** Epoch ms. */
  readonly at: number;
  /** What JSON can hold. */
  readonly data: unknown;
}

/**
 * What becomes of a watcher whose next event is gone. `drop`: it gets a last event of type
 * `dropped`, then null. `skip`: it gets one of type `missed`, then those that are kept.
 */
export type SlowPolicy = "drop" | "skip";

/** Bounds of a hub. */
export interface EventHubOptions {
  /** Events kept; default 1,024: minutes of what people watch. */
  readonly keepMax?: number;
  /** Watchers at a time; default 256: more than an admin port has connections. */
  readonly watchersMax?: number;
  /**
   * Id of the first event; default 1. One made of the wall clock lets ids ascend over restarts, so
   * that who resumes from an earlier process hears that it missed something.
   */
  readonly firstId?: number;
}

/** Longest data in characters of JSON: the ring then stays under 32 MiB. */
export const EVENT_CHARS_MAX = 16_384;

const KEEP_DEFAULT = 1_024;
const WATCHERS_DEFAULT = 256;

/** A watcher's place in the ring. Made by {@linkcode EventHub.subscribe}. */
export class HubSubscription {
  readonly #hub: EventHub;
  readonly #slow: SlowPolicy;
  /** Id of the last event it was given. */
  #at: number;
  #waiting: ((event: HubEvent | null) => void) | null = null;
  /** It came with an id of its own: what is gone by then is no slowness of this watcher. */
  #resumes: boolean;
  /** It was not let in: the only event it gets. */
  #refusal: HubEvent | null;
  #ended = false;

  /** @internal */
  constructor(
    hub: EventHub,
    at: number,
    options: { resumes: boolean; slow: SlowPolicy; refusal: HubEvent | null },
  ) {
    this.#hub = hub;
    this.#at = at;
    this.#resumes = options.resumes;
    this.#slow = options.slow;
    this.#refusal = options.refusal;
  }

  /**
   * The next event, waiting for one. Null when there will be none: the hub or this was closed, or
   * it was too slow and has been given its last event, of type `dropped`. One call at a time.
   *
   * @throws {Error} by rejecting, when the call before it still waits.
   */
  next(): Promise<HubEvent | null> {
    if (this.#waiting !== null) {
      return Promise.reject(new Error("Cannot wait for an event: another call waits for it"));
    }
    if (this.#ended) return Promise.resolve(null);
    if (this.#refusal !== null) {
      const refusal = this.#refusal;
      this.close();
      return Promise.resolve(refusal);
    }
    if (this.#at !== this.#hub.lastId) return Promise.resolve(this.#take());
    return new Promise((resolve) => this.#waiting = resolve);
  }

  #take(): HubEvent {
    const hub = this.#hub;
    const next = hub.eventAt(this.#at + 1);
    const resumes = this.#resumes;
    this.#resumes = false;
    if (next !== null) {
      this.#at = next.id;
      return next;
    }
    const fromId = Number.isFinite(this.#at) ? this.#at + 1 : null;
    const missed = { fromId, toId: hub.firstKeptId - 1 };
    if (!resumes && this.#slow === "drop") {
      this.close();
      // With the id it had: who resumes from it is given what is kept, and told what is not.
      return { id: this.#at, type: "dropped", at: hub.lastAt, data: { reason: "slow", ...missed } };
    }
    this.#at = missed.toId;
    return { id: missed.toId, type: "missed", at: hub.lastAt, data: missed };
  }

  /** Ends it; a `next` that waits answers null. Idempotent. */
  close(): void {
    this.#ended = true;
    this.#hub.forget(this);
    this.#waiting?.(null);
    this.#waiting = null;
  }

  /**
   * Gives the event to a call that waits; without one it is taken from the ring later.
   *
   * @internal
   */
  offer(event: HubEvent): void {
    if (this.#waiting === null) return;
    this.#at = event.id;
    this.#resumes = false;
    const resolve = this.#waiting;
    this.#waiting = null;
    resolve(event);
  }

  /** The events as they come, until there will be none. */
  async *[Symbol.asyncIterator](): AsyncGenerator<HubEvent, void> {
    try {
      for (let event = await this.next(); event !== null; event = await this.next()) yield event;
    } finally {
      this.close();
    }
  }
}

/**
 * Hands events to watchers.
 *
 * - Ids ascend without gaps; the last `keepMax` events can be resumed from.
 * - `publish` is O(watchers that wait) and never waits for one.
 * - Nothing is lost silently: a watcher gets every event in order, or is told which it did not get.
 *
 * @example
 * ```ts
 * import { EventHub } from "./event_hub.ts";
 *
 * const hub = new EventHub();
 * hub.publish("restart", { path: "/wick/core/store" }, 1_700_000_000_000);
 * const watcher = hub.subscribe(0);
 * console.log((await watcher.next())?.type); // restart
 * watcher.close();
 * ```
 */
export class EventHub {
  readonly #keepMax: number;
  readonly #watchersMax: number;
  readonly #firstId: number;
  /** The event of id i lies at i mod keepMax. */
  readonly #ring: HubEvent[] = [];
  readonly #watchers = new Set<HubSubscription>();
  #lastId: number;
  #lastAt = 0;
  #isClosed = false;

  /**
   * An empty one.
   *
   * @throws {RangeError} when it may not keep a single event.
   */
  constructor(options: EventHubOptions = {}) {
    const { keepMax = KEEP_DEFAULT, watchersMax = WATCHERS_DEFAULT, firstId = 1 } = options;
    if (!Number.isInteger(keepMax) || keepMax < 1 || !Number.isSafeInteger(firstId)) {
      throw new RangeError(
        `Cannot make an event hub: expected integers, keepMax at least 1: ` +
          `current values are ${keepMax} and ${firstId}`,
      );
    }
    this.#keepMax = keepMax;
    this.#watchersMax = watchersMax;
    this.#firstId = firstId;
    this.#lastId = firstId - 1;
  }

  /** Id of the last event; one less than the first id before there is any. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Epoch ms of the last event; 0 before there is any. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Id of the oldest event that is kept, or of the next one when none is. */
  get firstKeptId(): number {
    return Math.max(this.#firstId, this.#lastId - this.#keepMax + 1);
  }

  /** Watchers there are. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /**
   * Hands out an event; gives its id. Data over {@linkcode EVENT_CHARS_MAX} characters of JSON, or
   * that JSON cannot hold, is replaced by a note that says so. After `close` nothing happens.
   *
   * @param at Epoch ms.
   */
  publish(type: string, data: unknown, at: number): number {
    if (this.#isClosed) return this.#lastId;
    const event = { id: ++this.#lastId, type, at, data: boundedData(data) };
    this.#lastAt = at;
    this.#ring[event.id % this.#keepMax] = event;
    for (const watcher of this.#watchers) watcher.offer(event);
    return event.id;
  }

  /**
   * A new watcher: events after `afterId` that are kept, then those to come; null = only those to
   * come. When some after `afterId` are no longer kept, or it is from the future, as that of
   * another process may be, the first event is of type `missed`. Beyond `watchersMax` the only
   * event is of type `dropped`.
   */
  subscribe(afterId: number | null, options: { readonly slow?: SlowPolicy } = {}): HubSubscription {
    const { slow = "drop" } = options;
    // What is in the future here was given out elsewhere: all that is kept is news.
    const isKnown = afterId !== null && Number.isSafeInteger(afterId) && afterId <= this.#lastId;
    const at = afterId === null ? this.#lastId : isKnown ? afterId : -Infinity;
    const isFull = this.#watchers.size >= this.#watchersMax;
    const data = { reason: "watchers", watchersMax: this.#watchersMax };
    const id = Math.max(0, isKnown ? at : this.#lastId);
    const refusal = isFull ? { id, type: "dropped", at: this.#lastAt, data } : null;
    const watcher = new HubSubscription(this, at, { resumes: afterId !== null, slow, refusal });
    if (this.#isClosed) watcher.close();
    else if (!isFull) this.#watchers.add(watcher);
    return watcher;
  }

  /** Ends all watchers; those that wait are answered null. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const watcher of this.#watchers) watcher.close();
  }

  /**
   * The event of an id when it is kept, or null.
   *
   * @internal
   */
  eventAt(id: number): HubEvent | null {
    const event = this.#ring[id % this.#keepMax];
    return event?.id === id ? event : null;
  }

  /** @internal */
  forget(watcher: HubSubscription): void {
    this.#watchers.delete(watcher);
  }
}

function boundedData(data: unknown): unknown {
  try {
    const { length } = JSON.stringify(data) ?? "null";
    return length <= EVENT_CHARS_MAX ? data : { leftOut: `${length} characters` };
  } catch (error) {
    return { leftOut: error instanceof Error ? error.message : "it is no JSON" };
  }
}
