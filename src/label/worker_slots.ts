/**
 * Which label workers are in use, and which are to be started or ended, while their number changes.
 *
 * ## How it works
 * Workers 0 to `used` - 1 have series. `used` follows the number wished for: fewer at once, more as
 * soon as all that are wished for run, so that series move once and never to one that cannot take
 * them. A worker beyond both numbers is ended when its last series has left it. One that is being
 * started is not ended before it runs, and the other way round, so each is asked one thing at a time.
 *
 * It decides and does nothing: whoever holds it starts and ends them, and says how that went.
 *
 * - the number may be changed again at any time, whatever is under way
 * - a worker that cannot be started is not tried again: what is wished for falls below it
 *
 * @module
 */

/** Where a worker is in its life, as far as its number is concerned. */
type SlotState = "running" | "starting" | "stopping" | "stopped";

/** See the module's text. */
export class WorkerSlots {
  readonly #slots: SlotState[];
  #wanted: number;
  #used: number;

  /** All `max` of them run, and all are in use. */
  constructor(max: number) {
    this.#slots = Array.from({ length: max }, () => "running");
    this.#wanted = this.#used = max;
  }

  /** Workers there can be. */
  get max(): number {
    return this.#slots.length;
  }

  /** Workers wished for. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Workers that have series: 0 to `used` - 1. */
  get used(): number {
    return this.#used;
  }

  /** As many are in use as are wished for. */
  get isSettled(): boolean {
    return this.#used === this.#wanted;
  }

  /** Whether some that are not in use were not ended yet. */
  get hasSpare(): boolean {
    return this.#slots.findLastIndex((state) => state === "running") >= this.#used;
  }

  /** Whether so many can be wished for: an integer from 1 to `max`. */
  mayBe(count: number): boolean {
    return Number.isInteger(count) && count >= 1 && count <= this.max;
  }

  /**
   * From now on so many are wished for.
   *
   * @throws {RangeError} for what {@linkcode mayBe} says no to.
   */
  want(count: number): void {
    if (!this.mayBe(count)) {
      throw new RangeError(
        `Cannot change workers: expected 1 to ${this.max}: current value is ${count}`,
      );
    }
    this.#wanted = count;
    this.#use();
  }

  /** The workers to be started now; they count as being started. */
  takeToStart(): number[] {
    return this.#take("stopped", "starting", (index) => index < this.#wanted);
  }

  /** Those of the workers without series that are to be ended now; they count as being ended. */
  takeToStop(isIdle: (index: number) => boolean): number[] {
    const isOver = (index: number) => index >= this.#wanted && index >= this.#used;
    return this.#take("running", "stopping", (index) => isOver(index) && isIdle(index));
  }

  /** A start is over: the worker runs, or it could not be started. */
  started(index: number, isRunning: boolean): void {
    this.#slots[index] = isRunning ? "running" : "stopped";
    if (!isRunning && index < this.#wanted) this.#wanted = Math.max(1, this.#used, index);
    this.#use();
  }

  /** A worker has ended. */
  stopped(index: number): void {
    this.#slots[index] = "stopped";
  }

  #use(): void {
    const isReady = this.#slots.every((state, index) =>
      index >= this.#wanted || state === "running"
    );
    this.#used = isReady ? this.#wanted : Math.min(this.#used, this.#wanted);
  }

  #take(from: SlotState, to: SlotState, isDue: (index: number) => boolean): number[] {
    const taken = [...this.#slots.keys()]
      .filter((index) => this.#slots[index] === from && isDue(index));
    for (const index of taken) this.#slots[index] = to;
    return taken;
  }
}
