/**
 * Whether a guess is worth a fetch: what guesses of its kind came to before.
 *
 * The confidence of a guess is a share of few cases, and a share of few cases that was picked for
 * being high is too high. So guesses are put into buckets that are alike: how often its key was
 * counted, which confidence, and how long an entry would last. Each bucket measures what share of
 * its guesses came true, of those that were acted on and of those that were not alike; that share
 * is the chance of the next one. Nothing has to be fetched to find out that a bucket is good, or
 * has become bad. (Whether the fetched ones were of use, all in all, is the concern of
 * `throttle.ts`.)
 *
 * @module
 */

/** Guesses of a bucket before it has a chance: a share of fewer says little. */
const GUESSES_MIN = 16;
/**
 * What a later guess counts for at least, so that a bucket forgets: the last 400 or so. The
 * standard error is 1.6 points at 0.7; where many buckets are tried against one threshold, a
 * larger one lets in those that only had luck.
 */
const RATE_MIN = 0.0025;
/** Buckets of confidence, 1/15 wide. */
const CONFIDENCES = 16;
/** Buckets of accesses: 1, 2, 4, 8, 16 and more. */
const SUPPORTS = 5;
/**
 * A guess has at most so long to come true, ms, or it is in the buckets of those that have longer.
 */
const SHORT_LIFE_MS = 600_000;
const LIVES = 2;
/** All buckets. */
export const GATE_BUCKETS = LIVES * SUPPORTS * CONFIDENCES;

/** See the top of the file. */
export class Gate {
  readonly #chances = new Float64Array(GATE_BUCKETS).fill(0.5);
  readonly #guesses = new Float64Array(GATE_BUCKETS);
  readonly #open = new Int32Array(GATE_BUCKETS);

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#chances.byteLength + this.#guesses.byteLength + this.#open.byteLength;
  }

  /**
   * The bucket of a guess: accesses of the key it follows, its confidence, life of an entry, ms.
   */
  bucketOf(accesses: number, confidence: number, lifeMs: number): number {
    const support = Math.min(SUPPORTS - 1, 31 - Math.clz32(Math.max(1, accesses)));
    const share = Math.trunc(confidence * (CONFIDENCES - 1));
    const life = lifeMs > SHORT_LIFE_MS ? 1 : 0;
    return (life * SUPPORTS + support) * CONFIDENCES + share;
  }

  /**
   * The chance that a guess of the bucket comes true; 0 before it has had enough of them. Open
   * ones count as wrong beside all that were ever decided: what comes true is known sooner than
   * what does not, so that the first that are decided look too good. O(1).
   */
  chance(bucket: number): number {
    const guesses = this.#guesses[bucket] as number;
    if (guesses < GUESSES_MIN) return 0;
    return (this.#chances[bucket] as number) * guesses / (guesses + (this.#open[bucket] as number));
  }

  /** A guess of the bucket is followed from now on. O(1). */
  opened(bucket: number): void {
    this.#open[bucket] = (this.#open[bucket] as number) + 1;
  }

  /** What came of a guess that was `opened`, fetched or not. O(1). */
  decided(bucket: number, isTrue: boolean): void {
    this.withdrawn(bucket);
    const guesses = this.#guesses[bucket] as number;
    const chance = this.#chances[bucket] as number;
    const rate = Math.max(RATE_MIN, 1 / (guesses + 2));
    this.#chances[bucket] = chance + rate * ((isTrue ? 1 : 0) - chance);
    this.#guesses[bucket] = guesses + 1;
  }

  /** A guess that was `opened` is not followed any longer. O(1). */
  withdrawn(bucket: number): void {
    this.#open[bucket] = (this.#open[bucket] as number) - 1;
  }

  /** The buckets as plain data; open guesses are not kept. */
  snapshot(): GateSnapshot {
    return { chances: this.#chances.slice(), guesses: this.#guesses.slice() };
  }

  /**
   * Goes on from a snapshot; returns whether it was taken. Buckets that make no sense are left
   * out.
   */
  restore(snapshot: unknown): boolean {
    if (!isSnapshot(snapshot)) return false;
    for (let bucket = 0; bucket < GATE_BUCKETS; bucket++) {
      const chance = snapshot.chances[bucket] as number;
      const guesses = snapshot.guesses[bucket] as number;
      if (!(chance >= 0 && chance <= 1 && guesses >= 0 && guesses < Infinity)) continue;
      this.#chances[bucket] = chance;
      this.#guesses[bucket] = guesses;
    }
    return true;
  }
}

/** See {@linkcode Gate.snapshot}. */
export interface GateSnapshot {
  readonly chances: Float64Array;
  readonly guesses: Float64Array;
}

function isSnapshot(value: unknown): value is GateSnapshot {
  if (typeof value !== "object" || value === null) return false;
  const { chances, guesses } = value as Partial<Record<keyof GateSnapshot, unknown>>;
  return chances instanceof Float64Array && chances.length === GATE_BUCKETS &&
    guesses instanceof Float64Array && guesses.length === GATE_BUCKETS;
}
