/**
 * The admin app on a socket: node:http, because it honours timeouts for headers and requests and a
 * cap on connections, which `Deno.serve` does not have.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Admin } from "./app.ts";
import { guardBind } from "./guards/bind_guard.ts";
import { SECURITY_HEADERS } from "./guards/security_headers.ts";
import { HEADER_BYTES_MAX, LINGER_MS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";
import { type Clock, systemClock } from "../actor/clock.ts";

/** Where the admin HTTP listens unless told otherwise. */
export const ADMIN_HOSTNAME = "127.0.0.1";
/** The port it listens on unless told otherwise. */
export const ADMIN_PORT = 8003;

/** A server that listens. */
export interface AdminServer extends AsyncDisposable {
  /** Base URL, as `http://127.0.0.1:8003`. */
  readonly url: string;
  /** The address it listens on. */
  readonly hostname: string;
  /** The port it listens on. */
  readonly port: number;
  /** Open connections. */
  connections(): Promise<number>;
  /**
   * Ends the streams, takes no new connection, lets open requests end within the grace, and then
   * closes what is left. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Listens.
 *
 * @throws {RangeError} for an address that others can reach while there is no token.
 * @throws {Error} by rejecting, when the address is in use or not this machine's:
 * `Cannot listen on …`.
 */
export async function serveAdmin(admin: Admin): Promise<AdminServer> {
  const { options, limits } = admin;
  const hostname = options.hostname ?? ADMIN_HOSTNAME;
  guardBind(hostname, { read: options.tokens?.read ?? null, act: options.tokens?.act ?? null });
  const fetch = admin.app.fetch as (request: Request, env: unknown) => Promise<Response>;
  const listener = getRequestListener((request, env) => fetch(request, env), {
    overrideGlobalObjects: false,
    // Its own clean-up leaves timers behind; see `linger`.
    autoCleanupIncoming: false,
    hostname,
    errorHandler: unreadable,
  });
  const settings: ServerOptions = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.connectionCheckMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxHeaderSize: HEADER_BYTES_MAX,
  };
  const clock = options.clock ?? systemClock;
  const server = createServer(settings, (incoming, outgoing) => {
    outgoing.once("finish", () => linger(incoming, clock));
    void listener(incoming, outgoing);
  });
  server.maxConnections = limits.connectionsMax;
  server.on("clientError", (_error, socket) => refuse(socket as Socket));
  await listen(server, hostname, options.port ?? ADMIN_PORT);
  return new NodeAdminServer(server, admin, hostname);
}

class NodeAdminServer implements AdminServer {
  readonly url: string;
  readonly hostname: string;
  readonly port: number;
  readonly #server: Server;
  readonly #admin: Admin;
  #closing: Promise<void> | null = null;

  constructor(server: Server, admin: Admin, hostname: string) {
    const address = server.address();
    this.#server = server;
    this.#admin = admin;
    this.hostname = hostname;
    this.port = typeof address === "object" && address !== null ? address.port : 0;
    this.url = `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${this.port}`;
  }

  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => error ? reject(error) : resolve(count));
    });
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  #close(): Promise<void> {
    const { streams, limits, options } = this.#admin;
    const clock = options.clock ?? systemClock;
    streams.close();
    return new Promise((resolve) => {
      const cancel = clock.setTimer(limits.closeGraceMs, () => this.#server.closeAllConnections());
      this.#server.close(() => {
        cancel();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function listen(server: Server, hostname: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { code?: string }) => {
      const why = error.code === "EADDRINUSE"
        ? "another program listens there; choose another port"
        : error.code === "EADDRNOTAVAIL" || error.code === "EINVAL"
        ? "it is no address of this machine"
        : error.code === "EACCES"
        ? "this user may not use that port"
        : error.message;
      reject(new Error(`Cannot listen on ${hostname}:${port}: ${why}`, { cause: error }));
    });
    server.listen(port, hostname, resolve);
  });
}

/**
 * After an answer to a request that was not read to its end: reads on for a moment, so that the
 * client gets to read the answer (a reset would take it away; RFC 9112, 9.6), and then hangs up.
 */
function linger(incoming: IncomingMessage, clock: Clock): void {
  if (incoming.complete) return;
  const { socket } = incoming;
  incoming.resume();
  const cancel = clock.setTimer(LINGER_MS, () => socket.destroy());
  socket.once("close", cancel);
  incoming.once("end", cancel);
}

/** A request that could not even be read. */
const BAD_REQUEST = new HttpProblem(400, "request", "Cannot read the request");

/** What arrives as no request at all, or not in time: one answer, and the connection is over. */
function refuse(socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify(BAD_REQUEST);
  const headers = Object.entries({
    ...SECURITY_HEADERS,
    "content-type": "application/problem+json",
    "content-length": String(body.length),
    connection: "close",
  });
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 400 Bad Request\r\n${head}\r\n${body}`);
}

/** Errors before the app: a target or host that no URL can be made of. */
function unreadable(): Response {
  const headers = { ...SECURITY_HEADERS, "content-type": "application/problem+json" };
  return new Response(JSON.stringify(BAD_REQUEST), { status: 400, headers });
}
