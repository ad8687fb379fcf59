/**
 * Refuses requests for a host that is not ours, in the Host header or in the URL of an absolute-form
 * target: a page whose name was rebound to this machine's address must not reach the service.
 *
 * @module
 */

import type { RequestFacts } from "../facts.ts";
import { HttpProblem } from "../problem.ts";

/** The name of a `host[:port]`, in small letters, brackets kept; null when it is none. */
export function hostName(host: string): string | null {
  const found = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host)?.[1];
  return found === undefined ? null : found.toLowerCase();
}

/**
 * @throws {HttpProblem} 400 `host` for no, several, malformed or contradicting hosts; 421
 * `wrong_host` for one that is not in `allowed` (names without ports, in small letters).
 */
export function guardHost(
  { hosts, target }: Pick<RequestFacts, "hosts" | "target">,
  allowed: ReadonlySet<string>,
): void {
  const host = hosts[0];
  const name = host === undefined || hosts.length > 1 ? null : hostName(host);
  if (host === undefined || name === null) {
    throw new HttpProblem(400, "host", "Cannot tell the host: expected one Host header", {
      expected: "one Host header",
      found: String(hosts.length),
    });
  }
  if (!target.startsWith("/")) {
    const authority = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1];
    if (authority?.toLowerCase() !== host.toLowerCase()) {
      throw new HttpProblem(400, "host", "Cannot tell the host: URL and Host header differ");
    }
  }
  if (allowed.has(name)) return;
  throw new HttpProblem(421, "wrong_host", "Cannot serve this host: it is not on the list", {
    expected: "a host of this service; more are a setting",
    found: name.slice(0, 100),
  });
}
