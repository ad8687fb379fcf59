/**
 * A second tier that is a part of this process, as plain synchronous calls, and the thin adapter that
 * makes a `SecondTier` of it. An actor in a thread hosts an engine in the same way.
 *
 * @module
 */

import type { Cancel, Clock } from "../../actor/clock.ts";
import type { SecondTier, TierEntry, TierSelection, TierStatus } from "../../cache/types.ts";

/** Longest wait of an entry before it is written, ms; what a killed process may lose. */
export const FLUSH_AFTER_MS = 50;

/** A tier without promises and timers. Nothing of it throws but `invalidate`, for a wrong pattern. */
export interface TierEngine {
  /** As `SecondTier.getMany`. */
  getMany(keys: readonly string[]): (TierEntry | null)[];
  /** As `SecondTier.setMany`; flushes by itself when much waits. */
  setMany(entries: readonly TierEntry[]): void;
  /**
   * Forgets them, before it returns and whatever happens to the process afterwards.
   *
   * @throws {CacheError} code `key_pattern` for a pattern that is none; then nothing is forgotten.
   */
  invalidate(selection: TierSelection): void;
  /** Writes what waits; whoever hosts it calls it {@linkcode FLUSH_AFTER_MS} after a `setMany`. */
  flush(): void;
  /** Entries that wait to be written. */
  readonly waiting: number;
  /** How it is. */
  info(): TierStatus;
  /** Writes what waits and lets go of the file. Idempotent. */
  close(): void;
}

/** An engine in this isolate as a tier. */
export class EngineTier implements SecondTier, Disposable {
  readonly #engine: TierEngine;
  readonly #clock: Pick<Clock, "setTimer">;
  #cancel: Cancel | null = null;

  /** Takes the engine over: it is closed with the tier. */
  constructor(engine: TierEngine, clock: Pick<Clock, "setTimer">) {
    this.#engine = engine;
    this.#clock = clock;
  }

  getMany(keys: readonly string[]): Promise<readonly (TierEntry | null)[]> {
    return Promise.resolve(this.#engine.getMany(keys));
  }

  setMany(entries: readonly TierEntry[]): void {
    this.#engine.setMany(entries);
    this.#arm();
  }

  /** Rejects only for a pattern that is none. */
  // deno-lint-ignore require-await -- what the engine throws is to reject
  async invalidate(selection: TierSelection): Promise<void> {
    this.#engine.invalidate(selection);
  }

  /** Always 0: one process has one order, and its shards keep it by their generations. */
  mark(): number {
    return 0;
  }

  status(): TierStatus {
    return this.#engine.info();
  }

  /** Writes what waits and closes the engine. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#engine.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #arm(): void {
    if (this.#cancel !== null || this.#engine.waiting === 0) return;
    this.#cancel = this.#clock.setTimer(FLUSH_AFTER_MS, () => {
      this.#cancel = null;
      this.#engine.flush();
      // Whatever could not be written waits for the next time.
      this.#arm();
    });
  }
}
