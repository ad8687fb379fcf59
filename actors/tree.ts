/**
 * The supervision tree as data: who runs under whom, in what order, knowing whom. Asks go only
 * towards children that were started earlier, so they cannot form a cycle.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import {
  ActorDown,
  causesOf,
  child,
  type ChildSpec,
  createSystem,
  type LogLevel,
  type Ref,
  type System,
  systemClock,
  type SystemOptions,
  systemRandom,
  type TreeRefs,
} from "../src/actor/mod.ts";
import { stderrLog } from "../src/actor/system.ts";
import { threadEntry } from "../src/actor/thread_url.ts";
import {
  type AdmissionByCount,
  type AdmissionOptions,
  Door,
  type Refusal,
} from "../src/label/admission.ts";
import type { LabelParams } from "../src/label/params.ts";
import { DEFAULT_PARAMS, historyBars } from "../src/label/params.ts";
import type { FeedSource } from "../src/feed/port.ts";
import { feed } from "./feed.ts";
import { labelPool, type WorkerThreads } from "./label_pool.ts";
import { monitor, type MonitorCollector, processFigures } from "./monitor.ts";
import { backfill } from "./backfill.ts";
import { provider } from "./provider.ts";
import { Backfill, type JobStatus, Provider } from "./protocols_batch.ts";
import type { RunReport } from "../src/batch/report_schema.ts";
import type { BatchSettings } from "../src/provider/batch_status.ts";
import type { DataProvider } from "../src/provider/port.ts";
import { admin, type AdminArgs } from "./admin.ts";
import { traceCounts } from "./trace_counts.ts";
import { letters, lettersArgs } from "./letters.ts";
import { nodeGate } from "./node_gate.ts";
import { Service, storeLog } from "./service.ts";
import { webhook } from "./webhook.ts";
import type { LabelLog } from "../src/http/label_log.ts";
import { LogRing } from "../src/http/log_ring.ts";
import { GATE_PATH } from "../src/http/node_gate.ts";
import { assertWebhooks, type WebhookSpec } from "../src/http/webhook/options.ts";
import { InstrumentRegistry } from "../src/market/instrument.ts";
import type { AlertEvent } from "../src/monitor/alert.ts";
import type { TuningEvent } from "../src/monitor/tuning_view.ts";
import { type OwnMetric, ownRules } from "../src/monitor/own_metrics.ts";
import { wickRules } from "../src/monitor/rules.ts";
import type { Sample } from "../src/monitor/samples.ts";
import { type TargetChange, type TargetMeasure, targetsWith } from "../src/monitor/targets.ts";
import type { AlertSinkSpec } from "../src/http/webhook/alert_sink.ts";
import {
  ALERT_SINKS_PATH,
  alertSinkCollectors,
  alertSinksOf,
  OUTSIDE_RESTARTS,
  tellSinks,
} from "./tree_alerts.ts";
import { backfillFinding, JobTotals } from "../src/monitor/collect_backfill.ts";
import { cacheFinding, CacheTotals } from "../src/monitor/collect_cache.ts";
import { providerFinding } from "../src/monitor/collect_provider.ts";
import { feedFinding, poolFinding, storeFinding } from "../src/monitor/collect_ingest.ts";
import {
  letterFinding,
  type ProcessFigures,
  processFinding,
} from "../src/monitor/collect_process.ts";
import { warmFinding } from "../src/monitor/collect_warm.ts";
import { webhookFinding } from "../src/monitor/collect_webhook.ts";
import { treeFinding } from "../src/monitor/collect_tree.ts";
import { labelWorker } from "./label_worker.ts";
import type { ChangedRecord } from "../src/store/nodes/followed_store.ts";
import {
  followerChild,
  joinFabric,
  NODE_PATHS,
  nodeChild,
  nodeCollectors,
  type NodesSpec,
  ownRecords,
  sharedBudgetOf,
  sharedOf,
  streamChildren,
  type TreeNodes,
  treeNodesOf,
} from "./tree_nodes.ts";
import { type IngestRef, PartitionWriter } from "./protocols_nodes.ts";
import { CACHE_PATHS, cacheChild, shardName, type TreeCache, treeCacheOf } from "./tree_cache.ts";
import { type TunedTree, tuningOf, type TuningSpec } from "./tree_tuning.ts";
import { CacheShard, type CacheValue } from "./protocols_cache.ts";
import { Warmer } from "./protocols_warm.ts";
import { warmer, type WarmingSpec } from "./warmer.ts";
import { type AccessLog, Answer } from "../src/cache/access_log.ts";
import { assertCacheKey, KEY_KINDS } from "../src/cache/key.ts";
import type { CacheSpec } from "../src/cache/spec.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import { aggregator } from "./aggregator.ts";
import { refreshCoordinator } from "./refresh_coordinator.ts";
import { Aggregator, RefreshCoordinator, type RefreshNews } from "./protocols_refresh.ts";
import {
  checkedEdgeChange,
  checkedRefresh,
  checkedRunSpec,
  type GivenOptimizationEdgeChange,
  type GivenOptimizedRefresh,
  type GivenRunSpec,
  REFRESH_TIMEOUT_MAX_MS,
} from "../src/http/refresh_input.ts";
import type {
  CreateAnswer,
  OptimizationChangeTaken,
  OptimizedRefreshAnswer,
} from "../src/refresh/service_types.ts";
import type { RefreshSpec } from "../src/refresh/refresh_spec.ts";
import { refreshFinding } from "../src/monitor/collect_refresh.ts";
import { commitSink } from "./commit_sink.ts";
import { labelSink } from "./label_sink.ts";
import {
  Admin,
  type CommitNews,
  CommitSink,
  Feed,
  LabelPool,
  LabelSink,
  LabelWorker,
  Monitor,
  type PublishedLabels,
  Store,
  Webhook,
} from "./protocols.ts";
import { store, type StoreArgs } from "./store.ts";

/** A feed of the tree. */
export interface FeedSpec {
  /** Name of its actor; unique among the feeds. */
  readonly name: string;
  /** Makes the source; called anew at every restart of the feed. */
  readonly source: () => FeedSource;
  /**
   * 0 to 10, default 5; under overload the lowest is refused first. Counts only when `bulk` is
   * false.
   */
  readonly priority?: number;
  /**
   * Whether the source can wait, as a file can; default true. Then only the bound on queued rows
   * refuses it.
   */
  readonly bulk?: boolean;
}

/** An upstream provider of the tree. */
export interface ProviderSpec {
  /** Name of its actor; unique among the providers. */
  readonly name: string;
  /** Makes it; called anew at every restart. */
  readonly open: () => DataProvider | Promise<DataProvider>;
  /**
   * How its limits begin when nothing is known of a former process: `full` waits a whole window first,
   * which is strict; `free` is for one that nobody else can have used. Default `full`.
   */
  readonly begin?: "full" | "free";
  /** How keys are grouped into its calls; what is left out is as by default. */
  readonly batch?: Partial<BatchSettings>;
}

/** How the monitor looks at the tree. */
export interface MonitorSettings {
  /**
   * Whether figures are collected, default true. Without them the health of the parts is all that
   * the monitor knows, and the event loop is not probed.
   */
  readonly figures?: boolean;
  /** Time between two looks, ms; default 5,000. */
  readonly intervalMs?: number;
  /** Time that a look may take, ms; default 2,000. */
  readonly timeoutMs?: number;
  /** Time between two probes of the event loop, ms; default 20, null = none. */
  readonly lagEveryMs?: number | null;
  /** Least time between two tellings of one alert, ms; default 5 min. */
  readonly alertCooldownMs?: number;
  /**
   * What measures should be where that differs from the defaults: for the health and its limiting
   * factor, and for the alerts.
   */
  readonly targets?: Readonly<Partial<Record<TargetMeasure, TargetChange>>>;
  /** Metrics of one's own; see {@linkcode Wick.measure}. */
  readonly metrics?: readonly OwnMetric[];
  /** What it may change by itself; default as by default of {@linkcode TuningSpec}. Needs figures. */
  readonly tuning?: TuningSpec;
  /** Memory and processor time, for tests and simulations; default: of this process. */
  readonly process?: () => ProcessFigures;
}

/** What `/api/log` shows of what goes to the log. */
export interface ShownLog {
  /** Whether a line is kept to be shown; default: info and worse. */
  readonly admits?: (level: LogLevel, path: string) => boolean;
  /** Texts that are not shown; those of the tokens never are. */
  readonly secrets?: readonly string[];
}

/** What the tree is made of. */
export interface WickOptions {
  /** This process as one node of several; default: it is alone. Its store is then a shared one. */
  readonly nodes?: NodesSpec | null;
  /** Name of the root; default `wick`. */
  readonly name?: string;
  /** Where senders look whether they would be refused; {@linkcode startWick} makes one. */
  readonly door?: Door;
  /** Where candles, labels and cursors go; default: memory. */
  readonly store?: StoreArgs;
  /** What a label is; default {@linkcode DEFAULT_PARAMS}. */
  readonly params?: LabelParams;
  /** Threads that label; default: the cores. */
  readonly workers?: number;
  /**
   * Expected delays at which requests, and batches of feeds that are not `bulk`, are refused;
   * default {@linkcode ADMISSION_DEFAULTS}.
   */
  readonly admission?: AdmissionOptions | AdmissionByCount;
  /** Started after everything else, in this order; default: none. */
  readonly feeds?: readonly FeedSpec[];
  /** Called with the labels of every commit, after it, in the order of commits. */
  readonly onLabels?: (published: PublishedLabels) => void;
  /** Upstream providers; default: none. */
  readonly providers?: readonly ProviderSpec[];
  /** The cache in front of providers, labels and levels; default: none. */
  readonly cache?: CacheSpec | null;
  /** What loads into the cache ahead of need; default: nothing does. It needs a cache. */
  readonly warming?: WarmingSpec | null;
  /**
   * Clusters of edges and optimisation runs, which follow the prices of instruments; default: none;
   * `{}` = as by default.
   */
  readonly refresh?: RefreshSpec | null;
  /** Told of refreshes of runs, and of what they publish. */
  readonly onRefresh?: (news: RefreshNews) => void;
  /** Told when an alert begins, ends, is acknowledged or held back. */
  readonly onAlert?: (event: AlertEvent) => void;
  /** Told when the monitor changes something by itself, and how that came out. */
  readonly onTuning?: (event: TuningEvent) => void;
  /** Name of the provider that is asked for what feeds leave out; default: none is. */
  readonly fillHolesFrom?: string;
  /** Told when a job changes its state (`job`), and at most once a second how it goes. */
  readonly onJob?: (type: "job" | "job_progress", status: JobStatus) => void;
  /** Told of the report of each run of a job, when it is over; not of those for holes. */
  readonly onReport?: (report: RunReport) => void | Promise<void>;
  /** Who is told of alerts, beside the log and the events; default: nobody. Needs the monitor. */
  readonly alertSinks?: readonly AlertSinkSpec[];
  /** URLs that labels are delivered to; default: none. */
  readonly webhooks?: readonly WebhookSpec[];
  /** Actors that are told of every commit, also of those without labels; see `LabelSink`. */
  readonly sinks?: readonly ChildSpec[];
  /** What looks at all of it; default: nothing does. */
  readonly monitor?: MonitorSettings | null;
  /** The admin HTTP; default: none. It needs the monitor. */
  readonly admin?: {
    readonly about: { readonly name: string; readonly version: string };
    readonly options?: AdminArgs["options"];
    /** Which of the log's last lines are shown, and what in them is not. */
    readonly log?: ShownLog;
  } | null;
  /** Whose calendars say which bars are missing; default: those of the asset classes. */
  readonly instruments?: InstrumentRegistry;
  /** Overrides for tests and simulations: clock, random, log and the like. */
  readonly system?: Omit<SystemOptions, "name" | "children" | "strategy">;
}

/**
 * With what {@linkcode startWick} makes for the admin HTTP.
 *
 * @internal
 */
export interface TreeOptions extends WickOptions {
  /** What the admin HTTP shows. */
  readonly service?: Service | null;
  /** The label log, which is told of every commit; that of `service` when there is one. */
  readonly log?: LabelLog | null;
  /** The cache that `cache` describes. */
  readonly treeCache?: TreeCache | null;
  /** The node that `nodes` describes. */
  readonly treeNodes?: TreeNodes | null;
}

/** What is known of an access beside its key. */
export interface AccessContext {
  /** Who; accesses of one user follow each other. Default: nobody said. */
  readonly user?: string | null;
  /** Sector of the key's symbol, for one of which no instrument or `PUT /warming/sectors` says it. */
  readonly sector?: string | null;
}

/** Refs into a running tree. */
export interface Wick {
  /** The whole tree: its nodes, dead letters and counts, and how to stop it. */
  readonly system: System;
  /** Candles, labels and cursors as committed. */
  readonly store: Ref<typeof Store.definition>;
  /** Takes candles and requests for labels. */
  readonly pool: Ref<typeof LabelPool.definition>;
  /**
   * Why candles of this priority (0 to 10) would be refused now, at once and without a message; null =
   * send them, for example with {@linkcode Wick.pool}. For senders that come in thousands a second.
   */
  refusal(priority: number): Refusal | null;
  /** The label log; null in a tree that was made without one. See {@linkcode labels}. */
  readonly log: LabelLog | null;
  /** The cache, reached without messages where it has what is asked for; null without one. */
  readonly cache: CacheRouter<CacheValue> | null;
  /** What loads into the cache ahead of need; null without it. */
  readonly warmer: Ref<typeof Warmer.definition> | null;
  /** Folds changes of edges into impact per cluster; null in a tree without refreshing. */
  readonly aggregator: Ref<typeof Aggregator.definition> | null;
  /** Keeps the best set of each optimisation run; null in a tree without refreshing. */
  readonly refresh: Ref<typeof RefreshCoordinator.definition> | null;
  /**
   * Makes an optimisation run; what its specification leaves out is as by default. Everything else
   * of runs is a message of {@linkcode Wick.refresh}.
   *
   * @throws {TypeError} by rejecting, in a tree without refreshing, and for what is no specification.
   */
  createRun(spec: GivenRunSpec): Promise<CreateAnswer>;
  /**
   * Takes one change of an edge, to clusters and runs alike; null when there is no such run.
   *
   * @throws {TypeError} by rejecting, in a tree without refreshing, and for what is no change; else
   * as asks reject.
   */
  recordOptimizationEdgeChange(
    change: GivenOptimizationEdgeChange,
  ): Promise<OptimizationChangeTaken | null>;
  /**
   * Refreshes a run with all that was held back, by the cheapest way, falling back if need be.
   *
   * @throws {TypeError} by rejecting, in a tree without refreshing, and for what says no refresh;
   * else as asks reject.
   */
  executeOptimizedRefresh(refresh: GivenOptimizedRefresh): Promise<OptimizedRefreshAnswer>;
  /**
   * Tells the warmer of an access that the cache did not see, at once and without a message; for
   * callers that come in thousands a second. What comes faster than it can be noted is lost and
   * counted; without a warmer nothing happens.
   *
   * @throws {CacheError} code `key` for what is no key.
   */
  trackAccess(key: string, context?: AccessContext): void;
  /**
   * Takes measurements of metrics of one's own (see {@linkcode MonitorSettings.metrics}), at once and
   * without a reply; what names no declared metric is counted and logged. Without a monitor nothing
   * happens.
   */
  measure(samples: readonly Sample[]): void;
  /** Starts, pauses and shows jobs that fetch from the providers. */
  readonly backfill: Ref<typeof Backfill.definition>;
  /** The provider of that name; asking one that was not declared rejects with `ActorStopped`. */
  provider(name: string): Ref<typeof Provider.definition>;
  /** The feed of that name; asking one that was not declared rejects with `ActorStopped`. */
  feed(name: string): Ref<typeof Feed.definition>;
  /** The admin HTTP, when there is one. */
  readonly admin: Ref<typeof Admin.definition>;
}

/** A node that is new reads all that the others have: 1 GB in some minutes. */
const CATCH_UP_MS = 600_000;
/** Queued blocks of columns: bounded in bytes rather than in messages. */
const BLOCKS_MAILBOX = { bound: 8_192, boundBytes: 256 * 1024 * 1024 } as const;

/** The tree of architecture.md, as far as its subsystems exist, as data. */
export function wickTree(options: TreeOptions = {}): SystemOptions {
  const count = options.workers ?? availableParallelism();
  const params = options.params ?? DEFAULT_PARAMS;
  const workers = Array.from({ length: count }, (_, i) => `worker-${i}`);
  const threads = new LabelThreads(workers.map((worker) => `${PATHS.workers}/${worker}`));
  assertEnoughBars(options.store, params);
  assertNamed(options);
  const { treeCache = null, treeNodes = null } = options;
  const sinks = [...options.sinks ?? []];
  if (options.onLabels !== undefined) {
    const { onLabels } = options;
    const args = {
      onLabels: (published: PublishedLabels) => {
        if (published.labels.length > 0) onLabels(published);
      },
    };
    sinks.push(child(labelSink, { name: "on_labels", args }));
  }
  const commitSinks = commitSinksOf(options);
  const packed = isPacked(options.store);
  const totals = new JobTotals();
  const { tracing } = options.system ?? {};
  return {
    ...options.system,
    ...(tracing === undefined ? {} : { tracing: { countsOf: traceCounts, ...tracing } }),
    name: options.name ?? "wick",
    strategy: "one_for_one",
    children: [...monitorOf(options, totals, threads), ...alertsOf(options), ...adminOf(options), {
      name: "core",
      strategy: "rest_for_one",
      intensity: 3,
      children: [
        child(store, {
          name: "store",
          args: options.store ?? { kind: "memory" },
          // A copy is brought up to the log first.
          ...(options.store?.kind === "shared" ? { initTimeoutMs: CATCH_UP_MS } : {}),
          ...(packed ? { mailbox: BLOCKS_MAILBOX, thread: { entry: STORE_ENTRY } } : {}),
        }),
        ...(packed ? [child(letters, { name: "letters", args: lettersOf })] : []),
        {
          name: "providers",
          children: (options.providers ?? []).map((spec) => providerChild(spec, treeNodes)),
        },
        ...(treeCache === null ? [] : [cacheChild(treeCache, PATHS, treeNodes !== null)]),
        { name: "sinks", children: [...sinks, ...commitSinks] },
        {
          name: "work",
          children: [
            ...followerOf(options, sinks, commitSinks),
            ...webhooksOf(options),
            ...refreshOf(options),
            ...warmerOf(options),
            {
              name: "ingest",
              strategy: "rest_for_one",
              intensity: 5,
              children: [
                {
                  name: "workers",
                  intensity: 5,
                  children: [
                    child(labelWorker, { name: "live", args: { params } }),
                    ...workers.map((worker) =>
                      child(labelWorker, {
                        name: worker,
                        args: { params },
                        mailbox: BLOCKS_MAILBOX,
                        thread: {
                          entry: threadEntry(new URL("./threads/label_worker.ts", import.meta.url)),
                          prewarm: true,
                        },
                      })
                    ),
                  ],
                },
                child(labelPool, {
                  name: "label_pool",
                  mailbox: { bound: 65_536, boundBytes: 256 * 1024 * 1024 },
                  args: (refs) => ({
                    store: refs.ask(Store, PATHS.store),
                    workers: workers.map((worker) =>
                      refs.ask(LabelWorker, `${PATHS.workers}/${worker}`)
                    ),
                    threads: threads.of(refs.system),
                    live: refs.ask(LabelWorker, `${PATHS.workers}/live`),
                    params,
                    packed,
                    ...(options.monitor === undefined || options.monitor === null ||
                        options.monitor.figures === false
                      ? {}
                      : { monitor: refs.tell(Monitor, "monitor") }),
                    // Where nobody looks nothing is measured.
                    isMeasured: (options.monitor ?? null) !== null ||
                      (options.service ?? null) !== null,
                    // In a node whoever sends candles sends them to the streams, and looks there.
                    ...(treeNodes === null ? doorOf(options) : { isFollowed: true }),
                    sinks: sinks.map((sink) => refs.tell(LabelSink, `${PATHS.sinks}/${sink.name}`)),
                    commitSinks: commitSinks.map((sink) =>
                      refs.tell(CommitSink, `${PATHS.sinks}/${sink.name}`)
                    ),
                    ...(options.admission === undefined ? {} : { admission: options.admission }),
                    ...(treeCache === null ? {} : cacheOfPool(treeCache, refs)),
                  }),
                }),
                ...(treeNodes === null ? [] : streamChildren(treeNodes, PATHS, packed, {
                  ...doorOf(options),
                  ...(options.admission === undefined ? {} : { admission: options.admission }),
                })),
                feedsOf(options),
                ...(treeNodes === null ? [] : [nodeChild(treeNodes, PATHS, params)]),
              ],
            },
            child(backfill, {
              name: "backfill",
              args: (refs) => backfillArgs(options, refs, totals),
            }),
          ],
        },
      ],
    }],
  };
}

/** The threads of the label workers, as the pool starts and ends them. */
class LabelThreads implements WorkerThreads {
  count: number | null = null;
  #system: System | null = null;

  /** Those at these paths below the root. */
  constructor(readonly paths: readonly string[]) {}

  of(system: System): this {
    this.#system = system;
    return this;
  }

  async start(index: number): Promise<boolean> {
    return await this.#system?.startAt(this.#pathOf(index)) ?? false;
  }

  async stop(index: number): Promise<void> {
    await this.#system?.stopAt(this.#pathOf(index));
  }

  /** Whether the actor at this path is a worker that is not wished for. */
  readonly isSpare = (path: string): boolean =>
    this.count !== null && this.paths.indexOf(path) >= this.count;

  #pathOf(index: number): string {
    return `${this.#system?.root.path}/${this.paths[index]}`;
  }
}

/** Everything that reads a source. */
function feedsOf(options: TreeOptions): ChildSpec {
  const { feeds = [], treeNodes = null, fillHolesFrom, instruments } = options;
  return {
    name: "feeds",
    ...OUTSIDE_RESTARTS,
    children: feeds.map(({ name, source, priority, bulk }) =>
      child(feed, {
        name,
        args: (refs) => ({
          store: refs.ask(Store, PATHS.store),
          pool: ingestOf(refs, treeNodes),
          source,
          ...(fillHolesFrom === undefined ? {} : { backfill: refs.tell(Backfill, PATHS.backfill) }),
          ...(instruments === undefined ? {} : { instruments }),
          ...(priority === undefined ? {} : { priority }),
          ...(bulk === undefined ? {} : { bulk }),
        }),
      })
    ),
  };
}

function providerChild(
  { name, open, begin, batch }: ProviderSpec,
  nodes: TreeNodes | null,
): ChildSpec {
  const tuned: { lingerMs: number | null } = { lingerMs: null };
  return child(provider, {
    name,
    args: (refs) => ({
      store: refs.ask(Store, PATHS.store),
      open,
      tuned,
      ...sharedBudgetOf(nodes),
      ...(begin === undefined ? {} : { begin }),
      ...(batch === undefined ? {} : { batch }),
    }),
  });
}

/** Before what computes labels: those that it wants come by message. */
function warmerOf(
  { warming = null, treeCache = null, treeNodes = null, instruments }: TreeOptions,
): ChildSpec[] {
  if (warming === null) return [];
  if (treeCache === null) {
    throw new TypeError("Cannot warm: expected a cache: current value is none");
  }
  const { router, accesses, ttl, spec: { provider: name } } = treeCache;
  const calls: number[] = [];
  const tuned: { callsPerMinute: number | null } = { callsPerMinute: null };
  return [child(warmer, {
    name: "warmer",
    args: (refs) => ({
      spec: warming,
      router,
      accesses,
      ttl,
      instruments: instruments ?? new InstrumentRegistry(),
      store: ownRecords(refs.ask(Store, PATHS.store), treeNodes),
      provider: name === null ? null : refs.ask(Provider, `${PATHS.providers}/${name}`),
      calls,
      tuned,
    }),
  })];
}

/** Before what makes candles, whose commits move edges; one cannot do without the other. */
function refreshOf(options: TreeOptions): ChildSpec[] {
  const { refresh: spec = null, treeCache = null, instruments, providers = [] } = options;
  // Runs are those of the node on which they were made.
  const storeOf = (refs: TreeRefs) =>
    ownRecords(refs.ask(Store, PATHS.store), options.treeNodes ?? null);
  if (spec === null) return [];
  const { service = null, onRefresh } = options;
  const children = [
    child(aggregator, {
      name: "aggregator",
      args: (refs) => ({
        spec,
        store: storeOf(refs),
        packed: isPacked(options.store),
        coordinator: refs.tell(RefreshCoordinator, PATHS.coordinator),
        router: treeCache?.router ?? null,
        instruments: instruments ?? new InstrumentRegistry(),
      }),
    }),
    child(refreshCoordinator, {
      name: "refresh_coordinator",
      args: (refs) => ({
        spec,
        store: storeOf(refs),
        aggregator: refs.ask(Aggregator, PATHS.aggregator),
        providers: new Map(
          providers.map(({ name }) => [name, refs.ask(Provider, `${PATHS.providers}/${name}`)]),
        ),
        onNews: (news: RefreshNews) => {
          service?.refreshEvent(news);
          onRefresh?.(news);
        },
      }),
    }),
  ];
  return [{ name: "refresh", strategy: "one_for_all", intensity: 3, children }];
}

/** Tells the aggregator of commits; it starts after the sinks. */
function refreshSinkOf({ refresh = null }: TreeOptions): ChildSpec[] {
  if (refresh === null || refresh.followsPrices === false) return [];
  return [child(commitSink, {
    name: "refresh",
    args: (refs) => {
      const ref = refs.tell(Aggregator, PATHS.aggregator);
      return { onCommit: (news: CommitNews) => void ref.tell("committed", news) };
    },
  })];
}

function cacheOfPool({ router }: TreeCache, refs: TreeRefs) {
  const shards = Array.from(
    { length: router.shards },
    (_, index) => refs.tell(CacheShard, `${CACHE_PATHS.cache}/${shardName(index)}`),
  );
  return { cache: router, shards };
}

function doorOf({ door }: TreeOptions) {
  return door === undefined ? {} : { door };
}

/** Whoever takes candles here: the streams of all nodes, or the pool where it is alone. */
function ingestOf(refs: TreeRefs, nodes: TreeNodes | null): IngestRef {
  return nodes === null
    ? refs.ask(LabelPool, PATHS.pool)
    : refs.ask(PartitionWriter, NODE_PATHS.writer);
}

/** In a node commits are told of by who follows the log. */
function followerOf(
  { treeNodes = null, treeCache = null, service = null }: TreeOptions,
  sinks: readonly ChildSpec[],
  commitSinks: readonly ChildSpec[],
): ChildSpec[] {
  if (treeNodes === null) return [];
  const cache = treeCache?.router ?? null;
  const onRecords = (changed: readonly ChangedRecord[] | null) =>
    void service?.recordsChanged(changed).catch(() => {});
  return [followerChild(treeNodes, PATHS, { sinks, commitSinks, cache, onRecords })];
}

function backfillArgs(
  { providers = [], service = null, treeNodes = null, fillHolesFrom, onJob, onReport }: TreeOptions,
  refs: TreeRefs,
  totals: JobTotals,
) {
  return {
    store: refs.ask(Store, PATHS.store),
    pool: ingestOf(refs, treeNodes),
    providers: new Map(
      providers.map(({ name }) => [name, refs.ask(Provider, `${PATHS.providers}/${name}`)]),
    ),
    ...(fillHolesFrom === undefined ? {} : { fillHolesFrom }),
    ...sharedOf(treeNodes),
    onEvent: (type: "job" | "job_progress", status: JobStatus) => {
      service?.jobEvent(type, status);
      onJob?.(type, status);
    },
    onReport: async (report: RunReport, of: "job" | "hole") => {
      totals.add(report);
      if (of === "job") await onReport?.(report);
    },
  };
}

/** The service, or the label log of a tree without one; and what follows prices. */
function commitSinksOf(options: TreeOptions): ChildSpec[] {
  return [...logSinkOf(options), ...refreshSinkOf(options)];
}

function logSinkOf({ service = null, log = null }: TreeOptions): ChildSpec[] {
  if (service !== null) {
    const args = { onCommit: (news: CommitNews) => service.published(news) };
    return [child(commitSink, { name: "service", args })];
  }
  if (log === null) return [];
  const args = { onCommit: ({ seq }: CommitNews) => log.committed(seq) };
  return [child(commitSink, { name: "log", args })];
}

const STORE_ENTRY = threadEntry(new URL("./threads/store.ts", import.meta.url));

/** Whether the store runs in a thread, so that commits travel packed. */
function isPacked(store: StoreArgs | undefined): boolean {
  return store?.kind === "sqlite" || store?.kind === "shared";
}

function lettersOf({ ask, system }: TreeRefs) {
  return lettersArgs(ask(Store, PATHS.store), system);
}

/** Started before what makes labels, so that the last ones find them. */
function webhooksOf(
  { webhooks = [], service = null, treeNodes = null, log = service?.log ?? null }: TreeOptions,
) {
  if (webhooks.length === 0) return [];
  if (log === null) throw new TypeError("Cannot run webhooks: expected a label log");
  assertWebhooks(webhooks);
  const supervisor: ChildSpec = {
    name: "webhooks",
    ...OUTSIDE_RESTARTS,
    children: webhooks.map((spec) =>
      child(webhook, {
        name: spec.name,
        args: (refs) => ({
          ...{ store: refs.ask(Store, PATHS.store), log, spec },
          ...sharedOf(treeNodes),
        }),
      })
    ),
  };
  return [supervisor];
}

function adminOf(
  { admin: settings, service = null, treeNodes = null }: TreeOptions,
): ChildSpec[] {
  if (settings === undefined || settings === null || service === null) return [];
  const { options } = settings;
  const portOf = (system: System) => () => {
    service.attach(system);
    return service.port();
  };
  const served = child(admin, {
    name: "admin",
    args: ({ system }) => ({
      port: portOf(system),
      tracing: system.tracing,
      ...(options === undefined ? {} : { options }),
    }),
  });
  if (treeNodes === null) return [served];
  // What one node shows of itself, the others can show too.
  const gate = child(nodeGate, {
    name: GATE_PATH,
    args: ({ system }) => ({ port: portOf(system) }),
  });
  return [served, gate];
}

/** None unless asked for: a periodic timer would keep a simulation from coming to rest. */
function monitorOf(
  options: TreeOptions,
  totals: JobTotals,
  threads: LabelThreads,
): ChildSpec[] {
  const { monitor: settings, feeds = [], webhooks = [], providers = [] } = options;
  const { treeCache = null, treeNodes = null, warming = null, refresh = null } = options;
  if (settings === undefined || settings === null) return [];
  const cacheTotals = new CacheTotals(KEY_KINDS);
  return [child(monitor, {
    name: "monitor",
    args: ({ system }) => {
      const pool = system.ref(LabelPool, PATHS.pool);
      const { figures = true, alertCooldownMs, tuning, process, ...others } = settings;
      const { metrics: own = [], targets: changes, ...rest } = others;
      const targets = targetsWith(changes);
      const { service = null, onAlert, alertSinks = [] } = options;
      const cores = availableParallelism();
      return {
        ...rest,
        targets,
        own,
        cores,
        alerts: !figures ? null : {
          rules: [...wickRules({ cores, targets }), ...ownRules(own)],
          store: system.ref(Store, PATHS.store),
          ...(alertCooldownMs === undefined ? {} : { cooldownMs: alertCooldownMs }),
          ...sharedOf(treeNodes),
          onAlert: (event) => {
            service?.alertEvent(event);
            if (event.type !== "suppressed") tellSinks(system, alertSinks);
            onAlert?.(event);
          },
        },
        // Without figures there is nothing to decide by.
        tuning: !figures ? null : tunedBy(options, tuning ?? {}, system, { cores, targets }),
        ...(figures ? {} : { lagEveryMs: null }),
        collectors: collectorsOf(figures, [
          { name: "tree", collect: () => treeFinding(system.tree(), threads.isSpare) },
          { name: "dead_letters", collect: () => letterFinding(system.deadLetters) },
          { name: "process", collect: () => processFinding((process ?? processFigures)()) },
          {
            name: PATHS.pool,
            collect: async () => poolFinding(PATHS.pool, await pool.ask("status", {})),
          },
          {
            name: PATHS.store,
            collect: async () =>
              storeFinding(PATHS.store, await system.ref(Store, PATHS.store).ask("info", {})),
          },
          ...feeds.map(({ name }) => {
            const path = `${PATHS.feeds}/${name}`;
            const ref = system.ref(Feed, path);
            return {
              name: path,
              collect: async () => feedFinding(path, await ref.ask("status", {})),
            };
          }),
          ...nodeCollectors(options.treeNodes ?? null, system),
          ...alertSinkCollectors(system, alertSinks),
          ...webhooks.map(({ name }) => {
            const path = `${PATHS.webhooks}/${name}`;
            const ref = system.ref(Webhook, path);
            return {
              name: path,
              collect: async () => webhookFinding(path, await ref.ask("status", {})),
            };
          }),
          ...providers.map(({ name }) => {
            const path = `${PATHS.providers}/${name}`;
            const ref = system.ref(Provider, path);
            return {
              name: path,
              collect: async () => providerFinding(path, await ref.ask("status", {})),
            };
          }),
          ...(treeCache === null ? [] : [{
            name: CACHE_PATHS.cache,
            collect: async () => {
              const figures = {
                shards: treeCache.router.status(),
                shardsMax: treeCache.router.shards,
                tier: await treeCache.tierStatus(),
              };
              return cacheFinding(CACHE_PATHS.cache, figures, cacheTotals);
            },
          }]),
          ...(warming === null ? [] : [{
            name: PATHS.warmer,
            collect: async () => {
              const ref = system.ref(Warmer, PATHS.warmer);
              const [stats, status] = await Promise.all([
                ref.ask("stats", {}),
                ref.ask("status", {}),
              ]);
              return warmFinding(PATHS.warmer, stats, status);
            },
          }]),
          ...(refresh === null ? [] : [{
            name: PATHS.refresh,
            collect: async () => {
              const ref = system.ref(RefreshCoordinator, PATHS.coordinator);
              return refreshFinding(PATHS.refresh, await ref.ask("stats", {}));
            },
          }]),
          {
            name: PATHS.backfill,
            collect: async () => {
              const jobs = await system.ref(Backfill, PATHS.backfill).ask("jobs", {});
              return backfillFinding(PATHS.backfill, jobs, totals);
            },
          },
        ]),
      };
    },
  })];
}

function tunedBy(
  options: TreeOptions,
  spec: TuningSpec,
  system: System,
  rules: Pick<TunedTree, "cores" | "targets">,
) {
  const { treeCache = null, warming = null, service = null, onTuning } = options;
  const tree = {
    ...rules,
    workers: options.workers ?? availableParallelism(),
    cache: treeCache === null ? null : { spec: treeCache.spec, shards: treeCache.router.shards },
    warming,
    refs: {
      store: ownRecords(system.ref(Store, PATHS.store), options.treeNodes ?? null),
      pool: system.ref(LabelPool, PATHS.pool),
      warmer: system.ref(Warmer, PATHS.warmer),
      shard: (index: number) => system.ref(CacheShard, `${CACHE_PATHS.cache}/${shardName(index)}`),
      provider: (name: string) => system.ref(Provider, `${PATHS.providers}/${name}`),
    },
  };
  return tuningOf(spec, tree, (event) => {
    service?.tuningEvent(event);
    onTuning?.(event);
  });
}

/** Beside the core: they tell of one that is down. */
function alertsOf(
  { alertSinks = [], monitor, admin, treeNodes = null }: TreeOptions,
): ChildSpec[] {
  if (alertSinks.length === 0) return [];
  if (monitor === undefined || monitor === null) {
    throw new TypeError("Cannot tell anybody of alerts: expected a monitor: current value is none");
  }
  const { hostname = "127.0.0.1", port = 8_003 } = admin?.options ?? {};
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  // A port that is not known before it listens makes no link.
  const isKnown = admin !== undefined && admin !== null && port !== 0;
  const baseUrl = isKnown ? `http://${host}:${port}` : "";
  if (treeNodes === null) return alertSinksOf(alertSinks, baseUrl);
  const { spec: { node }, duties } = treeNodes;
  return alertSinksOf(alertSinks, baseUrl, { node, duties, storePath: PATHS.store });
}

/** Without figures what is looked at says only how it is. */
function collectorsOf(figures: boolean, all: readonly MonitorCollector[]): MonitorCollector[] {
  if (figures) return [...all];
  return all.map(({ name, collect }) => ({
    name,
    collect: async () => {
      const { parts = [] } = await collect();
      return { samples: [], parts };
    },
  }));
}

/** Whoever asks a provider must name one that there is. */
function assertNamed({ providers = [], fillHolesFrom, cache }: WickOptions): void {
  const names = providers.map(({ name }) => name);
  const wanted = { fillHolesFrom, cacheProvider: cache?.provider ?? undefined };
  for (const [what, name] of Object.entries(wanted)) {
    if (name === undefined || names.includes(name)) continue;
    throw new TypeError(
      `Cannot start the tree: expected ${what} as one of ${names.join(", ") || "no providers"}: ` +
        `current value is ${name}`,
    );
  }
}

/** A worker's state is rebuilt from the store: it must keep as many candles as that takes. */
function assertEnoughBars(store: StoreArgs | undefined, params: LabelParams): void {
  const copy = store?.kind === "shared" ? store.copy : store;
  const barsMax = copy?.kind === "memory"
    ? copy.options?.barsMax
    : copy?.kind === "sqlite"
    ? copy.options.retention?.candles
    : undefined;
  const needed = historyBars(params);
  if (barsMax === undefined || barsMax >= needed || needed === Infinity) return;
  throw new RangeError(
    `Cannot run with horizon ${params.horizon}: expected a store of at least ${needed} bars per ` +
      `series: current value is ${barsMax}`,
  );
}

/** Refs to the parts of a running tree. */
export function wickRefs(
  system: System,
  door: Door = new Door(),
  log: LabelLog | null = null,
  cache: CacheRouter<CacheValue> | null = null,
  isWarmed = false,
  accesses: AccessLog | null = null,
  isRefreshed = false,
  isMonitored = false,
): Wick {
  const coordinator = isRefreshed ? system.ref(RefreshCoordinator, PATHS.coordinator) : null;
  const refreshing = () => {
    if (coordinator !== null) return coordinator;
    throw new TypeError("Cannot refresh: expected a tree with refreshing: current value is none");
  };
  return {
    log,
    cache,
    trackAccess: (key, { user = null, sector = null } = {}) => {
      assertCacheKey("track", key);
      accesses?.read(key, Answer.elsewhere, user, sector);
    },
    warmer: isWarmed ? system.ref(Warmer, PATHS.warmer) : null,
    aggregator: isRefreshed ? system.ref(Aggregator, PATHS.aggregator) : null,
    refresh: coordinator,
    createRun: async (spec) =>
      await refreshing().ask("createRun", checkedRunSpec(spec), REFRESH_ANSWER),
    recordOptimizationEdgeChange: async (change) =>
      await refreshing().ask("recordOptimizationEdgeChange", checkedEdgeChange(change)),
    executeOptimizedRefresh: async (refresh) =>
      await refreshing().ask("executeOptimizedRefresh", checkedRefresh(refresh), REFRESH_ANSWER),
    refusal: (priority) => door.refusal(priority),
    system,
    store: system.ref(Store, PATHS.store),
    pool: system.ref(LabelPool, PATHS.pool),
    admin: system.ref(Admin, "admin"),
    measure: (samples) => {
      if (isMonitored) system.ref(Monitor, "monitor").tell("report", samples);
    },
    backfill: system.ref(Backfill, PATHS.backfill),
    provider: (name) => system.ref(Provider, `${PATHS.providers}/${name}`),
    feed: (name) => system.ref(Feed, `${PATHS.feeds}/${name}`),
  };
}

/**
 * Starts the tree.
 *
 * @throws {StartFailed} by rejecting, when a part cannot start.
 */
export async function startWick(options: WickOptions = {}): Promise<Wick> {
  for (let tries = 1;; tries++) {
    try {
      return await startOnce(options);
    } catch (error) {
      // A copy fell behind what the log still holds while the rest started: it begins at the snapshot.
      const isLost = options.store?.kind === "shared" &&
        causesOf(error).some((cause) => cause instanceof ActorDown);
      if (!isLost || tries >= START_TRIES) throw error;
      const { log = stderrLog } = options.system ?? {};
      log?.("warn", "/wick", "starts again: the store was lost meanwhile", { tries });
    }
  }
}

async function startOnce(options: WickOptions): Promise<Wick> {
  const door = options.door ?? new Door();
  const spec = options.cache ?? null;
  const instruments = options.instruments ?? new InstrumentRegistry();
  const warming = options.warming ?? null;
  const isPlanned = warming !== null && isRenewing(warming);
  const treeCache = spec === null
    ? null
    // What renews by the chance of use would only be overtaken by what renews by the last read.
    : treeCacheOf(isPlanned ? { ...spec, refreshAhead: false } : spec, () => system, instruments);
  const service = serviceOf({ ...options, instruments }, door, treeCache);
  const monitor = options.monitor ?? (service === null ? null : {});
  const { lines = null } = service ?? {};
  const { log: sink = stderrLog } = options.system ?? {};
  const nodes = options.nodes ?? null;
  const clock = options.system?.clock ?? systemClock;
  const random = options.system?.random ?? systemRandom;
  const version = options.admin?.about.version ?? "";
  const treeNodes = nodes === null ? null : await treeNodesOf(nodes, version, clock, random);
  const packed = isPacked(options.store);
  const log: LabelLog = service?.log ?? storeLog(() => system.ref(Store, PATHS.store), packed);
  const system: System = createSystem(wickTree({
    ...options,
    ...(lines === null ? {} : { system: { ...options.system, log: lines.tee(sink) } }),
    door,
    service,
    log,
    treeCache,
    treeNodes,
    monitor,
    instruments,
  }));
  if (treeNodes !== null) joinFabric(treeNodes, system);
  try {
    await system.started;
    if (service !== null) await service.begin();
    else log.committed(await system.ref(Store, PATHS.store).ask("seq", {}));
  } catch (error) {
    await system.stop();
    throw error;
  }
  const { router = null, accesses = null } = treeCache ?? {};
  const isRefreshed = (options.refresh ?? null) !== null;
  return wickRefs(
    system,
    door,
    log,
    router,
    warming !== null,
    accesses,
    isRefreshed,
    monitor !== null,
  );
}

/** Times that a tree is started whose store is lost meanwhile: more than one is rare. */
const START_TRIES = 3;

/** A partial refresh that falls back to a rebuild takes as long as both may. */
const REFRESH_ANSWER = { timeoutMs: 2 * REFRESH_TIMEOUT_MAX_MS } as const;

/** Whether entries that end are renewed ahead of need by the warmer. */
function isRenewing({ settings }: WarmingSpec): boolean {
  return settings?.isEnabled !== false && settings?.strategies?.renewal?.isEnabled !== false;
}

function serviceOf(
  options: WickOptions,
  door: Door,
  cache: TreeCache | null,
): Service | null {
  const { admin: settings } = options;
  if (settings === undefined || settings === null) return null;
  const clock = options.system?.clock ?? systemClock;
  const { read = null, act = null } = settings.options?.tokens ?? {};
  const { secrets = [], ...shown } = settings.log ?? {};
  return new Service({
    lines: new LogRing({
      ...shown,
      wallNow: () => clock.wallNow(),
      secrets: [...secrets, ...[read, act].filter((token) => token !== null)],
      // Ids ascend over restarts, so that who asks on with one of before is given what is new.
      firstId: Math.max(1, Math.floor(clock.wallNow())),
    }),
    about: settings.about,
    params: options.params ?? DEFAULT_PARAMS,
    door,
    packed: isPacked(options.store),
    startedAt: (options.system?.clock ?? systemClock).wallNow(),
    paths: pathsOf(options),
    webhooks: options.webhooks ?? [],
    alertSinks: options.alertSinks ?? [],
    providers: (options.providers ?? []).map(({ name }) => name),
    cache,
    ...(options.instruments === undefined ? {} : { instruments: options.instruments }),
  });
}

/** Where the parts lie, below the root. */
export const PATHS = {
  store: "core/store",
  letters: "core/letters",
  sinks: "core/sinks",
  webhooks: "core/work/webhooks",
  alertSinks: ALERT_SINKS_PATH,
  workers: "core/work/ingest/workers",
  pool: "core/work/ingest/label_pool",
  feeds: "core/work/ingest/feeds",
  providers: "core/providers",
  refresh: "core/work/refresh",
  aggregator: "core/work/refresh/aggregator",
  coordinator: "core/work/refresh/refresh_coordinator",
  warmer: "core/work/warmer",
  backfill: "core/work/backfill",
} as const;

/** Where those are that this tree has. */
function pathsOf({ warming, refresh, nodes }: WickOptions) {
  const { warmer, aggregator, coordinator, ...paths } = PATHS;
  return {
    ...paths,
    ...(nodes === undefined || nodes === null ? {} : NODE_PATHS),
    ...(warming === undefined || warming === null ? {} : { warmer }),
    ...(refresh === undefined || refresh === null ? {} : { aggregator, coordinator }),
  };
}
