/**
 * How long a provider asks to wait.
 *
 * @module
 */

import { RETRY_AFTER_MS_MAX } from "./limits.ts";

/** Seconds, as RFC 9110 has them; some servers send a fraction. */
const SECONDS = /^\d{1,9}(\.\d{1,6})?$/;

/** An IMF-fixdate, as `Sun, 06 Nov 1994 08:49:37 GMT`; other date texts differ between parsers. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The wait that a Retry-After header names (RFC 9110, section 10.2.3), in ms from 0 to
 * `RETRY_AFTER_MS_MAX`; null for none or one that is neither seconds nor a date. `wallNowMs` is the
 * epoch time by which a date is read.
 */
export function parseRetryAfter(text: string | null, wallNowMs: number): number | null {
  const value = text?.trim() ?? "";
  const waitMs = SECONDS.test(value)
    ? Math.ceil(Number(value) * 1_000)
    : HTTP_DATE.test(value)
    ? Date.parse(value) - wallNowMs
    : NaN;
  return Number.isNaN(waitMs) ? null : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, waitMs));
}
