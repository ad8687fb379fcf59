/**
 * A one-way ring of frames in shared memory, from one isolate to another. A frame is a stretch of
 * numbers, see `NumberPost`. The port between the two is still there for everything that is not
 * numbers, and to wake a reader that sleeps: a post of an object with three arrays in it costs its
 * sender 22 µs, a wake-up 3 µs, a frame next to nothing.
 *
 * - FIFO, and in order with the port: a frame says how many posts went before it, and is not read
 *   before those were.
 * - A frame that does not fit is refused; its writer then posts it. Nothing is overwritten.
 * - A wake-up is never missed: the reader says that it sleeps and then looks once more; the writer
 *   publishes and then looks whether it sleeps. Both go through `Atomics`, hence one of the two
 *   sees the other.
 * - One writer and one reader. A ring belongs to one incarnation of an actor: a looping thread may
 *   still write into its old one.
 *
 * @module
 */

import { POSTS_AT } from "./thread_codec.ts";

/** Numbers of a ring, 128 KiB: 16 frames of 256 small messages. A power of two. */
export const RING_NUMBERS = 16_384;
const CONTROL_BYTES = 64;
/** Places in the control words: positions written and read, modulo 2³², and whether it sleeps. */
const WRITTEN = 0;
const READ = 1;
const ASLEEP = 2;
/** First position: positions wrap soon, so that every test has seen them do so. */
const START = 0x7fff_ffff - RING_NUMBERS / 2;

/** What a port carries to wake the reader of a ring. */
export const WAKE = 0;

/** Memory for one ring, whose reader sleeps. */
export function ringBuffer(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(
    CONTROL_BYTES + RING_NUMBERS * Float64Array.BYTES_PER_ELEMENT,
  );
  const control = new Int32Array(buffer);
  control[WRITTEN] = control[READ] = START;
  control[ASLEEP] = 1;
  return buffer;
}

/** The end of a ring that writes. */
export class RingWriter {
  readonly #control: Int32Array;
  readonly #numbers: Float64Array;
  #written = START;
  /** As last seen: it is only looked up when the ring seems full. */
  #read = START;

  constructor(buffer: SharedArrayBuffer) {
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#numbers = new Float64Array(buffer, CONTROL_BYTES);
  }

  /** Writes the first `length` numbers as one frame; false when there is no room. O(length). */
  write(frame: Float64Array, length: number): boolean {
    if (!this.#hasRoom(length + 1)) {
      this.#read = Atomics.load(this.#control, READ);
      if (!this.#hasRoom(length + 1)) return false;
    }
    const numbers = this.#numbers;
    let at = this.#written;
    numbers[at++ & (RING_NUMBERS - 1)] = length;
    for (let i = 0; i < length; i++) numbers[at++ & (RING_NUMBERS - 1)] = frame[i] as number;
    this.#written = at | 0;
    Atomics.store(this.#control, WRITTEN, at | 0);
    return true;
  }

  #hasRoom(more: number): boolean {
    return more <= RING_NUMBERS - ((this.#written - this.#read) | 0);
  }

  /** Whether the reader slept: then, and once for each sleep, the writer has to wake it. O(1). */
  mustWake(): boolean {
    return Atomics.load(this.#control, ASLEEP) === 1 &&
      Atomics.compareExchange(this.#control, ASLEEP, 1, 0) === 1;
  }
}

/** The end of a ring that reads. */
export class RingReader {
  /** Numbers of the frame that was read last. */
  readonly frame = new Float64Array(RING_NUMBERS);
  readonly #control: Int32Array;
  readonly #numbers: Float64Array;
  #read = START;

  constructor(buffer: SharedArrayBuffer) {
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#numbers = new Float64Array(buffer, CONTROL_BYTES);
  }

  /**
   * Takes the next frame into `frame` and returns its length; 0 when there is none that may be read
   * after `posts` posts. O(length).
   */
  read(posts: number): number {
    if (!this.#mayRead(posts)) return 0;
    const numbers = this.#numbers;
    const frame = this.frame;
    let at = this.#read;
    const length = numbers[at++ & (RING_NUMBERS - 1)] as number;
    for (let i = 0; i < length; i++) frame[i] = numbers[at++ & (RING_NUMBERS - 1)] as number;
    this.#read = at | 0;
    Atomics.store(this.#control, READ, at | 0);
    return length;
  }

  #mayRead(posts: number): boolean {
    if (Atomics.load(this.#control, WRITTEN) === this.#read) return false;
    const at = this.#read + 1 + POSTS_AT;
    return (this.#numbers[at & (RING_NUMBERS - 1)] as number) <= posts;
  }

  /**
   * Asks to be woken for the next frame; false when one came meanwhile. A frame that waits for a
   * post needs no wake-up: the post is one. O(1).
   */
  sleep(posts: number): boolean {
    Atomics.store(this.#control, ASLEEP, 1);
    return !this.#mayRead(posts) ||
      Atomics.compareExchange(this.#control, ASLEEP, 1, 0) === 0;
  }
}
