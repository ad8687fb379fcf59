/**
 * Segments of a series (rule R3 of the label specification): runs of candles without a long hole.
 * Volatility, horizons and pending events never cross from one into the next.
 *
 * @module
 */

/** The longest hole inside a segment unless said otherwise: 10 days in milliseconds. */
export const MAX_GAP_MS_DEFAULT = 864_000_000;

/** A segment: the rows from ≤ i < to. */
export interface Segment {
  /** Index of its first row. */
  readonly from: number;
  /** Index after its last row. */
  readonly to: number;
}

/**
 * The segments of ascending times, in order; together they hold every row once. A hole of exactly
 * `maxGapMs` is still inside. O(rows), one object per segment.
 */
export function segmentsOf(
  ts: Float64Array,
  maxGapMs: number = MAX_GAP_MS_DEFAULT,
): readonly Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  for (let i = 1; i < ts.length; i++) {
    if ((ts[i] as number) - (ts[i - 1] as number) <= maxGapMs) continue;
    segments.push({ from, to: i });
    from = i;
  }
  if (ts.length > 0) segments.push({ from, to: ts.length });
  return segments;
}
