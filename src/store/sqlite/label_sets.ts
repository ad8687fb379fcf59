/**
 * Numbers of parameter sets: chunks are filed under them.
 *
 * @module
 */

import { CANDLES_SET } from "./series_state.ts";

/** Parameter hashes and their numbers. */
export class LabelSets {
  readonly #ids = new Map<string, number>();
  readonly #hashes: string[] = [];
  /** Numbers up to this one are in the file. */
  #storedTo = CANDLES_SET;
  /** The same, as far as it is certain. */
  #committedTo = CANDLES_SET;

  /** Takes over a set that is in the file; in the order of their numbers. */
  restore(id: number, paramHash: string): void {
    this.#ids.set(paramHash, id);
    this.#hashes[id] = paramHash;
    this.#storedTo = this.#committedTo = id;
  }

  /** Number of a set; a new one gets the next. */
  id(paramHash: string): number {
    const known = this.#ids.get(paramHash);
    if (known !== undefined) return known;
    const id = Math.max(this.#hashes.length, CANDLES_SET + 1);
    this.#ids.set(paramHash, id);
    this.#hashes[id] = paramHash;
    return id;
  }

  /** Number of a set, if anybody ever used it. */
  known(paramHash: string): number | undefined {
    return this.#ids.get(paramHash);
  }

  /** The hash of a number. */
  hash(id: number): string {
    return this.#hashes[id] ?? "";
  }

  /** Numbers of all sets. */
  ids(): number[] {
    return [...this.#ids.values()];
  }

  /** Sets that are not in the file yet. */
  unstored(): { readonly id: number; readonly paramHash: string }[] {
    return this.#hashes.slice(this.#storedTo + 1)
      .map((paramHash, i) => ({ id: this.#storedTo + 1 + i, paramHash }));
  }

  /** All of them are in the file, once the open transaction is committed. */
  stored(): void {
    this.#storedTo = Math.max(CANDLES_SET, this.#hashes.length - 1);
  }

  /** The open transaction came to nothing. */
  unstoredAgain(): void {
    this.#storedTo = this.#committedTo;
  }

  /** The open transaction is committed. */
  committed(): void {
    this.#committedTo = this.#storedTo;
  }
}
