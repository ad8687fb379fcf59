/**
 * What one may set of warming, its defaults, and their bounds.
 *
 * @module
 */

import { shown, WarmError } from "./error.ts";
import { STRATEGY_NAMES, type StrategyName } from "./types.ts";

/** When a strategy runs. */
export type WarmingSchedule =
  /**
   * Again and again, on a grid counted from the epoch, so that runs never drift. When `adapts`, the
   * step becomes shorter when runs find much that is not there, down to a quarter, and longer when
   * they find nothing, up to four times.
   */
  | { readonly kind: "interval"; readonly everyMs: number; readonly adapts: boolean }
  /** By a cron pattern in a time zone, which whoever owns the process evaluates. */
  | { readonly kind: "cron"; readonly pattern: string; readonly timeZone: string }
  /** At a time of New York's day, in minutes from midnight, on days the NYSE trades. */
  | { readonly kind: "trading_day"; readonly minute: number }
  /** Before dates of the calendar: at a minute of the evening before, and of the morning. */
  | { readonly kind: "event"; readonly eveningMinute: number; readonly morningMinute: number }
  /** With every access. */
  | { readonly kind: "access" }
  /** Where an entry ends. */
  | { readonly kind: "expiry" };

/** What one may set of a strategy. */
export interface StrategySettings {
  /** Whether it runs at its own times; by hand it always can. */
  readonly isEnabled: boolean;
  /** When it runs. */
  readonly schedule: WarmingSchedule;
  /** Most keys of a run; of a step for `predictive`; Infinity for none, as `renewal` has it. */
  readonly limit: number;
  /**
   * The least chance at which a key is warmed, and the least precision at which the strategy goes
   * on: 0 to 1.
   */
  readonly floor: number;
  /**
   * For `renewal`: the least chance at which a value is renewed that is stale and still served, 0 to
   * 1; null = the floor. A higher one buys fewer fresh answers, and no waits, for fewer keys.
   */
  readonly freshFloor: number | null;
}

/** What a variant of an experiment sets otherwise. */
export interface VariantSettings {
  /** Differs from that of the others. */
  readonly name: string;
  /** By strategy; what is left out is as in the settings. */
  readonly strategies: Readonly<
    Partial<Record<StrategyName, { readonly isEnabled?: boolean; readonly floor?: number }>>
  >;
}

/** Variants of settings that run side by side, each with an equal share of the keys. */
export interface ExperimentSettings {
  /** Decides which keys belong together: another name parts them otherwise. */
  readonly name: string;
  /** Two to {@linkcode WARMING_BOUNDS.variantsMax}; the first one is what others compare with. */
  readonly variants: readonly VariantSettings[];
}

/** What one may set of warming. */
export interface WarmingSettings {
  /** Whether anything is loaded ahead of need. */
  readonly isEnabled: boolean;
  /** Each one. */
  readonly strategies: Readonly<Record<StrategyName, StrategySettings>>;
  /** Most upstream calls of any minute; of what the provider's limiter has left, half at most. */
  readonly callsPerMinute: number;
  /** Most calls under way at a time. */
  readonly callsAtOnce: number;
  /** Most bytes that entries stored by warming and still there may weigh. */
  readonly memoryMaxBytes: number;
  /** Keys that are tracked. */
  readonly keysMax: number;
  /** Whether patterns of single users are kept. */
  readonly hasUserPatterns: boolean;
  /** Least confidence at which `predictive` proposes a key: 0 to 1. */
  readonly confidenceMin: number;
  /** How long a key waits for others of its kind, as a share of its TTL. */
  readonly lingerRatio: number;
  /** Longest wait of a key for others of its kind, ms. */
  readonly lingerMaxMs: number;
  /** Longest time of a load, ms. */
  readonly timeoutMs: number;
  /** Null: none runs. */
  readonly experiment: ExperimentSettings | null;
}

/** {@linkcode WarmingSettings} as one sets them: what is left out is as by default. */
export type WarmingOverrides =
  & Partial<Omit<WarmingSettings, "strategies">>
  & { readonly strategies?: Readonly<Partial<Record<StrategyName, Partial<StrategySettings>>>> };

/** Bounds of {@linkcode WarmingSettings}. */
export const WARMING_BOUNDS = {
  /** More calls a minute than any provider here sells; each takes 8 bytes for a minute. */
  callsPerMinuteMax: 100_000,
  /** More calls at a time would only wait in the provider's own queue. */
  callsAtOnceMax: 1_000,
  /** 1 TB: no machine's cache is larger. */
  memoryMaxBytesMax: 2 ** 40,
  /** Fewer keys would make rankings of chance finds. */
  keysMin: 16,
  /** 10 MB of statistics, and 13 MB when they are saved: a record of the store takes 16 MB. */
  keysMax: 100_000,
  /** Shortest interval, ms: a cycle reads all statistics, some 5 ms of work. */
  everyMinMs: 1_000,
  /** Longest interval, ms: a week. */
  everyMaxMs: 7 * 86_400_000,
  /** Most keys of a run; `renewal` may have none. */
  limitMax: 100_000,
  /** A TTL's tenth is lost when keys wait longer for others. */
  lingerRatioMax: 0.1,
  /** Bulk waits a minute at most. */
  lingerMaxMs: 60_000,
  /** Longest timeout, ms. */
  timeoutMaxMs: 600_000,
  /** More variants than that never differ significantly. */
  variantsMax: 8,
  /** Characters of a name of an experiment or a variant: it names metrics. */
  nameCharsMax: 64,
} as const;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const every = (everyMs: number, adapts: boolean): WarmingSchedule => ({
  kind: "interval",
  everyMs,
  adapts,
});

const strategy = (schedule: WarmingSchedule, limit: number, floor: number): StrategySettings => ({
  isEnabled: true,
  schedule,
  limit,
  floor,
  freshFloor: null,
});

/** What holds unless told otherwise. */
export const WARMING_DEFAULTS: WarmingSettings = {
  isEnabled: true,
  strategies: {
    popular: strategy(every(30 * MINUTE_MS, true), 100, 0.75),
    time_of_day: strategy(every(HOUR_MS, false), 100, 0.6),
    trending: strategy(every(HOUR_MS, true), 100, 0.65),
    predictive: strategy({ kind: "access" }, 20, 0.55),
    pre_market: strategy({ kind: "trading_day", minute: 8 * 60 + 30 }, 200, 0.6),
    sector_rotation: strategy(every(HOUR_MS, true), 100, 0.6),
    event: strategy(
      { kind: "event", eveningMinute: 18 * 60, morningMinute: 7 * 60 },
      100,
      0.6,
    ),
    renewal: strategy({ kind: "expiry" }, Infinity, 0.5),
  },
  callsPerMinute: 100,
  callsAtOnce: 10,
  memoryMaxBytes: 500_000_000,
  keysMax: 20_000,
  hasUserPatterns: false,
  confidenceMin: 0.7,
  // A price of 300 s waits 6 s at most, and is 2 % of its time stale.
  lingerRatio: 0.02,
  lingerMaxMs: 60_000,
  timeoutMs: 30_000,
  experiment: null,
};

/**
 * Whole settings from what is set.
 *
 * @throws {WarmError} code `settings` for a value out of bounds.
 */
export function warmingSettings(overrides: WarmingOverrides = {}): WarmingSettings {
  const strategies = Object.fromEntries(STRATEGY_NAMES.map((name) => {
    const given = overrides.strategies?.[name];
    return [name, strategySettings(name, { ...WARMING_DEFAULTS.strategies[name], ...given })];
  })) as Record<StrategyName, StrategySettings>;
  for (const name of Object.keys(overrides.strategies ?? {})) {
    if (!(STRATEGY_NAMES as readonly string[]).includes(name)) {
      throw wrong("strategies", `expected names of ${STRATEGY_NAMES.join(", ")}`, name);
    }
  }
  const settings: WarmingSettings = { ...WARMING_DEFAULTS, ...overrides, strategies };
  const b = WARMING_BOUNDS;
  whole("callsPerMinute", settings.callsPerMinute, 0, b.callsPerMinuteMax);
  whole("callsAtOnce", settings.callsAtOnce, 1, b.callsAtOnceMax);
  within("memoryMaxBytes", settings.memoryMaxBytes, 0, b.memoryMaxBytesMax);
  whole("keysMax", settings.keysMax, b.keysMin, b.keysMax);
  within("confidenceMin", settings.confidenceMin, 0, 1);
  within("lingerRatio", settings.lingerRatio, 0, b.lingerRatioMax);
  within("lingerMaxMs", settings.lingerMaxMs, 0, b.lingerMaxMs);
  within("timeoutMs", settings.timeoutMs, 1, b.timeoutMaxMs);
  if (settings.experiment !== null) checkExperiment(settings.experiment);
  return settings;
}

function strategySettings(name: StrategyName, settings: StrategySettings): StrategySettings {
  const { schedule, limit, floor, freshFloor } = settings;
  within(`${name}.floor`, floor, 0, 1);
  if (freshFloor !== null) {
    if (name !== "renewal") {
      throw wrong(`${name}.freshFloor`, "expected null, as only renewal has one", freshFloor);
    }
    within(`${name}.freshFloor`, freshFloor, 0, 1);
  }
  if (!(name === "renewal" && limit === Infinity)) {
    whole(`${name}.limit`, limit, 1, WARMING_BOUNDS.limitMax);
  }
  checkSchedule(name, schedule);
  return settings;
}

/** Schedules that are bound to what a strategy is. */
const OWN_SCHEDULES = { predictive: "access", renewal: "expiry" } as const;

function checkSchedule(name: StrategyName, schedule: WarmingSchedule): void {
  const own = name === "predictive" || name === "renewal" ? OWN_SCHEDULES[name] : null;
  const isOwn = schedule.kind === "access" || schedule.kind === "expiry";
  if (own !== null ? schedule.kind !== own : isOwn) {
    throw wrong(`${name}.schedule`, `expected ${own ?? "a time to run at"}`, schedule.kind);
  }
  const minutes = (what: string, minute: number) => whole(`${name}.${what}`, minute, 0, 1_439);
  switch (schedule.kind) {
    case "interval":
      whole(
        `${name}.everyMs`,
        schedule.everyMs,
        WARMING_BOUNDS.everyMinMs,
        WARMING_BOUNDS.everyMaxMs,
      );
      return;
    case "trading_day":
      return minutes("minute", schedule.minute);
    case "event":
      minutes("eveningMinute", schedule.eveningMinute);
      return minutes("morningMinute", schedule.morningMinute);
    default:
  }
}

function checkExperiment({ name, variants }: ExperimentSettings): void {
  const { nameCharsMax, variantsMax } = WARMING_BOUNDS;
  const isName = (text: string) => text.length >= 1 && text.length <= nameCharsMax;
  const expected = `expected 1 to ${nameCharsMax} characters`;
  if (!isName(name)) throw wrong("experiment.name", expected, name);
  whole("experiment.variants", variants.length, 2, variantsMax);
  const seen = new Set<string>();
  for (const variant of variants) {
    if (!isName(variant.name)) throw wrong("experiment.variants", expected, variant.name);
    if (seen.has(variant.name)) {
      throw wrong("experiment.variants", "expected names that differ", variant.name);
    }
    seen.add(variant.name);
    for (const [strategy, given] of Object.entries(variant.strategies)) {
      if (!(STRATEGY_NAMES as readonly string[]).includes(strategy)) {
        throw wrong("experiment.strategies", `expected ${STRATEGY_NAMES.join(", ")}`, strategy);
      }
      if (given.floor !== undefined) within(`${variant.name}.${strategy}.floor`, given.floor, 0, 1);
    }
  }
}

function within(what: string, value: number, from: number, to: number): void {
  if (value >= from && value <= to) return;
  throw wrong(what, `expected ${from} to ${to}`, value);
}

function whole(what: string, value: number, from: number, to: number): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw wrong(what, `expected a whole number of ${from} to ${to}`, value);
}

const wrong = (what: string, expected: string, value: unknown) =>
  new WarmError("settings", `Cannot set ${what}: ${expected}: current value is ${shown(value)}`);
