/**
 * Edges and sets of a seed, the same for every side.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { type EvaluationMode, SetEngine } from "../../src/refresh/evaluate.ts";
import type { EvaluationOutcome } from "../../src/refresh/run_engine.ts";
import type { Scorer } from "../../src/refresh/scorer.ts";
import { makeScored, type ScorerName } from "./scored.ts";

/** The best set of a side. */
export interface Best {
  readonly setId: string;
  readonly score: number;
}

/** How large a world is. */
export interface WorldSize {
  readonly edges: number;
  readonly sets: number;
}

/** As large as the specification asks for. */
export const FULL_SIZE: WorldSize = { edges: 5_000, sets: 100_000 };

/** Members of a set. */
const MEMBERS = 5;

/** Edges by handle, which is their number, and sets by number. */
export interface World {
  readonly edgeIds: string[];
  readonly values: Float64Array;
  readonly setIds: readonly string[];
  /** `size` handles of each set. */
  readonly members: Uint32Array;
  readonly size: number;
  readonly random: Random;
}

/** A world of a seed. Values are positive: factors, or expected returns in tenths of a percent. */
export function makeWorld({ edges, sets }: WorldSize, seed: number): World {
  const random = seededRandom(seed);
  const members = new Uint32Array(sets * MEMBERS);
  for (let set = 0; set < sets; set++) members.set(drawMembers(random, edges), set * MEMBERS);
  return {
    edgeIds: Array.from({ length: edges }, (_, edge) => `e${edge}`),
    values: Float64Array.from({ length: edges }, () => 0.5 + random.next()),
    setIds: Array.from({ length: sets }, (_, set) => `s${set}`),
    members,
    size: MEMBERS,
    random,
  };
}

/** As many different edges as a set has. */
export function drawMembers(random: Random, edges: number): number[] {
  const drawn: number[] = [];
  while (drawn.length < MEMBERS) {
    const edge = Math.floor(random.next() * edges);
    if (!drawn.includes(edge)) drawn.push(edge);
  }
  return drawn;
}

/** A scorer; `bars` returns of each edge for the mean-variance score. */
export const makeScorer = (name: ScorerName, world: World, bars: number): Scorer =>
  makeScored(name, world.edgeIds.length, world.random, bars).scorer;

/** An engine of a world, evaluated once. */
export function makeEngine(world: World, scorer: Scorer, mode: EvaluationMode): SetEngine {
  const { size } = world;
  const engine = new SetEngine({
    scorer,
    mode,
    edges: world.edgeIds.map((edgeId, edge) => ({ edgeId, value: world.values[edge] as number })),
    sets: world.setIds.map((setId, set) => ({
      setId,
      members: Array.from(
        world.members.subarray(set * size, (set + 1) * size),
        (edge) => world.edgeIds[edge] as string,
      ),
    })),
  });
  evaluated(engine, "full");
  return engine;
}

/** One evaluation in one slice. */
export function evaluated(
  engine: SetEngine,
  kind: "partial" | "full" | "audit",
): EvaluationOutcome {
  const evaluation = engine.begin(kind);
  while (evaluation.step(Infinity) === "more");
  return evaluation.outcome();
}

/** Edges that move, by handle, and their new values. */
export interface Moves {
  readonly handles: readonly number[];
  readonly values: readonly number[];
}

/**
 * Moves of a share of all edges, at least one: each anew from 0.5 to 1.5. `step` 0 moves freely,
 * 1/8 makes many equal values and so equal scores.
 */
export function drawMoves(world: World, share: number, step = 0): Moves {
  const { random } = world, edges = world.edgeIds.length;
  const count = Math.min(edges, Math.max(1, Math.round(share * edges)));
  const handles = count < edges / 4
    ? drawFew(random, edges, count)
    : drawMany(random, edges, count);
  const values = handles.map(() => {
    const value = 0.5 + random.next();
    return step === 0 ? value : Math.round(value / step) * step;
  });
  return { handles, values };
}

/** Draws again what was drawn before; does not wash the caches before something is timed. */
function drawFew(random: Random, edges: number, count: number): number[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(Math.floor(random.next() * edges));
  return [...drawn];
}

/** The beginning of a shuffle (R. Fisher and F. Yates, 1938). */
function drawMany(random: Random, edges: number, count: number): number[] {
  const handles = Array.from({ length: edges }, (_, edge) => edge);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random.next() * (edges - i));
    [handles[i], handles[j]] = [handles[j] as number, handles[i] as number];
  }
  return handles.slice(0, count);
}

/** Moves as an engine takes them. */
export const edgeValues = (world: World, { handles, values }: Moves) =>
  handles.map((edge, i) => ({ edgeId: world.edgeIds[edge] as string, value: values[i] as number }));
