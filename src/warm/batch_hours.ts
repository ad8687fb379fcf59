/**
 * Hours of low load, learned from the calls that were made, or as they were set while too little is
 * known.
 *
 * @module
 */

const HOURS = 24;
const HOUR_MS = 3_600_000;

/** Hours that must have passed before what was learned counts: a whole day. */
const LEARNED_HOURS_MIN = 24;

/**
 * What a day weighs against the one after it: half of what is known is of the last day, and nothing
 * to speak of older than a week.
 */
const DAY_DECAY = 0.5;

/** An hour of less than this share of the mean hour's calls is one of low load. */
const LOW_SHARE = 0.5;

/** Hours of low load unless told otherwise, UTC: night in New York. */
export const LOW_LOAD_HOURS_DEFAULT: readonly number[] = [0, 1, 2, 3, 4, 5, 6];

/**
 * Calls by hour of the day (UTC). All is O(1) but for `isLow`, O(24).
 *
 * - an hour's count is settled when it is over, so that an hour that has just begun is not low
 * - hours in which nobody asked are hours without calls, and low
 */
export class LowLoadHours {
  readonly #set: ReadonlySet<number>;
  /** Calls of each hour, decayed day by day. */
  readonly #calls = new Float64Array(HOURS);
  /** Days each hour was seen, decayed the same way. */
  readonly #days = new Float64Array(HOURS);
  /** Hours since the epoch: the present one; null before the first. */
  #hour: number | null = null;
  #current = 0;
  #learned = 0;

  /**
   * Knows nothing yet.
   *
   * @param hours Hours of low load until it does, 0 to 23, UTC.
   */
  constructor(hours: readonly number[] = LOW_LOAD_HOURS_DEFAULT) {
    const wrong = hours.find((hour) => !Number.isInteger(hour) || hour < 0 || hour >= HOURS);
    if (wrong !== undefined) {
      throw new RangeError(
        `Cannot set hours of low load: expected hours of 0 to 23: current value is ${wrong}`,
      );
    }
    this.#set = new Set(hours);
  }

  /** Whether what it says is learned. */
  get isLearned(): boolean {
    return this.#learned >= LEARNED_HOURS_MIN;
  }

  /** A call was made. */
  note(wallMs: number): void {
    this.#tick(wallMs);
    this.#current++;
  }

  /** Whether this is an hour of low load. */
  isLow(wallMs: number): boolean {
    this.#tick(wallMs);
    const hour = hourOf(wallMs) % HOURS;
    if (!this.isLearned) return this.#set.has(hour);
    const mean = this.#meanOf.bind(this);
    let sum = 0;
    for (let at = 0; at < HOURS; at++) sum += mean(at);
    return mean(hour) < LOW_SHARE * sum / HOURS;
  }

  #meanOf(hour: number): number {
    const days = this.#days[hour] as number;
    return days === 0 ? 0 : (this.#calls[hour] as number) / days;
  }

  /** Settles hours that are over; after a gap of days only the last day's. */
  #tick(wallMs: number): void {
    const now = hourOf(wallMs);
    // The wall clock may go back: then the hour goes on.
    if (this.#hour === null) this.#hour = now;
    if (now <= this.#hour) return;
    const gone = Math.min(now - this.#hour, HOURS);
    for (let i = 0; i < gone; i++) {
      const hour = (this.#hour + i) % HOURS;
      this.#calls[hour] = (this.#calls[hour] as number) * DAY_DECAY + (i === 0 ? this.#current : 0);
      this.#days[hour] = (this.#days[hour] as number) * DAY_DECAY + 1;
    }
    this.#learned = Math.min(LEARNED_HOURS_MIN, this.#learned + gone);
    this.#hour = now;
    this.#current = 0;
  }
}

function hourOf(wallMs: number): number {
  return Math.floor(wallMs / HOUR_MS);
}

/**
 * Hours from a text as `0,1,2` or `22-5`; what was expected where it is none.
 *
 * @param text As `lowLoadHours` in the configuration; empty for no hour.
 */
export function parseLowLoadHours(text: string): readonly number[] | string {
  const hours = new Set<number>();
  for (const part of text.split(",").map((one) => one.trim()).filter((one) => one !== "")) {
    const [, first, last = first] = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part) ?? [];
    const from = Number(first);
    const to = Number(last);
    if (!(from < HOURS && to < HOURS)) return "expected hours of 0 to 23, as 0,1,2 or 22-5";
    for (let hour = from;; hour = (hour + 1) % HOURS) {
      hours.add(hour);
      if (hour === to) break;
    }
  }
  return [...hours];
}
