/**
 * The invalidation stream in Redis: XADD on one connection, XREAD BLOCK on another, which has to be
 * its own since it waits.
 *
 * ## Positions
 * A reader keeps the id of the last entry it read. After every connection it looks whether that entry
 * is still there. If so, it reads on from it and has missed nothing; if not, the stream was trimmed
 * beyond it, emptied, or belongs to a server that lost its end (`appendfsync everysec`, a snapshot, a
 * failover), and the reader has a gap. A server may also have lost entries that only the publisher
 * knows of: it looks after every connection whether its own last one is there, and publishes again
 * what is not. Each publisher counts its messages, so that a reader drops those that come twice and
 * notices one that never comes.
 *
 * Ids are only compared, never taken for times, so clocks may differ and go back.
 *
 * @module
 */

import { type Cancel, type Clock, nextTurn, type Random } from "../../actor/clock.ts";
import type { InvalidationLog, LogItem } from "./invalidation_log.ts";
import {
  encodeMessage,
  EVERYTHING,
  type InvalidationMessage,
  type InvalidationStream,
  type InvalidationSubscriber,
  type StreamStatus,
  tierPartOf,
} from "./invalidation_stream.ts";
import { redisKeys } from "./redis_keys.ts";
import { RedisLink, RedisTimeout } from "./redis_link.ts";
import { orderOf, StreamReader } from "./redis_stream_reader.ts";
import { REDIS_PREFIX_DEFAULT } from "./redis_tier.ts";
import { errorText } from "./tier_counts.ts";

/** Entries that the stream keeps, about; some MB, and minutes at a thousand commits a second. */
export const STREAM_ENTRIES_MAX = 20_000;
/** Messages that may wait for the server; beyond them "everything" is said instead. */
const UNSENT_MAX = 4_096;
/** Own messages that can be published again. */
const SENT_MAX = 4_096;
/** Messages of one pipeline. */
const BATCH_MAX = 64;
/** Deadline of a trip, ms. */
const DEADLINE_MS = 1_000;
/** Pause before a server that refuses is asked again, ms. */
const RETRY_MS = 500;

/** How a {@linkcode RedisInvalidationStream} is made. */
export interface RedisStreamOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared with the tier of this process. */
  readonly log: InvalidationLog;
  /** Names this process, in this life: never the same twice. */
  readonly processId: string;
  /** Default `REDIS_PREFIX_DEFAULT`. */
  readonly prefix?: string;
  /** Default {@linkcode STREAM_ENTRIES_MAX}. */
  readonly entriesMax?: number;
}

interface Outgoing {
  readonly number: number;
  readonly text: string;
  /** What the log knows of it; null for commits. */
  readonly item: LogItem | null;
  /** Its id once it is published. */
  id: string;
}

/** See the module's text. */
export class RedisInvalidationStream implements InvalidationStream, AsyncDisposable {
  readonly #options: RedisStreamOptions;
  readonly #key: string;
  readonly #link: RedisLink;
  readonly #reader: StreamReader;
  #unsent: Outgoing[] = [];
  #sent: Outgoing[] = [];
  /** Number of the last message that was made. */
  #number = 0;
  #isSending = false;
  #isChecked = false;
  #isClosed = false;
  #cancelSend: Cancel | null = null;
  #counts = { published: 0, repeated: 0 };
  #lastError: string | null = null;

  /** Begins to connect. */
  constructor(options: RedisStreamOptions) {
    this.#options = options;
    const { url, clock, random, log, processId } = options;
    this.#key = redisKeys(options.prefix ?? REDIS_PREFIX_DEFAULT).stream;
    this.#reader = new StreamReader({ url, clock, random, log, processId, key: this.#key });
    this.#link = new RedisLink({
      url,
      clock,
      random,
      onReady: () => this.#send(),
      onLost: () => this.#isChecked = false,
    });
  }

  publish(message: InvalidationMessage): void {
    if (this.#isClosed) return;
    this.#push(message);
    if (this.#unsent.length > UNSENT_MAX) {
      const items = this.#unsent.flatMap(({ item }) => item ?? []);
      this.#unsent = [];
      this.#push(EVERYTHING);
      // What they cover is covered by the message in their place.
      for (const item of items) this.#options.log.published(item, 0);
    }
    this.#cancelSend ??= nextTurn(() => {
      this.#cancelSend = null;
      this.#send();
    });
  }

  #push(message: InvalidationMessage): void {
    const part = tierPartOf(message);
    const item = part === null ? null : this.#options.log.add(part, { publication: true });
    this.#unsent.push({ number: ++this.#number, text: encodeMessage(message), item, id: "" });
  }

  subscribe(subscriber: InvalidationSubscriber): () => void {
    return this.#reader.subscribe(subscriber);
  }

  status(): StreamStatus {
    const { isUp, received, gaps, lastError } = this.#reader;
    return {
      state: isUp && this.#link.isReady ? "up" : "down",
      waiting: this.#unsent.length,
      received,
      gaps,
      ...this.#counts,
      lastError: this.#lastError ?? lastError ?? this.#link.lastError,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelSend?.();
    await Promise.all([this.#link.close(), this.#reader.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Publishes what waits, one pipeline after the other. */
  async #send(): Promise<void> {
    if (this.#isSending || this.#isClosed) return;
    this.#isSending = true;
    try {
      if (!this.#isChecked && this.#link.isReady) await this.#check();
      while (this.#link.isReady && this.#isChecked && this.#unsent.length > 0) {
        await this.#sendSome();
      }
      this.#lastError = null;
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#isSending = false;
    }
  }

  #refused(error: unknown): void {
    this.#lastError = errorText(error);
    if (this.#isClosed || !this.#link.isReady) return;
    if (error instanceof RedisTimeout) return this.#link.reconnect();
    this.#cancelSend?.();
    this.#cancelSend = this.#options.clock.setTimer(RETRY_MS, () => {
      this.#cancelSend = null;
      this.#send();
    });
  }

  /** Whether the server still has what was published; what it lost is published again. */
  async #check(): Promise<void> {
    const last = this.#sent.at(-1);
    if (last !== undefined) {
      const found = await this.#trip((redis) =>
        redis.xrevrange(this.#key, last.id, "-", "COUNT", 1)
      );
      const order = orderOf(found[0]?.[0] ?? "0-0");
      const lost = this.#sent.filter(({ id }) => orderOf(id) > order);
      // Everything that is remembered is lost, and so may be what is not.
      const isMoreLost = lost.length === SENT_MAX;
      this.#sent = this.#sent.slice(0, this.#sent.length - lost.length);
      for (const { item } of lost) if (item !== null) this.#options.log.unpublished(item);
      this.#counts.repeated += lost.length;
      this.#unsent = [...lost, ...this.#unsent];
      if (isMoreLost) this.#push(EVERYTHING);
    }
    this.#isChecked = true;
  }

  async #sendSome(): Promise<void> {
    const some = this.#unsent.slice(0, BATCH_MAX);
    const { processId, entriesMax = STREAM_ENTRIES_MAX, log } = this.#options;
    const replies = await this.#trip((redis) => {
      const pipeline = redis.pipeline();
      for (const { number, text } of some) {
        const fields = ["p", processId, "n", String(number), "m", text];
        pipeline.xadd(this.#key, "MAXLEN", "~", entriesMax, "*", ...fields);
      }
      return pipeline.exec();
    });
    for (const [i, one] of some.entries()) {
      const [error, id] = replies?.[i] ?? [new Error("no reply"), null];
      if (error !== null) throw error;
      one.id = String(id);
      this.#unsent.shift();
      this.#sent.push(one);
      this.#counts.published++;
      if (one.item !== null) log.published(one.item, orderOf(one.id));
    }
    if (this.#sent.length > SENT_MAX) this.#sent = this.#sent.slice(-SENT_MAX);
  }

  #trip<T>(run: Parameters<typeof RedisLink.prototype.trip<T>>[0]): Promise<T> {
    return this.#link.trip(run, DEADLINE_MS);
  }
}
