/**
 * What a job is doing, and what may happen to it next.
 *
 * ```
 *              start             pause             stopped
 *   pending ─────────▶ running ─────────▶ pausing ─────────▶ paused
 *      │                 ▲  │  ◀─────────────────────────────── │    resume
 *      │          resume │  ├─ finish ─▶ done                   │
 *      │ cancel          │  ├─ fail ───▶ failed                 │ cancel
 *      ▼                 │  └─ cancel ─▶ cancelling ─ stopped ─▶ cancelled
 *   cancelled          failed
 * ```
 *
 * A job that is pausing or cancelling still has calls under way: what they bring is kept, and when
 * they are back it has stopped. When nothing was left to do by then, it is done. A job that failed
 * may be resumed: what it saved is there.
 *
 * @module
 */

/** States of a job. */
export const JOB_STATES = [
  "pending",
  "running",
  "pausing",
  "paused",
  "cancelling",
  "cancelled",
  "done",
  "failed",
] as const;

/** See {@linkcode JOB_STATES}. */
export type JobState = (typeof JOB_STATES)[number];

/** What happens to a job. */
export const JOB_EVENTS = [
  "start",
  "pause",
  "resume",
  "cancel",
  "stopped",
  "finish",
  "fail",
] as const;

/** See {@linkcode JOB_EVENTS}. */
export type JobEvent = (typeof JOB_EVENTS)[number];

/** What came of an event. */
export type JobTransition =
  | { readonly ok: true; readonly state: JobState }
  | {
    readonly ok: false;
    /** For people: what is expected and what is. */
    readonly reason: string;
  };

const NEXT: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  pending: { start: "running", cancel: "cancelled" },
  running: { pause: "pausing", cancel: "cancelling", finish: "done", fail: "failed" },
  pausing: {
    resume: "running",
    cancel: "cancelling",
    stopped: "paused",
    finish: "done",
    fail: "failed",
  },
  paused: { resume: "running", cancel: "cancelled" },
  cancelling: { stopped: "cancelled", finish: "done", fail: "failed" },
  cancelled: {},
  done: {},
  failed: { resume: "running", cancel: "cancelled" },
};

/** The state after an event, or why it cannot happen. */
export function nextJobState(state: JobState, event: JobEvent): JobTransition {
  const next = NEXT[state][event];
  if (next !== undefined) return { ok: true, state: next };
  const from = JOB_STATES.filter((one) => NEXT[one][event] !== undefined);
  return {
    ok: false,
    reason: `Cannot ${verbOf(event)} job: expected one that is ${from.join(" or ")}: ` +
      `current value is ${state}`,
  };
}

/** Whether nothing can happen to the job any more. */
export function isFinal(state: JobState): boolean {
  return Object.keys(NEXT[state]).length === 0;
}

/**
 * The state in which a job begins whose process died: one that ran waits for its start, what was on
 * the way to a state is in it, and one at rest is where it was.
 */
export function recoveredJobState(state: JobState): JobState {
  if (state === "running") return "pending";
  if (state === "pausing") return "paused";
  return state === "cancelling" ? "cancelled" : state;
}

function verbOf(event: JobEvent): string {
  return event === "stopped" ? "stop" : event;
}
