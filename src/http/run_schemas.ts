/**
 * Shapes of optimisation runs as they are answered with: what is known of one, what a refresh came
 * to, and why.
 *
 * @module
 */

import { z } from "zod";
import type { Fault } from "../refresh/fallback.ts";
import type { BestSet, Publication, PublishedSet } from "../refresh/published.ts";
import type {
  DurationFigures,
  RefreshReport,
  RunCounters,
  RunEvent,
  RunMetadata,
  ScorePoint,
} from "../refresh/run_types.ts";
import type {
  MemberValue,
  OptimizedRefreshAnswer,
  RunExplanation,
  StampedRunEvent,
} from "../refresh/service_types.ts";
import type { StaleReason } from "../refresh/staleness.ts";

const count = z.number();
const maybe = z.number().nullable();
const time = z.number().meta({ description: "Epoch ms" });
const revision = z.number().meta({ description: "Of the inputs; each change is one more" });

// ---- best sets ----------------------------------------------------------------------------------

const bestParts = {
  setId: z.string(),
  members: z.array(z.string()).readonly().meta({ description: "Ids of its edges" }),
  score: z.number(),
  revision,
  atMs: time.meta({ description: "When it was found, epoch ms" }),
};

const bestSet: z.ZodType<BestSet, BestSet> = z.strictObject(bestParts);

const mark = z.enum(["none", "own_edges_moved", "rescored", "removed", "unscored"]).meta({
  description: "Whether its score has been taken anew since, and why; or why it has none",
});

const publishedSet: z.ZodType<PublishedSet, PublishedSet> = z.strictObject({
  ...bestParts,
  mark,
  currentScore: maybe.meta({ description: "Score of this set now; null when it has none" }),
});

const publication: z.ZodType<Publication, Publication> = z.strictObject({
  best: bestSet.meta({ description: "What is published now" }),
  before: publishedSet.nullable().meta({ description: "What was before" }),
  cause: z.enum(["first", "moved", "own_edges_fell", "removed", "unscored", "corrected"]),
  isFall: z.boolean().meta({ description: "The score is lower than the one published before" }),
});

// ---- refreshes ----------------------------------------------------------------------------------

const faultReason = z.enum(["error", "scorer", "timeout", "invariant", "degraded"]).meta({
  description: "degraded: the best score is lower than that of a set which was known",
});

const fault: z.ZodType<Fault, Fault> = z.strictObject({
  reason: faultReason,
  detail: z.string().meta({ description: "What was expected, and what was found" }),
});

const kind = z.enum(["partial", "full"]);

/** What a refresh came to. */
export const refreshReport: z.ZodType<RefreshReport, RefreshReport> = z.strictObject({
  state: z.enum(["succeeded", "incomplete", "failed"]).meta({
    description: "incomplete: exact but for sets on which the scorer throws; failed: what is " +
      "published stays",
  }),
  kind: kind.meta({ description: "What gave the result" }),
  why: z.enum([
    "partial_cheaper",
    "full_cheaper",
    "trial",
    "first",
    "asked",
    "untrusted",
    "audit",
  ]).meta({ description: "Why it began as it did" }),
  fallback: faultReason.nullable().meta({ description: "Why it fell back; null: it did not" }),
  fault: fault.nullable().meta({ description: "Why it failed or is incomplete" }),
  best: bestSet.nullable().meta({ description: "The best set now; null when none is known" }),
  publication: publication.nullable().meta({
    description: "How what is published moved; null: it stayed",
  }),
  revision,
  setsAffected: count.meta({ description: "Sets to be looked at when it began" }),
  evaluated: count.meta({ description: "Sets scored, in all its attempts" }),
  skipped: count.meta({ description: "Sets skipped by their bound" }),
  changed: count.meta({ description: "Sets whose score changed" }),
  unchanged: count.meta({ description: "Sets scored whose score stayed" }),
  failedSets: count.meta({ description: "Sets without a score now" }),
  busyMs: count.meta({ description: "Time it worked, without pauses between slices" }),
}).meta({ id: "RefreshReport" });

// ---- runs ---------------------------------------------------------------------------------------

const staleReason: z.ZodType<StaleReason, StaleReason> = z.discriminatedUnion("reason", [
  z.strictObject({ reason: z.literal("never_refreshed") }),
  z.strictObject({ reason: z.literal("revision_gap"), changes: count }),
  z.strictObject({ reason: z.literal("unapplied_change"), ageMs: count }),
  z.strictObject({ reason: z.literal("age"), ageMs: count }),
  z.strictObject({ reason: z.literal("failures"), failures: count }),
  z.strictObject({ reason: z.literal("structure_changed"), changes: count }),
  z.strictObject({ reason: z.literal("sets_failed"), sets: count }),
]);

const scorePoint: z.ZodType<ScorePoint, ScorePoint> = z.strictObject({
  atMs: time,
  revision,
  setId: z.string(),
  score: z.number(),
});

const counters: z.ZodType<RunCounters, RunCounters> = z.strictObject({
  refreshes: count.meta({ description: "Refreshes that came to an end" }),
  partial: count.meta({ description: "Of these: ended partial" }),
  full: count.meta({ description: "Of these: ended by a rebuild" }),
  partialWanted: count.meta({ description: "Of these: the cost model wanted a partial one" }),
  fallbacks: count.meta({ description: "Of these: fallen back to a rebuild" }),
  incomplete: count.meta({ description: "Of these: incomplete" }),
  failed: count.meta({ description: "Of these: failed" }),
  held: count.meta({ description: "Live refreshes held back for too few changed edges" }),
  evaluated: count.meta({ description: "Sets scored" }),
  skipped: count.meta({ description: "Sets skipped by their bound" }),
  changed: count.meta({ description: "Sets whose score changed" }),
  unchanged: count.meta({ description: "Sets scored whose score stayed" }),
  rescored: count.meta({ description: "Single sets scored to check a result, or to mark one" }),
  publications: count.meta({ description: "Moves of what is published" }),
});

const durations: z.ZodType<DurationFigures, DurationFigures> = z.strictObject({
  count,
  meanMs: count,
  p50Ms: count,
  p99Ms: count,
  maxMs: count,
});

/** All there is to know of a run. */
export const run: z.ZodType<RunMetadata, RunMetadata> = z.strictObject({
  runId: z.string(),
  createdAtMs: time,
  lastRefreshAtMs: maybe.meta({ description: "When a refresh last succeeded, epoch ms" }),
  isRefreshing: z.boolean(),
  isStale: z.boolean().meta({ description: "There is any reason why it is stale" }),
  staleReasons: z.array(staleReason).readonly(),
  edges: count,
  sets: count,
  revision: revision.meta({ description: "Of the inputs, rising over restarts" }),
  liveBest: bestSet.nullable().meta({ description: "The best set now; null: none is known" }),
  publishedBest: publishedSet.nullable().meta({
    description: "Moves when the score differs from the one last published",
  }),
  epsilon: count.meta({ description: "Least difference of scores that moves what is published" }),
  bestEver: bestSet.nullable(),
  history: z.array(scorePoint).readonly().meta({ description: "Best scores, oldest first" }),
  edgesChangedSince: count.meta({ description: "Since the last refresh that succeeded" }),
  setsAffected: count.meta({ description: "Sets that the last refresh had to look at" }),
  failedSets: count.meta({ description: "Sets without a score" }),
  failuresInRow: count,
  fallsHeld: count.meta({ description: "Falls of what is published that were held back" }),
  counters: counters.meta({ description: "Since the run was made" }),
  fallbacksBy: z.record(faultReason, count).meta({ description: "Fallbacks by reason" }),
  audits: z.strictObject({
    audits: count.meta({ description: "Audits that came to their end" }),
    mismatches: count.meta({ description: "Of these: did not match" }),
    cutOff: count.meta({ description: "Audits that a refresh cut off" }),
    every: count.meta({ description: "One in so many refreshes is audited now" }),
  }),
  partialMs: durations.meta({ description: "Durations of partial refreshes" }),
  fullMs: durations.meta({ description: "Durations of rebuilds" }),
  partialCost: z.strictObject({ baseMs: count, msPerSet: count }).nullable().meta({
    description: "Learned cost of a partial refresh: of each, and per dirty set",
  }),
  fullMsPerSet: maybe.meta({ description: "Learned cost of a rebuild per set" }),
}).meta({ id: "Run" });

/** All runs. */
export const runsReply = z.strictObject({ runs: z.array(run) }).meta({ id: "Runs" });

/** A run that was removed. */
export const runRemoved = z.strictObject({ runId: z.string(), removed: z.literal(true) })
  .meta({ id: "RunRemoved" });

/** A change of a run that was recorded. */
export const runChanged = z.strictObject({
  changes: z.int().meta({ description: "Recorded; the next refresh applies them" }),
}).meta({ id: "RunChanged" });

// ---- explanations -------------------------------------------------------------------------------

const memberValue: z.ZodType<MemberValue, MemberValue> = z.strictObject({
  edgeId: z.string(),
  value: maybe.meta({ description: "Null: it has gone" }),
});
const memberValues = z.array(memberValue).readonly();

const event: z.ZodType<RunEvent, RunEvent> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("published"), publication }),
  z.strictObject({ type: z.literal("withdrawn"), before: publishedSet }),
  z.strictObject({
    type: z.literal("marked"),
    setId: z.string(),
    mark,
    currentScore: maybe,
  }),
  z.strictObject({ type: z.literal("best_ever"), best: bestSet }),
  z.strictObject({ type: z.literal("set_failed"), setId: z.string(), error: z.string() }),
  z.strictObject({ type: z.literal("fallback"), fault }),
  z.strictObject({ type: z.literal("failed"), fault, failuresInRow: count }),
  z.strictObject({ type: z.literal("rejected"), change: z.string(), detail: z.string() }),
  z.strictObject({ type: z.literal("audit_failed"), detail: z.string(), revision }),
  z.strictObject({ type: z.literal("audit_overdue"), cutOff: count }),
  z.strictObject({ type: z.literal("stale"), reasons: z.array(staleReason).readonly() }),
  z.strictObject({ type: z.literal("fresh") }),
]);

const stamped: z.ZodType<StampedRunEvent, StampedRunEvent> = z.strictObject({ atMs: time, event });

const explainedSet: z.ZodType<
  NonNullable<RunExplanation["set"]>,
  NonNullable<RunExplanation["set"]>
> = z.strictObject({
  setId: z.string(),
  members: memberValues,
  state: z.enum(["clean", "failed", "dirty", "stale"]).meta({
    description: "dirty: must be evaluated; stale: its score is at most `upper`",
  }),
  lastScore: maybe.meta({ description: "At its last evaluation" }),
  upper: maybe.meta({ description: "What its score cannot exceed; null: nothing is known" }),
  scoreNow: maybe.meta({ description: "If it were evaluated now; null: the scorer throws" }),
  error: z.string().nullable().meta({ description: "What the scorer throws" }),
});

/** Why a run is where it is. */
export const runExplanation: z.ZodType<RunExplanation, RunExplanation> = z.strictObject({
  runId: z.string(),
  scorer: z.strictObject({ name: z.string(), description: z.string() }),
  next: z.strictObject({
    kind: kind.meta({ description: "The cheaper one" }),
    partialMs: maybe.meta({ description: "Predicted duration of a partial refresh" }),
    fullMs: maybe.meta({ description: "Predicted duration of a rebuild" }),
    mustRebuild: z.string().nullable().meta({ description: "Why there is no choice" }),
  }).meta({ description: "What a refresh would do now" }),
  waitingEdges: count.meta({ description: "Edges whose changes wait" }),
  dirtySets: count.meta({ description: "Sets to be looked at for changes applied already" }),
  published: memberValues.meta({ description: "Members of the published set" }),
  set: explainedSet.nullable().meta({ description: "The set that was asked for" }),
  events: z.array(stamped).readonly().meta({ description: "The last ones, oldest first" }),
  run,
}).meta({ id: "RunExplanation" });

/** What a refresh by the one call that does all came to. */
type OptimizedRefreshDone = Omit<
  Extract<OptimizedRefreshAnswer, { readonly state: "done" }>,
  "state"
>;

/** See {@linkcode OptimizedRefreshDone}. */
export const optimizedRefreshDone: z.ZodType<OptimizedRefreshDone, OptimizedRefreshDone> = z
  .strictObject({
    report: refreshReport,
    released: count.meta({ description: "Changes that were held back and went in with it" }),
    mode: z.enum(["normal", "degraded", "burst"]),
    run,
    providers: z.array(z.strictObject({
      name: z.string(),
      breaker: z.enum(["closed", "open", "half_open"]).nullable(),
      calls: count,
      failed: count,
    })).readonly().meta({ description: "Those behind what is refreshed, and their breakers" }),
  }).meta({ id: "OptimizedRefreshDone" });
