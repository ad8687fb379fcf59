/**
 * Bytes that travel between nodes, written and read one after the other. A reader trusts nothing:
 * every length is checked against what is left before anything is made of it.
 *
 * @module
 */

/** What came over the wire is not what a node of this program writes. */
export class WireFormatError extends Error {
  /** Name of the class, for logs. */
  override readonly name = "WireFormatError";
}

const CAPACITY_MIN = 1_024;
/** Up to here a text is copied unit by unit: quicker than a call into the encoder. */
const SHORT_TEXT = 48;
/** Integers up to here are shifted; larger ones, up to 2^53, are divided. */
const SHIFT_MAX = 0x7fff_ffff;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Grows by doubling; its owner bounds what is written. */
export class ByteWriter {
  #bytes = new Uint8Array(CAPACITY_MIN);
  #view = new DataView(this.#bytes.buffer);
  /** Bytes written so far. */
  length = 0;

  /** Starts anew. */
  clear(): void {
    this.length = 0;
  }

  /** A copy of everything from `from` on. O(bytes). */
  copied(from = 0): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(from, this.length);
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
  }

  /** An integer from 0 to 2^53 - 1, seven bits a byte. */
  varint(value: number): void {
    this.#need(8);
    let left = value;
    while (left > SHIFT_MAX) {
      this.#bytes[this.length++] = (left % 128) | 0x80;
      left = Math.floor(left / 128);
    }
    while (left > 0x7f) {
      this.#bytes[this.length++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    this.#bytes[this.length++] = left;
  }

  number(value: number): void {
    this.#need(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Length and UTF-8; a half of a surrogate pair becomes U+FFFD. */
  text(value: string): void {
    const units = value.length;
    if (units <= SHORT_TEXT && this.#ascii(value)) return;
    const utf8 = encoder.encode(value);
    this.varint(utf8.length);
    this.raw(utf8);
  }

  #ascii(value: string): boolean {
    const { length } = value;
    this.#need(1 + length);
    const bytes = this.#bytes;
    let at = this.length + 1;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[at++] = unit;
    }
    bytes[this.length] = length;
    this.length = at;
    return true;
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  #need(more: number): void {
    if (this.length + more > this.#bytes.length) this.#grow(more);
  }

  #grow(more: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Reads what a {@linkcode ByteWriter} wrote; throws {@linkcode WireFormatError} for all else. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw new WireFormatError("it ends too early");
    return this.#bytes[this.#at++] as number;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new WireFormatError("an integer is too large");
  }

  /** A count of things of which each takes at least `bytesEach`. */
  count(bytesEach = 1): number {
    const count = this.varint();
    if (count * bytesEach > this.left) throw new WireFormatError("a count is too large");
    return count;
  }

  number(): number {
    if (this.left < 8) throw new WireFormatError("it ends too early");
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  text(bytesMax = Infinity): string {
    const length = this.count();
    if (length > bytesMax) throw new WireFormatError("a text is too long");
    if (length <= SHORT_TEXT) {
      const text = this.#ascii(length);
      if (text !== null) return text;
    }
    return decoder.decode(this.raw(length));
  }

  #ascii(length: number): string | null {
    const bytes = this.#bytes;
    let text = "";
    for (let i = 0; i < length; i++) {
      const unit = bytes[this.#at + i] as number;
      if (unit > 0x7f) return null;
      text += String.fromCharCode(unit);
    }
    this.#at += length;
    return text;
  }

  /** A view of the next bytes. */
  raw(length: number): Uint8Array {
    if (length > this.left) throw new WireFormatError("it ends too early");
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}
