/**
 * One connection to the exchange's combined streams, over the platform's WebSocket. Pings of the server
 * are answered by the platform.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";

/** Longest wait for a connection to be made, ms. */
const CONNECT_LIMIT_MS = 10_000;
/** Longest wait for the other side to agree to the end of it, ms. */
const CLOSE_LIMIT_MS = 500;

/** How a connection is made. */
export interface KlineSocketOptions {
  readonly clock: Clock;
  readonly url: URL;
  /** Without any frame for so long it is taken for dead, ms. */
  readonly silenceMs: number;
  /** Told of each frame as it is. */
  readonly onFrame: (data: unknown) => void;
  /** Told once when the connection is over, unless it was closed here. */
  readonly onLost: (reason: string) => void;
}

/**
 * See the module's text.
 *
 * - a connection that is silent for half of its time is asked for its subscriptions, so that one on
 *   which nobody trades is not taken for dead
 */
export class KlineSocket {
  /** When it was made, on the clock. */
  openedAtMs = Infinity;
  readonly #options: KlineSocketOptions;
  readonly #socket: WebSocket;
  readonly #closed = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  #lastFrameMs = 0;
  #isOver = false;
  #asked = 0;
  #cancel: Cancel = () => {};

  /** Begins to connect. @throws What `WebSocket` does for a URL that it does not take. */
  constructor(options: KlineSocketOptions) {
    this.#options = options;
    const { clock } = options;
    const socket = new WebSocket(options.url);
    // Frames that are no text are refused, and never become a Blob that must be read.
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#opened.promise.catch(() => {});
    this.#cancel = clock.setTimer(
      CONNECT_LIMIT_MS,
      () => this.#lose(`no connection within ${CONNECT_LIMIT_MS} ms`),
    );
    socket.onopen = () => {
      if (this.#isOver) return;
      this.openedAtMs = this.#lastFrameMs = clock.now();
      this.ask();
      this.#watch();
      this.#opened.resolve();
    };
    socket.onmessage = ({ data }) => {
      if (this.#isOver) return;
      this.#lastFrameMs = clock.now();
      options.onFrame(data);
    };
    // Its text names the URL at most; what matters is that it is over.
    socket.onerror = () => this.#lose("the connection failed");
    socket.onclose = ({ code }) => {
      this.#closed.resolve();
      this.#lose(`the server closed the connection, code ${code}`);
    };
  }

  /** Resolves when it is made. @throws When it cannot be. */
  opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Whether the frame with this id answers {@linkcode KlineSocket.ask}. */
  isAnswer(id: unknown): boolean {
    return typeof id === "number" && id >= 1 && id <= this.#asked;
  }

  /** Asks the server for its subscriptions. */
  ask(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ method: "LIST_SUBSCRIPTIONS", id: ++this.#asked }));
  }

  /** Ends it; resolves when it is gone, or soon. Idempotent. */
  async close(): Promise<void> {
    this.#end(new Error("the connection was closed"));
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close();
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.setTimer(CLOSE_LIMIT_MS, late.resolve);
    await Promise.race([this.#closed.promise, late.promise]);
    cancel();
  }

  #watch(): void {
    const { clock, silenceMs } = this.#options;
    this.#cancel();
    this.#cancel = clock.setTimer(silenceMs / 4, () => {
      const silentMs = clock.now() - this.#lastFrameMs;
      if (silentMs >= silenceMs) return this.#lose(`no frame for ${Math.round(silentMs)} ms`);
      if (silentMs >= silenceMs / 2) this.ask();
      this.#watch();
    });
  }

  #lose(reason: string): void {
    if (this.#isOver) return;
    this.#end(new Error(reason));
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.close();
    this.#options.onLost(reason);
  }

  #end(reason: Error): void {
    this.#isOver = true;
    this.#cancel();
    this.#opened.reject(reason);
  }
}
