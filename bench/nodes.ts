/**
 * The figures of several nodes on one Redis (spec: nodes, "Must show" 2 and 3). Redis, the nodes and
 * what measures them share this machine. What nothing may do to them: `deno task chaos:nodes`.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import { Market } from "./labels/market.ts";
import { appendNotes, latencyFigures } from "./nodes/latency.ts";
import { handOverFigures, takeOverFigures } from "./nodes/moves.ts";
import { type CopyKind, NodeCandles, type NodePassResult } from "./nodes/throughput.ts";
import { benchOptions, digits, Figures, runMeasurements, spreadOf } from "./support/figures.ts";

const measurements = {
  "take-over": () => takeOverFigures(figures, market, quick ? 2 : 10),
  "hand-over": () => handOverFigures(figures, market, quick ? 2 : 25),
  throughput,
  "two-nodes": twoNodes,
  latency: () => latencyFigures(figures, market, quick ? 200 : 2_000),
  appends: () => appendNotes(figures, quick ? 5_000 : 50_000),
};
const options = benchOptions(
  "Figures of several nodes: deno task bench:nodes [--only NAME] [--quick]",
  Object.keys(measurements),
  { bars: "bars of each of the 1,000 series; default 3000, quick 500" },
);
const { quick } = options;
const figures = new Figures();
const market = new Market();
const bars = options.counts.bars ?? (quick ? 500 : 3_000);
await runMeasurements(figures, options, measurements);

function rate(passes: readonly NodePassResult[]) {
  return spreadOf(passes.map(({ candlesPerSecond }) => candlesPerSecond / 1_000));
}

/** The better of both copies counts; the other is stated. */
async function throughput(): Promise<void> {
  const candles = new NodeCandles(market, bars);
  const rounds = quick ? 1 : 3;
  const passes: Record<CopyKind, NodePassResult[]> = { memory: [], sqlite: [] };
  for (let round = 0; round < rounds; round++) {
    for (const copy of ["memory", "sqlite"] as const) {
      passes[copy].push(await candles.pass({ copy, nodes: 1, isPersistent: false }));
    }
  }
  const [memory, sqlite] = [rate(passes.memory), rate(passes.sqlite)];
  const isMemory = memory.median >= sqlite.median;
  figures.add(
    `streams to committed labels, copy in ${isMemory ? "memory" : "SQLite"}, candles/s`,
    isMemory ? memory : sqlite,
    { unit: " k", must: 500, aim: 1_000, better: "higher" },
  );
  const other = isMemory ? sqlite : memory;
  figures.note(`copy in ${isMemory ? "SQLite" : "memory"}: ${digits(other.median)} k`);
  const last = passes.memory.at(-1) as NodePassResult;
  figures.note(
    `${
      digits(candles.candles / 1e6)
    } M candles in the streams before, ${candles.labels} label rows, ` +
      `each compared in the log; ${last.commits} commits, ${
        digits(last.bytesPerCandle)
      } bytes of ` +
      `the log a candle, ${digits(last.rssMb)} MB resident`,
  );
  figures.note(
    `processor time for a million candles: ${digits(last.nodeSeconds)} s of the node, ` +
      `${digits(last.redisSeconds)} s of Redis`,
  );
  const persistent = await candles.pass({ copy: "memory", nodes: 1, isPersistent: true });
  figures.note(
    `with an append-only file, synced every second: ${
      digits(persistent.candlesPerSecond / 1_000)
    } k`,
  );
}

/** Stated, not claimed, where there are no cores for both. */
async function twoNodes(): Promise<void> {
  const candles = new NodeCandles(market, bars);
  const ratios: number[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    const passes: NodePassResult[] = [];
    for (const nodes of [1, 2]) {
      passes.push(await candles.pass({ copy: "memory", nodes, isPersistent: false }));
    }
    const [one, two] = passes as [NodePassResult, NodePassResult];
    ratios.push(two.candlesPerSecond / one.candlesPerSecond);
  }
  const spread = spreadOf(ratios);
  // Two nodes of three busy threads each, and Redis.
  const isClaimed = availableParallelism() >= 8;
  if (isClaimed) {
    const bar = { unit: "×", must: 1.6, better: "higher" } as const;
    figures.add("two nodes against one", spread, bar);
  } else {
    figures.note(
      `two nodes against one: ${
        digits(spread.median)
      }× on ${availableParallelism()} cores, which ` +
        "both share with Redis; 1.6× is for 8 and more",
    );
  }
}
