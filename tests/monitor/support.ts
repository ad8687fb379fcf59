/**
 * What the tests of the monitor share: numbers of known shapes, and exact percentiles to
 * compare with.
 *
 * @module
 */
import { type Random, seededRandom } from "../../src/actor/clock.ts";

/** A number of the standard normal distribution (Box and Muller, 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Distributions of times in seconds as services have them. */
export const SHAPES: Readonly<Record<string, (random: Random) => number>> = {
  uniform: (random) => 0.001 + random.next(),
  exponential: (random) => 1e-6 - 0.02 * Math.log(1 - random.next()),
  lognormal: (random) => Math.exp(-5 + 1.5 * normal(random)),
  pareto: (random) => 0.0005 / (1 - random.next()) ** (1 / 1.3),
  "two humps": (random) =>
    random.next() < 0.97 ? 0.0004 + 0.0001 * random.next() : 0.25 + 0.05 * random.next(),
};

/** Numbers of one shape, by seed. */
export function numbersOf(
  shape: (random: Random) => number,
  count: number,
  seed: number,
): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, () => shape(random));
}

/** The number of nearest rank in ascending `sorted`. */
export function exactPercentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? NaN;
}
