/**
 * What a webhook says about itself: the reply of its `status`, on the tree and over HTTP.
 *
 * @module
 */

import { z } from "zod";
import {
  type ReceiverHistory,
  receiverHistory,
  type ReceiverWait,
  receiverWait,
} from "./receiver_status.ts";

/** The status of a webhook. Times are epoch milliseconds UTC. */
export interface WebhookStatus extends ReceiverHistory {
  /** Name of its actor. */
  readonly name: string;
  /** What is called, without its query. */
  readonly url: string;
  /** Only labels of these series; null = all. */
  readonly series: readonly string[] | null;
  /**
   * `waiting` says for what in `waiting`; `paused` on request; `standby`: another node delivers.
   * Then the counts are of this node all the same.
   */
  readonly state: "idle" | "delivering" | "waiting" | "paused" | "standby";
  /** Node that delivered last, where several share it. */
  readonly node?: string | undefined;
  /** What it waits for; null when for nothing. */
  readonly waiting: ReceiverWait & { readonly for: "receiver" | "store" } | null;
  /** Everything up to this place was taken: SEQ or SEQ-ROW. */
  readonly after: string;
  /** Last commit of the log. */
  readonly logSeq: number;
  /** Batches taken since the start. */
  readonly batches: number;
  /** Label rows in them. */
  readonly rows: number;
  /** Calls that were not taken since the start. */
  readonly failures: number;
  /** Times the log was given up before it was delivered. */
  readonly gaps: number;
  /** The batch under way. */
  readonly hand: { readonly rows: number; readonly bytes: number } | null;
  /** Time from reading that batch to its answer, ms. */
  readonly lastTookMs: number | null;
}

const number = z.number();

/** Schema of {@linkcode WebhookStatus}. */
export const webhookStatus: z.ZodType<WebhookStatus> = z.strictObject({
  name: z.string(),
  url: z.string().meta({ description: "Without its query" }),
  series: z.array(z.string()).nullable().meta({ description: "Null = all" }),
  state: z.enum(["idle", "delivering", "waiting", "paused", "standby"])
    .meta({ description: "standby: another node delivers" }),
  node: z.string().optional()
    .meta({ description: "Node that delivered last, where several share it" }),
  waiting: z.strictObject({
    for: z.enum(["receiver", "store"]),
    ...receiverWait,
  }).nullable(),
  after: z.string().meta({ description: "Everything up to this place was taken: SEQ or SEQ-ROW" }),
  logSeq: z.number().meta({ description: "Last commit of the log" }),
  batches: z.number().meta({ description: "Taken since the start" }),
  rows: z.number().meta({ description: "Label rows in them" }),
  failures: z.number().meta({ description: "Calls that were not taken since the start" }),
  gaps: z.number().meta({ description: "Times the log was given up before it was delivered" }),
  hand: z.strictObject({ rows: number, bytes: number }).nullable()
    .meta({ description: "The batch under way" }),
  ...receiverHistory,
  lastTookMs: number.nullable(),
}).meta({ id: "Webhook" });
