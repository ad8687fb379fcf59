/**
 * Whether the series of `/metrics` grow with keys and instruments: the whole tree with few of both,
 * then with a million keys and a thousand instruments, its metrics read over HTTP each time.
 *
 * @module
 */

import { startWick, type Wick } from "../../actors/tree.ts";
import { Monitor } from "../../actors/protocols.ts";
import { Market, SERIES_COUNT } from "../labels/market.ts";
import { WORKERS } from "../labels/pass.ts";
import type { Figures } from "../support/figures.ts";
import { verify } from "../support/workload.ts";

const KEYS = 1_000_000;
const QUICK_KEYS = 20_000;
const FEW_KEYS = 1_000;
const FEW_SERIES = 10;
/** Keys of a request. */
const BATCH_KEYS = 1_000;
const BARS = 32;
const METRICS_BYTES_MAX = 64 * 1024;
const LOOK_MS = 250;
/** A gauge that is not measured any more is gone after three looks and the longest one. */
const SETTLE_MS = 3_500;
/** Series that are named when they are too many. */
const NAMED = 10;
const ANSWER = { timeoutMs: 60_000 } as const;

/** Adds the size of `/metrics` and how many series it grew by. */
export async function seriesFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const keys = quick ? QUICK_KEYS : KEYS;
  const market = new Market();
  const wick = await startWick({
    workers: WORKERS,
    cache: { provider: null, tier: { kind: "memory" } },
    warming: { cycleCron: null },
    refresh: {},
    monitor: { intervalMs: LOOK_MS },
    admin: { about: { name: "wick", version: "bench" }, options: { port: 0 } },
    system: { log: null },
  });
  try {
    const { url } = await wick.admin.ask("status", {}, ANSWER);
    await gets(wick, 0, FEW_KEYS);
    await candles(wick, market, 0, FEW_SERIES);
    const before = await read(wick, url);
    await gets(wick, FEW_KEYS, keys);
    await candles(wick, market, FEW_SERIES, SERIES_COUNT);
    const after = await read(wick, url);
    const count = (value: number) => ({ median: value, min: value, max: value });
    const what = `${keys.toLocaleString("en")} keys and ${SERIES_COUNT} instruments`;
    figures.add(
      `/metrics after ${what}`,
      count(after.bytes / 1024),
      { better: "lower", unit: " kB", must: METRICS_BYTES_MAX / 1024 },
    );
    const came = [...after.series.difference(before.series)];
    const went = [...before.series.difference(after.series)];
    figures.add(
      "  series that 1,000 keys and 10 instruments had not",
      count(came.length),
      { better: "lower", unit: "", must: 0 },
    );
    figures.note(
      `${after.series.size} series, ${after.lines} lines; before ${before.series.size} series, ` +
        `${(before.bytes / 1024).toFixed(1)} kB`,
    );
    if (came.length > 0) figures.note(`came: ${came.slice(0, NAMED).join(", ")}`);
    if (went.length > 0) figures.note(`went: ${went.slice(0, NAMED).join(", ")}`);
  } finally {
    await wick.system.stop();
  }
}

const keyOf = (index: number) => `price:K${index}`;

/** Puts keys from ≤ index < to and reads each once; the cache keeps what it has room for. */
async function gets(wick: Wick, from: number, to: number): Promise<void> {
  const { cache } = wick;
  if (cache === null) throw new Error("Cannot measure: expected a cache");
  let found = 0;
  for (let at = from; at < to; at += BATCH_KEYS) {
    const keys = Array.from({ length: Math.min(BATCH_KEYS, to - at) }, (_, i) => keyOf(at + i));
    cache.setMany(keys.map((key, i) => ({ key, value: at + i })));
    const answers = await cache.getMany(keys, { timeoutMs: ANSWER.timeoutMs });
    found += answers.filter(({ state }) => state === "fresh" || state === "stale").length;
  }
  if (found < (to - from) / 2) {
    throw new Error(`Cannot trust this run: ${found} of ${to - from} keys were found`);
  }
}

async function candles(wick: Wick, market: Market, from: number, to: number): Promise<void> {
  const blocks = Array.from({ length: to - from }, (_, i) => market.block(from + i, 0, BARS));
  const asked = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
  const reply = await wick.pool.ask("ingest", asked, ANSWER);
  verify("candles", reply.state === "committed" ? reply.candles : 0, (to - from) * BARS);
}

interface Exposition {
  readonly bytes: number;
  readonly lines: number;
  /** Name and labels of each; a histogram is one. */
  readonly series: ReadonlySet<string>;
}

/** The metrics once everything was looked at. */
async function read(wick: Wick, url: string): Promise<Exposition> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const answer = await fetch(`${url}/metrics`);
  const text = await answer.text();
  verify("status of /metrics", answer.status, 200);
  const { families } = await wick.system.ref(Monitor, "monitor").ask("snapshot", {}, ANSWER);
  const series = new Set(
    families.flatMap(({ name, series }) =>
      series.map(({ labels }) => `${name}${JSON.stringify(labels)}`)
    ),
  );
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const metric = /^wick_cache_hits_total\{.*\} (\d+)/m.exec(text)?.[1];
  if (metric === undefined) throw new Error("Cannot trust this run: /metrics shows no cache hits");
  return { bytes: new TextEncoder().encode(text).length, lines: lines.length, series };
}
