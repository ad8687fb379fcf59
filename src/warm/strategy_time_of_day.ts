/**
 * `time_of_day`: what is asked for at this hour of the week.
 *
 * @module
 */

import {
  chanceWithinTtl,
  POOL_RATIO,
  ranked,
  type Strategy,
  usualWithinTtl,
} from "./strategy_view.ts";

const HOUR_MS = 3_600_000;

/**
 * The keys asked for most in the hour of the week to come, in their market's time. A key's chance is
 * the higher one of what is usual at the hour and of what the last hours give it: each is blind for
 * what the other one sees.
 */
export const timeOfDayKeys: Strategy = (view, nowMs, limit) => {
  // Run a little before or after the full hour, it means the hour that holds most of the next one.
  const comingMs = nowMs + HOUR_MS / 2;
  return ranked(
    view,
    view.inHour(comingMs, POOL_RATIO * limit, nowMs),
    nowMs,
    limit,
    (key) => Math.max(chanceWithinTtl(view, key, nowMs), usualWithinTtl(view, key, nowMs)),
  );
};
