/**
 * The sides of bets that a first model made, by time: what `meta:side=given` is about.
 *
 * @module
 */

/** Most sides of one series: 32 MB. */
export const SIDES_MAX = 2_000_000;

const HEADER = "ts,side";

/** Sides by the open time of their candle, as plain columns, so that they can go to a thread. */
export interface SideColumns {
  /** Epoch milliseconds UTC, strictly ascending. */
  readonly ts: Float64Array;
  /** Above 0 for long, below 0 for short; 0 or NaN for no bet. */
  readonly side: Float64Array;
}

/**
 * Reads the text of a CSV with the header `ts,side`, rows in any order; an empty side is no bet.
 *
 * @throws {TypeError} naming the line that is not as expected, or that has the time of another.
 */
export function parseSides(text: string): SideColumns {
  const lines = text.replace(/^\uFEFF/, "").trimEnd().split(/\r?\n/);
  if (lines[0]?.trim().toLowerCase() !== HEADER) {
    throw complaint(1, `the header ${HEADER}`, lines[0] ?? "");
  }
  if (lines.length - 1 > SIDES_MAX) {
    throw complaint(SIDES_MAX + 2, `at most ${SIDES_MAX} rows`, "one more");
  }
  const rows = lines.slice(1).map((line, at): readonly [ts: number, side: number] => {
    const cells = /^\s*(-?\d{1,16})\s*,\s*([-+]?\d*\.?\d*(?:[eE][-+]?\d+)?)\s*$/.exec(line);
    const side = cells?.[2] === "" ? NaN : Number(cells?.[2]);
    if (cells === null || (cells[2] !== "" && !Number.isFinite(side))) {
      throw complaint(at + 2, "epoch milliseconds and a number", line);
    }
    return [Number(cells[1]), side];
  }).sort(([a], [b]) => a - b);
  const twice = rows.find(([ts], at) => ts === rows[at - 1]?.[0]);
  if (twice !== undefined) {
    throw new TypeError(`Cannot read sides: expected each time once: ${twice[0]} is there twice`);
  }
  return {
    ts: Float64Array.from(rows, ([ts]) => ts),
    side: Float64Array.from(rows, ([, side]) => side),
  };
}

/** The side at a time; NaN when there is none. O(log sides). */
export function sideAt({ ts, side }: SideColumns, time: number): number {
  let low = 0;
  let high = ts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    // Inside the column.
    if (ts[middle] as number < time) low = middle + 1;
    else high = middle;
  }
  return ts[low] === time ? side[low] as number : NaN;
}

function complaint(line: number, expected: string, found: string): TypeError {
  const shown = found.length > 60 ? `${found.slice(0, 60)}…` : found;
  return new TypeError(
    `Cannot read sides: line ${line}: expected ${expected}: current value is "${shown}"`,
  );
}
