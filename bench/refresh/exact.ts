/**
 * Must show 1: after any refresh the best set and score equal a rebuild's, bit for bit; and of must
 * show 2 that eager evaluates dirty sets exactly.
 *
 * @module
 */

import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import type { SetEngine } from "../../src/refresh/evaluate.ts";
import {
  type Best,
  drawMembers,
  drawMoves,
  edgeValues,
  evaluated,
  FULL_SIZE,
  makeEngine,
  makeScorer,
  makeWorld,
  type Moves,
  type ScorerName,
  type World,
  type WorldSize,
} from "./world.ts";

/** What a run of random refreshes is made of. */
export interface ExactOptions {
  readonly size: WorldSize;
  readonly scorer: ScorerName;
  readonly refreshes: number;
  readonly seed: number;
  /** A structural check of both engines every so many refreshes. */
  readonly checkEvery: number;
}

/** What it came to; a run that finds a difference throws. */
export interface ExactCounts {
  readonly refreshes: number;
  /** Refreshes whose best set was made equal to another one. */
  readonly ties: number;
  readonly added: number;
  readonly removed: number;
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
const CHURN_MAX = 8;

/**
 * Random refreshes of an eager and a lazy engine beside a rebuild.
 *
 * @throws {Error} when they differ in one bit, or the eager one evaluated another number of sets
 * than hold an edge that moved.
 */
export function exactRun(options: ExactOptions): ExactCounts {
  const { size, scorer: name, refreshes, seed, checkEvery } = options;
  const world = makeWorld(size, seed);
  const scorer = makeScorer(name, world, BARS);
  const twin = new FullRebuild(world, scorer);
  const engines = [makeEngine(world, scorer, "eager"), makeEngine(world, scorer, "lazy")];
  const [eager, lazy] = engines as [SetEngine, SetEngine];
  const churn = new Churn(world, twin, engines);
  let last = twin.best();
  let ties = 0, eagerEvaluated = 0, lazyEvaluated = 0, lazySkipped = 0;
  for (let round = 0; round < refreshes; round++) {
    const where = `${name}, seed ${seed}, refresh ${round}`;
    const moves = drawMoves(world, SHARE_MIN ** world.random.next(), round % 3 ? 0 : TIE_STEP);
    const isMoved = applyMoves(world, twin, engines, moves);
    const isNew = churn.turn(round, last);
    const dirty = twin.dirtyCount(isMoved, (setId) => isNew.has(setId));
    const right = twin.best();
    const first = evaluated(eager, "partial"), second = evaluated(lazy, "partial");
    assertSame(`${where}, eager`, first.best, right);
    assertSame(`${where}, lazy`, second.best, right);
    if (first.evaluated !== dirty) {
      throw new Error(`${where}: expected ${dirty} sets evaluated: found ${first.evaluated}`);
    }
    eagerEvaluated += first.evaluated;
    lazyEvaluated += second.evaluated;
    lazySkipped += second.skipped;
    last = right;
    if (right !== null && churn.hasTwin(right.setId)) ties++;
    if (round % checkEvery === checkEvery - 1) checkAll(where, eager, lazy, right);
  }
  const { added, removed } = churn;
  return { refreshes, ties, added, removed, eagerEvaluated, lazyEvaluated, lazySkipped };
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

/** Adds and removes sets; some of them have the members of another, and so its score. */
class Churn {
  added = 0;
  removed = 0;
  readonly #world: World;
  readonly #twin: FullRebuild;
  readonly #engines: readonly SetEngine[];
  /** Sets that were added with the members of another one. */
  readonly #twins = new Set<string>();

  constructor(world: World, twin: FullRebuild, engines: readonly SetEngine[]) {
    this.#world = world;
    this.#twin = twin;
    this.#engines = engines;
  }

  /** One turn; returns the sets that are new. */
  turn(round: number, last: Best | null): ReadonlySet<string> {
    const { random } = this.#world, isNew = new Set<string>();
    const count = Math.floor(random.next() * CHURN_MAX);
    for (let i = 0; i < count; i++) {
      const at = Math.floor(random.next() * this.#twin.setIds.length);
      const setId = this.#twin.removeAt(at);
      for (const engine of this.#engines) engine.removeSet(setId);
      this.#twins.delete(setId);
      this.removed++;
    }
    const equal = round % 2 === 0 ? this.#membersOf(last) : null;
    for (let i = 0; i < count; i++) {
      const edges = i === 0 && equal !== null
        ? equal
        : drawMembers(random, this.#world.edgeIds.length);
      // A lower or a higher id than most, so that ties are won and lost.
      const setId = `${random.next() < 0.5 ? "r" : "t"}${round}_${i}`;
      this.#twin.add(setId, edges);
      const members = edges.map((edge) => this.#world.edgeIds[edge] as string);
      for (const engine of this.#engines) engine.addSet(setId, members);
      if (edges === equal) this.#twins.add(setId);
      isNew.add(setId);
      this.added++;
    }
    return isNew;
  }

  /** Whether it was made equal to the best set of its time. */
  hasTwin(setId: string): boolean {
    return this.#twins.has(setId);
  }

  #membersOf(best: Best | null): number[] | null {
    const engine = this.#engines[0] as SetEngine;
    if (best === null || !engine.hasSet(best.setId)) return null;
    return engine.membersOf(best.setId).map((id) => Number(id.slice(1)));
  }
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
export function exactFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const refreshes = quick ? 100 : 10_000;
  for (const scorer of ["product", "mean_variance"] as const) {
    const seed = 1 + Math.floor(Math.random() * 1e6);
    const options = { size: FULL_SIZE, scorer, refreshes, seed, checkEvery: refreshes / 4 };
    const counts = exactRun(options);
    figures.add(`${scorer}: refreshes equal to a rebuild`, spreadOf([counts.refreshes]), {
      unit: "",
      must: refreshes,
      better: "higher",
    });
    const share = counts.lazyEvaluated / counts.eagerEvaluated;
    figures.note(
      `seed ${seed}, ${counts.added} sets added, ${counts.removed} removed, ` +
        `${counts.ties} bests with an equal, evaluated: eager ${counts.eagerEvaluated} (as many ` +
        `as were dirty), lazy ${counts.lazyEvaluated} (${digits(100 * share)} %)`,
    );
  }
}
