/**
 * One GET of a JSON answer from a host that may be slow, broken or hostile: bounded in bytes, never
 * led to another host, and told as data. No text that comes of it holds a URL or anything that the
 * other side wrote.
 *
 * @module
 */

import { failure, type FailureCode, type ProviderFailure } from "./error.ts";
import { LIMIT_HEADER_CHARS_MAX, LIMIT_HEADERS_MAX, REDIRECTS_MAX } from "./limits.ts";
import { parseRetryAfter } from "./retry_after.ts";

/** How to make a request; `globalThis.fetch` is one. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** What one call needs. */
export interface HttpCall {
  /** Where to; the origin that every redirect has to keep to. */
  readonly url: URL;
  /** Headers to send. */
  readonly headers: Readonly<Record<string, string>>;
  /** Most bytes of the answer, unpacked. */
  readonly bodyBytesMax: number;
  /** How the call is named in messages. */
  readonly what: string;
  /** Epoch ms, for a Retry-After that is a date. */
  readonly wallNowMs: number;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** Makes the requests. */
  readonly fetch: Fetch;
}

/** What came of a call. */
export interface HttpOutcome {
  /** Status of the last answer; null where none came. */
  readonly status: number | null;
  /** Retry-After and the rate-limit headers, by name in lower case. */
  readonly limitHeaders: Readonly<Record<string, string>>;
  /** The JSON of a 200, a 404, or why there is neither. */
  readonly result:
    | { readonly state: "json"; readonly value: unknown }
    | { readonly state: "not_found" }
    | { readonly state: "failed"; readonly failure: ProviderFailure };
}

/** Its message is for people; the class decides what a caller does. */
class CallFailure extends Error {
  readonly failure: ProviderFailure;

  constructor(code: FailureCode, what: string, expected: string, found: string, afterMs?: number) {
    const message = `Cannot fetch ${what}: ${expected}: current value is ${found}`;
    super(message);
    this.failure = failure(code, message, afterMs ?? null);
  }
}

/** Makes the call. Never throws; after an abort the outcome is of no meaning. */
export async function getJson(call: HttpCall): Promise<HttpOutcome> {
  let response: Response | null = null;
  const answer = (result: HttpOutcome["result"]): HttpOutcome => ({
    status: response?.status ?? null,
    limitHeaders: response === null ? {} : limitHeadersOf(response.headers),
    result,
  });
  try {
    let url = call.url;
    for (let redirects = 0;; redirects++) {
      response = await request(call, url);
      const next = redirectOf(call, url, response);
      if (next === null) break;
      await response.body?.cancel();
      if (redirects === REDIRECTS_MAX) {
        const expected = `expected at most ${REDIRECTS_MAX} redirects`;
        throw new CallFailure("redirect", call.what, expected, "more");
      }
      url = next;
    }
    if (response.status === 404) return answer({ state: "not_found" });
    assertAnswer(call, response);
    return answer({ state: "json", value: await jsonOf(call, response) });
  } catch (error) {
    if (error instanceof CallFailure) return answer({ state: "failed", failure: error.failure });
    const broken = new CallFailure("network", call.what, "expected an answer", "a broken one");
    return answer({ state: "failed", failure: broken.failure });
  } finally {
    // Whatever was not read is not wanted; a body that was read to its end has nothing to cancel.
    if (response?.bodyUsed === false) await response.body?.cancel().catch(() => {});
  }
}

async function request(call: HttpCall, url: URL): Promise<Response> {
  const { headers, signal, what } = call;
  try {
    return await call.fetch(url, {
      method: "GET",
      redirect: "manual",
      headers: { accept: "application/json", ...headers },
      signal,
    });
  } catch (error) {
    // The message of a failed request names its URL, and with it the key: it is not handed on.
    const name = error instanceof Error ? error.name : "";
    if (name === "NotCapable" || name === "PermissionDenied") {
      throw new CallFailure("refused", what, `expected permission for ${url.host}`, "none");
    }
    throw new CallFailure("network", what, `expected an answer of ${url.host}`, "no connection");
  }
}

/** Where a redirect leads, or null for an answer that is none. */
function redirectOf(call: HttpCall, url: URL, { status, headers }: Response): URL | null {
  if (![301, 302, 303, 307, 308].includes(status)) return null;
  const location = headers.get("location");
  const next = location !== null && URL.canParse(location, url) ? new URL(location, url) : null;
  if (next !== null && next.origin === call.url.origin && next.username === "") return next;
  const found = next === null ? "nowhere" : "another host";
  throw new CallFailure("redirect", call.what, `expected to stay on ${call.url.host}`, found);
}

/** Refuses every answer but a 200 with JSON. */
function assertAnswer(call: HttpCall, { status, headers }: Response): void {
  const { what, wallNowMs } = call;
  const refuse = (code: FailureCode, afterMs?: number) =>
    new CallFailure(code, what, "expected status 200", `status ${status}`, afterMs);
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), wallNowMs) ?? undefined;
  if (status === 429) throw refuse("rate", retryAfterMs);
  // Quotas of a day are counted anew at midnight UTC, unless the answer says otherwise.
  if (status === 402) throw refuse("quota", retryAfterMs ?? 86_400_000 - wallNowMs % 86_400_000);
  if (status === 401 || status === 403) throw refuse("auth");
  if (status === 408 || status === 425 || status >= 500) throw refuse("unavailable", retryAfterMs);
  if (status >= 400) throw refuse("refused");
  if (status !== 200) throw refuse("shape");
  const type = headers.get("content-type") ?? "";
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new CallFailure("content_type", what, "expected JSON", type === "" ? "none" : "another");
  }
}

async function jsonOf(call: HttpCall, response: Response): Promise<unknown> {
  const text = await boundedText(call, response);
  try {
    return JSON.parse(text);
  } catch {
    throw new CallFailure("json", call.what, "expected JSON", `${text.length} other characters`);
  }
}

/** The body as text, at most so many bytes of it whatever its header says. */
async function boundedText(call: HttpCall, { headers, body }: Response): Promise<string> {
  const { bodyBytesMax, what } = call;
  const tooLarge = (found: string) =>
    new CallFailure("too_large", what, `expected at most ${bodyBytesMax} bytes`, found);
  const told = Number(headers.get("content-length") ?? 0);
  if (told > bodyBytesMax) throw tooLarge(`${told} bytes`);
  if (body === null) return "";
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw tooLarge("more");
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

function limitHeadersOf(headers: Headers): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  let count = 0;
  for (const [name, value] of headers) {
    if (!/^(retry-after|x-rate-?limit.*|ratelimit.*)$/.test(name)) continue;
    if (name.length > LIMIT_HEADER_CHARS_MAX || ++count > LIMIT_HEADERS_MAX) continue;
    kept[name] = value.slice(0, LIMIT_HEADER_CHARS_MAX);
  }
  return kept;
}
