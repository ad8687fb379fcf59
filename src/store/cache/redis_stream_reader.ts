/**
 * The reading half of the invalidation stream in Redis; see `redis_stream.ts`.
 *
 * @module
 */

import type { Clock, Random } from "../../actor/clock.ts";
import type { InvalidationLog } from "./invalidation_log.ts";
import { decodeMessage, type InvalidationSubscriber, tierPartOf } from "./invalidation_stream.ts";
import { RedisLink } from "./redis_link.ts";
import { errorText } from "./tier_counts.ts";

/** Time that the server holds a read back when there is nothing new, ms. */
const BLOCK_MS = 2_000;
/** Deadline of a trip beside that, ms. */
const DEADLINE_MS = 1_000;
/** Entries of one read. */
const READ_COUNT = 256;
/** Entries that a process looks at when it begins: what was invalidated lately. */
const HISTORY_COUNT = 2_000;
/** Publishers whose numbers are remembered; that of the one heard least lately goes first. */
const PUBLISHERS_MAX = 1_024;

/** Numbers within a millisecond that are told apart; a million a second. */
const NUMBERS_PER_MS = 1_024;

/** The id of an entry as a number in the same order. */
export function orderOf(id: string): number {
  const [ms = "0", number = "0"] = id.split("-");
  return Number(ms) * NUMBERS_PER_MS + Math.min(NUMBERS_PER_MS - 1, Number(number));
}

/** How a {@linkcode StreamReader} is made. */
export interface StreamReaderOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: InvalidationLog;
  readonly processId: string;
  /** Key of the stream. */
  readonly key: string;
}

type RawEntry = [id: string, fields: string[]];

/** Reads from its position on, over as many connections as it takes. */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #link: RedisLink;
  readonly #numbers = new Map<string, number>();
  #subscriber: InvalidationSubscriber | null = null;
  /** Id of the last entry read; null before the first connection. */
  #lastId: string | null = null;
  #connection = 0;
  #isUp = false;
  #isClosed = false;
  #received = 0;
  #gaps = 0;
  #lastError: string | null = null;

  /** Begins to connect. */
  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#link = new RedisLink({
      url: options.url,
      clock: options.clock,
      random: options.random,
      onReady: () => void this.#read(),
      onLost: () => this.#isUp = false,
    });
  }

  /** Whether it reads. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Messages of others. */
  get received(): number {
    return this.#received;
  }

  /** Times that messages may have been missed. */
  get gaps(): number {
    return this.#gaps;
  }

  /** What went wrong last. */
  get lastError(): string | null {
    return this.#lastError ?? this.#link.lastError;
  }

  /** As `InvalidationStream.subscribe`. */
  subscribe(subscriber: InvalidationSubscriber): () => void {
    this.#subscriber = subscriber;
    subscriber.onGap("the beginning");
    return () => {
      if (this.#subscriber === subscriber) this.#subscriber = null;
    };
  }

  /** Ends the connection; idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#link.close();
  }

  async #read(): Promise<void> {
    const connection = ++this.#connection;
    try {
      await this.#findPosition();
      this.#isUp = true;
      while (!this.#isClosed && connection === this.#connection) await this.#readSome();
    } catch (error) {
      if (this.#isClosed || connection !== this.#connection) return;
      this.#isUp = false;
      this.#lastError = errorText(error);
      // After whatever it was, a new connection looks for the position again.
      if (this.#link.isReady) this.#link.reconnect();
    }
  }

  async #findPosition(): Promise<void> {
    const { key } = this.#options;
    const lastId = this.#lastId;
    if (lastId !== null) {
      const found = await this.#trip((redis) => redis.xrange(key, lastId, lastId));
      if (found.length === 1) return;
    }
    const history = await this.#trip((redis) =>
      redis.xrevrange(key, "+", "-", "COUNT", HISTORY_COUNT)
    );
    // Numbers of before say nothing about what the stream holds now.
    this.#numbers.clear();
    for (const [id, fields] of history.toReversed()) this.#remember(id, fields);
    this.#lastId = history[0]?.[0] ?? await this.#begin();
    this.#gap(lastId === null ? "the beginning" : "the position in the stream is gone");
  }

  /** An empty stream has no position to come back to, so it gets a first entry. */
  async #begin(): Promise<string> {
    const { key, processId } = this.#options;
    const id = await this.#trip((redis) => redis.xadd(key, "*", "p", processId, "n", "0", "m", ""));
    return id ?? "0-0";
  }

  async #readSome(): Promise<void> {
    const { key } = this.#options;
    const lastId = this.#lastId ?? "$";
    const found = await this.#link.trip(
      (redis) => redis.xread("COUNT", READ_COUNT, "BLOCK", BLOCK_MS, "STREAMS", key, lastId),
      BLOCK_MS + DEADLINE_MS,
    );
    this.#lastError = null;
    for (const [id, fields] of (found?.[0]?.[1] ?? []) as RawEntry[]) {
      if (this.#isClosed) return;
      this.#take(id, fields);
      this.#lastId = id;
    }
  }

  #take(id: string, fields: readonly string[]): void {
    const { log, processId } = this.#options;
    const { publisher, number, text } = parsed(fields);
    log.reached(orderOf(id));
    if (publisher === processId || text === "") return;
    const before = this.#numbers.get(publisher);
    this.#number(publisher, Math.max(number, before ?? 0));
    if (before !== undefined && number <= before) return;
    if (before !== undefined && number > before + 1) this.#gap(`${publisher} lost messages`);
    const message = decodeMessage(text);
    if (message === null) return this.#gap(`${publisher} sent what is no message`);
    this.#received++;
    const part = tierPartOf(message);
    if (part !== null) this.#log(part, id);
    this.#subscriber?.onInvalidation(message);
  }

  /** An entry of before this process, or of a gap: the shards are flushed, the log is to know it. */
  #remember(id: string, fields: readonly string[]): void {
    const { publisher, number, text } = parsed(fields);
    this.#options.log.reached(orderOf(id));
    if (publisher === this.#options.processId) return;
    this.#number(publisher, number);
    const message = text === "" ? null : decodeMessage(text);
    const part = message === null ? null : tierPartOf(message);
    if (part !== null) this.#log(part, id);
  }

  #log(part: NonNullable<ReturnType<typeof tierPartOf>>, id: string): void {
    try {
      this.#options.log.add(part, { order: orderOf(id) });
    } catch (error) {
      // A pattern that is none here, of a process with another version.
      this.#lastError = errorText(error);
      this.#gap("a pattern that is none");
    }
  }

  #number(publisher: string, number: number): void {
    this.#numbers.delete(publisher);
    this.#numbers.set(publisher, number);
    if (this.#numbers.size <= PUBLISHERS_MAX) return;
    for (const oldest of this.#numbers.keys()) return void this.#numbers.delete(oldest);
  }

  #gap(reason: string): void {
    this.#gaps++;
    this.#subscriber?.onGap(reason);
  }

  #trip<T>(run: Parameters<typeof RedisLink.prototype.trip<T>>[0]): Promise<T> {
    return this.#link.trip(run, DEADLINE_MS);
  }
}

function parsed(fields: readonly string[]): { publisher: string; number: number; text: string } {
  const [, publisher = "", , number = "0", , text = ""] = fields;
  return { publisher, number: Number(number), text };
}
