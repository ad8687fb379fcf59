/**
 * Must show 2: one edge moves, and the exact best of 100,000 sets is known, with the cheap scorer.
 *
 * @module
 */

import { digits, type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import {
  drawMoves,
  edgeValues,
  evaluated,
  FULL_SIZE,
  makeEngine,
  makeScorer,
  makeWorld,
} from "./world.ts";

const MUST_US = 100;
/** Refreshes before the clock counts: compilers are done by then. */
const WARM = 500;

/** Throws, through `verify`, when the best at the end is not a rebuild's. */
export function singleFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const refreshes = quick ? 500 : 5_000;
  for (const mode of ["eager", "lazy"] as const) {
    const world = makeWorld(FULL_SIZE, 11), scorer = makeScorer("product", world, 0);
    const engine = makeEngine(world, scorer, mode), twin = new FullRebuild(world, scorer);
    const us: number[] = [];
    for (let i = 0; i < WARM + refreshes; i++) {
      const moves = drawMoves(world, 0), values = edgeValues(world, moves);
      twin.values[moves.handles[0] as number] = moves.values[0] as number;
      const startMs = performance.now();
      engine.setValues(values);
      evaluated(engine, "partial");
      if (i >= WARM) us.push((performance.now() - startMs) * 1_000);
    }
    const right = twin.best(), { best } = evaluated(engine, "partial");
    verify("best score", best?.score ?? NaN, right?.score ?? NaN);
    verify("best set", best?.setId === right?.setId ? 1 : 0, 1);
    figures.add(`one edge to the exact best, ${mode}, product`, spreadOf(us), {
      unit: " µs",
      must: MUST_US,
      better: "lower",
    });
    figures.note(`p99 ${digits(percentileOf(us, 0.99))} µs of ${refreshes} refreshes`);
  }
}
