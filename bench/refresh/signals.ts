/**
 * Against libraries of signals, with the cheap scorer: what one edge, and 1 % of them, take until
 * the best is known.
 *
 * @module
 */

import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { SIGNAL_LIBRARIES, SignalRefresh } from "../rivals/refresh_signals.ts";
import {
  drawMoves,
  edgeValues,
  evaluated,
  FULL_SIZE,
  makeEngine,
  makeScorer,
  makeWorld,
} from "./world.ts";

/** Faster than either library; what their bookkeeping costs is all that differs. */
const MUST_RATIO = 1;
const SHARES = [{ name: "1 edge", share: 0 }, { name: "1 % of edges", share: 0.01 }] as const;

/** Refreshes before the clock counts. */
const WARM = 10;

function timed<T>(refresh: () => T): { readonly result: T; readonly ms: number } {
  const startMs = performance.now(), result = refresh();
  return { result, ms: performance.now() - startMs };
}

/** Throws, through `verify`, when the two sides differ. */
export function signalFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const pairs = quick ? 5 : 41;
  for (const library of SIGNAL_LIBRARIES) {
    const world = makeWorld(FULL_SIZE, 13), scorer = makeScorer("product", world, 0);
    const engine = makeEngine(world, scorer, "eager");
    const startMs = performance.now();
    const rival = new SignalRefresh(library, world, scorer);
    rival.refresh([], []);
    const builtMs = performance.now() - startMs;
    for (const { name, share } of SHARES) {
      const ours: number[] = [], theirs: number[] = [];
      for (let i = 0; i < WARM + pairs; i++) {
        const moves = drawMoves(world, share), values = edgeValues(world, moves);
        const before = rival.evaluated;
        const us = () => {
          engine.setValues(values);
          return evaluated(engine, "partial");
        };
        const them = () => rival.refresh(moves.handles, moves.values);
        // Who goes first takes turns.
        const early = i % 2 === 0 ? timed(us) : null;
        const their = timed(them), our = early ?? timed(us);
        verify("best score", their.result?.score ?? NaN, our.result.best?.score ?? NaN);
        verify("best set", their.result?.setId === our.result.best?.setId ? 1 : 0, 1);
        verify("sets evaluated", rival.evaluated - before, our.result.evaluated);
        if (i < WARM) continue;
        ours.push(our.ms);
        theirs.push(their.ms);
      }
      const ratio = spreadOf(ours.map((ms, i) => (theirs[i] as number) / ms));
      figures.add(`eager over ${library.name}, ${name}`, ratio, {
        unit: "×",
        must: MUST_RATIO,
        better: "higher",
      });
      figures.note(
        `ours ${digits(spreadOf(ours).median * 1_000)} µs, theirs ` +
          `${digits(spreadOf(theirs).median * 1_000)} µs, built in ${digits(builtMs)} ms`,
      );
    }
  }
}
