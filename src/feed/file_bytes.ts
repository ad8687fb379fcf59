/**
 * Bytes of files: in, plain or gzip, from a path or standard input; out, so that a file is there
 * whole or not at all.
 *
 * @module
 */

import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { orAborted } from "./gate.ts";

/** The path that means standard input. */
export const STDIN_PATH = "-";

/** Size of one read: large enough that its cost vanishes, small enough to stay in the cache. */
const CHUNK_BYTES = 1 << 18;

/** ID1 and ID2 of a gzip member (RFC 1952, 2.3.1). */
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * What was wrong with a file.
 *
 * - `not_found`, `denied`, `directory`: it cannot be used; nothing was read or written
 * - `read`, `damaged`: it ended in an error; `damaged` is gzip data that is cut short, has a wrong
 *   checksum, or is followed by something else
 * - `write`: it could not be written, for example because the disk is full
 * - `closed`: who reads the output has closed it
 */
export type FileErrorCode =
  | "not_found"
  | "denied"
  | "directory"
  | "read"
  | "damaged"
  | "write"
  | "closed";

/** A file that could not be read or written: `Cannot <verb> <path>: <why>`. */
export class FileError extends Error {
  override readonly name = "FileError";
  /** Stable, so that callers may branch on it. */
  readonly code: FileErrorCode;

  constructor(code: FileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A path for people. */
export function pathText(path: string): string {
  return path === STDIN_PATH ? "standard input" : path;
}

/** The bytes of one file, with how far reading is. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Size of the file as it lies there (packed); null before the start and for pipes. */
  readonly sizeBytes: number | null;
  /** Bytes of it read so far (packed). */
  readonly readBytes: number;
}

/**
 * The plain bytes of the file at `path`, `-` being standard input.
 *
 * - gzip is recognised by its first two bytes, whatever the name; several members are one file
 * - gzip data that is cut short, damaged, or followed by other bytes than zeros ends in `damaged`:
 *   what was yielded before must not be used
 * - opened at the first `next`, closed when iteration ends in any way; to be iterated once
 * - a chunk belongs to the receiver; with `lend` it is only lent until the next is asked for, and one
 *   piece of memory serves all reads of a plain file
 *
 * @throws {FileError} while iterating; the reason of `signal` once that is aborted.
 */
export function fileBytes(
  path: string,
  options: { readonly signal?: AbortSignal; readonly lend?: boolean } = {},
): ByteSource {
  const { signal = new AbortController().signal, lend = false } = options;
  return new FileBytes(path, signal, lend);
}

class FileBytes implements ByteSource {
  sizeBytes: number | null = null;
  readBytes = 0;
  /** Whether the memory of a read serves the next one too. */
  #lends: boolean;

  constructor(readonly path: string, readonly signal: AbortSignal, lend: boolean) {
    this.#lends = lend;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const packed = this.#packed();
    try {
      const first = await packed.next();
      if (first.done) return;
      const chunks = withFirst(first.value, packed);
      if (isGzip(first.value)) {
        // What unpacks asks for the next chunk before it is done with the last.
        this.#lends = false;
        yield* gunzipped(chunks, this.path);
      } else yield* chunks;
    } finally {
      await packed.return(undefined);
    }
  }

  /** The bytes as they lie there; the first chunk is long enough to tell gzip by. */
  async *#packed(): AsyncGenerator<Uint8Array, undefined> {
    const file = await this.#open();
    try {
      let memory: Uint8Array | null = null;
      for (let wanted: number = GZIP_MAGIC.length;; wanted = 1) {
        const chunk: Uint8Array = memory ?? new Uint8Array(CHUNK_BYTES);
        let filled = 0;
        while (filled < wanted) {
          const count = await this.#read(file, chunk.subarray(filled));
          if (count === null) break;
          filled += count;
        }
        if (filled === 0) return;
        this.readBytes += filled;
        yield chunk.subarray(0, filled);
        memory = this.#lends ? chunk : null;
      }
    } finally {
      if (file !== Deno.stdin) file.close();
    }
  }

  async #open(): Promise<Pick<Deno.FsFile, "read" | "close">> {
    if (this.path === STDIN_PATH) return Deno.stdin;
    this.sizeBytes = await readableSize(this.path);
    try {
      return await Deno.open(this.path);
    } catch (error) {
      throw openError("read", this.path, error);
    }
  }

  async #read(file: Pick<Deno.FsFile, "read">, into: Uint8Array): Promise<number | null> {
    try {
      // Before the read begins: one whose end nobody awaits would fail when the file is closed.
      this.signal.throwIfAborted();
      return await orAborted(file.read(into), this.signal);
    } catch (error) {
      this.signal.throwIfAborted();
      throw new FileError("read", `Cannot read ${pathText(this.path)}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return GZIP_MAGIC.every((byte, index) => bytes[index] === byte);
}

async function* withFirst(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

/**
 * `node:zlib` and not DecompressionStream: that refuses a second member, and is half as fast.
 */
async function* gunzipped(
  packed: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // An error of either end destroys both, and comes out of the iteration below.
  pipeline(Readable.from(packed), gunzip, () => {});
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      // A plain view: code that runs over millions of bytes should see one kind of array.
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!code.startsWith("Z_")) throw error;
    const why = `the gzip data is damaged or cut short (${reasonOf(error)})`;
    throw new FileError("damaged", `Cannot read ${pathText(path)}: ${why}`, { cause: error });
  }
}

/**
 * Size of the file at `path` in bytes; null when it has none, as a pipe. O(1), reads nothing.
 *
 * @throws {FileError} code `not_found`, `denied` or `directory`.
 */
export async function readableSize(path: string): Promise<number | null> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (error) {
    throw openError("read", path, error);
  }
  if (info.isDirectory) {
    throw new FileError("directory", `Cannot read ${path}: it is a folder`);
  }
  return info.isFile ? info.size : null;
}

/** Where bytes go. Writes are in order; one must have ended before the next begins. */
export interface ByteSink {
  /** @throws {FileError} code `write` or `closed`. */
  write(bytes: Uint8Array): Promise<void>;
  /** All is written: the file appears under its name. @throws {FileError} code `write`. */
  finish(): Promise<void>;
  /** Nothing is left of what was written. Idempotent; does nothing after `finish`. */
  discard(): Promise<void>;
}

/** Standard output; `finish` and `discard` do nothing. */
export function stdoutSink(): ByteSink {
  return {
    write: (bytes) => writeAll(Deno.stdout, bytes, "standard output"),
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

/**
 * A file at `path`, which appears, or replaces what was there, when it is finished: until then the
 * bytes are in `temporaryPath`, which must be in the same folder. With `temporaryPath` null they go
 * to what is there already: a device or a pipe.
 *
 * @throws {FileError} code `not_found`, `denied` or `write`.
 */
export async function fileSink(path: string, temporaryPath: string | null): Promise<ByteSink> {
  let file: Deno.FsFile;
  try {
    const fresh = { create: true, truncate: true };
    file = await Deno.open(temporaryPath ?? path, {
      write: true,
      ...(temporaryPath === null ? {} : fresh),
    });
  } catch (error) {
    throw openError("write", path, error);
  }
  let isOpen = true;
  const close = () => {
    if (isOpen) file.close();
    isOpen = false;
  };
  return {
    write: (bytes) => writeAll(file, bytes, path),
    async finish() {
      close();
      if (temporaryPath === null) return;
      try {
        await Deno.rename(temporaryPath, path);
      } catch (error) {
        throw writeError(path, error);
      }
    },
    async discard() {
      close();
      if (temporaryPath !== null) await removeIfThere(temporaryPath);
    },
  };
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function writeAll(
  file: Pick<Deno.FsFile, "write">,
  bytes: Uint8Array,
  path: string,
): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  } catch (error) {
    throw writeError(path, error);
  }
}

function writeError(path: string, error: unknown): FileError {
  const code = error instanceof Deno.errors.BrokenPipe ? "closed" : "write";
  return new FileError(code, `Cannot write ${path}: ${reasonOf(error)}`, { cause: error });
}

function openError(verb: "read" | "write", path: string, error: unknown): FileError {
  const say = (code: FileErrorCode, why: string) =>
    new FileError(code, `Cannot ${verb} ${path}: ${why}`, { cause: error });
  if (error instanceof Deno.errors.NotFound) {
    return say("not_found", verb === "read" ? "there is no such file" : "there is no such folder");
  }
  if (error instanceof Deno.errors.NotADirectory) return say("not_found", "its folder is a file");
  if (error instanceof Deno.errors.PermissionDenied) return say("denied", "permission denied");
  if (error instanceof Deno.errors.NotCapable) {
    return say("denied", "Deno does not permit it");
  }
  return say(verb, reasonOf(error));
}

/** The system's words without its number: `No space left on device`. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\).*$/s, "").split("\n")[0] ?? text;
}
