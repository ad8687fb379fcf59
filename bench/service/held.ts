/**
 * A service that holds long series, for what is read from it.
 *
 * @module
 */

import type { CandleBlock } from "../../src/market/block.ts";
import { type Market, seriesKey } from "../labels/market.ts";
import { assertSent } from "./ingest.ts";
import { prepareLoad } from "./ingest_load.ts";
import { DataFolder, ServiceProcess } from "./process.ts";

/** Series it holds: enough that no answer is always the same. */
export const HELD_SERIES = 20;
/** Candles of each: more than the longest page. */
export const HELD_BARS = 12_000;
/** Candles of one series in one request of the load. */
const BARS_PER_REQUEST = 500;

/** Its process, its folder, and what it was sent. */
export class HeldService implements AsyncDisposable {
  readonly #folder: DataFolder;
  readonly #process: ServiceProcess;

  private constructor(readonly market: Market, folder: DataFolder, process: ServiceProcess) {
    this.#folder = folder;
    this.#process = process;
  }

  static async start(market: Market): Promise<HeldService> {
    const folder = new DataFolder();
    const process = await ServiceProcess.start(folder);
    const load = await prepareLoad({
      url: process.url,
      token: null,
      connections: 2,
      series: HELD_SERIES,
      firstBar: 0,
      bars: HELD_BARS,
      barsPerRequest: BARS_PER_REQUEST,
      candlesPerSecond: null,
      bulk: true,
    });
    try {
      assertSent(await load.run(), HELD_BARS, HELD_SERIES);
    } finally {
      await load.close();
    }
    return new HeldService(market, folder, process);
  }

  /** Base URL. */
  get url(): string {
    return this.#process.url;
  }

  /** Its database, to be opened once it has stopped. */
  get database(): string {
    return this.#folder.database;
  }

  /** The candles that it holds of a series. */
  candles(series: number): CandleBlock {
    return this.market.block(series, 0, HELD_BARS);
  }

  /** The path of a page of labels, from the first candle `bar` on; `more` goes to the query. */
  page(series: number, bar: number, rows: number, more = ""): string {
    const fromTs = this.market.block(series, bar, bar + 1).ts[0];
    return `${this.url}/api/labels?series=${seriesKey(series)}&from=${fromTs}&limit=${rows}${more}`;
  }

  /** Ends the process; the folder stays until this is disposed of. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#folder[Symbol.dispose]();
  }
}
