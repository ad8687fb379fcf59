/**
 * Everything that can be set, as one schema: types, bounds and defaults. How a setting is named on
 * the command line and in the environment stands in `settings.ts`, which values win in `config.ts`.
 *
 * @module
 */

import { z } from "zod";
import { alertSinksSchema, metricsSchema, targetsSchema } from "./monitor_config.ts";
import { JOB_SHAPE, refineJob } from "../http/job_schemas.ts";
import { isWebhookUrl, WEBHOOK_SERIES_MAX, WEBHOOKS_MAX } from "../http/webhook/options.ts";
import { KEY_PATTERN_CHARS_MAX } from "../cache/key_pattern.ts";
import { PROTECTED_PATTERNS_MAX } from "../cache/protection.ts";
import { SHARDS_DEFAULT } from "../cache/rendezvous.ts";
import { CACHE_BYTES_DEFAULT, CACHE_ENTRIES_DEFAULT } from "../cache/spec.ts";
import { TTL_BOUNDS } from "../cache/ttl_rules.ts";
import { POLICY_NAMES } from "../cache/types.ts";
import { TRACE_RATIO } from "../actor/tracing.ts";
import { assertPins, parsePin, PIN_BOUNDS } from "../store/nodes/assignment.ts";
import { NODES_PREFIX_DEFAULT } from "../store/log/keys.ts";
import { redisPlace } from "../store/nodes/redis_place.ts";
import { TIER_BYTES_MAX_DEFAULT } from "../store/cache/tier_rules.ts";
import { DEFAULT_PARAMS, HORIZON_MAX, VOLATILITIES } from "../label/params.ts";
import {
  FIRESTORE_LOOK_MS_DEFAULT,
  FIRESTORE_SKEW_MS_DEFAULT,
  FIRESTORE_SKEW_MS_MAX,
} from "../feed/firestore_options.ts";
import { KLINE_REST_URL, KLINE_SERIES_MAX, KLINE_WS_URL } from "../feed/kline.ts";
import { GRANULARITIES } from "../market/granularity.ts";
import { SUBSCRIPTION_DEFAULT } from "../market/instrument.ts";
import { isSeries } from "../market/series.ts";
import { KNOBS } from "../monitor/tuning.ts";
import { LINGER_MAX_MS, LINGER_TUNED_MAX_MS } from "../provider/batch_status.ts";
import { providersSchema } from "../provider/config.ts";
import { BLOCK_CLUSTERS_MAX, BLOCK_SCHEDULE_DEFAULTS } from "../refresh/block_schedule.ts";
import { CLUSTER_DEFAULTS } from "../refresh/clusters.ts";
import {
  CORRELATION_STREAM_BOUNDS,
  CORRELATION_STREAM_DEFAULTS,
} from "../refresh/correlation_stream.ts";
import { IMPACT_DEFAULTS } from "../refresh/impact.ts";
import { LINKAGES } from "../refresh/linkage.ts";
import { MAGNITUDE_MAX } from "../refresh/magnitude.ts";
import { EPSILON_DEFAULT } from "../refresh/published.ts";
import { BASKET_DEFAULTS } from "../refresh/refresh_spec.ts";
import { SCORER_KINDS_MAX } from "../refresh/scorer.ts";
import { WARMING_BOUNDS, WARMING_DEFAULTS } from "../warm/settings.ts";
import { STRATEGY_NAMES } from "../warm/types.ts";

/** Most feeds of one service: each is an actor with buffers of its own, some 10 MB. */
export const FEEDS_MAX = 64;

/** Most jobs of one configuration: each has its symbols in memory, up to 2 MB. */
export const JOBS_MAX = 64;

/** Longest pattern of cron, characters. */
const CRON_CHARS_MAX = 128;

/** Longest path or text of a setting, characters: PATH_MAX of Linux. */
const TEXT_MAX = 4_096;

/** Longest span a setting can name, ms: a timer cannot wait longer without being chained. */
const SPAN_MAX_MS = 2_147_483_647;
/** Replicas that can be waited for: a server has few. */
const REPLICAS_MAX = 16;

const text = z.string().min(1).max(TEXT_MAX);
const spanMs = z.int().min(1).max(SPAN_MAX_MS);
const count = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const ratio = z.number().min(0).max(1);

/** Name of a feed: that of its actor, so it stands in paths. */
const feedName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: "expected 1 to 64 of a-z, 0-9, _ and -",
});

function expectDifferentNames(list: readonly { name: string }[], ctx: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const { name } of list) {
    if (seen.has(name)) {
      ctx.addIssue({ code: "custom", message: `expected different names: ${name} comes twice` });
    }
    seen.add(name);
  }
}

/** Path of a field of a document, as `mid.o`. */
const fieldPath = z.string().min(1).max(256);

function isOpenRedisPlace(url: string): boolean {
  try {
    return redisPlace(url).password === "";
  } catch {
    return false;
  }
}

/** What feeds of every kind have. */
const feedCommon = {
  name: feedName,
  /** 0 to 10; under overload the lowest is refused first. Counts only when `bulk` is false. */
  priority: z.int().min(0).max(10).default(5),
  /** Whether the source can wait, as a file can. */
  bulk: z.boolean().default(true),
};

/** A source of candles that the service opens. */
export const feedSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("file"),
    ...feedCommon,
    path: text,
    /** Series of rows that name none; null: every row names its own. */
    series: z.string().max(64).nullable().default(null),
    /** Null: the first character says. */
    format: z.enum(["csv", "ndjson"]).nullable().default(null),
    /** Whether to wait for what is written after the file's end. */
    follow: z.boolean().default(false),
    /** How many times faster than the candles' own time; null: as fast as possible. */
    speed: z.number().positive().max(1e9).nullable().default(null),
  }),
  z.strictObject({
    kind: z.literal("synthetic"),
    ...feedCommon,
    seed: z.int().min(0).max(2 ** 32 - 1).default(1),
    /** Rows a second; null: as fast as possible. */
    ratePerSecond: z.number().positive().max(10_000_000).nullable().default(1_000),
    /** Empty: the default subscription. */
    symbols: z.array(z.string().min(1).max(32)).max(10_000).default([]),
    granularities: z.array(z.enum(GRANULARITIES)).min(1).default(["H1", "H4"]),
    /** Epoch ms at which it ends; null: never. */
    endMs: z.int().min(0).nullable().default(null),
    /** Whether rows are missing, late, repeated, corrected, deleted and bad, as live ones are. */
    faults: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal("firestore"),
    ...feedCommon,
    /** Path of the collection; of a group the name that its collections have. */
    collection: text,
    /** Whether all collections of that name are read, wherever they lie. */
    group: z.boolean().default(false),
    /** Null: gcpProjectId. */
    projectId: text.nullable().default(null),
    databaseId: text.default("(default)"),
    /** Empty: all. */
    symbols: z.array(z.string().min(1).max(32)).max(10_000)
      .default([...SUBSCRIPTION_DEFAULT.symbols]),
    /** Empty: all. */
    granularities: z.array(z.enum(GRANULARITIES)).default([...SUBSCRIPTION_DEFAULT.granularities]),
    /** What fields are called where they are not called as FIRESTORE_FIELDS_DEFAULT says. */
    fields: z.strictObject({
      series: fieldPath.nullable().optional(),
      instrument: fieldPath.optional(),
      granularity: fieldPath.optional(),
      ts: fieldPath.optional(),
      open: fieldPath.optional(),
      high: fieldPath.optional(),
      low: fieldPath.optional(),
      close: fieldPath.optional(),
      volume: fieldPath.nullable().optional(),
      complete: fieldPath.optional(),
      deleted: fieldPath.optional(),
      updated: fieldPath.optional(),
    }).default({}),
    /** Type of the field that says when a document was written. */
    orderAs: z.enum(["timestamp", "millis"]).default("timestamp"),
    /** How far that time may be from the commit's, ms. */
    skewMs: z.int().min(0).max(FIRESTORE_SKEW_MS_MAX).default(FIRESTORE_SKEW_MS_DEFAULT),
    /** How often it is asked although it is listened to, ms. */
    lookMs: z.int().min(1_000).max(SPAN_MAX_MS).default(FIRESTORE_LOOK_MS_DEFAULT),
    /** Whether to wait for what is written after the end was reached. */
    follow: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal("redis"),
    ...feedCommon,
    /** Key of the stream. */
    key: z.string().min(1).max(512),
    /** Where it is, without a password; null: redisUrl. */
    url: text.refine(isOpenRedisPlace, {
      error: "expected a URL of redis or rediss without a password, which stands in redisUrl",
    }).nullable().default(null),
    /** Whether to wait for what is added after the end was reached. */
    follow: z.boolean().default(true),
    /** Whether what is committed is removed from the stream. */
    trim: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal("klines"),
    ...feedCommon,
    /** Of the exchange, `BTCUSDT`, or with the instrument where it does not follow: `X=BTC_USDT`. */
    symbols: z.array(z.string().min(1).max(64)).min(1).max(KLINE_SERIES_MAX),
    granularities: z.array(z.enum(GRANULARITIES)).min(1)
      .default([...SUBSCRIPTION_DEFAULT.granularities]),
    wsUrl: text.default(KLINE_WS_URL),
    wsPath: text.default("/stream"),
    restUrl: text.default(KLINE_REST_URL),
    klinesPath: text.default("/api/v3/klines"),
    timePath: text.default("/api/v3/time"),
    /** Epoch ms from which on it begins; null: with the bars that go on. */
    startMs: z.int().min(0).nullable().default(null),
    /** Epoch ms at which it ends; null: never. */
    endMs: z.int().min(0).nullable().default(null),
    /** How long after a bar's end its candle is expected over the stream, ms. */
    settleMs: z.int().min(0).max(600_000).default(3_000),
    /** How long after its end a bar of which nothing is known has no candle, ms. */
    absentMs: z.int().min(0).max(86_400_000).default(60_000),
    /** How long a connection may be silent, ms. */
    silenceMs: z.int().min(100).max(3_600_000).default(60_000),
    /** What REST calls of a minute may weigh. */
    weightPerMinute: z.int().min(2).max(6_000).default(1_200),
  }),
]);

/** A feed with all its values. */
export type FeedConfig = z.output<typeof feedSchema>;

const feeds = z.array(feedSchema).max(FEEDS_MAX).superRefine(expectDifferentNames);

/** A URL that labels are delivered to; its secret is in a file or the environment. */
export const webhookSchema = z.strictObject({
  name: feedName,
  url: text.refine(isWebhookUrl, "expected a URL of http or https without a password"),
  /** File that holds the secret. */
  secretFile: text.nullable().default(null),
  /** Variable of the environment that holds the secret. */
  secretEnv: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
    error: "expected the name of a variable",
  }).nullable().default(null),
  /** Only labels of these series; null: of all. */
  series: z.array(z.string().max(64).refine(isSeries, "expected INSTRUMENT:GRANULARITY"))
    .min(1).max(WEBHOOK_SERIES_MAX).nullable().default(null),
  /** Seq after which a new webhook begins, 0 for the whole log; null: with what comes. */
  after: z.int().min(0).nullable().default(null),
}).refine(({ secretFile, secretEnv }) => (secretFile === null) !== (secretEnv === null), {
  error: "expected either secretFile or secretEnv",
});

const webhooks = z.array(webhookSchema).max(WEBHOOKS_MAX).superRefine(expectDifferentNames);

/** A job that fetches from a provider; its symbols stand in it or in a file. */
export const jobConfigSchema = z.strictObject({
  ...JOB_SHAPE,
  symbols: JOB_SHAPE.symbols.exactOptional(),
  /** One symbol a line, or the first column of a CSV. */
  symbolsFile: text.exactOptional(),
}).superRefine((job, ctx) => {
  const { symbols, symbolsFile, ...rest } = job;
  if ((symbols === undefined) === (symbolsFile === undefined)) {
    ctx.addIssue({ code: "custom", message: "expected either symbols or symbolsFile" });
  }
  // How many there are in the file is seen when it is read.
  refineJob({ ...rest, symbols: symbols ?? ["A"] }, ctx);
});

/** A job with all that was given of it. */
export type JobConfig = z.output<typeof jobConfigSchema>;

const jobs = z.array(jobConfigSchema).max(JOBS_MAX).superRefine(expectDifferentNames);

/** Level of a log line: also the least that is written. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Groups of values; see `profiles.ts`. */
export const PROFILES = ["throughput", "latency", "memory", "conservative"] as const;

const service = {
  profile: z.enum(PROFILES).nullable().default(null),
  data: text.default("data"),
  durability: z.enum(["full", "normal"]).default("full"),
  host: z.string().min(1).max(255).default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(8_003),
  allowedHosts: z.array(z.string().min(1).max(255)).max(64).default([]),
  instrumentsFile: text.nullable().default(null),
  tokenFile: text.nullable().default(null),
  token: text.nullable().default(null),
  readTokenFile: text.nullable().default(null),
  readToken: text.nullable().default(null),
  workers: z.int().min(1).max(64).nullable().default(null),
  feeds: feeds.default([]),
  webhooks: webhooks.default([]),
  providers: providersSchema.default([]),
  fillHolesFrom: feedName.nullable().default(null),
  jobs: jobs.default([]),
  metricsDir: text.nullable().default(null),
  feedBatchRows: z.int().min(256).max(65_536).default(8_192),
  admission: z.enum(["delay", "count", "off"]).default("delay"),
  admissionOnMs: spanMs.default(60),
  admissionOffMs: spanMs.default(20),
  admissionHardMs: spanMs.default(80),
  queueSize: z.int().min(10).max(10_000_000).default(10_000),
  drainMs: spanMs.default(10_000),
};

const labels = {
  labelHorizon: z.int().min(1).max(HORIZON_MAX).default(DEFAULT_PARAMS.horizon),
  labelUp: z.number().positive().max(1e6).default(DEFAULT_PARAMS.up),
  labelDown: z.number().positive().max(1e6).default(DEFAULT_PARAMS.down),
  labelTie: z.enum(["lower", "upper"]).default(DEFAULT_PARAMS.tie),
  labelVertical: z.enum(["zero", "sign"]).default(DEFAULT_PARAMS.vertical),
  labelVolatility: z.enum(VOLATILITIES).default(DEFAULT_PARAMS.volatility),
  labelMaxGapMs: count.default(DEFAULT_PARAMS.maxGapMs),
};

const retention = {
  retainCandles: count.nullable().default(null),
  retainLogRows: count.nullable().default(null),
  retainDeadLetters: count.default(100_000),
};

const logs = {
  logLevel: text.default("info"),
  logFormat: z.enum(["auto", "text", "json"]).default("auto"),
  logFile: text.nullable().default(null),
  logFileBytesMax: z.int().min(1_024).max(10_000_000_000).default(10_000_000),
  logFileCount: z.int().min(1).max(100).default(5),
  traceRatio: ratio.default(TRACE_RATIO),
};

const client = {
  url: z.url({ protocol: /^https?$/, error: "expected a URL of http or https" })
    .default("http://127.0.0.1:8003"),
  timeoutMs: spanMs.default(10_000),
};

const monitoring = {
  monitorEnabled: z.boolean().default(true),
  monitorIntervalMs: spanMs.default(5_000),
  alertCooldownMs: spanMs.default(300_000),
  alertSinks: alertSinksSchema.default([]),
  targets: targetsSchema.default({}),
  metrics: metricsSchema.default([]),
};

/** Bounds of what the monitor changes by itself; null = as what is set of the same thing. */
const tuning = {
  tuningEnabled: z.boolean().default(true),
  tuningKnobs: z.array(z.enum(KNOBS)).max(KNOBS.length).default([...KNOBS]),
  tuningWorkersMin: z.int().min(1).max(64).nullable().default(null),
  tuningWorkersMax: z.int().min(1).max(64).nullable().default(null),
  tuningCacheBytesMin: count.nullable().default(null),
  tuningCacheBytesMax: count.nullable().default(null),
  tuningWarmingRateMin: z.int().min(0).max(WARMING_BOUNDS.callsPerMinuteMax).nullable()
    .default(null),
  tuningWarmingRateMax: z.int().min(0).max(WARMING_BOUNDS.callsPerMinuteMax).nullable()
    .default(null),
  tuningLingerMinMs: z.int().min(0).max(LINGER_MAX_MS).default(0),
  tuningLingerMaxMs: z.int().min(0).max(LINGER_MAX_MS).default(LINGER_TUNED_MAX_MS),
};

/** Shortest lease, ms: a collection of garbage must not end it. */
export const NODE_LEASE_MIN_MS = 500;
/** Longest lease, ms: so long nobody labels what a node had that crashed. */
export const NODE_LEASE_MAX_MS = 60_000;

function isRedisPlace(text: string): boolean {
  try {
    redisPlace(text);
    return true;
  } catch {
    return false;
  }
}

function expectPins(texts: readonly string[], context: z.RefinementCtx): void {
  try {
    assertPins(texts.map(parsePin));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: "custom", message: message.replace(/^.*?: (?=expected)/, "") });
  }
}

const outside = {
  redisUrl: text.refine(isRedisPlace, {
    error: "expected a URL of redis or rediss, or several of a Cluster",
  }).nullable().default(null),
  redisUrlFile: text.nullable().default(null),
  redisPrefix: z.string().regex(/^[\w.:-]{1,64}$/).default(NODES_PREFIX_DEFAULT),
  redisNodes: z.boolean().default(true),
  redisWaitReplicas: z.int().min(0).max(REPLICAS_MAX).default(0),
  nodeName: z.string().regex(/^[\w.:-]{1,64}$/).nullable().default(null),
  nodeRegion: z.string().regex(/^[\w.:-]{0,64}$/).default(""),
  nodeUrl: z.url({ protocol: /^https?$/ }).max(255).nullable().default(null),
  nodeLeaseMs: z.int().min(NODE_LEASE_MIN_MS).max(NODE_LEASE_MAX_MS).default(2_000),
  nodePins: z.array(z.string().min(1).max(80)).max(PIN_BOUNDS.pins).superRefine(expectPins)
    .default([]),
  gcpProjectId: text.nullable().default(null),
  googleCredentialsFile: text.nullable().default(null),
  firestoreEmulatorHost: z.string().regex(/^[\w.-]{1,255}:\d{1,5}$/, {
    error: "expected HOST:PORT",
  }).nullable().default(null),
};

/** Most shards: each has tables of its own, and a key costs one weight for each. */
export const CACHE_SHARDS_MAX = 64;

/** How long one kind of data is fresh, ms, by what its market does. */
const cacheTtl = z.strictObject({
  openMs: spanMs.exactOptional(),
  closedMs: spanMs.exactOptional(),
  /** For crypto, whose market has no pause. */
  cryptoMs: spanMs.exactOptional(),
});

const cache = {
  cacheShards: z.int().min(1).max(CACHE_SHARDS_MAX).default(SHARDS_DEFAULT),
  cacheEntriesMax: z.int().min(1).max(100_000_000).default(CACHE_ENTRIES_DEFAULT),
  cacheBytesMax: count.default(CACHE_BYTES_DEFAULT),
  cachePolicy: z.enum(POLICY_NAMES).default("adaptive"),
  cacheProvider: feedName.nullable().default(null),
  cacheProtect: z.array(z.string().min(1).max(KEY_PATTERN_CHARS_MAX)).max(PROTECTED_PATTERNS_MAX)
    .default([]),
  cacheRefreshAhead: z.boolean().default(true),
  cacheTtlMs: spanMs.default(3_600_000),
  cacheTtlPriceMs: spanMs.default(300_000),
  cacheTtlFundamentalsMs: spanMs.default(86_400_000),
  cacheTtl: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), cacheTtl)
    .refine((kinds) => Object.keys(kinds).length <= TTL_BOUNDS.rulesMax, {
      error: `expected at most ${TTL_BOUNDS.rulesMax} kinds`,
    }).default({}),
  cachePauseTtlMaxMs: z.int().min(0).max(SPAN_MAX_MS).default(0),
  cacheTtlByVolatility: z.boolean().default(false),
  cacheTier: z.enum(["auto", "none", "memory", "sqlite", "redis"]).default("auto"),
  cacheTierBytesMax: count.default(TIER_BYTES_MAX_DEFAULT),
};

/** What one may set of a strategy; see `src/warm/settings.ts`. */
const warmingStrategy = z.strictObject({
  enabled: z.boolean().exactOptional(),
  /** Most keys of a run. */
  limit: z.int().min(1).max(WARMING_BOUNDS.limitMax).exactOptional(),
  /** Least chance of use at which a key is warmed, and least precision to go on. */
  floor: ratio.exactOptional(),
  /** For `renewal`: that chance for what is stale and still served. */
  freshFloor: ratio.exactOptional(),
  /** Time between two runs. */
  everyMs: z.int().min(WARMING_BOUNDS.everyMinMs).max(WARMING_BOUNDS.everyMaxMs).exactOptional(),
  /** When it runs instead. */
  cron: z.string().min(1).max(CRON_CHARS_MAX).exactOptional(),
  /** Of `cron`. */
  timeZone: z.string().min(1).max(64).exactOptional(),
});

/** What is set of a strategy. */
export type WarmingStrategyConfig = z.output<typeof warmingStrategy>;

/** Something for each strategy; names may have hyphens, as the command and HTTP write them. */
function byStrategy<T extends z.ZodType>(one: T) {
  return z.preprocess(
    (given, ctx) => {
      if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
      const named = Object.entries(given).map(([word, set]) => [word.replaceAll("-", "_"), set]);
      const names = new Set(named.map(([name]) => name));
      if (names.size === named.length && names.isSubsetOf(STRATEGIES)) {
        return Object.fromEntries(named);
      }
      ctx.addIssue({ code: "custom", message: `expected each once of ${STRATEGY_WORDS}` });
      return z.NEVER;
    },
    z.partialRecord(z.enum(STRATEGY_NAMES), one),
  );
}

const STRATEGIES: ReadonlySet<string> = new Set(STRATEGY_NAMES);
const STRATEGY_WORDS = STRATEGY_NAMES.join(", ").replaceAll("_", "-");

const warmingVariant = z.strictObject({
  name: z.string().min(1).max(WARMING_BOUNDS.nameCharsMax),
  strategies: byStrategy(warmingStrategy.pick({ enabled: true, floor: true })).default({}),
});

const warmingExperiment = z.strictObject({
  name: z.string().min(1).max(WARMING_BOUNDS.nameCharsMax),
  variants: z.array(warmingVariant).min(2).max(WARMING_BOUNDS.variantsMax),
});

const warming = {
  cacheBatchEnabled: z.boolean().default(true),
  cacheBatchSize: z.int().min(1).max(100_000).default(50),
  cacheBatchIntervalMs: spanMs.default(60_000),
  lowLoadHours: text.default("0,1,2,3,4,5,6"),
  warmingEnabled: z.boolean().default(true),
  warmingSchedule: text.default("0,6,12,18"),
  warmingBatchSize: z.int().min(1).max(100_000).default(50),
  warmingPopularLimit: z.int().min(1).max(WARMING_BOUNDS.limitMax).default(100),
  warmingRatePerMinute: z.number().min(1).max(WARMING_BOUNDS.callsPerMinuteMax).default(100),
  warmingMemoryMb: z.number().positive().max(1e6).default(500),
  warmingKeysMax: z.int().min(WARMING_BOUNDS.keysMin).max(WARMING_BOUNDS.keysMax)
    .default(WARMING_DEFAULTS.keysMax),
  warmingUserPatterns: z.boolean().default(WARMING_DEFAULTS.hasUserPatterns),
  warmingStrategies: byStrategy(warmingStrategy).default({}),
  warmingExperiment: warmingExperiment.nullable().default(null),
};

/** Most instruments of a basket: of more, nearly all of the baskets there may be are left out. */
const BASKET_SIZE_MAX = 8;

const refresh = {
  refreshEnabled: z.boolean().default(true),
  refreshFollowsPrices: z.boolean().default(true),
  refreshBaskets: z.int().min(0).max(BASKET_SIZE_MAX)
    .refine((size) => size !== 1, `expected 0, or 2 to ${BASKET_SIZE_MAX}`)
    .default(BASKET_DEFAULTS.size),
  refreshScorers: z.array(text).max(SCORER_KINDS_MAX).default([]),
  refreshMinChangedEdges: z.int().min(1).max(1_000_000).default(1),
  refreshScoreDelta: z.number().min(0).max(1e6).default(EPSILON_DEFAULT),
  refreshTickMs: z.int().min(1).max(60_000).default(50),
  refreshClusterThreshold: ratio.default(CLUSTER_DEFAULTS.threshold),
  refreshLinkage: z.enum(LINKAGES).default(CLUSTER_DEFAULTS.linkage),
  refreshMemoryBars: z.int().min(CORRELATION_STREAM_BOUNDS.memoryBarsMin).max(1_000_000)
    .default(CORRELATION_STREAM_DEFAULTS.memoryBars),
  refreshImpactThreshold: z.number().positive().max(MAGNITUDE_MAX)
    .default(IMPACT_DEFAULTS.threshold),
  refreshBlockMembersMin: z.int().min(1).max(BLOCK_CLUSTERS_MAX)
    .default(BLOCK_SCHEDULE_DEFAULTS.membersMin),
};

/** Schemas of the settings by name. */
export const CONFIG_SHAPE = {
  ...service,
  ...labels,
  ...retention,
  ...logs,
  ...client,
  ...monitoring,
  ...tuning,
  ...outside,
  ...cache,
  ...warming,
  ...refresh,
};

/** The schema of the configuration: every setting has a default, and no other key is known. */
export const configSchema = z.strictObject(CONFIG_SHAPE);

/** All settings with their values. */
export type WickConfig = z.output<typeof configSchema>;

/** Name of a setting, as `wick.json` spells it. */
export type SettingName = keyof WickConfig;
