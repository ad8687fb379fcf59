/**
 * An exchange for tests: combined kline streams over WebSocket (RFC 6455, by hand, so that it can break
 * it) and the REST interface beside them, in the public format of Binance. It misbehaves on command.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Random } from "../../src/actor/clock.ts";
import { barOpenMs, type Granularity, granularityMs } from "../../src/market/granularity.ts";
import { KLINE_INTERVALS } from "../../src/feed/kline_series.ts";

const GRANULARITY_OF = new Map(
  Object.entries(KLINE_INTERVALS).map(([granularity, interval]) => [
    interval,
    granularity as Granularity,
  ]),
);

/** A clock that stands at the machine's and can be set forward; its timers are the machine's. */
export class JumpClock implements Clock {
  #jumpedMs = 0;
  /** How far the wall clock is off. */
  skewMs = 0;

  now(): number {
    return performance.now() + this.#jumpedMs;
  }

  wallNow(): number {
    return Math.floor(performance.timeOrigin + this.now() + this.skewMs);
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    const handle = setTimeout(fire, delayMs);
    return () => clearTimeout(handle);
  }

  jump(ms: number): void {
    this.#jumpedMs += ms;
  }
}

/** Open, high, low, close, volume, as the exchange writes them. */
export type Cells = readonly [string, string, string, string, string];

/** What goes wrong, by the share of frames or answers; all 0 at first. */
export interface Faults {
  /** Frames that are not sent. */
  drop: number;
  /** Frames that are sent twice. */
  double: number;
  /** Frames that are sent after the next one. */
  swap: number;
  /** Frames that are cut off in the middle of their text. */
  half: number;
  /** Frames that are JSON, and no kline. */
  wrong: number;
  /** Connections that are cut in the middle of a frame's bytes. */
  cut: number;
  /** Connections that are closed, as after 24 hours. */
  close: number;
  /** Answers with status 429 and a Retry-After of `retryAfterS`. */
  limit: number;
  /** Answers with status 500, or with no JSON. */
  broken: number;
  /** Answers that lack the newest closed kline. */
  lag: number;
}

/** A REST call. */
export interface RestCall {
  readonly path: string;
  readonly symbol: string | null;
  readonly interval: string | null;
  readonly startTime: number | null;
  readonly limit: number | null;
}

/** See the module's text. */
export class KlineServer implements AsyncDisposable {
  readonly faults: Faults = {
    ...{ drop: 0, double: 0, swap: 0, half: 0, wrong: 0 },
    ...{ cut: 0, close: 0, limit: 0, broken: 0, lag: 0 },
  };
  /** Calls since the beginning. */
  readonly calls: RestCall[] = [];
  /** Statuses that the next answers have, in this order. */
  readonly statuses: { status: number; retryAfter?: string; body?: string }[] = [];
  /** How long answers wait, ms. */
  delayMs = 0;
  /** Weight that answers say was used. */
  usedWeight = 0;
  /** Whether streams are sent nothing and asked nothing. */
  isStalled = false;
  /** Whether LIST_SUBSCRIPTIONS is answered. */
  isAnswering = true;
  /** Connections that were made. */
  accepted = 0;
  pongs = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #symbols: ReadonlySet<string>;
  readonly #klines = new Map<string, Map<number, Cells>>();
  readonly #sockets = new Map<Socket, readonly string[]>();
  readonly #all = new Set<Socket>();
  #swapped: (() => void) | null = null;
  #server: Server | null = null;
  #port = 0;

  private constructor(clock: Clock, random: Random, symbols: readonly string[]) {
    this.#clock = clock;
    this.#random = random;
    this.#symbols = new Set(symbols);
  }

  static async start(
    clock: Clock,
    random: Random,
    symbols: readonly string[],
  ): Promise<KlineServer> {
    const server = new KlineServer(clock, random, symbols);
    await server.start();
    return server;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  get restUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The exchange's time: a whole hour of its own, far from the machine's, plus the clock. */
  get nowMs(): number {
    return Math.floor(1_600_002_000_000 + this.#clock.now());
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens, at the same port as before. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#rest(request, response));
    server.on("upgrade", (request, socket) => this.#upgrade(request, socket as Socket));
    server.on("connection", (socket: Socket) => {
      this.#all.add(socket);
      socket.on("close", () => this.#all.delete(socket));
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    const address = server.address();
    this.#port = typeof address === "object" ? address?.port ?? 0 : 0;
    this.#server = server;
  }

  /** Ends with all its connections, as a crash does; keeps its klines. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#all) socket.destroy();
    this.#sockets.clear();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // ---- klines ---------------------------------------------------------------------------------------

  /** A closed kline that REST has. */
  add(symbol: string, interval: string, ts: number, cells: Cells): void {
    const stream = streamOf(symbol, interval);
    const own = this.#klines.get(stream) ?? new Map<number, Cells>();
    this.#klines.set(stream, own);
    own.set(ts, cells);
  }

  /** A kline closes: REST has it, and whoever subscribed is told. */
  close(symbol: string, interval: string, ts: number, cells: Cells): void {
    this.add(symbol, interval, ts, cells);
    this.tell(symbol, interval, ts, cells, true);
  }

  /** Tells subscribers of a kline, whether REST has it or not. */
  tell(symbol: string, interval: string, ts: number, cells: Cells, isClosed: boolean): void {
    const text = JSON.stringify(this.frame(symbol, interval, ts, cells, isClosed));
    const stream = streamOf(symbol, interval);
    const { faults } = this;
    for (const [socket, streams] of this.#sockets) {
      if (!streams.includes(stream) || this.isStalled) continue;
      if (this.#chance(faults.cut)) {
        const bytes = frameOf(text);
        socket.write(bytes.subarray(0, bytes.length >> 1), () => socket.destroy());
        this.#sockets.delete(socket);
      } else if (this.#chance(faults.close)) this.#close(socket, 1001);
      else this.#tell(socket, text);
    }
  }

  #tell(socket: Socket, text: string): void {
    const { faults } = this;
    const send = (sent: string) => {
      if (!socket.destroyed) socket.write(frameOf(sent));
    };
    if (this.#chance(faults.drop)) return;
    if (this.#chance(faults.swap) && this.#swapped === null) {
      this.#swapped = () => send(text);
      return;
    }
    if (this.#chance(faults.half)) send(text.slice(0, text.length >> 1));
    else if (this.#chance(faults.wrong)) send(text.replace(/"o":"[^"]*"/, '"o":null'));
    else send(text);
    if (this.#chance(faults.double)) send(text);
    this.#swapped?.();
    this.#swapped = null;
  }

  /** The frame of a kline. */
  frame(symbol: string, interval: string, ts: number, cells: Cells, isClosed: boolean) {
    const [o, h, l, c, v] = cells;
    const closeTime = ts + lengthOf(interval) - 1;
    const others = { f: 1, L: 2, n: 2, q: "1", V: "1", Q: "1", B: "0" };
    const k = {
      t: ts,
      T: closeTime,
      s: symbol,
      i: interval,
      o,
      c,
      h,
      l,
      v,
      x: isClosed,
      ...others,
    };
    const eventMs = isClosed ? Math.max(this.nowMs, closeTime + 1) : this.nowMs;
    const data = { e: "kline", E: eventMs, s: symbol, k };
    return { stream: streamOf(symbol, interval), data };
  }

  // ---- commands -------------------------------------------------------------------------------------

  /** Sends a text to all. */
  send(text: string): void {
    for (const socket of this.#sockets.keys()) socket.write(frameOf(text));
  }

  /** Sends bytes in a binary frame to all. */
  sendBytes(bytes: Uint8Array): void {
    for (const socket of this.#sockets.keys()) socket.write(frameOf(bytes, 2));
  }

  ping(): void {
    for (const socket of this.#sockets.keys()) socket.write(frameOf("1", 9));
  }

  /** Closes all connections: in due form with that code, or by cutting them. */
  disconnect(code: number | null = 1001): void {
    for (const socket of [...this.#sockets.keys()]) {
      if (code !== null) this.#close(socket, code);
      else socket.destroy();
      this.#sockets.delete(socket);
    }
  }

  #close(socket: Socket, code: number): void {
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    socket.write(frameOf(body, 8));
    socket.end();
    this.#sockets.delete(socket);
  }

  #chance(share: number): boolean {
    return share > 0 && this.#random.next() < share;
  }

  // ---- WebSocket ------------------------------------------------------------------------------------

  #upgrade(request: IncomingMessage, socket: Socket): void {
    const url = new URL(request.url ?? "/", this.restUrl);
    const streams = (url.searchParams.get("streams") ?? "").split("/");
    if (url.pathname !== "/stream" || streams.length > 1_024) {
      socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
      return;
    }
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n" +
        `sec-websocket-accept: ${accept}\r\n\r\n`,
    );
    this.accepted++;
    this.#sockets.set(socket, streams);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let one = clientFrame(rest); one !== null; one = clientFrame(rest)) {
        rest = rest.subarray(one.bytes);
        this.#heard(socket, one.opcode, one.body, streams);
      }
    });
  }

  #heard(socket: Socket, opcode: number, body: Buffer, streams: readonly string[]): void {
    if (opcode === 10) this.pongs++;
    if (opcode === 8) {
      if (!socket.destroyed && socket.writable) socket.end(frameOf(body, 8));
      this.#sockets.delete(socket);
    }
    if (opcode !== 1 || this.isStalled || !this.isAnswering) return;
    const { method, id } = JSON.parse(body.toString());
    const known = streams.filter((stream) => stream !== "");
    const answer = method === "LIST_SUBSCRIPTIONS"
      ? { result: known, id }
      : { code: 2, msg: `Invalid request: unknown variant ${method}`, id };
    socket.write(frameOf(JSON.stringify(answer)));
  }

  // ---- REST -----------------------------------------------------------------------------------------

  async #rest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.restUrl);
    const query = url.searchParams;
    const number = (name: string) => query.has(name) ? Number(query.get(name)) : null;
    const call: RestCall = {
      path: url.pathname,
      symbol: query.get("symbol"),
      interval: query.get("interval"),
      startTime: number("startTime"),
      limit: number("limit"),
    };
    this.calls.push(call);
    const { status, retryAfter, body } = this.#answer(call);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    response.writeHead(status, {
      "content-type": "application/json;charset=UTF-8",
      "x-mbx-used-weight-1m": String(this.usedWeight),
      connection: "close",
      ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
    });
    response.end(body);
  }

  #answer(call: RestCall): { status: number; retryAfter?: string; body: string } {
    const given = this.statuses.shift();
    if (given !== undefined) return { body: "{}", ...given };
    if (this.#chance(this.faults.limit)) return { status: 429, retryAfter: "1", body: "{}" };
    if (this.#chance(this.faults.broken)) {
      return this.#chance(0.5) ? { status: 500, body: "{}" } : { status: 200, body: "[[1," };
    }
    if (call.path === "/api/v3/time") {
      return { status: 200, body: JSON.stringify({ serverTime: this.nowMs }) };
    }
    if (call.path !== "/api/v3/klines") return { status: 404, body: "{}" };
    const { symbol, interval } = call;
    if (symbol === null || !this.#symbols.has(symbol)) {
      return { status: 400, body: JSON.stringify({ code: -1121, msg: "Invalid symbol." }) };
    }
    if (interval === null || !GRANULARITY_OF.has(interval)) {
      return { status: 400, body: JSON.stringify({ code: -1120, msg: "Invalid interval." }) };
    }
    return { status: 200, body: JSON.stringify(this.#rows(symbol, interval, call)) };
  }

  /** Rows as of now: what closed, and the one that goes on with values that will still change. */
  #rows(symbol: string, interval: string, { startTime, limit }: RestCall): unknown[] {
    const lengthMs = lengthOf(interval);
    const own = this.#klines.get(streamOf(symbol, interval)) ?? new Map<number, Cells>();
    const currentMs = barOpenMs(this.nowMs, GRANULARITY_OF.get(interval) as Granularity);
    const closed = [...own].filter(([ts]) => ts + lengthMs <= this.nowMs);
    closed.sort(([a], [b]) => a - b);
    const isLagging = this.#chance(this.faults.lag);
    if (isLagging) closed.pop();
    const rows = closed.map(([ts, cells]) => rowOf(ts, cells, lengthMs));
    if (own.size > 0 && !isLagging && closed.at(-1)?.[0] === currentMs - lengthMs) {
      rows.push(rowOf(currentMs, ["7", "8", "6", "7.5", "0.1"], lengthMs));
    }
    return rows.filter(([ts]) => (ts as number) >= (startTime ?? -Infinity)).slice(0, limit ?? 500);
  }
}

function rowOf(ts: number, [o, h, l, c, v]: Cells, lengthMs: number): unknown[] {
  return [ts, o, h, l, c, v, ts + lengthMs - 1, "1", 2, "1", "1", "0"];
}

function streamOf(symbol: string, interval: string): string {
  return `${symbol.toLowerCase()}@kline_${interval}`;
}

function lengthOf(interval: string): number {
  return granularityMs(GRANULARITY_OF.get(interval) as Granularity);
}

/** A frame of a server: not masked (RFC 6455, 5.2). */
function frameOf(body: string | Uint8Array, opcode = 1): Buffer {
  const bytes = Buffer.from(body as Uint8Array);
  const head = bytes.length < 126
    ? Buffer.from([0x80 | opcode, bytes.length])
    : bytes.length < 65_536
    ? Buffer.from([0x80 | opcode, 126, bytes.length >> 8, bytes.length & 255])
    : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), uint32(bytes.length)]);
  return Buffer.concat([head, bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The first frame of a client, which is masked; null while it is not whole. */
function clientFrame(bytes: Buffer): { opcode: number; body: Buffer; bytes: number } | null {
  if (bytes.length < 6) return null;
  const short = (bytes[1] as number) & 127;
  const headBytes = short === 126 ? 8 : 6;
  if (bytes.length < headBytes) return null;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < headBytes + length) return null;
  const mask = bytes.subarray(headBytes - 4, headBytes);
  const body = Buffer.from(bytes.subarray(headBytes, headBytes + length));
  for (let i = 0; i < body.length; i++) body[i] = (body[i] as number) ^ (mask[i % 4] as number);
  return { opcode: (bytes[0] as number) & 15, body, bytes: headBytes + length };
}
