/**
 * What both twins agree on about records and letters, their bounds; and the records that have a type.
 *
 * @module
 */

import { z } from "zod";
import { type Level, LEVELS_MAX } from "../label/levels.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import { ASSET_CLASSES, CALENDAR_NAMES, type Instrument } from "../market/instrument.ts";
import { StoreError } from "./error.ts";
import {
  type CommitBatch,
  type Letter,
  LETTER_BOUNDS,
  type LetterFilter,
  type Maybe,
  type NewLetter,
  RECORD_BOUNDS,
  type Refused,
  type Store,
  type WriteResult,
} from "./port.ts";

/** Why a record is not taken; null when it is. `isFull`: its kind has no room for another. */
export function recordRefusal(
  kind: string,
  key: string,
  json: string,
  isFull: boolean,
): Refused | null {
  const { keyChars, jsonChars, perKind } = RECORD_BOUNDS;
  const longest = Math.max(kind.length, key.length);
  if (longest > keyChars) {
    return refused(kind, `expected a kind and key of at most ${keyChars} characters`, longest);
  }
  if (json.length > jsonChars) {
    return refused(kind, `expected at most ${jsonChars} characters`, json.length);
  }
  return isFull ? refused(kind, `expected at most ${perKind} records of a kind`, perKind) : null;
}

function refused(kind: string, expected: string, found: number): Refused {
  const message = `Cannot put record ${kind.slice(0, 40)}: ${expected}: current value is ${found}`;
  return { state: "refused", code: "full", message };
}

/** What is held under a kind; for {@linkcode besideRefusal}. */
export interface HeldRecords {
  /** Records of the kind. */
  count(kind: string): number;
  /** Whether there is such a record. */
  has(kind: string, key: string): boolean;
}

/**
 * Why the records or letters of batches are not taken; null when they are. Room that a batch makes by
 * dropping counts from the next commit on. O(records).
 */
export function besideRefusal(batches: readonly CommitBatch[], held: HeldRecords): Refused | null {
  const added = new Map<string, Set<string>>();
  for (const { records = [], letters = [] } of batches) {
    const most = Math.max(records.length, letters.length);
    if (most > RECORD_BOUNDS.perBatch) {
      return refused("batch", `expected at most ${RECORD_BOUNDS.perBatch} of them`, most);
    }
    for (const { kind, key, json } of records) {
      let isFull = false;
      if (json !== null && !held.has(kind, key)) {
        const keys = added.get(kind) ?? new Set<string>();
        added.set(kind, keys.add(key));
        isFull = held.count(kind) + keys.size > RECORD_BOUNDS.perKind;
      }
      const refusal = recordRefusal(kind, key, json ?? "", isFull);
      if (refusal !== null) return refusal;
    }
  }
  return null;
}

/** A letter within its bounds: texts are cut, a payload above the bound is left out. */
export function cutLetter(letter: NewLetter): NewLetter {
  const { textChars, payloadChars } = LETTER_BOUNDS;
  const { atMs, path, type, reason, error, payload } = letter;
  return {
    atMs,
    path: path.slice(0, textChars),
    type: type.slice(0, textChars),
    reason: reason.slice(0, textChars),
    error: error === null ? null : error.slice(0, textChars),
    payload: payload === null || payload.length > payloadChars ? null : payload,
  };
}

/** Whether a letter is meant. */
export function letterMatches(letter: Letter, filter: LetterFilter): boolean {
  return (filter.id === undefined || letter.id === filter.id) &&
    (filter.ids === undefined || filter.ids.includes(letter.id)) &&
    (filter.afterId === undefined || letter.id > filter.afterId) &&
    (filter.beforeId === undefined || letter.id < filter.beforeId) &&
    (filter.path === undefined || letter.path === filter.path) &&
    (filter.type === undefined || letter.type === filter.type) &&
    (filter.reason === undefined || letter.reason === filter.reason);
}

/** Kind of the records that hold instruments, by symbol. */
export const KIND_INSTRUMENT = "instrument";
/** Kind of the records that hold levels, by symbol. */
export const KIND_LEVELS = "levels";

const instrumentSchema = z.strictObject({
  symbol: z.string(),
  assetClass: z.enum(ASSET_CLASSES),
  calendar: z.enum(CALENDAR_NAMES),
  sector: z.string().nullable(),
  granularities: z.array(z.enum(GRANULARITIES)),
  barOffsetMs: z.int(),
  priceDigits: z.int(),
  source: z.enum(["registered", "default"]),
});

const levelsSchema = z.array(z.strictObject({
  kind: z.enum(["support", "resistance"]),
  price: z.number(),
  fromTs: z.number(),
  toTs: z.number(),
})).max(LEVELS_MAX);

type Records = Pick<Store, "putRecord" | "record" | "records">;

/** Keeps an instrument under its symbol. */
export function putInstrument(store: Records, instrument: Instrument): Maybe<WriteResult> {
  return store.putRecord(KIND_INSTRUMENT, instrument.symbol, JSON.stringify(instrument));
}

/**
 * The instruments kept, by symbol.
 *
 * @throws {StoreError} code `damaged`, by rejecting, when one is no instrument.
 */
export async function instruments(store: Records): Promise<Instrument[]> {
  const records = await store.records(KIND_INSTRUMENT);
  return records.map(({ key, json }) => parsed(instrumentSchema, `instrument ${key}`, json));
}

/** Keeps the levels of an instrument instead of those it had; at most `LEVELS_MAX`. */
export function putLevels(
  store: Records,
  instrument: string,
  levels: readonly Level[],
): Maybe<WriteResult> {
  if (levels.length > LEVELS_MAX) {
    return refused("levels", `expected at most ${LEVELS_MAX} levels`, levels.length);
  }
  return store.putRecord(KIND_LEVELS, instrument, JSON.stringify(levels));
}

/**
 * The levels kept for an instrument; none when there are none.
 *
 * @throws {StoreError} code `damaged`, by rejecting, when they are no levels.
 */
export async function levels(
  store: Pick<Store, "record">,
  instrument: string,
): Promise<Level[]> {
  const json = await store.record(KIND_LEVELS, instrument);
  return json === null ? [] : parsed(levelsSchema, `levels of ${instrument}`, json);
}

function parsed<T>(schema: z.ZodType<T>, what: string, json: string): T {
  const found = schema.safeParse(JSON.parse(json));
  if (found.success) return found.data;
  throw new StoreError("damaged", `Cannot read ${what}: ${z.prettifyError(found.error)}`);
}
