/**
 * The same dependencies in fewer: each once, and ranges of a series that overlap or touch as one.
 *
 * @module
 */

import type { Dependency } from "./types.ts";

type Candles = Extract<Dependency, { kind: "candles" }>;

/**
 * At most `max` dependencies that are touched whenever the given ones are, and by nothing else
 * while that is possible; where it is not, each series has one range from the first to the last of
 * its candles. Null when even these are too many. Dependencies of `key` on itself and ranges
 * without time are left out. O(n log n).
 */
export function condensed(
  key: string,
  dependencies: readonly Dependency[],
  max: number,
): readonly Dependency[] | null {
  if (dependencies.length === 0) return dependencies;
  const others = new Map<string, Dependency>();
  const bySeries = new Map<string, Candles[]>();
  for (const dependency of dependencies) {
    if (dependency.kind === "candles") {
      // What is no number ends nowhere: negations, so that NaN counts as touched by everything.
      const { series, fromTs, toTs } = dependency;
      if (fromTs >= toTs) continue;
      const isRange = fromTs < toTs;
      const range = isRange ? dependency : { ...dependency, fromTs: -Infinity, toTs: Infinity };
      const ranges = bySeries.get(series);
      if (ranges === undefined) bySeries.set(series, [range]);
      else ranges.push(range);
    } else if (dependency.kind === "levels") {
      others.set(`levels ${dependency.instrument}`, dependency);
    } else if (dependency.key !== key) others.set(`key ${dependency.key}`, dependency);
  }
  const exact: Dependency[] = [...others.values()];
  for (const ranges of bySeries.values()) for (const range of joined(ranges)) exact.push(range);
  if (exact.length <= max) return exact;
  if (others.size + bySeries.size > max) return null;
  return [...others.values(), ...[...bySeries.values()].map(hullOf)];
}

function joined(ranges: Candles[]): readonly Candles[] {
  if (ranges.length === 1) return ranges;
  ranges.sort((a, b) => a.fromTs - b.fromTs || 0);
  const made: Candles[] = [];
  for (const range of ranges) {
    const last = made.at(-1);
    if (last === undefined || range.fromTs > last.toTs) made.push(range);
    else if (range.toTs > last.toTs) made[made.length - 1] = { ...last, toTs: range.toTs };
  }
  return made;
}

function hullOf(ranges: readonly Candles[]): Candles {
  return {
    ...ranges[0] as Candles,
    fromTs: ranges.reduce((least, { fromTs }) => Math.min(least, fromTs), Infinity),
    toTs: ranges.reduce((most, { toTs }) => Math.max(most, toTs), -Infinity),
  };
}
