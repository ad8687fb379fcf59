/**
 * Must show 1: hits of real traces with a cache of 5 % of their keys, on demand by LRU and with
 * what follows what fetched ahead of need into the same cache.
 *
 * One set of constants serves all traces. None of the traces is unseen, though: all eight were
 * looked at while the constants of `src/warm/{association,gate,successors}.ts` were chosen, and
 * how long the gate remembers was chosen by its calibration on day1 and week1 of the workloads.
 *
 * @module
 */

import { readTrace, type Trace, traceNames } from "../cache/trace_files.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { traceCost } from "./trace_cost.ts";
import { runTrace, type TraceResult, type TraceRun } from "./trace_run.ts";

/** The cache holds so many of the keys of a trace, percent. */
const SIZE_PERCENT = 5;
/** As the predictive strategy is set. */
const CHANCE_MIN = 0.7;
/** Traces with something to gain, and what each has to gain, points; and at which precision. */
const GAINING = ["c2k-orm-busy-1M", "lirs-sprite", "lirs-multi2"];
const GAIN_POINTS = 8;
const PRECISION_PERCENT = 80;
/** A trace of the web, where one key tells little of the next. */
const WEB = "c2k-web07";
/** Fetches of a trace below which their share of use is not held against their chance. */
const CALIBRATED_MIN = 1_000;
/** Traces of `--quick` have no more requests. */
const QUICK_REQUESTS_MAX = 200_000;

/** What is changed for a note, one thing each. */
const NOTES: Readonly<Record<string, Partial<TraceRun>>> = {
  "chance ≥ 0.5": { chanceMin: 0.5 },
  "'adaptive'": { policy: "adaptive" },
  "each fetch takes 2 requests": { leadRequests: 2 },
  "each fetch takes 8 requests": { leadRequests: 8 },
};

/** What one trace came to. */
interface Row {
  readonly trace: Trace;
  readonly demand: TraceResult;
  readonly warm: TraceResult;
}

/** Needs `../shared`; without it there is a note and no figure. */
export function warmTraceFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const names = traceNames();
  if (names.length === 0) return figures.note("traces: not measured, ../shared is not there");
  figures.note(
    `hits in % with ${SIZE_PERCENT} % of the keys, LRU → with warming | share of the warmed that ` +
      "was used (mean of their chances) | keys beyond demand | hits if only first requests missed",
  );
  const rows: Row[] = [];
  for (const name of names) {
    const trace = readTrace(name);
    if (quick && trace.ids.length > QUICK_REQUESTS_MAX) continue;
    rows.push(measure(figures, trace, quick));
  }
  for (const row of rows) if (GAINING.includes(row.trace.name)) addGain(figures, row);
  const web = rows.find(({ trace }) => trace.name === WEB);
  if (web !== undefined) {
    figures.add(`${WEB}: keys beyond demand LRU`, spreadOf([extraPercent(web)]), {
      unit: " %",
      must: 2,
      better: "lower",
    });
  }
  addChecks(figures, rows);
  traceCost(figures, readTrace(quick ? "lirs-sprite" : "c2k-orm-busy-1M"), CHANCE_MIN);
}

function measure(figures: Figures, trace: Trace, quick: boolean): Row {
  const run = (changes: Partial<TraceRun>) => runTrace(trace, { ...usual(trace), ...changes });
  const row = { trace, demand: run({ leadRequests: null }), warm: run({}) };
  figures.note(lineOf(row));
  if (quick) return row;
  for (const [name, changes] of Object.entries(NOTES)) {
    const { demand } = changes.policy === undefined
      ? row
      : { demand: run({ ...changes, leadRequests: null }) };
    figures.note(`  ${name.padEnd(28)}${lineOf({ trace, demand, warm: run(changes) }).slice(18)}`);
  }
  const half = run({ keysMax: Math.ceil(trace.keys.length / 2) });
  figures.note(
    `  ${"half of the keys tracked".padEnd(28)}${lineOf({ ...row, warm: half }).slice(18)}`,
  );
  return row;
}

function usual({ keys }: Trace): TraceRun {
  return {
    policy: "lru",
    entriesMax: Math.max(1, Math.round(keys.length * SIZE_PERCENT / 100)),
    leadRequests: 0,
    chanceMin: CHANCE_MIN,
    keysMax: keys.length,
  };
}

function addGain(figures: Figures, row: Row): void {
  const { name } = row.trace;
  figures.add(`${name}: hits gained`, spreadOf([gainPoints(row)]), {
    unit: " points",
    must: GAIN_POINTS,
    better: "higher",
  });
  figures.add(`${name}: warmed entries used`, spreadOf([usedPercent(row.warm)]), {
    unit: " %",
    must: PRECISION_PERCENT,
    better: "higher",
  });
}

function addChecks(figures: Figures, rows: readonly Row[]): void {
  const losses = rows.map((row) => Math.max(0, -gainPoints(row)));
  figures.add(`hits lost on the worst of ${rows.length} traces`, spreadOf([Math.max(...losses)]), {
    unit: " points",
    must: 0.1,
    better: "lower",
  });
  const gaps = rows.filter(({ warm }) => warm.warmed >= CALIBRATED_MIN)
    .map(({ warm }) => Math.abs(usedPercent(warm) - 100 * warm.chances / warm.warmed));
  if (gaps.length === 0) return;
  figures.add(`chance against use, worst of ${gaps.length} traces`, spreadOf([Math.max(...gaps)]), {
    unit: " points",
    must: 5,
    better: "lower",
  });
}

function gainPoints({ trace, demand, warm }: Row): number {
  return 100 * (warm.hits - demand.hits) / trace.ids.length;
}

function usedPercent({ used, warmed }: TraceResult): number {
  return 100 * used / warmed;
}

function extraPercent({ demand, warm }: Row): number {
  return 100 * ((warm.demanded + warm.warmed) / demand.demanded - 1);
}

function lineOf(row: Row): string {
  const { trace, demand, warm } = row;
  const percent = (hits: number) => (100 * hits / trace.ids.length).toFixed(1).padStart(4);
  const used = warm.warmed === 0
    ? "none warmed"
    : `${usedPercent(warm).toFixed(1)} (${(100 * warm.chances / warm.warmed).toFixed(1)}) % of ` +
      `${warm.warmed}`;
  const late = warm.late === 0 ? "" : ` | ${warm.late} asked for while on their way`;
  const bound = percent(trace.ids.length - trace.keys.length);
  return `${trace.name.padEnd(18)}${percent(demand.hits)} → ${percent(warm.hits)}, ` +
    `${digits(gainPoints(row))} points | ${used} | ${
      digits(extraPercent(row))
    } % | ${bound}${late}`;
}
