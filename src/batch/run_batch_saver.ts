/**
 * Saves what has settled: one save at a time, and what settles meanwhile goes into the next.
 *
 * @module
 */

import type { BatchCheckpoint, BatchState, DeadItem, ItemResult } from "./run_batch_types.ts";

/**
 * Settled items that are not saved yet, as a multiple of what a save waits for: workers wait above
 * it. Bounds memory when the store is slower than the provider.
 */
const UNSAVED_FACTOR_MAX = 20;

/** Collects results until they are saved. Without a checkpoint it forgets them at once. */
export class BatchSaver<T, R> {
  readonly #checkpoint: BatchCheckpoint<T, R> | undefined;
  readonly #every: number;
  readonly #state: () => BatchState;
  readonly #saved: (dead: readonly DeadItem<T>[]) => void;
  #results: ItemResult<R>[] = [];
  #dead: DeadItem<T>[] = [];
  #saving: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  /**
   * `state` tells what is settled at the time of a call; `saved` is told the items given up that
   * are safe now.
   */
  constructor(
    checkpoint: BatchCheckpoint<T, R> | undefined,
    every: number,
    state: () => BatchState,
    saved: (dead: readonly DeadItem<T>[]) => void,
  ) {
    this.#checkpoint = checkpoint;
    this.#every = every;
    this.#state = state;
    this.#saved = saved;
  }

  /** Takes in what has just settled; the state must say so already. */
  add(results: readonly ItemResult<R>[], dead: readonly DeadItem<T>[]): void {
    if (this.#checkpoint === undefined) {
      if (dead.length > 0) this.#saved(dead);
      return;
    }
    for (const result of results) this.#results.push(result);
    for (const item of dead) this.#dead.push(item);
  }

  /** Items settled and not saved. */
  get unsaved(): number {
    return this.#results.length + this.#dead.length;
  }

  /**
   * Begins a save when enough has come together, and waits for it only when far too much has.
   *
   * @throws what the checkpoint rejected with, now or before.
   */
  async saveSome(): Promise<void> {
    this.#assertWhole();
    if (this.unsaved < this.#every) return;
    const saving = this.#saving ?? this.#begin();
    if (this.unsaved < this.#every * UNSAVED_FACTOR_MAX) return;
    await saving;
    this.#assertWhole();
  }

  /**
   * Saves all there is.
   *
   * @throws what the checkpoint rejected with, now or before.
   */
  async saveAll(): Promise<void> {
    while (this.#failure === null && (this.#saving !== null || this.unsaved > 0)) {
      await (this.#saving ?? this.#begin());
    }
    this.#assertWhole();
  }

  #begin(): Promise<void> {
    this.#saving = this.#save();
    return this.#saving;
  }

  /** Never rejects: nobody may be waiting for it. */
  async #save(): Promise<void> {
    const results = this.#results, dead = this.#dead;
    this.#results = [];
    this.#dead = [];
    try {
      await this.#checkpoint?.save({ ...this.#state(), results, dead });
      if (dead.length > 0) this.#saved(dead);
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#saving = null;
    }
  }

  #assertWhole(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
