/**
 * Rates as people write them: `750/min`, `10/s`, `100000/day`.
 *
 * @module
 */

/** So many requests in any stretch of time of that length. */
export interface LimitRate {
  /** Requests, or units of cost; an integer from 1 to {@linkcode RATE_REQUESTS_MAX}. */
  readonly requests: number;
  /** Length of the sliding window, ms; from 1 to {@linkcode RATE_WINDOW_MAX_MS}. */
  readonly windowMs: number;
}

/** Requests in a window at most: counts stay exact integers, and no provider sells more. */
export const RATE_REQUESTS_MAX = 1_000_000_000;
/** The longest window, 31 days: what providers bill by. */
export const RATE_WINDOW_MAX_MS = 31 * 86_400_000;
/** A request is on its way for a day at most: no connection lives longer without a word. */
export const STRAY_MS_MAX = 86_400_000;

/** Longest first, so that printing finds the largest unit that divides. */
const UNITS: readonly (readonly [name: string, ms: number, spellings: readonly string[]])[] = [
  ["day", 86_400_000, ["d", "day", "days"]],
  ["h", 3_600_000, ["h", "hr", "hour", "hours"]],
  ["min", 60_000, ["m", "min", "mins", "minute", "minutes"]],
  ["s", 1_000, ["s", "sec", "secs", "second", "seconds"]],
  ["ms", 1, ["ms"]],
];

const RATE = /^([\d_,]{1,20})\s*(?:\/|per\s)\s*(\d{1,9})?\s*([a-z]{1,7})$/;

/**
 * Reads `750/min`, `10/s`, `100000/day`, `100,000/day`, `5/15min`, `750 per minute`.
 *
 * @throws {RangeError} when it is none, or beyond the bounds of {@linkcode LimitRate}.
 */
export function parseRate(text: string): LimitRate {
  const match = RATE.exec(text.trim().toLowerCase());
  const unit = UNITS.find(([, , spellings]) => spellings.includes(match?.[3] ?? ""));
  const rate = {
    requests: Number((match?.[1] ?? "").replace(/[_,]/g, "") || NaN),
    windowMs: Number(match?.[2] ?? 1) * (unit?.[1] ?? NaN),
  };
  if (isRate(rate)) return rate;
  throw new RangeError(
    `Cannot read rate: expected such as 750/min, 10/s or 100000/day: current value is ${text}`,
  );
}

/** The shortest text that {@linkcode parseRate} reads as this rate: `750/min`, `5/15min`. */
export function formatRate({ requests, windowMs }: LimitRate): string {
  const [name, ms] = UNITS.find(([, unitMs]) => windowMs % unitMs === 0) ?? ["ms", 1];
  const count = windowMs / ms;
  return `${requests}/${count === 1 ? "" : count}${name}`;
}

/** Whether both numbers are within the bounds of {@linkcode LimitRate}. */
export function isRate({ requests, windowMs }: LimitRate): boolean {
  return Number.isInteger(requests) && requests >= 1 && requests <= RATE_REQUESTS_MAX &&
    windowMs >= 1 && windowMs <= RATE_WINDOW_MAX_MS;
}

/**
 * Refuses what is beyond the bounds of {@linkcode LimitRate}.
 *
 * @throws {RangeError} unless {@linkcode isRate}.
 */
export function assertRate(rate: LimitRate): void {
  if (isRate(rate)) return;
  throw new RangeError(
    `Cannot limit a rate: expected 1 to ${RATE_REQUESTS_MAX} requests in ` +
      `1 to ${RATE_WINDOW_MAX_MS} ms: current value is ${rate.requests} in ${rate.windowMs} ms`,
  );
}
