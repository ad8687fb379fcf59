/**
 * Names under which users of the systems that Wick replaces know some settings: one table, with what
 * each sets here. They are weaker than Wick's own names.
 *
 * @module
 */

import type { SettingName } from "./config_schema.ts";

/** What one older name means. */
export interface OlderName {
  /** Its default there, as it was written. */
  readonly byDefault: string;
  /** What it means here. */
  readonly meaning: string;
  /** Settings it sets. */
  readonly sets: readonly SettingName[];
  /**
   * Values of its settings, as far as the text can be read; the schema checks them. Undefined in
   * the place of a value leaves that setting alone.
   */
  readonly read: (text: string) => readonly unknown[];
}

const WORKERS_MAX = 8;

const one = (
  byDefault: string,
  sets: SettingName,
  meaning: string,
  read: (text: string) => unknown,
): OlderName => ({ byDefault, meaning, sets: [sets], read: (text) => [read(text)] });

/** Texts that mean yes and no in any system; anything else stays text, which the schema refuses. */
export function booleanOf(text: string): boolean | string {
  const word = text.trim().toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return true;
  return ["false", "0", "no", "off"].includes(word) ? false : text;
}

/** A number, or the text itself where it is none, which the schema refuses. */
export function numberOf(text: string): number | string {
  const number = Number(text);
  return text.trim() === "" || !Number.isFinite(number) ? text : number;
}

const times = (factor: number) => (text: string) => {
  const number = numberOf(text);
  return typeof number === "number" ? number * factor : number;
};

const same = (text: string) => text;

/** Older names of the environment. */
export const OLDER_ENVIRONMENT: Readonly<Record<string, OlderName>> = {
  INCREMENTAL_ENGINE_WORKERS: one(
    "cores, 8 at most",
    "workers",
    "threads that label; more than 8 count as 8",
    (text) => {
      const number = numberOf(text);
      return typeof number === "number" ? Math.min(WORKERS_MAX, number) : number;
    },
  ),
  INCREMENTAL_ENGINE_QUEUE_SIZE: {
    byDefault: "10000",
    meaning: "queued rows at which only priority 10 is let in; set, it switches admission to count",
    sets: ["queueSize", "admission"],
    read: (text) => [numberOf(text), "count"],
  },
  INCREMENTAL_ENGINE_ENABLE_BACKPRESSURE: one(
    "true",
    "admission",
    "false switches admission off; true leaves it as it is",
    (text) => {
      const flag = booleanOf(text);
      return flag === false ? "off" : flag === true ? undefined : flag;
    },
  ),
  CACHE_MEMORY_SIZE: one("50000", "cacheEntriesMax", "entries of the memory cache", numberOf),
  CACHE_MEMORY_TTL: one("3600", "cacheTtlMs", "life of an entry, seconds", times(1_000)),
  REDIS_URL: one("none", "redisUrl", "Redis of several nodes", same),
  MONITORING_INTERVAL: one(
    "5",
    "monitorIntervalMs",
    "time between two collections, seconds",
    times(1_000),
  ),
  ENABLE_PERFORMANCE_MONITORING: one(
    "true",
    "monitorEnabled",
    "whether figures are collected",
    booleanOf,
  ),
  ALERT_COOLDOWN_MINUTES: one(
    "5",
    "alertCooldownMs",
    "least time between two alerts of one kind, minutes",
    times(60_000),
  ),
  GCP_PROJECT_ID: one("none", "gcpProjectId", "project of the Firestore feed", same),
  GOOGLE_APPLICATION_CREDENTIALS: one(
    "none",
    "googleCredentialsFile",
    "file with the key of the Firestore feed",
    same,
  ),
  FIRESTORE_EMULATOR_HOST: one(
    "none",
    "firestoreEmulatorHost",
    "emulator that the Firestore feed reads",
    same,
  ),
  CACHE_WARMING_ENABLED: one(
    "true",
    "warmingEnabled",
    "warming is off if this or WARMING_ENABLED is false",
    booleanOf,
  ),
  WARMING_ENABLED: one(
    "true",
    "warmingEnabled",
    "warming is off if this or CACHE_WARMING_ENABLED is false",
    booleanOf,
  ),
  CACHE_WARMING_SCHEDULE: one(
    "0,6,12,18",
    "warmingSchedule",
    "hours of warming, UTC, or a cron expression",
    same,
  ),
  CACHE_WARMING_BATCH_SIZE: one("50", "warmingBatchSize", "keys of one warming step", numberOf),
  CACHE_BATCH_ENABLED: one("true", "cacheBatchEnabled", "whether loads are grouped", booleanOf),
  CACHE_BATCH_SIZE: one("50", "cacheBatchSize", "keys of one call", numberOf),
  CACHE_BATCH_INTERVAL: one(
    "60",
    "cacheBatchIntervalMs",
    "time between two groups, seconds",
    times(1_000),
  ),
  CACHE_LOW_LOAD_HOURS: one("0,1,2,3,4,5,6", "lowLoadHours", "hours of low load, UTC", same),
  CACHE_TTL_PRICE: one("300", "cacheTtlPriceMs", "life of a price, seconds", times(1_000)),
  CACHE_TTL_FUNDAMENTALS: one(
    "86400",
    "cacheTtlFundamentalsMs",
    "life of fundamentals, seconds",
    times(1_000),
  ),
  WARMING_POPULAR_LIMIT: one(
    "100",
    "warmingPopularLimit",
    "most popular keys that are warmed",
    numberOf,
  ),
  WARMING_RATE_LIMIT: one(
    "100",
    "warmingRatePerMinute",
    "provider calls for warming, a minute",
    numberOf,
  ),
  WARMING_MEMORY_LIMIT_MB: one("500", "warmingMemoryMb", "memory for warmed entries", numberOf),
};

/** Older names in the configuration file. */
export const OLDER_FILE_KEYS: Readonly<Record<string, SettingName>> = {
  optimization_live_refresh_min_changed_edges: "refreshMinChangedEdges",
  threshold_cluster: "refreshClusterThreshold",
  cluster_impact_threshold: "refreshImpactThreshold",
  score_delta_threshold: "refreshScoreDelta",
  cluster_size_threshold: "refreshBlockMembersMin",
};

/**
 * What two older names for one setting make together: warming is on only if both say so, of
 * anything else the later one in the table counts.
 */
export function combined(name: SettingName, before: unknown, value: unknown): unknown {
  return name === "warmingEnabled" && before === false ? false : value;
}
