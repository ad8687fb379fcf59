/**
 * Answers that go on: event and label streams. They are counted and bounded, a client that does not
 * read is dropped, and all of them are told to end before the server closes, which would wait for
 * them for ever.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";
import { HttpProblem, retryAfter } from "./problem.ts";

/** Makes the chunks of one stream; `signal` tells it to send its last one. */
export type StreamSource = (signal: AbortSignal) => AsyncIterator<Uint8Array, void>;

/** How many there may be, and how patient they are. */
export interface OpenStreamsOptions {
  readonly clock: Clock;
  readonly streamsMax: number;
  readonly stallMs: number;
}

/**
 * See the module's text.
 *
 * @internal
 */
export class OpenStreams {
  readonly #options: OpenStreamsOptions;
  readonly #open = new Set<Stream>();
  #isClosed = false;

  constructor(options: OpenStreamsOptions) {
    this.#options = options;
  }

  /** Streams that have not ended. */
  get size(): number {
    return this.#open.size;
  }

  /** The body of an answer. @throws {HttpProblem} 503 `streams_full` or `closing`. */
  open(source: StreamSource): ReadableStream<Uint8Array> {
    const { streamsMax, clock, stallMs } = this.#options;
    if (this.#isClosed) {
      throw new HttpProblem(503, "closing", "Cannot open a stream: the service stops");
    }
    if (this.#open.size >= streamsMax) {
      const detail = `Cannot open a stream: ${streamsMax} are open`;
      throw new HttpProblem(503, "streams_full", detail, {}, retryAfter(5_000));
    }
    const stream = new Stream(source, clock, stallMs, () => this.#open.delete(stream));
    this.#open.add(stream);
    return stream.body;
  }

  /** Tells every stream to end; new ones are refused from now on. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.end();
  }
}

class Stream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #abort = new AbortController();
  readonly #chunks: AsyncIterator<Uint8Array, void>;
  readonly #onOver: () => void;
  #cancelStall: Cancel = () => {};

  constructor(source: StreamSource, clock: Clock, stallMs: number, onOver: () => void) {
    this.#chunks = source(this.#abort.signal);
    this.#onOver = onOver;
    this.body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        this.#cancelStall();
        try {
          const { done, value } = await this.#chunks.next();
          if (done === true) {
            this.#over();
            return controller.close();
          }
          controller.enqueue(value);
        } catch (error) {
          this.#over();
          return controller.error(error);
        }
        // Whoever took the chunk asks for the next one when the connection has taken it.
        this.#cancelStall = clock.setTimer(stallMs, () => {
          controller.error(new Error(`the client left a chunk unread for ${stallMs} ms`));
          this.#drop();
        });
      },
      cancel: () => this.#drop(),
    }, { highWaterMark: 0 });
  }

  end(): void {
    this.#abort.abort();
  }

  #drop(): void {
    this.#over();
    this.#chunks.return?.().catch(() => {});
  }

  #over(): void {
    this.#cancelStall();
    this.#abort.abort();
    this.#onOver();
  }
}
