/**
 * The clock that a copy sees: the time of the entry that is applied, so that all copies say the same.
 *
 * @module
 */

/** See the module's text. */
export class EntryClock {
  /** Epoch ms of the entry. */
  atMs: number;

  /** Stands at `atMs` until it is set. */
  constructor(atMs: number) {
    this.atMs = atMs;
  }

  /** As `Clock.wallNow`. */
  wallNow(): number {
    return this.atMs;
  }
}
