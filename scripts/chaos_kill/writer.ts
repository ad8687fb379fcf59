/**
 * Whoever writes the file that is followed.
 *
 * @module
 */

import { FileLines } from "./inputs.ts";
import { pause } from "./pusher.ts";

/** Between two writes. */
const PAUSE_MS = 8;

/** Appends lines to a file, some of them in two halves. */
export class FileWriter {
  /** Bytes in whole lines so far. */
  bytes = 0;
  /** Lines so far, the header included. */
  lines = 0;
  #isClosed = false;
  readonly #lines: FileLines;
  readonly #file: Deno.FsFile;

  constructor(seed: number, path: string) {
    this.#lines = new FileLines(seed);
    this.#file = Deno.openSync(path, { create: true, truncate: true, write: true });
    this.#append(FileLines.HEADER);
    this.lines = 1;
  }

  /** Appends `perWrite` lines at a time until `isOver`; waits while `isHeld`. */
  async run(isOver: () => boolean, isHeld: () => boolean, perWrite: number): Promise<void> {
    while (!isOver()) {
      await pause(PAUSE_MS);
      if (isHeld()) continue;
      const text = Array.from({ length: perWrite }, () => this.#lines.next()).join("");
      const cut = this.lines % 3 === 0 ? text.length - 20 : text.length;
      this.#append(text.slice(0, cut));
      if (cut < text.length) {
        await pause(PAUSE_MS);
        this.#append(text.slice(cut));
      }
      this.lines += perWrite;
    }
  }

  /** Closes the file; idempotent. */
  close(): void {
    if (!this.#isClosed) this.#file.close();
    this.#isClosed = true;
  }

  #append(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    this.bytes += bytes.length;
  }
}
