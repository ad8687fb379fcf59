/**
 * One call of a webhook, and what its answer means.
 *
 * @module
 */

import { SIGNATURE_HEADER, webhookSignature } from "./signature.ts";
import { RETRY_AFTER_MAX_MS, shownUrl, type WebhookSpec } from "./options.ts";

/** A request as it goes out. */
export interface WebhookRequest {
  /** Exactly the configured one. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What of an answer counts. */
export interface WebhookAnswer {
  readonly status: number;
  /** Header `Retry-After`. */
  readonly retryAfter: string | null;
}

/** Makes one request; rejects when there is no answer, or when `signal` aborts. */
export type WebhookCall = (request: WebhookRequest, signal: AbortSignal) => Promise<WebhookAnswer>;

/** What became of a call. */
export type CallOutcome = { readonly state: "taken" } | CallFailure;

/** A call that has to be made again. */
export interface CallFailure {
  readonly state: "failed";
  /** `timeout`, `unreachable`, `permission`, `redirect`, `too_large` or `status`. */
  readonly code: string;
  /** The same in words, without secrets. */
  readonly message: string;
  /** Pause that the receiver asks for. */
  readonly retryAfterMs: number | null;
}

/** By `fetch`: redirects are answers like any other, and bodies of answers are not read. */
export const fetchWebhook: WebhookCall = async ({ url, headers, body }, signal) => {
  const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
  await answer.body?.cancel();
  return { status: answer.status, retryAfter: answer.headers.get("retry-after") };
};

/** The request for a body, signed for now. */
export function webhookRequest(
  { name, url, secret }: WebhookSpec,
  body: string,
  wallMs: number,
): WebhookRequest {
  return {
    url,
    headers: {
      "content-type": "application/json",
      "user-agent": "wick",
      "wick-webhook": name,
      [SIGNATURE_HEADER]: webhookSignature(secret, wallMs, body),
    },
    body,
  };
}

/** What an answer means: 2xx takes the batch, anything else does not. */
export function outcomeOf({ status, retryAfter }: WebhookAnswer): CallOutcome {
  if (status >= 200 && status < 300) return { state: "taken" };
  const retryAfterMs = retryAfterOf(retryAfter);
  if (status >= 300 && status < 400) {
    const message = `Cannot deliver: expected 2xx: current value is ${status}, not followed`;
    return { state: "failed", code: "redirect", message, retryAfterMs };
  }
  const code = status === 413 ? "too_large" : "status";
  const message = `Cannot deliver: expected 2xx: current value is ${status}`;
  return { state: "failed", code, message, retryAfterMs };
}

/** What a call that was not answered means. Its URL may hold a secret, and so may error texts. */
export function failureOf(error: unknown, url: string): CallFailure {
  const fail = (code: string, why: string): CallFailure => {
    const message = `Cannot deliver to ${shownUrl(url)}: ${why}`;
    return { state: "failed", code, message, retryAfterMs: null };
  };
  if (error instanceof Deno.errors.NotCapable) {
    return fail("permission", "this process has no permission for its address");
  }
  const reason = innermost(error).replaceAll(url, shownUrl(url))
    .replaceAll(new URL(url).href, shownUrl(url));
  return fail("unreachable", reason);
}

/** A call that took too long. */
export function timeoutFailure(url: string, timeoutMs: number): CallFailure {
  const message = `Cannot deliver to ${shownUrl(url)}: no answer within ${timeoutMs} ms`;
  return { state: "failed", code: "timeout", message, retryAfterMs: null };
}

function innermost(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  const text = at instanceof Error ? at.message : String(at);
  // What the runtime puts before it says nothing that is not known.
  return text.replace(/^error sending request for url \(.*?\): /, "").slice(0, 300);
}

/** Seconds; a date is left to the pause that grows by itself. */
function retryAfterOf(text: string | null): number | null {
  if (text === null || !/^\d{1,9}$/.test(text)) return null;
  return Math.min(RETRY_AFTER_MAX_MS, Number(text) * 1_000);
}
