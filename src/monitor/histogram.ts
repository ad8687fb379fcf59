/**
 * A histogram of numbers with a bounded relative error, in one typed array.
 *
 * ## How it works
 * Buckets are log-linear, as in HdrHistogram (G. Tene): each power of two is cut into
 * {@linkcode SUB_BUCKETS} buckets of equal width. Which bucket a number belongs to stands in its
 * own bits: the exponent and the leading bits of the mantissa of an IEEE 754 double, taken
 * together, count the buckets from zero upwards. So recording is a shift and two additions.
 *
 * A percentile is read as the middle of the bucket that holds it. A bucket is at most 1/64 of its
 * lower edge wide, so the middle is at most {@linkcode RELATIVE_ERROR} away from what was recorded.
 *
 * @module
 */

const SUB_BUCKET_BITS = 6;
/** Buckets per power of two. */
export const SUB_BUCKETS: number = 2 ** SUB_BUCKET_BITS;

/** Largest relative error of a percentile within the range: half a bucket, 0.78 %. */
export const RELATIVE_ERROR: number = 1 / (2 * SUB_BUCKETS);

/** Most powers of two between `lowest` and `highest`: 64 KiB of buckets. */
export const DOUBLINGS_MAX = 128;

/** The range in which the relative error holds, in the unit of what is recorded. */
export interface HistogramOptions {
  /** Smaller numbers share one bucket; default 1e-7: 100 ns when seconds are recorded. */
  readonly lowest?: number;
  /** Larger numbers share one bucket, read as the maximum; default 1e5: a day in seconds. */
  readonly highest?: number;
}

const LOWEST_DEFAULT = 1e-7;
const HIGHEST_DEFAULT = 1e5;

// Layout of the array: a header, then the buckets: one below the range, those in it, one above.
const FORMAT = 0, EXPONENT_MIN = 1, EXPONENT_MAX = 2, COUNT = 3, SUM = 4, MIN = 5, MAX = 6;
const REJECTED = 7, FIRST_BUCKET = 8, HEADER = 9;
/** Tells an encoded histogram from other columns, and this layout from later ones. */
const FORMAT_1 = 0x5748_0001;

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);
number[0] = 1;
/** Which of the two words holds the exponent: depends on the machine's byte order. */
const HIGH_WORD = words[1] === 0 ? 0 : 1;
const MANTISSA_BITS_IN_HIGH_WORD = 20;
const SHIFT = MANTISSA_BITS_IN_HIGH_WORD - SUB_BUCKET_BITS;
const EXPONENT_BIAS = 1_023;

/**
 * Counts numbers by size.
 *
 * - Memory is fixed: 21 kB with the default range, 8 bytes a bucket.
 * - `record` is O(1), allocates nothing, and takes some nanoseconds.
 * - Percentiles within the range are at most {@linkcode RELATIVE_ERROR} from the exact ones; count,
 *   sum, minimum and maximum are exact.
 * - Negative numbers, NaN and infinities are not recorded; `rejected` counts them.
 *
 * @example
 * ```ts
 * import { Histogram } from "./histogram.ts";
 *
 * const seconds = new Histogram();
 * for (let i = 1; i <= 1_000; i++) seconds.record(i / 1_000);
 * const p99 = seconds.percentile(0.99);
 * console.log(Math.abs(p99 - 0.99) < 0.0078 * 0.99); // true
 * ```
 */
export class Histogram {
  readonly #data: Float64Array;
  /** Bits of the first bucket in the range, less the bucket below the range and the header. */
  readonly #offset: number;

  /**
   * An empty one.
   *
   * @throws {RangeError} when the range is not above 0, is empty, or spans more than
   * {@linkcode DOUBLINGS_MAX} powers of two.
   */
  constructor(options: HistogramOptions = {}) {
    const { lowest = LOWEST_DEFAULT, highest = HIGHEST_DEFAULT } = options;
    const exponentMin = Math.floor(Math.log2(lowest));
    const exponentMax = Math.ceil(Math.log2(highest));
    assertRange(exponentMin, exponentMax, `${lowest} to ${highest}`);
    this.#data = new Float64Array(HEADER + bucketCount(exponentMin, exponentMax));
    this.#data[FORMAT] = FORMAT_1;
    this.#data[EXPONENT_MIN] = exponentMin;
    this.#data[EXPONENT_MAX] = exponentMax;
    this.#offset = (exponentMin + EXPONENT_BIAS) * SUB_BUCKETS - 1 - HEADER;
    this.reset();
  }

  /** Numbers recorded. */
  get count(): number {
    return this.#data[COUNT] as number;
  }

  /** Their sum. */
  get sum(): number {
    return this.#data[SUM] as number;
  }

  /** Their mean; 0 when there are none. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The smallest, exactly; Infinity when there are none. */
  get min(): number {
    return this.#data[MIN] as number;
  }

  /** The largest, exactly; -Infinity when there are none. */
  get max(): number {
    return this.#data[MAX] as number;
  }

  /** Numbers that were not recorded: negative, NaN or infinite. */
  get rejected(): number {
    return this.#data[REJECTED] as number;
  }

  /** Records a number, `times` times. */
  record(value: number, times = 1): void {
    const data = this.#data;
    // Written so that NaN fails.
    if (!(value >= 0 && value < Infinity)) {
      data[REJECTED] = (data[REJECTED] as number) + times;
      return;
    }
    const at = this.#bucketOf(value);
    data[at] = (data[at] as number) + times;
    data[COUNT] = (data[COUNT] as number) + times;
    data[SUM] = (data[SUM] as number) + value * times;
    if (value < (data[MIN] as number)) data[MIN] = value;
    if (value > (data[MAX] as number)) data[MAX] = value;
  }

  /** Where the bucket of a number ≥ 0 lies in the array. */
  #bucketOf(value: number): number {
    number[0] = value;
    const at = ((words[HIGH_WORD] as number) >>> SHIFT) - this.#offset;
    if (at < HEADER) return HEADER;
    const last = this.#data.length - 1;
    return at > last ? last : at;
  }

  /**
   * The number below or at which `share` of all lie, by nearest rank; 0 when there are none. Exact
   * for the first and the last. O(buckets).
   *
   * @throws {RangeError} when `share` is not within 0 to 1.
   */
  percentile(share: number): number {
    return this.percentiles([share])[0] as number;
  }

  /**
   * Several percentiles in one pass; `shares` ascend. O(buckets + shares).
   *
   * @throws {RangeError} when a share is not within 0 to 1, or smaller than the one before.
   */
  percentiles(shares: readonly number[]): number[] {
    const { count, min, max } = this;
    const data = this.#data;
    let at = HEADER - 1, seen = 0, before = 0;
    return shares.map((share) => {
      if (!(share >= before && share <= 1)) {
        throw new RangeError(
          `Cannot take a percentile: expected ascending shares within 0 to 1: current value is ` +
            `${share} after ${before}`,
        );
      }
      before = share;
      if (count === 0) return 0;
      const rank = Math.max(1, Math.ceil(share * count));
      while (seen < rank) seen += data[++at] as number;
      if (rank === 1) return min;
      if (rank === count) return max;
      return Math.min(max, Math.max(min, this.#middle(at)));
    });
  }

  /** What numbers of a bucket are read as. */
  #middle(at: number): number {
    // Numbers below the range have no error bound; those above it are read as the maximum.
    if (at === HEADER) return 2 ** (this.#data[EXPONENT_MIN] as number) / 2;
    if (at === this.#data.length - 1) return this.max;
    const bits = at + this.#offset;
    const sub = bits % SUB_BUCKETS;
    const exponent = (bits - sub) / SUB_BUCKETS - EXPONENT_BIAS;
    return 2 ** exponent * (1 + (sub + 0.5) / SUB_BUCKETS);
  }

  /**
   * How many numbers are at most each of the ascending `edges`. The bucket in which an edge lies
   * counts as a whole, so an edge stands for one up to 1/64 higher. O(buckets + edges).
   */
  countsAtMost(edges: readonly number[]): number[] {
    const data = this.#data;
    let at = HEADER - 1, seen = 0;
    return edges.map((edge) => {
      if (edge >= this.max) return this.count;
      const end = edge < 0 ? HEADER - 1 : this.#bucketOf(edge);
      while (at < end) seen += data[++at] as number;
      return seen;
    });
  }

  /**
   * Adds what `other` holds; `other` is left as it is. O(buckets).
   *
   * @throws {RangeError} when its range is another.
   */
  merge(other: Histogram): void {
    const data = this.#data, added = other.#data;
    if (!this.hasRangeOf(other)) {
      throw new RangeError(
        `Cannot merge a histogram: expected the range ${rangeText(data)}: ` +
          `current value is ${rangeText(added)}`,
      );
    }
    const min = Math.min(this.min, other.min), max = Math.max(this.max, other.max);
    for (let at = HEADER; at < data.length; at++) {
      data[at] = (data[at] as number) + (added[at] as number);
    }
    for (const at of [COUNT, SUM, REJECTED]) {
      data[at] = (data[at] as number) + (added[at] as number);
    }
    data[MIN] = min;
    data[MAX] = max;
  }

  /**
   * What was recorded since `earlier`, which is this histogram as it was before; null when it cannot
   * be: another range, or fewer numbers than then. Smallest and largest are those of all when they lie
   * in the same buckets, else as exact as percentiles. O(buckets).
   */
  since(earlier: Histogram): Histogram | null {
    const before = earlier.#data;
    if (!this.hasRangeOf(earlier)) return null;
    const made = Histogram.decode(this.encode());
    const data = made.#data;
    for (let at = HEADER; at < data.length; at++) {
      const left = (data[at] as number) - (before[at] as number);
      if (left < 0) return null;
      data[at] = left;
    }
    data[COUNT] = this.count - earlier.count;
    // The sum of what is gone leaves the error of its additions behind.
    data[SUM] = Math.max(0, this.sum - earlier.sum);
    data[REJECTED] = Math.max(0, this.rejected - earlier.rejected);
    const isHeld = (count: number, at: number) => at >= HEADER && count > 0;
    const first = data.findIndex(isHeld), last = data.findLastIndex(isHeld);
    data[MIN] = first < 0 ? Infinity : made.#nearest(this.min, first);
    data[MAX] = last < 0 ? -Infinity : made.#nearest(this.max, last);
    return made;
  }

  /** `value` when it lies in that bucket, else what numbers of the bucket are read as. */
  #nearest(value: number, bucket: number): number {
    return this.#bucketOf(value) === bucket ? value : this.#middle(bucket);
  }

  /** Whether `other` has the same range, so that the two can be merged. */
  hasRangeOf(other: Histogram): boolean {
    return this.#data[EXPONENT_MIN] === other.#data[EXPONENT_MIN] &&
      this.#data[EXPONENT_MAX] === other.#data[EXPONENT_MAX];
  }

  /** Forgets everything. O(buckets). */
  reset(): void {
    this.#data.fill(0, COUNT);
    this.#data[MIN] = Infinity;
    this.#data[MAX] = -Infinity;
  }

  /**
   * A copy as a column of numbers, which can be transferred to another thread and read back with
   * {@linkcode Histogram.decode}. Empty buckets at both ends are left out. O(buckets).
   */
  encode(): Float64Array<ArrayBuffer> {
    const data = this.#data;
    let from = HEADER, to = data.length;
    while (from < to && data[from] === 0) from++;
    while (to > from && data[to - 1] === 0) to--;
    const encoded = new Float64Array(HEADER + to - from);
    encoded.set(data.subarray(0, HEADER));
    encoded[FIRST_BUCKET] = from - HEADER;
    encoded.set(data.subarray(from, to), HEADER);
    return encoded;
  }

  /**
   * The histogram that {@linkcode Histogram.encode} wrote.
   *
   * @throws {RangeError} when the numbers are not one: another format, a range or buckets that
   * cannot be, or buckets that do not add up to the count.
   */
  static decode(encoded: Float64Array): Histogram {
    const [format, exponentMin = NaN, exponentMax = NaN] = encoded;
    if (encoded.length < HEADER || format !== FORMAT_1) {
      throw new RangeError(
        `Cannot decode a histogram: expected format ${FORMAT_1}: current value is ${format}`,
      );
    }
    assertRange(exponentMin, exponentMax, `2^${exponentMin} to 2^${exponentMax}`);
    const histogram = new Histogram({ lowest: 2 ** exponentMin, highest: 2 ** exponentMax });
    const data = histogram.#data;
    const first = encoded[FIRST_BUCKET] as number;
    const buckets = encoded.subarray(HEADER);
    if (!Number.isInteger(first) || first < 0 || HEADER + first + buckets.length > data.length) {
      throw new RangeError(
        `Cannot decode a histogram: expected at most ${data.length - HEADER} buckets: current ` +
          `value is ${buckets.length} from ${first}`,
      );
    }
    data.set(encoded.subarray(COUNT, FIRST_BUCKET), COUNT);
    data.set(buckets, HEADER + first);
    assertCounts(histogram.count, buckets);
    return histogram;
  }
}

function bucketCount(exponentMin: number, exponentMax: number): number {
  return (exponentMax - exponentMin) * SUB_BUCKETS + 2;
}

function assertRange(exponentMin: number, exponentMax: number, text: string): void {
  const doublings = exponentMax - exponentMin;
  const isNormal = exponentMin > -EXPONENT_BIAS && exponentMax <= EXPONENT_BIAS;
  if (Number.isInteger(doublings) && doublings >= 1 && doublings <= DOUBLINGS_MAX && isNormal) {
    return;
  }
  throw new RangeError(
    `Cannot make a histogram: expected a range above 0 of 1 to ${DOUBLINGS_MAX} powers of two: ` +
      `current value is ${text}`,
  );
}

function assertCounts(count: number, buckets: Float64Array): void {
  let sum = 0;
  // Written so that NaN fails.
  for (const inBucket of buckets) sum += inBucket >= 0 ? inBucket : NaN;
  if (sum === count) return;
  throw new RangeError(
    `Cannot decode a histogram: expected buckets that add up to ${count}: current value is ${sum}`,
  );
}

const rangeText = (data: Float64Array) => `2^${data[EXPONENT_MIN]} to 2^${data[EXPONENT_MAX]}`;
