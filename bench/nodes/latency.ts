/**
 * From a push on one node to its label on another; and asks between nodes.
 *
 * @module
 */

import { pause, systemClock, systemRandom } from "../../src/actor/clock.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { RedisLog } from "../../src/store/log/redis_log.ts";
import { eachLine } from "../../scripts/chaos_kill/lines.ts";
import { RedisServer } from "../../tests/support/redis.ts";
import type { Market } from "../labels/market.ts";
import { digits, type Figures, percentileOf } from "../support/figures.ts";
import { NodeGroup } from "./group.ts";

/** Series that are pushed, one after the other. */
const SERIES = 200;
/** Bars of history before the first that is measured. */
const HISTORY_BARS = 60;
/** A push so often, ms. */
const PUSH_EVERY_MS = 20;
/** A label that does not come within this is lost, ms. */
const LOST_MS = 10_000;
const BAR_MS = 60_000;
/** Entries that wait to be appended; as many more wait for their answers. */
const APPENDS_AT_ONCE = 1_000;

/** See the module's text. */
export async function latencyFigures(figures: Figures, market: Market, pushes: number) {
  await using group = await NodeGroup.start(2_000);
  const a = await group.join("a");
  const b = await group.join("b");
  await group.settled();
  await push(a, lines(market, 0, HISTORY_BARS));
  await using seen = new SeenLabels(b);
  await pause(systemClock, 1_500);
  const tookMs: number[] = [];
  for (let i = 0; i < pushes; i++) {
    const series = i % SERIES, bar = HISTORY_BARS + Math.floor(i / SERIES);
    const row = market.block(series, bar, bar + 1);
    const label = seen.until(row.series, (row.ts[0] as number) - DEFAULT_PARAMS.horizon * BAR_MS);
    const sentMs = performance.now();
    await push(a, lineOf(row, 0));
    tookMs.push(await label - sentMs);
    await pause(systemClock, PUSH_EVERY_MS * 2 * systemRandom.next());
  }
  const at = (share: number) => digits(percentileOf(tookMs, share));
  figures.note(
    `push on node A to label durable and readable on node B: p50 ${at(0.5)} ms, p99 ${
      at(0.99)
    } ms; ` +
      `${pushes} single candles over HTTP, Redis syncs every second; half of the series are B's`,
  );
  await askNotes(figures, a, pushes);
}

async function askNotes(figures: Figures, url: string, asks: number): Promise<void> {
  const direct = await timesOf(`${url}/api/health`, asks);
  const remote = await timesOf(`${url}/api/nodes/b/health`, asks);
  const text = (times: readonly number[]) =>
    `p50 ${digits(percentileOf(times, 0.5))} ms, p99 ${digits(percentileOf(times, 0.99))} ms`;
  figures.note(
    `GET of node A's own health: ${text(direct)}; of node B's by asking it: ${text(remote)}`,
  );
}

async function timesOf(url: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    const response = await fetch(url);
    const text = await response.text();
    if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
    times.push(performance.now() - startMs);
  }
  return times;
}

async function push(url: string, body: string): Promise<void> {
  const response = await fetch(`${url}/api/candles`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`a push is answered ${response.status}: ${text}`);
}

function lines(market: Market, from: number, to: number): string {
  const all: string[] = [];
  for (let series = 0; series < SERIES; series++) {
    const block = market.block(series, from, to);
    for (let row = 0; row < block.length; row++) all.push(lineOf(block, row));
  }
  return all.join("\n");
}

function lineOf(block: ReturnType<Market["block"]>, row: number): string {
  const { series, ts, open, high, low, close, volume } = block;
  return JSON.stringify({
    ...{ series, ts: ts[row], open: open[row], high: high[row], low: low[row] },
    ...{ close: close[row], volume: volume[row] },
  });
}

/** The label stream of a node. */
class SeenLabels implements AsyncDisposable {
  readonly #life = new AbortController();
  readonly #loop: Promise<void>;
  #waits: { readonly key: string; readonly seen: (ms: number) => void } | null = null;

  constructor(url: string) {
    this.#loop = this.#read(url).catch(() => {});
  }

  /** When the label of a series at a time came. */
  async until(series: string, ts: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waits = { key: `${series}/${ts}`, seen: resolve };
    const limit = setTimeout(() => reject(new Error(`no label of ${series} at ${ts}`)), LOST_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
    }
  }

  async #read(url: string): Promise<void> {
    const response = await fetch(`${url}/api/labels/stream`, {
      headers: { accept: "application/x-ndjson" },
      signal: this.#life.signal,
    });
    if (response.body === null) return;
    await eachLine(response.body, (line) => {
      const { type, series, ts } = JSON.parse(line);
      const at = typeof ts === "string" ? Date.parse(ts) : ts;
      if (type === "label" && this.#waits?.key === `${series}/${at}`) {
        this.#waits.seen(performance.now());
      }
    }, this.#life.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.#loop;
  }
}

/** Entries of a kilobyte that one writer appends to the log. */
export async function appendNotes(figures: Figures, entries: number): Promise<void> {
  await using redis = await RedisServer.start({
    config: [["appendonly", "yes"], ["appendfsync", "everysec"]],
  });
  const ways = { clock: systemClock, random: systemRandom };
  await using log = new RedisLog({ redis: redis.url, prefix: "bench", ...ways });
  await log.meet(null);
  const bytes = new TextEncoder().encode(JSON.stringify(["bench", "key", "x".repeat(1_000)]));
  const startMs = performance.now();
  for (let from = 0; from < entries; from += APPENDS_AT_ONCE) {
    const appends = Array.from(
      { length: APPENDS_AT_ONCE },
      (_, i) =>
        log.append({ writer: "bench/1", number: from + i + 1, fences: [], kind: "put", bytes }),
    );
    for (const { state } of await Promise.all(appends)) {
      if (state !== "appended") throw new Error(`an append came to ${state}`);
    }
  }
  const perSecond = entries / (performance.now() - startMs) * 1_000;
  figures.note(`appends of 1 kB to the log by one writer: ${digits(perSecond / 1_000)} k a second`);
}
