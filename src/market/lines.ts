/**
 * Chunks of bytes, cut anywhere, as whole lines.
 *
 * @module
 */

/**
 * The longest line a reader looks at, in bytes without its end: candle lines are below 200, and a
 * file without line feeds must not be gathered in memory.
 */
export const LINE_BYTES_MAX = 4096;

const LF = 10;

/** What a {@linkcode LineSplitter} feeds. */
export interface LineSink {
  /**
   * Whole lines: the bytes from ≤ i < to, the last of which is a line feed. They are only lent:
   * the memory is used again after the call.
   */
  lines(bytes: Uint8Array, from: number, to: number): void;
  /** One line longer than {@linkcode LINE_BYTES_MAX}, of which only the head was kept. */
  longLine(head: Uint8Array): void;
}

/**
 * Cuts chunks into runs of whole lines without copying what is whole: only the line that two
 * chunks share is put together in a buffer of its own.
 *
 * - every line is passed exactly once, in order, whatever the cuts
 * - a last line without line feed is passed by `finish`, with one
 * - memory is bounded by {@linkcode LINE_BYTES_MAX}
 */
export class LineSplitter {
  readonly #sink: LineSink;
  /** One byte for a carriage return and one for the line feed that `finish` adds. */
  readonly #carry = new Uint8Array(LINE_BYTES_MAX + 2);
  #carried = 0;
  #isSkipping = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** Takes the next chunk, which is read in place and not kept. O(bytes). */
  push(chunk: Uint8Array): void {
    let from = 0;
    if (this.#carried > 0) {
      const feedAt = chunk.indexOf(LF);
      from = feedAt < 0 ? chunk.length : feedAt + 1;
      this.#keep(chunk, 0, from);
      if (feedAt < 0) return;
      this.#passCarry();
    }
    const end = chunk.lastIndexOf(LF) + 1;
    if (end > from) this.#sink.lines(chunk, from, end);
    this.#keep(chunk, Math.max(from, end), chunk.length);
  }

  /** Passes the last line if it had no end. */
  finish(): void {
    if (this.#carried === 0) return;
    if (!this.#isSkipping) this.#carry[this.#carried++] = LF;
    this.#passCarry();
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    if (this.#isSkipping || from === to) return;
    const room = this.#carry.length - 1 - this.#carried;
    // A line feed may take the last byte: then the line is whole.
    const isEnd = chunk[to - 1] === LF;
    const bytes = Math.min(to - from, isEnd ? room + 1 : room);
    this.#carry.set(chunk.subarray(from, from + bytes), this.#carried);
    this.#carried += bytes;
    this.#isSkipping = bytes < to - from;
  }

  #passCarry(): void {
    const bytes = this.#carried;
    const isLong = this.#isSkipping;
    this.#carried = 0;
    this.#isSkipping = false;
    if (isLong) this.#sink.longLine(this.#carry.subarray(0, LINE_BYTES_MAX));
    else this.#sink.lines(this.#carry, 0, bytes);
  }
}
