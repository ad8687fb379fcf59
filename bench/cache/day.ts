/**
 * The day of `data/workloads/day1` in virtual time, feature by feature (spec: cache, "Must show" 4):
 * 312,715 requests against a provider that takes 750 calls a minute, answers in 150 ms at the median
 * and fails 0.5 % of its calls. No warming.
 *
 * @module
 */

import { type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { beginOf, type Day, type DayFacts, readDay1 } from "./day1.ts";
import { countDay } from "./day_count.ts";
import { ALL_ON, LADDER, playStep, type StepResult } from "./day_ladder.ts";

/** Entries of the baseline, and of the cache that is held against it. */
const ENTRIES = 2_000;
/** More than there are keys: nothing is evicted. */
const ENTRIES_MANY = 8_000;
/** Of the first seed's figures all steps are shown; of the others only what is held against a must. */
const SEEDS = 3;
const QUICK_HOURS = 2;

/** Must show 4. Needs `../shared`; without it there is a note and no figure. */
export async function dayFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const read = readDay1();
  if (read === null) return figures.note("day1: not measured, ../shared is not there");
  const { day, facts } = read;
  verifyCounts(day, facts);
  figures.note(
    `day1: counted alone it is the README's: ${facts.baseline_fetches} calls with ${ENTRIES} ` +
      `entries, ${facts.infinite_cache_fetches} unbounded`,
  );
  const played = quick ? beginOf(day, QUICK_HOURS) : day;
  const rows: StepResult[] = [];
  for (const step of LADDER) {
    rows.push(await playStep(played, step, { entriesMax: ENTRIES, seed: 1 }));
  }
  show(figures, `day1, ${ENTRIES} entries`, rows);
  const [baseline] = rows;
  const few: StepResult[] = rows.slice(-1), many: StepResult[] = [];
  for (let seed = 1; seed <= (quick ? 1 : SEEDS); seed++) {
    many.push(await playStep(played, ALL_ON, { entriesMax: ENTRIES_MANY, seed }));
    if (seed > 1) few.push(await playStep(played, ALL_ON, { entriesMax: ENTRIES, seed }));
  }
  show(figures, `day1, ${ENTRIES_MANY} entries`, many.slice(0, 1));
  const peaks = [...rows, ...many].map(({ upstream }) => upstream.windowPeak);
  figures.note(`most calls in any minute ${Math.max(...peaks)} of 750, none refused`);
  if (baseline === undefined) return;
  if (quick) return addLoads(figures, [...few, ...many]);
  addMusts(figures, facts, baseline, few, many);
}

/** The day and its TTLs are what its README describes: it counts the same. */
function verifyCounts(day: Day, facts: DayFacts): void {
  verify("requests of the day", day.atMs.length, facts.requests);
  verify("keys of the day", day.keys.length, facts.keys);
  verify("calls of the baseline", countDay(day, ENTRIES).fetched, facts.baseline_fetches);
  const { fetched } = countDay(day, Infinity);
  verify("keys of an unbounded cache", fetched, facts.infinite_cache_fetches);
}

/** What `--quick` can say: two hours from an empty cache are no day. */
function addLoads(figures: Figures, results: readonly StepResult[]): void {
  const share = ({ seen }: StepResult) => percentOf(seen.requests - seen.failed, seen.requests);
  figures.add("day1: requests answered, 0.5 % of calls fail", spreadOf(results.map(share)), {
    better: "higher",
    unit: " %",
    must: 99,
  });
}

function addMusts(
  figures: Figures,
  facts: DayFacts,
  baseline: StepResult,
  few: readonly StepResult[],
  many: readonly StepResult[],
): void {
  const served = ({ seen }: StepResult) => percentOf(seen.served, seen.requests);
  const fresh = ({ seen }: StepResult) => percentOf(seen.fresh, seen.requests);
  // The README's own count is the baseline: it is lower than ours, which has failures and waits.
  const saved = ({ upstream }: StepResult) =>
    100 - percentOf(upstream.calls, facts.baseline_fetches);
  const quicker = ({ meanWaitMs }: StepResult) => 100 - percentOf(meanWaitMs, baseline.meanWaitMs);
  const add = (
    name: string,
    results: readonly StepResult[],
    of: (result: StepResult) => number,
    must: number,
  ) => figures.add(name, spreadOf(results.map(of)), { better: "higher", unit: " %", must });
  add(`day1, ${ENTRIES} entries: served`, few, served, 77.5);
  add(`day1, ${ENTRIES} entries: fresh`, few, fresh, 69.5);
  add(`day1, ${ENTRIES} entries: fewer calls than the baseline`, few, saved, 31);
  add(`day1, ${ENTRIES_MANY} entries: served`, many, served, 84.5);
  add(`day1, ${ENTRIES_MANY} entries: fewer calls than the baseline`, many, saved, 54);
  add(`day1, ${ENTRIES_MANY} entries: less mean wait than the baseline`, many, quicker, 50);
}

const COLUMNS = ["fresh %", "served %", "p50 ms", "p95 ms", "p99 ms", "mean ms", "calls", "keys"];
const NAME_CHARS = 26;
const CELL_CHARS = 9;

function show(figures: Figures, title: string, results: readonly StepResult[]): void {
  const row = (name: string, cells: readonly string[]) =>
    figures.note(
      name.padEnd(NAME_CHARS) + cells.map((cell) => cell.padStart(CELL_CHARS)).join(""),
    );
  row(title, [...COLUMNS, "failed"]);
  for (const { step, seen, upstream, meanWaitMs } of results) {
    const wait = (share: number) => percentileOf(seen.waitMs, share).toFixed(0);
    row(step.name, [
      percentOf(seen.fresh, seen.requests).toFixed(2),
      percentOf(seen.served, seen.requests).toFixed(2),
      wait(0.5),
      wait(0.95),
      wait(0.99),
      meanWaitMs.toFixed(1),
      String(upstream.calls),
      String(upstream.keys),
      String(seen.failed),
    ]);
  }
}

const percentOf = (part: number, whole: number): number => part / whole * 100;
