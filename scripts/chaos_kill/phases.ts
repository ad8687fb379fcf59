/**
 * Where on its way a candle may be when the process is killed.
 *
 * @module
 */

import { z } from "zod";

/** In the order in which a batch goes through them. */
export const PHASES = [
  "reading",
  "in_workers",
  "before_commit",
  "during_commit",
  "after_commit",
  "acknowledging",
  "publishing",
] as const;

/** See {@linkcode PHASES}. */
export type Phase = (typeof PHASES)[number];

/** When a service is to end itself with SIGKILL. */
export const killPlan = z.strictObject({
  /** In this phase… */
  phase: z.enum(PHASES),
  /** … when it is entered for the n-th time since the process began … */
  nth: z.int().min(1),
  /** … after so many ms, if the phase still goes on then; 0 = on the spot. */
  delayMs: z.number().min(0),
});

/** See {@linkcode killPlan}. */
export type KillPlan = z.output<typeof killPlan>;

/** What a service says on standard error with its last breath: this and the phase. */
export const LAST_WORD = "@@ killed in ";

/** Environment variable that holds the plan as JSON, also for the service's threads. */
export const PLAN_VARIABLE = "WICK_CHAOS_PLAN";
