/**
 * What a selection is about in a shard.
 *
 * @module
 */

import { compileKeyPattern, type KeyPattern } from "./key_pattern.ts";
import type { ShardTable } from "./shard_table.ts";
import type { Dependency, Selection } from "./types.ts";

/** What a selection is about. */
export interface Selected {
  /** Keys that are ended: those selected, there or not, and what depends on them. */
  readonly ended: ReadonlySet<string>;
  /** What was selected, as far as others may depend on it. */
  readonly changes: readonly Dependency[];
  /** Patterns with stars, for keys that are not known here. */
  readonly globs: readonly KeyPattern[];
  readonly tags: readonly string[];
}

const NONE: readonly never[] = [];

/**
 * The keys of a selection and what depends on them. O(selected + dependents), with stars
 * O(keys · patterns).
 *
 * @throws {CacheError} code `key_pattern` for a pattern that is none.
 */
export function selectedFrom<V>(table: ShardTable<V>, selection: Selection): Selected {
  const { keys = NONE, tags = NONE, dependencies = NONE } = selection;
  const ended = new Set(keys);
  const globs: KeyPattern[] = [];
  for (const pattern of selection.patterns ?? NONE) {
    const compiled = compileKeyPattern(pattern);
    if (compiled.isExact) ended.add(compiled.prefix);
    else globs.push(compiled);
  }
  if (globs.length > 0) {
    for (const key of table.keys()) {
      if (globs.some((glob) => glob.matches(key))) ended.add(key);
    }
  }
  for (const tag of tags) for (const key of table.keysOfTag(tag)) ended.add(key);
  const changes = [...dependencies];
  for (const key of ended) changes.push({ kind: "key", key });
  for (const key of table.dependentsOf(changes)) ended.add(key);
  return { ended, changes, globs, tags };
}
