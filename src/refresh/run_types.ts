/**
 * What goes into an optimisation run and what comes out of it: plain data.
 *
 * @module
 */

import type { AuditCounts, AuditSnapshot } from "./audit.ts";
import type { CostSnapshot } from "./cost_model.ts";
import type { FallbackReason, Fault } from "./fallback.ts";
import type {
  BestSet,
  Publication,
  PublishedMark,
  PublishedOptions,
  PublishedSet,
} from "./published.ts";
import type { StaleLimits, StaleReason } from "./staleness.ts";

/** How a run is set up. */
export interface RunOptions extends PublishedOptions, StaleLimits {
  /** Monotonic milliseconds, for durations only. */
  readonly stopwatchMs: () => number;
  /** Longest that a partial refresh may work, ms; 5,000 unless said otherwise. */
  readonly partialTimeoutMs?: number;
  /** Longest that a rebuild may work, ms; 60,000 unless said otherwise. */
  readonly fullTimeoutMs?: number;
  /**
   * Changed edges before a live refresh, ≥ 1; 1 unless said otherwise. In configuration:
   * `optimization_live_refresh_min_changed_edges`.
   */
  readonly minChangedEdges?: number;
  /** One in so many partial refreshes is audited, 0 none; 100 unless said otherwise. */
  readonly auditEvery?: number;
  /** Called after each evaluation; what it throws is a failed invariant. */
  readonly check?: () => void;
}

/** Why a refresh was asked for: because edges changed, or by someone. */
export type RefreshCause = "live" | "asked";

/** A refresh that is asked for. */
export interface RefreshRequest {
  /** A live one waits for the minimum of changed edges; `asked` unless said otherwise. */
  readonly cause?: RefreshCause;
  /** `full` forces a rebuild; the cost model decides unless said otherwise. */
  readonly kind?: "full" | "cheapest";
  /** What a failure leads to; `rebuild` unless said otherwise. */
  readonly onFailure?: "rebuild" | "report";
}

/** Why a refresh was partial or a rebuild. */
export type RefreshWhy =
  /** Partial: the cost model expects it to be cheaper. */
  | "partial_cheaper"
  /** A rebuild: the cost model expects that to be cheaper. */
  | "full_cheaper"
  /** A rebuild: a partial refresh would save little, and what a rebuild costs is to be known. */
  | "trial"
  /** A rebuild: nothing was evaluated before in this process. */
  | "first"
  /** A rebuild was asked for. */
  | "asked"
  /** A rebuild: the refresh before failed, and what it left cannot be built upon. */
  | "untrusted"
  /** A rebuild: an audit did not match. */
  | "audit";

/** Whether a refresh began. */
export type BeginState =
  /** It did: call `step` until it is done. */
  | "begun"
  /** Another is under way. */
  | "busy"
  /** Too few edges changed for a live one. */
  | "held";

/** How a refresh ended. */
export type RefreshState =
  /** The best set is exact: partial at once, or by its rebuild. */
  | "succeeded"
  /**
   * Exact but for sets without a score: an earlier refresh failed because of them, and a rebuild
   * did not help. They are tried in each refresh.
   */
  | "incomplete"
  /** It failed, and so did its rebuild if there was one. */
  | "failed";

/** What came of a refresh. */
export interface RefreshReport {
  /** See {@linkcode RefreshState}. */
  readonly state: RefreshState;
  /** What gave the result. */
  readonly kind: "partial" | "full";
  /** Why it began as it did. */
  readonly why: RefreshWhy;
  /** Why it fell back to a rebuild; null when it did not. */
  readonly fallback: FallbackReason | null;
  /** Why it failed or is incomplete; null when it succeeded. */
  readonly fault: Fault | null;
  /** The best set now; null when none is known. */
  readonly best: BestSet | null;
  /** How what is published moved; null when it stayed. */
  readonly publication: Publication | null;
  /** Revision of the inputs. */
  readonly revision: number;
  /** Sets to be looked at when it began. */
  readonly setsAffected: number;
  /** Sets scored, in all its attempts. */
  readonly evaluated: number;
  /** Sets skipped by their bound. */
  readonly skipped: number;
  /** Sets whose score changed. */
  readonly changed: number;
  /** Sets scored whose score stayed. */
  readonly unchanged: number;
  /** Sets without a score now. */
  readonly failedSets: number;
  /** Time it worked, without pauses between slices, ms. */
  readonly busyMs: number;
}

/** What a run has to say, as values. */
export type RunEvent =
  | { readonly type: "published"; readonly publication: Publication }
  /** There is no set any more. */
  | { readonly type: "withdrawn"; readonly before: PublishedSet }
  /** The published set was scored anew before anything else, or has gone. */
  | {
    readonly type: "marked";
    readonly setId: string;
    readonly mark: PublishedMark;
    readonly currentScore: number | null;
  }
  | { readonly type: "best_ever"; readonly best: BestSet }
  /** The scorer threw on a set that was not known to fail. */
  | { readonly type: "set_failed"; readonly setId: string; readonly error: string }
  /** A partial refresh gave way to a rebuild. */
  | { readonly type: "fallback"; readonly fault: Fault }
  /** A refresh failed for good. */
  | { readonly type: "failed"; readonly fault: Fault; readonly failuresInRow: number }
  /** A change of structure that was recorded could not be applied. */
  | { readonly type: "rejected"; readonly change: string; readonly detail: string }
  /** Alert: a comparison with a rebuild did not match; the rebuild has begun. */
  | { readonly type: "audit_failed"; readonly detail: string; readonly revision: number }
  /** Alert: refreshes cut off so many audits in a row. */
  | { readonly type: "audit_overdue"; readonly cutOff: number }
  | { readonly type: "stale"; readonly reasons: readonly StaleReason[] }
  | { readonly type: "fresh" };

/** What a call led to. */
export interface RunBegin {
  /** See {@linkcode BeginState}. */
  readonly state: BeginState;
  /** What is to be told. */
  readonly events: readonly RunEvent[];
}

/** What a slice led to. */
export interface RunStep {
  /** `idle` when no refresh is under way. */
  readonly state: "idle" | "more" | "done";
  /** With `done`: what came of it. */
  readonly report: RefreshReport | null;
  /** What is to be told. */
  readonly events: readonly RunEvent[];
}

/** What a slice of an audit led to. */
export interface AuditStep {
  /**
   * - `none`: no audit is due, or a refresh is under way, or changes wait for one
   * - `more`: there is more to compare
   * - `matched`
   * - `mismatch`: a rebuild has begun: call `step` until it is done
   */
  readonly state: "none" | "more" | "matched" | "mismatch";
  /** What is to be told. */
  readonly events: readonly RunEvent[];
}

/** A best score, when it came. */
export interface ScorePoint {
  /** When, epoch ms. */
  readonly atMs: number;
  /** Revision of the inputs. */
  readonly revision: number;
  /** The set. */
  readonly setId: string;
  /** Its score. */
  readonly score: number;
}

/** Counters since the run was made; they outlive the process. */
export interface RunCounters {
  /** Refreshes that came to an end. */
  readonly refreshes: number;
  /** Of these, ended partial. */
  readonly partial: number;
  /** Of these, ended by a rebuild. */
  readonly full: number;
  /** Of these, begun partial because the cost model wanted that. */
  readonly partialWanted: number;
  /** Of these, fallen back to a rebuild. */
  readonly fallbacks: number;
  /** Of these, incomplete. */
  readonly incomplete: number;
  /** Of these, failed. */
  readonly failed: number;
  /** Live refreshes that were held back for too few edges. */
  readonly held: number;
  /** Sets scored. */
  readonly evaluated: number;
  /** Sets skipped by their bound. */
  readonly skipped: number;
  /** Sets whose score changed. */
  readonly changed: number;
  /** Sets scored whose score stayed. */
  readonly unchanged: number;
  /** Single sets scored to check a result, or to mark what is published. */
  readonly rescored: number;
  /** Moves of what is published. */
  readonly publications: number;
}

/** Durations, from a histogram: at most 0.78 % off. */
export interface DurationFigures {
  /** How many. */
  readonly count: number;
  /** Their mean, ms. */
  readonly meanMs: number;
  /** Half took at most so long, ms. */
  readonly p50Ms: number;
  /** 99 % took at most so long, ms. */
  readonly p99Ms: number;
  /** The longest, ms. */
  readonly maxMs: number;
}

/** All there is to know of a run. */
export interface RunMetadata {
  /** Its id. */
  readonly runId: string;
  /** When it was made, epoch ms. */
  readonly createdAtMs: number;
  /** When a refresh last succeeded, epoch ms; null if none did. */
  readonly lastRefreshAtMs: number | null;
  /** Whether a refresh is under way. */
  readonly isRefreshing: boolean;
  /** Whether there is any reason why it is stale. */
  readonly isStale: boolean;
  /** Why. */
  readonly staleReasons: readonly StaleReason[];
  /** Edges. */
  readonly edges: number;
  /** Candidate sets. */
  readonly sets: number;
  /** Revision of the inputs, rising over restarts. */
  readonly revision: number;
  /** The best set now; null when none is known. */
  readonly liveBest: BestSet | null;
  /** What is published. */
  readonly publishedBest: PublishedSet | null;
  /** Least difference of scores that moves what is published. */
  readonly epsilon: number;
  /** The best ever seen. */
  readonly bestEver: BestSet | null;
  /** Best scores, oldest first; bounded. */
  readonly history: readonly ScorePoint[];
  /** Edges that changed since the last refresh that succeeded. */
  readonly edgesChangedSince: number;
  /** Sets that the last refresh had to look at. */
  readonly setsAffected: number;
  /** Sets without a score. */
  readonly failedSets: number;
  /** Failures in a row. */
  readonly failuresInRow: number;
  /** Falls of what is published that were held back since the process began. */
  readonly fallsHeld: number;
  /** See {@linkcode RunCounters}. */
  readonly counters: RunCounters;
  /** Fallbacks by reason. */
  readonly fallbacksBy: Readonly<Record<FallbackReason, number>>;
  /** Audits. */
  readonly audits: AuditCounts;
  /** Durations of partial refreshes. */
  readonly partialMs: DurationFigures;
  /** Durations of rebuilds. */
  readonly fullMs: DurationFigures;
  /** Learned cost of a partial refresh: of each, and per dirty set; null before the first. */
  readonly partialCost: { readonly baseMs: number; readonly msPerSet: number } | null;
  /** Learned cost of a rebuild per set, ms; null before the first. */
  readonly fullMsPerSet: number | null;
}

/** What outlives the process: plain data. Edges and sets are the caller's to keep. */
export interface RunSnapshot {
  /** Layout. */
  readonly version: 1;
  /** The run's id. */
  readonly runId: string;
  /** When it was made, epoch ms. */
  readonly createdAtMs: number;
  /** When a refresh last succeeded, epoch ms. */
  readonly lastRefreshAtMs: number | null;
  /** Revision of the inputs; those of the next process go on from there. */
  readonly revision: number;
  /** What is published. */
  readonly published: PublishedSet | null;
  /** The best ever seen. */
  readonly bestEver: BestSet | null;
  /** Best scores. */
  readonly history: readonly ScorePoint[];
  /** Counters. */
  readonly counters: RunCounters;
  /** Fallbacks by reason. */
  readonly fallbacksBy: Readonly<Record<FallbackReason, number>>;
  /** Failures in a row. */
  readonly failuresInRow: number;
  /** Audits. */
  readonly audits: AuditSnapshot;
  /** What refreshes cost. */
  readonly cost: CostSnapshot;
}
