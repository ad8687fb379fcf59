/**
 * TTLs in 16 bits. Those that people write down (5 s, 1 min, 5 min, 24 h) lie on a grid of four
 * units and are coded exactly; any other is kept beside, exactly too, at the price of memory.
 *
 * ```
 * unit      up to
 *  1 ms     16 s
 * 50 ms     13 min
 *  1 s      4.5 h
 *  1 min    11 days
 * ```
 *
 * @module
 */

/** Longest TTL but Infinity, ms (12.4 days); longer ones are cut to it. Clocks are 31 bits wide. */
export const TTL_MAX_MS = 2 ** 30 - 1;
/** Code of Infinity. */
export const TTL_NEVER = 0xffff;
/** Code of what lies on no grid. */
export const TTL_EXACT = 0xfffe;

const UNITS_MS = [1, 50, 1_000, 60_000] as const;
const STEPS_BITS = 14;
/** Most units; one less than would fit, which leaves the two codes above free. */
const STEPS_MAX = 2 ** STEPS_BITS - 3;

/** The code of a TTL in whole ms, or {@linkcode TTL_EXACT}. */
export function encodeTtl(ttlMs: number): number {
  if (ttlMs <= STEPS_MAX) return ttlMs;
  if (ttlMs === Infinity) return TTL_NEVER;
  for (let unit = 1; unit < UNITS_MS.length; unit++) {
    const steps = ttlMs / (UNITS_MS[unit] as number);
    if (steps <= STEPS_MAX && Number.isInteger(steps)) return (unit << STEPS_BITS) | steps;
  }
  return TTL_EXACT;
}

/** The TTL of a code, ms. */
export function decodeTtl(code: number): number {
  if (code === TTL_NEVER) return Infinity;
  return (code & (2 ** STEPS_BITS - 1)) * (UNITS_MS[code >>> STEPS_BITS] as number);
}

/**
 * The next TTL downwards that has a code: at most 0.4 % shorter. What jitters TTLs takes it, so that
 * none needs the memory beside.
 */
export function roundTtlMs(ttlMs: number): number {
  if (!(ttlMs < Infinity)) return ttlMs;
  const unit = UNITS_MS.find((ms) => ttlMs <= STEPS_MAX * ms);
  if (unit === undefined) return STEPS_MAX * (UNITS_MS.at(-1) as number);
  return Math.floor(ttlMs / unit) * unit;
}
