/**
 * A backfill job as data: what a job file, the command line and the API say, and what it comes to
 * once its profile has filled in the rest.
 *
 * @module
 */

import type { FilterName } from "./filter.ts";
import { FILTER_NAMES } from "./filter.ts";
import type { DataKind } from "./filter_kinds.ts";
import type { Granularity } from "../market/granularity.ts";
import { type LimitRate, parseRate } from "./limit_rate.ts";

/** Most symbols of a job: what the instrument registry holds. */
export const JOB_SYMBOLS_MAX = 100_000;

/** Longest name of a job, in characters: it stands in file names and keys. */
export const JOB_NAME_LENGTH_MAX = 64;

/** Most workers: each holds one request open, and a process has some 1,000 files. */
export const WORKERS_MAX = 500;

/** Smallest and largest chunk that is found while running, in items. */
export const CHUNK_RANGE = { min: 10, max: 500 } as const;

/** Largest chunk that can be fixed, in items: what a batch call of any provider takes. */
export const CHUNK_FIXED_MAX = 2_000;

/** How many items go out together. */
export type ChunkSetting =
  /** Found while running, from the size `start`. */
  | { readonly mode: "auto"; readonly start: number }
  /** Always so many. */
  | { readonly mode: "fixed"; readonly size: number };

/** Ready sets of rate, workers and chunk. */
export type ProfileName = "throughput" | "conservative";

/** What a profile says. */
export interface JobProfile {
  /** What the provider allows. */
  readonly rate: LimitRate;
  /** Calls under way at the same time. */
  readonly workers: number;
  /** How many items go out together. */
  readonly chunk: ChunkSetting;
}

/** The profiles. */
export const JOB_PROFILES: Readonly<Record<ProfileName, JobProfile>> = {
  throughput: {
    rate: { requests: 750, windowMs: 60_000 },
    workers: 60,
    chunk: { mode: "auto", start: 200 },
  },
  conservative: {
    rate: { requests: 500, windowMs: 60_000 },
    workers: 30,
    chunk: { mode: "fixed", size: 50 },
  },
};

/** The profile of a job that names none. */
export const PROFILE_DEFAULT: ProfileName = "throughput";

/** When a job runs by itself. */
export interface JobSchedule {
  /** Five or six fields of cron. */
  readonly cron: string;
  /** IANA time zone in which they are meant: `America/New_York`. */
  readonly timeZone: string;
}

/** A job as it is written down. */
export interface JobSpec {
  /**
   * Letters, digits, `.`, `_` and `-`, up to {@linkcode JOB_NAME_LENGTH_MAX}; names a job for good.
   */
  readonly name: string;
  /** What to fetch data of; the contents of a symbols file are read by `parseSymbols`. */
  readonly symbols: readonly string[];
  /** What to fetch. */
  readonly kinds: readonly DataKind[];
  /** Name of the provider. */
  readonly provider: string;
  /** Length of a bar of prices; default `D`. */
  readonly granularity?: Granularity;
  /** Default {@linkcode PROFILE_DEFAULT}. */
  readonly profile?: ProfileName;
  /** Instead of the profile's: `750/min`. */
  readonly rate?: string;
  /** Instead of the profile's. */
  readonly workers?: number;
  /** Instead of the profile's. */
  readonly chunk?: "auto" | number;
  /** Prices from this time on, epoch ms; left out = of the last day before `to`. */
  readonly from?: number;
  /** Data before this time, epoch ms; left out = until the day of the start, in UTC. */
  readonly to?: number;
  /** Filters switched on or off; left out = on. */
  readonly filters?: Readonly<Partial<Record<FilterName, boolean>>>;
  /** Left out = runs when started. */
  readonly schedule?: JobSchedule;
}

/** A job with everything filled in. */
export interface JobSettings extends Pick<JobSpec, "name" | "symbols" | "kinds" | "provider"> {
  /** Length of a bar of prices. */
  readonly granularity: Granularity;
  /** What the provider allows. */
  readonly rate: LimitRate;
  /** Calls under way at the same time. */
  readonly workers: number;
  /** How many items go out together. */
  readonly chunk: ChunkSetting;
  /** Data from this time on, epoch ms; null = from the last known on. */
  readonly from: number | null;
  /** Data before this time, epoch ms; null = all there is. */
  readonly to: number | null;
  /** Filters that are switched off. */
  readonly filtersOff: readonly FilterName[];
  /** When it runs by itself; null = when started. */
  readonly schedule: JobSchedule | null;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * Everything that is wrong with a job, each as `field: what is expected`; empty when it can run.
 */
export function jobProblems(spec: JobSpec): string[] {
  const { name, symbols, kinds, workers, chunk, from, to, rate } = spec;
  const isWithin = (value: number, min: number, max: number) =>
    Number.isInteger(value) && value >= min && value <= max;
  const checks: readonly (readonly [isRight: boolean, problem: string])[] = [
    [
      NAME.test(name) && name.length <= JOB_NAME_LENGTH_MAX,
      `name: expected 1 to ${JOB_NAME_LENGTH_MAX} letters, digits, . _ or -`,
    ],
    [
      isWithin(symbols.length, 1, JOB_SYMBOLS_MAX),
      `symbols: expected 1 to ${JOB_SYMBOLS_MAX}`,
    ],
    [kinds.length > 0, "kinds: expected at least one"],
    [spec.provider !== "", "provider: expected a name"],
    [
      workers === undefined || isWithin(workers, 1, WORKERS_MAX),
      `workers: expected 1 to ${WORKERS_MAX}`,
    ],
    [
      chunk === undefined || chunk === "auto" || isWithin(chunk, 1, CHUNK_FIXED_MAX),
      `chunk: expected auto or 1 to ${CHUNK_FIXED_MAX}`,
    ],
    [rate === undefined || isRateText(rate), "rate: expected such as 750/min"],
    [from === undefined || to === undefined || from < to, "to: expected a time after from"],
  ];
  return checks.flatMap(([isRight, problem]) => isRight ? [] : [problem]);
}

/**
 * The job with its profile filled in.
 *
 * @throws {RangeError} with all of {@linkcode jobProblems}.
 */
export function jobSettings(spec: JobSpec): JobSettings {
  const problems = jobProblems(spec);
  if (problems.length > 0) {
    throw new RangeError(`Cannot run job ${JSON.stringify(spec.name)}: ${problems.join("; ")}`);
  }
  const profile = JOB_PROFILES[spec.profile ?? PROFILE_DEFAULT];
  return {
    name: spec.name,
    symbols: spec.symbols,
    kinds: spec.kinds,
    provider: spec.provider,
    granularity: spec.granularity ?? "D",
    rate: spec.rate === undefined ? profile.rate : parseRate(spec.rate),
    workers: spec.workers ?? profile.workers,
    chunk: chunkOf(spec.chunk, profile),
    from: spec.from ?? null,
    to: spec.to ?? null,
    filtersOff: FILTER_NAMES.filter((name) => spec.filters?.[name] === false),
    schedule: spec.schedule ?? null,
  };
}

/** Automatic chunks begin where the profile does: at its start, or its fixed size. */
function chunkOf(chunk: JobSpec["chunk"], profile: JobProfile): ChunkSetting {
  if (chunk === undefined) return profile.chunk;
  if (chunk !== "auto") return { mode: "fixed", size: chunk };
  const { chunk: usual } = profile;
  return { mode: "auto", start: usual.mode === "auto" ? usual.start : usual.size };
}

function isRateText(text: string): boolean {
  try {
    return parseRate(text).requests > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
