/**
 * How refreshing is set up in a running tree: plain data, and the scorers that runs may name.
 *
 * @module
 */

import type { AggregatorOptions } from "./aggregator_types.ts";
import type { ChangeGateOptions } from "./resilience.ts";
import type { ScorerRegistry } from "./scorer.ts";

/** A run over baskets of all instruments, which grows as instruments come. */
export interface BasketSettings {
  /** Its id; default `baskets`. */
  readonly runId?: string;
  /** Instruments of a basket, 2 to 8; default 3. */
  readonly size?: number;
  /** Most baskets; beyond them none are added; default 10,000. */
  readonly setsMax?: number;
}

/** What holds for {@linkcode BasketSettings} unless told otherwise. */
export const BASKET_DEFAULTS: Required<BasketSettings> = {
  runId: "baskets",
  size: 3,
  setsMax: 10_000,
};

/** See the head of this file; what is left out is as by default. */
export interface RefreshSpec {
  /** Clusters, impact, blocks, and the stream of correlations out of candles. */
  readonly aggregator?: AggregatorOptions;
  /** Whether the price moves of instruments are changes of edges; default true. */
  readonly followsPrices?: boolean;
  /** Time from a change to the tick that folds it, ms; default 50. */
  readonly tickMs?: number;
  /** The run over baskets; null = none; default: as {@linkcode BASKET_DEFAULTS}. */
  readonly baskets?: BasketSettings | null;
  /** What holds for runs that do not say otherwise. */
  readonly runs?: { readonly minChangedEdges?: number; readonly epsilon?: number };
  /** Modes under load. */
  readonly gate?: ChangeGateOptions;
  /** Scorers beside which there are no others; default the built-in ones. */
  readonly scorers?: ScorerRegistry;
}
