/**
 * What goes into an aggregator and comes out of it: plain data.
 *
 * @module
 */

import type { FoldedChange } from "./aggregator_pending.ts";
import type {
  BlockJob,
  BlockScheduleSettings,
  BlockScheduleSnapshot,
  BlockStatus,
} from "./block_schedule.ts";
import type { Cluster, ClusterSettings } from "./clusters.ts";
import type { CorrelationInput } from "./correlation.ts";
import type { CorrelationStreamSettings, CorrelationStreamSnapshot } from "./correlation_stream.ts";
import type { ImpactSettings, ImpactState, SavedImpact } from "./impact.ts";
import type { ChangeRefusal, ChangeType, MagnitudeBounds, MagnitudeClass } from "./magnitude.ts";

/** What one may set of an aggregator; what is left out is as by default. */
export interface AggregatorOptions {
  /** Bounds of magnitude by type of change. */
  readonly magnitude?: Readonly<Partial<Record<ChangeType, MagnitudeBounds>>>;
  /** How clusters are made, and how many edges there may be. */
  readonly clusters?: Partial<ClusterSettings>;
  /** When a cluster fires. */
  readonly impact?: Partial<ImpactSettings>;
  /** When blocks are warmed. */
  readonly blocks?: Partial<BlockScheduleSettings>;
  /** How correlations are worked out of bars; null = they are handed in, or unknown. */
  readonly stream?: Partial<CorrelationStreamSettings> | null;
  /** Bar times from one making of clusters out of the stream to the next; default 10. */
  readonly regroupBars?: number;
}

/** What became of a change. */
export type RecordedChange =
  | {
    readonly state: "recorded";
    /** Class of this change alone. */
    readonly class: MagnitudeClass;
    /** Whether one of the same edge waited already. */
    readonly isFolded: boolean;
  }
  | { readonly state: "refused"; readonly reason: ChangeRefusal };

/** What became of many changes. */
export interface RecordedChanges {
  /** Changes that wait for the next tick. */
  readonly recorded: number;
  /** By place in what was given. */
  readonly refused: readonly { readonly index: number; readonly reason: ChangeRefusal }[];
}

/** A cluster that fires. */
export interface ImpactedCluster extends Cluster {
  /** At the end of the tick. */
  readonly impact: number;
  /** Changes of its members in this tick, by time. */
  readonly changes: readonly FoldedChange[];
}

/** What a tick came to. */
export interface Tick {
  /** One for each edge that changed, by time and then by id. */
  readonly changes: readonly FoldedChange[];
  /** Clusters that fire, ascending by id. */
  readonly impacted: readonly ImpactedCluster[];
  /** Blocks to begin warming now; each one's end is to be reported. */
  readonly blocks: readonly BlockJob[];
}

/** A cluster and its impact. */
export interface ClusterStatus extends Cluster, ImpactState {}

/** A correlation of an edge with another one. */
export interface EdgeLink {
  /** The other one. */
  readonly edgeId: string;
  /** From -1 to 1. */
  readonly correlation: number;
  /** Whether it is above the threshold, and connects them. */
  readonly connects: boolean;
}

/** Why an edge is where it is. */
export interface EdgeExplanation {
  /** Which edge. */
  readonly edgeId: string;
  /** Its cluster, and whether that is armed. */
  readonly cluster: ClusterStatus;
  /** |correlation| above which edges are connected. */
  readonly threshold: number;
  /** Where correlations come from. */
  readonly source: "given" | "streamed" | "none";
  /** Its highest |correlation|s, the highest first. */
  readonly links: readonly EdgeLink[];
  /** Edges with which its correlation is known. */
  readonly known: number;
  /** Those with which it is not. */
  readonly unknown: number;
  /** What waits of it for the next tick. */
  readonly pending: FoldedChange | null;
}

/** Counts since an aggregator began, restarts included. */
export interface AggregatorTotals {
  /** Changes that were taken. */
  readonly recorded: number;
  /** Those of an edge that had changed within the same tick. */
  readonly folded: number;
  /** Changes that were not taken. */
  readonly refused: number;
  /** Changes taken that were minor. */
  readonly minor: number;
  /** Moderate ones. */
  readonly moderate: number;
  /** Major ones. */
  readonly major: number;
  /** Ticks. */
  readonly ticks: number;
  /** Times that a cluster fired. */
  readonly fired: number;
  /** Times that clusters were made anew. */
  readonly regrouped: number;
}

/** Figures of an aggregator. */
export interface AggregatorStatus {
  /** Edges there are. */
  readonly edges: number;
  /** Clusters, those of one edge included. */
  readonly clusters: number;
  /** Members of the largest one. */
  readonly largest: number;
  /** Edges that wait for the next tick. */
  readonly pending: number;
  /** Pairs of edges whose correlation is known. */
  readonly knownPairs: number;
  /** Counts. */
  readonly totals: AggregatorTotals;
  /** Blocks. */
  readonly blocks: BlockStatus;
  /** The stream; null without one. */
  readonly stream: {
    /** Edges in it. */
    readonly edges: number;
    /** Bar times that were taken in. */
    readonly bars: number;
    /** Bars that came too late. */
    readonly late: number;
    /** Of the pairs. */
    readonly bytes: number;
  } | null;
}

/** What must survive of an aggregator: plain data and typed arrays. */
export interface AggregatorSnapshot {
  /** Of this layout. */
  readonly version: 1;
  /** Ascending by code units. */
  readonly edges: readonly string[];
  /** What was handed in; null without any. */
  readonly correlations: CorrelationInput | null;
  /** What was learned from bars; null without a stream, and where it was left out. */
  readonly stream: CorrelationStreamSnapshot | null;
  /** Impacts by cluster. */
  readonly impacts: readonly SavedImpact[];
  /** Changes that wait. */
  readonly pending: readonly FoldedChange[];
  /** Starts of blocks. */
  readonly blocks: BlockScheduleSnapshot;
  /** Counts. */
  readonly totals: AggregatorTotals;
}
