/**
 * How often the keys asked for most are asked for in each hour of the week of their market: what is
 * wanted on a Monday at 9 is read ahead on Monday at 8.
 *
 * A row has 168 means, each of the accesses in that hour of the week, half of it of the last week,
 * a quarter of the one before and so on. A mean changes when its hour ends, so that nothing has to
 * fade in between. One slot in 40 has a row: a strategy proposes some hundred keys, and the tail of
 * keys is asked for too rarely to tell its hours apart.
 *
 * A key gets a row when it was asked for {@linkcode SEEN_MIN} times, while there are any; each hour
 * rows go from the keys that are no longer among the first to those that are.
 *
 * @module
 */

import type { CalendarName } from "../market/instrument.ts";
import { cellOf, meanOf, nextMean } from "./hour_cell.ts";
import { DAY_HOURS, hourNumber, hourOfWeek, isWeekendHour, WEEK_HOURS } from "./hour_of_week.ts";
import { type SlotArray, slotArray } from "./slot_array.ts";

/** Slots to a row. */
const SLOTS_PER_ROW = 80;
/** Rows of few slots. */
const ROWS_MIN = 64;
/** Accesses before a key may have a row, and its market is asked for. */
export const SEEN_MIN = 4;
/** A row is kept until its key is that far below the last of those that should have one. */
const KEPT_SHARE = 0.5;

const HOUR_MS = 3_600_000;
const WEEK_MS = WEEK_HOURS * HOUR_MS;

/** What a snapshot has of {@linkcode HourRows}. */
export interface HourRowsSnapshot {
  /** Slot by row; -1 for none. */
  readonly slots: Int32Array<ArrayBuffer>;
  readonly cells: Uint8Array<ArrayBuffer>;
  /** Accesses of the hour that had begun. */
  readonly running: Uint32Array<ArrayBuffer>;
  readonly hour: number;
}

/** See the top of the file. */
export class HourRows {
  readonly #calendarAt: (slot: number) => CalendarName;
  /** Row + 1 by slot; 0 for none. */
  readonly #rowOf: SlotArray;
  readonly #slots: Int32Array<ArrayBuffer>;
  readonly #cells: Uint8Array<ArrayBuffer>;
  readonly #running: Uint32Array<ArrayBuffer>;
  #size = 0;
  /** No row before it is free. */
  #freeFrom = 0;
  #hour: number;

  /** Without rows; `calendarAt` is asked when an hour ends. */
  constructor(slots: number, calendarAt: (slot: number) => CalendarName, nowMs: number) {
    const rows = rowsFor(slots);
    this.#calendarAt = calendarAt;
    this.#rowOf = slotArray(slots, rows);
    this.#slots = new Int32Array(rows).fill(-1);
    this.#cells = new Uint8Array(rows * WEEK_HOURS);
    this.#running = new Uint32Array(rows);
    this.#hour = hourNumber(nowMs);
  }

  /** Rows in use. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#rowOf.byteLength + this.#slots.byteLength + this.#cells.byteLength +
      this.#running.byteLength;
  }

  /** Counts an access to a slot whose key was asked for {@linkcode SEEN_MIN} times. O(1). */
  record(slot: number): void {
    const row = this.#rowOf[slot] as number;
    if (row > 0) this.#running[row - 1] = (this.#running[row - 1] as number) + 1;
    else if (this.#size < this.#slots.length) {
      this.#running[this.#give(slot)] = 1;
    }
  }

  /** Takes its row from a slot. O(1). */
  clear(slot: number): void {
    const row = (this.#rowOf[slot] as number) - 1;
    if (row < 0) return;
    this.#rowOf[slot] = 0;
    this.#slots[row] = -1;
    this.#size--;
    this.#freeFrom = Math.min(this.#freeFrom, row);
  }

  /**
   * Lets time pass; true when an hour has ended since. O(rows) for each hour that has, those without
   * accesses too, a week of them at most.
   */
  advance(nowMs: number): boolean {
    const hour = hourNumber(nowMs);
    if (hour <= this.#hour) return false;
    const from = Math.max(this.#hour, hour - WEEK_HOURS);
    this.#endHour(this.#hour);
    for (let ended = from + 1; ended < hour; ended++) this.#endHour(ended);
    this.#hour = hour;
    return true;
  }

  /** Gives rows to the slots with the highest of `values`. O(slots log slots), once an hour. */
  rebalance(values: Float32Array): void {
    const rows = this.#slots.length;
    if (this.#size < rows || values.length <= rows) return;
    const last = values.toSorted()[values.length - rows] as number;
    for (const slot of this.#slots) {
      if (slot >= 0 && (values[slot] as number) < last * KEPT_SHARE) this.clear(slot);
    }
    for (let slot = 0; slot < values.length && this.#size < rows; slot++) {
      const value = values[slot] as number;
      if (value > 0 && value >= last && this.#rowOf[slot] === 0) this.#give(slot);
    }
  }

  /**
   * Accesses to expect of a slot in the hour that holds `ms`: the mean of that hour of the week, or,
   * before there is one, of the same hour on the other days: on weekdays for a weekday, at weekends
   * for a weekend. 0 when nothing is known. O(1).
   */
  expected(slot: number, ms: number): number {
    const row = (this.#rowOf[slot] as number) - 1;
    if (row < 0) return 0;
    const ofWeek = hourOfWeek(this.#calendarAt(slot), ms);
    const cells = row * WEEK_HOURS;
    const mean = meanOf(this.#cells[cells + ofWeek] as number);
    if (!Number.isNaN(mean)) return mean;
    let sum = 0, days = 0;
    for (let other = ofWeek % DAY_HOURS; other < WEEK_HOURS; other += DAY_HOURS) {
      const known = meanOf(this.#cells[cells + other] as number);
      if (Number.isNaN(known) || isWeekendHour(other) !== isWeekendHour(ofWeek)) continue;
      sum += known;
      days++;
    }
    return days === 0 ? 0 : sum / days;
  }

  /** Calls `each` with every slot that has a row. */
  forEach(each: (slot: number) => void): void {
    for (const slot of this.#slots) if (slot >= 0) each(slot);
  }

  /** A copy of what it is made of. */
  snapshot(): HourRowsSnapshot {
    return {
      slots: this.#slots.slice(),
      cells: this.#cells.slice(),
      running: this.#running.slice(),
      hour: this.#hour,
    };
  }

  /**
   * Takes a snapshot's rows, slot i having been `from[i]` there. The hour that had begun then ends
   * if it is over; the hours since are not taken for hours without accesses. Means are halved for
   * each whole week since.
   */
  restore(given: HourRowsSnapshot, from: Int32Array, nowMs: number): void {
    const rowBefore = new Map<number, number>();
    for (const [row, slot] of given.slots.entries()) if (slot >= 0) rowBefore.set(slot, row);
    for (let slot = 0; slot < from.length && this.#size < this.#slots.length; slot++) {
      const before = rowBefore.get(from[slot] as number);
      if (before === undefined) continue;
      const row = this.#give(slot);
      const cells = given.cells.subarray(before * WEEK_HOURS, (before + 1) * WEEK_HOURS);
      this.#cells.set(cells, row * WEEK_HOURS);
      this.#running[row] = given.running[before] ?? 0;
    }
    const hour = hourNumber(nowMs);
    if (hour > given.hour) this.#endHour(given.hour);
    const weeks = Math.floor(Math.max(0, hour - given.hour) * HOUR_MS / WEEK_MS);
    if (weeks > 0) this.#fade(2 ** -weeks);
    this.#hour = Math.max(hour, given.hour);
  }

  #fade(factor: number): void {
    for (let at = 0; at < this.#cells.length; at++) {
      this.#cells[at] = cellOf(meanOf(this.#cells[at] as number) * factor);
    }
  }

  #give(slot: number): number {
    let row = this.#freeFrom;
    while ((this.#slots[row] as number) >= 0) row++;
    this.#freeFrom = row + 1;
    this.#slots[row] = slot;
    this.#rowOf[slot] = row + 1;
    this.#running[row] = 0;
    this.#cells.fill(0, row * WEEK_HOURS, (row + 1) * WEEK_HOURS);
    this.#size++;
    return row;
  }

  #endHour(hour: number): void {
    const always = hourOfWeek("always", hour * HOUR_MS);
    const newYork = hourOfWeek("nyse", hour * HOUR_MS);
    for (let row = 0; row < this.#slots.length; row++) {
      const slot = this.#slots[row] as number;
      if (slot < 0) continue;
      const at = row * WEEK_HOURS + (this.#calendarAt(slot) === "always" ? always : newYork);
      const mean = nextMean(meanOf(this.#cells[at] as number), this.#running[row] as number);
      this.#cells[at] = cellOf(mean);
      this.#running[row] = 0;
    }
  }
}

/** Rows of so many slots. */
export function rowsFor(slots: number): number {
  return Math.min(slots, Math.max(ROWS_MIN, Math.ceil(slots / SLOTS_PER_ROW)));
}
