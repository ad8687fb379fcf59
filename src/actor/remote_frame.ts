/**
 * Frames: what one node sends to another at a time. One frame holds everything of a turn of the
 * event loop for one peer, and says what was received from it.
 *
 * A frame with something in it has a number, ascending by one for each from one session to another.
 * The receiver confirms the highest number it saw and names those in between that never came; it
 * goes on naming them until the sender's `floor` lies above, so a confirmation may be lost too.
 *
 * @module
 */

import { ByteReader, ByteWriter, WireFormatError } from "./remote_bytes.ts";
import { PEER_NAME_CHARS_MAX } from "./remote_wire.ts";

const MAGIC = 0x57;
/** Of the format; nodes of another one are not understood, and their frames counted as malformed. */
const VERSION = 1;
/** Longest path of an actor, bytes. */
const PATH_BYTES_MAX = 4_096;
/** Longest name of a message, bytes. */
const TYPE_BYTES_MAX = 512;
/** Longest text of an error, bytes. */
const ERROR_BYTES_MAX = 4_096;
const TRACE_BYTES_MAX = 128;
const WANTS_CONFIRMATION = 1;

/** Stretch of frame numbers, both ends included. */
export type Stretch = readonly [first: number, last: number];

/** What a frame says about itself. */
export interface FrameHead {
  readonly fromNode: string;
  readonly fromSession: string;
  readonly toSession: string;
  /** 0: there is nothing in it, and nothing is lost with it. */
  readonly number: number;
  /** Frames with a lower number are settled: their sender knows what became of them. */
  readonly floor: number;
  /** The highest number that the sender has given out, this one with them. */
  readonly highest: number;
  /** Whether the sender waits for a confirmation. */
  readonly wantsConfirmation: boolean;
  /** The highest number received from the other side; 0 = none. */
  readonly seen: number;
  /** Numbers up to `seen` that never came, ascending. */
  readonly missed: readonly Stretch[];
}

/** Whom messages are for; those of one frame share it. */
export interface Target {
  readonly path: string;
  readonly type: string;
  /** The last frame it was written into, and its place there. */
  frame: number;
  index: number;
}

/** What stands in a frame. */
export const RECORD = {
  tell: 1,
  ask: 2,
  reply: 3,
  failure: 4,
  watch: 5,
  unwatch: 6,
} as const;

/** How an ask ended without a reply. */
export const FAILURE = { timeout: 0, stopped: 1, overflow: 2, failed: 3 } as const;

/** A failure as it travels: the error's kind, and of what caused it name, text and code. */
export interface WireFailure {
  readonly kind: number;
  readonly name: string;
  readonly text: string;
  readonly code: string;
}

/** A message in a frame. */
export interface MessageRecord {
  readonly kind: typeof RECORD.tell | typeof RECORD.ask;
  /** Of an ask; 0 of a tell. */
  readonly id: number;
  readonly timeoutMs: number;
  readonly path: string;
  readonly type: string;
  readonly lane: number;
  readonly cause: number;
  /** A `traceparent`; empty = it is not traced. */
  readonly trace: string;
  /** A view into the frame. */
  readonly payload: Uint8Array;
}

/** What stands in a frame, as it is read. */
export type FrameRecord =
  | MessageRecord
  | { readonly kind: typeof RECORD.reply; readonly id: number; readonly value: Uint8Array }
  | { readonly kind: typeof RECORD.failure; readonly id: number; readonly failure: WireFailure }
  | { readonly kind: typeof RECORD.watch; readonly id: number; readonly path: string }
  | { readonly kind: typeof RECORD.unwatch; readonly id: number };

/** Makes frames; used again and again. */
export class FrameWriter {
  readonly #targets = new ByteWriter();
  readonly #records = new ByteWriter();
  readonly #whole = new ByteWriter();
  #frame = 0;
  #targetCount = 0;

  /** Bytes of what is in it so far. */
  get length(): number {
    return this.#targets.length + this.#records.length;
  }

  /** Starts a frame. */
  begin(): void {
    this.#frame++;
    this.#targetCount = 0;
    this.#targets.clear();
    this.#records.clear();
  }

  /** A message; `id` 0 = a tell. */
  message(
    target: Target,
    lane: number,
    cause: number,
    trace: string,
    id: number,
    timeoutMs: number,
    payload: Uint8Array,
  ): void {
    const to = this.#records;
    to.byte(id === 0 ? RECORD.tell : RECORD.ask);
    if (id !== 0) {
      to.varint(id);
      to.number(timeoutMs);
    }
    to.varint(this.#indexOf(target));
    to.byte(lane);
    to.varint(cause);
    to.text(trace);
    to.varint(payload.length);
    to.raw(payload);
  }

  #indexOf(target: Target): number {
    if (target.frame === this.#frame) return target.index;
    target.frame = this.#frame;
    target.index = this.#targetCount++;
    this.#targets.text(target.path);
    this.#targets.text(target.type);
    return target.index;
  }

  /** A record that was made by one of the functions below. */
  record(bytes: Uint8Array): void {
    this.#records.raw(bytes);
  }

  /** The frame. */
  finish(head: FrameHead): Uint8Array<ArrayBuffer> {
    const to = this.#whole;
    to.clear();
    to.byte(MAGIC);
    to.byte(VERSION);
    to.text(head.fromNode);
    to.text(head.fromSession);
    to.text(head.toSession);
    to.varint(head.number);
    to.varint(head.floor);
    to.varint(head.highest);
    to.byte(head.wantsConfirmation ? WANTS_CONFIRMATION : 0);
    to.varint(head.seen);
    to.varint(head.missed.length);
    for (const [first, last] of head.missed) {
      to.varint(first);
      to.varint(last - first);
    }
    to.varint(this.#targetCount);
    if (this.#targetCount > 0) to.raw(this.#targets.copied());
    if (this.#records.length > 0) to.raw(this.#records.copied());
    return to.copied();
  }
}

const scratch = new ByteWriter();

/** A reply, its value written already. */
export function replyRecord(id: number, value: Uint8Array): Uint8Array {
  scratch.clear();
  scratch.byte(RECORD.reply);
  scratch.varint(id);
  scratch.varint(value.length);
  scratch.raw(value);
  return scratch.copied();
}

/** The failure of an ask. */
export function failureRecord(id: number, failure: WireFailure): Uint8Array {
  scratch.clear();
  scratch.byte(RECORD.failure);
  scratch.varint(id);
  scratch.byte(failure.kind);
  scratch.text(clipped(failure.name));
  scratch.text(clipped(failure.text));
  scratch.text(clipped(failure.code));
  return scratch.copied();
}

/** Units of a text of an error that travel: each takes at most three bytes. */
function clipped(text: string): string {
  return text.slice(0, Math.floor(ERROR_BYTES_MAX / 3));
}

/** The wish to be told of an actor's end. */
export function watchRecord(id: number, path: string): Uint8Array {
  scratch.clear();
  scratch.byte(RECORD.watch);
  scratch.varint(id);
  scratch.text(path);
  return scratch.copied();
}

/** The end of that wish. */
export function unwatchRecord(id: number): Uint8Array {
  scratch.clear();
  scratch.byte(RECORD.unwatch);
  scratch.varint(id);
  return scratch.copied();
}

/** A frame that came in, read up to its records. */
export interface IncomingFrame {
  readonly head: FrameHead;
  /**
   * What is in it, in order.
   *
   * @throws {WireFormatError} when not all of it can be read.
   */
  records(): FrameRecord[];
}

/**
 * Reads a frame.
 *
 * @throws {WireFormatError} when it is none.
 */
export function readFrame(bytes: Uint8Array): IncomingFrame {
  const from = new ByteReader(bytes);
  if (from.byte() !== MAGIC) throw new WireFormatError("it is no frame");
  if (from.byte() !== VERSION) throw new WireFormatError("it is of another version");
  const fromNode = from.text(PEER_NAME_CHARS_MAX);
  const fromSession = from.text(PEER_NAME_CHARS_MAX);
  const toSession = from.text(PEER_NAME_CHARS_MAX);
  const number = from.varint();
  const floor = from.varint();
  const highest = from.varint();
  const wantsConfirmation = (from.byte() & WANTS_CONFIRMATION) !== 0;
  const seen = from.varint();
  const missed: Stretch[] = [];
  for (let left = from.count(2); left > 0; left--) {
    const first = from.varint();
    missed.push([first, first + from.varint()]);
  }
  const head = {
    fromNode,
    fromSession,
    toSession,
    number,
    floor,
    highest,
    wantsConfirmation,
    seen,
    missed,
  };
  return { head, records: () => readRecords(from) };
}

function readRecords(from: ByteReader): FrameRecord[] {
  const paths: string[] = [];
  const types: string[] = [];
  for (let left = from.count(2); left > 0; left--) {
    paths.push(from.text(PATH_BYTES_MAX));
    types.push(from.text(TYPE_BYTES_MAX));
  }
  const records: FrameRecord[] = [];
  while (from.left > 0) records.push(readRecord(from, paths, types));
  return records;
}

function readRecord(
  from: ByteReader,
  paths: readonly string[],
  types: readonly string[],
): FrameRecord {
  const kind = from.byte();
  switch (kind) {
    case RECORD.tell:
    case RECORD.ask: {
      const isAsk = kind === RECORD.ask;
      const id = isAsk ? from.varint() : 0;
      const timeoutMs = isAsk ? from.number() : 0;
      const index = from.varint();
      const path = paths[index];
      const type = types[index];
      if (path === undefined || type === undefined) {
        throw new WireFormatError("a message is for nobody");
      }
      const lane = from.byte();
      const cause = from.varint();
      const trace = from.text(TRACE_BYTES_MAX);
      const payload = from.raw(from.count());
      return { kind, id, timeoutMs, path, type, lane, cause, trace, payload };
    }
    case RECORD.reply:
      return { kind, id: from.varint(), value: from.raw(from.count()) };
    case RECORD.failure:
      return { kind, id: from.varint(), failure: readFailure(from) };
    case RECORD.watch:
      return { kind, id: from.varint(), path: from.text(PATH_BYTES_MAX) };
    case RECORD.unwatch:
      return { kind, id: from.varint() };
    default:
      throw new WireFormatError("a record is of an unknown kind");
  }
}

function readFailure(from: ByteReader): WireFailure {
  return {
    kind: from.byte(),
    name: from.text(ERROR_BYTES_MAX),
    text: from.text(ERROR_BYTES_MAX),
    code: from.text(ERROR_BYTES_MAX),
  };
}
