/**
 * When strategies run. Pure: it is asked at every tick what is due.
 *
 * - never drifts: an interval's runs lie on a grid that is counted from the epoch, not from when the
 *   last one ended
 * - never repeats: a run is due at a moment of absolute time, and every moment asked for is later
 *   than the last one, so that no hour comes twice when clocks go back; none is skipped when they go
 *   forward, since moments of New York's day are taken from the calendar
 * - one run after a jump of the clock or a pause, however many moments were passed
 * - what was due before it was made is not made up for
 *
 * @module
 */

import { tradingDays } from "../market/calendar.ts";
import { newYorkDay, newYorkMs } from "./new_york.ts";
import type { WarmingSchedule } from "./settings.ts";
import type { MarketEvent } from "./types.ts";

/** By what an interval may shrink or grow at most, and does at a step. */
const ADAPT_RATIO_MAX = 4;
const ADAPT_STEP = 2;

/** A run that finds this share of its keys absent was late; one that finds none was early. */
const FOUND_MUCH = 0.5;

/** Longest stretch without a trading day, days: ten, with room. */
const PAUSE_DAYS_MAX = 15;

const DAY_MS = 86_400_000;

/** What a schedule asks of the world. */
export interface SchedulePorts {
  /** Another list when dates have changed. */
  events(): readonly MarketEvent[];
  cronNextMs?(pattern: string, timeZone: string, afterMs: number): number | null;
}

/** What a run came to, for intervals that adapt. */
export interface RunFound {
  /** Keys that the strategy proposed at a sufficient chance. */
  readonly proposed: number;
  /** Of them, those that were not there. */
  readonly absent: number;
}

/** One strategy's times. */
export class Schedule {
  readonly #schedule: WarmingSchedule;
  readonly #ports: SchedulePorts;
  /** The step of an interval, ms; 0 for others. */
  #everyMs: number;
  #nextMs: number | null;
  /** The calendar that the next moment was found in, and until when its moments are over. */
  #events: readonly MarketEvent[] = [];
  #seenMs: number;

  /** Its first moment is the first one after `nowMs`. */
  constructor(schedule: WarmingSchedule, ports: SchedulePorts, nowMs: number) {
    this.#schedule = schedule;
    this.#ports = ports;
    this.#everyMs = schedule.kind === "interval" ? schedule.everyMs : 0;
    this.#seenMs = nowMs;
    this.#nextMs = this.#after(nowMs);
  }

  /** When it is due next, epoch ms; null: never, or not by time. */
  get nextMs(): number | null {
    return this.#nextMs;
  }

  /** The step of an interval as adapted, ms; 0 for others. */
  get everyMs(): number {
    return this.#everyMs;
  }

  /** Whether a moment has come since the last call that said so; goes on to the next one. */
  isDue(nowMs: number): boolean {
    if (this.#schedule.kind === "event") return this.#isEventDue(nowMs);
    if (this.#nextMs === null || nowMs < this.#nextMs) return false;
    this.#nextMs = this.#after(nowMs);
    return true;
  }

  #isEventDue(nowMs: number): boolean {
    const events = this.#ports.events();
    // Read only when they are others: there may be thousands.
    if (events !== this.#events) this.#nextMs = this.#after(this.#seenMs);
    this.#events = events;
    // Dates that are said too late for their moment are not made up for either.
    this.#seenMs = Math.max(this.#seenMs, nowMs);
    if (this.#nextMs === null || nowMs < this.#nextMs) return false;
    this.#nextMs = this.#after(nowMs);
    return true;
  }

  /** A run has come to this: an interval that adapts takes another step. */
  found({ proposed, absent }: RunFound, nowMs: number): void {
    const schedule = this.#schedule;
    if (schedule.kind !== "interval" || !schedule.adapts) return;
    const least = schedule.everyMs / ADAPT_RATIO_MAX;
    const most = schedule.everyMs * ADAPT_RATIO_MAX;
    if (absent === 0) this.#everyMs = Math.min(this.#everyMs * ADAPT_STEP, most);
    else if (absent >= proposed * FOUND_MUCH) {
      this.#everyMs = Math.max(this.#everyMs / ADAPT_STEP, least);
    }
    this.#nextMs = this.#after(nowMs);
  }

  /** The first moment after a time. */
  #after(ms: number): number | null {
    const schedule = this.#schedule;
    switch (schedule.kind) {
      case "interval":
        return (Math.floor(ms / this.#everyMs) + 1) * this.#everyMs;
      case "cron":
        return laterThan(
          ms,
          this.#ports.cronNextMs?.(schedule.pattern, schedule.timeZone, ms) ?? null,
        );
      case "trading_day":
        return nextOnTradingDay(schedule.minute, ms);
      case "event":
        return nextOfEvents(this.#ports.events(), schedule, ms);
      case "access":
      case "expiry":
        return null;
    }
  }
}

/** A moment that a port says is due, unless it is not after `ms`: it would be due for ever. */
const laterThan = (ms: number, next: number | null) => next !== null && next > ms ? next : null;

/** The next time at which New York's clock shows `minute` on a day that the NYSE trades. */
export function nextOnTradingDay(minute: number, afterMs: number): number | null {
  const today = newYorkDay(afterMs);
  for (const { day } of tradingDays("nyse", today, today + PAUSE_DAYS_MAX)) {
    const atMs = newYorkMs(day, minute);
    if (atMs > afterMs) return atMs;
  }
  return null;
}

/** The next evening before, or morning of, a date of the calendar. O(events). */
export function nextOfEvents(
  events: readonly MarketEvent[],
  minutes: { readonly eveningMinute: number; readonly morningMinute: number },
  afterMs: number,
): number | null {
  let next: number | null = null;
  for (const { date } of events) {
    const day = dayOfDate(date);
    if (day === null) continue;
    for (
      const atMs of [
        newYorkMs(day - 1, minutes.eveningMinute),
        newYorkMs(day, minutes.morningMinute),
      ]
    ) {
      if (atMs > afterMs && (next === null || atMs < next)) next = atMs;
    }
  }
  return next;
}

/** A civil date as days since 1970-01-01; null for a text that is none. */
export function dayOfDate(date: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return null;
  const ms = Date.parse(`${date}T00:00:00Z`);
  // 2026-02-30 is parsed as March by some engines, and as nothing by others.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== date ? null : ms / DAY_MS;
}
