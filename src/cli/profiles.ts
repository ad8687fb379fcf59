/**
 * Profiles: groups of values for one aim. Anything that is set otherwise wins over them.
 *
 * @module
 */

import type { PROFILES, WickConfig } from "./config_schema.ts";

/** Name of a profile. */
export type ProfileName = (typeof PROFILES)[number];

/** What a profile is for, and what it sets. */
export interface Profile {
  /** One line. */
  readonly about: string;
  /** The values. */
  readonly values: Partial<WickConfig>;
}

/** The profiles by name. */
export const PROFILE_VALUES: Readonly<Record<ProfileName, Profile>> = {
  throughput: {
    about: "most candles a second: large batches, and work waits rather than being refused",
    values: {
      feedBatchRows: 32_768,
      admissionOnMs: 500,
      admissionOffMs: 200,
      admissionHardMs: 1_000,
      monitorIntervalMs: 10_000,
    },
  },
  latency: {
    about: "shortest way from candle to label: small batches, and overload is refused early",
    values: {
      feedBatchRows: 1_024,
      admissionOnMs: 30,
      admissionOffMs: 10,
      admissionHardMs: 40,
    },
  },
  memory: {
    about: "least memory: one thread (some 40 MB each), small batches, small caches",
    values: {
      workers: 1,
      feedBatchRows: 2_048,
      retainDeadLetters: 10_000,
      cacheEntriesMax: 5_000,
      cacheBytesMax: 32_000_000,
      warmingMemoryMb: 50,
    },
  },
  conservative: {
    about: "least risk: every commit on disk before it counts, long time to stop, early refusal",
    values: {
      durability: "full",
      feedBatchRows: 2_048,
      admissionOnMs: 40,
      admissionOffMs: 10,
      admissionHardMs: 60,
      drainMs: 60_000,
      logFileCount: 10,
    },
  },
};
