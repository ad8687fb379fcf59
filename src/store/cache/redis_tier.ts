/**
 * The second tier in Redis, shared by several processes.
 *
 * ## Reading
 * One MGET for all keys. What this process has not written yet is found in its memory. An entry that
 * an invalidation of the log covers is not used (`invalidation_log.ts`), and is deleted.
 *
 * ## Writing
 * Entries wait for the next turn and go in pipelines of `SET … PX` (MSET knows no TTL), entries with
 * tags after they were put into the sets of their tags and once more after that, since a set may be
 * emptied in between. Scripts are not used. The server's `maxmemory` is the bound, with a policy that
 * is `noeviction` or `volatile-*`; where it evicts any key (`allkeys-*`), the sets of tags too,
 * entries with tags are not kept.
 *
 * ## Failures
 * Every trip has a deadline; after some failures in a row the connection is given up and made anew.
 * Before anything is read over a new connection, what was invalidated meanwhile is deleted there; and
 * when the server was started anew, or is another one, everything that is known to have been
 * invalidated within a day, since it may have lost it. So a server that comes back with old data
 * brings nothing back that was ended. What could not be written waits, within bounds, and beyond them
 * is taken for invalidated.
 *
 * @module
 */

import { type Cancel, type Clock, nextTurn, type Random } from "../../actor/clock.ts";
import type { SecondTier, TierEntry, TierSelection, TierStatus } from "../../cache/types.ts";
import { Breaker } from "../../feed/breaker.ts";
import type { InvalidationLog } from "./invalidation_log.ts";
import { infoField, RedisGauges } from "./redis_gauges.ts";
import { addWrite, deleteSelection, KEYS_PER_COMMAND_MAX, redisKeys } from "./redis_keys.ts";
import { RedisLink, RedisTimeout } from "./redis_link.ts";
import { readValues } from "./redis_read.ts";
import { errorText, tierCounts } from "./tier_counts.ts";
import {
  endOf,
  isKept,
  isKeptEntry,
  mergedMatcher,
  selectionMatcher,
  type WaitingEntry,
} from "./tier_rules.ts";
import { encodeFrame, frameDecoder, type FramedEntry } from "./value_frame.ts";
import { WaitingEntries } from "./waiting_entries.ts";

/** Entries of one pipeline. */
const WRITE_ENTRIES_MAX = 256;
/** Failures in a row after which the connection is made anew. */
const FAILURES_MAX = 3;
/** Pauses after failures, ms. */
const BACKOFF = { minMs: 100, maxMs: 5_000 };
/** Prefix of all keys unless said otherwise. */
export const REDIS_PREFIX_DEFAULT = "wick:cache:";
/** Deadline of a trip unless said otherwise, ms: an upstream call costs about as much. */
export const REDIS_DEADLINE_MS_DEFAULT = 250;

/** How a {@linkcode RedisTier} is made. */
export interface RedisTierOptions {
  /** As in `RedisLinkOptions`. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared with the stream of this process. */
  readonly log: InvalidationLog;
  /** Default {@linkcode REDIS_PREFIX_DEFAULT}. */
  readonly prefix?: string;
  /** Default {@linkcode REDIS_DEADLINE_MS_DEFAULT}. */
  readonly deadlineMs?: number;
}

const NOTHING: readonly never[] = [];

/** See the module's text. */
export class RedisTier implements SecondTier, AsyncDisposable {
  readonly #options: RedisTierOptions;
  readonly #link: RedisLink;
  readonly #names: ReturnType<typeof redisKeys>;
  readonly #deadlineMs: number;
  readonly #breaker = new Breaker({ failuresMax: FAILURES_MAX, backoff: BACKOFF });
  readonly #counts = tierCounts();
  readonly #waiting = new WaitingEntries();
  readonly #gauges = new RedisGauges();
  #isUp = false;
  #isClosed = false;
  #invalidations = 0;
  /** Counts the tries to catch up: only the last one counts. */
  #turn = 0;
  #runId: string | null = null;
  #keepsTags = true;
  #deleting: Promise<void> | null = null;
  #isWriting = false;
  #cancelWrite: Cancel | null = null;
  #cancelRetry: Cancel | null = null;

  /** Begins to connect; down until it is. */
  constructor(options: RedisTierOptions) {
    this.#options = options;
    this.#names = redisKeys(options.prefix ?? REDIS_PREFIX_DEFAULT);
    this.#deadlineMs = options.deadlineMs ?? REDIS_DEADLINE_MS_DEFAULT;
    const { url, clock, random } = options;
    this.#link = new RedisLink({
      url,
      clock,
      random,
      onReady: () => void this.#catchUp(),
      onLost: () => this.#lost(),
    });
  }

  async getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]> {
    // What waits now may be written, and wait no more, when the others are read.
    const before = this.#waiting.size === 0 ? null : keys.map((key) => this.#waiting.get(key));
    const asked = keys.filter((key, i) => before?.[i] === undefined && isKept(key));
    const invalidations = this.#invalidations;
    const frames = await this.#read(asked);
    const isChanged = invalidations !== this.#invalidations;
    const wallMs = this.#options.clock.wallNow();
    const doomed: string[] = [];
    const decode = frameDecoder();
    let next = 0, hits = 0;
    const found = keys.map((key, i) => {
      const frame = key === asked[next] ? frames[next++] ?? null : null;
      const was = isChanged ? undefined : before?.[i];
      const waiting = this.#waitingOf(key) ?? (was && !this.#isOutdated(was) ? was : undefined);
      const entry = waiting?.entry ??
        (frame === null ? null : this.#usable(key, decode(key, frame), doomed));
      if (entry === null || (waiting?.endsAtMs ?? entry.hardAtMs) <= wallMs) return null;
      hits++;
      return entry;
    });
    this.#counts.hits += hits;
    this.#counts.misses += keys.length - hits;
    if (doomed.length > 0) this.#remove(doomed);
    return found;
  }

  #waitingOf(key: string): WaitingEntry | undefined {
    if (this.#waiting.size === 0) return undefined;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || !this.#isOutdated(waiting)) return waiting;
    this.#waiting.remove(key);
    this.#invalidations++;
    return undefined;
  }

  /** Another process has invalidated it since its load began. */
  #isOutdated({ entry, mark }: WaitingEntry): boolean {
    return this.#options.log.isOutdated(entry.key, entry.tags, mark);
  }

  /** Frames in the order of the keys, as far as they can be had. */
  async #read(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    if (keys.length === 0 || !this.#isUp) return NOTHING;
    const names = keys.map((key) => this.#names.entries + key);
    if (names.length <= KEYS_PER_COMMAND_MAX) {
      return await this.#try((redis) => readValues(redis, names)) ?? NOTHING;
    }
    const frames: (Uint8Array | null)[] = [];
    for (let from = 0; from < names.length; from += KEYS_PER_COMMAND_MAX) {
      const part = names.slice(from, from + KEYS_PER_COMMAND_MAX);
      const values = await this.#try((redis) => readValues(redis, part));
      for (let i = 0; i < part.length; i++) frames.push(values?.[i] ?? null);
    }
    return frames;
  }

  /** What a frame holds, if it may be used; else its key is doomed. */
  #usable(key: string, entry: FramedEntry | null, doomed: string[]): TierEntry | null {
    if (entry !== null && !this.#options.log.covers(key, entry.tags, entry.mark)) return entry;
    doomed.push(key);
    if (entry === null) {
      this.#counts.failures++;
      this.#counts.lastError = `Cannot read ${JSON.stringify(key)}: its bytes are damaged`;
    }
    return null;
  }

  /** Deletes entries that turned out to be useless; nothing depends on it. */
  #remove(keys: readonly string[]): void {
    const names = keys.map((key) => this.#names.entries + key);
    void this.#try((redis) => redis.unlink(...names));
  }

  setMany(entries: readonly TierEntry[]): void {
    if (this.#isClosed) return;
    const { clock, log } = this.#options;
    const wallMs = clock.wallNow();
    const outdated: string[] = [];
    for (const entry of entries) {
      const { key, tags } = entry;
      const mark = entry.mark ?? log.mark;
      const isWanted = isKeptEntry(entry) && (this.#keepsTags || tags.length === 0);
      const isCovered = log.isOutdated(key, tags, mark);
      const frame = isWanted && !isCovered ? encodeFrame(entry, mark) : null;
      const endsAtMs = endOf(entry, wallMs);
      if (frame === null) this.#counts.dropped++;
      if (frame !== null && endsAtMs > wallMs) {
        this.#waiting.add({ entry, endsAtMs, mark, frame });
      } else if (isKept(key)) outdated.push(key);
    }
    // What is not kept takes the place of an older one all the same.
    if (outdated.length > 0) this.#outdate(outdated);
    const excess = this.#waiting.removeExcess();
    this.#counts.dropped += excess.length;
    if (excess.length > 0) this.#outdate(excess);
    this.#cancelWrite ??= nextTurn(() => {
      this.#cancelWrite = null;
      void this.#write();
    });
  }

  async invalidate(selection: TierSelection): Promise<void> {
    if (this.#isClosed) return;
    const matcher = selectionMatcher(selection);
    this.#invalidations++;
    this.#waiting.removeCovered(matcher);
    this.#options.log.add(selection, { deletion: true });
    if (!this.#isUp) return;
    // Deletions under way may have passed by what is meant here.
    while (this.#isUp && this.#options.log.undeleted().length > 0) await this.#delete();
  }

  mark(): number {
    return this.#options.log.mark;
  }

  status(): TierStatus {
    const { entries, bytes, bytesMax } = this.#gauges;
    if (this.#isUp && this.#gauges.isDue(this.#options.clock.now())) {
      void this.#try((redis) => this.#gauges.ask(redis));
    }
    const { lastError, ...counts } = this.#counts;
    return {
      kind: "redis",
      state: this.#isUp ? "up" : "down",
      entries,
      bytes,
      bytesMax,
      waiting: this.#waiting.size,
      ...counts,
      lastError: this.#isUp ? lastError : this.#link.lastError ?? lastError,
    };
  }

  /** Writes what waits, as far as the server is there, and ends the connection. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#write();
    this.#isClosed = true;
    this.#isUp = false;
    this.#cancelWrite?.();
    this.#cancelRetry?.();
    await this.#link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- connection -------------------------------------------------------------------------------

  #lost(): void {
    this.#isUp = false;
  }

  /** The link is there: nothing is read before what was invalidated is deleted. */
  async #catchUp(): Promise<void> {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    const turn = ++this.#turn;
    try {
      const info = await this.#link.trip((redis) => redis.info(), this.#deadlineMs);
      const runId = infoField(info, "run_id");
      if (runId !== this.#runId) this.#options.log.mayBeUndone();
      this.#runId = runId;
      this.#keepsTags = !(infoField(info, "maxmemory_policy") ?? "").startsWith("allkeys");
      while (this.#options.log.undeleted().length > 0) await this.#deleteOpen();
    } catch (error) {
      this.#failed(error);
      this.#retry();
      return;
    }
    if (this.#isClosed || !this.#link.isReady || turn !== this.#turn) return;
    this.#breaker.succeeded();
    this.#isUp = true;
    this.#gauges.outdated();
    void this.#write();
  }

  /** Tries again on a connection that works but does not do what it is asked. */
  #retry(): void {
    if (this.#isClosed || !this.#link.isReady) return;
    const { clock } = this.#options;
    const pauseMs = Math.max(0, (this.#breaker.nextTryMs ?? 0) - clock.now());
    this.#cancelRetry?.();
    this.#cancelRetry = clock.setTimer(pauseMs, () => {
      this.#cancelRetry = null;
      if (this.#link.isReady) void this.#catchUp();
    });
  }

  /** A trip while the tier is up; null when it failed. */
  async #try<T>(run: Parameters<typeof RedisLink.prototype.trip<T>>[0]): Promise<T | null> {
    if (!this.#isUp) return null;
    try {
      const result = await this.#link.trip(run, this.#deadlineMs);
      this.#breaker.succeeded();
      return result;
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  #failed(error: unknown): void {
    this.#counts.failures++;
    this.#counts.lastError = errorText(error);
    const { clock, random } = this.#options;
    this.#breaker.failed(clock.now(), random);
    if (this.#breaker.state === "closed") return;
    this.#isUp = false;
    // A server that answers, if only with errors, is not reached better over another connection.
    if (error instanceof RedisTimeout) this.#link.reconnect();
    else this.#retry();
  }

  // ---- deleting ---------------------------------------------------------------------------------

  /** Deletes what is due; one pass at a time, and each takes all that came before it began. */
  async #delete(): Promise<void> {
    this.#deleting ??= this.#deleteOpen().catch((error) => {
      this.#failed(error);
      if (!this.#isUp) return;
      // Read no more until it is done.
      this.#isUp = false;
      this.#retry();
    }).finally(() => this.#deleting = null);
    await this.#deleting;
  }

  async #deleteOpen(): Promise<void> {
    const { log } = this.#options;
    const items = log.undeleted();
    const matcher = mergedMatcher(items.map((item) => item.matcher));
    await deleteSelection((run) => this.#link.trip(run, this.#deadlineMs), this.#names, matcher);
    log.deleted(items);
  }

  /** Entries of these keys in the server are older than what they should be. */
  #outdate(keys: readonly string[]): void {
    this.#invalidations++;
    for (const key of keys) this.#waiting.remove(key);
    this.#options.log.add({ keys }, { deletion: true });
    if (this.#isUp) void this.#delete();
  }

  // ---- writing ----------------------------------------------------------------------------------

  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      while (this.#isUp && this.#waiting.size > 0) if (!await this.#writeSome()) return;
    } finally {
      this.#isWriting = false;
    }
  }

  /** One pipeline; false when nothing came of it. */
  async #writeSome(): Promise<boolean> {
    const some = this.#waiting.first(WRITE_ENTRIES_MAX)
      .filter((one) => this.#waitingOf(one.entry.key) === one);
    if (some.length === 0) return true;
    const wallMs = this.#options.clock.wallNow();
    const sets: number[] = [];
    const replies = await this.#try((redis) => {
      const pipeline = redis.pipeline();
      for (const one of some) sets.push(addWrite(pipeline, this.#names, one, wallMs));
      return pipeline.exec();
    });
    if (replies === null) return false;
    const refused: string[] = [];
    some.forEach((one, i) => {
      const { key } = one.entry;
      const error = replies[sets[i] as number]?.[0] ?? null;
      if (error === null) this.#counts.written++;
      else {
        refused.push(key);
        this.#counts.lastError = errorText(error);
      }
      if (this.#waiting.get(key) === one) this.#waiting.remove(key);
    });
    if (refused.length > 0) {
      this.#counts.dropped += refused.length;
      this.#counts.failures++;
      this.#outdate(refused);
    }
    return true;
  }
}
