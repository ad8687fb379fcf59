/**
 * Candles over HTTP to labels on the disk: a load client in a thread of this process, the service in
 * another process, and afterwards a look at every candle and label in its database.
 *
 * @module
 */

import { type Market, SERIES_COUNT } from "../labels/market.ts";
import { type IngestPlan, type IngestReport, prepareLoad } from "./ingest_load.ts";
import type { InsideReport } from "./inside.ts";
import { DataFolder, ServiceProcess } from "./process.ts";
import { verifyDatabase } from "./stored.ts";

/** Connections of the load: a second one keeps the service at work while an answer is read. */
export const CONNECTIONS = 2;
/** Candles of each series in one request: 500 series a connection make 6,000 rows of it. */
export const BARS_PER_REQUEST = 12;
/** Candles of each series before the run: code that is not compiled yet is no steady state. */
const WARM_BARS = 120;

/** One run. */
export interface IngestRun {
  readonly load: IngestReport;
  readonly inside: InsideReport;
  /** Label rows in the database afterwards, each compared. */
  readonly labels: number;
}

/**
 * Sends `bars` candles of every series to a fresh service, as fast as it takes them or at a rate.
 */
export async function ingest(
  market: Market,
  bars: number,
  candlesPerSecond: number | null = null,
): Promise<IngestRun> {
  using folder = new DataFolder();
  await using service = await ServiceProcess.start(folder);
  await send({ url: service.url, firstBar: 0, bars: WARM_BARS, candlesPerSecond: null });
  const plan = { url: service.url, firstBar: WARM_BARS, bars, candlesPerSecond };
  const { load, inside } = await send(plan, service);
  await service.stop();
  const labels = verifyDatabase(folder.database, market, SERIES_COUNT, WARM_BARS + bars);
  return { load, inside, labels };
}

type Part = Pick<IngestPlan, "url" | "firstBar" | "bars" | "candlesPerSecond">;

async function send(part: Part): Promise<{ load: IngestReport }>;
async function send(
  part: Part,
  watched: ServiceProcess,
): Promise<{ load: IngestReport; inside: InsideReport }>;
async function send(part: Part, watched?: ServiceProcess) {
  const thread = await prepareLoad({
    ...part,
    token: null,
    connections: CONNECTIONS,
    series: SERIES_COUNT,
    barsPerRequest: BARS_PER_REQUEST,
    bulk: true,
  });
  try {
    await watched?.watch();
    const load = await thread.run();
    const inside = await watched?.report();
    assertSent(load, part.bars);
    return { load, inside };
  } finally {
    await thread.close();
  }
}

/** @throws {Error} when a request came to anything but the commit of all its candles. */
export function assertSent({ candles, errors }: IngestReport, bars: number, series = SERIES_COUNT) {
  if (candles === bars * series && Object.keys(errors).length === 0) return;
  throw new Error(
    `Cannot trust this run: expected ${bars * series} candles committed: found ${candles}, ` +
      JSON.stringify(errors),
  );
}
