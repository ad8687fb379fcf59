/**
 * What a table says of an entry, against its twin.
 *
 * @module
 */

import type { Cache } from "../../src/cache/cache.ts";
import { TTL_MAX_MS } from "../../src/cache/ttl_code.ts";
import type { ModelValue, TwinEntry } from "./twin.ts";

/** Throws unless a slot is as its twin, at a time. */
export function compareEntry(
  cache: Cache<ModelValue>,
  slot: number,
  key: string,
  entry: TwinEntry,
  nowMs: number,
): void {
  agree("key", cache.keyAt(slot), key);
  agree("value", cache.valueAt(slot), entry.value);
  agree("stale", cache.isStaleAt(slot), entry.isMarked || nowMs >= entry.softEndMs);
  agree("weight", cache.weightAt(slot), entry.value.weightBytes);
  agree("type", cache.typeAt(slot), entry.type);
  agree("origin", cache.originAt(slot), entry.origin);
  agree("seq", cache.seqAt(slot), entry.seq);
  agree("was read", cache.wasReadAt(slot), entry.wasRead);
  agree("is protected", cache.isProtectedAt(slot), entry.pinned !== null);
  agree("hard left", cache.hardLeftMsAt(slot), entry.hardEndMs - nowMs);
  const softLeftMs = entry.isMarked ? 0 : Math.max(0, entry.softEndMs - nowMs);
  agree("soft left", cache.softLeftMsAt(slot), softLeftMs);
  const ageMs = nowMs - entry.setMs;
  if (ageMs <= TTL_MAX_MS) agree("age", cache.ageMsAt(slot), ageMs);
  else if (cache.ageMsAt(slot) < TTL_MAX_MS) throw new Error(`age ${cache.ageMsAt(slot)} ms`);
  const reads = cache.readsAt(slot);
  if (!(reads >= 0 && reads <= 15)) throw new Error(`${reads} reads`);
}

/** A TTL as a table keeps it. */
export function wholeTtl(ttlMs: number): number {
  return ttlMs === Infinity ? Infinity : Math.min(Math.floor(ttlMs), TTL_MAX_MS);
}

/** A key, cut where it is long. */
export function shown(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 20)}… (${key.length})` : key);
}

/** Throws unless both are the same. */
export function agree(what: string, found: unknown, expected: unknown): void {
  if (Object.is(found, expected)) return;
  throw new Error(`${what}: expected ${String(expected)}: found ${String(found)}`);
}
