/**
 * What the guards look at, taken from a request once: as it came over the wire, not as a URL parser
 * made it look.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";

/** What node:http hands to the app; nothing under `app.request()`. */
export interface NodeBindings {
  /** The request as node:http sees it. */
  readonly incoming?: IncomingMessage;
  /** The answer as node:http sees it. */
  readonly outgoing?: ServerResponse;
}

/** The app's environment. */
export interface AdminEnv {
  /** See {@linkcode NodeBindings}. */
  Bindings: NodeBindings;
}

/** One request as the guards see it. */
export interface RequestFacts {
  /** In capitals. */
  readonly method: string;
  /** The request target as sent: a path, or a URL in absolute form. */
  readonly target: string;
  /** Every Host header, in order. */
  readonly hosts: readonly string[];
  /** A header's value, or null. */
  header(name: string): string | null;
}

/** Facts of a request. */
export function factsOf(request: Request, bindings: NodeBindings | undefined): RequestFacts {
  const incoming = bindings?.incoming;
  const header = (name: string) => request.headers.get(name);
  if (incoming === undefined) {
    const url = new URL(request.url);
    return {
      method: request.method,
      target: url.pathname + url.search,
      hosts: [header("host") ?? url.host],
      header,
    };
  }
  const hosts: string[] = [];
  const raw = incoming.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === "host") hosts.push(raw[i + 1] ?? "");
  }
  return { method: incoming.method ?? "", target: incoming.url ?? "", hosts, header };
}
