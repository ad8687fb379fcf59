/**
 * Figures of the chunk controller: its throughput in the five regimes against the best fixed chunk,
 * which is found by sweep and which nobody knows beforehand. In virtual time, medians of seeds.
 *
 * The bar is raised where there is a choice: the best fixed chunk is the best of all sizes of the
 * sweep, also beyond the bounds of the controller, and of both ways of retrying, by its median over
 * the very seeds that are measured.
 *
 * Rivals in the same run: an AIMD rule in the manner of the older system (a fifth more after a
 * success, half after a failure), and a fixed chunk of 100.
 *
 * @module
 */

import { ChunkController } from "../../src/batch/chunk_controller.ts";
import { chunkSizes } from "../../src/batch/chunk_sizes.ts";
import { type Bar, digits, type Figures, type Spread, spreadOf } from "../support/figures.ts";
import { mixedRegimes, type Regime, REGIMES } from "./chunk_regimes.ts";
import { type AfterFailure, type ChunkRule, jobMs } from "./chunk_run.ts";

const SYNC = new URL("../../../shared/data/workloads/sync1.csv.gz", import.meta.url);
const SWEEP_MAX = 2_000;
const FIXED = 100;
/** Speed over fixed 100 that `mixed` must show where the sweep reaches it. */
const MIXED_SPEED = 1.3;

const ofBest: Bar = { better: "higher", unit: " %", must: 88, aim: 95 };
const speed: Bar = { better: "higher", unit: "×", must: MIXED_SPEED };

/** How much to measure. */
export interface ChunkFiguresOptions {
  /** Three seeds and every fourth size: shows that it works. */
  readonly quick: boolean;
}

/** Adds the figures of all regimes; about 20 s, quick 2 s. */
export async function chunkFigures(figures: Figures, options: ChunkFiguresOptions): Promise<void> {
  const seeds = Array.from({ length: options.quick ? 3 : 7 }, (_, i) => i + 1);
  const sizes = chunkSizes(10, SWEEP_MAX).filter((_, i) => !options.quick || i % 4 === 0);
  figures.note(`chunks: 200,000 items in virtual time, ${seeds.length} seeds`);
  for (const regime of REGIMES) regimeFigure(figures, regime, sizes, seeds);
  const serviceMs = await serviceTimes();
  if (serviceMs === null) {
    figures.note(`mixed is skipped: ${SYNC.pathname} is not there`);
    return;
  }
  for (const regime of mixedRegimes(serviceMs)) {
    const { ours, fixed, best } = regimeFigure(figures, regime, sizes, seeds);
    const allowed = fixed.median / best.spread.median;
    const name = `${regime.name}: speed over fixed ${FIXED}`;
    const speeds = spreadOf(ours.map((ms) => fixed.median / ms));
    if (allowed >= MIXED_SPEED) figures.add(name, speeds, speed);
    else figures.note(`${name}: ${digits(speeds.median)}×`);
    figures.note(`the sweep allows ${digits(allowed)}×, with fixed ${best.size}`);
  }
}

interface Best {
  readonly size: number;
  readonly after: AfterFailure;
  readonly spread: Spread;
}

function regimeFigure(
  figures: Figures,
  regime: Regime,
  sizes: readonly number[],
  seeds: readonly number[],
): { readonly ours: readonly number[]; readonly fixed: Spread; readonly best: Best } {
  const best = bestFixed(regime, sizes, seeds);
  const bestMs = best.spread.median;
  const { workers, max } = regime;
  const ours = seeds.map((seed) => jobMs(regime, new ChunkController({ workers, max }), seed));
  const older = spreadOf(seeds.map((seed) => jobMs(regime, olderRule(max), seed)));
  const fixed = spreadOf(seeds.map((seed) => jobMs(regime, fixedRule(FIXED), seed)));
  const share = spreadOf(ours.map((ms) => 100 * bestMs / ms));
  figures.add(`chunks, ${regime.name}: of the best fixed`, share, ofBest);
  const percent = (ms: Spread) => `${digits(100 * bestMs / ms.median)} %`;
  figures.note(
    `best fixed ${best.size} (${best.after}): ${digits(bestMs / 1_000)} s; ` +
      `AIMD ${percent(older)}, fixed ${FIXED} ${percent(fixed)}; bounds 10 to ${max}`,
  );
  return { ours, fixed, best };
}

function bestFixed(regime: Regime, sizes: readonly number[], seeds: readonly number[]): Best {
  let best: Best | null = null;
  for (const size of sizes) {
    for (const after of ["halves", "whole"] as const) {
      const spread = spreadOf(seeds.map((seed) => jobMs(regime, fixedRule(size), seed, after)));
      if (best === null || spread.median < best.spread.median) best = { size, after, spread };
    }
  }
  if (best === null) throw new Error("Cannot sweep: expected at least one size");
  return best;
}

const fixedRule = (size: number): ChunkRule => ({ next: () => size, record: () => {} });

/** Grows by a fifth after a success, halves after a failure; starts and is bounded as Wick's. */
function olderRule(max: number): ChunkRule {
  let size = FIXED;
  return {
    next: () => Math.round(size),
    record: ({ ok }) => size = Math.min(max, Math.max(10, ok ? size * 1.2 : size / 2)),
  };
}

/** service_ms of each symbol; null where the file is absent. */
async function serviceTimes(): Promise<number[] | null> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(SYNC);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip")))
    .text();
  const [header = "", ...rows] = text.trimEnd().split("\n");
  const column = header.split(",").indexOf("service_ms");
  const times = rows.map((row) => Number(row.split(",")[column]));
  if (times.length === 0 || !times.every((ms) => ms > 0)) {
    throw new Error(`Cannot read ${SYNC.pathname}: expected a column service_ms of times > 0`);
  }
  return times;
}
