/**
 * The miss-ratio curve of all shards in words.
 *
 * @module
 */

import type { CurveReport } from "./report_types.ts";
import { pointsText } from "./report_units.ts";
import type { ShardStatus } from "./status.ts";

/** Requests that the shadows must have seen for a point to say something. */
export const CURVE_SAMPLED_MIN = 1_000;

/**
 * The curve: points of the same size in all shards are one, weighted by the requests they saw. Gains
 * are against the shadow of the present size, not against the cache: both are sampled alike. Empty
 * without such a shadow. O(shards · points).
 */
export function curveOf(shards: readonly Pick<ShardStatus, "curve">[]): CurveReport[] {
  const points = shards.flatMap(({ curve }) => curve).filter(({ sampled }) => sampled > 0);
  const bySize = [...Map.groupBy(points, ({ sizeRatio }) => sizeRatio)]
    .map(([sizeRatio, own]) => {
      const sampled = own.reduce((sum, one) => sum + one.sampled, 0);
      const hits = own.reduce((sum, one) => sum + one.hitRatio * one.sampled, 0);
      return { sizeRatio, sampled, hitRatio: hits / sampled };
    })
    .sort((a, b) => a.sizeRatio - b.sizeRatio);
  const now = bySize.find(({ sizeRatio }) => sizeRatio === 1);
  if (now === undefined) return [];
  return bySize.map((point) => {
    const gainPoints = 100 * (point.hitRatio - now.hitRatio);
    return { ...point, gainPoints, text: textOf(point.sizeRatio, gainPoints, point.sampled) };
  });
}

function textOf(sizeRatio: number, gainPoints: number, sampled: number): string {
  const few = sampled < CURVE_SAMPLED_MIN ? " (few samples)" : "";
  if (sizeRatio === 1) return `with the memory as it is${few}`;
  return `with ${sizeText(sizeRatio)} the memory: ${pointsText(gainPoints)}${few}`;
}

/** `2×`, `0.5×`. */
export function sizeText(sizeRatio: number): string {
  return `${Number(sizeRatio.toFixed(2))}×`;
}
