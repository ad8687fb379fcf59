/**
 * How the second tier is laid out in Redis, and finding in it what a selection covers.
 *
 * | key | type | what |
 * |---|---|---|
 * | `PREFIX` `e:` key | string | a frame, with a TTL |
 * | `PREFIX` `t:` tag | sorted set | keys with that tag, by the end of their TTL |
 * | `PREFIX` `s` | stream | invalidations |
 *
 * A tag is a set of keys and not a counter that entries are compared with: a counter would be read on
 * every read, which is then two trips; a set costs the writer, who does not wait. It is sorted by end
 * so that each write can cut off what is past it, and has no TTL, so that a server that evicts keys
 * with one (`volatile-*`) leaves it alone. A key stays in the set of a tag that a later entry does not
 * have any more, until its end: an invalidation may then end an entry too many, and never one too few.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { ChainableCommander, Redis } from "ioredis";
import type { KeyPattern } from "../../cache/key_pattern.ts";
import type { SelectionMatcher, WaitingEntry } from "./tier_rules.ts";

/** Keys that one command names at most: some 100 µs of the server's time, which others wait for. */
export const KEYS_PER_COMMAND_MAX = 512;

/** Names of everything under one prefix. */
export interface RedisKeys {
  readonly entries: string;
  readonly tags: string;
  readonly stream: string;
}

/** Names under a prefix; services that share a prefix share their entries. */
export function redisKeys(prefix: string): RedisKeys {
  return { entries: `${prefix}e:`, tags: `${prefix}t:`, stream: `${prefix}s` };
}

/** One trip with a deadline. */
export type Trip = <T>(run: (redis: Redis) => Promise<T>) => Promise<T>;

/**
 * Deletes what a selection covers, in steps of bounded size. O(keys + entries in the tier when there
 * are patterns + members of the tags).
 *
 * @throws What a trip throws; then a part may be deleted.
 */
export async function deleteSelection(
  trip: Trip,
  names: RedisKeys,
  selection: SelectionMatcher,
): Promise<void> {
  const exact = selection.patterns.filter(({ isExact }) => isExact).map(({ prefix }) => prefix);
  await unlink(trip, [...selection.keys, ...exact].map((key) => names.entries + key));
  for (const tag of selection.tags) await deleteTag(trip, names, tag);
  const patterns = selection.patterns.filter(({ isExact }) => !isExact);
  if (patterns.length > 0) await deletePatterns(trip, names, patterns);
}

async function unlink(trip: Trip, names: readonly string[]): Promise<void> {
  for (let from = 0; from < names.length; from += KEYS_PER_COMMAND_MAX) {
    await trip((redis) => redis.unlink(...names.slice(from, from + KEYS_PER_COMMAND_MAX)));
  }
}

async function deleteTag(trip: Trip, names: RedisKeys, tag: string): Promise<void> {
  const set = names.tags + tag;
  while (true) {
    const keys = await trip((redis) => redis.zrange(set, 0, KEYS_PER_COMMAND_MAX - 1));
    if (keys.length === 0) return;
    await trip((redis) => redis.unlink(...keys.map((key) => names.entries + key)));
    await trip((redis) => redis.zrem(set, ...keys));
  }
}

/** Each step looks at some hundred keys of the server, whether they are ours or not. */
async function deletePatterns(
  trip: Trip,
  names: RedisKeys,
  patterns: readonly KeyPattern[],
): Promise<void> {
  const glob = escaped(names.entries) + globOf(patterns);
  let cursor = "0";
  do {
    const [next, found] = await trip((redis) =>
      redis.scan(cursor, "MATCH", glob, "COUNT", KEYS_PER_COMMAND_MAX)
    );
    const covered = found.filter((name) =>
      patterns.some((pattern) => pattern.matches(name.slice(names.entries.length)))
    );
    await unlink(trip, covered);
    cursor = next;
  } while (cursor !== "0");
}

/** What the server is to look for: exactly one pattern, or what several begin with. */
function globOf(patterns: readonly KeyPattern[]): string {
  const [first, ...others] = patterns;
  if (first === undefined) return "*";
  if (others.length === 0) return first.pieces.map(escaped).join("*");
  let prefix = first.prefix;
  for (const other of others) {
    while (!other.prefix.startsWith(prefix)) prefix = prefix.slice(0, -1);
  }
  return `${escaped(prefix)}*`;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, "\\$&");
}

/**
 * Adds the commands that write one entry; the index of its SET among all commands. The entry is put
 * into the sets of its tags first and last: whoever empties a set in between must find it again.
 */
export function addWrite(
  pipeline: ChainableCommander,
  names: RedisKeys,
  { entry: { key, tags }, endsAtMs, frame }: WaitingEntry,
  wallMs: number,
): number {
  const leftMs = Math.max(1, Math.ceil(endsAtMs - wallMs));
  for (const tag of tags) {
    pipeline.zremrangebyscore(names.tags + tag, "-inf", wallMs);
    pipeline.zadd(names.tags + tag, endsAtMs, key);
  }
  const index = pipeline.length;
  pipeline.set(names.entries + key, asBuffer(frame), "PX", leftMs);
  for (const tag of tags) pipeline.zadd(names.tags + tag, endsAtMs, key);
  return index;
}

/** The same bytes as ioredis wants them; anything else it would send as text. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
