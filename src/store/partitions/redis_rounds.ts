/**
 * Scripts of many partitions in one go: one pipeline a server, each with a deadline. Nothing is sent
 * twice unless a server did not know a script and so did nothing.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Redis } from "ioredis";
import type { Clock } from "../../actor/clock.ts";
import { RedisTimeout } from "../cache/redis_link.ts";
import { errorText } from "../cache/tier_counts.ts";
import { LogError } from "../log/port.ts";
import type { RedisGroup } from "../nodes/redis_group.ts";
import type { Script } from "./redis_scripts.ts";

/** A call of a script for one partition. */
export interface ScriptCall {
  readonly partition: number;
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
}

/** What came of a call. */
export type ScriptOutcome =
  | { readonly reply: unknown; readonly error: null }
  /** It may have been carried out. */
  | { readonly reply: null; readonly error: Error };

/** A message for whoever listens, after the calls of one server. */
export interface RoundNews {
  readonly channel: string;
  /** Of the calls to one server. */
  message(calls: readonly ScriptCall[]): string;
}

/** A server that could not be reached. */
interface Trouble {
  readonly message: string;
  /** Until then it is not asked by those who can do without. */
  readonly untilMs: number;
}

/** A server that could not be reached is asked again after this, ms. */
const TRY_AGAIN_MS = 250;
/** Time to make the first connections, ms. */
const GRACE_MS = 1_000;
/** Servers whose troubles are known: as many as a Cluster may have, and more. */
const TROUBLES_MAX = 1_024;
/** Names the server where there is one. */
const SERVER = "redis";
/** What Redis says, having done nothing, when it does not have the script. */
const NO_SCRIPT = /^NOSCRIPT\b/;
/** What a connection or a server says that is not there for us now. */
const AWAY =
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN|LOADING|NOREPLICAS)\b|Connection|connection|reach Redis|Stream|ECONN|closed/;

/** See the module's text. */
export class RedisRounds {
  readonly #group: RedisGroup;
  readonly #clock: Clock;
  readonly #troubles = new Map<string, Trouble>();
  /** Connections that were never there are no trouble yet. */
  readonly #graceUntilMs: number;
  #hasAnswered = false;
  #lastError: string | null = null;

  /** Over the connections of a group. */
  constructor(group: RedisGroup, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#graceUntilMs = clock.now() + GRACE_MS;
  }

  /** What went wrong last; null when all servers answer. */
  get lastError(): string | null {
    return this.#troubles.size === 0 ? null : this.#lastError;
  }

  /** Whether some server could not be reached lately. */
  get isTroubled(): boolean {
    return this.#troubles.size > 0;
  }

  /** Why a key cannot be reached for now; null when it can, or should be tried. */
  troubleOf(key: string): LogError | null {
    const trouble = this.#troubles.get(this.#server(key));
    if (trouble === undefined || trouble.untilMs <= this.#clock.now()) return null;
    return new LogError("away", trouble.message);
  }

  /** Calls a script of several partitions; never fails as a whole. Outcomes are in their order. */
  async run(
    script: Script,
    calls: readonly ScriptCall[],
    limitMs: number,
    news?: RoundNews,
  ): Promise<ScriptOutcome[]> {
    const outcomes = new Array<ScriptOutcome>(calls.length);
    const servers = new Map<string, number[]>();
    calls.forEach((call, i) => {
      const server = this.#server(call.keys[0] as string);
      const own = servers.get(server);
      if (own === undefined) servers.set(server, [i]);
      else own.push(i);
    });
    await Promise.all([...servers].map(async ([server, own]) => {
      const found = await this.#runAt(
        script,
        own.map((i) => calls[i] as ScriptCall),
        limitMs,
        news,
      );
      own.forEach((i, at) => outcomes[i] = found[at] as ScriptOutcome);
      this.#note(server, found);
    }));
    return outcomes;
  }

  #server(key: string): string {
    return this.#group.isCluster ? this.#group.serverOf(key) ?? "" : SERVER;
  }

  /** Calls of one server. */
  async #runAt(
    script: Script,
    calls: readonly ScriptCall[],
    limitMs: number,
    news?: RoundNews,
  ): Promise<ScriptOutcome[]> {
    const first = await this.#send(script.sha1, script, calls, limitMs, news);
    const unknown = first.flatMap(({ error }, i) =>
      error !== null && NO_SCRIPT.test(error.message) ? [i] : []
    );
    if (unknown.length === 0) return first;
    const again = unknown.map((i) => calls[i] as ScriptCall);
    const second = await this.#send(null, script, again, limitMs, news);
    unknown.forEach((i, at) => first[i] = second[at] as ScriptOutcome);
    return first;
  }

  /** One pipeline; with `sha1` null the script is loaded first. */
  async #send(
    sha1: string | null,
    script: Script,
    calls: readonly ScriptCall[],
    limitMs: number,
    news?: RoundNews,
  ): Promise<ScriptOutcome[]> {
    let used: Redis | null = null;
    const run = async (redis: Redis) => {
      used = redis;
      await this.#firstReady(redis);
      const pipeline = redis.pipeline();
      if (sha1 === null) pipeline.call("script", "load", script.lua);
      for (const { keys, args } of calls) {
        pipeline.callBuffer("evalsha", script.sha1, keys.length, ...keys, ...args);
      }
      if (news !== undefined) pipeline.publish(news.channel, news.message(calls));
      const replies = await pipeline.exec() ?? [];
      return sha1 === null ? replies.slice(1) : replies;
    };
    try {
      const key = (calls[0] as ScriptCall).keys[0] as string;
      const replies = await this.#group.trip(key, run, limitMs);
      return calls.map((_, i): ScriptOutcome => {
        const [error, reply] = replies[i] ?? [new Error("Cannot reach Redis: no answer"), null];
        if (error === null) return { reply, error };
        this.#group.found(error);
        return { reply: null, error };
      });
    } catch (thrown) {
      // A connection that does not answer may never do so; another one may.
      if (thrown instanceof RedisTimeout) (used as Redis | null)?.disconnect(true);
      const error = thrown instanceof Error ? thrown : new Error(errorText(thrown));
      return calls.map(() => ({ reply: null, error }));
    }
  }

  /** Waits for a connection that is being made at the start. */
  #firstReady(redis: Redis): Promise<void> | undefined {
    const leftMs = this.#graceUntilMs - this.#clock.now();
    if (redis.status === "ready" || leftMs <= 0) return undefined;
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        redis.off("ready", end);
        resolve();
      };
      const cancel = this.#clock.setTimer(leftMs, end);
      redis.once("ready", end);
    });
  }

  #note(server: string, outcomes: readonly ScriptOutcome[]): void {
    const away = outcomes.find(({ error }) => error !== null && isAway(error))?.error;
    if (away === undefined || away === null) {
      this.#hasAnswered = true;
      this.#troubles.delete(server);
      // The server was not known when it was asked.
      if (server !== "") this.#troubles.delete("");
      return;
    }
    this.#lastError = away.message;
    if (!this.#hasAnswered && this.#clock.now() < this.#graceUntilMs) return;
    if (this.#troubles.size >= TROUBLES_MAX) this.#troubles.clear();
    const untilMs = this.#clock.now() + TRY_AGAIN_MS;
    this.#troubles.set(server, { message: away.message, untilMs });
  }
}

/** Whether the server was not there, or no longer the right one; else it refused. */
export function isAway(error: Error): boolean {
  return error instanceof RedisTimeout || AWAY.test(error.message);
}

/** An error of a call, for whoever called. */
export function awayError(error: Error): LogError {
  return new LogError("away", `Cannot reach streams: ${error.message}`, { cause: error });
}

/** Bytes as what `ioredis` sends without a copy of its own. */
export function bufferOf(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
