/**
 * The encoding of messages between threads, derived from their protocol. Cloning 512 small objects
 * costs ten times what 512 numbers in one buffer cost, so payloads that are objects of numbers travel
 * as numbers; everything else is cloned as it is.
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
      const made: Record<string, number> = {};
      for (const name of entry?.fields ?? []) made[name] = numbers[number++] as number;
      payload = made;
    }
    if (entry !== undefined) each(i, entry, payload, causes[i] as number);
  }
}
