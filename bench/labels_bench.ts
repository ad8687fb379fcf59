/**
 * `deno bench -A bench/labels_bench.ts`: how long one unit of labelling takes, recomputation beside
 * it. What each side computes is compared before it is timed. The figures with a must are in
 * `labels.ts`.
 *
 * @module
 */

import { reachOf, recompute } from "../src/label/correction.ts";
import { Labeler } from "../src/label/labeler.ts";
import { DEFAULT_PARAMS, historyBars, labelParams, paramHash } from "../src/label/params.ts";
import { LabelBuilder } from "../src/label/rows.ts";
import { startWick } from "../actors/tree.ts";
import { hashOfRow } from "./labels/checksum.ts";
import { indexOf, Market, singleCandle } from "./labels/market.ts";
import { recomputeLabels } from "./rivals/recompute.ts";
import { verify } from "./support/workload.ts";

const market = new Market();
/** Candles of one iteration: enough that reading the clock does not count. */
const BARS = 1_024;

for (const horizon of [6, 288]) {
  const group = `${BARS} candles one by one, H = ${horizon}`;
  const params = labelParams({ horizon });
  const candles = market.block(0, 0, BARS);
  const labeler = new Labeler(params, { emit: "final" });
  const out = new LabelBuilder(2 * BARS);
  const push = () => {
    labeler.reset();
    out.clear();
    for (let row = 0; row < BARS; row++) labeler.push(candles, row, row + 1, out);
  };
  push();
  const whole = new Labeler(params, { emit: "final" });
  const rows = new LabelBuilder(2 * BARS);
  whole.push(candles, 0, BARS, rows);
  verify("rows", out.length, rows.length);
  for (let row = 0; row < rows.length; row++) {
    verify("row", hashOfRow(out.columns, row), hashOfRow(rows.columns, row));
  }
  Deno.bench({ name: "push", group, baseline: true, fn: push });
  Deno.bench({
    name: "recompute the last H + 1",
    group,
    fn: () => void recomputeLabels(candles, horizon),
  });
  const bars = historyBars(params);
  const tail = market.block(0, BARS - bars, BARS);
  const hydrated = new Labeler(params, { emit: "final" });
  Deno.bench({
    name: `hydrate from ${bars} candles, H = ${horizon}`,
    fn: () => hydrated.hydrate(tail, BARS),
  });
  // As wide as the pool asks the store for: what one candle reaches, and what that depends on.
  const around = market.block(0, 0, 2 * bars + 1);
  const at = around.ts[bars] as number;
  const changed = { fromTs: at, toTs: at + 1 };
  const window = { candles: around, startsSeries: false, endsSeries: false };
  const hash = paramHash(params);
  Deno.bench({
    name: `labels in reach of a corrected candle, H = ${horizon}`,
    fn: () => void recompute(window, reachOf(window, changed, params), params, hash),
  });
}

/** One candle through pool, thread and store and back. */
const wick = await startWick({ workers: 2, params: DEFAULT_PARAMS });
const candle = singleCandle();
let index = 0;
Deno.bench({
  name: "one candle through pool, thread and store",
  fn: async () => {
    market.put(candle, 0, index);
    verify("candle", indexOf(candle.ts[0] as number), index++);
    const ask = { feed: null, after: null, cursor: null, priority: 5, bulk: false };
    const reply = await wick.pool.ask("ingest", { ...ask, blocks: [candle] });
    verify("committed", reply.state === "committed" ? reply.candles : 0, 1);
  },
});
