/**
 * The encoding of messages between threads, derived from their protocol. Cloning 512 small objects
 * costs ten times what 512 numbers in one buffer cost, so payloads that are objects of numbers travel
 * as numbers; everything else is cloned as it is.
 *
 * The usual post has nothing but numbers on it, and then it is a stretch of numbers and no object:
 * it travels as a frame of a ring, or, where that is full, as one `Float64Array` over the port.
 *
 * @module
 */

import type { z } from "zod";
import { defOf } from "./bytes.ts";
import type { Entry, Protocol } from "./protocol.ts";

/** Payloads of one post; `codes` says for each message its entry and where its payload is. */
export interface PackedMessages {
  /** Entry index, with {@linkcode CLONED} set where the payload is the next one of `cloned`. */
  readonly codes: Uint16Array;
  readonly causes: Float64Array;
  /** Fields of the other payloads, in the order of their declaration. */
  readonly numbers: Float64Array;
  readonly cloned: unknown[];
}

/** Bit of a code above all entry indices. */
const CLONED = 0x8000;

/** Names of a schema's fields when all of them are numbers, else null. */
export function numericFields(schema: z.ZodType): readonly string[] | null {
  const def = defOf(schema);
  if (def.type !== "object" || def.shape === undefined) return null;
  const fields = Object.entries(def.shape);
  const numeric = fields.every(([, part]) => defOf(part).type === "number");
  return numeric ? fields.map(([name]) => name) : null;
}

/** Packs messages of one protocol. O(messages). */
export function packMessages(
  entries: readonly Entry[],
  payloads: readonly unknown[],
  causes: readonly number[],
): PackedMessages {
  const codes = new Uint16Array(entries.length);
  const numbers: number[] = [];
  const cloned: unknown[] = [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as Entry;
    const payload = payloads[i];
    if (entry.fields !== null && pushNumbers(payload, entry.fields, numbers)) {
      codes[i] = entry.index;
    } else {
      codes[i] = entry.index | CLONED;
      cloned.push(payload);
    }
  }
  return { codes, causes: new Float64Array(causes), numbers: new Float64Array(numbers), cloned };
}

/** False, and nothing pushed, when the payload is not exactly what its schema says. */
function pushNumbers(payload: unknown, fields: readonly string[], numbers: number[]): boolean {
  if (typeof payload !== "object" || payload === null) return false;
  const length = numbers.length;
  let own = 0;
  for (const _name in payload) own++;
  let fit = own === fields.length;
  for (let i = 0; fit && i < fields.length; i++) {
    const value = (payload as Record<string, unknown>)[fields[i] as string];
    if (typeof value === "number") numbers.push(value);
    else fit = false;
  }
  if (!fit) numbers.length = length;
  return fit;
}

/** Messages of one frame: small enough that one side works while the other makes the next one. */
export const FRAME_MESSAGES_MAX = 256;
/** Numbers of a head: first sequence number, service time in ms, posts that went before. */
export const HEAD_NUMBERS = 3;
export const SERVICE_AT = 1;
export const POSTS_AT = 2;
/** Numbers before a message's fields: its entry index and its causation id. */
const MESSAGE_NUMBERS = 2;
const CAPACITY_MIN = 1_024;

/**
 * Numbers of the post that is being made: a head, then what was pushed. Who pushes bounds how many.
 * O(numbers).
 */
export class NumberPost {
  #numbers = new Float64Array(CAPACITY_MIN);
  #end = HEAD_NUMBERS;
  /** Messages or replies on it. */
  count = 0;

  /** Appends one number, which is a reply. */
  pushNumber(value: number): void {
    if (this.#end === this.#numbers.length) this.#grow(1);
    this.#numbers[this.#end++] = value;
    this.count++;
  }

  /** Appends a message; false, and nothing done, when its payload is not all numbers. */
  pushMessage(entry: Entry, payload: unknown, cause: number): boolean {
    const fields = entry.fields;
    if (fields === null || typeof payload !== "object" || payload === null) return false;
    if (this.#end + MESSAGE_NUMBERS + fields.length > this.#numbers.length) {
      this.#grow(MESSAGE_NUMBERS + fields.length);
    }
    const numbers = this.#numbers;
    let end = this.#end + MESSAGE_NUMBERS;
    let more = fields.length;
    for (const _name in payload) more--;
    if (more !== 0) return false;
    for (let i = 0; i < fields.length; i++) {
      const value = (payload as Record<string, unknown>)[fields[i] as string];
      if (typeof value !== "number") return false;
      numbers[end++] = value;
    }
    numbers[this.#end] = entry.index;
    numbers[this.#end + 1] = cause;
    this.#end = end;
    this.count++;
    return true;
  }

  /** Sets the head; the numbers so far are then the first {@linkcode length} of it. */
  sealed(first: number, serviceMs: number, posts: number): Float64Array {
    this.#numbers[0] = first;
    this.#numbers[SERVICE_AT] = serviceMs;
    this.#numbers[POSTS_AT] = posts;
    return this.#numbers;
  }

  get length(): number {
    return this.#end;
  }

  /** Starts anew. */
  clear(): void {
    this.#end = HEAD_NUMBERS;
    this.count = 0;
  }

  #grow(more: number): void {
    const grown = new Float64Array(Math.max(2 * this.#numbers.length, this.#end + more));
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}

/**
 * Calls `each` with every message in the first `length` numbers of a post, in order. Nothing after a code that the
 * protocol does not have can be read.
 */
export function unpackNumbers(
  messages: Protocol,
  numbers: Float64Array,
  length: number,
  each: (seq: number, entry: Entry, payload: unknown, cause: number) => void,
): void {
  let seq = numbers[0] as number;
  for (let at = HEAD_NUMBERS; at < length;) {
    const entry = messages.byIndex[numbers[at] as number];
    if (entry === undefined || entry.fields === null) return;
    const cause = numbers[at + 1] as number;
    at += MESSAGE_NUMBERS;
    each(seq++, entry, payloadOf(entry.fields, numbers, at), cause);
    at += entry.fields.length;
  }
}

function payloadOf(
  fields: readonly string[],
  numbers: Float64Array,
  at: number,
): Record<string, number> {
  const payload: Record<string, number> = {};
  for (let i = 0; i < fields.length; i++) payload[fields[i] as string] = numbers[at++] as number;
  return payload;
}

/** Calls `each` with every message, in order. Unknown codes are left out. */
export function unpackMessages(
  messages: Protocol,
  packed: PackedMessages,
  each: (index: number, entry: Entry, payload: unknown, cause: number) => void,
): void {
  const { codes, causes, numbers, cloned } = packed;
  let number = 0, clone = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    const entry = messages.byIndex[code & ~CLONED];
    let payload: unknown;
    if ((code & CLONED) !== 0) payload = cloned[clone++];
    else {
      const fields = entry?.fields ?? [];
      payload = payloadOf(fields, numbers, number);
      number += fields.length;
    }
    if (entry !== undefined) each(i, entry, payload, causes[i] as number);
  }
}
