/**
 * How far a knob may be turned.
 *
 * @module
 */

/** Bounds of a knob, as configured. */
export interface KnobBounds {
  /** Lowest value. */
  readonly min: number;
  /** Highest value. */
  readonly max: number;
  /** Values are multiples of it; default 1. */
  readonly step?: number;
}

/**
 * Checks bounds.
 *
 * @throws {RangeError} when they are not 0 ≤ min ≤ max, finite, or the step is not above 0.
 */
export function assertKnobBounds(knob: string, { min, max, step = 1 }: KnobBounds): void {
  if (min >= 0 && min <= max && max < Infinity && step > 0) return;
  throw new RangeError(
    `Cannot tune ${knob}: expected 0 <= min <= max and a step above 0: ` +
      `current values are ${min}, ${max} and ${step}`,
  );
}

/** The value nearest to `wished` that the bounds allow. */
export function withinBounds({ min, max, step = 1 }: KnobBounds, wished: number): number {
  return Math.min(max, Math.max(min, Math.round(wished / step) * step));
}
