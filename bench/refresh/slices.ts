/**
 * How long a run holds up its actor: `begin` and every slice after it, when all edges moved and
 * when 100,000 sets came and went. Not among the must shows; the bound is this project's.
 *
 * @module
 */

import { OptimisationRun } from "../../src/refresh/run.ts";
import { SliceBudget } from "../../src/refresh/slice_budget.ts";
import { digits, type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import {
  drawMembers,
  drawMoves,
  edgeValues,
  FULL_SIZE,
  makeEngine,
  makeScorer,
  makeWorld,
  type World,
} from "./world.ts";

/** `begin` takes no longer. */
const BEGIN_MUST_MS = 5;
/** Sets that are replaced in one refresh. */
const REPLACED = 50_000;

/** Times of one kind of refresh. */
interface Times {
  readonly beginMs: number[];
  readonly sliceMs: number[];
}

/** A run, and the sets it has. */
class Sliced {
  readonly world: World;
  readonly run: OptimisationRun;
  readonly twin: FullRebuild;
  readonly #budget = new SliceBudget();

  constructor(mode: "eager" | "lazy") {
    this.world = makeWorld(FULL_SIZE, 17);
    const scorer = makeScorer("product", this.world, 0);
    const engine = makeEngine(this.world, scorer, mode);
    this.twin = new FullRebuild(this.world, scorer);
    const stopwatchMs = () => performance.now();
    this.run = new OptimisationRun("run_1", engine, { stopwatchMs, auditEvery: 0 }, 0);
  }

  /** A share of all edges moves. */
  move(share: number): void {
    const moves = drawMoves(this.world, share);
    for (const one of edgeValues(this.world, moves)) this.run.changes.setValue(one, 0);
    moves.handles.forEach((edge, at) => this.twin.values[edge] = moves.values[at] as number);
  }

  /** Sets go, and as many others come. */
  replace(round: number): void {
    const { random, edgeIds } = this.world, { changes } = this.run, { twin } = this;
    for (let i = 0; i < REPLACED; i++) {
      changes.removeSet(twin.removeAt(Math.floor(random.next() * twin.setIds.length)), 0);
    }
    for (let i = 0; i < REPLACED; i++) {
      const edges = drawMembers(random, edgeIds.length), setId = `n${round}_${i}`;
      changes.addSet(setId, edges.map((edge) => edgeIds[edge] as string), 0);
      twin.add(setId, edges);
    }
  }

  /** One refresh, in slices as the coordinator makes them. */
  refresh({ beginMs, sliceMs }: Times): void {
    const { run, twin } = this;
    let fromMs = performance.now();
    run.begin();
    beginMs.push(performance.now() - fromMs);
    for (;;) {
      const wasPreparing = run.isPreparing;
      fromMs = performance.now();
      const { state, report } = run.step(this.#budget.sets, 0);
      const tookMs = performance.now() - fromMs;
      sliceMs.push(tookMs);
      if (!wasPreparing) this.#budget.took(tookMs, state === "more");
      if (report === null) continue;
      const right = twin.best();
      verify("best score", report.best?.score ?? NaN, right?.score ?? NaN);
      verify("best set", report.best?.setId === right?.setId ? 1 : 0, 1);
      return;
    }
  }
}

/** Throws, through `verify`, when a best is not a rebuild's. */
export function sliceFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  for (const mode of ["eager", "lazy"] as const) {
    const sliced = new Sliced(mode);
    const measure = (name: string, rounds: number, change: (round: number) => void) => {
      const times: Times = { beginMs: [], sliceMs: [] };
      for (let round = 0; round < rounds; round++) {
        change(round);
        sliced.refresh(times);
      }
      figures.add(`begin of a refresh, ${name}, ${mode}`, spreadOf(times.beginMs), {
        ...{ unit: " ms", must: BEGIN_MUST_MS, better: "lower" },
      });
      const { sliceMs } = times, spread = spreadOf(sliceMs);
      figures.note(
        `its slices: median ${digits(spread.median)} ms, p99 ` +
          `${digits(percentileOf(sliceMs, 0.99))} ms, longest ${digits(spread.max)} ms of ` +
          `${sliceMs.length}`,
      );
    };
    sliced.refresh({ beginMs: [], sliceMs: [] });
    measure("100 % of edges moved", quick ? 3 : 21, () => sliced.move(1));
    measure("100,000 sets came and went", quick ? 1 : 5, (round) => sliced.replace(round));
  }
}
