/**
 * `sector_rotation`: keys of sectors that are asked for more than is usual.
 *
 * @module
 */

import {
  chanceWithinTtl,
  POOL_RATIO,
  ranked,
  type RankedKey,
  type Strategy,
} from "./strategy_view.ts";

/** A sector is hot when it is asked for at least so many times as much as is usual. */
export const HOT_RATIO_MIN = 1.5;

/** Sectors that can be hot at a time: beyond the third none stands out. */
const SECTORS_MAX = 3;

/**
 * Keys of the hottest sectors. Interest in a sector reaches its keys by their share of it, so those
 * asked for most come first, and each has its own chance raised as the sector's accesses are: chance
 * 1 − (1 − p)^ratio, the same as that many times its rate.
 */
export const sectorRotationKeys: Strategy = (view, nowMs, limit) => {
  const found: (RankedKey & { readonly ratio: number })[] = [];
  for (const { sector, ratio } of view.hotSectors(nowMs).slice(0, SECTORS_MAX)) {
    if (ratio < HOT_RATIO_MIN) continue;
    for (const key of view.ofSector(sector, POOL_RATIO * limit, nowMs)) {
      found.push({ ...key, ratio });
    }
  }
  const ratios = new Map(found.map(({ slot, ratio }) => [slot, ratio]));
  return ranked(view, found, nowMs, limit, (key) => {
    const chance = chanceWithinTtl(view, key, nowMs);
    // What is asked for within the hour has the sector's rise in its own rate already.
    const ratio = Math.min(ratios.get(key.slot) ?? 1, HOT_RATIO_MIN);
    return 1 - (1 - chance) ** ratio;
  });
};
