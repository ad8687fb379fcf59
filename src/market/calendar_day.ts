/**
 * What one day is on a market's calendar.
 *
 * @module
 */

/** A day: whether the market trades, from when to when by its own clock, and why not longer. */
export interface DayKind {
  /**
   * `full` as usual, `early` closes before its time, `late` opens after it, `closed` has no trade.
   */
  readonly kind: "full" | "early" | "late" | "closed";
  /** What makes the day another than a full one (`Good Friday`, `weekend`); null for a full day. */
  readonly reason: string | null;
  /**
   * Opening in minutes from the day's midnight; negative when it is on the day before. NaN when
   * closed.
   */
  readonly openMinute: number;
  /**
   * Closing in minutes from the day's midnight, the first moment without trade; NaN when closed.
   */
  readonly closeMinute: number;
}

/** A day as usual. */
export function fullDay(openMinute: number, closeMinute: number): DayKind {
  return { kind: "full", reason: null, openMinute, closeMinute };
}

/** A day without trade. */
export function closedDay(reason: string): DayKind {
  return { kind: "closed", reason, openMinute: NaN, closeMinute: NaN };
}
