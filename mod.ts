/**
 * Wick keeps market data fresh, warm and labelled.
 *
 * As a library: the running tree ({@linkcode startWick}), and what it is made of: the actor
 * runtime, market data, labels, feeds and the store. Run as the main module: the `wick` command.
 *
 * Each example is a program; `tests/code/readme_blocks_test.ts` runs it and compares what it prints
 * with the comments beside `console.log`.
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
 * @example Work of any kind over many items: at a rate, in chunks, with retries and a report
 * ```ts
 * import { Limiter, LimiterGate, parseRate, reportText, runBatch, systemClock } from "./mod.ts";
 *
 * const limits = [{ name: "api", rate: parseRate("750/min"), begin: "free" as const }];
 * const { state, report } = await runBatch({
 *   items: ["AAPL", "MSFT", "NVDA"],
 *   process: async (symbols) => await Promise.all(symbols.map((symbol) => symbol.length)),
 *   limiter: new LimiterGate(new Limiter({ limits }, systemClock.now()), systemClock),
 *   chunk: "auto",
 *   concurrency: 2,
 * });
 * console.log(state, reportText(report).join("\n")); // done Run items of items: done in …
 * ```
 *
 * @example A cache in front of a provider: one load however many ask, then a look into memory
 * ```ts
 * import { simulatedProvider, startWick, systemClock } from "./mod.ts";
 *
 * const wick = await startWick({
 *   workers: 1,
 *   providers: [{
 *     name: "simulated",
 *     begin: "free",
 *     open: () => simulatedProvider(systemClock, { seed: 7 }),
 *   }],
 *   cache: { provider: "simulated" },
 * });
 * const asked = Array.from({ length: 100 }, () => wick.cache?.get("price:AAPL"));
 * const [first] = await Promise.all(asked);
 * console.log(first?.state); // loaded
 * console.log(wick.cache?.peek("price:AAPL") !== undefined); // true
 * await wick.system.stop();
 * ```
 *
 * @example A job on a provider: its candles are stored and labelled like those of feeds
 * ```ts
 * import { reportText, simulatedProvider, startWick, systemClock } from "./mod.ts";
 *
 * const wick = await startWick({
 *   workers: 1,
 *   providers: [{ name: "simulated", begin: "free", open: () => simulatedProvider(systemClock) }],
 * });
 * const job = { name: "night", symbols: ["AAPL"], kinds: ["prices" as const], provider: "simulated" };
 * await wick.backfill.ask("start", { job, mode: "resume" });
 * await wick.backfill.ask("ended", { name: "night" }, { timeoutMs: 60_000 });
 * const report = await wick.backfill.ask("report", { name: "night" });
 * if (report !== null) console.log(reportText(report).join("\n"));
 * await wick.system.stop();
 * ```
 *
 * @example Every label and revision once, in order, from any place on
 * ```ts
 * import { labels, startWick, syntheticFeed, systemClock } from "./mod.ts";
 *
 * const endMs = Date.UTC(2020, 1, 1);
 * const wick = await startWick({
 *   workers: 1,
 *   feeds: [{ name: "synthetic", source: () => syntheticFeed(systemClock, { seed: 7, endMs }) }],
 * });
 * let rows = 0;
 * for await (const { seq, row, series, ts, label, revision } of labels(wick, { after: 0 })) {
 *   console.log(`${seq}-${row}`, series, ts, label, revision); // 1-0 EUR_USD:H1 …
 *   if (++rows === 100) break;
 * }
 * await wick.system.stop();
 * ```
 *
 * @example An actor of your own: its messages are declared once
 * ```ts
 * import { z } from "zod";
 * import { actor, createSystem, protocol } from "./mod.ts";
 *
 * const Counter = protocol("counter", {
 *   add: { payload: z.strictObject({ by: z.number() }) },
 *   total: { payload: z.strictObject({}), reply: z.number() },
 * });
 * const counter = actor(Counter, (_ctx, options: { start: number }) => {
 *   let total = options.start;
 *   return {
 *     add: ({ by }) => {
 *       total += by;
 *     },
 *     total: () => total,
 *   };
 * });
 *
 * await using system = createSystem({ name: "example" });
 * const ref = system.spawn(counter, {
 *   name: "counter",
 *   args: { start: 0 },
 *   mailbox: { bound: 8_192, overflow: "reject" },
 * });
 * console.log(ref.tell("add", { by: 2 })); // accepted
 * console.log(await ref.ask("total", {}, { timeoutMs: 1_000 })); // 2
 * ```
 *
 * @example A feed of your own: whatever has a cursor can be read again after a crash
 * ```ts
 * import { CandleBuilder, type FeedSource, startWick } from "./mod.ts";
 *
 * // A thousand candles of one series; the cursor is how many were read.
 * function countingFeed(): FeedSource {
 *   let read = 0;
 *   return {
 *     name: "counting",
 *     open: (cursor) => Promise.resolve(void (read = Number(cursor ?? 0))),
 *     read() {
 *       const rows = new CandleBuilder("EUR_USD:H1");
 *       for (const end = Math.min(read + 100, 1_000); read < end; read++) {
 *         const price = 1 + Math.sin(read / 10) / 10;
 *         rows.push(read * 3_600_000, price, price + 0.01, price - 0.01, price, 1);
 *       }
 *       const blocks = rows.length > 0 ? [rows.finish()] : [];
 *       return Promise.resolve({ blocks, rejections: [], cursor: `${read}`, done: read === 1_000 });
 *     },
 *     ack: () => Promise.resolve(),
 *     close: () => Promise.resolve(),
 *     [Symbol.asyncDispose]: () => Promise.resolve(),
 *   };
 * }
 *
 * const wick = await startWick({ workers: 1, feeds: [{ name: "counting", source: countingFeed }] });
 * await wick.feed("counting").ask("ended", {});
 * const { rows, cursor } = await wick.feed("counting").ask("status", {});
 * console.log(rows, cursor); // 1000 1000
 * await wick.system.stop();
 * ```
 *
 * @example A provider of your own, behind the cache
 * ```ts
 * import { checkedEndpoint, type DataProvider, startWick } from "./mod.ts";
 * import type { ProviderAnswer, ProviderKind, ProviderRequest, SymbolResult } from "./mod.ts";
 *
 * const costs = { costPerCall: 1, costPerKey: 0, spanMsMax: null, granularities: [] };
 * const endpoints = [{ name: "headlines", kind: "news" as const, symbolsMax: 100, ...costs }];
 *
 * // Has one piece of news of every symbol but X.
 * const gazette: DataProvider = {
 *   name: "gazette",
 *   capabilities: { endpoints, limits: [{ counts: "calls", max: 60, windowMs: 60_000 }] },
 *   fetch<K extends ProviderKind>(request: ProviderRequest<K>): Promise<ProviderAnswer<K>> {
 *     const { name: endpoint } = checkedEndpoint(gazette, endpoints, request);
 *     const results = request.symbols.map((symbol) =>
 *       symbol === "X" ? { state: "missing" } : { state: "ok", value: [{ atMs: 0, title: symbol }] }
 *     ) as SymbolResult<K>[];
 *     const took = { keys: results.length, cost: 1, tookMs: 0, status: null, limitHeaders: {} };
 *     return Promise.resolve({ state: "answered", results, facts: { endpoint, ...took } });
 *   },
 *   groupOf: () => "",
 *   detail: () => ({}),
 *   close: () => Promise.resolve(),
 *   [Symbol.asyncDispose]: () => Promise.resolve(),
 * };
 * const providers = [{ name: "gazette", begin: "free" as const, open: () => gazette }];
 * const wick = await startWick({ workers: 1, providers, cache: { provider: "gazette" } });
 * console.log((await wick.cache?.get("news:AAPL"))?.state); // loaded
 * console.log((await wick.cache?.get("news:X"))?.state); // missing
 * await wick.system.stop();
 * ```
 *
 * @example A scorer of your own
 * ```ts
 * import { builtInScorers, type ScorerKind, startWick } from "./mod.ts";
 *
 * const weakest: ScorerKind = {
 *   name: "weakest",
 *   description: "The least value of a set",
 *   create: () => ({
 *     name: "weakest",
 *     // The set's members are members[from … to), places in values; higher is better.
 *     score(values, members, from, to) {
 *       let least = Infinity;
 *       for (let i = from; i < to; i++) least = Math.min(least, values[members[i] ?? 0] ?? 0);
 *       return least;
 *     },
 *   }),
 * };
 *
 * const scorers = builtInScorers();
 * scorers.register(weakest);
 * const wick = await startWick({ workers: 1, refresh: { baskets: null, scorers } });
 * await wick.createRun({
 *   runId: "desk",
 *   edges: [{ edgeId: "a", value: 0.7 }, { edgeId: "b", value: 0.6 }, { edgeId: "c", value: 0.9 }],
 *   generator: { kind: "combinations", size: 2 },
 *   scorer: { name: "weakest" },
 * });
 * const answer = await wick.executeOptimizedRefresh({ runId: "desk" });
 * if (answer.state === "done") console.log(answer.report.best?.setId, answer.report.best?.score); // a+c 0.7
 * await wick.system.stop();
 * ```
 *
 * @example Two nodes, and a message from one to an actor of the other: needs a Redis
 * ```ts
 * import { z } from "zod";
 * import { actor, protocol, startWick } from "./mod.ts";
 *
 * const Clock = protocol("clock", { now: { payload: z.strictObject({}), reply: z.number() } });
 * const clock = actor(Clock, () => ({ now: () => Date.now() }));
 *
 * const redis = "redis://127.0.0.1:6379";
 * const start = (node: string) => {
 *   const session = crypto.randomUUID();
 *   return startWick({
 *     workers: 1,
 *     store: { kind: "shared", redis, session, copy: { kind: "memory" } },
 *     nodes: { node, session, way: { kind: "redis", redis } },
 *   });
 * };
 * const b = await start("b");
 * const a = await start("a"); // knows b, which was there before
 * b.system.spawn(clock, { name: "clock", args: {} });
 * const far = a.system.remote(Clock, "b", "clock");
 * console.log(typeof await far.ask("now", {}, { timeoutMs: 2_000 })); // number
 * await Promise.all([a.system.stop(), b.system.stop()]);
 * ```
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { JobSpec } from "./src/batch/job_spec.ts";
import { simulatedProvider } from "./src/provider/simulated.ts";
import { labelFile } from "./actors/label_file.ts";
import { NodeMember } from "./actors/protocols_nodes.ts";
import { PATHS, startWick, type Wick } from "./actors/tree.ts";
import { NODE_PATHS } from "./actors/tree_nodes.ts";
import config from "./deno.json" with { type: "json" };
import { pause, systemClock, systemRandom } from "./src/actor/clock.ts";
import { threadEntry } from "./src/actor/thread_url.ts";
import { ThreadNode } from "./src/actor/thread_node.ts";
import type { CacheRouter } from "./src/cache/router.ts";
import { basketFigures } from "./src/cli/demo_baskets.ts";
import { DemoReaders } from "./src/cli/demo_readers.ts";
import { type DemoTree, runDemoTree, type StartDemoTree } from "./src/cli/demo_run.ts";
import { processIo } from "./src/cli/io.ts";
import { runCommand } from "./src/cli/main.ts";
import type { WickConfig } from "./src/cli/config_schema.ts";
import { Exit } from "./src/cli/exit_code.ts";
import { LogLevels } from "./src/cli/log_levels.ts";
import { metricsWriter } from "./src/cli/metrics_files.ts";
import {
  type CliParts,
  type Drained,
  type OpenJobs,
  type RunServe,
  ServeError,
} from "./src/cli/parts.ts";
import { admissionOf, labelParamsOf, sourceOf } from "./src/cli/serve_feeds.ts";
import { cacheOf } from "./src/cli/serve_cache.ts";
import { scorersOf } from "./src/cli/scorer_module.ts";
import { secretsOf } from "./src/cli/secrets.ts";
import { nodeOf, type ServedNode } from "./src/cli/serve_nodes.ts";
import { refreshOf } from "./src/cli/serve_refresh.ts";
import { tuningOf } from "./src/cli/serve_tuning.ts";
import { warmingOf } from "./src/cli/serve_warming.ts";
import { isCron } from "./actors/warmer.ts";
import { holeFillerOf, providersOf, scheduledJobs } from "./src/cli/serve_jobs.ts";
import { webhooksOf } from "./src/cli/serve_webhooks.ts";
import { tracingOf } from "./src/cli/tracer.ts";
import { alertSinksOf } from "./src/cli/serve_alerts.ts";
import { targetChanges } from "./src/cli/monitor_config.ts";
import type { StoreArgs } from "./actors/store.ts";
import { causesOf, textOf, TRACE_RATIO, type TreeNode } from "./src/actor/mod.ts";
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
export * from "./src/label/kinds/columns.ts";
export * from "./src/label/worker_slots.ts";
export * from "./src/label/kinds/kind_labeler.ts";
export * from "./src/label/kinds/label_kinds.ts";
export type * from "./src/label/kinds/path.ts";
export * from "./src/label/kinds/registry.ts";
export * from "./src/label/kinds/sides.ts";
export * from "./src/label/labeler.ts";
export * from "./src/label/levels.ts";
export * from "./src/label/params.ts";
export { partitionOwners } from "./src/market/spread.ts";
export * from "./src/label/open_events.ts";
export * from "./src/label/label_tally.ts";
export * from "./src/label/row_object.ts";
export * from "./src/label/rows.ts";

export * from "./src/feed/file_source.ts";
export * from "./src/feed/port.ts";
export * from "./src/feed/instrument_file.ts";
export * from "./src/feed/replay.ts";
export * from "./src/feed/status.ts";
export * from "./src/feed/synthetic.ts";
export * from "./src/market/calendar.ts";
export * from "./src/market/holes.ts";
export * from "./src/market/holes_expected.ts";

export * from "./src/batch/chunk_controller.ts";
export {
  type CallPlan,
  FILTER_NAMES,
  type FilterName,
  type FilterSettings,
  planCalls,
  type PlannedCall,
  type SkippedCall,
} from "./src/batch/filter.ts";
export { DATA_KINDS, type DataKind, dataKindOf, parseKinds } from "./src/batch/filter_kinds.ts";
export { FILTER_TIMES, type FilterTimes, type SymbolFacts } from "./src/batch/filter_rules.ts";
export * from "./src/batch/interval_set.ts";
export {
  type ChunkSetting,
  JOB_PROFILES,
  jobProblems,
  type JobProfile,
  type JobSchedule,
  type JobSettings,
  jobSettings,
  type JobSpec,
  type ProfileName,
} from "./src/batch/job_spec.ts";
export { JOB_STATES, type JobState } from "./src/batch/job_state.ts";
export { JOB_MODES, type JobMode, type JobReply, type JobStatus } from "./src/batch/job_status.ts";
export { parseSymbols, type SymbolsFile } from "./src/batch/job_symbols.ts";
export type { HeaderSource, LimitNotice } from "./src/batch/limit_headers.ts";
export type { LimiterOptions, LimitSpec } from "./src/batch/limit_options.ts";
export type { Claim, ClaimState } from "./src/batch/limit_queue.ts";
export { formatRate, type LimitRate, parseRate } from "./src/batch/limit_rate.ts";
export {
  type LaneSnapshot,
  LIMITER_SNAPSHOT_VERSION,
  type LimiterSnapshot,
  type RingSnapshot,
} from "./src/batch/limit_snapshot.ts";
export type { LimiterStatus, LimitUse, LimitUserStatus } from "./src/batch/limit_status.ts";
export * from "./src/batch/limiter.ts";
export * from "./src/batch/limiter_gate.ts";
export type { Eta, PhaseProgress, Progress, ProgressSnapshot } from "./src/batch/progress.ts";
export { progressLine, progressLogLine } from "./src/batch/progress_text.ts";
export {
  type CallRecord,
  type RecorderOptions,
  type RecorderSnapshot,
  type RetryRecord,
  RunRecorder,
} from "./src/batch/report.ts";
export type { EndpointSnapshot } from "./src/batch/report_calls.ts";
export {
  type ComparedRun,
  compareReports,
  comparisonText,
  type RunComparison,
  type Trend,
} from "./src/batch/report_compare.ts";
export type { PhaseRecorder, PhaseSnapshot } from "./src/batch/report_phase.ts";
export type { PlanSavings, Saving, SavingsSnapshot } from "./src/batch/report_savings.ts";
export * from "./src/batch/report_schema.ts";
export { reportText } from "./src/batch/report_text.ts";
export * from "./src/batch/retry.ts";
export * from "./src/batch/retry_budget.ts";
export type { RetryBounds } from "./src/batch/retry_pause.ts";
export { runBatch } from "./src/batch/run_batch.ts";
export * from "./src/batch/run_batch_types.ts";

export {
  openProvider,
  type ProviderConfig,
  type ProviderParts,
  providerSchema,
} from "./src/provider/config.ts";
export { eodhdMapping } from "./src/provider/eodhd.ts";
export type { EodhdSymbolOptions } from "./src/provider/eodhd_symbol.ts";
export {
  failure as providerFailure,
  FAILURE_CLASS_OF,
  type FailureCode,
  ProviderError,
  type ProviderErrorCode,
  type ProviderFailure,
} from "./src/provider/error.ts";
export { httpProvider, type HttpProviderOptions } from "./src/provider/http.ts";
export type { Fetch } from "./src/provider/http_call.ts";
export type { KeyReader, KeySource } from "./src/provider/http_key.ts";
export type {
  AnyHttpEndpoint,
  HttpEndpoint,
  HttpMapping,
  MappedRequest,
  Reading,
} from "./src/provider/http_mapping.ts";
export {
  type CallFacts,
  type CallShape,
  checkedEndpoint,
  costOf,
  type DataProvider,
  endpointFor,
  type EndpointInfo,
  type ProviderAnswer,
  type ProviderCapabilities,
  type ProviderDetail,
  type ProviderLimit,
  type ProviderRequest,
  type SymbolResult,
} from "./src/provider/port.ts";
export { type SimulatedProvider, simulatedProvider } from "./src/provider/simulated.ts";
export type { CallLimit, Outage, SimulatedOptions } from "./src/provider/simulated_options.ts";
export type { UpstreamCounts, UpstreamStats } from "./src/provider/simulated_upstream.ts";
export type { BatchCounts, BatchSettings, BatchStatus } from "./src/provider/batch_status.ts";
export type { EndpointCounts, ProviderStatus } from "./src/provider/status.ts";
export {
  type Dividend,
  type FundamentalsValue,
  type NewsItem,
  type PriceValue,
  type ProfileValue,
  PROVIDER_KINDS,
  type ProviderKind,
  type ProviderValues,
  type QuoteValue,
} from "./src/provider/values.ts";

export { MemoryStore, type MemoryStoreOptions } from "./src/store/memory.ts";
export { StoreError, type StoreErrorCode } from "./src/store/error.ts";
export type * from "./src/store/port.ts";
export type { SqliteBounds } from "./src/store/sqlite/bounds.ts";
export type { Durability } from "./src/store/sqlite/open.ts";
export type { RetentionOptions } from "./src/store/sqlite/retention.ts";
export { SqliteStore, type SqliteStoreOptions } from "./src/store/sqlite_store.ts";
export { type TouchedSeries, touchedSeries } from "./src/store/touched_series.ts";

export { type Admin as AdminHttp, createAdmin, createApp } from "./src/http/app.ts";
export type { AdminApp, AdminSchema } from "./src/http/api.ts";
export { type WickClient, wickClient, type WickClientOptions } from "./src/http/client.ts";
export type { Tokens } from "./src/http/guards/token_guard.ts";
export type { LabelLine } from "./src/http/label_lines.ts";
export { LabelLog, type ReadLog } from "./src/http/label_log.ts";
export * from "./src/http/label_rows.ts";
export type { AdminLimits, AdminOptions } from "./src/http/options.ts";
export type * from "./src/http/port.ts";
export { type AdminServer, serveAdmin } from "./src/http/serve.ts";
export { systemLetters, systemTree } from "./src/http/system_port.ts";
export type { WebhookSpec } from "./src/http/webhook/options.ts";
export type { AlertSinkSpec } from "./src/http/webhook/alert_sink.ts";

export { openTelemetryTracer } from "./src/cli/tracer.ts";
export type { AlertSinkStatus, AlertTestResult } from "./src/http/webhook/alert_sink_status.ts";
export { SIGNATURE_HEADER, verifyWebhook } from "./src/http/webhook/signature.ts";
export type { WebhookStatus } from "./src/http/webhook/status.ts";
export type { ReceiverHistory, ReceiverWait } from "./src/http/webhook/receiver_status.ts";

export * from "./src/cache/access_log.ts";
export * from "./src/cache/cache.ts";
export { CacheError, type CacheErrorCode } from "./src/cache/error.ts";
export {
  type CacheKeyParts,
  formatCacheKey,
  KEY_KINDS,
  type KeyKind,
  type KeyParams,
  parseCacheKey,
} from "./src/cache/key.ts";
export { KeyIndex } from "./src/cache/key_index.ts";
export { compileKeyPattern, type KeyPattern } from "./src/cache/key_pattern.ts";
export * from "./src/cache/load_groups.ts";
export type { NegativeTimes } from "./src/cache/negative.ts";
export { cacheReport, cacheReportText } from "./src/cache/report.ts";
export type * from "./src/cache/report_types.ts";
export * from "./src/cache/router.ts";
export {
  CacheShard,
  type Ending,
  type EntryTtl,
  type SetEntry,
  type ShardBounds,
  type ShardOptions,
  type TimeLeft,
  type ValueCodec,
} from "./src/cache/shard.ts";
export type { IsTouched } from "./src/cache/shard_generations.ts";
export { SteadyWall } from "./src/cache/shard_tier.ts";
export type { CurvePoint, ShardStatus, TypeCounts } from "./src/cache/status.ts";
export { TouchedIndex, type TouchedOptions } from "./src/cache/touched.ts";
export { type TradedAs, type Ttl, ttlByKey, ttlOf, type TtlQuestion } from "./src/cache/ttl.ts";
export {
  type TtlOptions,
  ttlOptions,
  type TtlRule,
  type TtlRules,
  type TtlSettings,
} from "./src/cache/ttl_rules.ts";
export * from "./src/cache/types.ts";
export * from "./src/cache/ttl_left.ts";

export * from "./src/refresh/aggregator.ts";
export * from "./src/refresh/evaluate.ts";
export * from "./src/refresh/resilience.ts";
export * from "./src/refresh/run.ts";
export * from "./src/refresh/scorer_built_in.ts";
export type * from "./src/refresh/aggregator_pending.ts";
export type * from "./src/refresh/audit.ts";
export type * from "./src/refresh/block_schedule.ts";
export type * from "./src/refresh/block_schedule_snapshot.ts";
export type * from "./src/refresh/clusters.ts";
export type { EdgeNames } from "./src/refresh/edges.ts";
export type { Linkage } from "./src/refresh/linkage.ts";
export type * from "./src/refresh/fallback.ts";
export type * from "./src/refresh/published.ts";
export type * from "./src/refresh/published_ever.ts";
export type * from "./src/refresh/staleness.ts";
export type * from "./src/refresh/correlation.ts";
export type * from "./src/refresh/correlation_stream.ts";
export type * from "./src/refresh/correlation_stream_snapshot.ts";
export type * from "./src/refresh/cost_model.ts";
export type * from "./src/refresh/impact.ts";
export type * from "./src/refresh/magnitude.ts";
export type * from "./src/refresh/modes.ts";
export type * from "./src/refresh/run_engine.ts";
export type * from "./src/refresh/run_types.ts";
export type * from "./src/refresh/run_changes.ts";
export * from "./src/refresh/scorer.ts";
export * from "./src/refresh/scorer_mean_variance.ts";
export { type PairCorrelations, PairTable } from "./src/refresh/scorer_pairs.ts";
export * from "./src/refresh/scorer_product.ts";
export * from "./src/refresh/scorer_returns.ts";
export * from "./src/refresh/refresh_spec.ts";
export type * from "./src/refresh/service_types.ts";
export * from "./src/http/refresh_input.ts";
export type {
  LabelPage,
  LabelPieceQuery,
  LabelTextWish,
  TextMemory,
} from "./src/store/label_text.ts";

export * from "./src/warm/settings.ts";
export { type MarketEvent, STRATEGY_NAMES, type StrategyName } from "./src/warm/types.ts";
// The report of a job is a `RunReport` too.
export type {
  BudgetStatus,
  ExperimentStats,
  PatternKey,
  ReliabilityBucket,
  RunRefusal,
  RunReport as WarmingReport,
  RunResult as WarmingResult,
  SignificanceStats,
  StrategyStats,
  ThrottleStatus,
  VariantStats,
  WarmingPatterns,
  WarmingPause,
  WarmingStats,
  WarmingStatus,
} from "./src/warm/warming_types.ts";

export * from "./src/monitor/histogram.ts";
export * from "./src/monitor/windowed_histogram.ts";
export * from "./src/monitor/event_hub.ts";
export * from "./src/monitor/rates.ts";
export * from "./src/monitor/reporter.ts";
export * from "./src/monitor/alert.ts";
export * from "./src/monitor/alert_book.ts";
export * from "./src/monitor/alert_causes.ts";
export * from "./src/monitor/alerts.ts";
export * from "./src/monitor/alert_payload.ts";
export * from "./src/monitor/alert_outbox.ts";
export * from "./src/monitor/alert_webhook_payload.ts";
export * from "./src/monitor/own_metrics.ts";
export * from "./src/monitor/burn_rate.ts";
export * from "./src/monitor/burn_rate_events.ts";
export * from "./src/monitor/cusum.ts";
export * from "./src/monitor/cusum_latency.ts";
export * from "./src/monitor/level_rule.ts";
export * from "./src/monitor/pattern.ts";
export * from "./src/monitor/rules.ts";
export * from "./src/monitor/rules_engine.ts";
export * from "./src/monitor/rules_metrics.ts";
export * from "./src/monitor/rules_shift.ts";
export * from "./src/monitor/rules_slo.ts";
export * from "./src/monitor/rules_types.ts";
export * from "./src/monitor/targets.ts";
export * from "./src/monitor/target_metrics.ts";
export * from "./src/monitor/tuning_view.ts";
export * from "./src/monitor/tuning_readings.ts";
export type { DeskSurroundings } from "./src/monitor/desk.ts";
export * from "./src/monitor/tuning_desk.ts";
export * from "./src/monitor/figures_recent.ts";
export * from "./src/monitor/figures_history.ts";
export * from "./src/monitor/figures.ts";
export type { PartHealth as PartFinding, PartState } from "./src/monitor/finding.ts";
export * from "./src/monitor/health_inputs.ts";
export * from "./src/monitor/health_components.ts";
export * from "./src/monitor/health_score.ts";
export * from "./src/http/log_ring.ts";
export type { KnobSpec, TuningSpec } from "./actors/tree_tuning.ts";
export type { ProcessFigures } from "./src/monitor/collect_process.ts";
export * from "./src/monitor/limiting.ts";
export * from "./src/monitor/health_metrics.ts";
export * from "./src/monitor/scaling.ts";
export * from "./src/monitor/tuning.ts";
export * from "./src/monitor/tuning_bounds.ts";
export * from "./src/monitor/tuning_inputs.ts";
export * from "./src/monitor/tuning_rules.ts";
export * from "./src/monitor/export_promql.ts";
export * from "./src/monitor/export_prometheus_rules.ts";
export * from "./src/monitor/export_grafana.ts";
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
  Webhook,
} from "./actors/protocols.ts";
export {
  Backfill,
  type GroupedRequest,
  type PermitReply,
  type PermitRequest,
  type PermittedAnswer,
  type PermittedCall,
  Provider,
} from "./actors/protocols_batch.ts";
// Several nodes
export type { NodesSpec, NodesWay, SharedBudgets } from "./actors/tree_nodes.ts";
export * from "./src/batch/shared_budget.ts";
export * from "./src/batch/shared_budget_state.ts";
export * from "./src/batch/shared_permits.ts";
export * from "./src/actor/remote_wire.ts";
export type { SharedStoreArgs } from "./actors/store.ts";
export {
  type GateAnswer,
  gateAnswer,
  type GateCall,
  gateCall,
  type OtherNodes,
} from "./src/http/node_gate.ts";
export type { KlineFetch } from "./src/feed/kline_rest.ts";
export * from "./src/store/log/port.ts";
export * from "./src/store/partitions/port.ts";
export * from "./src/store/partitions/memory_streams.ts";
export * from "./src/store/nodes/peers.ts";
export * from "./src/store/nodes/memory_wire.ts";
export * from "./src/store/nodes/assignment.ts";
export * from "./src/store/nodes/duties.ts";
export * from "./src/store/nodes/node_error.ts";
export type { NodesView } from "./src/http/node_schemas.ts";

// Feeds from outside
export { type FirestoreConnect, firestoreSource } from "./src/feed/firestore_source.ts";
export type { FirestoreLink, FirestorePage, FirestoreView } from "./src/feed/firestore_link.ts";
export type { StoredDocument } from "./src/feed/firestore_item.ts";
export * from "./src/feed/firestore_options.ts";
export * from "./src/feed/kline.ts";
export * from "./src/feed/redis_stream.ts";
export * from "./src/feed/redis_stream_entry.ts";

export type { AdminArgs } from "./actors/admin.ts";
export type { StoreArgs } from "./actors/store.ts";
export {
  CacheShard as CacheShardProtocol,
  CacheTier,
  type CacheValue,
} from "./actors/protocols_cache.ts";
export {
  Aggregator as AggregatorProtocol,
  type EdgesMoved,
  RefreshCoordinator,
  type RefreshNews,
} from "./actors/protocols_refresh.ts";
export { type AccessesTaken, Warmer } from "./actors/protocols_warm.ts";
export type { WarmingSpec } from "./actors/warmer.ts";
export * from "./src/cache/spec.ts";
export {
  type AccessContext,
  type FeedSpec,
  type MonitorSettings,
  type ProviderSpec,
  type ShownLog,
  startWick,
  type Wick,
  type WickOptions,
  wickRefs,
  wickTree,
} from "./actors/tree.ts";

const DEMO_PRICE_MS = 10_000;
const DEMO_PRICE_TTL = {
  openMs: DEMO_PRICE_MS,
  closedMs: DEMO_PRICE_MS,
  cryptoMs: DEMO_PRICE_MS,
};
type WarmerRef = NonNullable<Wick["warmer"]>;
type RefreshRef = NonNullable<Wick["refresh"]>;
/** Of four pairs. */
const DEMO_BASKETS = { runId: "baskets", size: 2 };
const DEMO_RUN = { runId: DEMO_BASKETS.runId };

/** The tree as the demo sees it: everything that `wick serve` runs, in a folder of its own. */
const startDemoTree: StartDemoTree = async (source, log) => {
  const folder = await mkdtemp(join(tmpdir(), "wick-demo-"));
  const wick = await startWick({
    store: { kind: "sqlite", options: { path: join(folder, "wick.db") } },
    feeds: [{ name: "synthetic", source }],
    providers: [{ name: "simulated", begin: "free", open: () => simulatedProvider(systemClock) }],
    cache: {
      provider: "simulated",
      // So short that a minute shows what becomes of what ends.
      ttl: { rules: { price: DEMO_PRICE_TTL } },
      tier: { kind: "sqlite", path: join(folder, "cache.db") },
    },
    warming: {},
    refresh: { baskets: DEMO_BASKETS },
    admin: { about: { name: "wick", version: config.version }, options: { port: 0 } },
    system: { log, ...await tracingOf((name) => Deno.env.get(name), config.version, TRACE_RATIO) },
  });
  const { url } = await wick.admin.ask("status", {});
  const { system, store, pool } = wick;
  const feed = wick.feed("synthetic");
  const restartsOf = (node: TreeNode): number =>
    (node.supervisor?.restarts ?? 0) +
    node.children.reduce((sum, part) => sum + restartsOf(part), 0);
  let gaveUp: Error | null = null;
  void doneOf(wick).then((error) => gaveUp = error);
  const router = wick.cache as CacheRouter<unknown>;
  const readers = new DemoReaders(router, systemRandom);
  const provider = wick.provider("simulated");
  await wick.backfill.ask("start", { job: DEMO_JOB, mode: "restart" });
  const tree: DemoTree = {
    url,
    gaveUp: () => gaveUp,
    pool: () => pool.ask("status", {}),
    feed: () => feed.ask("status", {}),
    settle: async () => {
      await feed.ask("pause", {}, { timeoutMs: 60_000 });
      await wick.backfill.ask("pause", { name: DEMO_JOB.name });
      await wick.backfill.ask("ended", { name: DEMO_JOB.name }, { timeoutMs: 60_000 });
    },
    job: () => wick.backfill.ask("report", { name: DEMO_JOB.name }),
    read: () => readers.step(),
    reads: async () => {
      const { endpoints } = await provider.ask("status", {});
      const figures = { shards: router.status(), tier: null, upstream: endpoints };
      return readers.figures(figures, await (wick.warmer as WarmerRef).ask("stats", {}));
    },
    baskets: () => {
      const refresh = wick.refresh as RefreshRef;
      return basketFigures({
        get: () => refresh.ask("get", DEMO_RUN),
        refresh: () => refresh.ask("refreshWithFallback", DEMO_RUN),
        rebuild: () => refresh.ask("rebuild", DEMO_RUN),
      });
    },
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

/** Symbols of the demo's job: some 70 calls. */
const DEMO_SYMBOLS = 1_000;

/** A job that takes a few seconds: each kind of a symbol is an item. */
const DEMO_JOB: JobSpec = {
  name: "demo",
  symbols: Array.from({ length: DEMO_SYMBOLS }, (_, i) => `DEMO${i}`),
  kinds: ["prices", "dividends", "profiles"],
  provider: "simulated",
};

/** Where a configuration keeps its data. */
function storeOf(config: WickConfig): StoreArgs {
  return sqliteOf(config);
}

function sqliteOf(config: WickConfig): StoreArgs & { readonly kind: "sqlite" } {
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

/** The same as a copy of the log that the nodes share. */
function sharedStoreOf(config: WickConfig, { session, way }: ServedNode): StoreArgs {
  const { redis, prefix } = way;
  const { kind, options } = sqliteOf(config);
  // What a power cut takes from a copy, the log has.
  const copy = { kind, options: { ...options, durability: "normal" as const } };
  return { kind: "shared", redis, prefix, session, copy, waitReplicas: config.redisWaitReplicas };
}

/** Null where the process may not ask. */
function hostName(): string | null {
  try {
    return hostname();
  } catch {
    return null;
  }
}

/** Codes of what another process has. */
const TAKEN = new Set(["EADDRINUSE", "name_taken"]);

/** Taken by another process: try again. Everything else has to be mended first. */
function serveError(error: unknown): ServeError {
  const causes = causesOf(error);
  const isTaken = storeErrorCode(error) === "locked" ||
    causes.some((cause) => "code" in cause && TAKEN.has(String(cause.code)));
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
  const logLevels = new LogLevels(config.logLevel);
  const webhooks = await webhooksOf(config, io);
  const alertSinks = await alertSinksOf(config, io);
  const jobs = await scheduledJobs(config, io);
  const providers = providersOf(config, io);
  const onReport = metricsWriter(config, log);
  const cache = cacheOf(config, providers);
  const warming = warmingOf(config, cache, isCron);
  const refresh = refreshOf(config, await scorersOf(config.refreshScorers, io.clock));
  const tracing = await tracingOf(io.env, parts.version, config.traceRatio);
  const node = nodeOf(config, {
    hostname: () => hostName() ?? io.env("HOSTNAME") ?? config.host,
    uuid: () => crypto.randomUUID(),
  });
  const mustStop = Promise.withResolvers<Error>();
  const wick = await startWick({
    store: node === null ? storeOf(config) : sharedStoreOf(config, node),
    nodes: node === null ? null : { ...node, onStopped: mustStop.resolve },
    params: labelParamsOf(config),
    instruments,
    admission: admissionOf(config),
    ...(config.workers === null ? {} : { workers: config.workers }),
    providers,
    ...holeFillerOf(config, providers),
    cache,
    warming,
    refresh,
    ...(onReport === undefined ? {} : { onReport }),
    feeds: config.feeds.map((feed) => ({
      name: feed.name,
      priority: feed.priority,
      bulk: feed.bulk,
      source: () => sourceOf(feed, config.feedBatchRows, io.clock, config),
    })),
    webhooks,
    alertSinks,
    monitor: {
      intervalMs: config.monitorIntervalMs,
      figures: config.monitorEnabled,
      alertCooldownMs: config.alertCooldownMs,
      targets: targetChanges(config.targets),
      metrics: config.metrics,
      tuning: tuningOf(config),
    },
    admin: {
      about: { name: "wick", version: parts.version },
      options: {
        hostname: config.host,
        port: config.port,
        hosts: config.allowedHosts,
        tokens: { act: config.token, read: config.readToken },
      },
      log: {
        admits: (level, path) => logLevels.admits(level, path),
        secrets: secretsOf(config),
      },
    },
    system: { log, ...tracing },
  }).catch((error) => {
    throw serveError(error);
  });
  for (const job of jobs) {
    const reply = await wick.backfill.ask("start", { job, mode: "schedule" }, JOB_ANSWER);
    // One that is under way still has the form of its last start.
    if (reply.state !== "ok") log("warn", PATHS.backfill, reply.reason, { job: job.name });
  }
  const { url } = await wick.admin.ask("status", {});
  const feeds = config.feeds.map(({ name }) => wick.feed(name));
  const work = new ServedWork(wick);
  let deadlineMs = Infinity;
  const leftMs = () => Math.max(1, deadlineMs - io.clock.now());
  const drain = async (): Promise<Drained> => {
    deadlineMs = Math.min(deadlineMs, io.clock.now() + config.drainMs);
    work.phase = "requests end";
    await wick.system.stopAt(`${wick.system.root.path}/admin`).catch(() => {});
    work.phase = "feeds pause";
    await Promise.allSettled(feeds.map((feed) => feed.ask("pause", {}, { timeoutMs: leftMs() })));
    work.phase = "jobs stop";
    // They go on by themselves at the next start.
    await wick.system.stopAt(`${wick.system.root.path}/${PATHS.backfill}`).catch(() => {});
    if (node !== null) {
      work.phase = "handing partitions over";
      const member = wick.system.ref(NodeMember, NODE_PATHS.node);
      await member.ask("leave", {}, { timeoutMs: leftMs() }).catch(() => {});
    }
    work.phase = "committing";
    let left = await work.look();
    while (left > 0 && io.clock.now() < deadlineMs) {
      await pause(io.clock, DRAIN_LOOK_MS);
      left = await work.look();
    }
    work.phase = "closing the store";
    await wick.system.stop({ deadlineMs: leftMs() });
    return left === 0
      ? { state: "drained", detail: `${work.committed} candles committed since the start` }
      : { state: "cut", detail: `${left} batches were not committed; their senders know` };
  };
  let draining: Promise<Drained> | null = null;
  return {
    url,
    data: config.data,
    progress: () => work.progress(),
    drain: () => draining ??= drain(),
    abort: () => {
      deadlineMs = io.clock.now();
      void wick.system.stop({ drain: false, deadlineMs: 1 });
    },
    done: Promise.race([doneOf(wick), mustStop.promise]),
  };
};

const openJobs: OpenJobs = async (config, log, io) => {
  const onReport = metricsWriter(config, log);
  const wick = await startWick({
    store: storeOf(config),
    params: labelParamsOf(config),
    ...(config.workers === null ? {} : { workers: config.workers }),
    providers: providersOf(config, io),
    ...(onReport === undefined ? {} : { onReport }),
    system: { log },
  }).catch((error) => {
    throw serveError(error);
  });
  const { backfill, system } = wick;
  let gaveUp: Error | null = null;
  void doneOf(wick).then((error) => gaveUp = error);
  return {
    start: (job, mode) => backfill.ask("start", { job, mode }, JOB_ANSWER),
    job: (name) => backfill.ask("job", { name }, JOB_ANSWER),
    pause: (name) => backfill.ask("pause", { name }, JOB_ANSWER),
    resume: (name) => backfill.ask("resume", { name }, JOB_ANSWER),
    report: (name) => backfill.ask("report", { name }, JOB_ANSWER),
    gaveUp: () => gaveUp,
    close: () => system.stop(),
    abort: () => void system.stop({ drain: false, deadlineMs: 1 }),
  };
};

/** Starting a job of 100,000 symbols plans it. */
const JOB_ANSWER = { timeoutMs: 120_000 } as const;

/** What a service has under way, while it runs and while it stops. */
class ServedWork {
  /** What stopping does now; empty while nothing stops. */
  phase = "";
  /** Candles committed since the start, as last seen. */
  committed = 0;
  #batches = 0;
  #rows = 0;

  constructor(private readonly wick: Wick) {}

  /** Batches under way; none when nobody can say. */
  async look(): Promise<number> {
    const status = await this.wick.pool.ask("status", {}, LOOK).catch(() => null);
    this.committed = status?.candles ?? this.committed;
    this.#batches = status?.queuedBatches ?? 0;
    this.#rows = status?.queuedRows ?? 0;
    return this.#batches;
  }

  async progress(): Promise<string> {
    await this.look();
    const count = (rows: number) => rows.toLocaleString("en");
    const underWay = this.#batches === 0
      ? "no batch under way"
      : `${this.#batches} batches of ${count(this.#rows)} candles under way`;
    const phase = this.phase === "" ? "" : `${this.phase}; `;
    return `${phase}${underWay}, ${count(this.committed)} candles committed`;
  }
}

/** The pool answers in a millisecond, or is too busy to wait for. */
const LOOK = { timeoutMs: 500 } as const;
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
  openJobs,
};

if (import.meta.main) {
  Deno.exit(await runCommand(Deno.args, parts, processIo()));
}
