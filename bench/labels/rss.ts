/**
 * Resident memory of the process while something runs.
 *
 * @module
 */

const EVERY_MS = 20;
const MB = 2 ** 20;

/** Resident memory now, MB. */
export const rssMb = (): number => Deno.memoryUsage().rss / MB;

/** Samples the resident memory every 20 ms until it is stopped. */
export class RssPeak {
  #peakMb = rssMb();
  readonly #timer = setInterval(() => this.#peakMb = Math.max(this.#peakMb, rssMb()), EVERY_MS);

  /** The highest sample, MB. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#peakMb = Math.max(this.#peakMb, rssMb());
  }
}
