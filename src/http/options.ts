/**
 * How the admin HTTP is set up.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import type { Tracing } from "../actor/mod.ts";
import type { Tokens } from "./guards/token_guard.ts";

/** See the module's text; everything has a default. */
export interface AdminOptions {
  /** Address to listen on; default 127.0.0.1. Others need a token. */
  readonly hostname?: string;
  /** Port to listen on; default 8003; 0 = any free one. */
  readonly port?: number;
  /** Default: none, which leaves everything open to this machine. */
  readonly tokens?: Partial<Tokens>;
  /** Hosts that requests may name, without ports, besides the address and the loopback names. */
  readonly hosts?: readonly string[];
  /** Sites whose pages may act, as `https://wick.example`, besides this one. */
  readonly origins?: readonly string[];
  /** Time of the timeouts and heartbeats; default: the machine's. */
  readonly clock?: Clock;
  /** Makes spans of requests; default: nobody records them. */
  readonly tracing?: Tracing | null;
  /** Told of errors that are answered with 500, without the request's body. */
  readonly onError?: (error: unknown, method: string, path: string) => void;
  /** Overrides of `limits.ts`, for tests. */
  readonly limits?: Partial<AdminLimits>;
}

/** Bounds that a server can be given; the reasons stand in `limits.ts`. */
export interface AdminLimits {
  /** HEADERS_TIMEOUT_MS. */
  readonly headersTimeoutMs: number;
  /** REQUEST_TIMEOUT_MS. */
  readonly requestTimeoutMs: number;
  /** CONNECTION_CHECK_MS. */
  readonly connectionCheckMs: number;
  /** KEEP_ALIVE_MS. */
  readonly keepAliveMs: number;
  /** CONNECTIONS_MAX. */
  readonly connectionsMax: number;
  /** PUSH_IDLE_MS. */
  readonly pushIdleMs: number;
  /** PUSH_BYTES_MAX. */
  readonly pushBytesMax: number;
  /** PUSH_UNPACKED_BYTES_MAX. */
  readonly pushUnpackedBytesMax: number;
  /** PUSH_BATCH_ROWS. */
  readonly pushBatchRows: number;
  /** STREAMS_MAX. */
  readonly streamsMax: number;
  /** HEARTBEAT_MS. */
  readonly heartbeatMs: number;
  /** STREAM_STALL_MS. */
  readonly streamStallMs: number;
  /** CLOSE_GRACE_MS. */
  readonly closeGraceMs: number;
}
