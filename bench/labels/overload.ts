/**
 * More work than time, as data/workloads says it: 0.8 times the measured capacity, then 1.5 times,
 * then 0.8 times; one request in ten has priority 10.
 *
 * @module
 */

import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { CandleBuilder } from "../../src/market/block.ts";
import type { PublishedLabels } from "../../actors/protocols.ts";
import { startWick, type Wick } from "../../actors/tree.ts";
import { percentileOf, spreadOf } from "../support/figures.ts";
import { Checksums, labelsOf } from "./checksum.ts";
import { HISTORY } from "./latency.ts";
import { type Market, SERIES_COUNT, seriesKey, seriesOf } from "./market.ts";
import {
  type Answered,
  type Arrivals,
  offer,
  poissonArrivals,
  preload,
  saturate,
} from "./open_loop.ts";
import { STORE, WORKERS } from "./pass.ts";
import { rssMb } from "./rss.ts";

const SEED = 13;
const CALM = 0.8;
const OVERLOAD = 1.5;
const URGENT_SHARE = 0.1;
/** Accepted work must be answered within this. */
export const LIMIT_MS = 100;
/** Candles under way while the closed loop is measured: from few to as many as 60 ms hold. */
const IN_FLIGHT = [512, 1_024, 2_048, 4_096];
/**
 * Rates at which candles arrive while the capacity is searched, as shares of the closed loop's. The
 * last ones are beyond it; what waits then must find room, or there is a hole in its series.
 */
const OFFERED = [0.6, 0.7, 0.8, 0.9, 1];
const RSS_EVERY_MS = 50;

/** What came of one run. */
export interface Overload {
  readonly capacityPerSecond: number;
  /** What gets through in a closed loop, for comparison. */
  readonly closedPerSecond: number;
  /** Candles accepted and answered within 100 ms in the overload, as a share of the bound. */
  readonly boundShare: number;
  /** The same while all is calm, as a share of what arrived. */
  readonly calmShare: number;
  /** Urgent arrivals that were accepted. */
  readonly urgentShare: number;
  /** Of all accepted work, from the scheduled arrival to the answer. */
  readonly acceptedP99Ms: number;
  /** Of urgent work in the overload. */
  readonly urgentP99Ms: number;
  readonly refused: number;
  /** Last refusal, ms after the end of the overload; 0 = none after it. */
  readonly refusesForMs: number;
  /** Resident memory at the end of the overload less that at its beginning. */
  readonly rssGrowthMb: number;
}

/** What became of each arrival. */
interface Outcomes {
  readonly accepted: Uint8Array;
  /** Since the start. */
  readonly answeredMs: Float64Array;
}

/** Measures the capacity for `searchMs` in all, then runs three phases of `phaseMs`. */
export async function overload(
  market: Market,
  searchMs: number,
  phaseMs: number,
): Promise<Overload> {
  const found = new Checksums();
  const onLabels = ({ labels, runs }: PublishedLabels) => {
    for (const { series, from, to } of runs) found.add(seriesOf(series), labels, from, to);
  };
  const store = { kind: "memory", options: STORE } as const;
  const wick = await startWick({ workers: WORKERS, store, onLabels });
  await preload(wick, market, HISTORY);
  const next = new Uint32Array(SERIES_COUNT).fill(HISTORY);
  const { perSecond, closedPerSecond } = await capacityOf(wick, market, next, searchMs);
  const before = next.slice();
  const phases = [CALM, OVERLOAD, CALM].map((load) => ({
    perSecond: load * perSecond,
    ms: phaseMs,
  }));
  const arrivals = poissonArrivals(SEED, phases, next, URGENT_SHARE);
  const outcomes = {
    accepted: new Uint8Array(arrivals.count),
    answeredMs: new Float64Array(arrivals.count).fill(0),
  };
  const run = offer(wick, market, arrivals, (arrival, reply, atMs) => {
    if (reply.state === "failed") throw new Error(`Cannot trust this run: ${reply.message}`);
    outcomes.accepted[arrival] = reply.state === "committed" ? 1 : 0;
    outcomes.answeredMs[arrival] = atMs;
  });
  const rss = sampleRss(run.startMs);
  await run.done;
  const samples = rss();
  await wick.system.stop();
  found.verify(expectedOf(market, before, arrivals, outcomes));
  return {
    closedPerSecond,
    ...judge(arrivals, outcomes, perSecond, phaseMs),
    ...growthOf(samples, phaseMs),
  };
}

/** A capacity, as candles that get through a second. */
interface Capacity {
  /** In an open loop, which is what the run is. */
  readonly perSecond: number;
  /** With always as many under way, each sent when another is answered. */
  readonly closedPerSecond: number;
}

/**
 * The peak of the curve of offered load: candles arrive as in the run at one rate after another, all
 * are let in, and what gets through is the larger the higher the rate until nothing more does. The
 * rates are shares of what gets through in a closed loop, which nothing that arrives by itself
 * reaches: there every candle is sent by the answer to another, in batches that fit.
 */
async function capacityOf(
  wick: Wick,
  market: Market,
  next: Uint32Array,
  searchMs: number,
): Promise<Capacity> {
  const stepMs = searchMs / (IN_FLIGHT.length + OFFERED.length);
  let closedPerSecond = 0;
  for (const inFlight of IN_FLIGHT) {
    const reached = await saturate(wick, market, next, inFlight, stepMs);
    closedPerSecond = Math.max(closedPerSecond, reached);
  }
  let perSecond = 0;
  for (const share of OFFERED) {
    const reached = await openRate(wick, market, next, share * closedPerSecond, stepMs);
    perSecond = Math.max(perSecond, reached);
  }
  return { perSecond, closedPerSecond };
}

/** Candles a second that get through of those that arrive at a rate, none of which is refused. */
async function openRate(
  wick: Wick,
  market: Market,
  next: Uint32Array,
  perSecond: number,
  ms: number,
): Promise<number> {
  const arrivals = poissonArrivals(SEED, [{ perSecond, ms }], next);
  let lastMs = 0, committed = 0;
  const answered: Answered = (_, reply, atMs) => {
    if (reply.state !== "committed") throw new Error(`Cannot find the capacity: ${reply.state}`);
    committed++;
    lastMs = atMs;
  };
  await offer(wick, market, arrivals, answered, true).done;
  return committed / Math.max(ms, lastMs) * 1_000;
}

function judge(arrivals: Arrivals, outcomes: Outcomes, perSecond: number, phaseMs: number) {
  const waits: number[] = [], urgentWaits: number[] = [];
  let inTime = 0, calm = 0, calmInTime = 0, urgent = 0, urgentAccepted = 0, refused = 0;
  let refusesForMs = 0;
  for (let at = 0; at < arrivals.count; at++) {
    const dueMs = arrivals.dueMs[at] as number;
    const answeredMs = outcomes.answeredMs[at] as number;
    const isAccepted = outcomes.accepted[at] === 1;
    const isUrgent = arrivals.priority[at] === 10;
    const isOverload = dueMs >= phaseMs && dueMs < 2 * phaseMs;
    const isInTime = isAccepted && answeredMs - dueMs <= LIMIT_MS;
    if (isAccepted) waits.push(answeredMs - dueMs);
    else {
      refused++;
      refusesForMs = Math.max(refusesForMs, answeredMs - 2 * phaseMs);
    }
    if (isUrgent) urgent++;
    if (isUrgent && isAccepted) urgentAccepted++;
    if (isUrgent && isOverload) urgentWaits.push(answeredMs - dueMs);
    if (!isOverload) calm++;
    if (isOverload && isInTime) inTime++;
    if (!isOverload && isInTime) calmInTime++;
  }
  return {
    capacityPerSecond: perSecond,
    boundShare: inTime / (perSecond * phaseMs / 1_000),
    calmShare: calmInTime / calm,
    urgentShare: urgentAccepted / urgent,
    acceptedP99Ms: percentileOf(waits, 0.99),
    urgentP99Ms: percentileOf(urgentWaits, 0.99),
    refused,
    refusesForMs,
  };
}

/** Labels of the candles that were accepted: a refused one leaves a hole in its series. */
function expectedOf(
  market: Market,
  before: Uint32Array,
  arrivals: Arrivals,
  outcomes: Outcomes,
): Checksums {
  const accepted = Array.from({ length: SERIES_COUNT }, (): number[] => []);
  for (let at = 0; at < arrivals.count; at++) {
    if (outcomes.accepted[at] === 0) continue;
    accepted[arrivals.series[at] as number]?.push(arrivals.index[at] as number);
  }
  return labelsOf(DEFAULT_PARAMS, (series) => {
    const rows = new CandleBuilder(seriesKey(series), 1_024);
    rows.pushBlock(market.block(series, 0, before[series] as number));
    for (const index of accepted[series] as number[]) {
      rows.pushBlock(market.block(series, index, index + 1));
    }
    return rows.finish();
  });
}

interface Sample {
  readonly atMs: number;
  readonly mb: number;
}

function sampleRss(startMs: number): () => Sample[] {
  const samples: Sample[] = [];
  const timer = setInterval(() => {
    samples.push({ atMs: performance.now() - startMs, mb: rssMb() });
  }, RSS_EVERY_MS);
  return () => {
    clearInterval(timer);
    return samples;
  };
}

/** Medians of a fifth of the phase at either end: one sample may catch garbage in the making. */
function growthOf(samples: readonly Sample[], phaseMs: number): { rssGrowthMb: number } {
  const medianOf = (fromMs: number, toMs: number) =>
    spreadOf(samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ mb }) => mb))
      .median;
  const first = medianOf(phaseMs, 1.2 * phaseMs);
  return { rssGrowthMb: medianOf(1.8 * phaseMs, 2 * phaseMs) - first };
}
