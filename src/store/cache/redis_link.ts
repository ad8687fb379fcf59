/**
 * A connection to Redis that comes back by itself: nothing waits while it is away, every trip has a
 * deadline, and whoever uses it is told each time it is there again.
 *
 * @module
 */

import { Redis } from "ioredis";
import type { Cancel, Clock, Random } from "../../actor/clock.ts";
import { backoffMs } from "../../feed/backoff.ts";
import { errorText } from "./tier_counts.ts";

/** Pauses between tries to connect, ms: short, since a tier that is away costs upstream calls. */
const BACKOFF = { minMs: 100, maxMs: 5_000 };
/** Doublings after which the pause grows no more. */
const BACKOFF_COUNT_MAX = 10;
/** Time to open the socket, ms. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Time from the socket's opening to the server's readiness, ms; then it is closed and tried anew. */
const READY_TIMEOUT_MS = 5_000;
/** A socket that has not ended by then is destroyed, ms. */
const DISCONNECT_TIMEOUT_MS = 50;
/** Bound of the wait for a socket to end, ms. */
const END_TIMEOUT_MS = 500;

/** No answer came in time. */
export class RedisTimeout extends Error {
  /** Name of the class, for logs. */
  override readonly name = "RedisTimeout";

  /** No answer within `limitMs`. */
  constructor(limitMs: number) {
    super(`Cannot reach Redis: expected an answer within ${limitMs} ms: current value is none`);
  }
}

/** How a {@linkcode RedisLink} is made. */
export interface RedisLinkOptions {
  /** `redis://[[user]:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Connected anew: the server may be another one than before, and may have lost anything. */
  readonly onReady: () => void;
  /** Not connected any more. */
  readonly onLost: () => void;
}

/** See the module's text. */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #redis: Redis;
  /** What ends each trip under way when the connection is lost. */
  readonly #trips = new Set<() => void>();
  #cancelWatch: Cancel | null = null;
  #isClosed = false;
  #isReconnecting = false;
  #lastError: string | null = null;

  /** Begins to connect. */
  constructor(options: RedisLinkOptions) {
    this.#options = options;
    const redis = new Redis(options.url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      // Whoever subscribes does so in onReady. Nobody would hear of one that ioredis repeats and that
      // fails, and a rejection that nobody hears of ends the process.
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      keepAlive: 10_000,
      // A master that was demoted refuses writes: connect to whoever is master now.
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
      retryStrategy: (times) =>
        this.#isClosed
          ? null
          : backoffMs(Math.min(times - 1, BACKOFF_COUNT_MAX), BACKOFF, options.random),
    });
    this.#redis = redis;
    redis.on("error", (error) => this.#lastError = errorText(error));
    redis.on("connect", () => this.#watch());
    redis.on("ready", () => {
      this.#unwatch();
      if (!this.#isClosed) options.onReady();
    });
    redis.on("close", () => {
      this.#isReconnecting = false;
      this.#unwatch();
      this.#loseTrips();
      if (!this.#isClosed) options.onLost();
    });
    redis.connect().catch((error) => this.#lastError = errorText(error));
  }

  /** Whether commands can be sent. */
  get isReady(): boolean {
    return this.#redis.status === "ready";
  }

  /** What went wrong last with the connection. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /**
   * What `run` resolves to. The commands of a trip that was given up may still be carried out.
   *
   * @throws What Redis says, {@linkcode RedisTimeout} when `limitMs` are over, or an error at once
   * when the connection is lost.
   */
  trip<T>(run: (redis: Redis) => Promise<T>, limitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        cancel();
        this.#trips.delete(lose);
        settle();
      };
      // A command that went over a connection that is gone may never be answered.
      const lose = () => end(() => reject(new Error("Cannot reach Redis: the connection is lost")));
      const cancel = this.#options.clock.setTimer(
        limitMs,
        () => end(() => reject(new RedisTimeout(limitMs))),
      );
      this.#trips.add(lose);
      run(this.#redis).then(
        (result) => end(() => resolve(result)),
        (error) => end(() => reject(error)),
      );
    });
  }

  /** Gives this connection up and makes another. */
  reconnect(): void {
    if (this.#isClosed || this.#isReconnecting) return;
    this.#isReconnecting = true;
    this.#redis.disconnect(true);
  }

  /** Ends the connection; resolves when its socket is gone. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unwatch();
    const { status } = this.#redis;
    const hasSocket = status === "connecting" || status === "connect" || status === "ready";
    const ended = new Promise<void>((resolve) => {
      // Without a socket ioredis sets its timer to destroy the one before, and tells nobody.
      const limitMs = hasSocket ? END_TIMEOUT_MS : DISCONNECT_TIMEOUT_MS + 1;
      const cancel = this.#options.clock.setTimer(limitMs, resolve);
      this.#redis.once("end", () => {
        cancel();
        resolve();
      });
    });
    this.#redis.disconnect();
    this.#loseTrips();
    await ended;
  }

  #loseTrips(): void {
    for (const lose of [...this.#trips]) lose();
  }

  #watch(): void {
    this.#unwatch();
    this.#cancelWatch = this.#options.clock.setTimer(READY_TIMEOUT_MS, () => this.reconnect());
  }

  #unwatch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = null;
  }
}
