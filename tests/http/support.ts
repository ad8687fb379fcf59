/**
 * What the tests of the admin HTTP share: a served app, and raw sockets to attack it with.
 *
 * @module
 */

import { connect } from "node:net";
import { createAdmin } from "../../src/http/app.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import { type AdminServer, serveAdmin } from "../../src/http/serve.ts";
import { seededRandom } from "../../src/actor/mod.ts";
import { MemoryService } from "./service.ts";

/** Tokens that are long enough. */
export const READ = "read-token-0123456789";
export const ACT = "act-token-0123456789";

/** A service with its server on a free port. */
export interface Served extends AsyncDisposable {
  readonly service: MemoryService;
  readonly server: AdminServer;
  readonly url: string;
  readonly port: number;
}

/** Serves a new service. */
export async function served(options: AdminOptions = {}): Promise<Served> {
  const service = new MemoryService();
  const server = await serveAdmin(createAdmin(service, { port: 0, ...options }));
  return {
    service,
    server,
    url: server.url,
    port: server.port,
    async [Symbol.asyncDispose]() {
      await server.close();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** What came back on a raw socket. */
export interface RawAnswer {
  readonly text: string;
  /** Of the first answer; 0 = none. */
  readonly status: number;
  /** Whether the server ended the connection, and not the test. */
  readonly closed: boolean;
  readonly tookMs: number;
}

/**
 * Sends texts as they are, `pauseMs` apart, and gathers what comes until the server closes, `until`
 * stands in it, or `waitMs` are over.
 */
export function raw(
  port: number,
  texts: readonly string[],
  options: { waitMs?: number; pauseMs?: number; until?: RegExp } = {},
): Promise<RawAnswer> {
  const { waitMs = 5_000, pauseMs = 0, until = /\r\n\r\n[^]*[}\n]$/ } = options;
  const startMs = performance.now();
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let next = 0;
    const over = (closed: boolean) => {
      clearTimeout(timer);
      clearInterval(pace);
      socket.destroy();
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ text, status, closed, tookMs: performance.now() - startMs });
    };
    const timer = setTimeout(() => over(false), waitMs);
    const send = () => {
      const part = texts[next++];
      if (part !== undefined && socket.writable) socket.write(part);
    };
    const pace = setInterval(send, Math.max(1, pauseMs));
    socket.on("connect", send);
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (until.test(text) && next >= texts.length) over(false);
    });
    socket.on("error", () => {});
    socket.on("close", () => over(true));
  });
}

/** Candles of a random walk as NDJSON lines; one an hour from `fromTs` on. */
export function candleLines(count: number, options: {
  series?: string;
  seed?: number;
  fromTs?: number;
} = {}): string[] {
  const { series = "EUR_USD:H1", seed = 1, fromTs = 1_700_000_000_000 } = options;
  const random = seededRandom(seed);
  const round = (price: number) => Math.round(price * 1e5) / 1e5;
  let close = 1.1;
  return Array.from({ length: count }, (_, i) => {
    const open = close;
    close = round(open * (1 + (random.next() - 0.5) * 0.004));
    const high = round(Math.max(open, close) + random.next() * 0.001);
    const low = round(Math.min(open, close) - random.next() * 0.001);
    const ts = fromTs + i * 3_600_000;
    return JSON.stringify({ ts, open, high, low, close, volume: i % 7, series });
  });
}
