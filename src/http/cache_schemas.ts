/**
 * Shapes of the cache: what is asked of it, what it answers, how it explains itself, its report.
 *
 * @module
 */

import { z } from "zod";
import { CacheError } from "../cache/error.ts";
import { CACHE_KEY_CHARS_MAX, cacheKeyProblem, kindOfKey } from "../cache/key.ts";
import { compileKeyPattern, KEY_PATTERN_CHARS_MAX } from "../cache/key_pattern.ts";
import { ADVICE_CODES, type CacheReport } from "../cache/report.ts";
import { POLICY_NAMES, REMOVAL_CAUSES } from "../cache/types.ts";
import { weighValue } from "../cache/value_codec.ts";
import { TS_MS_MAX } from "../market/candle.ts";
import { USER_CHARS_MAX } from "../warm/users.ts";
import { series, symbol } from "./schemas.ts";

/** Most keys of one request: what a screen or a batch of a strategy needs at once. */
export const CACHE_KEYS_MAX = 1_000;
/** Most patterns, tags or dependencies of one request: each is compared with every entry. */
export const CACHE_PATTERNS_MAX = 100;
/** Most tags, and most dependencies, of one entry. */
export const CACHE_LINKS_MAX = 16;
/** Longest tag, in characters. */
export const CACHE_TAG_CHARS_MAX = 128;
/** Longest TTL that a request may set, ms: 30 days, far above any of the table's. */
export const CACHE_TTL_MAX_MS = 30 * 24 * 3_600_000;
/** Longest wait for a load that a request may ask for, ms. */
export const CACHE_WAIT_MAX_MS = 60_000;
/** Wait for a load unless asked for otherwise, ms: that of a load itself. */
export const CACHE_WAIT_DEFAULT_MS = 10_000;

/** Largest value that a request may set, bytes as the cache weighs it: 250,000 numbers. */
export const CACHE_VALUE_BYTES_MAX = 4_000_000;

/** A key from outside. */
export const cacheKey = z.string().min(1).max(CACHE_KEY_CHARS_MAX)
  .superRefine((text, ctx) => {
    // The length is refused already.
    if (text.length === 0 || text.length > CACHE_KEY_CHARS_MAX) return;
    const message = cacheKeyProblem(text);
    if (message !== null) ctx.addIssue({ code: "custom", message });
  })
  .meta({ description: "kind:SYMBOL, or kind:SYMBOL:parameters", examples: ["price:AAPL"] });

/** Kinds that are computed here: put in from outside they would pass for computed ones. */
const COMPUTED_KINDS: ReadonlySet<string> = new Set(["label", "levels", "correlation"]);

const keyToSet = cacheKey
  .refine(
    (key) => !COMPUTED_KINDS.has(kindOfKey(key)),
    `expected another kind than ${[...COMPUTED_KINDS].join(", ")}: they are made of what is stored`,
  )
  .meta({
    description: `A key of another kind than ${[...COMPUTED_KINDS].join(", ")}`,
    examples: ["price:AAPL"],
  });

/** As of keys: what is shown and stored must not look or be like another one. */
export const UNFIT = /[\p{Cc}\p{Cs}]/u;
/** What is expected instead of {@linkcode UNFIT}. */
export const UNFIT_TEXT = "expected no control characters or halves of characters";

/** A name of one line, of at most so many characters. */
export const plainText = (charsMax: number) =>
  z.string().min(1).max(charsMax)
    .refine((text) => !UNFIT.test(text), UNFIT_TEXT);

const tag = plainText(CACHE_TAG_CHARS_MAX).meta({ examples: ["earnings"] });

const pattern = z.string().min(1).max(KEY_PATTERN_CHARS_MAX)
  .superRefine((text, ctx) => {
    // The length is refused already.
    if (text.length === 0 || text.length > KEY_PATTERN_CHARS_MAX) return;
    try {
      compileKeyPattern(text);
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      ctx.addIssue({ code: "custom", message: error.message });
    }
  })
  .meta({
    description: "* stands for any run of characters, \\* for a star",
    examples: ["price:*", "news:AAPL*"],
  });

const candleTime = z.int().min(-TS_MS_MAX).max(TS_MS_MAX);

/** What an entry is made of. */
export const cacheDependency = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("candles"),
    series,
    from: candleTime.nullable().default(null).meta({ description: "Epoch ms; null = all before" }),
    to: candleTime.nullable().default(null).meta({
      description: "Exclusive, epoch ms; null = new candles too",
    }),
  }),
  z.strictObject({ kind: z.literal("levels"), instrument: symbol }),
  z.strictObject({ kind: z.literal("key"), key: cacheKey }),
]).meta({ id: "CacheDependency" });

const priority = z.int().min(0).max(10).default(5)
  .meta({ description: "10 goes first upstream" });
const timeoutMs = z.int().min(1).max(CACHE_WAIT_MAX_MS).default(CACHE_WAIT_DEFAULT_MS)
  .meta({ description: "Longest wait for what has to be loaded" });
const user = plainText(USER_CHARS_MAX).meta({ examples: ["desk-7"] }).nullable().default(null)
  .meta({ description: "Who reads; what one user reads next is learned from it" });
const ttlMs = z.int().min(1).max(CACHE_TTL_MAX_MS).optional()
  .meta({ description: "Time until it is stale; default: that of its type" });
const cached = z.unknown()
  .refine((value) => value !== undefined, "expected a value")
  .refine(
    (value) => weighValue(value) <= CACHE_VALUE_BYTES_MAX,
    `expected at most ${CACHE_VALUE_BYTES_MAX} bytes as the cache weighs them`,
  )
  .meta({ description: "Any JSON" });

/** Keys to be read, and loaded where they are not there. */
export const cacheGet = z.strictObject({
  keys: z.array(cacheKey).min(1).max(CACHE_KEYS_MAX),
  priority,
  timeoutMs,
  user,
  explain: z.boolean().default(false).meta({
    description: "Say of each key what was known of it before",
  }),
}).meta({ id: "CacheGet" });

/** Entries to be put in. */
export const cacheSet = z.strictObject({
  entries: z.array(z.strictObject({
    key: keyToSet,
    value: cached,
    ttlMs,
    tags: z.array(tag).max(CACHE_LINKS_MAX).default([]),
    dependsOn: z.array(cacheDependency).max(CACHE_LINKS_MAX).default([]),
  })).min(1).max(CACHE_KEYS_MAX),
}).meta({ id: "CacheSet" });

/** Prices to be read, by symbol. */
export const pricesGet = z.strictObject({
  symbols: z.array(symbol).min(1).max(CACHE_KEYS_MAX),
  priority,
  timeoutMs,
  user,
}).meta({ id: "PricesGet" });

/** Prices to be put in, by symbol. */
export const pricesSet = z.strictObject({
  prices: z.array(z.strictObject({ symbol, value: cached, ttlMs }))
    .min(1).max(CACHE_KEYS_MAX),
}).meta({ id: "PricesSet" });

/** Which entries to end: every part adds its own. */
export const cacheInvalidate = z.strictObject({
  keys: z.array(cacheKey).max(CACHE_KEYS_MAX).default([]),
  patterns: z.array(pattern).max(CACHE_PATTERNS_MAX).default([]),
  tags: z.array(tag).max(CACHE_PATTERNS_MAX).default([]),
  dependencies: z.array(cacheDependency).max(CACHE_PATTERNS_MAX).default([]),
  all: z.literal(true).optional().meta({ description: "Every entry; stands alone" }),
}).superRefine(({ all, ...parts }, ctx) => {
  const count = Object.values(parts).reduce((sum, { length }) => sum + length, 0);
  if ((count > 0) !== (all === true)) return;
  const message = all === true
    ? "expected all: true to stand alone"
    : "expected keys, patterns, tags, dependencies, or all: true";
  ctx.addIssue({ code: "custom", message });
}).meta({ id: "CacheInvalidate" });

/** A pattern of keys. */
export const cachePattern = z.strictObject({ pattern }).meta({ id: "CachePattern" });

const count = z.number();
const maybe = z.number().nullable();

/** What is known of a key. */
export const cacheExplanation = z.strictObject({
  key: z.string(),
  state: z.enum(["fresh", "stale", "missing", "failed", "inflight", "absent"]).meta({
    description:
      "missing, failed: known not to be there, or to fail; inflight: a load is under way",
  }),
  tier: z.enum(["l1", "l2", "upstream"]).nullable(),
  shard: z.int(),
  ageMs: maybe,
  softLeftMs: maybe.meta({ description: "Until it is stale; null with state fresh = never" }),
  hardLeftMs: maybe.meta({ description: "Until it is gone" }),
  weightBytes: maybe,
  reads: maybe.meta({ description: "As far as the policy counts them" }),
  origin: z.string().nullable(),
  isProtected: z.boolean(),
  isInflight: z.boolean(),
  segment: z.string().nullable(),
  seq: maybe.meta({ description: "Commit that it is as of" }),
  tags: z.array(z.string()),
  dependsOn: z.array(cacheDependency),
  dependents: z.array(z.string()).meta({ description: "Keys made of it, the first of them" }),
  lastRemoval: z.strictObject({ cause: z.enum(REMOVAL_CAUSES), agoMs: count }).nullable()
    .meta({ description: "Why it is not there, if that is remembered" }),
}).meta({ id: "CacheExplanation" });

const answer = {
  state: z.enum(["fresh", "stale", "loaded", "missing", "failed"]),
  value: z.unknown().optional().meta({ description: "Of the first three states" }),
  tier: z.enum(["l1", "l2", "upstream"]).nullable(),
  ageMs: maybe.meta({ description: "Since it was loaded" }),
  failure: z.strictObject({
    code: z.string(),
    message: z.string(),
    retryAfterMs: maybe,
  }).nullable(),
};

/** What became of the keys, in their order. */
export const cacheFound = z.strictObject({
  found: z.array(z.strictObject({
    key: z.string(),
    ...answer,
    before: cacheExplanation.nullable().optional().meta({ description: "With explain: true" }),
  })),
}).meta({ id: "CacheFound" });

/** What became of the prices, in the order of the symbols. */
export const pricesFound = z.strictObject({
  prices: z.array(z.strictObject({ symbol: z.string(), ...answer })),
}).meta({ id: "PricesFound" });

/** How many entries were kept. */
export const cacheKept = z.strictObject({
  kept: z.int().meta({ description: "Others were too heavy, or their shard restarts" }),
  of: z.int(),
}).meta({ id: "CacheKept" });

/** How many entries ended. */
export const cacheEnded = z.strictObject({ removed: z.int() }).meta({ id: "CacheEnded" });

const protection = z.strictObject({
  entries: count,
  entriesMax: count,
  patterns: z.array(z.string()).readonly(),
  refused: count.meta({ description: "Inserts that matched and found no room" }),
});

/** What is protected. */
export const cacheProtection = protection.meta({ id: "CacheProtection" });

// ---- report -------------------------------------------------------------------------------------

const endpoint = z.strictObject({ endpoint: z.string(), calls: count, failed: count, keys: count });

const origin = z.strictObject({
  origin: z.string(),
  inserted: count,
  evictedUnread: count,
  expiredUnread: count,
  pollutionRatio: maybe,
});

const typeReport = z.strictObject({
  type: z.string(),
  requests: count.meta({ description: "By callers who wait; the sum of the six that follow" }),
  freshHits: count,
  staleHits: count,
  negativeHits: count,
  joined: count,
  misses: count,
  refused: count,
  freshRatio: maybe,
  servedRatio: maybe.meta({ description: "Answered at once with a value, fresh or stale" }),
  secondTierHits: count,
  secondTierShare: maybe.meta({ description: "Of the values that a tier had" }),
  loads: z.strictObject({ demand: count, refresh: count, warm: count, all: count }),
  loadFailures: count,
  loadsAbandoned: count,
  loadsMissing: count,
  loadsOutdated: count,
  removed: z.strictObject({
    evicted: count,
    expired: count,
    invalidated: count,
    replaced: count,
    flushed: count,
  }),
  entries: count,
  weightBytes: count,
  inserted: count,
  pollutionRatio: maybe.meta({ description: "Evicted unread, of what was put in" }),
  origins: z.array(origin).readonly(),
  keysPer100: maybe.meta({ description: "Keys asked of the upstream for 100 requests" }),
  wait: z.strictObject({
    count,
    meanSeconds: maybe,
    p50Seconds: maybe,
    p95Seconds: maybe,
    p99Seconds: maybe,
  }),
  ttlLeft: z.strictObject({
    stale: count,
    spans: z.array(z.strictObject({
      belowMs: maybe.meta({ description: "Fresh for less, and not less than the one before says" }),
      entries: count,
    })).readonly(),
    never: count.meta({ description: "Stale after no time" }),
  }).meta({
    description: "Entries by the time after which they are stale; large shards are sampled",
  }),
});

const tierStatus = z.strictObject({
  kind: z.enum(["memory", "sqlite", "redis"]),
  state: z.enum(["up", "down"]),
  entries: count,
  bytes: count,
  bytesMax: maybe.meta({ description: "Null without a bound of its own" }),
  waiting: count,
  hits: count,
  misses: count,
  written: count,
  evicted: count,
  dropped: count,
  failures: count,
  lastError: z.string().nullable(),
});

const statsParts = {
  shards: z.array(z.strictObject({
    shard: z.int(),
    policy: z.enum(POLICY_NAMES),
    choice: z.string().nullable(),
    entries: count,
    entriesMax: count,
    weightBytes: count,
    weightMaxBytes: maybe,
    flights: count,
    flightsMax: count,
    requests: count,
    servedRatio: maybe,
  })).readonly(),
  tier: tierStatus.nullable().meta({ description: "Null where there is no second tier" }),
  total: typeReport,
  upstream: z.strictObject({
    calls: count,
    failed: count,
    keys: count,
    callsPer100: maybe,
    keysPer100: maybe,
    endpoints: z.array(endpoint).readonly(),
  }),
  protection,
};

/** How the cache is, without types, curve and recommendations. */
export const cacheStats = z.strictObject(statsParts).meta({ id: "CacheStats" });

/** The report on the cache. */
export const cacheReport: z.ZodType<CacheReport, CacheReport> = z.strictObject({
  ...statsParts,
  types: z.array(typeReport).readonly(),
  curve: z.array(z.strictObject({
    sizeRatio: count,
    hitRatio: count,
    gainPoints: count,
    sampled: count,
    text: z.string(),
  })).readonly(),
  advice: z.array(z.strictObject({
    code: z.enum(ADVICE_CODES),
    type: z.string().nullable(),
    origin: z.string().nullable(),
    action: z.string(),
    evidence: z.string(),
    gain: z.string(),
    gainPoints: maybe.meta({ description: "Percentage points of requests; null where unknown" }),
  })).readonly(),
}).meta({ id: "CacheReport" });
