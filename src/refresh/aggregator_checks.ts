/**
 * What the aggregator and its parts check alike: ids of edges, their order, and settings.
 *
 * @module
 */

import { RefreshError, shown } from "./error.ts";

export { isId as isEdgeId } from "./error.ts";

/** By code units, so that no locale decides which member is the lowest. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Checks that a setting lies between two bounds, both included.
 *
 * @throws {RefreshError} code `options`.
 */
export function checkWithin(what: string, value: number, from: number, to: number): void {
  if (value >= from && value <= to) return;
  throw new RefreshError(
    "options",
    `Cannot set ${what}: expected ${from} to ${to}: current value is ${shown(value)}`,
  );
}

/**
 * As {@linkcode checkWithin}, for whole numbers.
 *
 * @throws {RefreshError} code `options`.
 */
export function checkWhole(what: string, value: number, from: number, to: number): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw new RefreshError(
    "options",
    `Cannot set ${what}: expected a whole number of ${from} to ${to}: ` +
      `current value is ${shown(value)}`,
  );
}
