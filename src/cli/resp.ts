/**
 * One connection to a Redis for `wick doctor`: what it says is read as it stands, and an error of the
 * server is an answer. RESP 2, redis.io/docs/reference/protocol-spec.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import type { RedisHost, RedisPlace } from "../store/nodes/redis_place.ts";

/** Bytes of one answer: INFO has about 6 kB. */
const REPLY_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes that are read at once. */
const CHUNK_BYTES = 64 * 1024;
/** Arrays in arrays: CLUSTER SLOTS has four. */
const DEPTH_MAX = 8;

/** An answer. */
export type Reply = string | number | null | RespError | readonly Reply[];

/** What the server says when it does not do what it was told. */
export class RespError {
  /** As the server says it, as `NOAUTH Authentication required.`. */
  constructor(readonly message: string) {}
}

/** How long to wait, and with whose clock. */
export interface RespWait {
  readonly clock: Clock;
  /** Longest wait for the connection, and for each answer, ms. */
  readonly limitMs: number;
}

/** See the module's text. One question at a time. */
export class RespConnection implements Disposable {
  readonly #connection: Deno.Conn;
  readonly #wait: RespWait;
  #bytes: Uint8Array = new Uint8Array(0);

  private constructor(connection: Deno.Conn, wait: RespWait) {
    this.#connection = connection;
    this.#wait = wait;
  }

  /**
   * Connects and logs in.
   *
   * @throws {Error} When nobody answers in time, or it refuses user and password, which no message
   * holds.
   */
  static async open(place: RedisPlace, host: RedisHost, wait: RespWait): Promise<RespConnection> {
    const to = { hostname: host.host, port: host.port };
    const connecting = place.isTls ? connectTls(to) : Deno.connect(to);
    const made = new RespConnection(await within(connecting, wait), wait);
    try {
      const words = [place.username, place.password].filter((word) => word !== "");
      if (words.length > 0) expectOk(await made.ask("AUTH", ...words));
      if (place.db > 0) expectOk(await made.ask("SELECT", String(place.db)));
      // Without a password it says so only now.
      const alive = await made.ask("PING");
      if (alive instanceof RespError && !alive.message.startsWith("NOPERM")) expectOk(alive);
      return made;
    } catch (error) {
      made[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * The answer to a command.
   *
   * @throws {Error} When none comes in time, or the connection is lost.
   */
  async ask(...words: readonly string[]): Promise<Reply> {
    const encoder = new TextEncoder();
    const parts = words.map((word) => `$${encoder.encode(word).length}\r\n${word}\r\n`);
    const bytes = encoder.encode(`*${words.length}\r\n${parts.join("")}`);
    let isLate = false;
    const cancel = this.#wait.clock.setTimer(this.#wait.limitMs, () => {
      isLate = true;
      this[Symbol.dispose]();
    });
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
      return await this.#reply(0);
    } catch (error) {
      throw isLate ? late(this.#wait) : error;
    } finally {
      cancel();
    }
  }

  /** Ends the connection. Idempotent. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // Closed already.
    }
  }

  async #reply(depth: number): Promise<Reply> {
    const line = await this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return rest;
      case "-":
        return new RespError(rest.slice(0, 300));
      case ":":
        return Number(rest);
      case "$":
        return await this.#bulk(Number(rest));
      case "*":
        return await this.#array(Number(rest), depth);
      default:
        throw new Error(`it answers ${line.slice(0, 100)}`);
    }
  }

  async #array(length: number, depth: number): Promise<Reply> {
    if (length < 0) return null;
    if (depth >= DEPTH_MAX || length > REPLY_BYTES_MAX) throw new Error("its answer is too large");
    const items: Reply[] = [];
    for (let i = 0; i < length; i++) items.push(await this.#reply(depth + 1));
    return items;
  }

  async #bulk(length: number): Promise<Reply> {
    if (length < 0) return null;
    while (this.#bytes.length < length + 2) await this.#more();
    const text = new TextDecoder().decode(this.#bytes.subarray(0, length));
    this.#bytes = this.#bytes.subarray(length + 2);
    return text;
  }

  async #line(): Promise<string> {
    for (let from = 0;;) {
      const end = this.#bytes.indexOf(10, from);
      if (end >= 0) {
        const line = new TextDecoder().decode(this.#bytes.subarray(0, end)).replace(/\r$/, "");
        this.#bytes = this.#bytes.subarray(end + 1);
        return line;
      }
      from = this.#bytes.length;
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    if (this.#bytes.length > REPLY_BYTES_MAX) throw new Error("its answer is too large");
    const chunk = new Uint8Array(CHUNK_BYTES);
    const read = await this.#connection.read(chunk);
    if (read === null) throw new Error("it closed the connection");
    const bytes = new Uint8Array(this.#bytes.length + read);
    bytes.set(this.#bytes);
    bytes.set(chunk.subarray(0, read), this.#bytes.length);
    this.#bytes = bytes;
  }
}

/** A wrong certificate is found before anything is sent. */
async function connectTls(to: { hostname: string; port: number }): Promise<Deno.Conn> {
  const connection = await Deno.connectTls(to);
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function expectOk(reply: Reply): void {
  if (reply instanceof RespError) throw new Error(`it answers -${reply.message.slice(0, 100)}`);
}

function late({ limitMs }: RespWait): Error {
  return new Error(`no answer within ${limitMs / 1_000} s`);
}

/** One that connects later is closed. */
async function within(connecting: Promise<Deno.Conn>, wait: RespWait): Promise<Deno.Conn> {
  const tooLate = Promise.withResolvers<never>();
  let isLate = false;
  const cancel = wait.clock.setTimer(wait.limitMs, () => {
    isLate = true;
    tooLate.reject(late(wait));
  });
  connecting.then((connection) => isLate && connection.close(), () => {});
  try {
    return await Promise.race([connecting, tooLate.promise]);
  } finally {
    cancel();
  }
}
