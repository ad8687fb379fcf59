/**
 * The settings one by one: what each is, its name in the environment and on the command line.
 *
 * @module
 */

import { POLICY_NAMES } from "../cache/types.ts";
import { LINKAGES } from "../refresh/linkage.ts";
import { KNOBS } from "../monitor/tuning.ts";
import type { OptionSpec } from "./command.ts";
import {
  CONFIG_SHAPE,
  configSchema,
  PROFILES,
  type SettingName,
  type WickConfig,
} from "./config_schema.ts";

/** How a setting is written where everything is text. */
export type SettingText = "text" | "number" | "boolean" | "list" | "json";

/** One setting. */
export interface Setting {
  /** One line. */
  readonly about: string;
  /** How its value is written in the environment. */
  readonly text: SettingText;
  /** Its option, without dashes; null where there is none. */
  readonly flag: string | null;
  /** How help calls the value of its option. */
  readonly called?: string;
  /** Words allowed, for help and completion. */
  readonly words?: readonly string[];
  /** Its option may be given several times, once for each part of a list. */
  readonly isRepeated?: true;
  /** Never shown; taken only from the environment or a file that is named. */
  readonly secret?: true;
}

const setting = (
  about: string,
  kind: SettingText = "text",
  more: Partial<Omit<Setting, "about" | "text">> = {},
): Setting => ({ about, text: kind, flag: null, ...more });

/** Every setting, in the order in which they are shown. */
export const SETTINGS: Readonly<Record<SettingName, Setting>> = {
  profile: setting("a group of values at once", "text", { flag: "profile", words: PROFILES }),
  data: setting("folder of wick.db, or :memory: to keep nothing", "text", {
    flag: "data",
    called: "DIR",
  }),
  durability: setting(
    "full: nothing acknowledged is ever lost; normal: faster, a power cut may take the last commits",
    "text",
    { flag: "durability", words: ["full", "normal"] },
  ),
  host: setting("address to listen on; any but loopback needs tokens", "text", {
    flag: "host",
    called: "ADDRESS",
  }),
  port: setting("port to listen on, 0 for a free one", "number", { flag: "port", called: "N" }),
  allowedHosts: setting("further names that requests may call the service by", "list"),
  instrumentsFile: setting("file of instruments, JSON or CSV"),
  tokenFile: setting("file that holds the token for acting"),
  token: setting("token for acting", "text", { secret: true }),
  readTokenFile: setting("file that holds the token for reading"),
  readToken: setting("token for reading", "text", { secret: true }),
  workers: setting("threads that label, as many as cores unless set", "number", {
    flag: "workers",
    called: "N",
  }),
  feeds: setting(
    "sources of candles: FILE, synthetic, firestore:PATH, redis:KEY, klines:SYMBOLS",
    "json",
    {
      flag: "feed",
      called: "FEED",
    },
  ),
  webhooks: setting("URLs that labels are delivered to, signed", "json"),
  providers: setting("upstream providers that jobs fetch from; simulated is always one", "json"),
  fillHolesFrom: setting(
    "provider that is asked for what feeds leave out, none unless set",
    "text",
    {
      flag: "fill-holes-from",
      called: "NAME",
    },
  ),
  jobs: setting("jobs that fetch from providers; those with a schedule run by themselves", "json"),
  metricsDir: setting("folder of the reports of runs, that of the data unless set", "text", {
    flag: "metrics-dir",
    called: "DIR",
  }),
  feedBatchRows: setting("most rows of a feed's batch", "number"),
  admission: setting(
    "what new work is refused by: expected delay, count of queued rows, or nothing",
    "text",
    { words: ["delay", "count", "off"] },
  ),
  admissionOnMs: setting("expected delay at which refusing begins, ms", "number"),
  admissionOffMs: setting("expected delay at which refusing ends, ms", "number"),
  admissionHardMs: setting("from this expected delay on only priority 10 is let in, ms", "number"),
  queueSize: setting(
    "with admission count: queued rows at which only priority 10 is let in; " +
      "refusing begins at 8 and ends at 2 tenths of it",
    "number",
  ),
  drainMs: setting("longest time for stopping, ms", "number"),
  labelHorizon: setting("bars that a path has", "number"),
  labelUp: setting("upper barrier, in units of volatility", "number"),
  labelDown: setting("lower barrier, in units of volatility", "number"),
  labelTie: setting("who wins when one candle touches both", "text"),
  labelVertical: setting("label when neither was touched: 0 or the sign of the move"),
  labelVolatility: setting("the unit of barriers"),
  labelMaxGapMs: setting("a longer hole starts anew, ms", "number"),
  retainCandles: setting("candles kept per series, all unless set", "number"),
  retainLogRows: setting("label rows kept for streams and as-of, all unless set", "number"),
  retainDeadLetters: setting("dead letters kept", "number"),
  logLevel: setting("least level written, also per actor: info,core/store=debug", "text", {
    flag: "log-level",
    called: "LEVELS",
  }),
  logFormat: setting("how lines look; auto is text on a terminal and JSON elsewhere", "text", {
    flag: "log-format",
    words: ["auto", "text", "json"],
  }),
  logFile: setting("file the log goes to instead of standard error", "text", {
    flag: "log-file",
    called: "FILE",
  }),
  logFileBytesMax: setting("size at which the log file is set aside, bytes", "number"),
  logFileCount: setting("log files kept, the current one included", "number"),
  traceRatio: setting(
    "with OTEL_DENO=true: share of pushes and of feeds' batches that are traced, 0 to 1",
    "number",
  ),
  url: setting("address of the running service", "text", { flag: "url", called: "URL" }),
  timeoutMs: setting("longest wait for the service's answer, ms", "number"),
  monitorEnabled: setting(
    "whether figures are collected for /metrics; health is looked at all the same",
    "boolean",
  ),
  monitorIntervalMs: setting("time between two collections, ms", "number"),
  alertCooldownMs: setting("least time between two tellings of one alert, ms", "number"),
  alertSinks: setting("webhooks and Alertmanagers that are told of alerts", "json"),
  targets: setting(
    "good, warning and critical of measures, where they differ: latencyP99Ms, memoryBytes, …",
    "json",
  ),
  metrics: setting("own metrics, each with its target and alert, for the message measure", "json"),
  tuningEnabled: setting(
    "whether the monitor changes what follows within its bounds; wick serve --no-tune: it does not",
    "boolean",
  ),
  tuningKnobs: setting("what it may change", "list", { words: KNOBS }),
  tuningWorkersMin: setting("fewest label workers in use, half of them unless set", "number"),
  tuningWorkersMax: setting("most of them, all there are unless set", "number"),
  tuningCacheBytesMin: setting(
    "least size of the memory cache under memory pressure, a quarter of cacheBytesMax unless set",
    "number",
  ),
  tuningCacheBytesMax: setting("most of it, cacheBytesMax unless set", "number"),
  tuningWarmingRateMin: setting(
    "fewest provider calls a minute for warming, a quarter of warmingRatePerMinute unless set",
    "number",
  ),
  tuningWarmingRateMax: setting("most of them, warmingRatePerMinute unless set", "number"),
  tuningLingerMinMs: setting("shortest wait of users' keys for others, ms", "number"),
  tuningLingerMaxMs: setting("longest wait of users' keys for others, ms", "number"),
  redisUrl: setting(
    "Redis that nodes share their work through, several URLs for a Cluster",
    "text",
    { secret: true, flag: "redis", called: "URL" },
  ),
  redisUrlFile: setting("file that holds redisUrl"),
  redisPrefix: setting("what names in Redis begin with; nodes of one prefix are one group"),
  redisNodes: setting(
    "whether Redis makes this a node; else it is for the cache's second tier only",
    "boolean",
  ),
  redisWaitReplicas: setting(
    "replicas of Redis that must have a commit before it counts; 0: none, and a failover may lose it",
    "number",
  ),
  nodeName: setting("name of this node, host and port unless set", "text", {
    flag: "node-name",
    called: "NAME",
  }),
  nodeRegion: setting("where this node stands, for pins", "text", {
    flag: "node-region",
    called: "REGION",
  }),
  nodeUrl: setting("where others reach this node, host and port unless set"),
  nodeLeaseMs: setting("after so long without a sign a node's work is taken over, ms", "number"),
  nodePins: setting(
    "partitions that belong in a region, as 0-63=eu; the same on all nodes",
    "list",
  ),
  gcpProjectId: setting("project of Firestore feeds"),
  googleCredentialsFile: setting("file with the key of Firestore feeds"),
  firestoreEmulatorHost: setting("HOST:PORT of a Firestore emulator instead of the real one"),
  cacheShards: setting("shards of the cache", "number"),
  cacheEntriesMax: setting("entries of the memory cache, all shards together", "number"),
  cacheBytesMax: setting("bytes of the memory cache, all shards together", "number"),
  cachePolicy: setting("what is evicted first", "text", { words: POLICY_NAMES }),
  cacheProvider: setting("provider of what is not in the cache, none unless set", "text", {
    flag: "cache-provider",
    called: "NAME",
  }),
  cacheProtect: setting("patterns of keys that are not evicted, as price:AAPL*", "list"),
  cacheRefreshAhead: setting("whether what is read late in its life is renewed ahead", "boolean"),
  cacheTtlMs: setting("life of an entry unless its kind has one, ms", "number"),
  cacheTtlPriceMs: setting("life of a price while its market is open, ms", "number"),
  cacheTtlFundamentalsMs: setting("life of fundamentals while the market is open, ms", "number"),
  cacheTtl: setting("life by kind: openMs, closedMs, cryptoMs, ms", "json"),
  cachePauseTtlMaxMs: setting(
    "how long prices of a weekend or holiday may live until the market opens, ms; 0: no longer",
    "number",
  ),
  cacheTtlByVolatility: setting("whether prices that move more live shorter", "boolean"),
  cacheTier: setting(
    "tier behind the memory; auto: Redis if there is one, else a file beside wick.db",
    "text",
    { words: ["auto", "none", "memory", "sqlite", "redis"] },
  ),
  cacheTierBytesMax: setting("bytes of that tier; Redis has its own bound", "number"),
  cacheBatchEnabled: setting(
    "whether keys that are wanted at the same time share a provider call; else each is a call",
    "boolean",
  ),
  cacheBatchSize: setting("most keys of one call, where its endpoint takes as many", "number"),
  cacheBatchIntervalMs: setting(
    "longest wait of warmed keys for others and for an idle provider, ms; users wait some ms for others, " +
      "renewals 8 s",
    "number",
  ),
  lowLoadHours: setting(
    "hours in which warming may use more of the limits, UTC, as 0,1,2 or 22-5, until they are learned",
    "text",
  ),
  warmingEnabled: setting("whether the cache is warmed ahead of need", "boolean"),
  warmingSchedule: setting(
    "hours, UTC, at which all strategies run once beside their own times, a cron pattern, or never",
    "text",
  ),
  warmingBatchSize: setting("most keys of one call for warming", "number"),
  warmingPopularLimit: setting("most keys of a run of the strategy popular", "number"),
  warmingRatePerMinute: setting(
    "provider calls for warming, a minute; at most half of what its limits have left",
    "number",
  ),
  warmingMemoryMb: setting("memory for warmed entries, MB", "number"),
  warmingKeysMax: setting("keys of which accesses are counted; 100 bytes each", "number"),
  warmingUserPatterns: setting("whether habits of single users are learned", "boolean"),
  warmingStrategies: setting(
    "by strategy: enabled, limit, floor, freshFloor, and everyMs, or cron and timeZone",
    "json",
  ),
  warmingExperiment: setting(
    "variants of strategies that run side by side: name, and variants with name and strategies",
    "json",
  ),
  refreshEnabled: setting("whether there are clusters of edges and optimisation runs", "boolean"),
  refreshFollowsPrices: setting("whether the price moves of instruments are changes", "boolean"),
  refreshBaskets: setting(
    "instruments of a basket, 2 to 8, in the run over baskets of all of them; 0: no such run",
    "number",
  ),
  refreshScorers: setting(
    "modules of own scorers, TypeScript or JavaScript, beside the built-in ones",
    "list",
    { flag: "scorer", called: "FILE", isRepeated: true },
  ),
  refreshMinChangedEdges: setting(
    "changed edges before a live refresh, for runs that do not say otherwise",
    "number",
  ),
  refreshScoreDelta: setting(
    "least change of the best score that is published, for runs that do not say otherwise",
    "number",
  ),
  refreshTickMs: setting("how long changes are gathered before they count, ms", "number"),
  refreshClusterThreshold: setting("correlation, of either sign, that joins a cluster", "number"),
  refreshLinkage: setting(
    "which pairs of two clusters must be above it to join them: one, their mean, or all",
    "text",
    { words: LINKAGES },
  ),
  refreshMemoryBars: setting(
    "bars that correlations look back; below 250 unrelated groups are chained together",
    "number",
  ),
  refreshImpactThreshold: setting(
    "impact at which a cluster sets refreshes off; one change of magnitude 1 makes 0.3",
    "number",
  ),
  refreshBlockMembersMin: setting(
    "edges of a cluster from which on its correlations are cached when it sets refreshes off",
    "number",
  ),
};

/** Names of all settings, in the order of {@linkcode SETTINGS}. */
export const SETTING_NAMES: readonly SettingName[] = Object.keys(SETTINGS) as SettingName[];

/** Whether the text is the name of a setting. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(CONFIG_SHAPE, name);
}

/** Every setting's default. */
export const CONFIG_DEFAULTS: WickConfig = configSchema.parse({});

/** Name of a setting in the environment: `drainMs` is `WICK_DRAIN_MS`. */
export function environmentName(name: SettingName): string {
  return `WICK_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The options by which commands take these settings. */
export function settingOptions(names: readonly SettingName[]): Record<string, OptionSpec> {
  const options: Record<string, OptionSpec> = {};
  for (const name of names) {
    const { flag, about, called, words, text, isRepeated } = SETTINGS[name];
    if (flag === null) continue;
    const value = words ?? (text === "number" ? "number" : called === "FILE" ? "file" : "text");
    const byDefault = CONFIG_DEFAULTS[name];
    options[flag] = {
      value,
      ...(words === undefined ? { called: called ?? "VALUE" } : {}),
      about,
      ...(isRepeated === undefined ? {} : { isRepeated }),
      ...(byDefault === null || Array.isArray(byDefault) ? {} : { byDefault: String(byDefault) }),
    };
  }
  return options;
}

/** The option that names the configuration file. */
export const CONFIG_OPTION: OptionSpec = {
  value: "file",
  called: "FILE",
  about: "configuration file",
  byDefault: "wick.json, where there is one",
};
