/**
 * How long an entry holds, from what it is and when it is loaded.
 *
 * - **Table**: by the kind of the key and whether the market of its instrument is open
 *   (`ttl_rules.ts`); crypto has its own column; foreign exchange is open for the week and closed
 *   over the weekend. What names no instrument counts as open
 * - **Open**: what was loaded while the market was closed ends when it opens. A price does so to
 *   the millisecond: one of 09:29 is not the price of 09:31, however young. Anything else has at
 *   least what it would have if it were loaded in the session: the news of 09:29 holds until 09:39.
 *   The other way round nothing ends: a price of 15:59 is right after the close
 * - **Pause** (option): a price loaded in a weekend or on a holiday holds until the next open
 * - **Volatility** (option): `ttl_volatility.ts`; in the session only, since a market that is
 *   closed does not move
 * - **Jitter**: entries set together end apart. A TTL is drawn from 80 to 100 % of what was found,
 *   by the key and the time. Never more than that: the table promises how old an answer may be. It
 *   costs a mean TTL that is 10 % shorter, and so at most 11 % more loads
 * - **Stale**: behind its TTL an entry is served, and renewed, until it is `hardRatio` times as
 *   old; but of one from before the open no longer than one loaded at the open would be
 *
 * @module
 */

import { calendarDay, dayKind, isOpen, nextOpen } from "../market/calendar.ts";
import type { CalendarName, Instrument } from "../market/instrument.ts";
import { hashKey, mix } from "./hash.ts";
import { kindOfKey, symbolOfKey } from "./key.ts";
import { roundTtlMs } from "./ttl_code.ts";
import { TTL_DEFAULTS, type TtlOptions, type TtlRule, ttlRuleOf } from "./ttl_rules.ts";
import { volatilityFactor } from "./ttl_volatility.ts";

/**
 * No night is as long: from 16:00 to 09:30 are 17.5 hours. A longer pause is not one of a night.
 */
const NIGHT_MAX_MS = 24 * 3_600_000;

/** What is to be known of an instrument. */
export type TradedAs = Pick<Instrument, "assetClass" | "calendar">;

/** What decides how long one entry holds. */
export interface TtlQuestion {
  /** Any text. */
  readonly key: string;
  /** When it is loaded, epoch milliseconds UTC. */
  readonly nowMs: number;
  /** Of the key; null where it names none. */
  readonly instrument: TradedAs | null;
  /** Present volatility by usual volatility of the instrument; 1 unless given. */
  readonly volatilityRatio?: number;
}

/** How long an entry holds, ms from when it is loaded. */
export interface Ttl {
  /** Until then it is fresh. */
  readonly softTtlMs: number;
  /** Until then it is served, stale from `softTtlMs` on; never less than that. */
  readonly hardTtlMs: number;
  /** How much longer it is served when loads fail. */
  readonly staleIfErrorMs: number;
  /** Which column of the table it is by. */
  readonly session: "open" | "closed" | "crypto";
  /** Whether the open of the market ends it: to renew it before then is in vain. */
  readonly endsAtOpen: boolean;
}

/** How long an entry holds; see the head of this file. O(1), a microsecond. */
export function ttlOf(question: TtlQuestion, options: TtlOptions = TTL_DEFAULTS): Ttl {
  const { key, nowMs, instrument } = question;
  const rule = ttlRuleOf(options.rules, kindOfKey(key));
  const session = sessionAt(instrument, nowMs);
  const keptRatio = 1 - options.jitterRatio * drawn(key, nowMs);
  if (session !== "closed" || instrument === null) {
    const isBent = options.followsVolatility && rule.isMarketPrice;
    const factor = isBent ? volatilityFactor(question.volatilityRatio ?? 1) : 1;
    const softMs = rounded(
      (session === "crypto" ? rule.cryptoMs : rule.openMs) * factor * keptRatio,
    );
    return ttl(softMs, softMs * options.hardRatio, session, false, options);
  }
  const untilOpenMs = nextOpen(instrument.calendar, nowMs) - nowMs;
  const tableMs = Math.max(
    rule.closedMs * keptRatio,
    pauseMs(rule, instrument.calendar, nowMs, untilOpenMs, options),
  );
  if (!options.endsAtOpen) {
    const softMs = rounded(tableMs);
    return ttl(softMs, softMs * options.hardRatio, session, false, options);
  }
  const openedMs = rule.openMs * keptRatio;
  const lastMs = rule.isMarketPrice ? untilOpenMs : Math.max(untilOpenMs, openedMs);
  const softMs = rounded(Math.min(tableMs, lastMs));
  const staleMs = Math.max(softMs, untilOpenMs) + (options.hardRatio - 1) * openedMs;
  const hardMs = Math.min(tableMs * options.hardRatio, staleMs);
  return ttl(softMs, hardMs, session, tableMs >= untilOpenMs && lastMs === untilOpenMs, options);
}

/** {@linkcode ttlOf} for whoever has a key and the time: the instrument is that of its symbol. */
export function ttlByKey(
  options: TtlOptions,
  instrumentOf: (symbol: string) => TradedAs | null,
  volatilityRatioOf?: (symbol: string, nowMs: number) => number,
): (key: string, nowMs: number) => Ttl {
  return (key, nowMs) => {
    const symbol = symbolOfKey(key);
    const instrument = instrumentOf(symbol);
    const volatilityRatio = volatilityRatioOf?.(symbol, nowMs) ?? 1;
    return ttlOf({ key, nowMs, instrument, volatilityRatio }, options);
  };
}

function sessionAt(instrument: TradedAs | null, nowMs: number): Ttl["session"] {
  if (instrument === null) return "open";
  if (instrument.assetClass === "crypto") return "crypto";
  return isOpen(instrument.calendar, nowMs) ? "open" : "closed";
}

/** How long a weekend or holiday lets a price hold; 0 for what it does not concern. */
function pauseMs(
  { isMarketPrice }: TtlRule,
  calendar: CalendarName,
  nowMs: number,
  untilOpenMs: number,
  { pauseTtlMaxMs }: TtlOptions,
): number {
  if (!isMarketPrice || pauseTtlMaxMs === 0) return 0;
  return isLongPause(calendar, nowMs, untilOpenMs) ? Math.min(untilOpenMs, pauseTtlMaxMs) : 0;
}

/** Whether the time until the next open has any of a day without trade. */
function isLongPause(calendar: CalendarName, nowMs: number, untilOpenMs: number): boolean {
  if (!(untilOpenMs <= NIGHT_MAX_MS)) return true;
  const last = calendarDay(calendar, nowMs + untilOpenMs);
  for (let day = calendarDay(calendar, nowMs); day < last; day++) {
    if (dayKind(calendar, day).kind === "closed") return true;
  }
  return false;
}

/** A number in [0, 1) that looks random: of the key, and of the time, so that it does not stay. */
function drawn(key: string, nowMs: number): number {
  // The time's low bits; `|` takes a number modulo 2^32.
  return (mix(hashKey(key, 0) ^ mix(nowMs | 0)) >>> 0) / 2 ** 32;
}

function rounded(ttlMs: number): number {
  return Math.max(1, roundTtlMs(ttlMs));
}

function ttl(
  softTtlMs: number,
  hardMs: number,
  session: Ttl["session"],
  endsAtOpen: boolean,
  { staleIfErrorMs }: TtlOptions,
): Ttl {
  const hardTtlMs = Math.max(softTtlMs, rounded(hardMs));
  return { softTtlMs, hardTtlMs, staleIfErrorMs, session, endsAtOpen };
}
