/**
 * Labels of other parameters, all at once or each alone. At once: one request for ten thousand of
 * them, which the pool computes in one pass. Alone, over HTTP: a request each. Alone, without any
 * service: what one writes first, each label's own candles read from the same database, and its
 * barriers and its horizon worked out from them.
 *
 * @module
 */

import { type LabelBlock, LabelStatus } from "../../src/market/block.ts";
import { selectRows } from "../../src/label/rows.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { startWick } from "../../actors/tree.ts";
import { type Market, seriesKey } from "../labels/market.ts";
import { WORKERS } from "../labels/pass.ts";
import { type LabelSums, recomputeLabel } from "../rivals/recompute.ts";
import { verify } from "../support/workload.ts";
import { HELD_SERIES, HeldService } from "./held.ts";
import { PageClient } from "./page_client.ts";
import { computedRows, fetchPage, OTHER_PARAMS, PAGE_ROWS, verifyRows } from "./pages.ts";

/** The first candle whose label is asked for: those before it have no volatility. */
const FROM_BAR = 20;
/** Candles before an event that its volatility is made of. */
const HISTORY_BARS = 20;
const { horizon } = OTHER_PARAMS;
const WARM_REQUESTS = 20;
/** Labels of a round that are asked for one by one. */
const SINGLE_REQUESTS = 100;

/** Times for {@linkcode PAGE_ROWS} labels, ms, of each round. */
export interface AloneRun {
  /** One request over HTTP, as NDJSON. */
  readonly pageMs: number[];
  /** A request over HTTP for each label; some are made, the time is scaled to all. */
  readonly requestsMs: number[];
  /** One ask of the pool, in its process. */
  readonly poolMs: number[];
  /** Each label from its candles in the same database, in one process, without messages. */
  readonly storeMs: number[];
  /** Each label from candles in memory: the arithmetic alone. */
  readonly memoryMs: number[];
}

/** Measures a running service, then the pool and the rivals on its database. */
export async function alone(market: Market, rounds: number): Promise<AloneRun> {
  await using held = await HeldService.start(market);
  using client = await PageClient.connect(held.url);
  const pageMs: number[] = [], requestsMs: number[] = [];
  for (let round = -WARM_REQUESTS; round < rounds; round++) {
    const series = (round + WARM_REQUESTS) % HELD_SERIES;
    // No page twice: the service keeps what it has computed.
    const bar = FROM_BAR + round + WARM_REQUESTS;
    const url = held.page(series, bar, PAGE_ROWS, `&horizon=${horizon}`);
    const { bytes, tookMs } = await fetchPage(client, url, "ndjson");
    if (round < 0) {
      verifyRows(bytes, "ndjson", computedRows(held, series, bar, OTHER_PARAMS));
    } else {
      pageMs.push(tookMs);
      requestsMs.push(await singleRequests(client, held, series, bar));
    }
  }
  await held.stop();
  const poolMs = await poolTimes(held, rounds);
  return { pageMs, requestsMs, poolMs, ...rivalTimes(held, rounds) };
}

/** Some labels, a request each; the time that all would take. */
async function singleRequests(
  client: PageClient,
  held: HeldService,
  series: number,
  bar: number,
): Promise<number> {
  const expected = computedRows(held, series, bar, OTHER_PARAMS);
  let tookMs = 0;
  for (let i = 0; i < SINGLE_REQUESTS; i++) {
    const row = i * (PAGE_ROWS / SINGLE_REQUESTS);
    const url = held.page(series, bar + row, 1, `&horizon=${horizon}`);
    const answer = await fetchPage(client, url, "ndjson");
    verifyRows(answer.bytes, "ndjson", selectRows(expected, (at) => at === row));
    tookMs += answer.tookMs;
  }
  return tookMs * PAGE_ROWS / SINGLE_REQUESTS;
}

async function poolTimes(held: HeldService, rounds: number): Promise<number[]> {
  const store = { kind: "sqlite", options: { path: held.database } } as const;
  const wick = await startWick({ workers: WORKERS, store });
  const found: number[] = [];
  for (let round = -WARM_REQUESTS; round < rounds; round++) {
    const series = (round + WARM_REQUESTS) % HELD_SERIES;
    const fromTs = held.candles(series).ts[FROM_BAR] as number;
    const startMs = performance.now();
    const reply = await wick.pool.ask("computeBlock", {
      series: seriesKey(series),
      fromTs,
      toTs: Infinity,
      limit: PAGE_ROWS,
      params: OTHER_PARAMS,
      priority: 5,
    });
    const tookMs = performance.now() - startMs;
    if (reply.state !== "ok") throw new Error(`Cannot trust this run: ${reply.reason}`);
    same(sumsOf(reply.block), sumsOf(computedRows(held, series, FROM_BAR, OTHER_PARAMS)));
    if (round >= 0) found.push(tookMs);
  }
  await wick.system.stop();
  return found;
}

function rivalTimes(held: HeldService, rounds: number) {
  const store = new SqliteStore({ path: held.database });
  const storeMs: number[] = [], memoryMs: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const series = round % HELD_SERIES;
      const expected = sumsOf(computedRows(held, series, FROM_BAR, OTHER_PARAMS));
      storeMs.push(timed(expected, (sums) => fromStore(store, held, series, sums)));
      memoryMs.push(timed(expected, (sums) => fromMemory(held, series, sums)));
    }
  } finally {
    store.close();
  }
  return { storeMs, memoryMs };
}

function timed(expected: LabelSums, run: (sums: LabelSums) => number): number {
  const sums: LabelSums = { rows: 0, outcomes: 0, vsr: 0, reach: 0 };
  const tookMs = run(sums);
  same(sums, expected);
  return tookMs;
}

/** Counts alike, sums alike but for the order of rounding. */
function same(sums: LabelSums, expected: LabelSums): void {
  verify("labels", sums.rows, expected.rows);
  verify("outcomes", sums.outcomes, expected.outcomes);
  verify("vsr", Math.abs(sums.vsr - expected.vsr) < 1e-6 ? 0 : sums.vsr, 0);
  verify("reach", Math.abs(sums.reach - expected.reach) < 1e-6 ? 0 : sums.reach, 0);
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

/** The same sums over rows. */
function sumsOf(rows: LabelBlock): LabelSums {
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
