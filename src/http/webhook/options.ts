/**
 * What a webhook is, and the bounds of delivering to it.
 *
 * @module
 */

import { type BackoffBounds, SOURCE_BACKOFF } from "../../feed/backoff.ts";
import { TOKEN_CHARS_MIN } from "../limits.ts";

/** A URL that labels are delivered to. */
export interface WebhookSpec {
  /** Name of its actor, and of its position in the store: unique. */
  readonly name: string;
  /** Exactly what is called, http or https; redirects are not followed. */
  readonly url: string;
  /** Signs every call; at least {@linkcode WEBHOOK_SECRET_CHARS_MIN} characters, never shown. */
  readonly secret: string;
  /** Only labels of these series; null, the default, for all. */
  readonly series?: readonly string[] | null;
  /**
   * Seq behind which a webhook begins that the store does not know yet, 0 for everything that the log
   * has; null, the default, for what comes from its first start on.
   */
  readonly after?: number | null;
}

/** Most webhooks of a service: each reads the log by itself. */
export const WEBHOOKS_MAX = 16;
/** Most series that one of them names. */
export const WEBHOOK_SERIES_MAX = 1_000;
/** Shortest secret; that of a token. */
export const WEBHOOK_SECRET_CHARS_MIN = TOKEN_CHARS_MIN;

/** Bounds of deliveries. */
export interface WebhookBounds {
  /** Rows of one call; 1,000 are some 600 kB and a millisecond of the event loop. */
  readonly rowsMax: number;
  /** Bytes of the labels of one call. */
  readonly bytesMax: number;
  /** Rows read from the log at a time; a larger commit is read whole. */
  readonly readRowsMax: number;
  /** Time for one call to be answered. */
  readonly timeoutMs: number;
  /** Least time between two deliveries: each is a small commit of its position. */
  readonly everyMs: number;
  /** Pauses after failures. */
  readonly backoff: BackoffBounds;
}

/** What holds unless said otherwise. */
export const WEBHOOK_BOUNDS: WebhookBounds = {
  rowsMax: 1_000,
  bytesMax: 1024 * 1024,
  readRowsMax: 2_048,
  timeoutMs: 10_000,
  everyMs: 20,
  backoff: SOURCE_BACKOFF,
};

/**
 * Checks what webhooks are set up with.
 *
 * @throws {RangeError} naming the webhook, for too many, a name twice, a URL that is none, a short
 * secret; never shows the secret.
 */
export function assertWebhooks(specs: readonly WebhookSpec[]): void {
  const refuse = (what: string, expected: string, found: unknown): never => {
    throw new RangeError(`Cannot use ${what}: expected ${expected}: current value is ${found}`);
  };
  if (specs.length > WEBHOOKS_MAX) refuse("webhooks", `at most ${WEBHOOKS_MAX}`, specs.length);
  const names = new Set<string>();
  for (const { name, url, secret, series, after } of specs) {
    const what = `webhook ${name}`;
    if (names.has(name)) refuse(what, "different names", "one that comes twice");
    names.add(name);
    if (!isWebhookUrl(url)) refuse(what, "a URL of http or https without a password", "another");
    if (secret.length < WEBHOOK_SECRET_CHARS_MIN) {
      refuse(`the secret of ${what}`, `${WEBHOOK_SECRET_CHARS_MIN} characters`, secret.length);
    }
    const count = series?.length ?? 1;
    if (count < 1 || count > WEBHOOK_SERIES_MAX) {
      refuse(what, `1 to ${WEBHOOK_SERIES_MAX} series`, count);
    }
    const seq = after ?? 0;
    if (!Number.isSafeInteger(seq) || seq < 0) refuse(what, "a seq to begin after", seq);
  }
}

/** Whether it can be called: http or https, and no user or password in it. */
export function isWebhookUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "";
}

/** Longest pause that a receiver may ask for: somebody who mends it should not have to wait. */
export const RETRY_AFTER_MAX_MS = 300_000;

/** A URL without what may be a secret: user, password, query, fragment. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname}${search === "" ? "" : "?…"}`;
}
