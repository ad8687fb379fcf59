/**
 * Must show 2: speed of eager and lazy refreshes, and of a run that chooses by its cost model, over
 * a full rebuild with the same scorer, and how many sets lazy evaluates.
 *
 * A pair is a rebuild and a refresh after the same moves, each in as many slices, which take turns:
 * what else the machine does meanwhile slows both alike. Every best is compared with the rebuild's.
 *
 * @module
 */

import { OptimisationRun } from "../../src/refresh/run.ts";
import { digits, type Figures, type Spread, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import {
  type Best,
  drawMoves,
  edgeValues,
  FULL_SIZE,
  makeEngine,
  makeScorer,
  makeWorld,
  type World,
} from "./world.ts";
import type { EdgeValue } from "../../src/refresh/run_engine.ts";
import type { Scorer } from "../../src/refresh/scorer.ts";
import type { SetEngine } from "../../src/refresh/evaluate.ts";

/** Shares of edges that move, and how many times as fast as a rebuild they must be refreshed. */
const SHARES: readonly {
  readonly share: number;
  readonly eager?: number;
  readonly lazy?: number;
}[] = [
  { share: 0.0002 },
  { share: 0.01, eager: 17, lazy: 100 },
  { share: 0.1, lazy: 30 },
  { share: 0.5 },
  { share: 1 },
];
/** Never slower than that at any share. */
const TIME_RATIO_MAX = 1.05;
const SCORE_MIN_US = 2;
/** Bars of the mean-variance score are chosen so that it takes about as long. */
const SCORE_AIM_US = 2.6;
const BARS = { first: 512, min: 64, max: 1_024, step: 16 } as const;
const CALIBRATION_ROUNDS = 20;
const LAZY_EVALUATIONS_MAX = 5;
/** Slices of a refresh and of a rebuild. */
const SLICES = 20;
const SLICE_SETS = Math.ceil(FULL_SIZE.sets / SLICES);

/** A refresh in slices. */
interface Refresh {
  /** Takes moves and begins. */
  begin(values: readonly EdgeValue[]): void;
  /** Works on about a twentieth; true once it is done. */
  step(): boolean;
  /** What came of it. */
  end(): { readonly best: Best | null; readonly evaluated: number; readonly isRebuild: boolean };
}

/** A refresh beside a rebuild. */
interface Pair {
  readonly rebuildMs: number;
  readonly ms: number;
  readonly evaluated: number;
  readonly isRebuild: boolean;
}

/** The engine as it is, whatever the cost. */
function engineRefresh(engine: SetEngine): Refresh {
  let evaluation: ReturnType<SetEngine["begin"]> | null = null, sets = 1;
  return {
    begin(values) {
      engine.setValues(values);
      sets = Math.max(1, Math.ceil(engine.dirtySets / SLICES));
      evaluation = engine.begin("partial");
    },
    step: () => evaluation?.step(sets) === "done",
    end() {
      const outcome = evaluation?.outcome();
      return { best: outcome?.best ?? null, evaluated: outcome?.evaluated ?? 0, isRebuild: false };
    },
  };
}

/** A run that chooses between a partial refresh and a rebuild, and checks what comes of it. */
function runRefresh(engine: SetEngine): Refresh {
  const stopwatchMs = () => performance.now();
  const run = new OptimisationRun("run_1", engine, { stopwatchMs, auditEvery: 0 }, 0);
  let sets = SLICE_SETS, report: ReturnType<OptimisationRun["step"]>["report"] = null;
  return {
    begin(values) {
      for (const one of values) run.changes.setValue(one, 0);
      run.begin();
      // It may choose a rebuild where most sets are dirty.
      const { dirtySets } = engine;
      sets = 2 * dirtySets > engine.sets ? SLICE_SETS : Math.max(1, Math.ceil(dirtySets / SLICES));
    },
    step() {
      report = run.step(sets, 0).report;
      return report !== null;
    },
    end() {
      verify("a refresh that succeeded", report?.state === "succeeded" ? 1 : 0, 1);
      const { best = null, evaluated = 0, kind = "partial" } = report ?? {};
      return { best, evaluated, isRebuild: kind === "full" };
    },
  };
}

/** Everyone in the same state. */
class Sides {
  readonly world: World;
  readonly #twin: FullRebuild;

  constructor(world: World, scorer: Scorer) {
    this.world = world;
    this.#twin = new FullRebuild(world, scorer);
  }

  /** A rebuild and each refresh of the same moves; the rebuild's slices go first if `isFirst`. */
  pair(refreshes: readonly Refresh[], share: number, isFirst: boolean): readonly Pair[] {
    const moves = drawMoves(this.world, share), values = edgeValues(this.world, moves);
    const twin = this.#twin, ms = new Float64Array(refreshes.length);
    const isDone = refreshes.map(() => false);
    let rebuildMs = 0;
    const turn = (theirs: () => void, ours: (refresh: Refresh, at: number) => void) => {
      if (isFirst) rebuildMs += timed(theirs);
      refreshes.forEach((refresh, at) => {
        if (!isDone[at]) ms[at] = (ms[at] as number) + timed(() => ours(refresh, at));
      });
      if (!isFirst) rebuildMs += timed(theirs);
    };
    turn(() => {
      moves.handles.forEach((edge, i) => twin.values[edge] = moves.values[i] as number);
      twin.begin();
    }, (refresh) => refresh.begin(values));
    const step = (refresh: Refresh, at: number) => void (isDone[at] = refresh.step());
    for (let slice = 0; slice < SLICES; slice++) turn(() => twin.step(SLICE_SETS), step);
    while (isDone.includes(false)) turn(() => {}, step);
    const right = twin.found;
    return refreshes.map((refresh, at) => {
      const { best, evaluated, isRebuild } = refresh.end();
      verify("best score", best?.score ?? NaN, right?.score ?? NaN);
      verify("best set", best?.setId === right?.setId ? 1 : 0, 1);
      return { rebuildMs, ms: ms[at] as number, evaluated, isRebuild };
    });
  }

  /** Pairs in both orders, in turn; those of each refresh. */
  pairs(refreshes: readonly Refresh[], share: number, count: number): readonly (readonly Pair[])[] {
    const all = Array.from(
      { length: count },
      (_, at) => this.pair(refreshes, share, at % 2 === 0),
    );
    return refreshes.map((_, at) => all.map((pairs) => pairs[at] as Pair));
  }
}

function timed(work: () => void): number {
  const fromMs = performance.now();
  work();
  return performance.now() - fromMs;
}

/** Bars with which a score takes about as long as is aimed at on this machine. */
function barsOf(world: World): number {
  const { first, min, max, step } = BARS, sets = FULL_SIZE.sets / 10;
  const twin = new FullRebuild(world, makeScorer("mean_variance", world, first));
  const us = Array.from({ length: CALIBRATION_ROUNDS }, () => {
    twin.begin();
    const fromMs = performance.now();
    twin.step(sets);
    return (performance.now() - fromMs) * 1_000 / sets;
  });
  // The fastest: what else the machine does now it may not do later.
  const bars = first * SCORE_AIM_US / spreadOf(us).min;
  return Math.min(max, Math.max(min, Math.ceil(bars / step) * step));
}

/** Throws, through `verify`, when a best is not a rebuild's. */
export function speedFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const count = quick ? 3 : 21, world = makeWorld(FULL_SIZE, 7), bars = barsOf(world);
  const scorer = makeScorer("mean_variance", world, bars);
  const scoreUs: number[] = [];
  const engineOf = (mode: "eager" | "lazy") => makeEngine(world, scorer, mode);
  const sideOf = { eager: engineRefresh, lazy: engineRefresh, run: runRefresh };
  // The run by itself: what goes on between two sides must not differ much.
  for (const names of [["eager", "lazy"], ["run"]] as const) {
    const sides = new Sides(world, scorer);
    const refreshes = names.map((name) => sideOf[name](engineOf(name === "run" ? "eager" : name)));
    sides.pairs(refreshes, 0.01, 3);
    for (const { share, ...musts } of SHARES) {
      const moved = `${digits(100 * share)} % moved`, found = sides.pairs(refreshes, share, count);
      found.forEach((pairs, at) => {
        const name = names[at] ?? "run", mode = name === "run" ? "eager" : name;
        scoreUs.push(...pairs.map(({ rebuildMs }) => rebuildMs * 1_000 / FULL_SIZE.sets));
        addPairs(
          figures,
          `${name === "run" ? "eager, by a run" : name}, ${moved}`,
          pairs,
          musts[mode],
        );
        if (mode === "lazy" && share === 0.01) addEvaluated(figures, pairs);
      });
    }
  }
  figures.add(`time of a score in these rebuilds, ${bars} bars`, spreadOf(scoreUs), {
    ...{ unit: " µs", must: SCORE_MIN_US, better: "higher" },
  });
}

/** Speed where that is asked for, else time. */
function addPairs(
  figures: Figures,
  name: string,
  pairs: readonly Pair[],
  must: number | undefined,
): void {
  const times = spreadOf(pairs.map(({ rebuildMs, ms }) => ms / rebuildMs));
  const speeds = spreadOf(pairs.map(({ rebuildMs, ms }) => rebuildMs / ms));
  if (must === undefined) {
    const bar = { unit: "×", must: TIME_RATIO_MAX, better: "lower" } as const;
    figures.add(`${name}: time of a rebuild's`, times, bar);
  } else {
    const bar = { unit: "×", must, better: "higher" } as const;
    figures.add(`${name}: speed over a rebuild`, speeds, bar);
  }
  const median = (of: (pair: Pair) => number) => digits(spreadOf(pairs.map(of)).median);
  const rebuilds = pairs.filter(({ isRebuild }) => isRebuild).length;
  figures.note(
    `rebuild ${median(({ rebuildMs }) => rebuildMs)} ms, ours ${median(({ ms }) => ms)} ms ` +
      `(${digits(speeds.median)}×, ${digits(mean(pairs))} sets` +
      `${rebuilds > 0 ? `, a rebuild ${rebuilds} times of ${pairs.length}` : ""})`,
  );
}

/** The mean in place of the median: a bound on an average is asked for. */
function addEvaluated(figures: Figures, pairs: readonly Pair[]): void {
  const spread: Spread = { ...spreadOf(pairs.map((one) => one.evaluated)), median: mean(pairs) };
  figures.add("sets that lazy evaluates, mean, 1 % moved", spread, {
    ...{ unit: "", must: LAZY_EVALUATIONS_MAX, better: "lower" },
  });
}

const mean = (pairs: readonly Pair[]) =>
  pairs.reduce((sum, { evaluated }) => sum + evaluated, 0) / pairs.length;
