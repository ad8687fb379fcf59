/**
 * How a provider is, as plain data: its breaker, its limits, and what was called.
 *
 * @module
 */

import type { LimiterStatus } from "../batch/limit_status.ts";
import type { BatchStatus } from "./batch_status.ts";
import type { ProviderDetail } from "./port.ts";

/** Counts of one endpoint since the provider's actor was made. */
export interface EndpointCounts {
  /** Its name. */
  readonly endpoint: string;
  /** Calls. */
  readonly calls: number;
  /** Those that failed. */
  readonly failed: number;
  /** Keys answered for. */
  readonly keys: number;
  /** Mean time of a call, ms; null before the first. */
  readonly meanMs: number | null;
}

/** How a provider is. */
export interface ProviderStatus {
  /** Its name. */
  readonly name: string;
  /** `closed` while it is called. */
  readonly breaker: "closed" | "open" | "half_open";
  /** Failures in a row. */
  readonly failures: number;
  /** Keys that wait to be grouped. */
  readonly waitingKeys: number;
  /** How their calls go. */
  readonly batch: BatchStatus;
  /** Permits that are out. */
  readonly permits: number;
  /** Counts by endpoint, in the order of their first call. */
  readonly endpoints: readonly EndpointCounts[];
  /** Null where the provider sets no limit. */
  readonly limiter: LimiterStatus | null;
  /** What it says about itself. */
  readonly detail: ProviderDetail;
  /** What went wrong last; null = nothing. */
  readonly lastError: string | null;
}
