/**
 * Sectors of tracked keys: as somebody has said, or else as the registry of instruments has it.
 *
 * @module
 */

import { symbolOfKey } from "../cache/key.ts";
import { shown, WarmError } from "./error.ts";

/** Most sectors: a slot has one byte for its own. Finer classifications have some 160. */
export const SECTORS_MAX = 255;
/** Most symbols whose sector is said: as many as there may be instruments; some 10 MB. */
export const SECTOR_SYMBOLS_MAX = 100_000;
/** Longest name, in characters: it is shown in tables. */
export const SECTOR_CHARS_MAX = 64;
const SYMBOL_CHARS_MAX = 64;

/** See the top of the file. */
export class Sectors {
  /** Number of a sector by its name, from 1. */
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [""];
  /** Number by slot; 0 for none. */
  readonly #ofSlot: Uint8Array;
  #said: ReadonlyMap<string, string> = new Map();

  /** No slot has one. */
  constructor(slots: number) {
    this.#ofSlot = new Uint8Array(slots);
  }

  /** Names, by number; the first one stands for none. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** What was said, by symbol. */
  get said(): ReadonlyMap<string, string> {
    return this.#said;
  }

  /** Bytes of its array. */
  get bytes(): number {
    return this.#ofSlot.byteLength;
  }

  /**
   * Replaces what was said of symbols. Slots are as before until they are assigned again.
   *
   * @throws {WarmError} code `sector` for too many, or a name or symbol that is empty or too long.
   */
  say(sectors: Iterable<readonly [symbol: string, sector: string]>): void {
    const said = new Map<string, string>();
    for (const [symbol, sector] of sectors) {
      checkWord("symbol", symbol, SYMBOL_CHARS_MAX);
      checkWord("sector", sector, SECTOR_CHARS_MAX);
      said.set(symbol, sector);
      if (said.size > SECTOR_SYMBOLS_MAX) {
        throw sectorError(`expected at most ${SECTOR_SYMBOLS_MAX} symbols`, "more");
      }
    }
    this.#said = said;
  }

  /** Gives a slot the sector of its key: as said, or else the one given. O(1). */
  assign(slot: number, key: string, sector: string | null): void {
    const said = this.#said.size > 0 ? this.#said.get(symbolOfKey(key)) : undefined;
    this.#ofSlot[slot] = this.#numberOf(said ?? sector);
  }

  /** Takes its sector from a slot. */
  clear(slot: number): void {
    this.#ofSlot[slot] = 0;
  }

  /** Number of a slot's sector; 0 for none. */
  numberAt(slot: number): number {
    return this.#ofSlot[slot] ?? 0;
  }

  /** Name of a slot's sector; null for none. */
  nameAt(slot: number): string | null {
    return this.#names[this.numberAt(slot)] || null;
  }

  /** Number of a sector; 0 when no key ever had it. */
  numberOfName(sector: string): number {
    return this.#numbers.get(sector) ?? 0;
  }

  /** A sector beyond {@linkcode SECTORS_MAX} is none. */
  #numberOf(sector: string | null): number {
    if (sector === null || sector === "") return 0;
    const known = this.#numbers.get(sector);
    if (known !== undefined) return known;
    if (this.#names.length > SECTORS_MAX) return 0;
    this.#numbers.set(sector, this.#names.length);
    return this.#names.push(sector) - 1;
  }
}

function checkWord(what: string, word: string, charsMax: number): void {
  if (word.length >= 1 && word.length <= charsMax) return;
  throw sectorError(`expected a ${what} of 1 to ${charsMax} characters`, word);
}

function sectorError(expected: string, found: string): WarmError {
  return new WarmError(
    "sector",
    `Cannot set sectors: ${expected}: current value is ${shown(found)}`,
  );
}
