/**
 * A checkpoint as text: what of a job is done, and its report so far.
 *
 * `{"checksum":"<8 hex digits>","body":{…}}`, where the checksum is FNV-1a (32 bits; G. Fowler,
 * L. C. Noll, K.-P. Vo, IETF draft) over the characters of the body as they stand. Each of its
 * steps is a bijection, so a record with one character changed is always found out; of other
 * damage one in 2^32 is not.
 *
 * Two generations are kept, A and B, and written in turns: a write that is cut off damages one, and
 * the other is good.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { INTERVALS_TEXT_MAX } from "./interval_set.ts";
import type { RecorderSnapshot } from "./report.ts";

/** Version of the body; a record of another version is not used. */
export const CHECKPOINT_VERSION = 1;

/** Longest record, in characters: the intervals, and a report of 64 endpoints of 20 kB. */
export const CHECKPOINT_LENGTH_MAX: number = INTERVALS_TEXT_MAX + 64 * 20_000;

/** What a checkpoint says. */
export interface Checkpoint {
  /** Name of the job: compared as a whole, never as a prefix. */
  readonly job: string;
  /**
   * Hash of its plan, see {@linkcode planHash}: items are numbers, which mean nothing in another.
   */
  readonly plan: string;
  /** One larger than that of the record before. */
  readonly serial: number;
  /** When it was written, epoch ms. */
  readonly savedMs: number;
  /** Items of the plan. */
  readonly items: number;
  /** Items that are settled, as text of an `IntervalSet`. */
  readonly done: string;
  /** State of the report. */
  readonly report: RecorderSnapshot;
}

/** A checkpoint, or why a text is none. */
export type DecodedCheckpoint =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly why: string };

const HEAD = '{"checksum":"';
const MIDDLE = '","body":';
const CHECKSUM_LENGTH = 8;
const BODY_AT = HEAD.length + CHECKSUM_LENGTH + MIDDLE.length;

/** The record of a checkpoint. O(length). */
export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const body = JSON.stringify({ version: CHECKPOINT_VERSION, ...checkpoint });
  return `${HEAD}${checksumOf(body)}${MIDDLE}${body}}`;
}

/** Reads a record; whatever is wrong with it is a result. O(length). */
export function decodeCheckpoint(text: string): DecodedCheckpoint {
  if (text.length > CHECKPOINT_LENGTH_MAX) {
    return { ok: false, why: `expected at most ${CHECKPOINT_LENGTH_MAX} characters` };
  }
  const sum = text.slice(HEAD.length, HEAD.length + CHECKSUM_LENGTH);
  const body = text.slice(BODY_AT, -1);
  if (text.slice(0, BODY_AT) !== `${HEAD}${sum}${MIDDLE}` || !text.endsWith("}")) {
    return { ok: false, why: "expected a checkpoint record" };
  }
  if (checksumOf(body) !== sum) {
    return { ok: false, why: "expected the checksum it was written with: the record is damaged" };
  }
  // What has the right checksum was written by `encodeCheckpoint`, perhaps of another version.
  const { version, ...checkpoint } = JSON.parse(body) as Checkpoint & { version: number };
  return version === CHECKPOINT_VERSION
    ? { ok: true, checkpoint }
    : { ok: false, why: `expected version ${CHECKPOINT_VERSION}: current value is ${version}` };
}

/**
 * Hash of a plan: the first 16 hex digits of SHA-256 over its items, one a line. The same items in
 * the same order, and nothing else, have the same hash. O(length).
 */
export function planHash(items: Iterable<string>): string {
  const hash = createHash("sha256");
  for (const item of items) hash.update(`${JSON.stringify(item)}\n`);
  return hash.digest("hex").slice(0, 16);
}

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function checksumOf(text: string): string {
  let hash = FNV_BASIS;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return (hash >>> 0).toString(16).padStart(CHECKSUM_LENGTH, "0");
}
