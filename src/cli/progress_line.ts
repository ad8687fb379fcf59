/**
 * A line at the bottom of a terminal that is drawn again and again.
 *
 * @module
 */

import type { Cancel } from "../actor/clock.ts";
import type { CliIo } from "./io.ts";

/** Time between two drawings: fast enough to look alive, slow enough to be read. */
const DRAW_MS = 200;

/** Carriage return, erase to the end of the line (ECMA-48, 8.3.41). */
const ERASE = "\r\x1b[K";

/** Draws what `text` says until it is closed; other output goes through {@linkcode above}. */
export class ProgressLine implements AsyncDisposable {
  readonly #io: CliIo;
  readonly #text: () => Promise<string>;
  #cancel: Cancel = () => {};
  #drawing: Promise<void> = Promise.resolve();
  #isShown = false;
  #isOpen = true;

  /** The first drawing comes after a moment: what is done by then needs no progress. */
  constructor(io: CliIo, text: () => Promise<string>) {
    this.#io = io;
    this.#text = text;
    this.#arm();
  }

  /** Writes whole lines to standard error, above the line. */
  above(text: string): void {
    this.#erase();
    this.#io.err(text);
  }

  /** Erases the line for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#cancel();
    await this.#drawing;
    this.#erase();
  }

  #arm(): void {
    this.#cancel = this.#io.clock.setTimer(DRAW_MS, () => {
      this.#drawing = this.#draw();
    });
  }

  async #draw(): Promise<void> {
    const text = await this.#text();
    if (!this.#isOpen) return;
    const width = this.#io.columns() - 1;
    this.#io.err(ERASE + (text.length > width ? `${text.slice(0, width - 1)}…` : text));
    this.#isShown = true;
    this.#arm();
  }

  #erase(): void {
    if (this.#isShown) this.#io.err(ERASE);
    this.#isShown = false;
  }
}
