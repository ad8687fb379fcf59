/**
 * The text of tracked keys, by slot, in one array of bytes. As strings of the engine they would take
 * 16 bytes more each and a pointer, and could keep alive the message they were cut out of.
 *
 * A key lies in a cell of whole words. The cell of a key that goes is taken again by the next one
 * that needs as many words; only when neither such a cell nor room at the end is left, all cells are
 * moved into a new array with a sixteenth to spare.
 *
 * @module
 */

import { KEY_BYTES_MAX, type KeyReader } from "./key_reader.ts";

const WORD_BYTES = 4;
const SIZES = (KEY_BYTES_MAX + 1) / WORD_BYTES + 1;
/** Room that a new array has beside what is in it. */
const SPARE_SHARE = 1 / 16;
const SPARE_WORDS_MIN = 256;
const NONE = -1;

// A byte order mark is part of a key like any other character.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Words of a cell; an empty key has one, too. */
const sizeOf = (length: number): number => length === 0 ? 1 : (length + WORD_BYTES - 1) >> 2;

/** Keys by slot as a snapshot has them. */
export interface KeyTexts {
  /** 1 for a slot with a key, else 0. */
  readonly has: Uint8Array<ArrayBuffer>;
  /** Bytes of its key. */
  readonly lengths: Uint8Array<ArrayBuffer>;
  /** UTF-8 of all keys, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Keys by slot; null for a slot without one. O(slots). */
export function textsOf({ has, lengths, bytes }: KeyTexts): (string | null)[] {
  let end = 0;
  return Array.from(lengths, (length, slot) => {
    const from = end;
    end += length;
    return has[slot] === 1 ? decoder.decode(bytes.subarray(from, end)) : null;
  });
}

/** See the top of the file. */
export class KeyArena {
  #words = new Int32Array(SPARE_WORDS_MIN);
  #bytes = new Uint8Array(this.#words.buffer);
  /** First word of the cell of a slot; {@linkcode NONE} without a key. */
  readonly #cells: Int32Array;
  readonly #lengths: Uint8Array;
  /** First free cell of a size; its first word says which is next. */
  readonly #free = new Int32Array(SIZES).fill(NONE);
  /** Words in use or free again. */
  #end = 0;
  #liveWords = 0;

  /** Without keys. */
  constructor(slots: number) {
    this.#cells = new Int32Array(slots).fill(NONE);
    this.#lengths = new Uint8Array(slots);
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#bytes.byteLength + this.#cells.byteLength + this.#lengths.byteLength +
      this.#free.byteLength;
  }

  /** Whether a slot has a key. */
  has(slot: number): boolean {
    return (this.#cells[slot] as number) !== NONE;
  }

  /** Gives a slot that has none the key that was read last. O(1), amortised. */
  put(slot: number, { words, length }: KeyReader): void {
    const size = sizeOf(length);
    let cell = this.#free[size] as number;
    if (cell !== NONE) this.#free[size] = this.#words[cell] as number;
    else {
      if (this.#end + size > this.#words.length) this.#move(size);
      cell = this.#end;
      this.#end += size;
    }
    const kept = this.#words;
    for (let at = 0; at < size; at++) kept[cell + at] = words[at] as number;
    this.#cells[slot] = cell;
    this.#lengths[slot] = length;
    this.#liveWords += size;
  }

  /** Takes the key of a slot away. O(1). */
  drop(slot: number): void {
    const cell = this.#cells[slot] as number;
    const size = sizeOf(this.#lengths[slot] as number);
    this.#words[cell] = this.#free[size] as number;
    this.#free[size] = cell;
    this.#cells[slot] = NONE;
    this.#liveWords -= size;
  }

  /** Whether the key of a slot is the one that was read last. */
  matches(slot: number, { words, length }: KeyReader): boolean {
    if ((this.#lengths[slot] as number) !== length) return false;
    const kept = this.#words;
    const cell = this.#cells[slot] as number;
    // Ends differ more often than beginnings. An empty key has no word that could differ.
    for (let at = (length + WORD_BYTES - 1 >> 2) - 1; at >= 0; at--) {
      if ((kept[cell + at] as number) !== (words[at] as number)) return false;
    }
    return true;
  }

  /** Hash of the key of a slot that has one, as `reader` makes it. O(words). */
  hash(slot: number, reader: KeyReader): number {
    return reader.hashAt(this.#words, this.#cells[slot] as number, this.#lengths[slot] as number);
  }

  /** The key of a slot that has one. O(characters), allocates it. */
  text(slot: number): string {
    const from = (this.#cells[slot] as number) * WORD_BYTES;
    return decoder.decode(this.#bytes.subarray(from, from + (this.#lengths[slot] as number)));
  }

  /** All keys, one behind the other. O(slots). */
  snapshot(): KeyTexts {
    const has = Uint8Array.from(this.#cells, (cell) => cell === NONE ? 0 : 1);
    const lengths = this.#lengths.map((length, slot) => has[slot] === 1 ? length : 0);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let end = 0;
    for (const [slot, length] of lengths.entries()) {
      const from = (this.#cells[slot] as number) * WORD_BYTES;
      if (length > 0) bytes.set(this.#bytes.subarray(from, from + length), end);
      end += length;
    }
    return { has, lengths, bytes };
  }

  /** Moves all cells into a new array with room for one more of `size`. O(slots). */
  #move(size: number): void {
    const needed = this.#liveWords + size;
    const room = needed + Math.max(SPARE_WORDS_MIN, Math.ceil(needed * SPARE_SHARE));
    const from = this.#words, to = new Int32Array(room);
    let end = 0;
    for (let slot = 0; slot < this.#cells.length; slot++) {
      const cell = this.#cells[slot] as number;
      if (cell === NONE) continue;
      this.#cells[slot] = end;
      const last = cell + sizeOf(this.#lengths[slot] as number);
      for (let at = cell; at < last; at++) to[end++] = from[at] as number;
    }
    this.#words = to;
    this.#bytes = new Uint8Array(to.buffer);
    this.#end = end;
    this.#free.fill(NONE);
  }
}
