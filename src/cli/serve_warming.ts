/**
 * From the configuration to the warming of the tree.
 *
 * @module
 */

import { textOf } from "../actor/errors.ts";
import type { CacheSpec } from "../cache/spec.ts";
import {
  type StrategySettings,
  type WarmingOverrides,
  type WarmingSchedule,
  warmingSettings,
} from "../warm/settings.ts";
import { STRATEGY_NAMES, type StrategyName } from "../warm/types.ts";
import type { WarmingStrategyConfig, WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";

/** The warming of a configuration, as the tree takes it. */
export interface ServedWarming {
  readonly settings: WarmingOverrides;
  readonly cycleCron: string | null;
  readonly keysPerCallMax: number;
}

const MB = 1e6;
/** Time zone of patterns that name none: that of most of what is warmed. */
const TIME_ZONE_DEFAULT = "America/New_York";
const HOURS = /^\d{1,2}(?:,\d{1,2})*$/;

/**
 * The warming of a configuration; null where nothing is to be warmed: it is off, or the cache has no
 * provider.
 *
 * @param isCron Whether a pattern can be evaluated in a time zone.
 * @throws {UsageError} for settings that do not go together, and patterns that are none.
 */
export function warmingOf(
  config: WickConfig,
  { provider }: Pick<CacheSpec, "provider">,
  isCron: (pattern: string, timeZone: string) => boolean,
): ServedWarming | null {
  if (!config.warmingEnabled || provider === null) return null;
  const strategies: Partial<Record<StrategyName, Partial<StrategySettings>>> = {
    popular: { limit: config.warmingPopularLimit },
  };
  for (const name of STRATEGY_NAMES) {
    const given = config.warmingStrategies[name];
    if (given !== undefined) {
      strategies[name] = { ...strategies[name], ...strategyOf(name, given, isCron) };
    }
  }
  const { warmingExperiment: experiment } = config;
  const settings: WarmingOverrides = {
    strategies,
    callsPerMinute: Math.round(config.warmingRatePerMinute),
    memoryMaxBytes: Math.round(config.warmingMemoryMb * MB),
    keysMax: config.warmingKeysMax,
    hasUserPatterns: config.warmingUserPatterns,
    experiment: experiment === null ? null : {
      name: experiment.name,
      variants: experiment.variants.map(({ name, strategies: set }) => ({
        name,
        strategies: Object.fromEntries(
          Object.entries(set).map(([strategy, { enabled, floor }]) => [strategy, {
            ...(enabled === undefined ? {} : { isEnabled: enabled }),
            ...(floor === undefined ? {} : { floor }),
          }]),
        ),
      })),
    },
  };
  try {
    warmingSettings(settings);
  } catch (error) {
    throw new UsageError(textOf(error));
  }
  return {
    settings,
    cycleCron: cycleOf(config.warmingSchedule, isCron),
    keysPerCallMax: config.warmingBatchSize,
  };
}

function strategyOf(
  name: StrategyName,
  { enabled, limit, floor, freshFloor, everyMs, cron, timeZone }: WarmingStrategyConfig,
  isCron: (pattern: string, timeZone: string) => boolean,
): Partial<StrategySettings> {
  const schedule = scheduleOf(name, { everyMs, cron, timeZone }, isCron);
  return {
    ...(enabled === undefined ? {} : { isEnabled: enabled }),
    ...(limit === undefined ? {} : { limit }),
    ...(floor === undefined ? {} : { floor }),
    ...(freshFloor === undefined ? {} : { freshFloor }),
    ...(schedule === null ? {} : { schedule }),
  };
}

function scheduleOf(
  name: StrategyName,
  given: Record<"everyMs", number | undefined> & Record<"cron" | "timeZone", string | undefined>,
  isCron: (pattern: string, timeZone: string) => boolean,
): WarmingSchedule | null {
  const { everyMs, cron, timeZone = TIME_ZONE_DEFAULT } = given;
  if (cron === undefined && given.timeZone !== undefined) {
    throw new UsageError(
      `Cannot schedule ${name}: expected cron with timeZone: current value is ${timeZone} alone`,
    );
  }
  if (cron !== undefined && everyMs !== undefined) {
    throw new UsageError(`Cannot schedule ${name}: expected everyMs or cron: both are set`);
  }
  if (everyMs !== undefined) return { kind: "interval", everyMs, adapts: true };
  if (cron === undefined) return null;
  if (!isCron(cron, timeZone)) {
    throw notCron(name, "a cron pattern and a time zone", `${cron} in ${timeZone}`);
  }
  return { kind: "cron", pattern: cron, timeZone };
}

/** Hours of the day, UTC, or a pattern; what an empty list says is never. */
function cycleOf(
  schedule: string,
  isCron: (pattern: string, timeZone: string) => boolean,
): string | null {
  if (schedule === "never") return null;
  const pattern = HOURS.test(schedule) ? `0 ${schedule} * * *` : schedule;
  if (!isCron(pattern, "UTC")) {
    throw notCron("warming", "hours as 0,6,12,18, cron, or never", schedule);
  }
  return pattern;
}

function notCron(what: string, expected: string, found: string): UsageError {
  return new UsageError(`Cannot schedule ${what}: expected ${expected}: current value is ${found}`);
}
