/**
 * The night of `data/workloads/sync1`: its symbols, and what is known of them.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import type { SymbolFacts } from "../../src/batch/filter_rules.ts";

const FILE = new URL("../../../shared/data/workloads/sync1.csv.gz", import.meta.url);
const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;

/** The night as the filters see it. */
export interface SyncNight {
  readonly symbols: readonly string[];
  readonly known: ReadonlyMap<string, SymbolFacts>;
  /** Work on a symbol's prices once they are there, ms. */
  readonly serviceMs: ReadonlyMap<string, number>;
}

/** The night as of `nowMs`, epoch ms; null when the file is not there. */
export function readSync1(nowMs: number): SyncNight | null {
  let packed: Uint8Array;
  try {
    packed = Deno.readFileSync(FILE);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const known = new Map<string, SymbolFacts>();
  const serviceMs = new Map<string, number>();
  const lines = new TextDecoder().decode(gunzipSync(packed)).trim().split("\n").slice(1);
  for (const line of lines) {
    const [symbol = "", isFresh, pays, hasProfile, service] = line.split(",");
    const fetchedMs = nowMs - (isFresh === "1" ? HOUR_MS : 24 * HOUR_MS);
    known.set(symbol, {
      fetchedMs: { prices: fetchedMs, dividends: fetchedMs, profiles: fetchedMs },
      dividends: { everPaid: pays === "1", checkedMs: nowMs - WEEK_MS },
      ...(hasProfile === "1" ? { profileMs: nowMs - WEEK_MS } : {}),
    });
    serviceMs.set(symbol, Number(service));
  }
  return { symbols: [...known.keys()], known, serviceMs };
}
