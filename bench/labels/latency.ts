/**
 * From the scheduled arrival of the candle that makes a label final to the label in the hands of
 * whoever listens: single candles over 1,000 series, with the store in memory or on a disk.
 *
 * @module
 */

import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { type LabelBlock, LabelStatus } from "../../src/market/block.ts";
import type { PublishedLabels } from "../../actors/protocols.ts";
import type { StoreArgs } from "../../actors/store.ts";
import { startWick } from "../../actors/tree.ts";
import { percentileOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { Checksums, labelsOf } from "./checksum.ts";
import { indexOf, type Market, SERIES_COUNT, seriesOf } from "./market.ts";
import { WORKERS } from "./pass.ts";
import { type Arrivals, offer, poissonArrivals, preload } from "./open_loop.ts";

/** Candles of each series before the run: every series has labels from its first arrival on. */
export const HISTORY = 64;
const SEED = 11;

/** Latencies of one run, ms. */
export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly labels: number;
  /** p99 of arrival to acknowledgement. */
  readonly ackP99Ms: number;
}

/**
 * Runs up to `perSecond` arrivals for `warmMs`, which do not count, and all of it for `ms`. Labels
 * are delivered after the commit to `store`.
 */
export async function latency(
  market: Market,
  perSecond: number,
  warmMs: number,
  ms: number,
  store: StoreArgs = { kind: "memory" },
): Promise<Latencies> {
  const next = new Uint32Array(SERIES_COUNT).fill(HISTORY);
  // Code that is not compiled yet would refuse work at the full rate.
  const phases = [0.1, 0.3, 1].map((share) => ({ perSecond: share * perSecond, ms: warmMs / 3 }));
  // All of the priority that is never refused: a stall shows as delay, not as work left out.
  const arrivals = poissonArrivals(SEED, [...phases, { perSecond, ms }], next, 1);
  const due = dueTimes(next, arrivals);
  const found = new Checksums();
  const delays: number[] = [];
  let startMs = NaN;
  const onLabels = ({ labels, runs }: PublishedLabels) => {
    const atMs = performance.now() - startMs;
    for (const { series: key, from, to } of runs) {
      const series = seriesOf(key);
      found.add(series, labels, from, to);
      for (let row = from; row < to; row++) {
        const dueMs = due.of(series, finalAt(labels, row));
        if (dueMs >= warmMs) delays.push(atMs - dueMs);
      }
    }
  };
  const wick = await startWick({ workers: WORKERS, store, onLabels });
  await preload(wick, market, HISTORY);
  const acks: number[] = [];
  let committed = 0;
  const run = offer(wick, market, arrivals, (arrival, reply, atMs) => {
    if (reply.state === "committed") committed++;
    const dueMs = arrivals.dueMs[arrival] as number;
    if (dueMs >= warmMs) acks.push(atMs - dueMs);
  });
  startMs = run.startMs;
  await run.done;
  await wick.system.stop();
  verify("candles committed", committed, arrivals.count);
  found.verify(
    labelsOf(DEFAULT_PARAMS, (series) => market.block(series, 0, next[series] as number)),
  );
  return {
    p50Ms: percentileOf(delays, 0.5),
    p99Ms: percentileOf(delays, 0.99),
    p999Ms: percentileOf(delays, 0.999),
    maxMs: percentileOf(delays, 1),
    labels: delays.length,
    ackP99Ms: percentileOf(acks, 0.99),
  };
}

/** Which candle of its series makes this row final. */
function finalAt(block: LabelBlock, row: number): number {
  const event = indexOf(block.ts[row] as number);
  const isWhole = block.fhStatus[row] === LabelStatus.final;
  return event + (isWhole ? DEFAULT_PARAMS.horizon : block.bars[row] as number);
}

/** When each candle is due; −Infinity for those of the history. */
function dueTimes(next: Uint32Array, arrivals: Arrivals) {
  const width = next.reduce((most, count) => Math.max(most, count), 0);
  const times = new Float64Array(SERIES_COUNT * width).fill(-Infinity);
  for (let at = 0; at < arrivals.count; at++) {
    const place = (arrivals.series[at] as number) * width + (arrivals.index[at] as number);
    times[place] = arrivals.dueMs[at] as number;
  }
  return { of: (series: number, index: number) => times[series * width + index] as number };
}
