/**
 * Refuses to listen where others can reach the service unless there is a token.
 *
 * @module
 */

import type { Tokens } from "./token_guard.ts";

/** Whether only this machine can connect to the address. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name) || /^::ffff:127\.\d+\.\d+\.\d+$/.test(name);
}

/**
 * @throws {RangeError} for an address that is not loopback while there is no token.
 */
export function guardBind(hostname: string, tokens: Tokens): void {
  if (isLoopback(hostname) || tokens.read !== null || tokens.act !== null) return;
  throw new RangeError(
    `Cannot listen on ${hostname}: expected 127.0.0.1, or a token in WICK_TOKEN or ` +
      "WICK_READ_TOKEN: current value is none",
  );
}
