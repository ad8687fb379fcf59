/**
 * The running service as the admin HTTP sees it: the port of `src/http/port.ts` over the refs of the
 * tree. Made before the tree, since the admin starts first and outlives what it shows.
 *
 * @module
 */

import { ActorFailed, type Ref, type System, textOf } from "../src/actor/mod.ts";
import type {
  AlertSinkView,
  CachePort,
  ComputedAnswer,
  ComputeQuery,
  DataPort,
  Gone,
  JobsPort,
  LettersPort,
  NotNow,
  ProviderView,
  PushOutcome,
  RefreshPort,
  ServicePort,
  WarmingPort,
  WebhookView,
} from "../src/http/port.ts";
import { aloneView, type NodesView } from "../src/http/node_schemas.ts";
import { LabelLog, logReader } from "../src/http/label_log.ts";
import type { LogRing } from "../src/http/log_ring.ts";
import { REFRESH_TIMEOUT_MAX_MS } from "../src/http/refresh_input.ts";
import { systemOthers } from "../src/http/node_gate.ts";
import { systemLetters, systemTree } from "../src/http/system_port.ts";
import { type AlertSinkSpec, testAlert } from "../src/http/webhook/alert_sink.ts";
import type { AlertTestResult } from "../src/http/webhook/alert_sink_status.ts";
import { shownUrl, type WebhookSpec } from "../src/http/webhook/options.ts";
import { wholeTimes } from "../src/http/whole_times.ts";
import type { Door } from "../src/label/admission.ts";
import { type LabelParams, paramHash } from "../src/label/params.ts";
import { emptyCandles } from "../src/market/block.ts";
import { InstrumentRegistry } from "../src/market/instrument.ts";
import type { Alert, AlertEvent } from "../src/monitor/alert.ts";
import { EventHub } from "../src/monitor/event_hub.ts";
import type { TuningEvent } from "../src/monitor/tuning_view.ts";
import { unpackLogged } from "../src/store/commit_codec.ts";
import { storeErrorCode } from "../src/store/error.ts";
import type { ChangedRecord } from "../src/store/nodes/followed_store.ts";
import {
  instruments,
  KIND_INSTRUMENT,
  KIND_LEVELS,
  levels,
  putInstrument,
  putLevels,
} from "../src/store/records.ts";
import {
  Admin,
  AlertSink,
  type CommitNews,
  CommitSink,
  Feed,
  type Ingest,
  LabelPool,
  LabelSink,
  LabelWorker,
  Letters,
  Monitor,
  Store,
  Webhook,
} from "./protocols.ts";
import type { JobStatus } from "../src/batch/job_status.ts";
import type { EndpointLoad } from "../src/cache/report.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import type { TierStatus } from "../src/cache/types.ts";
import { LABEL_KEY_ROWS_MAX, labelKeyOf } from "../src/label/label_key.ts";
import { Backfill, Provider } from "./protocols_batch.ts";
import { type CachedLabels, CacheShard, CacheTier, type CacheValue } from "./protocols_cache.ts";
import { LogFollower, NodeMember, PartitionReader, PartitionWriter } from "./protocols_nodes.ts";
import { Aggregator, RefreshCoordinator, type RefreshNews } from "./protocols_refresh.ts";
import { Warmer } from "./protocols_warm.ts";

/** What a service is made of. */
export interface ServiceOptions {
  /** Name and version of the program. */
  readonly about: { readonly name: string; readonly version: string };
  /** The parameters under which labels are stored. */
  readonly params: LabelParams;
  /** Where pushes look whether they would be refused. */
  readonly door: Door;
  /** The store is in a thread: pages of the log travel as one buffer each. */
  readonly packed: boolean;
  /** Epoch ms of the start: ids of events ascend over restarts. */
  readonly startedAt: number;
  /** Paths of parts below the root. */
  readonly paths: {
    readonly store: string;
    readonly letters: string;
    readonly pool: string;
    readonly webhooks: string;
    readonly alertSinks: string;
    readonly providers: string;
    readonly backfill: string;
    /** Left out where nothing warms the cache. */
    readonly warmer?: string;
    /** Left out, both, where nothing is refreshed. */
    readonly aggregator?: string;
    readonly coordinator?: string;
    /** Left out, all three, in a process that is no node. */
    readonly node?: string;
    readonly writer?: string;
    readonly follower?: string;
  };
  /** What labels are delivered to. */
  readonly webhooks?: readonly WebhookSpec[];
  /** Who is told of alerts. */
  readonly alertSinks?: readonly AlertSinkSpec[];
  /** Names of the providers. */
  readonly providers?: readonly string[];
  /** The cache; default: none. */
  readonly cache?: ServedCache | null;
  /** Instruments that the program knows before the store is read. */
  readonly instruments?: InstrumentRegistry;
  /** The last lines of the log. */
  readonly lines: LogRing;
}

/** The cache as the service sees it. */
export interface ServedCache {
  readonly router: CacheRouter<CacheValue>;
  /** How the tier behind is; null for none, or while it does not answer. */
  tierStatus(): Promise<TierStatus | null>;
  /** Provider that it loads from; null for none. */
  readonly spec: { readonly provider: string | null };
}

/** Every protocol of the tree, each once. */
const PROTOCOLS = [
  Admin,
  Feed,
  LabelPool,
  CommitSink,
  LabelSink,
  LabelWorker,
  Letters,
  Monitor,
  AlertSink,
  Store,
  Webhook,
  Backfill,
  Provider,
  CacheShard,
  CacheTier,
  Warmer,
  Aggregator,
  RefreshCoordinator,
  NodeMember,
  PartitionReader,
  PartitionWriter,
  LogFollower,
];
/** A receiver has ten seconds to answer a test. */
const TEST = { timeoutMs: 15_000 } as const;
/** Writes that lose or take long are asked no longer than this. */
const ANSWER = { timeoutMs: 60_000 } as const;
/** A look at many parts does not wait for one of them. */
const LOOK = { timeoutMs: 1_000 } as const;
/** A partial refresh that falls back to a rebuild takes as long as both may. */
const REFRESH = { timeoutMs: 2 * REFRESH_TIMEOUT_MAX_MS } as const;
/** A push moves nobody's cursor. */
const NOBODY = { feed: null, after: null, cursor: null } as const;
/** Copies take as long as the disk. */
const BACKUP = { timeoutMs: 3_600_000 } as const;
/** Label events for watchers: more a second would say no more. */
const LABELS_EVENT_EVERY_MS = 100;

/** See the module's text. */
export class Service {
  /** The label log, which streams wait on. */
  readonly log: LabelLog;
  /** Events for watchers. */
  readonly events: EventHub;
  /** The last lines of the log. */
  readonly lines: LogRing;
  /** Instruments, registered over HTTP or by the program. */
  readonly instruments: InstrumentRegistry;
  readonly #options: ServiceOptions;
  #system: System | null = null;
  #isKnown = false;
  #labelsSince = 0;
  #labelsAt = 0;

  /** Answers nothing about the tree before {@linkcode Service.attach}. */
  constructor(options: ServiceOptions) {
    this.#options = options;
    this.lines = options.lines;
    this.instruments = options.instruments ?? new InstrumentRegistry();
    this.log = storeLog(() => this.#store, options.packed);
    this.events = new EventHub({ firstId: Math.max(1, Math.floor(options.startedAt)) * 1_000 });
  }

  /** The tree exists; called while it starts. */
  attach(system: System): void {
    if (this.#system !== null) return;
    this.#system = system;
    system.deadLetters.subscribe(({ at, path, type, reason, error }) => {
      this.events.publish("dead_letter", { path, type, reason, error }, at);
    });
    system.restarts.subscribe(({ at, outcome: _, tookMs: __, ...record }) => {
      // That of a supervisor says it for all that is below.
      if (record.cause !== "parent") this.events.publish("restart", record, at);
    });
  }

  /** The core is up: what the store knows is known from here on. */
  async begin(): Promise<void> {
    const store = this.#store;
    for (const instrument of await instruments(recordsOf(store))) {
      this.instruments.register(instrument);
    }
    this.log.committed(await store.ask("seq", {}, ANSWER));
    this.#isKnown = true;
    // What it saw while the tree started is no news any more.
    this.#monitor.tell("tick", {});
  }

  /** A commit was published. */
  published({ seq, atMs, rows }: CommitNews): void {
    this.log.committed(seq);
    this.#labelsSince += rows;
    if (this.#labelsSince === 0) return;
    if (atMs - this.#labelsAt < LABELS_EVENT_EVERY_MS && atMs >= this.#labelsAt) return;
    this.events.publish("labels", { seq, rows: this.#labelsSince }, atMs);
    this.#labelsSince = 0;
    this.#labelsAt = atMs;
  }

  /** Records were written or dropped by whatever node; null: nobody knows which. */
  async recordsChanged(changed: readonly ChangedRecord[] | null): Promise<void> {
    const isAbout = (kind: string) => changed?.some((one) => one.kind === kind) ?? true;
    if (isAbout(KIND_INSTRUMENT)) {
      for (const instrument of await instruments(recordsOf(this.#store))) {
        this.instruments.register(instrument);
      }
    }
    const router = this.#options.cache?.router;
    if (router === undefined || !isAbout(KIND_LEVELS)) return;
    const symbols = (changed ?? []).filter(({ kind }) => kind === KIND_LEVELS);
    const dependencies = symbols.map(({ key }) => ({ kind: "levels", instrument: key }) as const);
    await (changed === null ? router.flush() : router.invalidate({ dependencies }));
  }

  /** A job changed its state, or went on. */
  jobEvent(type: "job" | "job_progress", status: JobStatus): void {
    const atMs = this.#running.clock.wallNow();
    this.events.publish(type, status, atMs);
  }

  /** A run was refreshed, or what it publishes moved. */
  refreshEvent({ type, ...news }: RefreshNews): void {
    this.events.publish(
      type === "best" ? "best_set" : "refresh",
      wholeTimes(news),
      this.#running.clock.wallNow(),
    );
  }

  /** An alert began, ended, was acknowledged or held back. */
  alertEvent({ type, at, ...event }: AlertEvent): void {
    // Events are bounded: what is long stands in /api/alerts.
    const short = ({ runbook: _, labels: __, ...alert }: Alert) => alert;
    const shown = "alerts" in event
      ? { ...event, alerts: event.alerts.map(short) }
      : { ...event, alert: short(event.alert) };
    this.events.publish("alert", { change: type, ...shown }, at);
  }

  /** Something was changed by the monitor, or it is known how that came out. */
  tuningEvent({ at, entry }: TuningEvent): void {
    this.events.publish("tuning", entry, at);
  }

  /** The view of the admin HTTP. */
  port(): ServicePort {
    const system = () => this.#running;
    return {
      about: this.#options.about,
      actors: systemTree(system, PROTOCOLS),
      letters: this.#options.packed ? this.#letters() : systemLetters(system),
      log: this.log,
      events: this.events,
      data: this.#data(),
      webhooks: () => this.#webhooks(),
      jobs: this.#jobs(),
      cache: this.#cachePort(),
      warming: this.#warmingPort(),
      refresh: this.#refreshPort(),
      providers: () => this.#providers(),
      waitingFor: () => this.#waitingFor(),
      health: async () => {
        const ref = this.#monitor;
        const [health, score] = await Promise.all([ref.ask("health", {}), ref.ask("score", {})]);
        return { ...health, score };
      },
      alerts: {
        list: (past) => this.#monitor.ask("alerts", { past }),
        acknowledge: (id, by, note) => this.#monitor.ask("acknowledge", { id, by, note }),
        sinks: () => this.#alertSinks(),
        test: () => this.#testAlerts(),
      },
      nodes: () => this.#nodes(),
      others: systemOthers(() => this.#running),
      tuning: () => this.#monitor.ask("tuning", {}),
      figures: {
        list: (sinceMs, limit) => this.#monitor.ask("figures", { sinceMs, limit }),
        watched: () => void this.#monitor.tell("watched", {}),
      },
      lines: this.lines,
      metrics: async () => {
        // 20 MB that are needed where somebody scrapes.
        const { metricsText } = await import("../src/http/metrics.ts");
        return await metricsText(await this.#monitor.ask("snapshot", {}));
      },
    };
  }

  get #running(): System {
    if (this.#system === null) throw new Error("Cannot look at the tree: it is not there yet");
    return this.#system;
  }
  get #store() {
    return this.#running.ref(Store, this.#options.paths.store);
  }
  get #pool() {
    return this.#running.ref(LabelPool, this.#options.paths.pool);
  }
  get #monitor() {
    return this.#running.ref(Monitor, "monitor");
  }

  /** Top parts of the tree that are not up. */
  #waitingFor(): readonly string[] {
    if (this.#system === null || !this.#isKnown) return ["core"];
    const waiting: string[] = [];
    const look = (node: ReturnType<System["tree"]>) => {
      if (node.state !== "running") waiting.push(node.path);
      else node.children.forEach(look);
    };
    look(this.#system.tree());
    return waiting;
  }

  /** All nodes, as this one sees them; one when it is alone. */
  async #nodes(): Promise<NodesView> {
    const { about: { name, version }, startedAt, paths: { node } } = this.#options;
    if (node !== undefined) return await this.#running.ref(NodeMember, node).ask("nodes", {}, LOOK);
    return aloneView(name, version, startedAt, this.#running.clock.wallNow());
  }

  /** How every webhook is; null for one that does not answer now. */
  async #webhooks(): Promise<WebhookView[]> {
    return await Promise.all((this.#options.webhooks ?? []).map(async (spec) => {
      const ref = this.#running.ref(Webhook, `${this.#options.paths.webhooks}/${spec.name}`);
      const status = await ref.ask("status", {}, LOOK).catch(() => null);
      return { name: spec.name, url: shownUrl(spec.url), status };
    }));
  }

  #alertSink({ name }: AlertSinkSpec) {
    return this.#running.ref(AlertSink, `${this.#options.paths.alertSinks}/${name}`);
  }

  /** How every receiver of alerts is; null for one that does not answer now. */
  async #alertSinks(): Promise<AlertSinkView[]> {
    return await Promise.all((this.#options.alertSinks ?? []).map(async (spec) => {
      const status = await this.#alertSink(spec).ask("status", {}, LOOK).catch(() => null);
      const { name, kind, url } = spec;
      return { name, kind, url: shownUrl(url), status };
    }));
  }

  /** A test alert everywhere at once; what cannot be asked has failed. */
  async #testAlerts(): Promise<AlertTestResult[]> {
    const { clock } = this.#running;
    const startMs = clock.now();
    const place = (name: "log" | "events", message: string | null): AlertTestResult => ({
      ...{ name, kind: name, url: null, message, tookMs: clock.now() - startMs },
      ...(message === null
        ? { state: "taken", code: null }
        : { state: "failed", code: "unreachable" }),
    });
    const logged = this.#monitor.ask("test", {}, LOOK).then(() => null, textOf)
      .then((message) => place("log", message));
    const { labels: _, runbook: __, ...alert } = testAlert(clock.wallNow());
    this.events.publish("alert", { change: "test", alert }, clock.wallNow());
    const told = (this.#options.alertSinks ?? []).map(async (spec): Promise<AlertTestResult> => {
      const { name, kind, url } = spec;
      return await this.#alertSink(spec).ask("test", {}, TEST).catch((error) => ({
        ...{ name, kind, url: shownUrl(url), state: "failed", code: "unreachable" },
        ...{ message: textOf(error), tookMs: clock.now() - startMs },
      }));
    });
    return await Promise.all([logged, place("events", null), ...told]);
  }

  #jobs(): JobsPort {
    const ref = () => this.#running.ref(Backfill, this.#options.paths.backfill);
    return {
      start: (job, mode) => ref().ask("start", { job, mode }, ANSWER),
      list: () => ref().ask("jobs", {}, ANSWER),
      get: (name) => ref().ask("job", { name }, ANSWER),
      pause: (name) => ref().ask("pause", { name }, ANSWER),
      resume: (name) => ref().ask("resume", { name }, ANSWER),
      cancel: (name) => ref().ask("cancel", { name }, ANSWER),
      report: (name) => ref().ask("report", { name }, ANSWER),
      reports: (name, limit) =>
        ref().ask("reports", { limit, ...(name === null ? {} : { job: name }) }, ANSWER),
    };
  }

  /** How every provider is; null for one that does not answer now. */
  async #providers(): Promise<ProviderView[]> {
    return await Promise.all((this.#options.providers ?? []).map(async (name) => {
      const ref = this.#running.ref(Provider, `${this.#options.paths.providers}/${name}`);
      return { name, status: await ref.ask("status", {}, LOOK).catch(() => null) };
    }));
  }

  #cachePort(): CachePort | null {
    const cache = this.#options.cache ?? null;
    if (cache === null) return null;
    const { router } = cache;
    return {
      get: (keys, { user, ...ask }) =>
        router.getMany(keys, { ...ask, origin: "demand", ...(user === null ? {} : { user }) }),
      set: (entries) =>
        router.setMany(entries.map(({ ttlMs, ...entry }) => ({
          ...entry,
          ...(ttlMs === null ? {} : { ttl: entryTtl(ttlMs) }),
        }))),
      explain: (key) => router.explain(key),
      invalidate: (selection) => router.invalidate(selection),
      protect: (pattern) => router.protect(pattern),
      unprotect: (pattern) => router.unprotect(pattern),
      stats: async () => ({
        shards: router.status(),
        tier: await cache.tierStatus(),
        upstream: await this.#upstreamCounts(cache.spec.provider),
      }),
    };
  }

  #warmingPort(): WarmingPort | null {
    const { warmer } = this.#options.paths;
    if (warmer === undefined) return null;
    const ref = () => this.#running.ref(Warmer, warmer);
    return {
      stats: () => ref().ask("stats", {}, ANSWER),
      status: () => ref().ask("status", {}, ANSWER),
      patterns: () => ref().ask("patterns", {}, ANSWER),
      run: (strategy) => ref().ask("run", { strategy }, ANSWER),
      accesses: async (accesses) => {
        const { taken } = await ref().ask("accesses", { accesses: [...accesses] }, ANSWER);
        return taken;
      },
      sectors: async (sectors) => void await ref().ask("sectors", { sectors }, ANSWER),
      calendar: async (events) => void await ref().ask("calendar", { events: [...events] }, ANSWER),
    };
  }

  #refreshPort(): RefreshPort | null {
    const { aggregator, coordinator } = this.#options.paths;
    if (aggregator === undefined || coordinator === undefined) return null;
    const edges = () => this.#running.ref(Aggregator, aggregator);
    const runs = () => this.#running.ref(RefreshCoordinator, coordinator);
    const ways = {
      refresh: "refresh",
      with_fallback: "refreshWithFallback",
      rebuild: "rebuild",
    } as const;
    return {
      recordEdgeChanges: (changes) =>
        edges().ask("recordEdgeChanges", { changes: [...changes] }, ANSWER),
      setCorrelations: (correlations) => edges().ask("correlations", { correlations }, ANSWER),
      clusters: (sizeMin, limit) => edges().ask("clusters", { sizeMin, limit }, ANSWER),
      edge: (edgeId) => edges().ask("edge", { edgeId }, ANSWER),
      addEdges: (added) => edges().ask("addEdges", { edges: [...added] }, ANSWER),
      removeEdges: (removed) => edges().ask("removeEdges", { edges: [...removed] }, ANSWER),
      block: (clusterId) => edges().ask("block", { clusterId }, ANSWER),
      createRun: (spec) => runs().ask("createRun", spec, ANSWER),
      removeRun: (runId) => runs().ask("removeRun", { runId }, ANSWER),
      changeRun: (runId, change) => runs().ask("changeRun", { runId, change }, ANSWER),
      refresh: (runId, how) => runs().ask(ways[how], { runId }, REFRESH),
      run: (runId) => runs().ask("get", { runId }, ANSWER),
      runs: () => runs().ask("list", {}, ANSWER),
      explain: (runId, setId) =>
        runs().ask("explain", { runId, ...(setId === null ? {} : { setId }) }, ANSWER),
      scorers: () => runs().ask("scorers", {}, ANSWER),
      stats: () => runs().ask("stats", {}, ANSWER),
      recordOptimizationEdgeChange: (change) =>
        runs().ask("recordOptimizationEdgeChange", change, ANSWER),
      executeOptimizedRefresh: (refresh) => runs().ask("executeOptimizedRefresh", refresh, REFRESH),
    };
  }

  /** What the cache's provider was called for, by the cache and by everyone else. */
  async #upstreamCounts(name: string | null): Promise<readonly EndpointLoad[]> {
    if (name === null) return [];
    const ref = this.#running.ref(Provider, `${this.#options.paths.providers}/${name}`);
    const status = await ref.ask("status", {}, LOOK).catch(() => null);
    return status?.endpoints ?? [];
  }

  /**
   * Labels under other parameters: from the cache where they are known, and computed and kept
   * otherwise. The cache gives out copies.
   */
  async #computed(query: ComputeQuery): Promise<ComputedAnswer | NotNow> {
    const { params, priority, kinds } = query;
    const request = {
      ...rangeOf(query),
      params,
      priority,
      ...(kinds === undefined ? {} : { kinds }),
    };
    const router = this.#options.cache?.router;
    if (router === undefined || query.limit > LABEL_KEY_ROWS_MAX) {
      return await this.#pool.ask("computeBlock", request, ANSWER);
    }
    const key = labelKeyOf(request);
    const ask = { priority, origin: "demand", timeoutMs: ANSWER.timeoutMs } as const;
    const found = await router.get(key, ask);
    if (found.state === "failed") {
      const { code, message, retryAfterMs } = found.failure;
      if (code === "overload") {
        return { state: "refused", code, reason: message, retryAfterMs: retryAfterMs ?? 1_000 };
      }
      throw new Error(message);
    }
    if (found.state === "missing") throw new Error(`Cannot compute ${key}: nobody could`);
    if (!isCachedLabels(found.value)) {
      // Put in by somebody else: a program of this process, or another one on the same Redis.
      await router.invalidate({ keys: [key] });
      return await this.#pool.ask("computeBlock", request, ANSWER);
    }
    const { block, kinds: columns, tookMs } = found.value;
    const cacheHit = found.tier !== "upstream";
    return { state: "ok", block, kinds: columns, tookMs: cacheHit ? 0 : tookMs, cacheHit };
  }

  #data(): DataPort {
    const hash = paramHash(this.#options.params);
    const records = () => recordsOf(this.#store);
    return {
      params: this.#options.params,
      seq: () => this.#store.ask("seq", {}, ANSWER),
      series: () => this.#store.ask("series", {}, ANSWER),
      candles: (query) =>
        this.#read(query.asOf, async (range) => ({
          state: "ok" as const,
          seq: query.asOf ?? this.log.seq(),
          block: await this.#store.ask("candleBlock", { ...rangeOf(query), ...range }, ANSWER),
        })),
      labels: (query) =>
        this.#read(query.asOf, async (range) => {
          const seq = query.asOf ?? this.log.seq();
          const wanted = { ...rangeOf(query), ...range, paramHash: hash };
          const { labels, revisions, seqs } = await this.#store.ask("labelBlock", wanted, ANSWER);
          return { state: "ok" as const, seq, block: labels, revisions, seqs };
        }),
      tail: async (series, bars) => {
        const [tail] = await this.#store.ask("tails", { series: [series], bars }, ANSWER);
        return tail ?? { count: 0, candles: emptyCandles(series) };
      },
      touchedSeq: (series) => {
        const { follower } = this.#options.paths;
        if (follower === undefined) return this.#pool.ask("touchedSeq", { series }, LOOK);
        return this.#running.ref(LogFollower, follower).ask("touchedSeq", { series }, LOOK);
      },
      labelsCounted: () => this.#pool.ask("tally", {}, LOOK),
      labelText: (query, format, memory) =>
        this.#read(query.asOf, async (range) => {
          const seq = query.asOf ?? this.log.seq();
          const wanted = { series: query.series, paramHash: hash, format };
          const asked = { ...rangeOf(query), ...range, ...wanted, memory };
          const page = await this.#store.ask("labelPage", asked, ANSWER);
          const { asOf } = page;
          return {
            state: "ok" as const,
            seq,
            paramHash: hash,
            page,
            piece: (piece) => this.#store.ask("labelPiece", { ...wanted, ...piece, asOf }, ANSWER),
            rows: ({ fromTs, toTs }) => {
              const { series, paramHash } = wanted;
              const range = { series, paramHash, fromTs, toTs, limit: Infinity, asOf };
              return this.#store.ask("labelBlock", range, ANSWER);
            },
          };
        }),
      compute: (query) => this.#computed(query),
      ingest: ({ blocks, priority, bulk }) => {
        const refusal = bulk ? null : this.#options.door.refusal(priority);
        return refusal ?? this.#ingest({ ...NOBODY, blocks, priority, bulk });
      },
      instruments: () => this.instruments.list(),
      instrument: (symbol) => this.instruments.get(symbol),
      putInstrument: async (spec) => {
        // Checked first: what the registry refuses must not be kept.
        const instrument = new InstrumentRegistry().register(spec);
        assertWritten(await putInstrument(records(), instrument));
        return this.instruments.register(instrument);
      },
      levels: (symbol) => levels(records(), symbol),
      putLevels: async (symbol, given) => {
        assertWritten(await putLevels(records(), symbol, given));
        const dependencies = [{ kind: "levels", instrument: symbol }] as const;
        await this.#options.cache?.router.invalidate({ dependencies });
      },
      backup: async (file) => {
        try {
          const bytes = await this.#store.ask("backup", { path: file }, BACKUP);
          return { state: "ok", file, bytes };
        } catch (error) {
          const code = storeErrorCode(error);
          if (code === null) throw error;
          return { state: "failed", code, message: (error as Error).message };
        }
      },
    };
  }

  /** Those that the store keeps. */
  #letters(): LettersPort {
    const ref = () => this.#running.ref(Letters, this.#options.paths.letters);
    return {
      list: (query) => outermost(ref().ask("list", query, ANSWER)),
      get: (id) => outermost(ref().ask("get", { id }, ANSWER)),
      replay: (ids) => outermost(ref().ask("replay", { ids }, ANSWER)),
      plan: (ids) => outermost(ref().ask("plan", { ids }, ANSWER)),
      drop: (ids) => outermost(ref().ask("drop", { ids }, ANSWER)),
      counts: () => outermost(ref().ask("counts", {}, ANSWER)),
    };
  }

  async #ingest(batch: Ingest): Promise<PushOutcome> {
    const { writer } = this.#options.paths;
    if (writer !== undefined) {
      // They are in the streams, and not yet in the store.
      const reply = await this.#running.ref(PartitionWriter, writer).ask("ingest", batch, ANSWER);
      return reply.state === "committed" ? { ...reply, state: "queued" } : reply;
    }
    const outcome = await this.#pool.ask("ingest", batch, ANSWER);
    // Whoever is told of a commit may ask for what comes after it, which the sinks, told after it,
    // may not have heard of yet.
    if (outcome.state === "committed") this.log.committed(outcome.seq);
    return outcome;
  }

  /** A read that history may no longer reach. */
  async #read<T>(
    asOf: number | null,
    read: (range: { readonly asOf?: number }) => Promise<T>,
  ): Promise<T | Gone> {
    try {
      return await read(asOf === null ? {} : { asOf });
    } catch (error) {
      if (storeErrorCode(error) !== "gone") throw error;
      const { oldestAsOf } = await this.#store.ask("info", {}, ANSWER);
      return { state: "gone", oldestSeq: oldestAsOf };
    }
  }
}

/** Whether it is what a shard keeps under a key of labels. */
function isCachedLabels(value: CacheValue): value is CachedLabels {
  if (typeof value !== "object" || value === null) return false;
  const { block, kinds, tookMs } = value as Partial<CachedLabels>;
  return typeof tookMs === "number" && Array.isArray(kinds) && block?.ts instanceof Float64Array;
}

/** Of an entry that somebody puts in with a TTL of its own: served twice as long, stale. */
function entryTtl(ttlMs: number) {
  return { softTtlMs: ttlMs, hardTtlMs: 2 * ttlMs, staleIfErrorMs: 0 };
}

/** What an actor could not answer with because of another one says so. */
async function outermost<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw error instanceof ActorFailed && error.cause instanceof Error ? error.cause : error;
  }
}

function rangeOf(query: {
  readonly series: string;
  readonly fromTs: number;
  readonly toTs: number;
  readonly limit: number;
}) {
  const { series, fromTs, toTs, limit } = query;
  return { series, fromTs, toTs, limit };
}

/** The label log of the tree's store; `packed`: pages travel as one buffer each. */
export function storeLog(store: () => Ref<typeof Store.definition>, packed: boolean): LabelLog {
  const after = async (seq: number, limit: number) => {
    if (!packed) return await store().ask("labelsAfter", { seq, limit }, ANSWER);
    return unpackLogged(await store().ask("labelsAfterPacked", { seq, limit }, ANSWER));
  };
  const oldestSeq = async () => (await store().ask("info", {}, ANSWER)).oldestSeq;
  return new LabelLog(logReader({ after, oldestSeq }), 0);
}

/** The store's records through its ref. */
function recordsOf(ref: Ref<typeof Store.definition>) {
  return {
    putRecord: (kind: string, key: string, json: string) =>
      ref.ask("putRecord", { kind, key, json }, ANSWER),
    record: (kind: string, key: string) => ref.ask("record", { kind, key }, ANSWER),
    records: (kind: string) => ref.ask("records", { kind }, ANSWER),
  };
}

function assertWritten(result: { readonly state: string; readonly message?: string }): void {
  if (result.state !== "written") {
    throw new Error(result.message ?? "Cannot write to the store");
  }
}
