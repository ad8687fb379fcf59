/**
 * Counts that fade, at four speeds at once.
 *
 * A count of speed j is Σ exp(−age / τj) over its accesses. The three faster τ are powers of one
 * another, so that one exponential decays them all: 5 min = 30 min / 6 = 4 h / 48.
 *
 * @module
 */

const MINUTE_MS = 60_000;

/** Speeds. */
export const SPEEDS = 4;

/** What is usual, what today is, the last hour, the last minutes. */
export const TAUS_MS = [
  14 * 1_440 * MINUTE_MS,
  240 * MINUTE_MS,
  30 * MINUTE_MS,
  5 * MINUTE_MS,
] as const;

/** Times are kept in ticks: exact enough for minutes, for 13 years, in half the bytes. */
export const TICK_MS = 100;
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** The tick of a time, one at least; 0 stands for never. */
export function ticksOf(atMs: number): number {
  return Math.max(1, Math.floor((atMs - EPOCH_MS) / TICK_MS));
}

/** When a tick began, epoch ms. */
export function msOf(ticks: number): number {
  return EPOCH_MS + ticks * TICK_MS;
}

/** What is left of counts after some time; filled by {@linkcode keptOf}. */
export type Kept = Float64Array;

/** One for each speed. */
export function newKept(): Kept {
  return new Float64Array(SPEEDS);
}

/** Fills `kept` with exp(−elapsedMs / τj). One or two exponentials. */
export function keptOf(elapsedMs: number, kept: Kept): void {
  if (elapsedMs <= 0) {
    kept.fill(1);
    return;
  }
  const slow = elapsedMs / TAUS_MS[0];
  // Below 1/1000 the error of the line is below 1e-6.
  kept[0] = slow < 1e-3 ? 1 - slow : Math.exp(-slow);
  const day = Math.exp(-elapsedMs / TAUS_MS[1]);
  const two = day * day, four = two * two, hour = four * four;
  const cubed = hour * hour * hour;
  kept[1] = day;
  kept[2] = hour;
  kept[3] = cubed * cubed;
}

/**
 * Fading counts of a few rows, such as sectors: what comes within a second is added at once, so
 * that an access costs an addition.
 */
export class FadingCounts {
  readonly #rows: number;
  /** By row and speed, as of `#atMs`. */
  readonly #counts: Float64Array<ArrayBuffer>;
  readonly #fresh: Float64Array<ArrayBuffer>;
  readonly #kept: Kept = newKept();
  #atMs = -Infinity;

  /** All zero. */
  constructor(rows: number) {
    this.#rows = rows;
    this.#counts = new Float64Array(rows * SPEEDS);
    this.#fresh = new Float64Array(rows);
  }

  /** Counts an access of a row. */
  add(row: number): void {
    this.#fresh[row] = (this.#fresh[row] as number) + 1;
  }

  /** Decays to `atMs` and takes in what came since; at most once a second. O(rows). */
  advance(atMs: number): void {
    if (atMs - this.#atMs < 1_000) return;
    keptOf(this.#atMs === -Infinity ? 0 : atMs - this.#atMs, this.#kept);
    this.#atMs = atMs;
    for (let row = 0; row < this.#rows; row++) {
      const came = this.#fresh[row] as number;
      for (let speed = 0; speed < SPEEDS; speed++) {
        const at = row * SPEEDS + speed;
        this.#counts[at] = (this.#counts[at] as number) * (this.#kept[speed] as number) + came;
      }
    }
    this.#fresh.fill(0);
  }

  /** The count of a row at a speed, as of the last `advance`, with what came since. */
  count(row: number, speed: number): number {
    return (this.#counts[row * SPEEDS + speed] as number) + (this.#fresh[row] as number);
  }

  /** What outlives the process, with what came since the last `advance`. */
  snapshot(): Float64Array<ArrayBuffer> {
    return this.#counts.map((count, at) =>
      count + (this.#fresh[Math.floor(at / SPEEDS)] as number)
    );
  }

  /** Goes on from a snapshot: row r is `from[r]` there, −1 for none; `atMs` when it was taken. */
  restore(counts: Float64Array, from: readonly number[], atMs: number): void {
    this.#counts.fill(0);
    this.#fresh.fill(0);
    this.#atMs = atMs;
    from.forEach((old, row) => {
      if (old < 0) return;
      this.#counts.set(counts.subarray(old * SPEEDS, (old + 1) * SPEEDS), row * SPEEDS);
    });
  }
}
