/**
 * A load of candles over HTTP, sent by a thread so that this isolate can be the service, or watch
 * it. The thread makes every body before the run starts: what it costs then is sending.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { SERIES_COUNT } from "../labels/market.ts";

/** What is sent. */
export interface IngestPlan {
  /** Base URL of the service, as `http://127.0.0.1:8003`. */
  readonly url: string;
  /** Acting token; null = the service needs none. */
  readonly token: string | null;
  /**
   * Connections, each with one request under way: the next goes when the last was answered. A
   * connection has series of its own, since a series' candles have to come in order.
   */
  readonly connections: number;
  /** Series, the first of those of the market. */
  readonly series: number;
  /** The first candle of each series to be sent; those before it were sent already. */
  readonly firstBar: number;
  /** Candles of each series. */
  readonly bars: number;
  /** Candles of each series in one request. */
  readonly barsPerRequest: number;
  /**
   * Candles a second over all connections: each request has a time at which it is due, and its latency
   * counts from there. Null: the next request goes when the last was answered.
   */
  readonly candlesPerSecond: number | null;
  /** Whether the service may make a push wait for room, instead of refusing it. */
  readonly bulk: boolean;
}

/** What became of it. */
export interface IngestReport {
  /** Candles that the service said are committed. */
  readonly candles: number;
  /** Requests answered with success. */
  readonly requests: number;
  /** From the first byte sent to the last answer. */
  readonly tookMs: number;
  readonly candlesPerSecond: number;
  readonly bytes: number;
  /** From sending a request to its answer, those sent again counted from their first time. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Times that a request was refused for lack of room, and sent again after the pause it named. */
  readonly refused: number;
  /** Whatever else came: status or message, with how often. A load that worked has none. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Bytes of all bodies together: they are held in memory. */
const BODIES_BYTES_MAX = 1024 ** 3;
/** As long as lines get, with a margin. */
const LINE_BYTES = 128;

/** A thread that has its bodies made and waits for the word. */
export interface ReadyLoad {
  /** Sends everything, once. */
  run(): Promise<IngestReport>;
  /** Ends the thread, sent or not. */
  close(): Promise<void>;
}

/**
 * Starts the thread; resolves when every body is made.
 *
 * @throws {RangeError} for a plan whose bodies would not fit in 1 GB, or that sends nothing.
 */
export async function prepareLoad(plan: IngestPlan): Promise<ReadyLoad> {
  const { connections, series, bars, barsPerRequest } = plan;
  const bytes = series * bars * LINE_BYTES;
  const positive = [connections, series, bars, barsPerRequest].every((n) => n >= 1);
  if (!positive || series > SERIES_COUNT || connections > series || bytes > BODIES_BYTES_MAX) {
    throw new RangeError(
      `Cannot send a load: expected at most ${SERIES_COUNT} series, no more connections than ` +
        `series and ${BODIES_BYTES_MAX} bytes: current values are ${series}, ${connections} and ` +
        `${bytes}`,
    );
  }
  const thread = new Worker(new URL("ingest_client.ts", import.meta.url), { workerData: plan });
  const next = () =>
    new Promise<unknown>((resolve, reject) => {
      thread.once("message", resolve);
      thread.once("error", reject);
      thread.once("exit", () => reject(new Error("Cannot send a load: the thread has ended")));
    });
  await next();
  return {
    run: async () => {
      const report = next();
      thread.postMessage("go");
      return await report as IngestReport;
    },
    close: async () => void await thread.terminate(),
  };
}
