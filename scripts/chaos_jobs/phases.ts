/**
 * Where on its way a job may be when its process is killed.
 *
 * @module
 */

import { z } from "zod";

/** In the order in which a run goes through them. */
export const JOB_PHASES = [
  "planning",
  "waiting",
  "calling",
  "before_commit",
  "during_commit",
  "after_commit",
  "reporting",
] as const;

/** See {@linkcode JOB_PHASES}. */
export type JobPhase = (typeof JOB_PHASES)[number];

/** When a process is to end itself with SIGKILL. */
export const jobKill = z.strictObject({
  /** In this phase… */
  phase: z.enum(JOB_PHASES),
  /** … when it is entered for the n-th time since the process began … */
  nth: z.int().min(1),
  /** … after so many ms, if the phase still goes on then; 0 = on the spot. */
  delayMs: z.number().min(0),
});

/** See {@linkcode jobKill}. */
export type JobKill = z.output<typeof jobKill>;

/** Environment variable that holds the plan as JSON, also for the store's thread. */
export const JOB_KILL_VARIABLE = "WICK_CHAOS_JOBS_KILL";

/** The plan of this process; null when it is to live. */
export function killOfProcess(): JobKill | null {
  const text = Deno.env.get(JOB_KILL_VARIABLE);
  return text === undefined ? null : jobKill.parse(JSON.parse(text));
}
