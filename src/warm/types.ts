/**
 * The words that all parts of warming share: what is heard of the cache, what strategies propose, and
 * what came of it.
 *
 * Times are epoch ms, UTC, and never go backwards within a process: whoever calls sees to that.
 *
 * @module
 */

/** Ways of choosing keys before they are asked for; see `strategies.ts`. */
export const STRATEGY_NAMES = [
  "popular",
  "time_of_day",
  "trending",
  "predictive",
  "pre_market",
  "sector_rotation",
  "event",
  "renewal",
] as const;

/** See {@linkcode STRATEGY_NAMES}. */
export type StrategyName = (typeof STRATEGY_NAMES)[number];

/**
 * How an access was answered: from the cache within its TTL or past it, after waiting for upstream, or
 * nobody knows, since it was made elsewhere.
 */
export type AccessAnswer = "fresh" | "stale" | "waited" | "elsewhere";

/** Somebody has asked for a key. */
export interface Access {
  /** `kind:SYMBOL[:params]`. */
  readonly key: string;
  /** When. */
  readonly atMs: number;
  readonly answer: AccessAnswer;
  /** Who; accesses of one user follow each other. Null: nobody said. */
  readonly user: string | null;
  /** Sector of the key's symbol, for one of which none is known. */
  readonly sector?: string | null;
}

/** The cache has a new value of a key. */
export interface StoredEntry {
  readonly key: string;
  /** When it was stored. */
  readonly atMs: number;
  /** Until then it is fresh. */
  readonly softAtMs: number;
  /** Until then it is served. */
  readonly hardAtMs: number;
  /** Its weight as the cache accounts it. */
  readonly weightBytes: number;
  /** The strategy that asked for it; null when it was not warmed. */
  readonly strategy: StrategyName | null;
}

/** A key that a strategy proposes. */
export interface Candidate {
  readonly key: string;
  /** Calibrated: of the keys warmed at 0.7, 70 % are asked for within their TTL. */
  readonly chance: number;
}

/** What is known of a key's market and time. */
export interface KeyMarket {
  /** Which calendar it trades by. */
  readonly calendar: "nyse" | "fx" | "always";
  /** Its sector; null for none. */
  readonly sector: string | null;
}

/** A date on which keys of a symbol are wanted more: earnings, dividends, a meeting. */
export interface MarketEvent {
  /** `AAPL`; null for every symbol of the calendar. */
  readonly symbol: string | null;
  /** `earnings`, `dividend`, …; any word. */
  readonly kind: string;
  /** `2026-03-03`: the civil date in New York. */
  readonly date: string;
  /** Before the open or after the close of that day; null when nobody said. */
  readonly when: "before_open" | "after_close" | null;
}

/** How a load ahead of need ended, for the planner. */
export type WarmOutcome =
  /** The cache has it now; `stored` tells of it. */
  | "loaded"
  /** It was fresh already: no upstream call was made. */
  | "fresh"
  /** There is no such thing. */
  | "missing"
  /** The provider failed, or is limiting. */
  | "failed";
