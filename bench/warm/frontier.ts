/**
 * The chance of use against the frontiers of the simple predictor that the README of the workloads
 * states: fresh hits and what is served, at equal keys, from one rule in one play.
 *
 * Nothing is set by workload: weights are learned in each play from nothing. What was looked at when
 * constants were chosen: day1 for those of the rates and for one floor at both ends (of five ratios
 * of the two, week1 seen as well), week1 for the floors for serving (of five), and seeds 1 to 3 of the
 * synthetic workloads for how alike symbols are. `SEED` is none of these.
 *
 * @module
 */

import { type Figures, spreadOf } from "../support/figures.ts";
import { addCalibration } from "./calibration_figures.ts";
import { FrontierCount, type FrontierResult } from "./frontier_count.ts";
import { chanceRule, simpleRule } from "./frontier_rules.ts";
import { SYNTHETIC, type SyntheticName, syntheticWorkload } from "./frontier_synthetic.ts";
import {
  aboveFrontier,
  FRESH_FRONTIERS,
  type Frontier,
  type FrontierPoint,
  SERVED_FRONTIERS,
} from "./readme_lines.ts";
import { readWorkload, type Workload, WORKLOAD_NAMES, type WorkloadName } from "./workloads.ts";

/** Floors of the README's frontiers. */
const README_FLOORS = [0.9, 0.7, 0.5, 0.3, 0.15] as const;
/** Floors of ours: between two of them the line is straight, which is below the curve. */
const FLOORS = [0.92, 0.86, 0.78, 0.71, 0.63, 0.55, 0.44, 0.34, 0.26, 0.21, 0.18, 0.16] as const;
const QUICK_FLOORS = [0.86, 0.55, 0.18] as const;

/** The README's own counts: ours differ by rounding. */
const README_POINTS_MAX = 0.15;
const README_KEYS_RATIO_MAX = 0.005;

const SURE_FLOOR = 0.92;

/**
 * Where waiting is what counts: renewed before it is not served any more, and only what is as good
 * as sure when it becomes stale. 8,000 keys are all there are, so that 8,000 entries are enough.
 */
const SERVED_FLOORS = { soft: 0.9, hard: 0.15 } as const;
const SERVED_KEYS_RATIO = 2.3;
const SERVED_PERCENT = 92;
const SEED = 11;

/**
 * Must show 2 by counting. Needs `../shared`; without it only the synthetic workloads are played.
 */
export function frontierFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  for (const name of quick ? ["day1"] as const : WORKLOAD_NAMES) {
    const workload = readWorkload(name);
    if (workload === null) figures.note(`${name}: not measured, ../shared is not there`);
    else workloadFigures(figures, name, workload, quick ? QUICK_FLOORS : FLOORS);
  }
  for (const name of Object.keys(SYNTHETIC) as SyntheticName[]) syntheticFigures(figures, name);
}

function workloadFigures(
  figures: Figures,
  name: WorkloadName,
  workload: Workload,
  floors: readonly number[],
): void {
  checkSimple(figures, name, workload);
  const plays = floors.map((floor) => {
    const result = new FrontierCount(workload).play(chanceRule(floor));
    figures.note(`${name}, floor ${floor}: ${lineOf(result)}`);
    return { floor, result };
  });
  const results = plays.map(({ result }) => result);
  addAbove(figures, `${name}: fresh hits`, FRESH_FRONTIERS[name], lineThrough(results, "fresh"));
  addAbove(figures, `${name}: served`, SERVED_FRONTIERS[name], lineThrough(results, "served"));
  for (const { floor, result } of plays) {
    if (floor === SURE_FLOOR) {
      // What is open at the end counts as not used.
      const used = spreadOf([100 * result.used / result.warmed]);
      figures.add(`${name}, floor ${floor}: warmed entries used`, used, percent(SURE_FLOOR * 100));
    }
    if (README_FLOORS.includes(floor as 0.9) || floor === SURE_FLOOR || floor === 0.18) {
      addCalibration(figures, `${name}, floor ${floor}`, result.buckets);
    }
  }
  addServed(figures, name, workload);
}

/** Served with 8,000 entries, and the keys it costs. */
function addServed(figures: Figures, name: WorkloadName, workload: Workload): void {
  const { soft, hard } = SERVED_FLOORS;
  const none = new FrontierCount(workload).play(simpleRule(Infinity));
  const result = new FrontierCount(workload).play(chanceRule(hard, soft));
  figures.note(`${name}, floors ${soft} soft, ${hard} hard: ${lineOf(result)}`);
  const served = spreadOf([100 * result.served / result.requests]);
  figures.add(`${name}, for serving: served`, served, percent(SERVED_PERCENT));
  figures.add(
    `${name}, for serving: keys of those on demand`,
    spreadOf([result.keys / none.keys]),
    {
      better: "lower",
      unit: " ×",
      must: SERVED_KEYS_RATIO,
    },
  );
}

const percent = (must: number) => ({ better: "higher", unit: " %", must } as const);

/** The simple predictor, counted here, is where the README says. */
function checkSimple(figures: Figures, name: WorkloadName, workload: Workload): void {
  README_FLOORS.forEach((floor, at) => {
    const result = new FrontierCount(workload).play(simpleRule(floor));
    figures.note(`${name}, simple predictor, floor ${floor}: ${lineOf(result)}`);
    const [keys, fresh] = FRESH_FRONTIERS[name][at + 1] ?? [NaN, NaN];
    const off = Math.abs(100 * result.fresh / result.requests - fresh);
    if (off <= README_POINTS_MAX && Math.abs(result.keys / keys - 1) <= README_KEYS_RATIO_MAX) {
      return;
    }
    throw new Error(
      `Cannot trust this count: simple predictor at ${floor}: ` +
        `expected ${fresh} % at ${keys} keys: found ${lineOf(result)}`,
    );
  });
}

/** Our line at the keys of each of their points, the first one being no warming at all. */
function addAbove(figures: Figures, name: string, theirs: Frontier, ours: Frontier): void {
  const most = ours.at(-1)?.[0] ?? 0;
  for (const [keys, value] of theirs.slice(1)) {
    if (keys > most) {
      figures.note(`${name} at ${keys} keys: not reached, our line ends at ${most}`);
      continue;
    }
    figures.add(
      `${name} above ${value} % at ${keys} keys`,
      spreadOf([valueAt(ours, keys) - value]),
      {
        better: "higher",
        unit: " points",
        must: 0,
        aim: 3,
      },
    );
  }
}

function lineThrough(results: readonly FrontierResult[], what: "fresh" | "served"): Frontier {
  return results.map((result): FrontierPoint => [
    result.keys,
    100 * result[what] / result.requests,
  ]).sort(([a], [b]) => a - b);
}

/** The height of a line at so many keys. */
const valueAt = (line: Frontier, keys: number) => -aboveFrontier(line, [keys, 0]);

function lineOf({ requests, fresh, served, keys, warmed, used, wasted }: FrontierResult): string {
  const share = (part: number, of: number) => `${(100 * part / of).toFixed(2)} %`;
  return `fresh ${share(fresh, requests)}, served ${share(served, requests)}, ${keys} keys, ` +
    `${warmed} warmed, used ${share(used, warmed)} (of those that ended ${
      share(used, used + wasted)
    })`;
}

/** Calibration, and the simple predictor at equal keys, by other rules. */
function syntheticFigures(figures: Figures, name: SyntheticName): void {
  const workload = syntheticWorkload(name, SEED);
  const simple = lineThrough(
    [0.9, 0.7, 0.5, 0.3, 0.15].map((floor) => new FrontierCount(workload).play(simpleRule(floor))),
    "fresh",
  );
  for (const floor of [0.8, 0.2]) {
    const result = new FrontierCount(workload).play(chanceRule(floor));
    figures.note(`${name} (seed ${SEED}), floor ${floor}: ${lineOf(result)}`);
    const point: FrontierPoint = [result.keys, 100 * result.fresh / result.requests];
    const above = aboveFrontier(simple, point).toFixed(2);
    figures.note(`${name}: fresh hits ${above} points above the simple predictor at equal keys`);
    addCalibration(figures, `${name}, floor ${floor}`, result.buckets);
  }
}
