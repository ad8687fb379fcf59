/**
 * A process of `cache_kill_test.ts`: a tree on a folder, which fills the cache, is killed between a
 * commit and its invalidation, or reads what the cache has.
 *
 * Arguments: folder, `fill`, `kill` or `read`. Prints one line of JSON.
 */

import { startWick } from "../../actors/tree.ts";
import type { CachedLabels } from "../../actors/protocols_cache.ts";
import { pause, systemClock } from "../../src/actor/mod.ts";
import { CacheRouter } from "../../src/cache/router.ts";
import { labelKeyOf } from "../../src/label/label_key.ts";
import { type CandleBlock, CandleBuilder } from "../../src/market/block.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";

const [folder = "", step = ""] = Deno.args;
const HOUR_MS = 3_600_000;
const CHANGED_BAR = 50;

function candles(series: string, fromBar: number, bars: number, lift: number): CandleBlock {
  const rows = new CandleBuilder(series, bars);
  for (let bar = fromBar; bar < fromBar + bars; bar++) {
    const price = 100 + Math.sin(bar) + lift;
    rows.push(bar * HOUR_MS, price, price + 0.5, price - 0.5, price + 0.1, 1);
  }
  return rows.finish();
}

const keys = ["EUR_USD:H1", "GBP_USD:H1"].map((series) =>
  labelKeyOf({
    series,
    fromTs: 40 * HOUR_MS,
    toTs: 60 * HOUR_MS,
    limit: 100,
    params: { ...DEFAULT_PARAMS, horizon: 7 },
  })
);

if (step === "kill") {
  // The label pool calls it once the commit is durable, and before anyone is told.
  CacheRouter.prototype.touched = () => {
    Deno.kill(Deno.pid, "SIGKILL");
    return 0;
  };
}
const wick = await startWick({
  workers: 1,
  store: { kind: "sqlite", options: { path: `${folder}/wick.db` } },
  cache: { provider: null, tier: { kind: "sqlite", path: `${folder}/cache.db` } },
  system: { log: null },
});
const ingest = async (...blocks: CandleBlock[]) => {
  const batch = { feed: null, after: null, cursor: null, blocks, priority: 5, bulk: true };
  await wick.pool.ask("ingest", batch);
};
if (step === "fill") {
  await ingest(candles("EUR_USD:H1", 0, 100, 0), candles("GBP_USD:H1", 0, 100, 0));
}
if (step === "kill") {
  await ingest(candles("EUR_USD:H1", CHANGED_BAR, 1, 5));
  // What it was killed before comes a moment after the answer.
  await pause(systemClock, 10_000);
}
const found = await Promise.all(keys.map(async (key) => {
  const ask = { priority: 5, origin: "demand", timeoutMs: 10_000 } as const;
  const labels = await wick.cache?.get(key, ask);
  if (labels === undefined || !("value" in labels)) return null;
  const { block } = labels.value as CachedLabels;
  return { tier: labels.tier, close: block.close[CHANGED_BAR - 40] };
}));
console.log(JSON.stringify({ found, seq: await wick.store.ask("seq", {}) }));
await wick.system.stop();
