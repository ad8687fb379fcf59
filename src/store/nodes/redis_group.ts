/**
 * Connections to a Redis that is one server or a Cluster, for everybody who knows keys and not
 * servers.
 *
 * - {@linkcode RedisGroup.link}: a connection of one's own to the server that has a key, found again
 *   whenever it moves. For what blocks, subscribes, or must not be reordered.
 * - {@linkcode RedisGroup.trip}: a command, or several of keys on one server, over a connection that
 *   all share. {@linkcode RedisGroup.serverOf} says which keys lie together.
 *
 * Nothing is sent twice here: what was under way when a connection was lost, or a slot moved, fails,
 * and whoever asked decides. While a slot is being migrated its commands fail until that is done.
 *
 * `ioredis`' own Cluster client is not used: it queues, repeats and redirects by itself, so that
 * commands may be carried out in another order than they were sent.
 *
 * @module
 */

import type { Redis } from "ioredis";
import type { Cancel, Clock, Random } from "../../actor/clock.ts";
import { RedisLink } from "../cache/redis_link.ts";
import { errorText } from "../cache/tier_counts.ts";
import { keySlot } from "./key_slot.ts";
import { type RedisHost, type RedisPlace, redisPlace, redisUrl } from "./redis_place.ts";

/** Deadline of asking one server who has which slots, ms. */
const TOPOLOGY_LIMIT_MS = 500;
/** Pause between two looks at who has which slots, ms: a failover takes some of them. */
const LOOK_AGAIN_MS = 100;
/** What a server says when it does not have the slot, or not now. */
const MOVED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN)\b/;

/** How a {@linkcode RedisGroup} is made. */
export interface RedisGroupOptions {
  /** As `redisPlace` reads it, or a place. */
  readonly place: string | RedisPlace;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a connection tells. */
export interface LinkEvents {
  /** Connected anew; the server may be another one than before, and may have lost anything. */
  readonly onReady?: () => void;
  /** Not connected any more. */
  readonly onLost?: () => void;
}

interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly url: string;
}

/** See the module's text. */
export class RedisGroup implements AsyncDisposable {
  /** Where it is. */
  readonly place: RedisPlace;
  readonly #options: RedisGroupOptions;
  readonly #links = new Set<KeyLink>();
  readonly #shared = new Map<string, RedisLink>();
  #slots: readonly SlotRange[] = [];
  #looking: Promise<void> | null = null;
  #looks = 0;
  #isClosed = false;
  #lastError: string | null = null;

  /** Connects when it is asked for something. */
  constructor(options: RedisGroupOptions) {
    this.#options = options;
    const { place } = options;
    this.place = typeof place === "string" ? redisPlace(place) : place;
  }

  /** Whether it is a Cluster. */
  get isCluster(): boolean {
    return this.place.isCluster;
  }

  /** What went wrong last with finding servers. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** Names the server that has a key: keys of one name can go in one trip. Null: not known yet. */
  serverOf(key: string): string | null {
    if (!this.isCluster) return redisUrl(this.place, this.place.hosts[0] as RedisHost);
    const slot = keySlot(key);
    return this.#slots.find(({ from, to }) => from <= slot && slot <= to)?.url ?? null;
  }

  /** A connection of its own to the server that has a key. */
  link(key: string, events: LinkEvents = {}): KeyLink {
    const { clock, random } = this.#options;
    const link = new KeyLink({ group: this, key, events, clock, random });
    this.#links.add(link);
    return link;
  }

  /**
   * What `run` resolves to, over the connection that everybody shares to the server that has `key`.
   *
   * @throws As `RedisLink.trip`; nothing is repeated.
   */
  async trip<T>(key: string, run: (redis: Redis) => Promise<T>, limitMs: number): Promise<T> {
    if (this.serverOf(key) === null) await this.look();
    const url = this.serverOf(key);
    if (this.#isClosed || url === null) throw this.unreachable();
    const link = this.#sharedTo(url);
    try {
      // A new connection takes some ms; one that was lost comes back or does not.
      return await link.trip((redis) => ready(redis).then(() => run(redis)), limitMs);
    } catch (error) {
      this.found(error);
      throw error;
    }
  }

  #sharedTo(url: string): RedisLink {
    const known = this.#shared.get(url);
    if (known !== undefined) return known;
    const { clock, random } = this.#options;
    const onLost = () => void this.look();
    const link = new RedisLink({ url, clock, random, onReady: () => {}, onLost });
    this.#shared.set(url, link);
    return link;
  }

  /** Takes note of an error: after some, slots are looked for anew. */
  found(error: unknown): void {
    if (this.isCluster && MOVED.test(errorText(error))) void this.look();
  }

  /** Finds out who has which slots; calls at the same time share one look. Never fails. */
  look(): Promise<void> {
    if (!this.isCluster || this.#isClosed) return Promise.resolve();
    return this.#looking ??= this.#look().finally(() => this.#looking = null);
  }

  async #look(): Promise<void> {
    const known = this.#slots.map(({ url }) => url);
    const seeds = this.place.hosts.map((host) => redisUrl(this.place, host));
    const urls = [...new Set([...known, ...seeds])];
    // Each time from another one on: the first may hang.
    const first = this.#looks++ % urls.length;
    for (const url of [...urls.slice(first), ...urls.slice(0, first)]) {
      if (this.#isClosed) return;
      const found = await this.#ask(url);
      if (found.length === 0) continue;
      this.#slots = found;
      this.#lastError = null;
      this.#dropUnused();
      return;
    }
  }

  /** A connection for one question: those that are open may be to a server that hangs. */
  async #ask(url: string): Promise<SlotRange[]> {
    const { clock, random } = this.#options;
    const link = new RedisLink({ url, clock, random, onReady: () => {}, onLost: () => {} });
    try {
      const reply = await link.trip(
        (redis) => ready(redis).then(() => redis.call("CLUSTER", "SLOTS")),
        TOPOLOGY_LIMIT_MS,
      );
      return slotRanges(reply, new URL(url).hostname)
        .map(({ host, port, ...range }) => ({
          ...range,
          url: redisUrl(this.place, { host, port }),
        }));
    } catch (error) {
      this.#lastError = link.lastError ?? errorText(error);
      return [];
    } finally {
      await link.close();
    }
  }

  #dropUnused(): void {
    const used = new Set(this.#slots.map(({ url }) => url));
    for (const [url, link] of this.#shared) {
      if (used.has(url)) continue;
      this.#shared.delete(url);
      void link.close();
    }
  }

  /** The error for a server that is not known. */
  unreachable(): Error {
    const reason = this.#lastError ?? "no server is known that has the key";
    return new Error(`Cannot reach Redis: ${this.#isClosed ? "closed" : reason}`);
  }

  /** Forgets a link that was closed. */
  forget(link: KeyLink): void {
    this.#links.delete(link);
  }

  /** Ends all connections. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#looking;
    await Promise.all([...this.#links, ...this.#shared.values()].map((link) => link.close()));
    this.#shared.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface KeyLinkOptions extends Pick<RedisGroupOptions, "clock" | "random"> {
  readonly group: RedisGroup;
  readonly key: string;
  readonly events: LinkEvents;
}

/** A connection to the server that has a key, wherever that is; see `RedisLink` for its promises. */
export class KeyLink implements AsyncDisposable {
  readonly #options: KeyLinkOptions;
  #link: RedisLink | null = null;
  #url: string | null = null;
  #isFinding = false;
  #isClosed = false;
  #ending: Promise<void> = Promise.resolve();
  #cancelPause: Cancel = () => {};

  /** Begins to connect. */
  constructor(options: KeyLinkOptions) {
    this.#options = options;
    void this.#find();
  }

  /** Whether commands can be sent. */
  get isReady(): boolean {
    return this.#link?.isReady ?? false;
  }

  /** What went wrong last with the connection. */
  get lastError(): string | null {
    return this.#link?.lastError ?? this.#options.group.lastError;
  }

  /** As `RedisLink.trip`. */
  async trip<T>(run: (redis: Redis) => Promise<T>, limitMs: number): Promise<T> {
    if (this.#isClosed || this.#link === null) throw this.#options.group.unreachable();
    try {
      return await this.#link.trip(run, limitMs);
    } catch (error) {
      if (MOVED.test(errorText(error))) void this.#find();
      throw error;
    }
  }

  /** Gives this connection up and makes another. */
  reconnect(): void {
    this.#link?.reconnect();
    void this.#find();
  }

  /** Ends the connection; resolves when its socket is gone. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.group.forget(this);
    this.#cancelPause();
    await Promise.all([this.#ending, this.#link?.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Looks for the server until the connection to the one that has the key is there. */
  async #find(): Promise<void> {
    if (this.#isFinding || this.#isClosed) return;
    this.#isFinding = true;
    const { group, clock, key } = this.#options;
    try {
      if (!group.isCluster) return this.#connect(group.serverOf(key));
      do {
        await group.look();
        if (this.#isClosed) return;
        this.#connect(group.serverOf(key));
        await new Promise<void>((resolve) => {
          const cancel = clock.setTimer(LOOK_AGAIN_MS, resolve);
          this.#cancelPause = () => {
            cancel();
            resolve();
          };
        });
      } while (!this.isReady && !this.#isClosed);
    } finally {
      this.#isFinding = false;
    }
  }

  #connect(url: string | null): void {
    if (url === null || url === this.#url || this.#isClosed) return;
    const { clock, random, events } = this.#options;
    const before = this.#link;
    this.#url = url;
    // The events of a connection that was replaced are nobody's.
    const link: RedisLink = new RedisLink({
      url,
      clock,
      random,
      onReady: () => this.#link === link && events.onReady?.(),
      onLost: () => {
        if (this.#link !== link) return;
        events.onLost?.();
        if (this.#options.group.isCluster) void this.#find();
      },
    });
    this.#link = link;
    if (before === null) return;
    if (before.isReady) events.onLost?.();
    this.#ending = Promise.all([this.#ending, before.close()]).then(() => {});
  }
}

/** Resolves once commands can be sent. */
function ready(redis: Redis): Promise<void> {
  if (redis.status === "ready") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = () => {
      redis.off("ready", onReady);
      redis.off("close", onClose);
    };
    const onReady = () => {
      end();
      resolve();
    };
    const onClose = () => {
      end();
      reject(new Error("Cannot reach Redis: no connection"));
    };
    redis.on("ready", onReady);
    redis.on("close", onClose);
  });
}

/** The masters of CLUSTER SLOTS; a host that is not said is the one that was asked. */
function slotRanges(reply: unknown, asked: string): (Omit<SlotRange, "url"> & RedisHost)[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((range) => {
    if (!Array.isArray(range) || !Array.isArray(range[2])) return [];
    const [from, to, [host, port]] = range as [number, number, [string | null, number]];
    return [{ from, to, host: host === null || host === "" || host === "?" ? asked : host, port }];
  });
}
