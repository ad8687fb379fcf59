/**
 * Which hosts a provider may be at.
 *
 * @module
 */

import { ProviderError } from "./error.ts";

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/**
 * A base URL without a slash at its end, after it was found on the allow-list.
 *
 * - `https:` only, or `http:` to this machine, since the key travels with each call
 * - no user, no query, no fragment
 * - its host, with the port where it is not the scheme's, is one of `hosts`
 *
 * @throws {ProviderError} code `options`; the text shows the host at most.
 */
export function assertBaseUrl(baseUrl: string, hosts: readonly string[]): string {
  const refuse = (expected: string, found: string) =>
    new ProviderError(
      "options",
      `Cannot use the provider's base URL: ${expected}: current value is ${found}`,
    );
  if (!URL.canParse(baseUrl)) throw refuse("expected a URL", "none");
  const url = new URL(baseUrl);
  const { protocol, hostname, host, username, password, search, hash, pathname } = url;
  if (username !== "" || password !== "") throw refuse("expected no user and no password", host);
  if (search !== "" || hash !== "") throw refuse("expected no query and no fragment", host);
  const isSafe = protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
  if (!isSafe) throw refuse("expected https, or http to this machine", `${protocol}//${host}`);
  if (!hosts.includes(host)) throw refuse(`expected a host of ${hosts.join(" ")}`, host);
  return `${url.origin}${pathname.replace(/\/+$/, "")}`;
}
