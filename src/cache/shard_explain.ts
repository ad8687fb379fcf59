/**
 * What a shard knows of a key, for people.
 *
 * @module
 */

import type { ShardParts } from "./shard_parts.ts";
import type { Explanation } from "./types.ts";

/** Keys that depend on a key, as many as are told. */
export const EXPLAINED_DEPENDENTS_MAX = 100;

/** See `Explanation`. Counts as no access. O(dependents + removals remembered). */
export function explainKey<V>(parts: ShardParts<V>, key: string): Explanation {
  const { settings, counts, table, negatives, flights } = parts;
  const { cache, columns, removals } = table;
  const nowMs = settings.time.now();
  const slot = cache.locate(key);
  const isInflight = flights.get(key) !== undefined;
  const dependents = table.dependentsOf([{ kind: "key", key }]);
  dependents.delete(key);
  const links = {
    tags: table.tagsOf(key),
    dependsOn: table.dependenciesOf(key),
    dependents: [...dependents].slice(0, EXPLAINED_DEPENDENTS_MAX),
    lastRemoval: removals.find(key, nowMs),
  };
  if (slot < 0) {
    const negative = negatives.get(key, nowMs)?.state ?? null;
    return {
      key,
      state: negative ?? (isInflight ? "inflight" : "absent"),
      tier: null,
      shard: settings.index,
      ageMs: null,
      softLeftMs: null,
      hardLeftMs: null,
      weightBytes: null,
      reads: null,
      origin: null,
      isProtected: false,
      isInflight,
      segment: null,
      seq: null,
      ...links,
    };
  }
  const staleAtMs = columns.staleAtMs[slot] as number;
  const hardAtMs = columns.hardAtMs[slot] as number;
  const seq = cache.seqAt(slot);
  return {
    key,
    state: nowMs < staleAtMs ? "fresh" : nowMs < hardAtMs ? "stale" : "failed",
    tier: "l1",
    shard: settings.index,
    ageMs: nowMs - (columns.loadedAtMs[slot] as number),
    softLeftMs: Math.max(0, staleAtMs - nowMs),
    hardLeftMs: Math.max(0, hardAtMs - nowMs),
    weightBytes: cache.weightAt(slot),
    reads: cache.readsAt(slot),
    origin: counts.originName(cache.originAt(slot)),
    isProtected: cache.isProtectedAt(slot),
    isInflight,
    segment: cache.segmentAt(slot),
    seq: seq < 0 ? null : seq,
    ...links,
  };
}
