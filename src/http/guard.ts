/**
 * The guards of a request, in their order: what cannot be read is refused before what is not
 * allowed, and nothing is read from a body before all of them have passed.
 *
 * @module
 */

import type { Access } from "./api.ts";
import type { RequestFacts } from "./facts.ts";
import { isLoopback } from "./guards/bind_guard.ts";
import { guardHost, hostName } from "./guards/host_guard.ts";
import { guardOrigin } from "./guards/origin_guard.ts";
import { guardPath } from "./guards/path_guard.ts";
import { TokenGuard } from "./guards/token_guard.ts";
import type { AdminOptions } from "./options.ts";

/** The guards of one app. */
export interface Guard {
  /** What every request has to pass, whatever its route. @throws {HttpProblem} */
  request(facts: RequestFacts): void;
  /** What a route of that access asks for. @throws {HttpProblem} */
  access(access: Access, facts: RequestFacts): void;
  /** Whether it passes what a route for acting asks for. */
  mayAct(facts: RequestFacts): boolean;
}

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** Guards as the options say. @throws {RangeError} for a token or host that cannot be one. */
export function createGuard(options: AdminOptions): Guard {
  const hosts = allowedHosts(options);
  const origins = new Set((options.origins ?? []).map((origin) => origin.toLowerCase()));
  const tokens = new TokenGuard({
    read: options.tokens?.read ?? null,
    act: options.tokens?.act ?? null,
  });
  return {
    request(facts) {
      guardPath(facts);
      guardHost(facts, hosts);
      guardOrigin(facts, origins);
    },
    access: (access, facts) => tokens.check(access, facts),
    mayAct: (facts) => tokens.allows("act", facts),
  };
}

function allowedHosts({ hostname = "127.0.0.1", hosts = [] }: AdminOptions): ReadonlySet<string> {
  const names = new Set(LOOPBACK_HOSTS);
  // An address that means all of this machine's is no name by which anybody calls it.
  const isWildcard = hostname === "0.0.0.0" || hostname === "::";
  const own = isWildcard || isLoopback(hostname) ? [] : [bracketed(hostname)];
  for (const host of [...own, ...hosts]) {
    const name = hostName(host);
    if (name === null) {
      throw new RangeError(
        `Cannot allow a host: expected a name or address: current value is ${JSON.stringify(host)}`,
      );
    }
    names.add(name);
  }
  return names;
}

function bracketed(hostname: string): string {
  return hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
}
