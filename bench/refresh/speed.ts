/**
 * Must show 2: speed of eager and lazy refreshes over a full rebuild with the same scorer, in
 * interleaved pairs, and how many sets lazy evaluates.
 *
 * @module
 */

import { CostModel } from "../../src/refresh/cost_model.ts";
import type { SetEngine } from "../../src/refresh/evaluate.ts";
import { digits, type Figures, type Spread, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import {
  type Best,
  drawMoves,
  edgeValues,
  evaluated,
  FULL_SIZE,
  makeEngine,
  makeScorer,
  makeWorld,
  type ScorerName,
  type World,
} from "./world.ts";

/** Shares of edges that move, and what eager and lazy must reach over a rebuild. */
const SHARES: readonly {
  readonly share: number;
  readonly eager: number;
  readonly lazy?: number;
}[] = [
  { share: 0.0002, eager: 0.95 },
  { share: 0.01, eager: 17, lazy: 100 },
  { share: 0.1, eager: 0.95, lazy: 30 },
  { share: 0.5, eager: 0.95 },
  { share: 1, eager: 0.95 },
];

/** Bars that make a mean-variance score of five edges take more than 2 µs. */
const SLOW_BARS = 640;
const SCORE_MIN_US = 2;
const LAZY_EVALUATIONS_MAX = 5;

/** One side's refresh, timed. */
interface Timed {
  readonly ms: number;
  readonly evaluated: number;
  readonly best: Best | null;
}

/** Everyone in the same state, and the models that choose. */
class Sides {
  readonly rebuildMs: number[] = [];
  readonly eager: Timed[] = [];
  readonly lazy: Timed[] = [];
  /** Refreshes of the eager engine for which a rebuild was chosen. */
  chosenFull = 0;
  readonly world: World;
  readonly #twin: FullRebuild;
  readonly #eagerEngine: SetEngine;
  readonly #lazyEngine: SetEngine;
  readonly #costs = new CostModel();

  constructor(scorer: ScorerName, bars: number) {
    this.world = makeWorld(FULL_SIZE, 7);
    const made = makeScorer(scorer, this.world, bars);
    this.#twin = new FullRebuild(this.world, made);
    this.#eagerEngine = makeEngine(this.world, made, "eager");
    this.#lazyEngine = makeEngine(this.world, made, "lazy");
    const startMs = performance.now();
    evaluated(this.#eagerEngine, "full");
    this.#costs.record("full", FULL_SIZE.sets, performance.now() - startMs);
  }

  /** Forgets figures, not what was learned. */
  clear(): void {
    this.rebuildMs.length =
      this.eager.length =
      this.lazy.length =
      this.chosenFull =
        0;
  }

  /** One refresh of each, the rebuild first or last by turns. */
  round(round: number, share: number): void {
    const moves = drawMoves(this.world, share), values = edgeValues(this.world, moves);
    const rebuild = () => {
      const startMs = performance.now();
      moves.handles.forEach((edge, i) => this.#twin.values[edge] = moves.values[i] as number);
      const best = this.#twin.best();
      this.rebuildMs.push(performance.now() - startMs);
      return best;
    };
    const first = round % 2 === 0 ? rebuild() : null;
    this.eager.push(timed(() => {
      this.#eagerEngine.setValues(values);
      return this.#chosen();
    }));
    const second = round % 2 === 1 ? rebuild() : null;
    this.lazy.push(timed(() => {
      this.#lazyEngine.setValues(values);
      return evaluated(this.#lazyEngine, "partial");
    }));
    const right = first ?? second;
    for (const side of [this.eager.at(-1), this.lazy.at(-1)]) {
      verify("best score", side?.best?.score ?? NaN, right?.score ?? NaN);
      verify("best set", side?.best?.setId === right?.setId ? 1 : 0, 1);
    }
  }

  #chosen() {
    const engine = this.#eagerEngine, startMs = performance.now();
    const { kind } = this.#costs.choose(engine.dirtySets, engine.sets);
    const outcome = evaluated(engine, kind);
    this.#costs.record(kind, outcome.candidates, performance.now() - startMs);
    if (kind === "full") this.chosenFull++;
    return outcome;
  }
}

function timed(refresh: () => { readonly best: Best | null; readonly evaluated: number }): Timed {
  const startMs = performance.now();
  const { best, evaluated } = refresh();
  return { ms: performance.now() - startMs, evaluated, best };
}

/** Ratios of neighbours, the rebuild over the side. */
const ratios = (rebuildMs: readonly number[], side: readonly Timed[]): Spread =>
  spreadOf(side.map(({ ms }, i) => (rebuildMs[i] as number) / ms));

const mean = (values: readonly number[]) =>
  values.reduce((sum, one) => sum + one, 0) / values.length;

/** Throws, through `verify`, when a side's best is not a rebuild's. */
export function speedFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const pairs = quick ? 3 : 21;
  const sides = new Sides("mean_variance", SLOW_BARS);
  for (let round = 0; round < 3; round++) sides.round(round, 0.01);
  for (const { share, eager, lazy } of SHARES) {
    sides.clear();
    for (let round = 0; round < pairs; round++) sides.round(round, share);
    const rebuild = spreadOf(sides.rebuildMs), moved = `${digits(100 * share)} % moved`;
    const scoreUs = rebuild.median / FULL_SIZE.sets * 1_000;
    if (share === SHARES[0]?.share) {
      figures.add("time of a score in a rebuild", spreadOf([scoreUs]), {
        unit: " µs",
        must: SCORE_MIN_US,
        better: "higher",
      });
    }
    figures.add(`eager over rebuild, ${moved}`, ratios(sides.rebuildMs, sides.eager), {
      unit: "×",
      must: eager,
      better: "higher",
    });
    figures.add(`lazy over rebuild, ${moved}`, ratios(sides.rebuildMs, sides.lazy), {
      unit: "×",
      must: lazy ?? 0.95,
      better: "higher",
    });
    const counts = sides.lazy.map((one) => one.evaluated);
    if (share === 0.01) {
      figures.add("sets that lazy evaluates, mean, 1 % moved", meanSpread(counts), {
        unit: "",
        must: LAZY_EVALUATIONS_MAX,
        better: "lower",
      });
    }
    figures.note(
      `rebuild ${digits(rebuild.median)} ms, eager ${digits(medianMs(sides.eager))} ms ` +
        `(${Math.round(mean(sides.eager.map((one) => one.evaluated)))} sets, rebuilds chosen ` +
        `${sides.chosenFull} of ${pairs}), lazy ${digits(medianMs(sides.lazy))} ms ` +
        `(${digits(mean(counts))} sets)`,
    );
  }
}

const medianMs = (side: readonly Timed[]) => spreadOf(side.map(({ ms }) => ms)).median;

/** The mean in place of the median: a bound on an average is asked for. */
const meanSpread = (values: readonly number[]): Spread => ({
  ...spreadOf(values),
  median: mean(values),
});
