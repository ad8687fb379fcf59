/**
 * A store for the harness itself: the memory twin with a file of commits that is read back at the
 * start. Small enough to be right by inspection, and to be made wrong on purpose: each flaw is a bug
 * that a durable store could have, and that the harness must find.
 *
 * @module
 */

import { deserialize, serialize } from "node:v8";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch, CommitResult } from "../../src/store/port.ts";

/**
 * - `late_write`: a commit is answered before it is written
 * - `cursor_first`: the cursor is written before the rows, in a write of its own
 * - `forgets_last`: the last commit is given up when the file is opened, as if it had been torn
 * - `renumbers`: the last two commits are one after the file was opened, so that later ones get
 *   numbers that subscribers have seen
 */
export const FLAWS = ["late_write", "cursor_first", "forgets_last", "renumbers"] as const;

/** See {@linkcode FLAWS}. */
export type Flaw = (typeof FLAWS)[number];

const LENGTH_BYTES = 4;

/** What happens inside a commit, for whoever wants to interrupt it. */
export type OnStep = (step: "begun" | "half_written" | "written" | "synced") => void;

/** See the module. */
export class JournalStore extends MemoryStore {
  readonly #file: Deno.FsFile;
  readonly #flaw: Flaw | null;
  readonly #onStep: OnStep;

  constructor(path: string, flaw: Flaw | null, onStep: OnStep) {
    super({ barsMax: 1_000_000, logRowsMax: 10_000_000 });
    this.#flaw = flaw;
    this.#onStep = onStep;
    const wholeBytes = this.#replay(path);
    this.#file = Deno.openSync(path, { create: true, read: true, write: true });
    this.#file.truncateSync(wholeBytes);
    this.#file.seekSync(0, Deno.SeekMode.End);
  }

  override commit(batches: readonly CommitBatch[]): CommitResult {
    const result = super.commit(batches);
    if (result.state === "refused") return result;
    this.#onStep("begun");
    if (this.#flaw === "late_write") {
      setTimeout(() => this.#write(batches), 20);
      return result;
    }
    if (this.#flaw === "cursor_first") {
      this.#write(batches.map((batch) => ({ ...batch, series: [] })));
      this.#write(batches.map((batch) => ({ ...batch, feed: null })));
    } else this.#write(batches);
    return result;
  }

  override close(): void {
    super.close();
    this.#file.close();
  }

  #write(batches: readonly CommitBatch[]): void {
    const body = serialize(batches) as Uint8Array;
    const entry = new Uint8Array(LENGTH_BYTES + body.length);
    new DataView(entry.buffer).setUint32(0, body.length);
    entry.set(body, LENGTH_BYTES);
    const half = entry.length >> 1;
    writeWhole(this.#file, entry.subarray(0, half));
    this.#onStep("half_written");
    writeWhole(this.#file, entry.subarray(half));
    this.#onStep("written");
    this.#file.syncDataSync();
    this.#onStep("synced");
  }

  /** Makes all commits of the file again; the bytes of those that are whole. */
  #replay(path: string): number {
    let bytes: Uint8Array;
    try {
      bytes = Deno.readFileSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
    const entries: { readonly end: number; readonly batches: CommitBatch[] }[] = [];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + LENGTH_BYTES <= bytes.length;) {
      const end = at + LENGTH_BYTES + view.getUint32(at);
      if (end > bytes.length) break;
      const body = bytes.subarray(at + LENGTH_BYTES, end);
      entries.push({ end, batches: deserialize(body) as CommitBatch[] });
      at = end;
    }
    if (this.#flaw === "forgets_last") entries.pop();
    const commits = entries.map(({ batches }) => batches);
    const last = commits.at(-1);
    if (this.#flaw === "renumbers" && commits.length > 1 && last !== undefined) {
      commits.splice(-2, 2, [...commits.at(-2) ?? [], ...last]);
    }
    for (const batches of commits) {
      const made = super.commit(batches);
      if (made.state === "refused") throw new Error(`the journal does not replay: ${made.message}`);
    }
    return entries.at(-1)?.end ?? 0;
  }
}

function writeWhole(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
