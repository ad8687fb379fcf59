/**
 * Entries as Redis gives them: pages of a stream, read as bytes.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import {
  type CopyStand,
  type EntryKind,
  LOG_BOUNDS,
  type LogEntry,
  LogError,
  type LogPosition,
} from "./port.ts";

const KINDS: ReadonlySet<string> = new Set<EntryKind>(["commit", "put", "drop", "bury", "unbury"]);
/** Name, value, in the order in which `append.lua` writes them. */
const FIELDS = ["w", "n", "k", "a", "s", "c", "b"];
/** Entries of the first page. */
const COUNT_MIN = 8;

/** The id of a position in the stream. */
export function entryId(position: LogPosition): string {
  return `${position}-0`;
}

/** The stand as it is written. */
export function standText(stand: CopyStand | undefined): string {
  return stand === undefined ? "" : `${stand.position}:${stand.seq}`;
}

/** An entry as the client gives it. */
export type RawEntry = readonly [id: Buffer, fields: readonly Buffer[]];

/**
 * The entry that was read.
 *
 * @throws {LogError} code `foreign` when it is none of this program.
 */
export function entryOf([id, fields]: RawEntry): LogEntry {
  const text = (at: number) => fields[at]?.toString("latin1") ?? "";
  const found = { id: id.toString("latin1"), names: FIELDS.map((_, i) => text(2 * i)) };
  const position = Number(/^([1-9]\d{0,15})-0$/.exec(found.id)?.[1] ?? NaN);
  const number = Number(text(3)), atMs = Number(text(7));
  const kind = text(5), bytes = fields[13];
  const isRight = Number.isSafeInteger(position) && Number.isSafeInteger(number) &&
    Number.isSafeInteger(atMs) && KINDS.has(kind) && bytes !== undefined &&
    fields.length === 2 * FIELDS.length && FIELDS.every((name, i) => found.names[i] === name);
  if (!isRight) {
    throw new LogError(
      "foreign",
      `Cannot read the log's entry ${found.id.slice(0, 40)}: expected one of this program and ` +
        `version: current value is of kind ${JSON.stringify(kind.slice(0, 20))}`,
    );
  }
  const writer = fields[1]?.toString() ?? "";
  return {
    position,
    atMs,
    writer,
    number,
    kind: kind as EntryKind,
    bytes,
    stand: standOf(text(9)),
  };
}

function standOf(text: string): CopyStand | null {
  const [, position, seq] = /^(\d{1,15}):(\d{1,15})$/.exec(text) ?? [];
  return position === undefined ? null : { position: Number(position), seq: Number(seq) };
}

/**
 * How many entries to ask for, so that a page has about `LOG_BOUNDS.pageBytes`: Redis counts entries
 * and not bytes. Grows by the double and falls at once, so that a page exceeds it only after small
 * entries are followed by large ones.
 */
export class PageSize {
  #count = COUNT_MIN;

  /** Entries of the next page. */
  get count(): number {
    return this.#count;
  }

  /** Learns from a page. */
  saw(entries: readonly LogEntry[]): void {
    if (entries.length === 0) return;
    let bytes = 0, largest = 1;
    for (const entry of entries) {
      bytes += entry.bytes.length;
      largest = Math.max(largest, entry.bytes.length);
    }
    const fits = Math.max(1, Math.floor(LOG_BOUNDS.pageBytes / largest));
    const wanted = bytes * 2 <= LOG_BOUNDS.pageBytes ? this.#count * 2 : fits;
    this.#count = Math.min(LOG_BOUNDS.pageEntries, fits, wanted);
  }
}

/**
 * Looks whether a page follows on a position without a hole.
 *
 * @throws {LogError} code `gone` when entries before it were given up, `foreign` when some within are
 * missing.
 */
export function assertFollows(entries: readonly LogEntry[], after: LogPosition): void {
  entries.forEach(({ position }, i) => {
    if (position === after + 1 + i) return;
    const code = i === 0 ? "gone" : "foreign";
    const message =
      `Cannot read the log after position ${after}: expected entry ${after + 1 + i}: ` +
      `current value is ${position}`;
    throw new LogError(code, message);
  });
}
