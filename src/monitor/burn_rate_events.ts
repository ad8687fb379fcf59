/**
 * Good and bad events of the recent past in two rings of slots: fine ones for windows of minutes,
 * coarse ones for windows of days.
 *
 * @module
 */

/** Events counted as good and bad. */
export interface EventCounts {
  /** All events. */
  readonly events: number;
  /** Those among them that missed the objective. */
  readonly bad: number;
}

/** Events of a window. */
export interface WindowCounts extends EventCounts {
  /** How much of the window has been watched, ms: less than its length after a start. */
  readonly watchedMs: number;
}

/** State of {@linkcode EventWindows} for a restart; plain data. */
export interface EventWindowsState {
  /** Numbers of the coarse slots before the current one: 0 = the one just before. */
  readonly slotsAgo: readonly number[];
  /** Events of those slots. */
  readonly events: readonly number[];
  /** Bad ones of those slots. */
  readonly bad: readonly number[];
  /** Time watched before the snapshot, ms. */
  readonly watchedMs: number;
}

/** Length of a fine slot, ms: the time between two looks of the monitor. */
export const FINE_SLOT_MS = 5_000;
/** Fine slots: an hour, the longest window that needs their resolution. 11.5 kB. */
export const FINE_SLOTS = 720;
/** Length of a coarse slot, ms: 1/72 of the shortest window that is read from them. */
export const COARSE_SLOT_MS = 300_000;
/** Coarse slots: three days, the longest window of the workbook. 13.8 kB. */
export const COARSE_SLOTS = 864;

/** One ring. Slot numbers count from monotonic time 0. */
class Ring {
  readonly events: Float64Array;
  readonly bad: Float64Array;
  #latest = -Infinity;

  constructor(readonly slotMs: number, slots: number) {
    this.events = new Float64Array(slots);
    this.bad = new Float64Array(slots);
  }

  get latest(): number {
    return this.#latest;
  }

  /** Makes the slot of `nowMs` the latest; those it passes over are emptied, each once. */
  moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / this.slotMs);
    if (!(slot > this.#latest)) return;
    const { length } = this.events;
    for (let at = Math.max(this.#latest + 1, slot - length + 1); at <= slot; at++) {
      this.events[index(at, length)] = 0;
      this.bad[index(at, length)] = 0;
    }
    this.#latest = slot;
  }

  add(slot: number, events: number, bad: number): void {
    const at = index(slot, this.events.length);
    this.events[at] = (this.events[at] as number) + events;
    this.bad[at] = (this.bad[at] as number) + bad;
  }

  /** The latest slot and those before it that make up the window. */
  sum(windowMs: number): EventCounts {
    const { length } = this.events;
    const slots = Math.min(length, Math.ceil(windowMs / this.slotMs));
    let events = 0, bad = 0;
    for (let ago = 0; ago < slots; ago++) {
      const at = index(this.#latest - ago, length);
      events += this.events[at] as number;
      bad += this.bad[at] as number;
    }
    return { events, bad };
  }
}

const index = (slot: number, length: number) => ((slot % length) + length) % length;

/**
 * Counts events over windows of up to three days.
 *
 * - Memory is fixed: 25 kB.
 * - A window is read in whole slots, the current one among them: one of an hour or less reaches up
 *   to {@linkcode FINE_SLOT_MS} less far back, a longer one up to {@linkcode COARSE_SLOT_MS}.
 * - Time is handed in. While it stands still or goes backwards, events count for the latest slot
 *   seen; a leap forwards empties the slots it passes over.
 */
export class EventWindows {
  readonly #fine = new Ring(FINE_SLOT_MS, FINE_SLOTS);
  readonly #coarse = new Ring(COARSE_SLOT_MS, COARSE_SLOTS);
  #nowMs = -Infinity;
  #startMs = Infinity;

  /**
   * Counts events at monotonic time `nowMs`. O(1), and O(slots passed over).
   *
   * @throws {RangeError} when a count is negative or not finite, or more are bad than there are.
   */
  record({ events, bad }: EventCounts, nowMs: number): void {
    if (!(bad >= 0 && events >= bad && events < Infinity)) {
      throw new RangeError(
        `Cannot count events: expected 0 ≤ bad ≤ events: current values are ${bad} of ${events}`,
      );
    }
    this.#moveTo(nowMs);
    this.#fine.add(this.#fine.latest, events, bad);
    this.#coarse.add(this.#coarse.latest, events, bad);
  }

  /** Events within `windowMs` before monotonic time `nowMs`. O(slots of the window). */
  read(windowMs: number, nowMs: number): WindowCounts {
    this.#moveTo(nowMs);
    const ring = windowMs <= FINE_SLOT_MS * FINE_SLOTS ? this.#fine : this.#coarse;
    return { ...ring.sum(windowMs), watchedMs: Math.min(windowMs, this.#nowMs - this.#startMs) };
  }

  #moveTo(nowMs: number): void {
    if (!(nowMs > this.#nowMs)) return;
    if (this.#startMs === Infinity) this.#startMs = nowMs;
    this.#nowMs = nowMs;
    this.#fine.moveTo(nowMs);
    this.#coarse.moveTo(nowMs);
  }

  /** What long windows need after a restart; the last hour's resolution is given up. O(slots). */
  snapshot(): EventWindowsState {
    const slotsAgo: number[] = [], events: number[] = [], bad: number[] = [];
    for (let ago = 0; ago < COARSE_SLOTS && this.#startMs < Infinity; ago++) {
      const at = index(this.#coarse.latest - ago, COARSE_SLOTS);
      if (this.#coarse.events[at] === 0) continue;
      slotsAgo.push(ago);
      events.push(this.#coarse.events[at] as number);
      bad.push(this.#coarse.bad[at] as number);
    }
    const watchedMs = this.#startMs === Infinity ? 0 : this.#nowMs - this.#startMs;
    return { slotsAgo, events, bad, watchedMs };
  }

  /**
   * Goes on from a snapshot taken `awayMs` ago; windows of an hour or less begin empty.
   *
   * @throws {RangeError} when it is not empty, or the counts cannot be.
   */
  restore(state: EventWindowsState, nowMs: number, awayMs = 0): void {
    if (this.#startMs !== Infinity) {
      throw new RangeError("Cannot restore windows of events: expected none that were used");
    }
    this.#moveTo(nowMs);
    const passed = Math.max(0, Math.round(awayMs / COARSE_SLOT_MS));
    state.slotsAgo.forEach((before, i) => {
      const ago = before + passed;
      const events = state.events[i] ?? NaN, bad = state.bad[i] ?? NaN;
      if (!(bad >= 0 && events >= bad && events < Infinity && ago >= 0)) {
        throw new RangeError(
          `Cannot restore windows of events: expected 0 ≤ bad ≤ events: ` +
            `current values are ${bad} of ${events}`,
        );
      }
      if (ago < COARSE_SLOTS) this.#coarse.add(this.#coarse.latest - ago, events, bad);
    });
    this.#startMs = nowMs - Math.max(0, state.watchedMs) - Math.max(0, awayMs);
  }
}
