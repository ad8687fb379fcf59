/**
 * Signatures of webhook calls: who knows the secret can tell that a call is from the service, is
 * unchanged, and is fresh.
 *
 * The header `Wick-Signature: t=SECONDS,v1=HEX` holds the time of the call in seconds since 1970 and
 * HMAC-SHA-256 under the secret (RFC 2104) over `SECONDS.BODY`, all in UTF-8, as 64 hex digits.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** Name of the header. */
export const SIGNATURE_HEADER = "wick-signature";

/** Age at which a signature counts no more: clocks differ, and calls take time. */
const TOLERANCE_MS_DEFAULT = 300_000;

/** The header's value for a body sent at `wallMs` (epoch ms). O(body), some 0.5 ms for 600 kB. */
export function webhookSignature(secret: string, wallMs: number, body: string): string {
  const seconds = Math.floor(wallMs / 1_000);
  return `t=${seconds},v1=${macOf(secret, seconds, body).toString("hex")}`;
}

/**
 * Whether a body came with a valid, fresh signature: for receivers. Takes the same time whatever
 * differs.
 *
 * @param header Value of `Wick-Signature`; null when there was none.
 * @param body As it came, before it is parsed.
 * @param wallMs Now, epoch ms.
 * @param toleranceMs Greatest age of a signature, either way; default 5 minutes.
 */
export function verifyWebhook(
  secret: string,
  header: string | null,
  body: string,
  wallMs: number,
  toleranceMs: number = TOLERANCE_MS_DEFAULT,
): boolean {
  const found = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "");
  if (found === null) return false;
  const seconds = Number(found[1]);
  const mac = Buffer.from(found[2] as string, "hex");
  const isValid = timingSafeEqual(mac, macOf(secret, seconds, body));
  return isValid && Math.abs(wallMs - seconds * 1_000) <= toleranceMs;
}

function macOf(secret: string, seconds: number, body: string): Buffer {
  return createHmac("sha256", secret).update(`${seconds}.`).update(body).digest();
}
