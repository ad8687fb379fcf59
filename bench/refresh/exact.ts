/**
 * Must show 1: after any refresh the best set and score equal those of a full look at all sets, bit
 * for bit; and of must show 2 that eager evaluates dirty sets exactly.
 *
 * After every refresh both engines are held against brute force over all sets (`Oracle`), which
 * shares no code with them and has worked out beforehand what does not move with values. After one
 * in so many also against a full rebuild with the scorer itself, and a few times against the
 * engines' own rebuild and audit; their structures are checked then, too.
 *
 * @module
 */

import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import { Churn } from "./churn.ts";
import { Oracle } from "./oracle.ts";
import { makeScored, type ScorerName } from "./scored.ts";
import type { SetEngine } from "../../src/refresh/evaluate.ts";
import {
  type Best,
  drawMoves,
  edgeValues,
  evaluated,
  FULL_SIZE,
  makeEngine,
  makeWorld,
  type Moves,
  type World,
  type WorldSize,
} from "./world.ts";

/** What a run of random refreshes is made of. */
export interface ExactOptions {
  readonly size: WorldSize;
  readonly scorer: ScorerName;
  readonly refreshes: number;
  readonly seed: number;
  /** A full rebuild with the scorer every so many refreshes. */
  readonly rebuildEvery: number;
  /** The engines' own rebuild and audit, and a check of their structures. */
  readonly checkEvery: number;
}

/** What it came to; a run that finds a difference throws. */
export interface ExactCounts {
  /** Refreshes of each engine that were equal to brute force. */
  readonly eagerEqual: number;
  readonly lazyEqual: number;
  /** Full rebuilds with the scorer, equal as well. */
  readonly rebuilds: number;
  /** Refreshes whose best set was made equal to another one. */
  readonly ties: number;
  /** Sets, and edges that went with their sets while another one came. */
  readonly added: number;
  readonly removed: number;
  readonly edgesReplaced: number;
  /** Sets scored by either engine; of the lazy one also what it skipped. */
  readonly eagerEvaluated: number;
  readonly lazyEvaluated: number;
  readonly lazySkipped: number;
}

/** Least share of edges that moves; the largest is 1. */
const SHARE_MIN = 0.0002;
/** Bars of the mean-variance score: exactness asks for many refreshes, not for slow ones. */
const BARS = 16;
/** Values in such steps give equal scores; two of three refreshes move freely. */
const TIE_STEP = 0.125;

/**
 * Random refreshes of an eager and a lazy engine beside brute force.
 *
 * @throws {Error} when they differ in one bit, or the eager one evaluated another number of sets
 * than are new or hold an edge that moved.
 */
export function exactRun(options: ExactOptions): ExactCounts {
  const { size, scorer: name, refreshes, seed, rebuildEvery, checkEvery } = options;
  const world = makeWorld(size, seed);
  const scored = makeScored(name, size.edges, world.random, BARS);
  const twin = new FullRebuild(world, scored.scorer), oracle = new Oracle(world, twin, scored);
  const eager = makeEngine(world, scored.scorer, "eager");
  const lazy = makeEngine(world, scored.scorer, "lazy"), engines = [eager, lazy];
  const churn = new Churn({ world, scored, twin, oracle, engines });
  const counts = { eagerEqual: 0, lazyEqual: 0, rebuilds: 0, ties: 0 };
  let last = oracle.best(), eagerEvaluated = 0, lazyEvaluated = 0, lazySkipped = 0;
  for (let round = 0; round < refreshes; round++) {
    const where = `${name}, seed ${seed}, refresh ${round}`;
    const moves = drawMoves(world, SHARE_MIN ** world.random.next(), round % 3 ? 0 : TIE_STEP);
    const isMoved = applyMoves(world, twin, engines, moves);
    churn.turn(round, last);
    const dirty = oracle.dirtyCount(isMoved), right = oracle.best();
    const first = evaluated(eager, "partial"), second = evaluated(lazy, "partial");
    assertSame(`${where}, eager`, first.best, right);
    counts.eagerEqual++;
    assertSame(`${where}, lazy`, second.best, right);
    counts.lazyEqual++;
    if (first.evaluated !== dirty) {
      throw new Error(`${where}: expected ${dirty} sets evaluated: found ${first.evaluated}`);
    }
    eagerEvaluated += first.evaluated;
    lazyEvaluated += second.evaluated;
    lazySkipped += second.skipped;
    last = right;
    if (right !== null && churn.hasTwin(right.setId)) counts.ties++;
    if (round % rebuildEvery === rebuildEvery - 1) {
      assertSame(`${where}, full rebuild`, twin.best(), right);
      counts.rebuilds++;
    }
    if (round % checkEvery === checkEvery - 1) checkAll(where, eager, lazy, right);
  }
  const { added, removed, edgesReplaced } = churn;
  return {
    ...counts,
    ...{ added, removed, edgesReplaced, eagerEvaluated, lazyEvaluated, lazySkipped },
  };
}

/** Gives everyone the same values; returns a flag for each edge that really moved. */
function applyMoves(
  world: World,
  twin: FullRebuild,
  engines: readonly SetEngine[],
  moves: Moves,
): Uint8Array {
  const isMoved = new Uint8Array(world.edgeIds.length);
  moves.handles.forEach((edge, i) => {
    const value = moves.values[i] as number;
    if (!Object.is(twin.values[edge], value)) isMoved[edge] = 1;
    twin.values[edge] = value;
  });
  const values = edgeValues(world, moves);
  for (const engine of engines) {
    // Half of it twice, the first time to another value: that is one change.
    engine.setValues(values.slice(values.length >> 1).map((one) => ({ ...one, value: 0.75 })));
    engine.setValues(values);
  }
  return isMoved;
}

function checkAll(where: string, eager: SetEngine, lazy: SetEngine, right: Best | null): void {
  for (const engine of [eager, lazy]) {
    engine.invariant();
    assertSame(`${where}, audit`, evaluated(engine, "audit").best, right);
    assertSame(`${where}, full`, evaluated(engine, "full").best, right);
    engine.invariant();
  }
}

function assertSame(where: string, found: Best | null, right: Best | null): void {
  const isSame = found === null || right === null
    ? found === right
    : found.setId === right.setId && Object.is(found.score, right.score);
  if (isSame) return;
  throw new Error(`${where}: expected ${JSON.stringify(right)}: found ${JSON.stringify(found)}`);
}

/** Runs at full size; a difference ends the bench. */
export function exactFigures(
  figures: Figures,
  scorer: ScorerName,
  { refreshes }: { readonly refreshes: number },
): void {
  const seed = 1 + Math.floor(Math.random() * 1e6), startMs = performance.now();
  const rebuildEvery = Math.ceil(refreshes / 100), checkEvery = Math.ceil(refreshes / 4);
  const counts = exactRun({
    size: FULL_SIZE,
    ...{ scorer, refreshes, seed, rebuildEvery, checkEvery },
  });
  for (const mode of ["eager", "lazy"] as const) {
    figures.add(
      `${scorer}, ${mode}: refreshes equal, bit by bit`,
      spreadOf([counts[`${mode}Equal`]]),
      { unit: "", must: refreshes, better: "higher" },
    );
  }
  const share = counts.lazyEvaluated / counts.eagerEvaluated;
  const { ties, added, removed, edgesReplaced, rebuilds } = counts;
  figures.note(
    `each held against brute force over all sets, one in ${rebuildEvery} (${rebuilds}) also against ` +
      "a full rebuild with the scorer, 4 against the engines' own rebuild and audit",
  );
  figures.note(
    `seed ${seed}, 0.02 to 100 % of edges moved, ${added} sets added, ${removed} removed, ` +
      `${edgesReplaced} edges replaced, ${ties} bests with an equal; evaluated: eager ` +
      `${counts.eagerEvaluated} (as many as were dirty), lazy ${counts.lazyEvaluated} ` +
      `(${digits(100 * share)} %); ${digits((performance.now() - startMs) / 1_000)} s`,
  );
}
