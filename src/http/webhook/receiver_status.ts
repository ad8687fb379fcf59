/**
 * What everybody who calls a receiver says of it: what is waited for, and how it has gone.
 *
 * @module
 */

import { z } from "zod";

/** What is waited for. Times are epoch milliseconds UTC. */
export interface ReceiverWait {
  /** What happened, as `timeout` or `status`; stable. */
  readonly code: string;
  /** The same in words. */
  readonly reason: string;
  /** When this wait began, however many tries it has had. */
  readonly sinceTs: number;
  /** When it tries again by itself; `resume` makes it try at once. */
  readonly nextTryTs: number;
}

/** How a receiver has done. Times are epoch milliseconds UTC. */
export interface ReceiverHistory {
  /** The breaker of its receiver. */
  readonly breaker: {
    readonly state: "closed" | "open" | "half_open";
    readonly failures: number;
  };
  /** What went wrong last; null = nothing so far. */
  readonly lastError: string | null;
  /** When that was. */
  readonly lastErrorTs: number | null;
  /** When something was taken last. */
  readonly lastTakenTs: number | null;
}

const number = z.number();

/** Fields of the schema of {@linkcode ReceiverWait}. */
export const receiverWait = {
  code: z.string(),
  reason: z.string(),
  sinceTs: number,
  nextTryTs: number,
} as const;

/** Fields of the schema of {@linkcode ReceiverHistory}. */
export const receiverHistory = {
  breaker: z.strictObject({
    state: z.enum(["closed", "open", "half_open"]),
    failures: number,
  }),
  lastError: z.string().nullable(),
  lastErrorTs: number.nullable(),
  lastTakenTs: number.nullable(),
} as const;
