/**
 * Bearer tokens (RFC 6750): one for reading, one for acting, which reads too. They are compared as
 * SHA-256 digests in constant time, and only the digests are kept.
 *
 * - Without tokens everything is open; `bind_guard.ts` sees to it that only this machine can ask.
 * - With any token nothing but open routes is, and without one for acting nobody can act.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { Access } from "../api.ts";
import type { RequestFacts } from "../facts.ts";
import { TOKEN_CHARS_MIN } from "../limits.ts";
import { HttpProblem } from "../problem.ts";

/** The tokens as configured; null = none. */
export interface Tokens {
  /** Value of WICK_READ_TOKEN. */
  readonly read: string | null;
  /** Value of WICK_TOKEN. */
  readonly act: string | null;
}

const digestOf = (text: string) => createHash("sha256").update(text).digest();

/** Knows the digests of the tokens. */
export class TokenGuard {
  readonly #read: Uint8Array | null;
  readonly #act: Uint8Array | null;

  /**
   * @throws {RangeError} for a token that is short enough to be guessed, without showing it.
   */
  constructor({ read, act }: Tokens) {
    for (const [name, token] of [["WICK_READ_TOKEN", read], ["WICK_TOKEN", act]] as const) {
      if (token !== null && !(token.length >= TOKEN_CHARS_MIN && /^[!-~]+$/.test(token))) {
        throw new RangeError(
          `Cannot use ${name}: expected at least ${TOKEN_CHARS_MIN} printable characters without ` +
            `blanks: current value has ${token.length} characters`,
        );
      }
    }
    this.#read = read === null ? null : digestOf(read);
    this.#act = act === null ? null : digestOf(act);
  }

  /** Whether {@linkcode TokenGuard.check} lets it pass. */
  allows(access: Access, facts: Pick<RequestFacts, "header">): boolean {
    try {
      this.check(access, facts);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * @throws {HttpProblem} 401 `token` for none or an unknown one, 403 `read_only` for one that may
   * only read.
   */
  check(access: Access, facts: Pick<RequestFacts, "header">): void {
    if (access === "open" || (this.#read === null && this.#act === null)) return;
    const given = /^bearer +([!-~]+)$/i.exec(facts.header("authorization") ?? "")?.[1];
    const digest = given === undefined ? null : digestOf(given);
    const isAct = digest !== null && this.#act !== null && timingSafeEqual(digest, this.#act);
    const isRead = digest !== null && this.#read !== null && timingSafeEqual(digest, this.#read);
    if (isAct || (isRead && access === "read")) return;
    if (isRead) throw new HttpProblem(403, "read_only", "Cannot act with a token for reading");
    throw new HttpProblem(401, "token", "Cannot tell who asks: expected a bearer token", {
      expected: "Authorization: Bearer TOKEN",
      found: given === undefined ? "no token" : "another token",
    }, { "www-authenticate": 'Bearer realm="wick"' });
  }
}
