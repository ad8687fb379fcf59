/**
 * A file that grows, read as `tail -F` reads it.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { FileError } from "./file_bytes.ts";
import { sleep } from "./sleep.ts";

/** Size of one read. */
const CHUNK_BYTES = 1 << 18;

/** Bytes before the end that are remembered, to notice when a file was written anew in place. */
const TAIL_BYTES = 64;

/** ID1 and ID2 of a gzip member (RFC 1952, 2.3.1). */
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/** How a file ceased to be the one that was read. */
export type FileChange = "truncated" | "replaced" | "rewritten";

/**
 * One life of the file at a path: its bytes from an offset on, and then those that are written
 * later.
 *
 * - a file that is not there yet is waited for; one that was moved away is read until another one
 *   lies at the path
 * - the bytes end when the file was truncated, replaced by another (device or inode), or written
 *   anew in place so that the bytes before the offset differ; `change` says which
 * - to be iterated once; `stop` ends a wait at once
 */
export class FollowedFile {
  /** Why the bytes ended; null while they have not. */
  change: FileChange | null = null;
  /** Size of the file when it was last looked at; null before. */
  sizeBytes: number | null = null;
  /** Whether a file has been found at the path. */
  isThere = false;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #pollMs: number;
  readonly #life = new AbortController();
  readonly #tail = new Uint8Array(TAIL_BYTES);
  #tailBytes = 0;
  #offset = 0;

  /** `pollMs` lies between two looks at a file that did not grow. */
  constructor(clock: Clock, path: string, pollMs: number) {
    this.#clock = clock;
    this.#path = path;
    this.#pollMs = pollMs;
  }

  /** Ends a wait under way, and the bytes with it. */
  stop(): void {
    this.#life.abort(new Error("the file is not followed any more"));
  }

  /**
   * The first bytes of the file, at most `length`; null when there is no such file, it is shorter than
   * `offset`, or no line ends there.
   *
   * @throws {FileError}
   */
  async look(length: number, offset: number): Promise<Uint8Array | null> {
    const file = await this.#open();
    if (file === null) return null;
    try {
      if ((await file.stat()).size < offset) return null;
      const last = await readAt(file, Math.max(0, offset - 1), offset);
      if (offset > 0 && last[0] !== 10) return null;
      return await readAt(file, 0, length);
    } finally {
      file.close();
    }
  }

  /**
   * The bytes from `offset` on.
   *
   * @throws {FileError} code `damaged` for gzip data, which cannot be followed.
   */
  async *bytes(offset: number): AsyncGenerator<Uint8Array> {
    const file = await this.#opened();
    if (file === null) return;
    try {
      this.#offset = offset;
      await assertPlain(file, this.#path);
      this.#remember(await readAt(file, Math.max(0, offset - TAIL_BYTES), offset));
      for (;;) {
        this.change = yield* this.#rest(file);
        if (this.change !== null || !await this.#wait()) return;
        if (!await this.#isReplaced(file)) continue;
        // Whoever moved it away may have written to it until then.
        yield* this.#rest(file);
        this.change = "replaced";
        return;
      }
    } finally {
      file.close();
    }
  }

  /**
   * What was added; how the file has changed if it has. The bytes that were read last are read again
   * with those that follow them: a look of its own could miss what happens in between.
   */
  async *#rest(file: Deno.FsFile): AsyncGenerator<Uint8Array, FileChange | null> {
    for (;;) {
      const again = this.#tailBytes;
      await file.seek(this.#offset - again, Deno.SeekMode.Start);
      const chunk = new Uint8Array(CHUNK_BYTES);
      // One read: a file gives less than was asked for at its end only.
      const filled = await file.read(chunk) ?? 0;
      if (filled < again) return "truncated";
      for (let i = 0; i < again; i++) if (chunk[i] !== this.#tail[i]) return "rewritten";
      if (filled === again) return null;
      const bytes = chunk.subarray(again, filled);
      this.#offset += bytes.length;
      this.#remember(bytes);
      yield bytes;
    }
  }

  async #isReplaced(file: Deno.FsFile): Promise<boolean> {
    const [own, there] = await Promise.all([file.stat(), statOrNull(this.#path)]);
    this.sizeBytes = own.size;
    return there !== null && !(there.ino === own.ino && there.dev === own.dev);
  }

  /** Keeps the last bytes before the offset. */
  #remember(bytes: Uint8Array): void {
    const kept = Math.min(this.#tailBytes, Math.max(0, TAIL_BYTES - bytes.length));
    this.#tail.copyWithin(0, this.#tailBytes - kept, this.#tailBytes);
    const added = bytes.subarray(Math.max(0, bytes.length - TAIL_BYTES));
    this.#tail.set(added, kept);
    this.#tailBytes = kept + added.length;
  }

  /** The file, once there is one; null when it was stopped before. */
  async #opened(): Promise<Deno.FsFile | null> {
    for (;;) {
      const file = await this.#open();
      if (file !== null) return file;
      if (!await this.#wait()) return null;
    }
  }

  async #open(): Promise<Deno.FsFile | null> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      const reason = error instanceof Error ? error.message : String(error);
      throw new FileError("read", `Cannot follow ${this.#path}: ${reason}`, { cause: error });
    }
    const { isFile, size } = await file.stat();
    if (!isFile) {
      file.close();
      throw new FileError(
        "read",
        `Cannot follow ${this.#path}: expected a file: current value is a folder, pipe or device`,
      );
    }
    this.isThere = true;
    this.sizeBytes = size;
    return file;
  }

  async #wait(): Promise<boolean> {
    if (this.#life.signal.aborted) return false;
    return await sleep(this.#clock, this.#pollMs, this.#life.signal).then(() => true, () => false);
  }
}

async function assertPlain(file: Deno.FsFile, path: string): Promise<void> {
  const [first, second] = await readAt(file, 0, GZIP_MAGIC.length);
  if (first !== GZIP_MAGIC[0] || second !== GZIP_MAGIC[1]) return;
  throw new FileError(
    "damaged",
    `Cannot follow ${path}: expected a plain file, since gzip data cannot be read on from its end: ` +
      `current value is a gzip file`,
  );
}

/** The bytes from ≤ i < to, fewer where the file ends; moves the file's position. */
async function readAt(file: Deno.FsFile, from: number, to: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(to - from);
  await file.seek(from, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < bytes.length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null || count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

async function statOrNull(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new FileError("read", `Cannot follow ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
