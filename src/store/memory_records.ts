/**
 * Records and dead letters in memory.
 *
 * @module
 */

import { cutLetter, letterMatches, recordRefusal } from "./records.ts";
import {
  type BuryResult,
  type Letter,
  LETTER_BOUNDS,
  type LetterFilter,
  type NewLetter,
  RECORD_BOUNDS,
  type StoredRecord,
  type WriteResult,
} from "./port.ts";

const WRITTEN = { state: "written" } as const;

/** What the memory twin keeps beside candles and labels. */
export class MemoryRecords {
  readonly #kinds = new Map<string, Map<string, string>>();
  readonly #lettersMax: number;
  #letters: Letter[] = [];
  #letterId = 0;

  /** Empty; keeps at most `lettersMax` letters. */
  constructor(lettersMax: number = LETTER_BOUNDS.kept) {
    this.#lettersMax = lettersMax;
  }

  /** Writes or replaces a record. */
  put(kind: string, key: string, json: string): WriteResult {
    const held = this.#kinds.get(kind) ?? new Map<string, string>();
    const isFull = !held.has(key) && held.size >= RECORD_BOUNDS.perKind;
    const refusal = recordRefusal(kind, key, json, isFull);
    if (refusal !== null) return refusal;
    this.#kinds.set(kind, held.set(key, json));
    return WRITTEN;
  }

  /** Records of a kind. */
  count(kind: string): number {
    return this.#kinds.get(kind)?.size ?? 0;
  }

  /** Whether there is such a record. */
  has(kind: string, key: string): boolean {
    return this.#kinds.get(kind)?.has(key) ?? false;
  }

  /** Drops a record. */
  drop(kind: string, key: string): WriteResult {
    this.#kinds.get(kind)?.delete(key);
    return WRITTEN;
  }

  /** One record's JSON. */
  get(kind: string, key: string): string | null {
    return this.#kinds.get(kind)?.get(key) ?? null;
  }

  /** All records of a kind, by key. */
  list(kind: string): StoredRecord[] {
    return Array.from(this.#kinds.get(kind) ?? [], ([key, json]) => ({ key, json }))
      .sort((a, b) => a.key < b.key ? -1 : 1);
  }

  /** Letters held. */
  get lettersHeld(): number {
    return this.#letters.length;
  }

  /** Keeps letters; the oldest make room. */
  bury(letters: readonly NewLetter[]): BuryResult {
    for (const letter of letters) {
      this.#letters.push({ ...cutLetter(letter), id: ++this.#letterId });
    }
    const excess = this.#letters.length - this.#lettersMax;
    if (excess > 0) this.#letters = this.#letters.slice(excess);
    return { state: "written", lastId: this.#letterId };
  }

  /** Letters that match, in the order of their numbers, or the latest first. O(letters). */
  letters(filter: LetterFilter, limit: number): Letter[] {
    const found: Letter[] = [];
    const held = filter.isLatestFirst === true ? this.#letters.toReversed() : this.#letters;
    for (const letter of held) {
      if (found.length >= limit) break;
      if (letterMatches(letter, filter)) found.push(letter);
    }
    return found;
  }

  /** Drops letters that match; says how many. */
  dropLetters(filter: LetterFilter): number {
    const before = this.#letters.length;
    this.#letters = this.#letters.filter((letter) => !letterMatches(letter, filter));
    return before - this.#letters.length;
  }
}
