/**
 * Candidate sets that are made of edges instead of being handed in, one at a time, so that whoever
 * adds them can do so in slices.
 *
 * - the same edges, in whatever order, and the same generator give the same sets in the same order
 * - members of a set ascend by code units, and no set comes twice
 * - the id of a set says its members where it can: {@linkcode setIdOf}
 *
 * @module
 */

import { type Random, seededRandom } from "../actor/clock.ts";
import { byCodeUnits } from "./aggregator_checks.ts";
import { MEMBERS_MAX } from "./candidate_sets.ts";
import { RefreshError } from "./error.ts";
import type { CandidateSetSpec } from "./evaluate.ts";

/** Most sets of one generator: some 200 MB of them as an engine keeps them. */
export const GENERATED_MAX = 1_000_000;
/** Longest id that is made of the ids of members, in characters: the longest that a set may have. */
const JOINED_CHARS_MAX = 256;

/** What makes sets. */
export type SetGeneratorSpec =
  /** Every combination of `size` edges in the order of their ids, the first `setsMax` of them. */
  | { readonly kind: "combinations"; readonly size: number; readonly setsMax: number }
  /** So many different combinations at random, all there are if they are fewer. */
  | {
    readonly kind: "random";
    readonly size: number;
    readonly sets: number;
    readonly seed: number;
  };

/**
 * Id of the set of these members, in their order: their ids joined by `+`, in which a `+` or `%` of
 * their own stands as `%2B` or `%25`, so that no two sets share one; or a hash where that is longer
 * than 256 characters.
 */
export function setIdOf(members: readonly string[]): string {
  const joined = members.map(escaped).join("+");
  return joined.length <= JOINED_CHARS_MAX ? joined : `set:${hashOf(joined)}`;
}

/** How many combinations of `size` of `count` there are, at most 2^53 − 1. O(size). */
export function combinationsCount(count: number, size: number): number {
  if (size > count) return 0;
  let total = 1;
  for (let i = 1; i <= Math.min(size, count - size); i++) {
    // Exact while it is below 2^53: a product of i numbers in a row is divisible by i!.
    total = total * (count - i + 1) / i;
    if (total >= Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  }
  return Math.round(total);
}

/** How many sets a generator makes of so many edges. O(size). */
export function generatedCount(edges: number, generator: SetGeneratorSpec): number {
  const wanted = generator.kind === "random" ? generator.sets : generator.setsMax;
  return Math.min(wanted, combinationsCount(edges, generator.size));
}

/**
 * The sets of a generator. O(size) each, beside sorting the edges at the first.
 *
 * @throws {RefreshError} code `options`, when sizes or counts are out of range.
 */
export function* generatedSets(
  edgeIds: Iterable<string>,
  generator: SetGeneratorSpec,
): Generator<CandidateSetSpec, void> {
  check(generator);
  const ids = [...edgeIds].sort(byCodeUnits);
  const count = generatedCount(ids.length, generator);
  let made = 0;
  for (const picked of picksOf(ids.length, generator)) {
    if (made++ >= count) return;
    const members = picked.map((at) => ids[at] as string);
    yield { setId: setIdOf(members), members };
  }
}

/** Combinations of `size` of the numbers below `count`, ascending. Each is a new list. */
export function* combinations(count: number, size: number): Generator<readonly number[], void> {
  if (size > count || size < 1) return;
  const picked = Array.from({ length: size }, (_, i) => i);
  for (;;) {
    yield [...picked];
    let at = size - 1;
    while (at >= 0 && picked[at] === count - size + at) at--;
    if (at < 0) return;
    let next = (picked[at] as number) + 1;
    for (; at < size; at++) picked[at] = next++;
  }
}

function picksOf(edges: number, generator: SetGeneratorSpec): Iterable<readonly number[]> {
  const { size } = generator;
  if (generator.kind === "combinations") return combinations(edges, size);
  const total = combinationsCount(edges, size), random = seededRandom(generator.seed);
  // Most combinations are wanted: to draw until a new one comes would take ever longer.
  if (total <= 2 * generator.sets) return sampled(edges, size, generator.sets, random);
  return drawn(edges, size, random);
}

/** So many of all combinations, each subset alike (Knuth, TAOCP 3.4.2, algorithm S). O(all). */
function* sampled(
  edges: number,
  size: number,
  wanted: number,
  random: Random,
): Generator<readonly number[], void> {
  let left = combinationsCount(edges, size), needed = Math.min(wanted, left);
  for (const picked of combinations(edges, size)) {
    if (random.next() * left-- >= needed) continue;
    yield picked;
    if (--needed === 0) return;
  }
}

/** Combinations at random, none twice; whoever takes them stops below half of all there are. */
function* drawn(edges: number, size: number, random: Random): Generator<readonly number[], void> {
  const seen = new Set<string>();
  for (;;) {
    const picked = drawOne(edges, size, random), key = picked.join();
    if (seen.has(key)) continue;
    seen.add(key);
    yield picked;
  }
}

/** One combination, each alike (R. Floyd, Communications of the ACM 30, 1987). O(size). */
function drawOne(edges: number, size: number, random: Random): readonly number[] {
  const picked = new Set<number>();
  for (let last = edges - size; last < edges; last++) {
    const at = Math.floor(random.next() * (last + 1));
    picked.add(picked.has(at) ? last : at);
  }
  return [...picked].sort((a, b) => a - b);
}

function check(generator: SetGeneratorSpec): void {
  const { size } = generator;
  const wanted = generator.kind === "random" ? generator.sets : generator.setsMax;
  const isSize = Number.isInteger(size) && size >= 1 && size <= MEMBERS_MAX;
  if (isSize && Number.isInteger(wanted) && wanted >= 1 && wanted <= GENERATED_MAX) return;
  throw new RefreshError(
    "options",
    `Cannot generate sets: expected 1 to ${MEMBERS_MAX} members and 1 to ${GENERATED_MAX} sets: ` +
      `current values are ${size} and ${wanted}`,
  );
}

const escaped = (id: string) =>
  id.includes("+") || id.includes("%")
    ? id.replace(/[%+]/g, (one) => one === "+" ? "%2B" : "%25")
    : id;

/** 128 bits of what makes two of 2^20 sets share an id once in 10^26 runs: not for secrets. */
function hashOf(text: string): string {
  const lanes = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    for (let lane = 0; lane < 4; lane++) {
      const mixed = Math.imul((lanes[lane] as number) ^ unit, 0x01000193 + 2 * lane);
      lanes[lane] = mixed ^ (mixed >>> 13);
    }
  }
  return lanes.map((lane) => {
    let z = lane ^ text.length;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0).toString(16).padStart(8, "0");
  }).join("");
}
