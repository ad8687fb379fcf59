/**
 * What the aggregator and the refresh coordinator answer with as running parts of a service: plain
 * data, shared by their protocols, the admin HTTP and the command.
 *
 * @module
 */

import type { AggregatorStatus, ImpactedCluster, RecordedChanges } from "./aggregator_types.ts";
import type { CostChoice } from "./cost_model.ts";
import type { SetState } from "./evaluate.ts";
import type { MagnitudeClass } from "./magnitude.ts";
import type { ChangeGateStatus } from "./resilience.ts";
import type { RefreshReport, RunEvent, RunMetadata } from "./run_types.ts";

/** Clusters that changes have set off, as whoever recorded them learns it. */
export interface ChangesTaken extends RecordedChanges {
  /** Those that fire, and hold an edge of these changes; ascending by id. */
  readonly impacted: readonly Omit<ImpactedCluster, "changes">[];
}

/** Correlations of all pairs of a cluster's members. */
export interface CorrelationBlock {
  /** Of which cluster. */
  readonly clusterId: string;
  /** Ascending by code units. */
  readonly members: readonly string[];
  /** One row per member; null = unknown. */
  readonly rows: readonly (readonly (number | null)[])[];
  /** When it was worked out, epoch ms. */
  readonly atMs: number;
}

/** A block and where it came from. */
export interface ServedBlock {
  /** The block. */
  readonly block: CorrelationBlock;
  /** Whether the cache had it. */
  readonly cacheHit: boolean;
}

/** Figures of a running aggregator. */
export interface ServedAggregator extends AggregatorStatus {
  /** Up to which commit candles were looked at; null where no store is followed. */
  readonly seq: number | null;
  /** Instruments whose price moves are edges' changes. */
  readonly instruments: number;
  /** Whether all that was committed has been looked at. */
  readonly isCaughtUp: boolean;
  /** Changes of edges per second, a mean of the last seconds. */
  readonly changesPerS: number;
  /** Share of ticks whose changes set a cluster off; null without any. */
  readonly firedRatio: number | null;
}

/** A provider that stands behind what is refreshed. */
export interface ProviderHealth {
  /** Its name. */
  readonly name: string;
  /** State of its circuit breaker; null when it does not answer. */
  readonly breaker: "closed" | "open" | "half_open" | null;
  /** Calls that it answered since it started. */
  readonly calls: number;
  /** Calls that failed. */
  readonly failed: number;
}

/** Figures over all runs. */
export interface RefreshStats {
  /** When, epoch ms. */
  readonly atMs: number;
  /** Runs there are. */
  readonly runs: number;
  /** Of these, stale for any reason. */
  readonly staleRuns: number;
  /** Refreshes that ended, by what gave their result. */
  readonly partial: number;
  /** Those by a rebuild. */
  readonly full: number;
  /** Those that fell back to a rebuild. */
  readonly fallbacks: number;
  /** Those that failed. */
  readonly failed: number;
  /** Share of the partial ones where the cost model wanted one; null without any. */
  readonly partialRatio: number | null;
  /** Audits that did not match. */
  readonly auditMismatches: number;
  /** Share of the last seconds in which refreshes worked, 0 to 1. */
  readonly busyRatio: number;
  /** The gate of modes: edge change rate, what it kept and let through. */
  readonly gate: ChangeGateStatus;
  /** Providers and their breakers. */
  readonly providers: readonly ProviderHealth[];
  /** The aggregator; null when it does not answer. */
  readonly aggregator: ServedAggregator | null;
}

/** A member of a set, with its value. */
export interface MemberValue {
  /** Which edge. */
  readonly edgeId: string;
  /** Its value now; null when it has gone. */
  readonly value: number | null;
}

/** Why a run is where it is, and what a refresh would do. */
export interface RunExplanation {
  /** Which run. */
  readonly runId: string;
  /** The scorer and its description. */
  readonly scorer: { readonly name: string; readonly description: string };
  /** What a refresh would do now, and why. */
  readonly next: CostChoice & { readonly mustRebuild: string | null };
  /** Edges whose changes wait. */
  readonly waitingEdges: number;
  /** Sets that are to be looked at because of those applied already. */
  readonly dirtySets: number;
  /** Members of the published set; none when nothing is published. */
  readonly published: readonly MemberValue[];
  /** The set that was asked for; null when none was. */
  readonly set:
    | (SetState & {
      /** Which set. */
      readonly setId: string;
      /** Its members. */
      readonly members: readonly MemberValue[];
      /** Its score if it were evaluated now; null when the scorer throws. */
      readonly scoreNow: number | null;
      /** What the scorer throws; null when it does not. */
      readonly error: string | null;
    })
    | null;
  /** The last things it had to say, oldest first; bounded. */
  readonly events: readonly StampedRunEvent[];
  /** All else. */
  readonly run: RunMetadata;
}

/** A thing that a run had to say, and when. */
export interface StampedRunEvent {
  /** Epoch ms. */
  readonly atMs: number;
  /** What. */
  readonly event: RunEvent;
}

/** What came of a refresh that was asked for. */
export type RefreshAnswer =
  | { readonly state: "done"; readonly report: RefreshReport }
  /** There is no such run. */
  | { readonly state: "unknown_run" }
  /** The run was removed, or its part stopped, meanwhile. */
  | { readonly state: "cancelled" }
  /** As many refreshes wait as may. */
  | { readonly state: "busy" };

/** What came of a run that was to be made. */
export type CreateAnswer =
  | { readonly state: "created"; readonly run: RunMetadata }
  /** One of that id lives. */
  | { readonly state: "exists" }
  /** What is wrong with it: the code of a `RefreshError`, and its text. */
  | { readonly state: "refused"; readonly code: string; readonly message: string };

/** What came of a change of a run's inputs. */
export type ChangeAnswer =
  | { readonly state: "recorded"; readonly changes: number }
  | { readonly state: "unknown_run" }
  /** Nothing was recorded: the first thing that is wrong. */
  | { readonly state: "refused"; readonly code: string; readonly message: string };

/** What came of one change by the one call that does all. */
export interface OptimizationChangeTaken {
  /** Its class by magnitude. */
  readonly class: MagnitudeClass;
  /** Whether the mode keeps it for later. */
  readonly isDeferred: boolean;
  /** The mode. */
  readonly mode: ChangeGateStatus["mode"];
  /** Clusters that fired with it. */
  readonly impacted: ChangesTaken["impacted"];
  /** Runs that hold the edge. */
  readonly runs: readonly string[];
}

/** What came of one refresh by the one call that does all. */
export type OptimizedRefreshAnswer =
  | {
    readonly state: "done";
    /** What the refresh came to. */
    readonly report: RefreshReport;
    /** Changes that were held back and went in with it. */
    readonly released: number;
    /** The mode. */
    readonly mode: ChangeGateStatus["mode"];
    /** The run after it. */
    readonly run: RunMetadata;
    /** Providers and their breakers. */
    readonly providers: readonly ProviderHealth[];
  }
  | Exclude<RefreshAnswer, { readonly state: "done" }>;
