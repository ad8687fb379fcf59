/**
 * What the tests of the kline feed share: an exchange whose time is set forward, and a feed on it.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { klineFeed, type KlineFeedOptions } from "../../src/feed/kline.ts";
import type { FeedBatch, FeedSource } from "../../src/feed/port.ts";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { type Cells, JumpClock, KlineServer } from "../support/kline_server.ts";
import { CALM } from "./support.ts";

export const MINUTE_MS = 60_000;

/** When the first bar of the tests opens on the exchange: a whole hour. */
export const BASE_MS = 1_600_002_000_000;

/** The kline of minute i, different from all others of its symbol. */
export function cellsOf(i: number): Cells {
  const close = (100 + (i * 7_919 % 1_000) / 100).toFixed(2);
  return ["100.00", "120.5", "90.25", close, (1 + i % 97).toFixed(3)];
}

/** An exchange with a clock of its own. */
export class Exchange implements AsyncDisposable {
  private constructor(readonly clock: JumpClock, readonly server: KlineServer) {}

  static async start(seed: number, symbols = ["BTCUSDT", "ETHUSDT"]): Promise<Exchange> {
    const clock = new JumpClock();
    clock.skewMs = BASE_MS - performance.timeOrigin;
    const server = await KlineServer.start(clock, seededRandom(seed), symbols);
    // Some seconds into a minute: none ends by itself between two steps of a test, and by the end of
    // this one a connection is not yet a minute old.
    clock.jump(MINUTE_MS + 10_000 - (server.nowMs - BASE_MS) % MINUTE_MS);
    return new Exchange(clock, server);
  }

  feed(options: Partial<KlineFeedOptions> = {}): FeedSource {
    const { wsUrl, restUrl } = this.server;
    return klineFeed(this.clock, {
      symbols: [{ symbol: "BTCUSDT" }],
      granularities: ["M1"],
      random: seededRandom(1),
      wsUrl,
      restUrl,
      ...options,
    });
  }

  /** The first open time of a bar that has not begun. */
  get nextMinute(): number {
    return Math.ceil((this.server.nowMs - BASE_MS) / MINUTE_MS);
  }

  /** Sets time to the end of minute i and as much after it. */
  endOf(i: number, afterMs = 50): void {
    const ms = BASE_MS + (i + 1) * MINUTE_MS + afterMs - this.server.nowMs;
    if (ms > 0) this.clock.jump(ms);
  }

  /** Minute i ends, and its kline closes. */
  minute(i: number, symbols = ["BTCUSDT"]): void {
    this.endOf(i);
    for (const symbol of symbols) {
      this.server.close(symbol, "1m", BASE_MS + i * MINUTE_MS, cellsOf(i));
    }
  }

  /** Minute i ends, and only REST has its kline. */
  silentMinute(i: number, symbols = ["BTCUSDT"]): void {
    this.endOf(i);
    for (const symbol of symbols) {
      this.server.add(symbol, "1m", BASE_MS + i * MINUTE_MS, cellsOf(i));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** Reads until so many rows came of a series, or for a while. */
export async function readMinutes(
  source: FeedSource,
  rows: number,
  series = "BTC_USDT:M1",
): Promise<FeedBatch[]> {
  const batches: FeedBatch[] = [];
  const untilMs = performance.now() + 8_000;
  while (minutesOf(batches, series).length < rows && performance.now() < untilMs) {
    const batch = await source.read(CALM);
    if (batch !== null) batches.push(batch);
  }
  return batches;
}

/** Minutes of the rows of a series. */
export function minutesOf(batches: readonly FeedBatch[], series = "BTC_USDT:M1"): number[] {
  return batches.flatMap(({ blocks }) => blocks).filter((block) => block.series === series)
    .flatMap((block) => Array.from(block.ts, (ts) => (ts - BASE_MS) / MINUTE_MS));
}

export function notesOf(batches: readonly FeedBatch[]): string[] {
  return batches.flatMap(({ notes = [] }) => notes);
}

/** The candles of minutes from ≤ i < to, as they are on the exchange. */
export function candlesOf(from: number, to: number, series: string): CandleBlock {
  const rows = new CandleBuilder(series, to - from);
  for (let i = from; i < to; i++) {
    const [open, high, low, close, volume] = cellsOf(i).map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    rows.push(BASE_MS + i * MINUTE_MS, open, high, low, close, volume);
  }
  return rows.finish();
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

/** Resolves when it holds, within some seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 15_000;
  while (!await holds()) {
    if (performance.now() > untilMs) throw new Error(`it did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
