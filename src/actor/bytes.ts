/**
 * How many bytes a message is accounted with. Mailboxes, dead letters and thread credits are bounded
 * in bytes, and measuring every payload would cost more than delivering it; so each protocol entry
 * gets a sizer made from its schema: a constant where the shape has only scalars, and a walk over
 * the value where it has texts, lists or columns.
 *
 * @module
 */

import type { z } from "zod";

/** Bytes of one payload. */
export type Sizer = (payload: unknown) => number;

/** Bookkeeping per message: slots of the ring, the object header. */
export const MESSAGE_OVERHEAD_BYTES = 64;
const SCALAR_BYTES = 8;
/** How deep a value is walked; deeper parts count as one scalar. A bound against cycles. */
const WALK_DEPTH_MAX = 6;
/** Elements of a list that are walked; the rest counts like their mean. A bound on cost. */
const WALK_ELEMENTS_MAX = 16;

const SCALARS = new Set([
  "number",
  "int",
  "boolean",
  "null",
  "undefined",
  "void",
  "bigint",
  "date",
]);

/** The part of a schema that says what it is made of. */
interface SchemaDef {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly innerType?: z.ZodType;
}

/** How a schema is made: zod's own description, of which only this much is relied on. */
export function defOf(schema: z.ZodType): SchemaDef {
  return schema._zod.def as unknown as SchemaDef;
}

/** Fixed size of a schema's values, or null when it depends on the value. */
function fixedBytes(schema: z.ZodType): number | null {
  const def = defOf(schema);
  if (SCALARS.has(def.type) || def.type === "literal" || def.type === "enum") return SCALAR_BYTES;
  if (def.type === "object" && def.shape !== undefined) {
    let sum = 0;
    for (const part of Object.values(def.shape)) {
      const bytes = fixedBytes(part);
      if (bytes === null) return null;
      sum += bytes;
    }
    return sum;
  }
  const wrapped = def.type === "optional" || def.type === "nullable" || def.type === "default" ||
    def.type === "readonly";
  return wrapped && def.innerType !== undefined ? fixedBytes(def.innerType) : null;
}

/** The sizer of a schema's values: O(1) for scalars, else bounded by the walk's bounds. */
export function sizerOf(schema: z.ZodType): Sizer {
  const fixed = fixedBytes(schema);
  if (fixed === null) return (payload) => MESSAGE_OVERHEAD_BYTES + bytesOfAny(payload);
  const bytes = MESSAGE_OVERHEAD_BYTES + fixed;
  return () => bytes;
}

/** A getter or a proxy may throw: sizing must not, for it runs in the sender. */
function bytesOfAny(payload: unknown): number {
  try {
    return bytesOfValue(payload, 0);
  } catch {
    return SCALAR_BYTES;
  }
}

/** Estimated bytes of any plain value. */
export function bytesOfValue(value: unknown, depth = 0): number {
  if (typeof value === "string") return 16 + 2 * value.length;
  if (typeof value !== "object" || value === null) return SCALAR_BYTES;
  if (ArrayBuffer.isView(value)) return 96 + value.byteLength;
  if (value instanceof ArrayBuffer) return 64 + value.byteLength;
  if (depth >= WALK_DEPTH_MAX) return SCALAR_BYTES;
  if (Array.isArray(value)) {
    const walked = Math.min(value.length, WALK_ELEMENTS_MAX);
    let sum = 0;
    for (let i = 0; i < walked; i++) sum += bytesOfValue(value[i], depth + 1);
    return 16 + (walked === 0 ? 0 : sum * (value.length / walked));
  }
  let sum = 16;
  for (const key in value) {
    sum += bytesOfValue((value as Record<string, unknown>)[key], depth + 1);
  }
  return sum;
}

/** Buffers of a payload that can be transferred, each once. Shared buffers stay shared. */
export function transferablesOf(value: unknown, found: Set<ArrayBuffer> = new Set(), depth = 0) {
  if (typeof value !== "object" || value === null || depth > WALK_DEPTH_MAX) return found;
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (value instanceof ArrayBuffer) {
    found.add(value);
  } else {
    for (const part of Object.values(value)) transferablesOf(part, found, depth + 1);
  }
  return found;
}
