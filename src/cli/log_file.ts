/**
 * A log file that is set aside when it is full: `wick.log`, then `wick.log.1`, up to a count.
 *
 * @module
 */

import { UsageError } from "./exit_code.ts";
import { reasonOf } from "./config_file.ts";

/** Where lines go. */
export interface LineSink {
  /** Writes one line, its end included. False when it could not; never throws. */
  write(line: string): boolean;
  /** Ends it. Idempotent. */
  close(): void;
}

/** How a {@linkcode RotatingFile} is bounded. */
export interface RotatingOptions {
  readonly path: string;
  /** A line that would pass this size goes into a new file. */
  readonly bytesMax: number;
  /** Files kept, the current one included. */
  readonly countMax: number;
}

/**
 * A {@linkcode LineSink} on disk.
 *
 * - Together the files take at most `bytesMax · countMax`, but for one line longer than a file.
 * - Lines are written whole, synchronously, each with one write: a crash loses none that was logged.
 * - A full disk or a folder that is gone loses lines, not the service; the next line tries again.
 */
export class RotatingFile implements LineSink, Disposable {
  readonly #options: RotatingOptions;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile | null;
  #bytes = 0;

  /** @throws {UsageError} when the file cannot be written. */
  constructor(options: RotatingOptions) {
    this.#options = options;
    try {
      this.#file = this.#open();
    } catch (error) {
      throw new UsageError(`Cannot write the log file ${options.path}: ${reasonOf(error)}`);
    }
  }

  write(line: string): boolean {
    const bytes = this.#encoder.encode(line);
    try {
      if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.bytesMax) this.#rotate();
      this.#file ??= this.#open();
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
      this.#bytes += bytes.length;
      return true;
    } catch {
      this.close();
      return false;
    }
  }

  close(): void {
    const file = this.#file;
    this.#file = null;
    try {
      file?.close();
    } catch {
      // Nothing is left to be written, and who would be told?
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Deno.FsFile {
    const file = Deno.openSync(this.#options.path, { append: true, create: true, mode: 0o640 });
    this.#bytes = file.statSync().size;
    return file;
  }

  #rotate(): void {
    const { path, countMax } = this.#options;
    this.close();
    if (countMax === 1) Deno.truncateSync(path, 0);
    else {
      for (let index = countMax - 2; index >= 0; index--) {
        renameIfThere(index === 0 ? path : `${path}.${index}`, `${path}.${index + 1}`);
      }
    }
    this.#file = this.#open();
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
