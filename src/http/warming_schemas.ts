/**
 * Shapes of what warming answers with: what it did, what it is doing, what is asked for.
 *
 * @module
 */

import { z } from "zod";
import { STRATEGY_NAMES } from "../warm/types.ts";
import type { WarmingPatterns } from "../warm/warming_types.ts";
import type { ServedWarmingStats } from "./port.ts";

const count = z.number();
const share = z.number().min(0).max(1);
const maybe = z.number().nullable();
const time = z.number().meta({ description: "Epoch ms" });
const strategy = z.enum(STRATEGY_NAMES);

// ---- stats --------------------------------------------------------------------------------------

const strategyStats = z.strictObject({
  warmed: count.meta({ description: "Entries that it put into the cache" }),
  used: count.meta({ description: "Of them: asked for while they were there" }),
  wasted: count.meta({ description: "Of them: ended without; the rest is still open" }),
  precision: maybe.meta({
    description: "used / (used + wasted) of late; null before there are enough",
  }),
  keys: count.meta({ description: "Keys fetched upstream for it" }),
  calls: count.meta({ description: "Upstream calls whose first key it wanted" }),
  lift: count.meta({ description: "Share of all accesses that it turned into hits" }),
  isEnabled: z.boolean(),
  isThrottled: z.boolean(),
});

const budget = z.strictObject({
  callsPerMinute: count,
  callsUsed: count.meta({ description: "Upstream calls of the last minute" }),
  callsLeft: count.meta({ description: "Calls that may be made now" }),
  callsAtOnce: count,
  callsRunning: count,
  memoryMaxBytes: count,
  memoryBytes: count.meta({ description: "Weight of what warming stored and is still there" }),
  entries: count,
});

const test = z.strictObject({
  difference: count.meta({ description: "This variant's share minus the first one's" }),
  z: count.meta({ description: "The difference in standard errors" }),
  pValue: count.meta({ description: "Two-sided" }),
  isSignificant: z.boolean(),
});

const variant = z.strictObject({
  name: z.string(),
  warmed: count,
  used: count,
  wasted: count,
  precision: maybe,
  keys: count,
  accesses: count,
  hits: count.meta({ description: "Accesses answered without a wait" }),
  hitRatio: maybe,
  precisionTest: test.nullable().meta({ description: "Against the first variant" }),
  hitTest: test.nullable().meta({ description: "Against the first variant" }),
});

/** What warming did. */
export const warmingStats: z.ZodType<ServedWarmingStats, ServedWarmingStats> = z.strictObject({
  atMs: time,
  sinceMs: time,
  totalWarmed: count.meta({ description: "Entries put into the cache ahead of need" }),
  totalUsed: count,
  totalWasted: count,
  totalKeys: count.meta({ description: "Keys fetched upstream: what warming costs" }),
  totalCalls: count,
  accesses: count.meta({ description: "Accesses to the cache that were heard of" }),
  hits: count.meta({ description: "Of them: answered without a wait" }),
  fresh: count.meta({ description: "Of them: answered within the TTL" }),
  byStrategy: z.record(strategy, strategyStats),
  budget,
  reliability: z.array(z.strictObject({
    from: share,
    to: share,
    count,
    predicted: count.meta({ description: "Mean chance at which they were warmed" }),
    used: count.meta({ description: "Share that was used within its TTL" }),
  })).readonly().meta({ description: "By the chance at which entries were warmed" }),
  callMs: z.record(z.string(), count).meta({ description: "Mean time of a call by kind of data" }),
  experiment: z.strictObject({ name: z.string(), variants: z.array(variant).readonly() })
    .nullable(),
  accessesLost: count.meta({
    description: "Reads of the cache that came too fast to be noted; statistics are a sample then",
  }),
  storedLost: count.meta({ description: "Stored entries that came too fast to be noted" }),
  savedAtMs: maybe.meta({ description: "When the statistics were last saved, epoch ms" }),
  saveError: z.string().nullable(),
}).meta({ id: "WarmingStats" });

// ---- status -------------------------------------------------------------------------------------

const schedule = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("interval"), everyMs: count, adapts: z.boolean() }),
  z.strictObject({ kind: z.literal("cron"), pattern: z.string(), timeZone: z.string() }),
  z.strictObject({ kind: z.literal("trading_day"), minute: count }),
  z.strictObject({ kind: z.literal("event"), eveningMinute: count, morningMinute: count }),
  z.strictObject({ kind: z.literal("access") }),
  z.strictObject({ kind: z.literal("expiry") }),
]);

const report = z.strictObject({
  strategy,
  atMs: time,
  by: z.enum(["hand", "schedule"]),
  proposed: count.meta({ description: "Keys that the strategy proposed" }),
  belowFloor: count.meta({ description: "Of them: too small a chance" }),
  present: count.meta({ description: "Of them: fresh, or on their way" }),
  refused: count.meta({ description: "Of them: no room in the queue" }),
  wanted: count.meta({ description: "Of them: wait for a call" }),
  isProbe: z.boolean().meta({ description: "A small sample of a throttled strategy" }),
}).meta({ id: "WarmingReport" });

/** What warming is doing. */
export const warmingStatus = z.strictObject({
  atMs: time,
  running: z.array(strategy).meta({ description: "Strategies whose cycle is under way" }),
  cycleCount: count,
  nextRuns: z.partialRecord(strategy, maybe).meta({
    description: "Of those enabled, epoch ms; null: no time, as with each access",
  }),
  lastResults: z.partialRecord(strategy, report),
  throttled: z.array(z.strictObject({
    strategy,
    precision: count,
    floor: count,
    sinceMs: time,
    probeAtMs: time.meta({ description: "When a small sample is tried" }),
  })),
  paused: z.enum(["disabled", "stopped", "down", "failing", "calls", "memory"]).nullable()
    .meta({ description: "Why nothing is loaded; null: nothing holds it" }),
  waitingKeys: count,
  loadingKeys: count,
  trackedKeys: count,
  keysMax: count,
  strategies: z.record(
    strategy,
    z.strictObject({
      isEnabled: z.boolean(),
      schedule,
      limit: maybe.meta({ description: "Most keys of a run; null: none" }),
      floor: count.meta({ description: "Least chance of a key, and least precision" }),
    }),
  ),
}).meta({ id: "WarmingStatus" });

// ---- patterns -----------------------------------------------------------------------------------

const patternKey = {
  key: z.string(),
  accesses: count.meta({ description: "Decayed with a half-life of a day" }),
  chance: maybe.meta({ description: "That it is asked for within its TTL" }),
};

/** What is asked for. */
export const warmingPatterns: z.ZodType<WarmingPatterns, WarmingPatterns> = z.strictObject({
  atMs: time,
  totalAccesses: count,
  uniqueKeys: count.meta({ description: "An estimate" }),
  top10: z.array(z.strictObject(patternKey)).readonly(),
  trending: z.array(z.strictObject({
    ...patternKey,
    ratio: count.meta({ description: "Accesses of late against what is usual; 1 = as usual" }),
  })).readonly(),
  byHour: z.array(count).readonly().meta({
    description: "Share of accesses in each hour of New York's day",
  }),
}).meta({ id: "WarmingPatterns" });

// ---- what was done ------------------------------------------------------------------------------

/** What came of a run of one strategy. */
export const warmingResult = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("started"), strategy, report }),
  z.strictObject({
    state: z.literal("refused"),
    strategy,
    reason: z.enum(["running", "stopped", "down"]).meta({
      description: "Its last cycle is under way; warming stops; the provider fails or is limiting",
    }),
  }),
]);

/** What came of a run; keys are loaded behind the answer. */
export const warmingRan = z.strictObject({ results: z.array(warmingResult) })
  .meta({ id: "WarmingRan" });

/** How many accesses were taken. */
export const warmingTaken = z.strictObject({
  taken: z.int(),
  of: z.int().meta({ description: "The others were lost: more came than are kept" }),
}).meta({ id: "WarmingTaken" });

/** How many symbols have a sector of their own now. */
export const warmingSectorsKept = z.strictObject({
  symbols: z.int(),
  sectors: z.int().meta({ description: "How many they are in" }),
}).meta({ id: "WarmingSectorsKept" });

/** How many dates are known now. */
export const warmingCalendarKept = z.strictObject({ events: z.int() })
  .meta({ id: "WarmingCalendarKept" });
