/**
 * Wick keeps market data fresh, warm and labelled.
 *
 * As a library: the running tree ({@linkcode startWick}), and what it is made of: the actor
 * runtime, market data, labels, feeds and the store. Run as the main module: the `wick` command.
 *
 * @example The whole tree on a synthetic feed: labels as they are committed
 * ```ts
 * import { rowObject, startWick, syntheticFeed, systemClock } from "./mod.ts";
 *
 * const endMs = Date.UTC(2020, 1, 1);
 * const wick = await startWick({
 *   workers: 1,
 *   feeds: [{ name: "synthetic", source: () => syntheticFeed(systemClock, { seed: 7, endMs }) }],
 *   onLabels({ labels }) {
 *     for (const { block, runs } of labels) {
 *       for (const { series, from, to } of runs) {
 *         for (let row = from; row < to; row++) {
 *           const { ts, label, hit, tb_ret } = rowObject(block, row);
 *           console.log(series, ts, label, hit, tb_ret); // EUR_USD:H1 1578319200000 0 vertical …
 *         }
 *       }
 *     }
 *   },
 * });
 * await wick.feed("synthetic").ask("ended", {});
 * await wick.system.stop();
 * ```
 *
 * @example Labels of a file, without actors
 * ```ts
 * import { csvReader, Labeler, LabelBuilder, labelParams } from "./mod.ts";
 *
 * const reader = csvReader({ series: "EUR_USD:H1" });
 * reader.push(new TextEncoder().encode("ts,open,high,low,close,volume\n0,1,2,1,2,10\n"));
 * reader.finish();
 * const labels = new LabelBuilder();
 * const labeler = new Labeler(labelParams({ horizon: 24 }), { emit: "rows" });
 * for (const block of reader.take()) labeler.push(block, 0, block.length, labels);
 * labeler.finish(labels);
 * console.log(labels.length); // 1
 * ```
 *
 * @module
 */

import { labelFile } from "./actors/label_file.ts";
import { PATHS, startWick } from "./actors/tree.ts";
import config from "./deno.json" with { type: "json" };
import { systemRandom } from "./src/actor/clock.ts";
import { threadEntry } from "./src/actor/thread_url.ts";
import { ThreadNode } from "./src/actor/thread_node.ts";
import { type DemoTree, runDemoTree, type StartDemoTree } from "./src/cli/demo_run.ts";
import { processIo } from "./src/cli/io.ts";
import { runCommand } from "./src/cli/main.ts";
import type { CliParts } from "./src/cli/parts.ts";

import type { TreeNode } from "./src/actor/mod.ts";

export * from "./src/actor/mod.ts";

export * from "./src/market/block.ts";
export * from "./src/market/candle.ts";
export * from "./src/market/canonical.ts";
export * from "./src/market/csv.ts";
export * from "./src/market/error.ts";
export * from "./src/market/granularity.ts";
export * from "./src/market/instrument.ts";
export * from "./src/market/ndjson.ts";
export * from "./src/market/quality.ts";
export type { CandleReader, ReaderOptions } from "./src/market/reader.ts";
export * from "./src/market/reject.ts";
export * from "./src/market/segment.ts";
export * from "./src/market/series.ts";
export * from "./src/market/split.ts";

export * from "./src/label/admission.ts";
export * from "./src/label/correction.ts";
export * from "./src/label/finer.ts";
export * from "./src/label/format.ts";
export * from "./src/label/labeler.ts";
export * from "./src/label/levels.ts";
export * from "./src/label/params.ts";
export * from "./src/label/row_object.ts";
export * from "./src/label/rows.ts";

export * from "./src/feed/file_source.ts";
export * from "./src/feed/port.ts";
export * from "./src/feed/synthetic.ts";

export { MemoryStore, type MemoryStoreOptions } from "./src/store/memory.ts";
export type * from "./src/store/port.ts";

// The port has a `Store` of its own.
export {
  Feed,
  LabelPool,
  type LabelRun,
  LabelSink,
  type PublishedLabels,
  Store as StoreProtocol,
} from "./actors/protocols.ts";
export type { StoreArgs } from "./actors/store.ts";
export {
  type FeedSpec,
  startWick,
  type Wick,
  type WickOptions,
  wickRefs,
  wickTree,
} from "./actors/tree.ts";

/** The tree as the demo sees it. */
const startDemoTree: StartDemoTree = async (source, log) => {
  const wick = await startWick({ feeds: [{ name: "synthetic", source }], system: { log } });
  const { system, store, pool } = wick;
  const feed = wick.feed("synthetic");
  const worker = `${PATHS.workers}/worker-0`;
  const restartsOf = (node: TreeNode): number =>
    (node.supervisor?.restarts ?? 0) +
    node.children.reduce((sum, part) => sum + restartsOf(part), 0);
  let gaveUp: Error | null = null;
  void system.done.then((error) => {
    if (error !== null) gaveUp = error instanceof Error ? error : new Error(String(error));
  });
  const tree: DemoTree = {
    gaveUp: () => gaveUp,
    pool: () => pool.ask("status", {}),
    feed: () => feed.ask("status", {}),
    settle: async () => void await feed.ask("pause", {}, { timeoutMs: 60_000 }),
    labels: async (series, paramHash) => {
      const range = { fromTs: -Infinity, toTs: Infinity, limit: Infinity };
      return (await store.ask("labelBlock", { series, paramHash, ...range })).labels;
    },
    killWorker: () => {
      const node = system.nodeAt(`${system.root.path}/${worker}`);
      if (node instanceof ThreadNode) node.kill();
      return "worker-0";
    },
    restarts: () => restartsOf(system.tree()),
    stop: () => system.stop(),
  };
  return tree;
};

if (import.meta.main) {
  const parts: CliParts = {
    version: config.version,
    labelFile: {
      actor: labelFile,
      entry: threadEntry(new URL("./actors/threads/label_file.ts", import.meta.url)),
    },
    runDemo: (options, io) => runDemoTree(startDemoTree, systemRandom, options, io),
  };
  Deno.exit(await runCommand(Deno.args, parts, processIo()));
}
