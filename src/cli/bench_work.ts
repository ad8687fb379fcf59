/**
 * What `wick bench` asks of the service, and how it knows that the work was done.
 *
 * @module
 */

import { healthReply, labelsReply, pushReply, seriesReply } from "../http/schemas.ts";
import { Exit, UsageError } from "./exit_code.ts";
import { type ServiceClient, ServiceError } from "./service_client.ts";

/** Names of the works. */
export const BENCH_WORKS = ["push", "labels", "health"] as const;

/** How a work is set up. */
export interface WorkOptions {
  /** Candles of a push, rows of a range. */
  readonly batch: number;
  /** Series that are pushed. */
  readonly series: number;
  /** Pushes that may be under way at a time. */
  readonly lanes: number;
  /** Epoch ms: makes the names of a run its own. */
  readonly wallMs: number;
}

/** One work. */
export interface BenchWork {
  readonly name: string;
  /** What {@linkcode rows} counts. */
  readonly unit: string;
  /** One request; throws unless all of it was done. */
  readonly run: (index: number) => Promise<void>;
  /** Rows that answers account for. */
  rows(): number;
}

const MINUTE_MS = 60_000;

/** The work of that name. */
export async function benchWork(
  name: string,
  client: ServiceClient,
  options: WorkOptions,
): Promise<BenchWork> {
  switch (name) {
    case "labels":
      return await rangeWork(client, options);
    case "health":
      return healthWork(client);
    default:
      return pushWork(client, options);
  }
}

/**
 * Each lane has series of its own and sends one push after the other, as a feed does, so that the
 * candles of a series arrive in order however many pushes are under way.
 */
function pushWork(client: ServiceClient, options: WorkOptions): BenchWork {
  const { batch, series, wallMs } = options;
  const lanes = Math.min(options.lanes, series);
  const perLane = Math.floor(series / lanes);
  const run = Math.floor(wallMs / 1_000).toString(36).toUpperCase();
  const startTs = Math.floor(wallMs / MINUTE_MS) * MINUTE_MS;
  const ends: Promise<void>[] = Array.from({ length: lanes }, () => Promise.resolve());
  let rows = 0;
  const push = async (index: number): Promise<void> => {
    const lane = index % lanes;
    const first = Math.floor(index / lanes) * batch;
    let text = "";
    for (let i = first; i < first + batch; i++) {
      const name = `BENCH${run}_${lane * perLane + i % perLane}:M1`;
      text += candleLine(name, startTs, Math.floor(i / perLane));
    }
    const reply = await client.ask("/api/candles", pushReply, { method: "POST", ndjson: text });
    if (reply.accepted !== batch || reply.commit === null) {
      const why = reply.refusals[0]?.message ?? "no reason given";
      throw new ServiceError(
        `${reply.refused} of ${batch} candles were refused: ${why}`,
        Exit.failed,
        { code: "push" },
      );
    }
    rows += reply.accepted;
  };
  return {
    name: "push",
    unit: "candles",
    run(index) {
      const lane = index % lanes;
      const own = (ends[lane] ?? Promise.resolve()).then(() => push(index));
      ends[lane] = own.catch(() => {});
      return own;
    },
    rows: () => rows,
  };
}

function candleLine(series: string, startTs: number, bar: number): string {
  const close = 100 + 10 * Math.sin(bar / 7) + (bar % 5) / 10;
  const open = close - 0.1;
  return `{"series":"${series}","ts":${startTs + bar * MINUTE_MS},"open":${open},` +
    `"high":${close + 0.2},"low":${open - 0.2},"close":${close},"volume":${bar % 97}}\n`;
}

/** Ranges over the series there are, one after the other. */
async function rangeWork(client: ServiceClient, { batch }: WorkOptions): Promise<BenchWork> {
  const { series } = await client.ask("/api/series", seriesReply);
  if (series.length === 0) {
    throw new UsageError("the service holds no candles whose labels could be read");
  }
  let rows = 0;
  return {
    name: "labels",
    unit: "labels",
    async run(index) {
      const query = { series: series[index % series.length]?.series, limit: batch };
      rows += (await client.ask("/api/labels", labelsReply, { query })).rows.length;
    },
    rows: () => rows,
  };
}

function healthWork(client: ServiceClient): BenchWork {
  let rows = 0;
  return {
    name: "health",
    unit: "answers",
    async run() {
      await client.ask("/api/health", healthReply);
      rows++;
    },
    rows: () => rows,
  };
}
