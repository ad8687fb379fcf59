/**
 * What is known of single keys besides counts: when each was asked for last, how it was answered, and
 * by which calendar it trades.
 *
 * @module
 */

import type { CalendarName } from "../market/instrument.ts";
import type { AccessAnswer } from "./types.ts";

const MINUTE_MS = 60_000;
const MINUTES_MASK = 0xffff;
/** Of a byte for both: their ratio is all that is read of them. */
const ANSWER_BITS = 4;
const ANSWERS_MAX = 15;

/** Calendars by number, from 1; 0 while nobody has asked. */
const CALENDARS = ["always", "nyse", "fx"] as const satisfies readonly CalendarName[];
const CALENDAR_NUMBERS = { always: 1, nyse: 2, fx: 3 } as const;
/** Bits of a mark: the number of its key's calendar; whether the entry of the key was warmed. */
const CALENDAR = 3;
const WARMED_SHIFT = 2;
const WARMED = 1 << WARMED_SHIFT;
/** All marks are below. */
export const MARKS_END = 8;

/** How accesses were answered, all keys together. */
export interface AnswerCounts {
  /** From the cache within its TTL, and past it. */
  readonly fresh: number;
  readonly stale: number;
  /** After waiting for upstream. */
  readonly waited: number;
  /** Nobody knows. */
  readonly elsewhere: number;
  /** Of those from the cache: the entry was put there ahead of need. */
  readonly warmed: number;
}

/** Arrays by slot, as a snapshot has them. */
export interface SlotFiguresSnapshot {
  readonly lastMinutes: Uint16Array<ArrayBuffer>;
  readonly hitsAndWaits: Uint8Array<ArrayBuffer>;
  /** Below {@linkcode MARKS_END}. */
  readonly marks: Uint8Array<ArrayBuffer>;
  readonly answers: AnswerCounts;
}

/** See the top of the file. 4 bytes a slot. */
export class SlotFigures {
  /** Minutes since 1970, the low 16 bits: what was asked for within 45 days is told by them. */
  readonly #lastMinutes: Uint16Array<ArrayBuffer>;
  /** Hits in the low four bits, waits in the others; halved together when either is full. */
  readonly #hitsAndWaits: Uint8Array<ArrayBuffer>;
  /** Bits: {@linkcode CALENDAR} and {@linkcode WARMED}. */
  readonly #marks: Uint8Array<ArrayBuffer>;
  #fresh = 0;
  #stale = 0;
  #waited = 0;
  #elsewhere = 0;
  #warmedHits = 0;

  /** Nothing is known of any slot. */
  constructor(slots: number) {
    this.#lastMinutes = new Uint16Array(slots);
    this.#hitsAndWaits = new Uint8Array(slots);
    this.#marks = new Uint8Array(slots);
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#lastMinutes.byteLength + this.#hitsAndWaits.byteLength +
      this.#marks.byteLength;
  }

  /** Of all keys, tracked or not. */
  get answers(): AnswerCounts {
    return {
      fresh: this.#fresh,
      stale: this.#stale,
      waited: this.#waited,
      elsewhere: this.#elsewhere,
      warmed: this.#warmedHits,
    };
  }

  /** Notes an access to a slot; -1 for a key without one. O(1). */
  record(slot: number, answer: AccessAnswer, nowMs: number): void {
    const isSlot = slot >= 0;
    if (isSlot) this.#lastMinutes[slot] = Math.floor(nowMs / MINUTE_MS);
    if (answer === "fresh" || answer === "stale") {
      if (answer === "fresh") this.#fresh++;
      else this.#stale++;
      if (!isSlot) return;
      this.#raise(slot, 1);
      this.#warmedHits += (this.#marks[slot] as number) >> WARMED_SHIFT;
    } else if (answer === "waited") {
      this.#waited++;
      if (!isSlot) return;
      this.#raise(slot, 0);
      // Whatever was warmed is no longer there.
      this.stored(slot, false);
    } else this.#elsewhere++;
  }

  /** The cache has a new entry of a slot's key. */
  stored(slot: number, isWarmed: boolean): void {
    const calendar = (this.#marks[slot] as number) & CALENDAR;
    this.#marks[slot] = isWarmed ? calendar | WARMED : calendar;
  }

  /** Forgets a slot. */
  clear(slot: number): void {
    this.#lastMinutes[slot] = 0;
    this.#hitsAndWaits[slot] = 0;
    this.#marks[slot] = 0;
  }

  /** Notes the calendar of a slot's key. */
  setCalendar(slot: number, calendar: CalendarName): void {
    const warmed = (this.#marks[slot] as number) & WARMED;
    this.#marks[slot] = warmed | CALENDAR_NUMBERS[calendar];
  }

  /** Calendar of a slot's key; null while nobody has asked. */
  calendarAt(slot: number): CalendarName | null {
    return CALENDARS[((this.#marks[slot] ?? 0) & CALENDAR) - 1] ?? null;
  }

  /** Whether the calendar of a slot's key was asked for. */
  hasCalendar(slot: number): boolean {
    return ((this.#marks[slot] ?? 0) & CALENDAR) !== 0;
  }

  /** When its key was asked for last, epoch ms, to the minute, if within 45 days. */
  lastAtMs(slot: number, nowMs: number): number {
    const nowMinutes = Math.floor(nowMs / MINUTE_MS);
    const agoMinutes = (nowMinutes - (this.#lastMinutes[slot] ?? 0)) & MINUTES_MASK;
    return (nowMinutes - agoMinutes) * MINUTE_MS;
  }

  /** Share of the accesses to its key that did not wait; null when nothing is known. */
  hitRatio(slot: number): number | null {
    const both = this.#hitsAndWaits[slot] ?? 0;
    const hits = both & ANSWERS_MAX;
    const all = hits + (both >> ANSWER_BITS);
    return all === 0 ? null : hits / all;
  }

  /** A copy of what it is made of. */
  snapshot(): SlotFiguresSnapshot {
    return {
      lastMinutes: this.#lastMinutes.slice(),
      hitsAndWaits: this.#hitsAndWaits.slice(),
      marks: this.#marks.slice(),
      answers: this.answers,
    };
  }

  /** Takes a snapshot's; slot i was `from[i]` there. */
  restore(given: SlotFiguresSnapshot, from: Int32Array): void {
    for (let slot = 0; slot < from.length; slot++) {
      const old = from[slot] as number;
      if (old < 0) continue;
      this.#lastMinutes[slot] = given.lastMinutes[old] ?? 0;
      this.#hitsAndWaits[slot] = given.hitsAndWaits[old] ?? 0;
      this.#marks[slot] = given.marks[old] ?? 0;
    }
    const { fresh, stale, waited, elsewhere, warmed } = given.answers;
    this.#fresh = fresh;
    this.#stale = stale;
    this.#waited = waited;
    this.#elsewhere = elsewhere;
    this.#warmedHits = warmed;
  }

  /** Only the ratio of the two matters: both are halved where one would not fit. */
  #raise(slot: number, isHit: 0 | 1): void {
    const both = this.#hitsAndWaits[slot] as number;
    let hits = both & ANSWERS_MAX, waits = both >> ANSWER_BITS;
    if (hits === ANSWERS_MAX || waits === ANSWERS_MAX) {
      hits >>= 1;
      waits >>= 1;
    }
    hits += isHit;
    waits += 1 - isHit;
    this.#hitsAndWaits[slot] = waits << ANSWER_BITS | hits;
  }
}
