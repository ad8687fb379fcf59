/**
 * The log in Redis, one server or a Cluster. Appends go over one connection (`append_queue.ts`), reads
 * that wait over another, snapshots over the one that the group of connections shares.
 *
 * ## Whose log it is
 * The log has an id, made with it. Before anything else goes over a connection, the log is met: same
 * id, and the last entry that was seen here is still there as it was. A server that was emptied, lost
 * its end (`appendfsync everysec`, a failover without `WAIT`), or holds another log, is not written to
 * any more: every call fails with code `foreign`, until the process is started anew.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { Cancel, Clock, Random } from "../../actor/clock.ts";
import { RedisTimeout } from "../cache/redis_link.ts";
import { errorText } from "../cache/tier_counts.ts";
import { type KeyLink, RedisGroup } from "../nodes/redis_group.ts";
import type { RedisPlace } from "../nodes/redis_place.ts";
import { AppendQueue } from "./append_queue.ts";
import { type LogKeys, logKeys, NODES_PREFIX_DEFAULT } from "./keys.ts";
import { foreignText, lostText, sessionOf } from "./memory_log.ts";
import {
  type Appended,
  type Beat,
  type Fence,
  type GroupListener,
  type GroupView,
  type Handed,
  LOG_BOUNDS,
  type LogEntry,
  LogError,
  type LogMark,
  type LogPosition,
  type LogStand,
  type LogStatus,
  type NewEntry,
  type NodeInfo,
  type SharedLog,
  type Snapshot,
  type Taken,
  type Transfer,
} from "./port.ts";
import {
  assertFollows,
  entryId,
  entryOf,
  PageSize,
  type RawEntry,
  standText,
} from "./redis_entries.ts";
import { handedOf, RedisGroupCalls } from "./redis_group_calls.ts";
import { RedisSnapshots } from "./redis_snapshots.ts";
import { APPEND, bufferOf, GROUP, loadScripts, runScript } from "./scripts.ts";

/** Deadline of a call beside its waiting, ms: a disk that syncs under load takes some of it. */
const CALL_MS = 5_000;
/** How long a call waits for a connection, ms. */
const CONNECT_MS = 2_000;
/** Time that replicas get for one confirmation, ms; then it is asked for again. */
const REPLICAS_MS = 500;
/** Pause before a log that is not there is looked for again, ms. */
const MEET_AGAIN_MS = 100;
/** Longest wait of one read at the server, ms. */
const BLOCK_MS = 5_000;

/** How a {@linkcode RedisLog} is made. */
export interface RedisLogOptions {
  /** As `redisPlace` reads it, a place, or connections that are shared and closed by their owner. */
  readonly redis: string | RedisPlace | RedisGroup;
  readonly clock: Clock;
  readonly random: Random;
  /** Default `NODES_PREFIX_DEFAULT`. */
  readonly prefix?: string;
  /** False: looks only, and makes no log where there is none. Default true. */
  readonly isMaking?: boolean;
  /** Bytes since the last snapshot; default `LOG_BOUNDS.bytes`. */
  readonly bytesMax?: number;
  /** `off`: tokens are not checked, for a test that has to fail then. Default `checked`. */
  readonly fence?: "checked" | "off";
  /**
   * Replicas that must have an entry before it counts as appended; default 0. For a Redis that
   * replicates asynchronously, and would lose with its master what was not replicated.
   */
  readonly waitReplicas?: number;
}

/** See the module's text. */
export class RedisLog implements SharedLog, AsyncDisposable {
  readonly #options: RedisLogOptions;
  readonly #keys: LogKeys;
  readonly #group: RedisGroup;
  readonly #isGroupOwn: boolean;
  readonly #link: KeyLink;
  readonly #queue: AppendQueue;
  readonly #calls: RedisGroupCalls;
  readonly #snapshots: RedisSnapshots;
  readonly #bytesMax: string;
  #reader: KeyLink | null = null;
  #listener: KeyLink | null = null;
  readonly #listeners = new Set<GroupListener>();
  readonly #waiters = new Set<() => void>();
  readonly #pages = new PageSize();
  #isMet = false;
  #isReaderMet = false;
  /** Somebody came without a log to expect. */
  #mayMake = false;
  #cancelAgain: Cancel | null = null;
  /** The last entry that was seen, and of which log; the log is empty before it was met. */
  #mark: LogMark = { log: "", position: 0, writer: "", number: 0 };
  #ended: LogError | null = null;
  #lastError: string | null = null;

  /** Begins to connect. */
  constructor(options: RedisLogOptions) {
    const { redis, clock, random, prefix = NODES_PREFIX_DEFAULT, waitReplicas = 0 } = options;
    this.#options = options;
    this.#keys = logKeys(prefix);
    this.#isGroupOwn = !(redis instanceof RedisGroup);
    this.#group = redis instanceof RedisGroup
      ? redis
      : new RedisGroup({ place: redis, clock, random });
    this.#bytesMax = String(options.bytesMax ?? LOG_BOUNDS.bytes);
    const isUsable = () => this.#isMet && this.#link.isReady;
    this.#queue = new AppendQueue({
      clock,
      get isUsable() {
        return isUsable();
      },
      send: (entry, previous) => this.#send(entry, previous),
      confirm: waitReplicas > 0 ? () => this.#confirm(waitReplicas) : null,
      refused: (error) => this.#refused(error),
      foreign: (error) => this.#end(error),
      another: (log) => this.#end(new LogError("foreign", foreignText(this.#mark.log, log))),
    });
    const call = <T>(run: (redis: Redis) => Promise<T>) => this.#call(run);
    this.#calls = new RedisGroupCalls({ keys: this.#keys, logId: () => this.#mark.log, call });
    this.#snapshots = new RedisSnapshots({
      keys: this.#keys,
      logId: () => this.#mark.log,
      call,
      bulk: (run) => this.#bulk(run),
    });
    this.#link = this.#group.link(this.#keys.meta, {
      onReady: () => void this.#connected(),
      onLost: () => {
        this.#isMet = false;
        this.#queue.lost();
      },
    });
  }

  get checksTokens(): boolean {
    return this.#options.fence !== "off";
  }

  get status(): LogStatus {
    const isOk = this.#ended === null && this.#isMet;
    return {
      backend: this.#group.isCluster ? "redis_cluster" : "redis",
      state: isOk ? "ok" : "away",
      lastError: this.#ended?.message ?? this.#lastError ?? (isOk ? null : this.#link.lastError),
    };
  }

  async meet(mark: LogMark | null): Promise<LogStand> {
    if (mark !== null) {
      if (this.#mark.log !== "" && this.#mark.log !== mark.log) {
        throw new LogError("foreign", foreignText(mark.log, this.#mark.log));
      }
      if (mark.position >= this.#mark.position) this.#mark = mark;
    }
    if (mark === null && this.#options.isMaking !== false) this.#mayMake = true;
    await this.#usable(() => this.#link.isReady);
    try {
      const stand = await this.#link.trip((redis) => this.#begin(redis, mark), CALL_MS);
      return stand;
    } catch (error) {
      this.#refused(error);
      throw this.#errorOf(error);
    }
  }

  append(entry: NewEntry): Promise<Appended> {
    return this.#queue.append(entry);
  }

  async between(after: LogPosition, before: LogPosition): Promise<readonly LogEntry[]> {
    if (before <= after + 1) return [];
    const end = before === Infinity ? "+" : entryId(before - 1);
    const raw = await this.#call((redis) =>
      redis.xrangeBuffer(this.#keys.entries, entryId(after + 1), end, "COUNT", this.#pages.count)
    );
    return this.#page(raw as unknown as RawEntry[], after);
  }

  async read(
    after: LogPosition,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly LogEntry[]> {
    if (waitMs <= 0) return await this.between(after, Infinity);
    const reader = this.#readerLink();
    await this.#usable(() => this.#isReaderMet && this.#isMet);
    if (signal?.aborted === true) return [];
    const blockMs = Math.min(BLOCK_MS, Math.ceil(waitMs));
    const abandon = () => this.#unblock();
    signal?.addEventListener("abort", abandon);
    try {
      const reply = await reader.trip((redis) =>
        // deno-fmt-ignore
        redis.callBuffer("XREAD", "COUNT", this.#pages.count, "BLOCK", blockMs,
          "STREAMS", this.#keys.entries, entryId(after)), blockMs + CALL_MS);
      // What a server said that was lost meanwhile is not taken: another may say otherwise.
      if (!this.#isReaderMet || !this.#isMet) return [];
      return this.#page(((reply as [unknown, RawEntry[]][] | null)?.[0]?.[1]) ?? [], after);
    } catch (error) {
      if (error instanceof RedisTimeout) reader.reconnect();
      throw this.#errorOf(error);
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  beat(info: NodeInfo, leaseMs: number): Promise<Beat> {
    return this.#calls.beat(info, leaseMs);
  }

  view(): Promise<GroupView> {
    return this.#calls.view();
  }

  leave(session: string): Promise<void> {
    return this.#calls.leave(session);
  }

  take(session: string, partitions: readonly number[]): Promise<Taken> {
    return this.#calls.take(session, partitions);
  }

  handOver(transfers: readonly Transfer[]): Promise<Taken> {
    return this.#calls.handOver(transfers);
  }

  release(fences: readonly Fence[]): Promise<void> {
    return this.#calls.release(fences);
  }

  onGroupChange(listener: GroupListener): () => void {
    this.#listeners.add(listener);
    const tell = (handed: Handed | null) => {
      for (const each of [...this.#listeners]) each(handed);
    };
    if (this.#ended === null) {
      this.#listener ??= this.#group.link(this.#keys.meta, {
        onReady: () => {
          const subscribed = this.#listener?.trip((redis) => {
            redis.removeAllListeners("message");
            redis.on("message", (_, message: string) => tell(handedOf(message)));
            return redis.subscribe(this.#keys.channel);
          }, CALL_MS);
          // What was told while nobody listened was missed.
          subscribed?.then(() => tell(null), () => this.#listener?.reconnect());
        },
      });
    }
    return () => void this.#listeners.delete(listener);
  }

  putSnapshot(
    position: LogPosition,
    pieces: AsyncIterable<Uint8Array>,
    trimTo?: LogPosition,
  ): Promise<Snapshot> {
    return this.#snapshots.put(position, pieces, trimTo);
  }

  snapshot(): Promise<{ about: Snapshot; pieces: AsyncIterable<Uint8Array> } | null> {
    return this.#snapshots.last();
  }

  trim(upTo: LogPosition): Promise<void> {
    return this.#snapshots.trim(upTo);
  }

  async close(): Promise<void> {
    this.#end(new LogError("closed", "Cannot reach the log: it was closed"));
    await Promise.all([this.#link, this.#reader, this.#listener].map((link) => link?.close()));
    if (this.#isGroupOwn) await this.#group.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- meeting the log ------------------------------------------------------------------------------

  async #connected(): Promise<void> {
    if (this.#ended !== null) return;
    try {
      await this.#link.trip((redis) => this.#begin(redis, null), CALL_MS);
    } catch (error) {
      if (this.#ended !== null) return;
      this.#refused(error);
      // Somebody else is about to make it.
      this.#cancelAgain = this.#options.clock.setTimer(
        MEET_AGAIN_MS,
        () => this.#link.isReady && !this.#isMet && void this.#connected(),
      );
    }
    this.#wake();
  }

  /** Meets the log over the connection for appends, and goes on with what waits. */
  async #begin(redis: Redis, mark: LogMark | null): Promise<LogStand> {
    await loadScripts(redis);
    const stand = await this.#meet(redis, mark ?? this.#mark);
    if (this.#ended !== null || !this.#link.isReady || this.#isMet) return stand;
    this.#isMet = true;
    this.#lastError = null;
    this.#queue.resume();
    this.#wake();
    return stand;
  }

  /** Meets the log on a connection; see the module's text. */
  async #meet(redis: Redis, { position, writer, number }: LogMark): Promise<LogStand> {
    const { log } = this.#mark;
    const created = this.#mayMake ? randomUUID() : "";
    const [state, found, last, first, snapshot] = await runScript(
      redis,
      GROUP,
      this.#calls.keys,
      ...["meet", log, this.#keys.channel, created, position, writer, number],
    );
    if (state === "met") {
      if (this.#mark.log === "") this.#mark = { ...this.#mark, log: String(found) };
      return {
        log: String(found),
        position: Number(last),
        firstPosition: Number(first),
        snapshot: this.#snapshots.aboutOf(String(snapshot)),
      };
    }
    if (state === "none") throw new LogError("away", "Cannot reach the log: there is none yet");
    throw this.#end(meetError(String(state), String(found), log, position));
  }

  /** Ends all that goes on; says the error, which the first one is. */
  #end(error: LogError): LogError {
    this.#ended ??= error;
    this.#isMet = false;
    this.#isReaderMet = false;
    this.#cancelAgain?.();
    this.#queue.end(this.#ended);
    this.#wake();
    return this.#ended;
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /** Waits until a connection was met. */
  async #usable(isUsable: () => boolean): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.now() + CONNECT_MS;
    while (!isUsable()) {
      if (this.#ended !== null) throw this.#ended;
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0) {
        throw this.#errorOf(this.#lastError ?? this.#link.lastError ?? "none is there");
      }
      await new Promise<void>((resolve) => {
        const end = () => {
          cancel();
          this.#waiters.delete(end);
          resolve();
        };
        const cancel = clock.setTimer(leftMs, end);
        this.#waiters.add(end);
      });
    }
    if (this.#ended !== null) throw this.#ended;
  }

  // ---- calls ----------------------------------------------------------------------------------------

  async #call<T>(run: (redis: Redis) => Promise<T>): Promise<T> {
    await this.#usable(() => this.#isMet);
    try {
      return await this.#link.trip(run, CALL_MS);
    } catch (error) {
      this.#refused(error);
      throw this.#errorOf(error);
    }
  }

  /** Over another connection than appends, which would wait for megabytes. */
  async #bulk<T>(run: (redis: Redis) => Promise<T>): Promise<T> {
    await this.#usable(() => this.#isMet);
    try {
      return await this.#group.trip(this.#keys.meta, run, CALL_MS);
    } catch (error) {
      throw this.#errorOf(error);
    }
  }

  #send({ writer, number, fences, kind, bytes, stand }: NewEntry, previous: number) {
    const { meta, entries, writers, tokens, ended } = this.#keys;
    // deno-fmt-ignore
    const args: (string | number | Uint8Array)[] = [
      meta, entries, writers, tokens, ended,
      this.#mark.log, writer, sessionOf(writer), number, previous, kind, standText(stand),
      this.#bytesMax, bufferOf(bytes),
    ];
    if (this.checksTokens && fences.length > 0) {
      for (const { partition } of fences) args.push(partition);
      for (const { token } of fences) args.push(token);
    }
    return this.#link.trip(async (redis) => {
      const reply = await redis.call("EVALSHA", [APPEND.sha, 5, ...args] as string[]) as unknown[];
      if (reply[0] === "appended") this.#saw(Number(reply[1]), writer, number);
      return reply;
    }, CALL_MS);
  }

  async #confirm(replicas: number): Promise<void> {
    for (;;) {
      const count = await this.#link.trip(
        (redis) => redis.wait(replicas, REPLICAS_MS),
        REPLICAS_MS + CALL_MS,
      );
      if (count >= replicas) return;
      this.#lastError =
        `expected ${replicas} replicas to have the log's end: current value is ${count}`;
    }
  }

  #saw(position: LogPosition, writer: string, number: number): void {
    if (position > this.#mark.position) this.#mark = { ...this.#mark, position, writer, number };
  }

  #refused(error: unknown): void {
    if (this.#ended !== null) return;
    this.#lastError = errorText(error);
    if (error instanceof LogError) return;
    if (/^WRONGTYPE/.test(this.#lastError)) {
      const message =
        "Cannot use the log: expected its keys to be free: current value is keys of " +
        `another program: name another prefix: ${this.#lastError}`;
      this.#end(new LogError("foreign", message, { cause: error }));
    } else if (error instanceof RedisTimeout) {
      this.#isMet = false;
      this.#link.reconnect();
    } else if (this.#link.isReady && /^NOSCRIPT/.test(this.#lastError)) {
      this.#isMet = false;
      void this.#connected();
    } else if (this.#link.isReady && !this.#isMet) {
      // Met in vain, by a server that is loading say: a new connection tries again.
      this.#link.reconnect();
    }
  }

  #errorOf(error: unknown): LogError {
    if (this.#ended !== null) return this.#ended;
    if (error instanceof LogError) return error;
    const reason = typeof error === "string" ? error : errorText(error);
    return new LogError("away", `Cannot reach the log: ${reason}`, { cause: error });
  }

  // ---- reading --------------------------------------------------------------------------------------

  #page(raw: readonly RawEntry[], after: LogPosition): LogEntry[] {
    const entries = raw.map(entryOf);
    assertFollows(entries, after);
    this.#pages.saw(entries);
    const last = entries.at(-1);
    if (last !== undefined) this.#saw(last.position, last.writer, last.number);
    return entries;
  }

  #readerLink(): KeyLink {
    if (this.#ended !== null) throw this.#ended;
    return this.#reader ??= this.#group.link(this.#keys.entries, {
      onReady: () => void this.#readerConnected(),
      onLost: () => this.#isReaderMet = false,
    });
  }

  async #readerConnected(): Promise<void> {
    try {
      await this.#reader?.trip((redis) => this.#meet(redis, this.#mark), CALL_MS);
      this.#isReaderMet = this.#ended === null;
      this.#wake();
    } catch {
      if (this.#ended === null) this.#reader?.reconnect();
    }
  }

  /** Ends the wait of the reader. A server that does not allow it ends it by itself, later. */
  #unblock(): void {
    this.#reader?.reconnect();
  }
}

function meetError(state: string, found: string, log: string, position: LogPosition): LogError {
  if (state === "lost") return new LogError("foreign", lostText(position, Number(found)));
  if (state !== "format") return new LogError("foreign", foreignText(log || "of its own", found));
  const message = `Cannot use the log: expected format 1: current value is ${found.slice(0, 20)}`;
  return new LogError("foreign", message);
}
