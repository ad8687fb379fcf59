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
 *   onLabels({ labels, runs }) {
 *     for (const { series, from, to } of runs) {
 *       for (let row = from; row < to; row++) {
 *         const { ts, label, hit, tb_ret } = rowObject(labels, row);
 *         console.log(series, ts, label, hit, tb_ret); // EUR_USD:H1 1578319200000 0 vertical …
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

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labelFile } from "./actors/label_file.ts";
import { PATHS, startWick, type Wick } from "./actors/tree.ts";
import config from "./deno.json" with { type: "json" };
import { pause, systemRandom } from "./src/actor/clock.ts";
import { threadEntry } from "./src/actor/thread_url.ts";
import { ThreadNode } from "./src/actor/thread_node.ts";
import { type DemoTree, runDemoTree, type StartDemoTree } from "./src/cli/demo_run.ts";
import { processIo } from "./src/cli/io.ts";
import { runCommand } from "./src/cli/main.ts";
import type { WickConfig } from "./src/cli/config_schema.ts";
import { Exit } from "./src/cli/exit_code.ts";
import { type CliParts, type Drained, type RunServe, ServeError } from "./src/cli/parts.ts";
import { admissionOf, labelParamsOf, sourceOf } from "./src/cli/serve_feeds.ts";
import type { StoreArgs } from "./actors/store.ts";
import { causesOf, textOf, type TreeNode } from "./src/actor/mod.ts";
import { readInstruments } from "./src/feed/instrument_file.ts";
import { InstrumentRegistry } from "./src/market/instrument.ts";
import { storeErrorCode } from "./src/store/error.ts";

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
export * from "./src/feed/instrument_file.ts";
export * from "./src/feed/replay.ts";
export * from "./src/feed/status.ts";
export * from "./src/feed/synthetic.ts";
export * from "./src/market/holes.ts";

export { MemoryStore, type MemoryStoreOptions } from "./src/store/memory.ts";
export { StoreError, type StoreErrorCode } from "./src/store/error.ts";
export type * from "./src/store/port.ts";
export type { SqliteBounds } from "./src/store/sqlite/bounds.ts";
export type { Durability } from "./src/store/sqlite/open.ts";
export type { RetentionOptions } from "./src/store/sqlite/retention.ts";
export { SqliteStore, type SqliteStoreOptions } from "./src/store/sqlite_store.ts";

export { type Admin as AdminHttp, createAdmin, createApp } from "./src/http/app.ts";
export type { AdminApp, AdminSchema } from "./src/http/api.ts";
export { type WickClient, wickClient, type WickClientOptions } from "./src/http/client.ts";
export type { Tokens } from "./src/http/guards/token_guard.ts";
export { LabelLog, type ReadLog } from "./src/http/label_log.ts";
export type { AdminLimits, AdminOptions } from "./src/http/options.ts";
export type * from "./src/http/port.ts";
export { type AdminServer, serveAdmin } from "./src/http/serve.ts";
export { systemLetters, systemTree } from "./src/http/system_port.ts";

export * from "./src/monitor/histogram.ts";
export * from "./src/monitor/windowed_histogram.ts";
export * from "./src/monitor/event_hub.ts";
export * from "./src/monitor/rates.ts";
export * from "./src/monitor/reporter.ts";
export type * from "./src/monitor/metric_spec.ts";
export type { Sample } from "./src/monitor/samples.ts";
export type * from "./src/monitor/snapshot.ts";

// The port has a `Store` of its own.
export {
  Admin,
  Feed,
  LabelPool,
  LabelSink,
  Letters,
  Monitor,
  type PublishedLabels,
  Store as StoreProtocol,
} from "./actors/protocols.ts";
export type { AdminArgs } from "./actors/admin.ts";
export type { StoreArgs } from "./actors/store.ts";
export {
  type FeedSpec,
  type MonitorSettings,
  startWick,
  type Wick,
  type WickOptions,
  wickRefs,
  wickTree,
} from "./actors/tree.ts";

/** The tree as the demo sees it: everything that `wick serve` runs, in a folder of its own. */
const startDemoTree: StartDemoTree = async (source, log) => {
  const folder = await mkdtemp(join(tmpdir(), "wick-demo-"));
  const wick = await startWick({
    store: { kind: "sqlite", options: { path: join(folder, "wick.db") } },
    feeds: [{ name: "synthetic", source }],
    admin: { about: { name: "wick", version: config.version }, options: { port: 0 } },
    system: { log },
  });
  const { url } = await wick.admin.ask("status", {});
  const { system, store, pool } = wick;
  const feed = wick.feed("synthetic");
  const restartsOf = (node: TreeNode): number =>
    (node.supervisor?.restarts ?? 0) +
    node.children.reduce((sum, part) => sum + restartsOf(part), 0);
  let gaveUp: Error | null = null;
  void doneOf(wick).then((error) => gaveUp = error);
  const tree: DemoTree = {
    url,
    gaveUp: () => gaveUp,
    pool: () => pool.ask("status", {}),
    feed: () => feed.ask("status", {}),
    settle: async () => void await feed.ask("pause", {}, { timeoutMs: 60_000 }),
    labels: async (series, paramHash) => {
      const range = { fromTs: -Infinity, toTs: Infinity, limit: Infinity };
      return (await store.ask("labelBlock", { series, paramHash, ...range })).labels;
    },
    killWorker: () => {
      const path = `${system.root.path}/${PATHS.workers}`;
      const node = system.nodeAt(`${path}/worker-0`);
      if (node instanceof ThreadNode) node.kill();
      // What comes in small batches is labelled here, and has to fail too.
      system.restart(`${path}/live`);
      return "every label worker";
    },
    restarts: () => restartsOf(system.tree()),
    stop: async () => {
      await system.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return tree;
};

/** Where a configuration keeps its data. */
function storeOf(config: WickConfig): StoreArgs {
  const { data, durability, retainCandles, retainLogRows, retainDeadLetters } = config;
  return {
    kind: "sqlite",
    options: {
      path: data === ":memory:" ? data : `${data}/wick.db`,
      durability,
      retention: {
        ...(retainCandles === null ? {} : { candles: retainCandles }),
        ...(retainLogRows === null ? {} : { logRows: retainLogRows }),
        letters: retainDeadLetters,
      },
    },
  };
}

/** Taken by another process: try again. Everything else has to be mended first. */
function serveError(error: unknown): ServeError {
  const causes = causesOf(error);
  const isTaken = storeErrorCode(error) === "locked" ||
    causes.some((cause) => "code" in cause && cause.code === "EADDRINUSE");
  // The innermost text of ours says what to do; what lies below it is the machine's own.
  const said = causes.findLast(({ message }) => message.startsWith("Cannot "));
  const message = said === undefined ? textOf(error) : said.message;
  return new ServeError(message, isTaken ? Exit.tryAgain : Exit.failed, { cause: error });
}

const runServe: RunServe = async (config, log, io) => {
  const instruments = config.instrumentsFile === null
    ? new InstrumentRegistry()
    : await readInstruments(config.instrumentsFile).catch((error) => {
      throw new ServeError(textOf(error), Exit.usage, { cause: error });
    });
  const wick = await startWick({
    store: storeOf(config),
    params: labelParamsOf(config),
    instruments,
    admission: admissionOf(config),
    ...(config.workers === null ? {} : { workers: config.workers }),
    feeds: config.feeds.map((feed) => ({
      name: feed.name,
      priority: feed.priority,
      bulk: feed.bulk,
      source: () => sourceOf(feed, config.feedBatchRows, io.clock),
    })),
    monitor: { intervalMs: config.monitorIntervalMs },
    admin: {
      about: { name: "wick", version: parts.version },
      options: {
        hostname: config.host,
        port: config.port,
        hosts: config.allowedHosts,
        tokens: { act: config.token, read: config.readToken },
      },
    },
    system: { log },
  }).catch((error) => {
    throw serveError(error);
  });
  const { url } = await wick.admin.ask("status", {});
  const feeds = config.feeds.map(({ name }) => wick.feed(name));
  let committed = 0;
  /** Batches under way; none when nobody can say. */
  const look = async (): Promise<number> => {
    const status = await wick.pool.ask("status", {}).catch(() => null);
    committed = status?.candles ?? committed;
    return status?.queuedBatches ?? 0;
  };
  const drain = async (): Promise<Drained> => {
    const deadlineMs = io.clock.now() + config.drainMs;
    const leftMs = () => Math.max(1, deadlineMs - io.clock.now());
    await wick.system.stopAt(`${wick.system.root.path}/admin`).catch(() => {});
    await Promise.allSettled(feeds.map((feed) => feed.ask("pause", {}, { timeoutMs: leftMs() })));
    let left = await look();
    while (left > 0 && io.clock.now() < deadlineMs) {
      await pause(io.clock, DRAIN_LOOK_MS);
      left = await look();
    }
    await wick.system.stop({ deadlineMs: leftMs() });
    return left === 0
      ? { state: "drained", detail: `${committed} candles committed since the start` }
      : { state: "cut", detail: `${left} batches were not committed; their senders know` };
  };
  let draining: Promise<Drained> | null = null;
  return {
    url,
    data: config.data,
    progress: () => `${committed} candles committed`,
    drain: () => draining ??= drain(),
    abort: () => {},
    done: doneOf(wick),
  };
};

/** Between looks at what is left while draining. */
const DRAIN_LOOK_MS = 20;

function doneOf(wick: Wick): Promise<Error | null> {
  return wick.system.done.then((error) =>
    error === null || error instanceof Error ? error as Error | null : new Error(textOf(error))
  );
}

const parts: CliParts = {
  version: config.version,
  labelFile: {
    actor: labelFile,
    entry: threadEntry(new URL("./actors/threads/label_file.ts", import.meta.url)),
  },
  runDemo: (options, io) => runDemoTree(startDemoTree, systemRandom, options, io),
  runServe,
};

if (import.meta.main) {
  Deno.exit(await runCommand(Deno.args, parts, processIo()));
}
