/**
 * What a provider says about its limit, in the headers of a response.
 *
 * - `Retry-After`: seconds or an HTTP date (RFC 9110, section 10.2.3); `retry-after-ms` before it.
 * - `X-RateLimit-Limit`, `-Remaining`, `-Reset`, and the same without `X-`: no standard, so that
 *   the reset is read by its size as seconds from now, epoch seconds, epoch ms, or a date.
 * - `RateLimit` in both forms of the IETF draft (draft-ietf-httpapi-ratelimit-headers 03:
 *   `limit=100, remaining=50, reset=30`; 10: `"default";r=50;t=30`).
 *
 * Headers are input of a stranger: what cannot be read is null, never an error.
 *
 * @module
 */

/** What was said; null = nothing, or nothing that can be read. */
export interface LimitNotice {
  /** No request is wanted for so long, ms. */
  readonly retryAfterMs: number | null;
  /** Requests in a window. */
  readonly limit: number | null;
  /** Requests left until the reset. */
  readonly remaining: number | null;
  /** Until the count of what remains starts again, ms. */
  readonly resetMs: number | null;
}

/** The part of `Headers` that is read. */
export interface HeaderSource {
  /** The value of a header, whatever the case of its name. */
  get(name: string): string | null;
}

/** Headers longer than this are not read: no count or date needs more characters. */
const VALUE_MAX_CHARS = 200;
/** Times further away than this are taken for nonsense: the longest window that is sold. */
const AHEAD_MAX_MS = 31 * 86_400_000;
/** Numbers from here on are epoch seconds (2001), and from the next on epoch ms. */
const EPOCH_SECONDS_MIN = 1e9;
const EPOCH_MS_MIN = 1e12;

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const IMF_DATE = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const RFC850_DATE = /^\w{6,9}, (\d{2})-(\w{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const ASCTIME_DATE = /^\w{3} (\w{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;
const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-]00:?00)$/i;

/**
 * Reads all of them. Dates are taken relative to the response's own `Date` where it has one, so
 * that a wrong clock here does not count; otherwise to `wallMs`, epoch ms.
 */
export function parseLimitHeaders(headers: HeaderSource, wallMs: number): LimitNotice {
  const read = (...names: string[]) => {
    for (const name of names) {
      const value = headers.get(name)?.trim();
      if (value !== undefined && value !== "" && value.length <= VALUE_MAX_CHARS) return value;
    }
    return null;
  };
  const serverMs = parseHttpDate(read("date") ?? "", wallMs) ?? wallMs;
  const draft = parseDraft(read("ratelimit") ?? "");
  const retryMs = number(read("retry-after-ms"));
  return {
    retryAfterMs: ahead(retryMs) ?? aheadOf(read("retry-after"), serverMs),
    limit: atLeast(1, number(read("x-ratelimit-limit", "ratelimit-limit"))) ??
      atLeast(1, draft.limit),
    remaining: atLeast(0, number(read("x-ratelimit-remaining", "ratelimit-remaining"))) ??
      atLeast(0, draft.remaining),
    resetMs: aheadOf(read("x-ratelimit-reset", "ratelimit-reset"), serverMs) ??
      ahead(draft.resetS === null ? null : draft.resetS * 1_000),
  };
}

/**
 * Epoch ms of an HTTP date in any of its three forms (RFC 9110, section 5.6.7), or null. `wallMs`
 * decides the century of two-digit years: at most 50 years ahead.
 */
export function parseHttpDate(text: string, wallMs: number): number | null {
  let match = IMF_DATE.exec(text);
  if (match !== null) return utc(match[3], monthOf(match[2]), match[1], match.slice(4));
  match = ASCTIME_DATE.exec(text);
  if (match !== null) return utc(match[6], monthOf(match[1]), match[2], match.slice(3, 6));
  match = RFC850_DATE.exec(text);
  if (match === null) return null;
  const thisYear = new Date(wallMs).getUTCFullYear();
  const year = Math.floor(thisYear / 100) * 100 + Number(match[3]);
  const near = year > thisYear + 50 ? year - 100 : year;
  return utc(String(near), monthOf(match[2]), match[1], match.slice(4));
}

function monthOf(name: string | undefined): number {
  return MONTHS.indexOf((name ?? "").toLowerCase());
}

function utc(
  year: string | undefined,
  month: number,
  day: string | undefined,
  clock: readonly string[],
): number | null {
  const [hour, minute, second] = clock.map(Number);
  if (hour === undefined || minute === undefined || second === undefined) return null;
  // 60 is a leap second, which Date.UTC carries over.
  if (hour > 23 || minute > 59 || second > 60) return null;
  const midnightMs = Date.UTC(Number(year), month, Number(day));
  const date = new Date(midnightMs);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== Number(day)) return null;
  return midnightMs + ((hour * 60 + minute) * 60 + second) * 1_000;
}

/** The first number of a header such as `100` or `100, 100;w=60`. */
function number(text: string | null): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*(?:[,;]|$)/.exec(text ?? "");
  return match === null ? null : Number(match[1]);
}

function atLeast(least: number, value: number | null): number | null {
  return value === null || value < least ? null : Math.floor(value);
}

function ahead(ms: number | null): number | null {
  return ms === null || ms > AHEAD_MAX_MS ? null : Math.max(0, ms);
}

/** Ms from now of seconds, an epoch time or a date. */
function aheadOf(text: string | null, serverMs: number): number | null {
  if (text === null) return null;
  const value = number(text);
  if (value !== null) {
    if (value < EPOCH_SECONDS_MIN) return ahead(value * 1_000);
    return ahead((value < EPOCH_MS_MIN ? value * 1_000 : value) - serverMs);
  }
  const iso = ISO_DATE.exec(text);
  const atMs = iso === null
    ? parseHttpDate(text, serverMs)
    : utc(iso[1], Number(iso[2]) - 1, iso[3], iso.slice(4));
  return atMs === null ? null : ahead(atMs - serverMs);
}

/** Of several policies the one with the least left. */
function parseDraft(text: string) {
  const found = { limit: null, remaining: null, resetS: null } as Record<
    "limit" | "remaining" | "resetS",
    number | null
  >;
  const old = (name: string) => number(new RegExp(`\\b${name}=([\\d.]+)`).exec(text)?.[1] ?? null);
  found.limit = old("limit");
  found.remaining = old("remaining");
  found.resetS = old("reset");
  for (const policy of text.split(",")) {
    const left = number(/;\s*r=(\d+)/.exec(policy)?.[1] ?? null);
    if (left === null || (found.remaining !== null && found.remaining <= left)) continue;
    found.remaining = left;
    found.resetS = number(/;\s*t=(\d+)/.exec(policy)?.[1] ?? null);
  }
  return found;
}
