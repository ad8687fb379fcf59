/**
 * A typed client of the admin HTTP.
 *
 * @module
 */

import { hc } from "hono/client";
import type { AdminApp } from "./api.ts";

/** The routes as properties: `client.api.labels.$get({ query: { series: "EUR_USD:H1" } })`. */
export type WickClient = ReturnType<typeof hc<AdminApp>>;

/** How to reach the service. */
export interface WickClientOptions {
  /** Bearer token; default: none. */
  readonly token?: string;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/**
 * A client of the service at `url`. Answers other than 2xx are problem documents (RFC 9457). Parts
 * of a path that may hold any character (keys, edges, clusters) go in encoded, as
 * `encodeURIComponent` does it.
 *
 * @example
 * ```ts ignore
 * const client = wickClient("http://127.0.0.1:8003");
 * const answer = await client.api.labels.$get({ query: { series: "EUR_USD:H1", limit: 10 } });
 * if (answer.ok) console.log((await answer.json()).rows);
 * ```
 */
export function wickClient(url: string, options: WickClientOptions = {}): WickClient {
  const { token, fetch } = options;
  return hc<AdminApp>(url, {
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    ...(fetch === undefined ? {} : { fetch }),
  });
}
