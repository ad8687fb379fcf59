/**
 * A terminal that is drawn in place; elsewhere what is drawn follows what was.
 *
 * @module
 */

import type { CliIo } from "./io.ts";

// ECMA-48, and DEC's private modes 1049 (other screen) and 25 (cursor), which every terminal has.
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const ERASE_LINE = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

/** Rows of a terminal where their number is not known. */
const ROWS_DEFAULT = 24;

/** Draws texts over each other. Leaves the terminal as it was when disposed of. */
export class Screen implements Disposable {
  readonly #io: CliIo;
  readonly #inPlace: boolean;
  #isEntered = false;
  #drawn = 0;

  constructor(io: CliIo, inPlace: boolean) {
    this.#io = io;
    this.#inPlace = inPlace;
    io.onSecondInterrupt(() => this[Symbol.dispose]());
  }

  /** Shows a text; false once nobody reads it. Lines below the terminal's end are left out. */
  draw(text: string): boolean {
    const isFirst = this.#drawn++ === 0;
    if (!this.#inPlace) {
      // Snapshots of several lines are set apart; those of one line are read by programs.
      const isBlock = text.indexOf("\n") < text.length - 1;
      return this.#io.out(isFirst || !isBlock ? text : `\n${text}`);
    }
    const lines = text.replace(/\n$/, "").split("\n").slice(
      0,
      (this.#io.rows() || ROWS_DEFAULT) - 1,
    );
    const enter = this.#isEntered ? "" : ENTER;
    this.#isEntered = true;
    // Erased line by line, not at once: that would flicker.
    const body = lines.map((line) => `${line}${ERASE_LINE}\n`).join("");
    return this.#io.out(`${enter}${HOME}${body}${ERASE_BELOW}`);
  }

  [Symbol.dispose](): void {
    if (this.#isEntered) this.#io.out(LEAVE);
    this.#isEntered = false;
  }
}
