/**
 * Chooses how many items go out together: few enough that little is lost when one of them fails,
 * many enough that the overhead of a call is shared.
 *
 * A chunk of n items takes T(n) and gets through with probability (1 − p)^n, so that it brings
 *
 * ```
 * goodput(n) = n · (1 − p)^n / T(n)
 * ```
 *
 * items for each ms spent. p is pooled over all chunks (`chunk_failures.ts`), T is learned for each
 * size of a geometric ladder (`chunk_times.ts`); both forget, so that a change of regime is followed.
 *
 * - From one size it moves to a neighbour only, and only once it has been tried itself: many chunks
 *   under way at once cannot run it up the ladder on nothing but extrapolation.
 * - Every fifth chunk tries a neighbour, the one that is known less, unless it is known to be worse.
 * - Three failures in a row drop three sizes at once: too large a chunk that keeps failing is no time
 *   to collect statistics.
 * - Between sizes of nearly the same goodput the smaller is taken: less is lost when a job is killed.
 *
 * Sizes are given out before the results of earlier ones are known. So the outcome carries its own
 * size, and failures in a row count only for chunks of about the present size: after a drop, those
 * still under way at the old one fail unheard.
 *
 * @module
 */

import { ChunkFailures } from "./chunk_failures.ts";
import { chunkSizes, nearestSize, SIZE_STEP } from "./chunk_sizes.ts";
import { ChunkTimes } from "./chunk_times.ts";

/** Smallest chunk unless said otherwise. */
export const CHUNK_MIN_DEFAULT = 10;
/** Largest chunk unless said otherwise: what URLs and providers' batch calls take. */
export const CHUNK_MAX_DEFAULT = 500;
/** First size unless said otherwise. */
export const CHUNK_START_DEFAULT = 100;

const EXPLORE_EVERY = 5;
const FAILURES_IN_ROW_MAX = 3;
const DROP_STEPS = 3;
/** Trials of a size, decayed, before it is left. */
const TRIALS_TO_MOVE = 0.5;
/** What a larger size must bring more, as a share: below it is noise. */
const GAIN_UP_RATIO = 0.01;
/** What a smaller size may bring less. */
const LOSS_DOWN_RATIO = 0.003;
/** Near the end, what is left is spread over so many chunks for each worker. */
const TAIL_CHUNKS_PER_WORKER = 2;
/** The half step around a size that is filed under it. */
const HALF_STEP = Math.sqrt(SIZE_STEP);

/** How a controller is set up. */
export interface ChunkControllerOptions {
  /** Smallest size; 10 unless said otherwise. Equal to `max`: the size is fixed. */
  readonly min?: number;
  /** Largest size; 500 unless said otherwise. */
  readonly max?: number;
  /** First size, moved to the nearest of the ladder; 100 unless said otherwise. */
  readonly start?: number;
  /** Chunks under way at once; more than one spreads the last items over all of them. Default 1. */
  readonly workers?: number;
}

/** What came of a chunk. */
export interface ChunkOutcome {
  /** Its items, which may be fewer than were asked for. */
  readonly items: number;
  /** Whether it got through as a whole. What a rate limit refused is not to be recorded. */
  readonly ok: boolean;
  /** Time that it took, failed or not, ms. */
  readonly tookMs: number;
}

/** What is known of a size. */
export interface SizeExplained {
  /** Items in a chunk. */
  readonly size: number;
  /** Outcomes recorded for it, ever. */
  readonly trials: number;
  /** Those, halved every 100 chunks: what its estimate rests on. */
  readonly weight: number;
  /** Estimated mean time of a chunk, ms; null while nothing is known. */
  readonly chunkMs: number | null;
  /** Estimated items that get through in a second; null while nothing is known. */
  readonly goodputPerS: number | null;
}

/** Why the size is what it is. */
export interface ChunkExplained {
  /** Size of the next chunk that neither explores nor is one of the last. */
  readonly size: number;
  /** How it came to this size, as a sentence. */
  readonly why: string;
  /** Estimated probability that an item fails. */
  readonly failureRatio: number;
  /** Every size, ascending. */
  readonly sizes: readonly SizeExplained[];
}

type Move =
  | { readonly kind: "start" }
  | { readonly kind: "better"; readonly from: number; readonly gainRatio: number }
  | { readonly kind: "drop"; readonly from: number };

/**
 * The chunk size of one job.
 *
 * - every size is within the bounds, but for the last items of several workers
 * - `next` costs O(sizes), `record` O(sizes²): a few µs for the 24 sizes of 10 to 500
 *
 * @example
 * ```ts
 * import { ChunkController } from "./chunk_controller.ts";
 *
 * const chunks = new ChunkController({ min: 10, max: 500 });
 * const items = chunks.next();
 * chunks.record({ items, ok: true, tookMs: 400 });
 * console.log(chunks.explain().why);
 * ```
 */
export class ChunkController {
  readonly #sizes: readonly number[];
  readonly #workers: number;
  readonly #times: ChunkTimes;
  readonly #failures = new ChunkFailures();
  readonly #trials: Float64Array;
  /** Index of the present size. */
  #at: number;
  #move: Move = { kind: "start" };
  #given = 0;
  #failuresInRow = 0;
  #exploredUp = false;

  /**
   * Nothing known yet.
   *
   * @throws {RangeError} when the bounds are none (see {@linkcode chunkSizes}), or `workers` is not
   * an integer ≥ 1.
   */
  constructor(options: ChunkControllerOptions = {}) {
    const { min = CHUNK_MIN_DEFAULT, max = CHUNK_MAX_DEFAULT, workers = 1 } = options;
    if (!Number.isSafeInteger(workers) || workers < 1) {
      throw new RangeError(
        `Cannot size chunks: expected at least one worker: current value is ${workers}`,
      );
    }
    this.#sizes = chunkSizes(min, max);
    this.#workers = workers;
    this.#times = new ChunkTimes(this.#sizes);
    this.#trials = new Float64Array(this.#sizes.length);
    this.#at = nearestSize(this.#sizes, options.start ?? CHUNK_START_DEFAULT);
  }

  /** The present size. */
  get size(): number {
    return this.#sizeAt(this.#at);
  }

  /**
   * The size for the next chunk. `waiting` are the items that have not gone out: when less than two
   * chunks for each of several workers are left, these are made smaller, down to `min`, so that no
   * worker is left alone with a large one (guided self-scheduling; Polychronopoulos and Kuck 1987).
   */
  next(waiting = Infinity): number {
    this.#given++;
    const size = this.#sizeAt(this.#given % EXPLORE_EVERY === 0 ? this.#explored() : this.#at);
    if (this.#workers === 1) return size;
    const share = Math.ceil(waiting / (TAIL_CHUNKS_PER_WORKER * this.#workers));
    return Math.min(size, Math.max(this.#sizeAt(0), share));
  }

  /**
   * What came of a chunk, in whatever order.
   *
   * @throws {RangeError} when its items or its time are none.
   */
  record({ items, ok, tookMs }: ChunkOutcome): void {
    if (!(Number.isSafeInteger(items) && items >= 1 && Number.isFinite(tookMs) && tookMs >= 0)) {
      throw new RangeError(
        "Cannot record a chunk: expected items ≥ 1 and a time ≥ 0 ms: " +
          `current value is ${items} in ${tookMs}`,
      );
    }
    this.#failures.record(items, ok);
    const index = nearestSize(this.#sizes, items);
    // Pieces far below the smallest size say nothing about it.
    if (items * HALF_STEP >= this.#sizeAt(index)) {
      this.#times.record(index, items, tookMs);
      this.#trials[index] = (this.#trials[index] ?? 0) + 1;
    }
    const isPresent = Math.abs(index - this.#at) <= 1;
    if (isPresent && this.#countFailures(ok)) this.#drop();
    else this.#moveIfBetter();
  }

  /** What is known, and why the size is what it is. O(sizes²). */
  explain(): ChunkExplained {
    const sizes = this.#sizes.map((size, index) => {
      const chunkMs = this.#times.chunkMs(index);
      return {
        size,
        trials: this.#trials[index] ?? 0,
        weight: this.#times.trials(index),
        chunkMs: Number.isNaN(chunkMs) ? null : chunkMs,
        goodputPerS: Number.isNaN(chunkMs) ? null : this.#goodput(index) * 1_000,
      };
    });
    const failureRatio = this.#failures.ratio;
    return { size: this.size, why: this.#why(), failureRatio, sizes };
  }

  #sizeAt(index: number): number {
    return this.#sizes[index] as number;
  }

  /** Items that get through for each ms; NaN while nothing is known. */
  #goodput(index: number): number {
    return this.#goodputIn(index, this.#times.chunkMs(index));
  }

  #goodputIn(index: number, chunkMs: number): number {
    const size = this.#sizeAt(index);
    return size * (1 - this.#failures.ratio) ** size / chunkMs;
  }

  /** The neighbour that is known less; in turns while both are known alike. */
  #explored(): number {
    const down = this.#at - 1, up = this.#at + 1;
    const isUpOpen = this.#isOpen(up), isDownOpen = this.#isOpen(down);
    if (!isUpOpen || !isDownOpen) return isUpOpen ? up : isDownOpen ? down : this.#at;
    const more = this.#times.trials(up) - this.#times.trials(down);
    if (more !== 0) return more < 0 ? up : down;
    this.#exploredUp = !this.#exploredUp;
    return this.#exploredUp ? up : down;
  }

  /**
   * Whether a size may be explored. The worse it did, the fewer trials it gets, so that what they
   * lose together is the same (about 1 % of the time) for a slope and for a cliff.
   */
  #isOpen(index: number): boolean {
    if (index < 0 || index >= this.#sizes.length) return false;
    const lossRatio = this.#goodput(this.#at) /
        this.#goodputIn(index, this.#times.ownChunkMs(index)) - 1;
    return !(this.#times.trials(index) * lossRatio > 1);
  }

  /** Whether it was one failure in a row too many. */
  #countFailures(ok: boolean): boolean {
    this.#failuresInRow = ok ? 0 : this.#failuresInRow + 1;
    return this.#failuresInRow >= FAILURES_IN_ROW_MAX;
  }

  #drop(): void {
    this.#failuresInRow = 0;
    const to = Math.max(0, this.#at - DROP_STEPS);
    if (to === this.#at) return;
    this.#move = { kind: "drop", from: this.size };
    this.#at = to;
  }

  #moveIfBetter(): void {
    if (this.#times.trials(this.#at) < TRIALS_TO_MOVE) return;
    const present = this.#goodput(this.#at);
    const gainOf = (index: number) =>
      this.#sizes[index] === undefined ? -Infinity : this.#goodput(index) / present - 1;
    const up = gainOf(this.#at + 1), down = gainOf(this.#at - 1);
    const isUp = up - GAIN_UP_RATIO > Math.max(0, down + LOSS_DOWN_RATIO);
    if (!isUp && !(down + LOSS_DOWN_RATIO > 0)) return;
    this.#move = { kind: "better", from: this.size, gainRatio: isUp ? up : down };
    this.#at += isUp ? 1 : -1;
  }

  #why(): string {
    const { size } = this;
    if (this.#sizes.length === 1) return `${size} is fixed`;
    switch (this.#move.kind) {
      case "start":
        return `${size} is the first size, and no neighbour is known to be better`;
      case "drop":
        return `down from ${this.#move.from} to ${size} after ${FAILURES_IN_ROW_MAX} failures in a row`;
      case "better": {
        const { from, gainRatio } = this.#move;
        const percent = (Math.abs(gainRatio) * 100).toFixed(1);
        if (gainRatio >= 0) return `from ${from} to ${size} for ${percent} % more goodput`;
        return `from ${from} to ${size}: smaller, for only ${percent} % less goodput`;
      }
    }
  }
}
