/**
 * Messages of the warmer.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import type { ServedWarmingStats } from "../src/http/port.ts";
import { warmingAccesses, warmingCalendar, warmingSectors } from "../src/http/warming_input.ts";
import { knobAnswer } from "../src/http/tuning_schemas.ts";
import { WARMING_BOUNDS } from "../src/warm/settings.ts";
import { STRATEGY_NAMES } from "../src/warm/types.ts";
import type { RunResult, WarmingPatterns, WarmingStatus } from "../src/warm/warming.ts";

const nothing = z.strictObject({});

/** What came of accesses that were made elsewhere. */
export interface AccessesTaken {
  /** How many were counted. */
  readonly taken: number;
}

/** Chooses what the cache should have before it is asked for. */
export const Warmer = protocol("warmer", {
  run: {
    about: "Runs strategies once, by hand: one of them, or all",
    payload: z.strictObject({ strategy: z.enum(["all", ...STRATEGY_NAMES]).default("all") }),
    reply: z.custom<readonly RunResult[]>(),
  },
  stats: {
    about: "What warming did, by strategy, and what it cost",
    payload: nothing,
    reply: z.custom<ServedWarmingStats>(),
  },
  status: {
    about: "What warming is doing, and when each strategy runs next",
    payload: nothing,
    reply: z.custom<WarmingStatus>(),
  },
  patterns: {
    about: "What is asked for: most, of late, and by hour",
    payload: nothing,
    reply: z.custom<WarmingPatterns>(),
  },
  accesses: {
    about: "Accesses that were made elsewhere, in their order",
    payload: z.strictObject({ accesses: warmingAccesses }),
    reply: z.custom<AccessesTaken>(),
  },
  sectors: {
    about: "Sectors of symbols; they replace those put before",
    payload: z.strictObject({ sectors: warmingSectors }),
    reply: z.null(),
  },
  calendar: {
    about: "Dates on which symbols are wanted more; they replace those put before",
    payload: z.strictObject({ events: warmingCalendar }),
    reply: z.null(),
  },
  setBudget: {
    about: "Changes how many provider calls warming may make a minute",
    payload: z.strictObject({
      callsPerMinute: z.int().min(0).max(WARMING_BOUNDS.callsPerMinuteMax),
    }),
    reply: knobAnswer,
  },
  save: {
    about: "Saves the statistics now",
    payload: nothing,
    reply: z.null(),
  },
  // What it tells itself: take what was noted, look at the provider, save, and go through the cycle.
  drain: { payload: nothing, internal: true },
  look: { payload: nothing, internal: true },
  autosave: { payload: nothing, internal: true, priority: "low" },
});
