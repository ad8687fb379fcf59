/**
 * The sizes that a chunk may have: a geometric ladder between two bounds.
 *
 * @module
 */

/**
 * A size to the next: four steps double it. Finer than a quarter, so that the size next to the best
 * one is nearly as good and trying it costs little.
 */
export const SIZE_STEP = 2 ** 0.25;

/** Largest chunk: its items are held in memory and sent together. */
export const CHUNK_SIZE_MAX = 100_000;

/**
 * The sizes from `min` to `max`, ascending, both included.
 *
 * @throws {RangeError} unless they are integers, 1 ≤ min ≤ max ≤ {@linkcode CHUNK_SIZE_MAX}.
 */
export function chunkSizes(min: number, max: number): number[] {
  const isValid = Number.isSafeInteger(min) && Number.isSafeInteger(max) && 1 <= min &&
    min <= max && max <= CHUNK_SIZE_MAX;
  if (!isValid) {
    throw new RangeError(
      `Cannot size chunks: expected integers 1 ≤ min ≤ max ≤ ${CHUNK_SIZE_MAX}: ` +
        `current value is ${min} to ${max}`,
    );
  }
  const sizes: number[] = [min];
  for (let k = 1;; k++) {
    const size = Math.round(min * SIZE_STEP ** k);
    // A last step much smaller than the others would be one nobody can tell from no step.
    if (size > max / Math.sqrt(SIZE_STEP)) break;
    if (size > (sizes.at(-1) ?? 0)) sizes.push(size);
  }
  if (max > min) sizes.push(max);
  return sizes;
}

/** Index of the size nearest to `items` by ratio. O(sizes). */
export function nearestSize(sizes: readonly number[], items: number): number {
  const distance = (index: number) => Math.abs(Math.log((sizes[index] ?? Infinity) / items));
  let nearest = 0;
  for (let i = 1; i < sizes.length; i++) if (distance(i) < distance(nearest)) nearest = i;
  return nearest;
}
