/**
 * What is known of single keys besides counts: when each was asked for last, how it was answered, and
 * by which calendar it trades.
 *
 * @module
 */

import type { CalendarName } from "../market/instrument.ts";
import type { AccessAnswer } from "./types.ts";

const SECOND_MS = 1_000;
/** A byte: the ratio of two is all that is read of them. */
const ANSWERS_MAX = 0xff;

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
  readonly lastSeconds: Uint32Array<ArrayBuffer>;
  readonly hits: Uint8Array<ArrayBuffer>;
  readonly waits: Uint8Array<ArrayBuffer>;
  /** Below {@linkcode MARKS_END}. */
  readonly marks: Uint8Array<ArrayBuffer>;
  readonly answers: AnswerCounts;
}

/** See the top of the file. 7 bytes a slot. */
export class SlotFigures {
  /** Seconds since 1970: enough to tell what was asked for lately, in half the bytes. */
  readonly #lastSeconds: Uint32Array<ArrayBuffer>;
  readonly #hits: Uint8Array<ArrayBuffer>;
  readonly #waits: Uint8Array<ArrayBuffer>;
  /** Bits: {@linkcode CALENDAR} and {@linkcode WARMED}. */
  readonly #marks: Uint8Array<ArrayBuffer>;
  #fresh = 0;
  #stale = 0;
  #waited = 0;
  #elsewhere = 0;
  #warmedHits = 0;

  /** Nothing is known of any slot. */
  constructor(slots: number) {
    this.#lastSeconds = new Uint32Array(slots);
    this.#hits = new Uint8Array(slots);
    this.#waits = new Uint8Array(slots);
    this.#marks = new Uint8Array(slots);
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#lastSeconds.byteLength + this.#hits.byteLength + this.#waits.byteLength +
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
    if (isSlot) this.#lastSeconds[slot] = nowMs / SECOND_MS;
    if (answer === "fresh" || answer === "stale") {
      if (answer === "fresh") this.#fresh++;
      else this.#stale++;
      if (!isSlot) return;
      this.#raise(this.#hits, slot);
      this.#warmedHits += (this.#marks[slot] as number) >> WARMED_SHIFT;
    } else if (answer === "waited") {
      this.#waited++;
      if (!isSlot) return;
      this.#raise(this.#waits, slot);
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
    this.#lastSeconds[slot] = 0;
    this.#hits[slot] = 0;
    this.#waits[slot] = 0;
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

  /** When its key was asked for last, epoch ms, to the second; 0 for never. */
  lastAtMs(slot: number): number {
    return (this.#lastSeconds[slot] ?? 0) * SECOND_MS;
  }

  /** Share of the accesses to its key that did not wait; null when nothing is known. */
  hitRatio(slot: number): number | null {
    const hits = this.#hits[slot] ?? 0;
    const all = hits + (this.#waits[slot] ?? 0);
    return all === 0 ? null : hits / all;
  }

  /** A copy of what it is made of. */
  snapshot(): SlotFiguresSnapshot {
    return {
      lastSeconds: this.#lastSeconds.slice(),
      hits: this.#hits.slice(),
      waits: this.#waits.slice(),
      marks: this.#marks.slice(),
      answers: this.answers,
    };
  }

  /** Takes a snapshot's; slot i was `from[i]` there. */
  restore(given: SlotFiguresSnapshot, from: Int32Array): void {
    for (let slot = 0; slot < from.length; slot++) {
      const old = from[slot] as number;
      if (old < 0) continue;
      this.#lastSeconds[slot] = given.lastSeconds[old] ?? 0;
      this.#hits[slot] = given.hits[old] ?? 0;
      this.#waits[slot] = given.waits[old] ?? 0;
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
  #raise(which: Uint8Array, slot: number): void {
    if (which[slot] === ANSWERS_MAX) {
      this.#hits[slot] = (this.#hits[slot] as number) >>> 1;
      this.#waits[slot] = (this.#waits[slot] as number) >>> 1;
    }
    which[slot] = (which[slot] as number) + 1;
  }
}
