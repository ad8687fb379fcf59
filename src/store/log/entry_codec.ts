/**
 * The bytes of entries: a commit is what `packCommit` makes, anything else is JSON.
 *
 * What comes from the log is looked at before it is used: lengths that do not fit would otherwise cost
 * memory without bound.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { z } from "zod";
import { unpackCommit } from "../commit_codec.ts";
import { openPacked } from "../packed.ts";
import type { CommitBatch, LetterFilter, NewLetter } from "../port.ts";
import { type EntryKind, LogError } from "./port.ts";

/** What an entry does, decoded. */
export type Change =
  | { readonly kind: "commit"; readonly batches: readonly CommitBatch[] }
  | { readonly kind: "put"; readonly record: readonly [kind: string, key: string, json: string] }
  | { readonly kind: "drop"; readonly record: readonly [kind: string, key: string] }
  | { readonly kind: "bury"; readonly letters: readonly NewLetter[] }
  | { readonly kind: "unbury"; readonly filter: LetterFilter };

const nullableText = z.string().nullable();
const letter = z.strictObject({
  atMs: z.number(),
  path: z.string(),
  type: z.string(),
  reason: z.string(),
  error: nullableText,
  payload: nullableText,
});
const filter = z.strictObject({
  id: z.number().optional(),
  ids: z.array(z.number()).optional(),
  afterId: z.number().optional(),
  beforeId: z.number().optional(),
  isLatestFirst: z.boolean().optional(),
  path: z.string().optional(),
  type: z.string().optional(),
  reason: z.string().optional(),
});

/** The bytes of anything but a commit. */
export function packChange(change: Exclude<Change, { kind: "commit" }>): Uint8Array {
  const { kind: _, ...rest } = change;
  return Buffer.from(JSON.stringify(Object.values(rest)[0]));
}

/**
 * What bytes of the log mean. O(bytes); rows of commits are views of the bytes.
 *
 * @throws {LogError} code `foreign` when they mean nothing.
 */
export function unpackChange(kind: EntryKind, bytes: Uint8Array): Change {
  try {
    switch (kind) {
      case "commit":
        return { kind, batches: unpackCommit(planned(aligned(bytes))) };
      case "put":
        return { kind, record: z.tuple([z.string(), z.string(), z.string()]).parse(jsonOf(bytes)) };
      case "drop":
        return { kind, record: z.tuple([z.string(), z.string()]).parse(jsonOf(bytes)) };
      case "bury":
        return { kind, letters: z.array(letter).parse(jsonOf(bytes)) };
      case "unbury":
        return { kind, filter: filter.parse(jsonOf(bytes)) as LetterFilter };
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
    throw new LogError("foreign", `Cannot read an entry of the log (${kind}): ${reason}`, {
      cause: error,
    });
  }
}

/** Columns of numbers lie at multiples of eight; what Redis answered lies anywhere. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}

function planned(bytes: Uint8Array): Uint8Array {
  assertPlan(bytes);
  return bytes;
}

function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

const records = z.array(z.strictObject({
  kind: z.string(),
  key: z.string(),
  json: nullableText,
}));
const besideText = z.tuple([
  z.array(z.string()),
  z.array(z.tuple([z.int().min(0), records, z.array(letter)])),
]);

/** Looks whether a packed commit counts what is there. See `commit_codec.ts` for its plan. */
function assertPlan(bytes: Uint8Array): void {
  const { numbers, candles, logged, text } = openPacked(bytes);
  const [names, besides] = besideText.parse(JSON.parse(text));
  const plan = new Plan(numbers, names.length);
  const batches = plan.count(numbers.length);
  let candleRows = 0, labelRows = 0;
  for (let batch = 0; batch < batches; batch++) {
    for (let name = 0; name < 3; name++) plan.nameOrNone();
    for (let parts = plan.count(numbers.length); parts > 0; parts--) {
      plan.name();
      plan.count(Number.MAX_SAFE_INTEGER);
      candleRows += Math.max(0, plan.countOrNone(candles.columns.ts.length));
      const replaced = plan.countOrNone(candles.columns.ts.length);
      candleRows += Math.max(0, replaced);
      if (replaced >= 0) plan.skip(2);
      if (plan.nameOrNone() >= 0) plan.skip(2);
      for (let sets = plan.count(numbers.length); sets > 0; sets--) {
        plan.name();
        labelRows += plan.count(logged.labels.length);
      }
    }
  }
  const isWhole = plan.isAtEnd && candleRows === candles.columns.ts.length &&
    labelRows === logged.labels.length && besides.every(([at]) => at < batches);
  if (!isWhole) throw new RangeError("its plan does not fit its rows");
}

class Plan {
  #at = 0;

  constructor(readonly numbers: Float64Array, readonly names: number) {}

  get isAtEnd(): boolean {
    return this.#at === this.numbers.length;
  }

  skip(count: number): void {
    this.#at += count;
  }

  count(most: number): number {
    return this.#within(0, most);
  }

  countOrNone(most: number): number {
    return this.#within(-1, most);
  }

  name(): number {
    return this.#within(0, this.names - 1);
  }

  nameOrNone(): number {
    return this.#within(-1, this.names - 1);
  }

  #within(least: number, most: number): number {
    const value = this.numbers[this.#at++] ?? NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new RangeError(`a number of its plan is ${value}`);
  }
}
