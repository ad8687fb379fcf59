/**
 * What a limiter is told: its limits, bounds and allowances.
 *
 * @module
 */

import { assertRate, type LimitRate, STRAY_MS_MAX } from "./limit_rate.ts";

/** One of the limits that a provider sets. */
export interface LimitSpec {
  /** Names it in snapshots, status and metrics; unique. */
  readonly name: string;
  /** What it allows, as the provider states it. */
  readonly rate: LimitRate;
  /** Whether each key has a limit of its own, or all keys share it; default `all`. */
  readonly scope?: "all" | "key";
  /**
   * How it begins without a snapshot: `full`, as if a former process had just used all of it, or
   * `free`, for who knows that nobody did. Default `full`, which is strict; a limit a day may be
   * better begun free.
   */
  readonly begin?: "full" | "free";
  /**
   * Whether X-RateLimit-Limit speaks of this limit and may lower it; default true for the only
   * limit, else false.
   */
  readonly reported?: boolean;
}

/** Limits and bounds of a limiter. */
export interface LimiterOptions {
  /** At least one; every request counts in all of them. */
  readonly limits: readonly LimitSpec[];
  /**
   * How long a request without a response may still be on its way, ms: the deadline of a call at
   * least. Default 10,000.
   */
  readonly strayMs?: number;
  /**
   * How much slower the provider's clock may run, as a share: windows are longer by it. Default
   * 0.0001: crystals are within 50 ppm, and so is the disciplined clock of a sane server.
   */
  readonly driftRatio?: number;
  /** Claims waiting in one priority; more are refused. Default 4,000. */
  readonly waitersMax?: number;
  /** Claims of one user waiting in one priority; default a quarter of `waitersMax`. */
  readonly waitersPerUserMax?: number;
  /** Keys known at a time, where a limit has the scope `key`; default 1,000. */
  readonly keysMax?: number;
  /** Users known at a time; those who wait are never forgotten. Default 256. */
  readonly usersMax?: number;
  /**
   * Cost that may be granted between two snapshots on disk; 0 = no snapshots, begins by `begin`.
   * Default 0. A second's worth
   * at the highest rate is sensible, see {@linkcode reserveFor}: each kill loses about so many.
   */
  readonly reserve?: number;
  /** A snapshot is due after so long even if little was granted, ms; default 5,000. */
  readonly snapshotEveryMs?: number;
}

/** All of {@linkcode LimiterOptions}, decided. */
export interface LimiterSettings extends Required<Omit<LimiterOptions, "limits">> {
  /** The limits, every field decided. */
  readonly limits: readonly Required<LimitSpec>[];
}

/** Limits of one limiter: each is asked at every grant. */
const LIMITS_MAX = 16;
/** Seconds of the highest rate that {@linkcode reserveFor} keeps: one or two writes a second. */
const RESERVE_S = 1;
const RESERVE_MIN = 8;
const RESERVE_MAX = 1_000;

/** A reserve of one second at the highest of the rates, from 8 to 1,000. */
export function reserveFor(limits: readonly LimitSpec[]): number {
  const perSecond = Math.max(
    ...limits.map(({ rate }) => rate.requests / Math.max(1, rate.windowMs / 1_000)),
  );
  return Math.max(RESERVE_MIN, Math.min(RESERVE_MAX, Math.ceil(RESERVE_S * perSecond)));
}

/**
 * The options with their defaults.
 *
 * @throws {RangeError} when one is beyond its bounds.
 */
export function limiterSettings(options: LimiterOptions): LimiterSettings {
  const { limits } = options;
  const names = new Set(limits.map(({ name }) => name));
  if (limits.length < 1 || limits.length > LIMITS_MAX || names.size !== limits.length) {
    throw new RangeError(
      `Cannot set up limiter: expected 1 to ${LIMITS_MAX} limits of different names: ` +
        `current value is ${limits.map(({ name }) => name).join(", ") || "none"}`,
    );
  }
  for (const { rate } of limits) assertRate(rate);
  const waitersMax = bound("waitersMax", options.waitersMax ?? 4_000, 1, 1e6);
  return {
    limits: limits.map((spec) => ({
      name: spec.name,
      rate: spec.rate,
      scope: spec.scope ?? "all",
      begin: spec.begin ?? "full",
      reported: spec.reported ?? limits.length === 1,
    })),
    strayMs: bound("strayMs", options.strayMs ?? 10_000, 0, STRAY_MS_MAX),
    driftRatio: bound("driftRatio", options.driftRatio ?? 1e-4, 0, 1),
    waitersMax,
    waitersPerUserMax: bound(
      "waitersPerUserMax",
      options.waitersPerUserMax ?? Math.ceil(waitersMax / 4),
      1,
      waitersMax,
    ),
    keysMax: bound("keysMax", options.keysMax ?? 1_000, 1, 1e5),
    usersMax: bound("usersMax", options.usersMax ?? 256, 1, 1e5),
    reserve: bound("reserve", options.reserve ?? 0, 0, 1e6),
    snapshotEveryMs: bound("snapshotEveryMs", options.snapshotEveryMs ?? 5_000, 100, 86_400_000),
  };
}

function bound(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new RangeError(
    `Cannot set up limiter: expected ${name} from ${least} to ${most}: current value is ${value}`,
  );
}
