/**
 * One end of the line between an actor's node and its thread: a port, and a ring each way for what
 * is all numbers.
 *
 * - FIFO over both: a frame is read after the posts that went before it, and before those after it.
 * - A post that cannot be cloned throws, and counts as not sent.
 *
 * @module
 */

import { type Cancel, nextTurn } from "./clock.ts";
import type { NumberPost } from "./thread_codec.ts";
import { RingReader, RingWriter, WAKE } from "./thread_ring.ts";

/** See the module; `In` and `Out` are what the port carries besides frames and wake-ups. */
export class ThreadLine<In, Out> {
  /** Posts so far, without wake-ups. */
  #sent = 0;
  #received = 0;
  #writer: RingWriter | null = null;
  #reader: RingReader | null = null;
  /** Awake, and about to look at the ring again: a wake-up costs ten times that. */
  #nextLook: Cancel | null = null;
  readonly #lookAgain = () => this.#look();

  constructor(
    readonly port: MessagePort,
    readonly onPost: (message: In) => void,
    /** Called with an array whose first `length` numbers are the frame; it is used again. */
    readonly onFrame: (numbers: Float64Array, length: number) => void,
  ) {
    port.onmessage = ({ data }) => this.#arrived(data);
  }

  /** From now on frames go through rings. */
  open(incoming: SharedArrayBuffer, outgoing: SharedArrayBuffer): void {
    this.#reader = new RingReader(incoming);
    this.#writer = new RingWriter(outgoing);
  }

  /** Nothing is received any more. The port stays open. */
  close(): void {
    this.port.onmessage = null;
    this.#reader = null;
    this.#nextLook?.();
    this.#nextLook = null;
  }

  /**
   * Posts over the port.
   *
   * @throws {DOMException} DataCloneError when it cannot be cloned; nothing was sent.
   */
  post(message: Out | Float64Array, transfer?: ArrayBuffer[]): void {
    if (transfer === undefined) this.port.postMessage(message);
    else this.port.postMessage(message, transfer);
    this.#sent++;
  }

  /**
   * Sends what `numbers` holds as one frame, and clears it. The other end may sleep: call
   * {@linkcode wake} unless a post follows, which wakes as well. O(numbers).
   */
  send(numbers: NumberPost, first: number, serviceMs: number): void {
    const frame = numbers.sealed(first, serviceMs, this.#sent);
    const { length } = numbers;
    const writer = this.#writer;
    if (writer === null || !writer.write(frame, length)) this.post(frame.slice(0, length));
    numbers.clear();
  }

  /** Wakes the other end if it sleeps. O(1). */
  wake(): void {
    if (this.#writer?.mustWake() === true) this.port.postMessage(WAKE);
  }

  #arrived(message: typeof WAKE | Float64Array | In): void {
    if (message !== WAKE) {
      this.#readFrames();
      this.#received++;
      if (message instanceof Float64Array) this.onFrame(message, message.length);
      else this.onPost(message as In);
    }
    if (this.#nextLook === null) this.#look();
  }

  /** Reads, and sleeps unless there was something: then more may come soon. */
  #look(): void {
    this.#nextLook = null;
    do {
      if (this.#readFrames()) {
        this.#nextLook = nextTurn(this.#lookAgain);
        return;
      }
    } while (this.#reader !== null && !this.#reader.sleep(this.#received));
  }

  #readFrames(): boolean {
    const reader = this.#reader;
    let some = false;
    while (reader !== null && this.#reader === reader) {
      const length = reader.read(this.#received);
      if (length === 0) break;
      some = true;
      this.onFrame(reader.frame, length);
    }
    return some && this.#reader === reader;
  }
}
