/**
 * The figures of the labels (spec: labels, "Must show" 4 to 6): throughput from a file to committed
 * labels, latency of single candles, overload, and the streaming labeler against recomputation.
 *
 * @module
 */

import { Labeler } from "../src/label/labeler.ts";
import { labelParams } from "../src/label/params.ts";
import { LabelBuilder } from "../src/label/rows.ts";
import { type CandleBlock, LabelStatus } from "../src/market/block.ts";
import { type Latencies, latency } from "./labels/latency.ts";
import { Market } from "./labels/market.ts";
import { LIMIT_MS, type Overload, overload } from "./labels/overload.ts";
import { STORE, WORKERS } from "./labels/pass.ts";
import { LabelFile } from "./labels/throughput.ts";
import { type LabelSums, recomputeLabels } from "./rivals/recompute.ts";
import { benchOptions, digits, Figures, runMeasurements, spreadOf } from "./support/figures.ts";
import { verify } from "./support/workload.ts";

const ARRIVALS_PER_SECOND = 20_000;
const RIVAL_CANDLES = 20_000;

const measurements = { throughput, latency: latencies, overload: overloaded, rival };
const options = benchOptions(
  "Figures of the labels: deno task bench:labels [--only NAME] [--quick]",
  Object.keys(measurements),
);
const { quick } = options;
const figures = new Figures();
const market = new Market();
await runMeasurements(figures, options, measurements);

/** File to labels through feed, pool, threads and store. */
async function throughput(): Promise<void> {
  using file = new LabelFile(market, quick ? 400 : 2_000);
  await file.pass("every-label");
  const passes = [];
  for (let round = 0; round < (quick ? 2 : 5); round++) passes.push(await file.pass("counts"));
  figures.add(
    "file to labels, 1,000 series, candles a second",
    spreadOf(passes.map(({ candlesPerSecond }) => candlesPerSecond / 1_000)),
    { unit: " k", must: 300, aim: 1_000, better: "higher" },
  );
  figures.note(
    `${digits(file.candles / 1e6)} M candles of CSV, ${WORKERS} label workers in threads, ` +
      `${digits(file.labelsPerCandle)} rows a candle; every label compared once before`,
  );
  figures.note("the system this replaces: at most 5 k a second");
  figures.add(
    "resident memory meanwhile",
    spreadOf(passes.map(({ rssMb }) => rssMb)),
    { unit: " MB", must: 300, better: "lower" },
  );
  figures.note(`store keeps ${STORE.barsMax} candles a series, log ${STORE.logRowsMax} rows`);
}

/** Scheduled arrival of the finalising candle to the delivered label, open loop. */
async function latencies(): Promise<void> {
  const runs: Latencies[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    runs.push(
      await latency(market, ARRIVALS_PER_SECOND, quick ? 2_000 : 4_000, quick ? 3_000 : 10_000),
    );
  }
  figures.add(
    "p99 of arrival to delivered label, 20,000 a second",
    spreadOf(runs.map(({ p99Ms }) => p99Ms)),
    { unit: " ms", must: 5, aim: 1, better: "lower" },
  );
  const middle = (of: (run: Latencies) => number) => digits(spreadOf(runs.map(of)).median);
  figures.note(
    `p50 ${middle((run) => run.p50Ms)} ms, p99.9 ${middle((run) => run.p999Ms)} ms, ` +
      `max ${middle((run) => run.maxMs)} ms; ${runs[0]?.labels} labels a run, each compared`,
  );
  figures.note(
    "Poisson arrivals over 1,000 series, times fixed before the run; generator in a thread",
  );
}

/** 0.8, 1.5, 0.8 times the measured capacity. */
async function overloaded(): Promise<void> {
  const runs: Overload[] = [];
  const phaseMs = quick ? 3_000 : 10_000;
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    runs.push(await overload(market, quick ? 3_000 : 8_000, phaseMs));
  }
  const spread = (of: (run: Overload) => number) => spreadOf(runs.map(of));
  const thousands = (of: (run: Overload) => number) =>
    digits(spread((run) => of(run) / 1_000).median);
  figures.note(
    `measured capacity ${thousands((run) => run.capacityPerSecond)} k single candles a second in ` +
      `an open loop; ${thousands((run) => run.closedPerSecond)} k in a closed one`,
  );
  figures.add(
    `overload 1.5×: answered within ${LIMIT_MS} ms, of the bound`,
    spread((run) => 100 * run.boundShare),
    { unit: " %", must: 95, better: "higher" },
  );
  figures.add(
    "overload: priority 10 accepted",
    spread((run) => 100 * run.urgentShare),
    { unit: " %", must: 100, better: "higher" },
  );
  figures.add(
    "overload: p99 of accepted work",
    spread((run) => run.acceptedP99Ms),
    { unit: " ms", must: LIMIT_MS, better: "lower" },
  );
  figures.add(
    "overload: growth of resident memory",
    spread((run) => run.rssGrowthMb),
    { unit: " MB", must: 50, better: "lower" },
  );
  const refuses = digits(spread((run) => run.refusesForMs).median);
  figures.note(
    `refusing ends ${refuses} ms after the overload; flat = under 50 MB in ${phaseMs} ms`,
  );
}

/** One series in memory, one core: streaming against recomputing the last H + 1 candles. */
function rival(): void {
  const candles = market.block(0, 0, RIVAL_CANDLES);
  for (const horizon of [6, 288]) {
    same(streamedSums(candles, horizon), recomputeLabels(candles, horizon));
    const ours: number[] = [], theirs: number[] = [];
    for (let round = 0; round < (quick ? 3 : 9); round++) {
      ours.push(rate(() => streamedSums(candles, horizon)));
      theirs.push(rate(() => recomputeLabels(candles, horizon)));
    }
    figures.note(
      `H = ${horizon}: streaming ${digits(spreadOf(ours).median / 1e6)} M candles/s, ` +
        `recomputing ${digits(spreadOf(theirs).median / 1e6)} M`,
    );
    figures.add(
      `streaming labeler against recomputing, H = ${horizon}`,
      spreadOf(ours.map((value, i) => value / (theirs[i] as number))),
      { unit: "×", must: horizon === 6 ? 3 : 30, better: "higher" },
    );
  }
}

function rate(run: () => LabelSums): number {
  const startMs = performance.now();
  run();
  return RIVAL_CANDLES / ((performance.now() - startMs) / 1_000);
}

function streamedSums(candles: CandleBlock, horizon: number): LabelSums {
  const labeler = new Labeler(labelParams({ horizon }), { emit: "rows" });
  const rows = new LabelBuilder(candles.length);
  labeler.push(candles, 0, candles.length, rows);
  const sums: LabelSums = { rows: 0, outcomes: 0, vsr: 0, reach: 0 };
  const { columns } = rows;
  for (let row = 0; row < rows.length; row++) {
    if (columns.fhStatus[row] !== LabelStatus.final) continue;
    sums.rows++;
    sums.outcomes += (columns.label[row] as number) * (1 + (columns.bars[row] as number));
    sums.vsr += columns.vsr[row] as number;
    sums.reach += (columns.mfe[row] as number) - (columns.mae[row] as number);
  }
  return sums;
}

/** Both did the same work: counts alike, sums alike but for the order of rounding. */
function same(ours: LabelSums, theirs: LabelSums): void {
  verify("rows", ours.rows, theirs.rows);
  verify("outcomes", ours.outcomes, theirs.outcomes);
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a));
  verify("vsr", near(ours.vsr, theirs.vsr) ? 1 : 0, 1);
  verify("reach", near(ours.reach, theirs.reach) ? 1 : 0, 1);
}
