/**
 * How many requests may still go before the next snapshot has to be on disk.
 *
 * A snapshot says: "these slots were released then, these are under way, and up to so many more may
 * have been used by the time you read this". The last is the reserve. It makes the snapshot true at
 * any later moment, as long as no more than the reserve is granted before a newer snapshot has
 * replaced it. So a limiter that persists holds back when the reserve is used up.
 *
 * @module
 */

/** The reserve of one limiter. */
export class LimitReserve {
  /** Of the snapshot that is known to be on disk; nothing may go before there is one. */
  #left = 0;
  /** Of the snapshots that may or may not have reached the disk since: the least of them. */
  #openLeft = Infinity;
  #openId = 0;
  #isWriting = false;
  #lastMs = -Infinity;
  #isChanged = true;
  #isUrgent = true;
  /** Snapshots begun. */
  begun = 0;
  /** Snapshots known to be on disk. */
  written = 0;

  /**
   * Nothing may be granted before the first snapshot is on disk.
   *
   * @param size Cost that may be granted after a snapshot; 0 = nothing is persisted, nothing held.
   * @param everyMs A snapshot is due after so long in any case, so that little is counted twice.
   */
  constructor(readonly size: number, readonly everyMs: number) {}

  /** Cost that may be granted now. */
  get left(): number {
    return this.size === 0 ? Infinity : Math.min(this.#left, this.#openLeft);
  }

  /** So much was granted. */
  spend(cost: number): void {
    this.#left -= cost;
    this.#openLeft -= cost;
    this.#isChanged = true;
  }

  /** Something changed that a restart must know at once: a pause, a rate. */
  urge(): void {
    this.#isUrgent = true;
  }

  /** A slot was released: a snapshot would tell more. */
  touch(): void {
    this.#isChanged = true;
  }

  /** Whether a snapshot has to be taken and written now. `wanted` is the cost of who waits. */
  isDue(wanted: number, nowMs: number): boolean {
    if (this.size === 0 || this.#isWriting) return false;
    if (this.#isUrgent || this.left < wanted || 2 * this.left <= this.size) return true;
    return this.#isChanged && nowMs - this.#lastMs >= this.everyMs;
  }

  /** A snapshot with this reserve is taken, and may be on disk from now on. Returns its number. */
  begin(reserved: number, nowMs: number): number {
    this.#openLeft = Math.min(this.#openLeft, reserved);
    this.#isWriting = true;
    this.#isUrgent = this.#isChanged = false;
    this.#lastMs = nowMs;
    this.begun++;
    return this.#openId = this.begun;
  }

  /** The snapshot of this number is on disk; one that a newer has followed does not count. */
  wrote(id: number): void {
    if (id !== this.#openId || !this.#isWriting) return;
    this.#left = this.#openLeft;
    this.#openLeft = Infinity;
    this.#isWriting = false;
    this.written++;
  }

  /** Writing it failed, so far as is known: it counts as possibly on disk, and another is due. */
  failed(id: number): void {
    if (id !== this.#openId) return;
    this.#isWriting = false;
    this.#isUrgent = true;
  }
}
