/**
 * The job of a campaign and its provider: the same every time for the same seed.
 *
 * @module
 */

import type { JobSpec } from "../../src/batch/job_spec.ts";
import { eodhdMapping } from "../../src/provider/eodhd.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";

const DAY_MS = 86_400_000;
const TO_MS = Date.UTC(2026, 2, 3);

/** Kinds of data of the job; an item is a symbol of a kind. */
export const JOB_KINDS = ["prices", "dividends", "profiles"] as const;

/** A symbol that the provider fails on each time. */
export const POISON = "S13";

/** The job of so many items, whole symbols: daily bars of 40 days, of which labels come. */
export function jobOf(items: number): JobSpec {
  const count = Math.ceil(items / JOB_KINDS.length);
  return {
    name: "night",
    symbols: Array.from({ length: count }, (_, i) => `S${i}`),
    kinds: JOB_KINDS,
    provider: "upstream",
    workers: 24,
    chunk: 40,
    from: TO_MS - 40 * DAY_MS,
    to: TO_MS,
    rate: "100000/min",
  };
}

/** What upstream does: quick, some calls fail, one symbol always. */
export function upstreamOf(seed: number): SimulatedOptions {
  return {
    name: "upstream",
    seed,
    medianMs: 4,
    p99Ms: 12,
    perKeyMs: 0.05,
    transientRatio: 0.003,
    symbolsMax: { dividends: 1, profiles: 1 },
    poison: { [POISON]: "permanent" },
  };
}

/** Calls within a window in the process that is killed: its workers wait for it most of the time. */
export const LIMIT = { max: 60, windowMs: 100 } as const;

/** Calls within a window at the server, which outlives the process: each kill costs a part of it. */
export const SERVER_LIMIT = { max: 30_000, windowMs: 60_000 } as const;

/** The API of the server. */
export function serverMapping(baseUrl: string) {
  return {
    name: "upstream",
    mapping: eodhdMapping(),
    baseUrl,
    hosts: [new URL(baseUrl).host],
    key: null,
    limits: [{ counts: "calls", ...SERVER_LIMIT }],
  } as const;
}
