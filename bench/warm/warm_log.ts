/**
 * The log of reads and stored entries as it is deployed, emptied 100 ms after something is in it, as
 * where the warmer listens: in virtual time a timer that fires all day for nothing would cost more than
 * the day.
 *
 * @module
 */

import type { Cancel, Clock } from "../../src/actor/clock.ts";
import { AccessLog, type AccessReader, type StoredNote } from "../../src/cache/access_log.ts";

/** How long what was noted may wait, ms. */
const DRAIN_AFTER_MS = 100;

/** See the head of this file. */
export class WarmLog extends AccessLog {
  readonly #clock: Clock;
  readonly #reader: AccessReader;
  #timer: Cancel | null = null;

  /** Tells that reader. */
  constructor(clock: Clock, reader: AccessReader) {
    super();
    this.#clock = clock;
    this.#reader = reader;
    this.listen();
  }

  override read(key: string, answer: number, user: string | null): void {
    super.read(key, answer, user);
    this.#arm();
  }

  override store(note: StoredNote): void {
    super.store(note);
    this.#arm();
  }

  /** Tells of all that was noted now. */
  flush(): void {
    this.#timer?.();
    this.#timer = null;
    this.drain(this.#reader);
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimer(DRAIN_AFTER_MS, () => {
      this.#timer = null;
      this.drain(this.#reader);
    });
  }
}
