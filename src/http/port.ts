/**
 * What the admin HTTP needs of the running service, in plain types: `src/http` knows no actor. The
 * tree implements it; `system_port.ts` gives the part that any actor system can answer.
 *
 * ## Failures
 * Expected outcomes are results (`gone`, `refused`, `failed`). Whatever else a method rejects with
 * is answered by kind: the runtime's `AskTimeout` 504, `ActorStopped`, `ActorDown` and `Overflow` 503,
 * `InvalidMessage` and `MarketError` 422, anything else 500 without its text.
 *
 * @module
 */

import type { DeadReason } from "../actor/dead_letters.ts";
import type { ProtocolDescription } from "../actor/protocol.ts";
import type { TellResult } from "../actor/actor.ts";
import type { RestartQuery, RestartRecord } from "../actor/restarts.ts";
import type { TreeNode } from "../actor/tree.ts";
import type { JobSpec } from "../batch/job_spec.ts";
import type { JobMode, JobReply, JobStatus } from "../batch/job_status.ts";
import type { RunReport } from "../batch/report_schema.ts";
import type { CacheFigures } from "../cache/report.ts";
import type { Dependency, Explanation, Found, Selection } from "../cache/types.ts";
import type { KindColumns } from "../label/kinds/columns.ts";
import type { TallyView } from "../label/label_tally.ts";
import type { Level } from "../label/levels.ts";
import type { LabelParams } from "../label/params.ts";
import type { CandleBlock, LabelBlock, SeriesKey } from "../market/block.ts";
import type { Instrument, InstrumentSpec } from "../market/instrument.ts";
import type { TuningView } from "../monitor/tuning_view.ts";
import type { Alert } from "../monitor/alert.ts";
import type { OtherNodes } from "./node_gate.ts";
import type { NodesView } from "./node_schemas.ts";
import type { AlertSinkStatus, AlertTestResult } from "./webhook/alert_sink_status.ts";
import type { FigureName, FigureTarget } from "../monitor/figures.ts";
import type { FigureColumns } from "../monitor/figures_history.ts";
import type { HealthScore } from "../monitor/health_score.ts";
import type { ProviderStatus } from "../provider/status.ts";
import type { ClusterStatus, EdgeExplanation } from "../refresh/aggregator_types.ts";
import type { RunMetadata } from "../refresh/run_types.ts";
import type {
  ChangeAnswer,
  ChangesTaken,
  CreateAnswer,
  OptimizationChangeTaken,
  OptimizedRefreshAnswer,
  RefreshAnswer,
  RefreshStats,
  RunExplanation,
  ServedBlock,
} from "../refresh/service_types.ts";
import type { LabelPage, LabelPieceQuery, TextMemory } from "../store/label_text.ts";
import type { BatchOutcome, LoggedCommit, Maybe, StoredLabels } from "../store/port.ts";
import type { MarketEvent, StrategyName } from "../warm/types.ts";
import type {
  RunResult,
  WarmingPatterns,
  WarmingStats,
  WarmingStatus,
} from "../warm/warming_types.ts";
import type {
  CheckedEdgeChange,
  GivenCorrelations,
  OptimizationEdgeChange,
  OptimizedRefresh,
  RunChange,
  RunSpec,
} from "./refresh_input.ts";
import type { LogPage, LogQuery } from "./log_ring.ts";
import type { WebhookStatus } from "./webhook/status.ts";

/** The tree and its messages, by absolute path (`/wick/core/store`). */
export interface TreePort {
  /** The whole tree. */
  tree(): TreeNode;
  /** Every protocol that actors of this program have, living or not, each name once. */
  protocols(): readonly ProtocolDescription[];
  /**
   * Sends a message checked against the protocol of the actor at `path`.
   *
   * @throws {InvalidMessage | ActorStopped} for a wrong message, or when no actor lives there.
   */
  tell(path: string, type: string, payload: unknown): TellResult;
  /**
   * As `tell`, with the reply.
   *
   * @throws {InvalidMessage | ActorStopped | AskTimeout | Overflow | ActorFailed} by rejecting.
   */
  ask(path: string, type: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  /** Restarts the actor or supervisor at `path`; false when it is the root or nothing is there. */
  restart(path: string): boolean;
  /** Drains and stops the actor or supervisor at `path` for good; false as in `restart`. */
  stop(path: string): Promise<boolean>;
  /** What was restarted, ended for good or gave up, the latest first. */
  restarts(query: RestartQuery): {
    readonly records: readonly RestartRecord[];
    /** Records ever. */
    readonly total: number;
    /** Records of the whole tree that are kept. */
    readonly kept: number;
  };
}

/** Which dead letters; every given part must match. */
export interface LetterQuery {
  /** Exactly this absolute path. */
  readonly path?: string;
  /** Messages of this name. */
  readonly type?: string;
  /** Letters with this reason. */
  readonly reason?: string;
  /** Letters with a higher id. */
  readonly afterId: number;
  /** Letters with a lower id; left out = all. */
  readonly beforeId?: number;
  /** By descending id instead of ascending. */
  readonly isLatestFirst?: boolean;
  /** Most of them. */
  readonly limit: number;
}

/** A dead letter that can be looked at. */
export interface KeptLetter {
  /** Ascending with age; for a letter that is in the store the same after a restart. */
  readonly id: number;
  /** Epoch ms. */
  readonly at: number;
  /** Absolute path that the message was sent to. */
  readonly path: string;
  /** Name of the message. */
  readonly type: string;
  /** A `DeadReason`, or the word of whoever put it into the store. */
  readonly reason: string;
  /** What was thrown. */
  readonly error: string | null;
  /** As sent, or as JSON could keep it. */
  readonly payload: unknown;
  /** Causation id; null for one of an earlier run. */
  readonly cause: number | null;
  /** Size as accounted by the mailbox; null for one of an earlier run. */
  readonly bytes: number | null;
  /**
   * How it can be sent again: `as_sent`, the payload is in memory; `checked`, as a message from
   * outside; `never`, its payload could not be kept.
   */
  readonly replay: "as_sent" | "checked" | "never";
}

/** What became of a letter that was to be sent again. */
export type Replayed =
  | {
    readonly id: number;
    /**
     * `accepted`: sent, and off the list. `refused`: not taken; a dead letter anew under another
     * number. `unknown`: there is no such letter.
     */
    readonly state: "accepted" | "refused" | "unknown";
  }
  | {
    readonly id: number;
    /** Still on the list; the error says why. */
    readonly state: "failed";
    readonly error: unknown;
  };

/** What sending a letter again would come to. */
export interface PlannedReplay {
  /** Which letter. */
  readonly id: number;
  /** Absolute path that it would be sent to. */
  readonly path: string;
  /** Name of the message. */
  readonly type: string;
  /** What is in its way; null = nothing now. */
  readonly problem: unknown;
}

/** Counts over all dead letters. */
export interface LetterCounts {
  /** Letters ever, by reason. */
  readonly counts: Readonly<Record<DeadReason, number>>;
  /** Letters that can be looked at. */
  readonly kept: number;
  /** Letters given up because of the bounds. */
  readonly evicted: number;
}

/** The dead letters. */
export interface LettersPort {
  /** Kept letters, by ascending id unless the query turns it. */
  list(query: LetterQuery): Maybe<KeptLetter[]>;
  /** One kept letter, or null. */
  get(id: number): Maybe<KeptLetter | null>;
  /** Sends letters again, in this order, and takes those that were sent off the list. */
  replay(ids: readonly number[]): Maybe<Replayed[]>;
  /** What sending letters again would come to now; those that are not kept are left out. */
  plan(ids: readonly number[]): Maybe<PlannedReplay[]>;
  /** Forgets letters; says how many there were. */
  drop(ids: readonly number[]): Maybe<number>;
  /** Counts since the start. */
  counts(): Maybe<LetterCounts>;
}

/** History that retention has given up. */
export interface Gone {
  /** Tells it from an answer. */
  readonly state: "gone";
  /** The oldest seq that can still be answered. */
  readonly oldestSeq: number;
}

/** A range of one series. */
export interface RangeQuery {
  /** Which series. */
  readonly series: SeriesKey;
  /** First open time, inclusive, epoch ms; −Infinity = from the beginning. */
  readonly fromTs: number;
  /** End, exclusive; Infinity = to the end. */
  readonly toTs: number;
  /** Most rows. */
  readonly limit: number;
  /** As it was known after this commit; null = now. */
  readonly asOf: number | null;
}

/** Candles as stored. */
export interface CandlesAnswer {
  /** Tells it from `gone`. */
  readonly state: "ok";
  /** Seq of the last commit in it, or the one asked for. */
  readonly seq: number;
  /** Rows in ascending time. */
  readonly block: CandleBlock;
}

/** Labels as stored. */
export interface LabelsAnswer {
  /** Tells it from `gone`. */
  readonly state: "ok";
  /** Seq of the last commit in it, or the one asked for. */
  readonly seq: number;
  /** Rows in ascending time. */
  readonly block: LabelBlock;
  /** Revision of each row; 0 = first. */
  readonly revisions: Uint32Array;
  /** Seq each row was written at. */
  readonly seqs: Float64Array;
}

/** A page of stored labels as text. */
export interface LabelTextAnswer {
  /** Tells it from `gone`. */
  readonly state: "ok";
  /** Seq of the last commit in it, or the one asked for. */
  readonly seq: number;
  /** Under which parameters they are. */
  readonly paramHash: string;
  /** How it begins. */
  readonly page: LabelPage;
  /** Its other pieces; rejects when retention gives up rows of it meanwhile. */
  readonly piece: (
    piece: Pick<LabelPieceQuery, "fromTs" | "toTs" | "rows" | "memory">,
  ) => Promise<TextMemory>;
  /** The rows of a piece, for those that are written by whoever asks. */
  readonly rows: (piece: Pick<LabelPieceQuery, "fromTs" | "toTs">) => Promise<StoredLabels>;
}

/** The end of a series as stored. */
export interface TailAnswer {
  /** Candles that the series has. */
  readonly count: number;
  /** The last of them, ascending. */
  readonly candles: CandleBlock;
}

/** What the labels of all series came to. */
export interface LabelsCounted extends TallyView {
  /** Epoch ms. */
  readonly atMs: number;
  /** Seq of the last commit that is counted. */
  readonly seq: number;
}

/** A request for labels of other parameters than the stored ones. */
export interface ComputeQuery extends Omit<RangeQuery, "asOf"> {
  /** All of them, defaults filled in. */
  readonly params: LabelParams;
  /** Further kinds, as `parseKinds` reads them, about the instrument's levels. */
  readonly kinds?: string;
  /** 0 to 10; 10 is refused last. */
  readonly priority: number;
}

/** The service has no room for a request now. */
export interface NotNow {
  /** Tells it from an answer. */
  readonly state: "refused";
  /**
   * `overload`: it would wait too long. `room`: as much is under way as may be. `disk_full`, `busy`:
   * the store cannot write now. `order` is the same to a sender as `room`.
   */
  readonly code: string;
  /** The same in words. */
  readonly reason: string;
  /** When to try again. */
  readonly retryAfterMs: number;
}

/** Labels computed for one request. */
export interface ComputedAnswer {
  /** Tells it from `refused`. */
  readonly state: "ok";
  /** Rows in ascending time. */
  readonly block: LabelBlock;
  /** Columns of the kinds asked for, each as long as the block. */
  readonly kinds?: KindColumns;
  /** Time the labelling took, ms. */
  readonly tookMs: number;
  /** Whether it was known already. */
  readonly cacheHit: boolean;
}

/** A batch of candles that was pushed. */
export interface PushedBatch {
  /** One block per series; the receiver owns the columns. */
  readonly blocks: readonly CandleBlock[];
  /** 0 to 10; 10 is refused last. */
  readonly priority: number;
  /** The sender can wait: only the bound on rows under way refuses it. */
  readonly bulk: boolean;
}

/**
 * What became of a batch that was pushed. Unless it was committed its columns are as they were, so
 * that it can be sent again.
 */
export type PushOutcome =
  | ({
    /** `queued`: durable in the streams that nodes share, and labelled by the owner of its partition. */
    readonly state: "committed" | "queued";
    /** Seq of the commit; when queued, of the last one that is known. */
    readonly seq: number;
  } & BatchOutcome)
  | NotNow
  | { readonly state: "failed"; readonly code: string; readonly message: string };

/** The label log. */
export interface LabelLogPort {
  /** Seq of the last commit that was published; commits up to it can be read. */
  seq(): number;
  /** Commits after `seq`, whole, oldest first, until `limit` rows are passed. */
  after(seq: number, limit: number): Maybe<
    {
      readonly state: "ok";
      readonly commits: readonly LoggedCommit[];
      /** Everything up to this seq is in the answer; at least the last commit's, never above `seq()`. */
      readonly throughSeq: number;
    } | Gone
  >;
  /** Calls `wake` after each commit from now on, with its seq; returns what ends that. */
  onCommit(wake: (seq: number) => void): () => void;
}

/** Candles, labels, and what they are made of. */
export interface DataPort {
  /** The parameters under which labels are stored. */
  readonly params: LabelParams;
  /** Seq of the last commit. */
  seq(): Maybe<number>;
  /** Series that hold candles, sorted. */
  series(): Maybe<readonly { series: SeriesKey; count: number; lastTs: number }[]>;
  /** Candles of a range. */
  candles(query: RangeQuery): Maybe<CandlesAnswer | Gone>;
  /** Stored labels of a range. */
  labels(query: RangeQuery): Maybe<LabelsAnswer | Gone>;
  /** The last `bars` candles of a series; none of one that is not known. */
  tail(series: SeriesKey, bars: number): Maybe<TailAnswer>;
  /** A seq after which no commit was about the series. */
  touchedSeq(series: SeriesKey): Maybe<number>;
  /** What labels came to since the label pool started. */
  labelsCounted(): Maybe<LabelsCounted>;
  /**
   * Stored labels of a range as text, written by whoever has them into memory that the asker gives
   * away. Left out where nobody does: the rows of `labels` are written by whoever asks.
   */
  labelText?(
    query: RangeQuery,
    format: "json" | "ndjson",
    memory: TextMemory,
  ): Maybe<LabelTextAnswer | Gone>;
  /** Labels of stored candles under other parameters. */
  compute(query: ComputeQuery): Maybe<ComputedAnswer | NotNow>;
  /** Takes candles; answers when they are committed, or are not going to be. */
  ingest(batch: PushedBatch): Maybe<PushOutcome>;
  /** The registered instruments. */
  instruments(): Maybe<readonly Instrument[]>;
  /** The instrument of a symbol, registered or by default. */
  instrument(symbol: string): Maybe<Instrument>;
  /** Registers or replaces one. @throws {MarketError} code `instrument`. */
  putInstrument(spec: InstrumentSpec): Maybe<Instrument>;
  /** Levels of an instrument; none when nobody put any. */
  levels(symbol: string): Maybe<readonly Level[]>;
  /** Replaces the levels of an instrument. */
  putLevels(symbol: string, levels: readonly Level[]): Maybe<void>;
  /** Makes a consistent copy of the store in a new file on the service's machine. */
  backup(file: string): Maybe<
    | { readonly state: "ok"; readonly file: string; readonly bytes: number }
    | { readonly state: "failed"; readonly code: string; readonly message: string }
  >;
}

/** One event for whoever watches. */
export interface ServiceEvent {
  /** Ascending, without gaps, for the life of the process. */
  readonly id: number;
  /** Kind of event: `labels`, `restart`, `dead_letter`, `health`, … */
  readonly type: string;
  /** Epoch ms. */
  readonly at: number;
  /** What JSON can hold; no secrets. */
  readonly data: unknown;
}

/** One watcher's bounded queue of events. */
export interface EventSubscription {
  /**
   * The next event, waiting for one. Null when there will be none: the hub was closed, or the
   * watcher was too slow and has been given its last event, of type `dropped`.
   */
  next(): Promise<ServiceEvent | null>;
  /** Ends it; a `next` that waits answers null. Idempotent. */
  close(): void;
}

/** Where events come from. */
export interface EventsPort {
  /**
   * Events after `afterId` that are still kept, then those to come; null = only those to come. When
   * some after `afterId` are no longer kept the first event is of type `missed`.
   */
  subscribe(afterId: number | null): EventSubscription;
}

/** How one part of the service is. */
export interface PartHealth {
  /** Name of the part, `store` for example. */
  readonly name: string;
  /** `degraded`: it works, but not as it should. */
  readonly state: "ok" | "degraded" | "down";
  /** What is wrong, or the figures that say how it is; plain JSON, no secrets. */
  readonly detail: unknown;
}

/** How the service is. */
export interface Health {
  /** The worst of its parts. */
  readonly state: "ok" | "degraded" | "down";
  /** All parts. */
  readonly parts: readonly PartHealth[];
  /** How well it does; null before it was judged for the first time. */
  readonly score: HealthScore | null;
}

/** What is wrong, and that somebody cares. */
export interface AlertsPort {
  /** Active ones, the most severe first, and at most `past` resolved ones, the latest first. */
  list(past: number): Maybe<{ readonly active: readonly Alert[]; readonly past: readonly Alert[] }>;
  /** Acknowledges one that fires; `known`: somebody had before, `unknown`: nothing like it fires. */
  acknowledge(id: string, by: string, note: string): Maybe<
    | { readonly state: "acknowledged" | "known"; readonly alert: Alert }
    | { readonly state: "unknown" }
  >;
  /** Who is told of them, and how each is doing. */
  sinks(): Maybe<readonly AlertSinkView[]>;
  /** Sends a test alert everywhere; what became of it, the log and the events first. */
  test(): Maybe<readonly AlertTestResult[]>;
}

/** A receiver of alerts as it is shown. */
export interface AlertSinkView {
  /** Name of its actor. */
  readonly name: string;
  /** Whether it is a webhook or an Alertmanager. */
  readonly kind: "webhook" | "alertmanager";
  /** What is called, without its query. */
  readonly url: string;
  /** Null when it does not answer now. */
  readonly status: AlertSinkStatus | null;
}

/** A webhook as it is shown. */
export interface WebhookView {
  /** Name of its actor. */
  readonly name: string;
  /** What is called, without its query. */
  readonly url: string;
  /** Null when it does not answer now. */
  readonly status: WebhookStatus | null;
}

/** Jobs that fetch from providers; each is named by its id, which is its name. */
export interface JobsPort {
  /** Starts one, or goes on with it. */
  start(job: JobSpec, mode: JobMode): Maybe<JobReply>;
  /** All of them, by name. */
  list(): Maybe<readonly JobStatus[]>;
  /** One of them. */
  get(id: string): Maybe<JobReply>;
  /** Lets calls under way end, saves, and stops it until resumed. */
  pause(id: string): Maybe<JobReply>;
  /** Goes on with it. */
  resume(id: string): Maybe<JobReply>;
  /** Ends it for good. */
  cancel(id: string): Maybe<JobReply>;
  /** Report of its run so far, or of its last one; null before the first. */
  report(id: string): Maybe<RunReport | null>;
  /** The last `limit` reports of ended runs, of one job or, with null, of all; oldest first. */
  reports(id: string | null, limit: number): Maybe<readonly RunReport[]>;
}

/** A provider as it is shown. */
export interface ProviderView {
  /** Name of its actor. */
  readonly name: string;
  /** Null when it does not answer now. */
  readonly status: ProviderStatus | null;
}

/** An entry to be put into the cache. */
export interface CacheEntry {
  /** Its key. */
  readonly key: string;
  /** JSON. */
  readonly value: unknown;
  /** Time until it is stale, ms; null = that of its type. */
  readonly ttlMs: number | null;
  /** Its tags. */
  readonly tags: readonly string[];
  /** What it was made of. */
  readonly dependsOn: readonly Dependency[];
}

/** The cache, all shards and tiers of it. */
export interface CachePort {
  /** Values in the order of the keys, loaded where they are not there. */
  get(
    keys: readonly string[],
    ask: {
      readonly priority: number;
      readonly timeoutMs: number;
      /** Who reads; null when nobody said. */
      readonly user: string | null;
    },
  ): Maybe<readonly Found<unknown>[]>;
  /** Puts entries in; how many were kept. */
  set(entries: readonly CacheEntry[]): Maybe<number>;
  /** What is known of a key, without asking for it; null while its shard restarts. */
  explain(key: string): Maybe<Explanation | null>;
  /** Ends entries, and what was made of them, in every tier. */
  invalidate(selection: Selection): Maybe<{ readonly removed: number }>;
  /** Keeps keys of a pattern from being evicted. @throws {CacheError} for too many patterns. */
  protect(pattern: string): Maybe<void>;
  /** Takes a pattern back; false when there was none. */
  unprotect(pattern: string): Maybe<boolean>;
  /** Sums and states, from which the report is made. */
  stats(): Maybe<CacheFigures>;
}

/** An access that the cache of this service did not see. */
export interface ForeignAccess {
  /** Its key. */
  readonly key: string;
  /** When, epoch ms. */
  readonly at: number;
  /** Who; null when nobody said. */
  readonly user: string | null;
  /** Sector of the key's symbol; null when nobody said. */
  readonly sector: string | null;
}

/** What warming did, with what its actor adds. */
export interface ServedWarmingStats extends WarmingStats {
  /** Reads of the cache that came too fast to be noted: the statistics are a sample then. */
  readonly accessesLost: number;
  /** Stored entries that came too fast to be noted. */
  readonly storedLost: number;
  /** When the statistics were last saved, epoch ms; null: not since the start. */
  readonly savedAtMs: number | null;
  /** Why they could not be saved; null when they could. */
  readonly saveError: string | null;
}

/** What loads keys into the cache before they are asked for. */
export interface WarmingPort {
  /** What it did. */
  stats(): Maybe<ServedWarmingStats>;
  /** What it is doing. */
  status(): Maybe<WarmingStatus>;
  /** What is asked for. */
  patterns(): Maybe<WarmingPatterns>;
  /** Runs a strategy, or all that are enabled, now; loads go on behind the answer. */
  run(strategy: StrategyName | "all"): Maybe<readonly RunResult[]>;
  /** Takes accesses made elsewhere; how many there was room for. */
  accesses(accesses: readonly ForeignAccess[]): Maybe<number>;
  /** Replaces the sectors by symbol that were put before. */
  sectors(sectors: Readonly<Record<string, string>>): Maybe<void>;
  /** Replaces the dates that were put before. */
  calendar(events: readonly MarketEvent[]): Maybe<void>;
}

/** Clusters of edges, and optimisation runs over them. */
export interface RefreshPort {
  /** Takes changes; answers once they are folded, at most a tick later. */
  recordEdgeChanges(changes: readonly CheckedEdgeChange[]): Maybe<ChangesTaken>;
  /** Takes correlations in place of those handed in before; null takes them back. */
  setCorrelations(
    correlations: GivenCorrelations,
  ): Maybe<{ readonly edges: number; readonly clusters: number }>;
  /** Clusters of at least so many members, the largest first. */
  clusters(sizeMin: number, limit: number): Maybe<readonly ClusterStatus[]>;
  /** Why an edge is in its cluster; null when there is no such edge. */
  edge(edgeId: string): Maybe<EdgeExplanation | null>;
  /** Adds edges. */
  addEdges(edges: readonly string[]): Maybe<{ readonly edges: number }>;
  /** Removes edges. */
  removeEdges(edges: readonly string[]): Maybe<{ readonly edges: number }>;
  /** Correlations within a cluster; null when there is no such cluster. */
  block(clusterId: string): Maybe<ServedBlock | null>;
  /** Makes a run. */
  createRun(spec: RunSpec): Maybe<CreateAnswer>;
  /** Removes one; false when there is none. */
  removeRun(runId: string): Maybe<boolean>;
  /** Changes edges, sets and values of one. */
  changeRun(runId: string, change: RunChange): Maybe<ChangeAnswer>;
  /** Refreshes one. */
  refresh(runId: string, how: "refresh" | "with_fallback" | "rebuild"): Maybe<RefreshAnswer>;
  /** One of them; null when there is none. */
  run(runId: string): Maybe<RunMetadata | null>;
  /** All of them. */
  runs(): Maybe<readonly RunMetadata[]>;
  /** Why one is where it is, and how a set of it stands. */
  explain(runId: string, setId: string | null): Maybe<RunExplanation | null>;
  /** Scorers by name. */
  scorers(): Maybe<readonly { readonly name: string; readonly description: string }[]>;
  /** Figures over all. */
  stats(): Maybe<RefreshStats>;
  /** One change by the one call that does all; null when there is no such run. */
  recordOptimizationEdgeChange(
    change: OptimizationEdgeChange,
  ): Maybe<OptimizationChangeTaken | null>;
  /** One refresh by the one call that does all. */
  executeOptimizedRefresh(refresh: OptimizedRefresh): Maybe<OptimizedRefreshAnswer>;
}

/** The figures that charts draw. */
export interface FiguresPort {
  /** Points after `sinceMs` (epoch ms), the newest `limit` of them. */
  list(sinceMs: number, limit: number): Maybe<FiguresAnswer>;
  /** Somebody watches them: for the next seconds there is a point each second. */
  watched(): void;
}

/** Figures as columns, with what they should be. */
export type FiguresAnswer = FigureColumns & {
  /** By figure, in its unit; only those that have a target. */
  readonly targets: Partial<Record<FigureName, FigureTarget>>;
};

/** The last lines of the log. */
export interface LinesPort {
  /** Id of the last line. */
  readonly lastId: number;
  /** Lines that are kept. Answers at once. */
  list(query: LogQuery): LogPage;
}

/** Everything that the admin HTTP asks of the service. */
export interface ServicePort {
  /** Name and version of the program. */
  readonly about: { readonly name: string; readonly version: string };
  /** The tree and its messages. */
  readonly actors: TreePort;
  /** The dead letters. */
  readonly letters: LettersPort;
  /** Candles and labels. */
  readonly data: DataPort;
  /** The label log. */
  readonly log: LabelLogPort;
  /** Events for watchers. */
  readonly events: EventsPort;
  /** What labels are delivered to. */
  webhooks(): Maybe<readonly WebhookView[]>;
  /** Jobs that fetch from providers. */
  readonly jobs: JobsPort;
  /** The cache; null where there is none. */
  readonly cache: CachePort | null;
  /** What warms the cache; null where nothing does. */
  readonly warming: WarmingPort | null;
  /** Clusters and runs; null where there are none. */
  readonly refresh: RefreshPort | null;
  /** The upstream providers. */
  providers(): Maybe<readonly ProviderView[]>;
  /** Parts that are not up yet; none = ready. Answers at once. */
  waitingFor(): readonly string[];
  /** How every part is, and how well all of it does. */
  health(): Maybe<Health>;
  /** The alerts. */
  readonly alerts: AlertsPort;
  /** The figures that charts draw. */
  readonly figures: FiguresPort;
  /** The last lines of the log. */
  readonly lines: LinesPort;
  /** The nodes that share the work; one when this process is alone. */
  nodes(): Maybe<NodesView>;
  /** The other nodes, for the routes about their actors; left out = there are none. */
  readonly others?: OtherNodes;
  /** What the monitor changes by itself. */
  tuning(): Maybe<TuningView>;
  /** The metrics in the text format of Prometheus, version 0.0.4. */
  metrics(): Maybe<string>;
}
