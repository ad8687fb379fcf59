/**
 * A wire over Redis pub/sub: each life of a node has a channel, and a frame is one PUBLISH.
 *
 * - Two connections, one that publishes and one that listens: a subscription may be cut off for
 *   lagging, and must not take with it what goes out.
 * - All nodes meet at one server, that of the log's key, so that frames of one sender stay in their
 *   order; in a Cluster Redis copies them to its other servers as well.
 * - Pub/sub keeps nothing. What is published while nobody listens is lost, and found out by the
 *   numbers in the frames.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Redis } from "ioredis";
import { assertPeerName, type Wire, type WireListener } from "../../actor/remote_wire.ts";
import { errorText } from "../cache/tier_counts.ts";
import type { KeyLink, RedisGroup } from "./redis_group.ts";

/** Deadline of one PUBLISH or SUBSCRIBE, ms. What becomes of a late one does not matter. */
const TRIP_LIMIT_MS = 2_000;

/** How a {@linkcode RedisWire} is made. */
export interface RedisWireOptions {
  /** Where Redis is; stays open when the wire is closed. */
  readonly group: RedisGroup;
  /** First part of all keys and channels. */
  readonly prefix: string;
  /** This life of this node. */
  readonly session: string;
}

/** See the module's text. */
export class RedisWire implements Wire {
  /** Channel of this life. */
  readonly channel: string;
  /** Resolves once it listens for the first time: before that, the node should not be announced. */
  readonly listening: Promise<void>;
  readonly #prefix: string;
  readonly #out: KeyLink;
  readonly #in: KeyLink;
  readonly #heard = new WeakSet<Redis>();
  #listener: WireListener | null = null;
  #isListening!: () => void;
  #lastError: string | null = null;
  #isClosed = false;

  /** Begins to connect. */
  constructor({ group, prefix, session }: RedisWireOptions) {
    assertPeerName("a session", session);
    this.#prefix = prefix;
    this.channel = this.#channelOf(session);
    this.listening = new Promise((resolve) => this.#isListening = resolve);
    const key = `${prefix}:{log}:wire`;
    this.#out = group.link(key, { onReady: () => this.#ready() });
    this.#in = group.link(key, { onReady: () => this.#subscribe() });
  }

  #channelOf(session: string): string {
    return `${this.#prefix}:wire:${session}`;
  }

  get isReady(): boolean {
    return !this.#isClosed && this.#out.isReady;
  }

  get lastError(): string | null {
    return this.#lastError ?? this.#out.lastError ?? this.#in.lastError;
  }

  send(session: string, bytes: Uint8Array): void {
    if (!this.isReady) return;
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#out.trip((redis) => redis.publish(this.#channelOf(session), frame), TRIP_LIMIT_MS)
      .catch((error) => this.#lastError = errorText(error));
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  #ready(): void {
    if (!this.#isClosed) this.#listener?.ready();
  }

  #subscribe(): void {
    this.#in.trip(async (redis) => {
      if (!this.#heard.has(redis)) {
        this.#heard.add(redis);
        redis.on(
          "messageBuffer",
          (channel: Buffer, frame: Buffer) => this.#heardOf(channel, frame),
        );
      }
      await redis.subscribe(this.channel);
    }, TRIP_LIMIT_MS).then(
      () => {
        this.#isListening();
        this.#ready();
      },
      (error) => {
        this.#lastError = errorText(error);
        // Connected and deaf would be the worst of both.
        if (!this.#isClosed && this.#in.isReady) this.#in.reconnect();
      },
    );
  }

  #heardOf(channel: Buffer, frame: Buffer): void {
    if (this.#isClosed || channel.toString() !== this.channel) return;
    this.#listener?.message(frame);
  }

  /** Ends its connections. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#out.close(), this.#in.close()]);
  }
}
