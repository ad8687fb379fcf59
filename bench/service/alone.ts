/**
 * Labels of other parameters, two ways: one request for ten thousand of them, which the service's
 * pool computes in one pass, and what one writes first: for each label its own candles are read from
 * the same database, and its barriers and its horizon are worked out from them.
 *
 * @module
 */

import { LabelStatus } from "../../src/market/block.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { type Market, seriesKey } from "../labels/market.ts";
import { type LabelSums, recomputeLabel } from "../rivals/recompute.ts";
import { verify } from "../support/workload.ts";
import { HELD_SERIES, HeldService } from "./held.ts";
import { computedRows, fetchPage, OTHER_PARAMS, PAGE_ROWS, verifyRows } from "./pages.ts";

/** The first candle whose label is asked for: those before it have no volatility. */
const FROM_BAR = 20;
/** Candles before an event that its volatility is made of. */
const HISTORY_BARS = 20;
const { horizon } = OTHER_PARAMS;
const WARM_REQUESTS = 20;

/** Times for {@linkcode PAGE_ROWS} labels, ms, each way as often. */
export interface AloneRun {
  readonly oursMs: number[];
  readonly alone: number[];
  /** The rival with all candles in memory: no database, no answer, nothing but its arithmetic. */
  readonly inMemory: number[];
}

/** Measures ours on a running service, then the rival on its database. */
export async function alone(market: Market, rounds: number): Promise<AloneRun> {
  await using held = await HeldService.start(market);
  const oursMs: number[] = [];
  for (let round = -WARM_REQUESTS; round < rounds; round++) {
    const series = (round + WARM_REQUESTS) % HELD_SERIES;
    const url = held.page(series, FROM_BAR, PAGE_ROWS, `&horizon=${horizon}`);
    const { bytes, tookMs } = await fetchPage(url, "ndjson");
    if (round < 0) {
      verifyRows(bytes, "ndjson", computedRows(held, series, FROM_BAR, OTHER_PARAMS));
    } else oursMs.push(tookMs);
  }
  await held.stop();
  const store = new SqliteStore({ path: held.database });
  const theirs: number[] = [], inMemory: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const series = round % HELD_SERIES;
      const expected = sumsOf(held, series);
      theirs.push(timed(expected, (sums) => fromStore(store, held, series, sums)));
      inMemory.push(timed(expected, (sums) => fromMemory(held, series, sums)));
    }
  } finally {
    store.close();
  }
  return { oursMs, alone: theirs, inMemory };
}

function timed(expected: LabelSums, run: (sums: LabelSums) => number): number {
  const sums: LabelSums = { rows: 0, outcomes: 0, vsr: 0, reach: 0 };
  const tookMs = run(sums);
  verify("labels", sums.rows, expected.rows);
  verify("outcomes", sums.outcomes, expected.outcomes);
  verify("vsr", Math.abs(sums.vsr - expected.vsr) < 1e-6 ? 0 : sums.vsr, 0);
  verify("reach", Math.abs(sums.reach - expected.reach) < 1e-6 ? 0 : sums.reach, 0);
  return tookMs;
}

function fromStore(store: SqliteStore, held: HeldService, series: number, sums: LabelSums): number {
  const { ts } = held.candles(series);
  const key = seriesKey(series);
  const startMs = performance.now();
  for (let bar = FROM_BAR; bar < FROM_BAR + PAGE_ROWS; bar++) {
    const fromTs = ts[bar - HISTORY_BARS] as number, toTs = (ts[bar + horizon] as number) + 1;
    const candles = store.candles(key, fromTs, toTs, Infinity);
    recomputeLabel(candles, HISTORY_BARS, HISTORY_BARS + horizon, sums);
  }
  return performance.now() - startMs;
}

function fromMemory(held: HeldService, series: number, sums: LabelSums): number {
  const candles = held.candles(series);
  const startMs = performance.now();
  for (let bar = FROM_BAR; bar < FROM_BAR + PAGE_ROWS; bar++) {
    recomputeLabel(candles, bar, bar + horizon, sums);
  }
  return performance.now() - startMs;
}

/** The same sums over the rows of the pure labeler, which our answers were compared with. */
function sumsOf(held: HeldService, series: number): LabelSums {
  const rows = computedRows(held, series, FROM_BAR, OTHER_PARAMS);
  const sums: LabelSums = { rows: 0, outcomes: 0, vsr: 0, reach: 0 };
  for (let row = 0; row < rows.length; row++) {
    if (rows.fhStatus[row] !== LabelStatus.final) continue;
    sums.rows++;
    sums.outcomes += (rows.label[row] as number) * (1 + (rows.bars[row] as number));
    sums.vsr += rows.vsr[row] as number;
    sums.reach += (rows.mfe[row] as number) - (rows.mae[row] as number);
  }
  return sums;
}
