/**
 * How many label workers there should be.
 *
 * ## How it works
 * Little's law (J. D. C. Little, Operations Research 9, 1961) says that the mean number of busy
 * workers is the arrival rate of work times the time that it takes: the *offered load*, in erlangs.
 * It is measured as utilisation times workers, and smoothed. As many workers as the load would all be
 * busy all the time, and their queue would grow without end; how many more are needed so that little
 * waits grows with its square root (square-root staffing: S. Halfin and W. Whitt, Operations Research
 * 29, 1981):
 *
 *     workers = ⌈load + safety · √load⌉
 *
 * When all are busy the load cannot be seen, only that it is at least the number of workers. What
 * waits says the rest: a delay of d seconds before w workers is d · w seconds of work, which so many
 * more workers have to take away within the drain time.
 *
 * Two thresholds keep it from flapping: more workers are due when the load as it is needs them, fewer
 * only when a load that is {@linkcode ScalingOptions.marginRatio} higher would not need them, and
 * each has to hold for some time. After a change there is a pause, in which what was changed shows.
 *
 * @module
 */

/** How workers are scaled. */
export interface ScalingOptions {
  /** Fewest workers; default 1. */
  readonly workersMin: number;
  /** Most workers; never more than there are cores. */
  readonly workersMax: number;
  /** Safety of the square-root rule; 1 lets about one batch in four wait, at any load. */
  readonly safety: number;
  /** How much higher the load may become before it needs workers that were taken away, 0 to 1. */
  readonly marginRatio: number;
  /** Delay from which on waiting work counts, ms: the good target of queue time. */
  readonly delayMaxMs: number;
  /** Time in which work that waits should be done, ms. */
  readonly drainMs: number;
  /** Time constant of the smoothed load, ms. */
  readonly smoothMs: number;
  /** How long more workers have to be due, ms. */
  readonly upAfterMs: number;
  /** How long fewer workers have to be due, ms. */
  readonly downAfterMs: number;
  /** Pause after a change, ms. */
  readonly pauseMs: number;
}

/**
 * Defaults: more workers within half a minute, fewer after two. Starting a worker costs some 50 ms
 * and a move of its series, so a short spike is not worth one.
 */
export const SCALING_DEFAULTS: ScalingOptions = {
  workersMin: 1,
  workersMax: 64,
  safety: 1,
  marginRatio: 0.2,
  delayMaxMs: 10,
  drainMs: 5_000,
  smoothMs: 20_000,
  upAfterMs: 10_000,
  downAfterMs: 120_000,
  pauseMs: 30_000,
};

/** What is measured. */
export interface ScalingReading {
  /** Workers there are. */
  readonly workers: number;
  /** Share of their time that they worked since the last reading, 0 to 1; null = not known. */
  readonly busyRatio: number | null;
  /** Expected delay of a batch that comes now, ms; null = not known. */
  readonly delayMs: number | null;
  /** Cores of the machine. */
  readonly cores: number;
}

/** How many workers there should be, and why. */
export interface ScalingAdvice {
  /** Workers wished for; the same as there are for no change. */
  readonly workers: number;
  /** Smoothed load in erlangs; null before the first reading. */
  readonly load: number | null;
  /** Workers that the load needs as it is. */
  readonly needed: number;
  /** Workers that a load higher by the margin would need. */
  readonly neededWithMargin: number;
}

/** What survives a restart: times do not, as they are of another clock. */
export interface ScalingSnapshot {
  /** Smoothed load in erlangs; null for none. */
  readonly load: number | null;
}

/** Workers for a load in erlangs with nothing waiting: ⌈load + safety · √load⌉, at least 1. */
export function staffing(load: number, safety: number): number {
  // A load measured as whole is that, whatever the last bit says.
  return Math.max(1, Math.ceil(load + safety * Math.sqrt(load) - 1e-9));
}

/**
 * Decides on the number of workers, reading by reading.
 *
 * - within `workersMin` and the lower of `workersMax` and the cores, whatever is measured
 * - more at once as far as needed, fewer one by one
 * - no change while something is not known; what was due then has to be due anew
 * - O(1), no timers: time is handed in, monotonic ms
 */
export class WorkerScaler {
  readonly #options: ScalingOptions;
  #load: number | null = null;
  #atMs = -Infinity;
  #upSinceMs: number | null = null;
  #downSinceMs: number | null = null;
  #pausedUntilMs = -Infinity;

  /**
   * Nothing is known yet.
   *
   * @throws {RangeError} when bounds are not in order or a time is negative.
   */
  constructor(options: Partial<ScalingOptions> = {}) {
    this.#options = { ...SCALING_DEFAULTS, ...options };
    assertOptions(this.#options);
  }

  /** Takes a reading at monotonic time `nowMs`; what there should be now. */
  advise(nowMs: number, reading: ScalingReading): ScalingAdvice {
    const { workers, busyRatio, delayMs } = reading;
    if (busyRatio === null || delayMs === null || workers < 1) {
      this.#upSinceMs = this.#downSinceMs = null;
      return { workers, load: this.#load, needed: workers, neededWithMargin: workers };
    }
    const load = this.#smooth(nowMs, Math.min(1, Math.max(0, busyRatio)) * workers);
    const { marginRatio } = this.#options;
    const needed = this.#needed(load, delayMs, reading);
    const neededWithMargin = this.#needed(load * (1 + marginRatio), delayMs, reading);
    const wished = this.#wished(nowMs, workers, needed, neededWithMargin);
    return { workers: wished, load, needed, neededWithMargin };
  }

  /** The number was changed, by advice or otherwise: pauses, and forgets what was due. */
  changed(nowMs: number): void {
    this.#pausedUntilMs = nowMs + this.#options.pauseMs;
    this.#upSinceMs = this.#downSinceMs = null;
  }

  /** What survives a restart. */
  snapshot(): ScalingSnapshot {
    return { load: this.#load };
  }

  /** Takes over the load of another life, unless a reading came already. */
  restore({ load }: ScalingSnapshot): void {
    if (this.#load === null && load !== null && load >= 0 && load < Infinity) this.#load = load;
  }

  /** Exponential smoothing over uneven steps: what is older weighs e^(−age / smoothMs). */
  #smooth(nowMs: number, load: number): number {
    const elapsedMs = nowMs - this.#atMs;
    const before = this.#load;
    this.#atMs = nowMs;
    if (before === null) return this.#load = load;
    // The first after a restart: as if it came one time constant later.
    const share = elapsedMs === Infinity
      ? 1 - Math.exp(-1)
      : 1 - Math.exp(-Math.max(0, elapsedMs) / this.#options.smoothMs);
    return this.#load = before + share * (load - before);
  }

  #needed(load: number, delayMs: number, { workers, cores }: ScalingReading): number {
    const { safety, delayMaxMs, drainMs, workersMin, workersMax } = this.#options;
    const waiting = delayMs > delayMaxMs ? delayMs * workers / drainMs : 0;
    const most = Math.max(workersMin, Math.min(workersMax, Math.floor(cores)));
    return Math.min(most, Math.max(workersMin, staffing(load + waiting, safety)));
  }

  #wished(nowMs: number, workers: number, needed: number, neededWithMargin: number): number {
    const { upAfterMs, downAfterMs } = this.#options;
    this.#upSinceMs = needed > workers ? this.#upSinceMs ?? nowMs : null;
    this.#downSinceMs = neededWithMargin < workers ? this.#downSinceMs ?? nowMs : null;
    if (nowMs < this.#pausedUntilMs) return workers;
    if (this.#upSinceMs !== null && nowMs - this.#upSinceMs >= upAfterMs) return needed;
    if (this.#downSinceMs !== null && nowMs - this.#downSinceMs >= downAfterMs) return workers - 1;
    return workers;
  }
}

function assertOptions(options: ScalingOptions): void {
  const { workersMin, workersMax, safety, marginRatio, drainMs, smoothMs } = options;
  const isOrdered = Number.isInteger(workersMin) && Number.isInteger(workersMax) &&
    workersMin >= 1 && workersMin <= workersMax;
  if (!isOrdered) {
    throw new RangeError(
      `Cannot scale workers: expected 1 <= workersMin <= workersMax: current values are ` +
        `${workersMin} and ${workersMax}`,
    );
  }
  const others = [options.delayMaxMs, options.upAfterMs, options.downAfterMs, options.pauseMs];
  const isWithin = safety >= 0 && marginRatio >= 0 && drainMs > 0 && smoothMs > 0 &&
    others.every((ms) => ms >= 0);
  if (isWithin) return;
  throw new RangeError(
    `Cannot scale workers: expected times of at least 0, safety and marginRatio too: ` +
      `current value is ${JSON.stringify(options)}`,
  );
}
