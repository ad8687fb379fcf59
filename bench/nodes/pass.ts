/**
 * One node that labels what lies in the streams, in a process of its own: `deno run -A
 * bench/nodes/pass.ts REDIS PREFIX NAME memory|sqlite FOLDER`. Says `ready` when its threads are up;
 * at the end of standard input it stops, and prints what its copy holds as one line of JSON.
 *
 * @module
 */

import process from "node:process";
import { startWick } from "../../actors/tree.ts";
import type { SharedStoreArgs } from "../../actors/store.ts";
import { DEFAULT_PARAMS, paramHash } from "../../src/label/params.ts";
import { Checksums } from "../labels/checksum.ts";
import { SERIES_COUNT, seriesKey } from "../labels/market.ts";

/** Threads that label. */
export const WORKERS = 2;
/** No snapshot is made within a pass. */
const LOG_BYTES_MAX = 16 * 1024 ** 3;
const ANSWER = { timeoutMs: 120_000 } as const;

/** What a pass has to say. */
export interface NodePassReport {
  readonly candles: number;
  readonly rssMb: number;
  /** Of all threads, from when they were up to when everything was committed. */
  readonly cpuSeconds: number;
  /** Labels that the copy holds in the end. */
  readonly stored: { readonly counts: number[]; readonly sums: number[] };
}

/** Candles and log rows of a memory copy that holds all. */
const MEMORY = { barsMax: 1_000_000, logRowsMax: 20_000_000 };

async function pass(redis: string, prefix: string, node: string, kind: string, folder: string) {
  const session = crypto.randomUUID();
  const copy: SharedStoreArgs["copy"] = kind === "memory"
    ? { kind: "memory", options: MEMORY }
    : { kind: "sqlite", options: { path: `${folder}/wick.db`, durability: "normal" } };
  const wick = await startWick({
    workers: WORKERS,
    store: {
      kind: "shared",
      ...{ redis, prefix, session, copy, bytesMax: LOG_BYTES_MAX, snapshotBytes: LOG_BYTES_MAX },
    },
    nodes: { node, session, way: { kind: "redis", redis, prefix } },
  });
  console.log("ready");
  const before = process.cpuUsage();
  for await (const _ of Deno.stdin.readable);
  const { user, system } = process.cpuUsage(before);
  const stored = new Checksums();
  const hash = paramHash(DEFAULT_PARAMS);
  const all = { fromTs: -Infinity, toTs: Infinity, limit: Infinity };
  for (let series = 0; series < SERIES_COUNT; series++) {
    const asked = { series: seriesKey(series), paramHash: hash, ...all };
    const { labels } = await wick.store.ask("labelBlock", asked, ANSWER);
    stored.add(series, labels, 0, labels.length);
  }
  const { candles } = await wick.store.ask("info", {}, ANSWER);
  const report: NodePassReport = {
    candles,
    cpuSeconds: (user + system) / 1e6,
    rssMb: Deno.memoryUsage().rss / 2 ** 20,
    stored: { counts: [...stored.counts], sums: [...stored.sums] },
  };
  await wick.system.stop();
  console.log(JSON.stringify(report));
}

if (import.meta.main) {
  const [redis = "", prefix = "", name = "", kind = "", folder = ""] = Deno.args;
  await pass(redis, prefix, name, kind, folder);
}
