/**
 * Refuses unsafe methods that a browser sends on behalf of another site, whatever their content
 * type. Clients that are no browsers send neither header.
 *
 * @module
 */

import type { RequestFacts } from "../facts.ts";
import { HttpProblem } from "../problem.ts";

const SAFE = new Set(["GET", "HEAD"]);
const OWN_SITES = new Set(["same-origin", "none"]);

/**
 * @throws {HttpProblem} 403 `origin` when `Origin` is neither the host asked nor in `allowed`
 * (`https://wick.example`), or `Sec-Fetch-Site` says that another site asks.
 */
export function guardOrigin(facts: RequestFacts, allowed: ReadonlySet<string>): void {
  if (SAFE.has(facts.method)) return;
  const origin = facts.header("origin");
  const site = facts.header("sec-fetch-site");
  const isAllowed = origin !== null && allowed.has(origin.toLowerCase());
  const isOwn = origin === null || isAllowed || isSame(origin, facts.hosts[0] ?? "");
  // A site on the list is another site to the browser.
  if (isOwn && (site === null || OWN_SITES.has(site) || isAllowed)) return;
  throw new HttpProblem(403, "origin", "Cannot act for another site", {
    expected: "the origin of this service, or none",
    found: (origin ?? site ?? "").slice(0, 100),
  });
}

function isSame(origin: string, host: string): boolean {
  const authority = /^https?:\/\/([^/?#@]+)$/i.exec(origin)?.[1];
  return authority !== undefined && authority.toLowerCase() === host.toLowerCase();
}
