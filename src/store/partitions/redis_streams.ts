/**
 * The streams in Redis, one server or a Cluster: Redis Streams, one a partition, each with what belongs
 * to it in one slot. Scripts of many partitions go together (`redis_rounds.ts`), a message on one
 * channel tells readers where something was appended.
 *
 * What Redis acknowledges it may still lose, as far as its settings let it (`appendfsync`, replicas
 * that are behind at a failover). What was trimmed is in the log alone from then on, which on a Cluster
 * lies on one server: if that loses its end, so are those candles.
 *
 * @module
 */

import type { Redis } from "ioredis";
import { Buffer } from "node:buffer";
import type { Cancel, Clock, Random } from "../../actor/clock.ts";
import type { CandleBlock } from "../../market/block.ts";
import { partitionOf, PARTITIONS } from "../../market/partition.ts";
import { LogError, type LogStatus } from "../log/port.ts";
import { type KeyLink, RedisGroup } from "../nodes/redis_group.ts";
import type { RedisPlace } from "../nodes/redis_place.ts";
import { AppendLanes, type LaneAppend, type LaneOutcome } from "./append_lanes.ts";
import { Due, type Places } from "./due.ts";
import { pageOf, type RawEntry } from "./entries.ts";
import { placeParts } from "./place.ts";
import {
  type AppendResult,
  PARTITION_BOUNDS,
  type PartitionBacklog,
  type PartitionPage,
  type PartitionStreams,
  type StreamPlace,
} from "./port.ts";
import { awayError, bufferOf, isAway, RedisRounds, type ScriptCall } from "./redis_rounds.ts";
import {
  Answer,
  APPEND_SCRIPT,
  BACKLOG_SCRIPT,
  READ_SCRIPT,
  TRIM_SCRIPT,
} from "./redis_scripts.ts";

/** Deadline of one trip, ms. */
const TRIP_MS = 5_000;
/** How long an append is tried, ms: a failover takes longer, and then its sender waits. */
const PATIENCE_MS = 5_000;
/** All partitions are looked at so often, ms, whatever was heard: 1 % of a core for all 256. */
const FULL_ROUND_MS = 1_000;
/** A subscription that was refused is tried again after this, ms. */
const SUBSCRIBE_AGAIN_MS = 1_000;
/** Characters of a message that are looked at: all partitions' numbers, and the commas. */
const NEWS_CHARS_MAX = 4 * PARTITIONS;
/** Out of memory: room comes with trimming, as after `full`. */
const OUT_OF_MEMORY = /\bOOM\b/;

/** How {@linkcode RedisStreams} are made. */
export interface RedisStreamsOptions {
  /** Where Redis is, or connections that somebody else ends. */
  readonly redis: string | RedisPlace | RedisGroup;
  readonly clock: Clock;
  readonly random: Random;
  /** Of all keys; without braces. */
  readonly prefix: string;
  /** Names this appender, in this life: never the same twice. */
  readonly session: string;
  /** Bytes that may wait in a partition; default {@linkcode PARTITION_BOUNDS}. */
  readonly waitingBytes?: number;
  /** Bytes of one page, unless its first entry is longer; default {@linkcode PARTITION_BOUNDS}. */
  readonly pageBytes?: number;
  /** All partitions are looked at so often, ms; default 1,000. */
  readonly fullRoundMs?: number;
  /** How long an append is tried, ms; default 5,000. */
  readonly patienceMs?: number;
}

/** Keys of a partition: stream, state, appenders. */
type Keys = readonly [stream: string, state: string, writers: string];

/** See the module's text. */
export class RedisStreams implements PartitionStreams, AsyncDisposable {
  readonly #options: RedisStreamsOptions;
  readonly #group: RedisGroup;
  readonly #keys: readonly Keys[];
  readonly #channel: string;
  readonly #rounds: RedisRounds;
  readonly #lanes: AppendLanes;
  readonly #due: Due;
  /** Made with the first read: who only appends hears of nothing. */
  #listener: KeyLink | null = null;
  readonly #heard = new WeakSet<Redis>();
  #cancelSubscribe: Cancel = () => {};
  /** Ends the wait of a read. */
  #wake: (() => void) | null = null;
  #isClosed = false;

  /** Connects when it is asked for something. */
  constructor(options: RedisStreamsOptions) {
    const { redis, clock, random, prefix } = options;
    if (/[{}]/.test(prefix)) {
      throw new TypeError(
        `Cannot make streams: expected a prefix without braces: current value is ${prefix}`,
      );
    }
    this.#options = options;
    this.#group = redis instanceof RedisGroup
      ? redis
      : new RedisGroup({ place: redis, clock, random });
    this.#keys = Array.from({ length: PARTITIONS }, (_, partition) => {
      const base = `${prefix}:{p${partition}}`;
      return [`${base}:in`, `${base}:state`, `${base}:writers`] as const;
    });
    this.#channel = `${prefix}:in`;
    this.#rounds = new RedisRounds(this.#group, clock);
    this.#due = new Due(options.fullRoundMs ?? FULL_ROUND_MS);
    this.#lanes = new AppendLanes(
      clock,
      options.patienceMs ?? PATIENCE_MS,
      (appends) => void this.#append(appends),
    );
  }

  append(blocks: readonly CandleBlock[]): Promise<AppendResult> {
    for (const { series } of this.#rounds.isTroubled ? blocks : []) {
      const trouble = this.#rounds.troubleOf(this.#keyOf(series));
      if (trouble !== null) return Promise.reject(trouble);
    }
    return this.#lanes.append(blocks);
  }

  async #append(appends: readonly LaneAppend[]): Promise<void> {
    const { session, waitingBytes = PARTITION_BOUNDS.waitingBytes } = this.#options;
    const limitMs = Math.min(TRIP_MS, this.#options.patienceMs ?? PATIENCE_MS);
    const calls = appends.map(({ partition, number, entries }): ScriptCall => ({
      partition,
      keys: this.#keys[partition] as Keys,
      args: [session, number, waitingBytes, ...entries.map(bufferOf)],
    }));
    const message = (calls: readonly ScriptCall[]) =>
      calls.map(({ partition }) => partition).join();
    const outcomes = await this.#rounds.run(APPEND_SCRIPT, calls, limitMs, {
      channel: this.#channel,
      message,
    });
    appends.forEach((append, i) => {
      const outcome = outcomes[i];
      this.#lanes.settled(append, laneOutcome(outcome?.reply, outcome?.error ?? null));
    });
  }

  async read(
    places: Places,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PartitionPage[]> {
    this.#listen();
    const { clock } = this.#options;
    const untilMs = clock.now() + waitMs;
    // Who does not wait wants to know, whatever was heard so far.
    if (waitMs <= 0) this.#due.hintAll();
    while (!isAborted(signal)) {
      if (this.#isClosed) throw closedError();
      const pages = await this.#round(places);
      if (pages.length > 0 || clock.now() >= untilMs || isAborted(signal)) return pages;
      await this.#wait(Math.min(untilMs, this.#due.nextFullMs) - clock.now(), signal);
    }
    return [];
  }

  /** Looks at what is due until a page is there. */
  async #round(places: Places): Promise<PartitionPage[]> {
    const { clock, pageBytes = PARTITION_BOUNDS.pageBytes } = this.#options;
    while (!this.#isClosed) {
      const taken = this.#due.take(places, clock.now());
      if (taken.length === 0) return [];
      const calls = taken.map((partition): ScriptCall => ({
        partition,
        keys: (this.#keys[partition] as Keys).slice(0, 2),
        args: [fromId(places.get(partition) ?? null), pageBytes, PARTITION_BOUNDS.pageEntries],
      }));
      const after = taken.map((partition) => places.get(partition) ?? null);
      const outcomes = await this.#rounds.run(READ_SCRIPT, calls, TRIP_MS);
      const pages: PartitionPage[] = [];
      let failed: Error | null = null, failures = 0;
      outcomes.forEach(({ reply, error }, i) => {
        if (error !== null) {
          // The next look at all finds it.
          failed = error;
          failures++;
          return;
        }
        const page = this.#page(taken[i] as number, after[i] ?? null, reply);
        if (page !== null) pages.push(page);
      });
      if (failed !== null && failures === outcomes.length) throw awayError(failed);
      if (pages.length > 0) return pages;
    }
    return [];
  }

  #page(partition: number, after: StreamPlace | null, reply: unknown): PartitionPage | null {
    const [more, ...flat] = Array.isArray(reply) ? reply : [];
    const entries: RawEntry[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) {
      entries.push({ place: String(flat[i]), bytes: bytesIn(flat[i + 1]) });
    }
    if (entries.length === 0) return null;
    const page = pageOf(partition, after, entries);
    this.#due.read(partition, page.place, more === 1);
    return page;
  }

  /** Until something is heard, the time is over, or the signal says so. */
  #wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal?.removeEventListener("abort", end);
        if (this.#wake === end) this.#wake = null;
        resolve();
      };
      const cancel = this.#options.clock.setTimer(ms, end);
      signal?.addEventListener("abort", end);
      this.#wake = end;
    });
  }

  /** Hears where something was appended. */
  #listen(): void {
    if (this.#listener !== null || this.#isClosed) return;
    this.#listener = this.#group.link(this.#channel, {
      onReady: () => void this.#subscribe(),
    });
  }

  async #subscribe(): Promise<void> {
    const onMessage = (_: string, message: string) => {
      for (const text of message.slice(0, NEWS_CHARS_MAX).split(",")) this.#due.hint(Number(text));
      this.#wake?.();
    };
    try {
      await this.#listener?.trip((redis) => {
        if (!this.#heard.has(redis)) redis.on("message", onMessage);
        this.#heard.add(redis);
        return redis.subscribe(this.#channel);
      }, TRIP_MS);
    } catch {
      // Looks at all partitions find what is not heard of. A new connection subscribes by itself.
      this.#cancelSubscribe();
      if (this.#isClosed) return;
      this.#cancelSubscribe = this.#options.clock.setTimer(SUBSCRIBE_AGAIN_MS, () => {
        if (this.#listener?.isReady) void this.#subscribe();
      });
    }
    this.#due.hintAll();
    this.#wake?.();
  }

  async trim(places: ReadonlyMap<number, StreamPlace>): Promise<void> {
    const calls: ScriptCall[] = [];
    for (const [partition, place] of places) {
      const parts = placeParts(place);
      if (parts === null) continue;
      const keys = (this.#keys[partition] as Keys).slice(0, 2);
      calls.push({ partition, keys, args: [parts.atMs, parts.endBytes] });
    }
    if (calls.length > 0) throwFirst(await this.#rounds.run(TRIM_SCRIPT, calls, TRIP_MS));
  }

  async backlog(partitions: readonly number[]): Promise<readonly PartitionBacklog[]> {
    if (partitions.length === 0) return [];
    const calls = partitions.map((partition): ScriptCall => ({
      partition,
      keys: (this.#keys[partition] as Keys).slice(0, 2),
      args: [],
    }));
    const outcomes = await this.#rounds.run(BACKLOG_SCRIPT, calls, TRIP_MS);
    throwFirst(outcomes);
    return outcomes.map(({ reply }, i) => {
      const [entries, bytes, first] = reply as [number, number, Buffer];
      return {
        partition: partitions[i] as number,
        entries,
        bytes: Math.max(0, bytes),
        oldestAtMs: placeParts(String(first))?.atMs ?? null,
      };
    });
  }

  get status(): LogStatus {
    const { lastError } = this.#rounds;
    return {
      backend: this.#group.isCluster ? "redis_cluster" : "redis",
      state: lastError === null ? "ok" : "away",
      lastError,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lanes.close();
    this.#wake?.();
    this.#cancelSubscribe();
    await this.#listener?.close();
    if (!(this.#options.redis instanceof RedisGroup)) await this.#group.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #keyOf(series: string): string {
    return this.#keys[partitionOf(series)]?.[0] ?? "";
  }
}

/** What the script answers, or failed with, for the lane. */
function laneOutcome(reply: unknown, error: Error | null): LaneOutcome {
  if (error === null) return reply === Answer.full ? "full" : "appended";
  if (OUT_OF_MEMORY.test(error.message)) return "full";
  return { away: isAway(error) ? awayError(error) : new LogError("away", error.message) };
}

/** The first id after a place, as XRANGE wants it; the beginning for what is no place. */
function fromId(place: StreamPlace | null): string {
  return place === null || placeParts(place) === null ? "-" : `(${place}`;
}

function bytesIn(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(String(value));
}

function throwFirst(outcomes: readonly { readonly error: Error | null }[]): void {
  const failed = outcomes.find(({ error }) => error !== null)?.error;
  if (failed !== undefined && failed !== null) throw awayError(failed);
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function closedError(): LogError {
  return new LogError("closed", "Cannot reach streams: they are closed");
}
