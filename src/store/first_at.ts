/**
 * Finding a place in ascending times.
 *
 * @module
 */

/**
 * First index below `length` with a time of at least `ts`, or `length`. `times` must ascend up to
 * `length`. O(log n), O(1) near the end, where nearly every live row is.
 */
export function firstAt(times: Float64Array, length: number, ts: number): number {
  let low = 0, high = length;
  for (let near = 1; near <= length; near *= 2) {
    if ((times[length - near] as number) < ts) {
      low = length - near + 1;
      break;
    }
    high = length - near;
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < ts) low = middle + 1;
    else high = middle;
  }
  return low;
}
