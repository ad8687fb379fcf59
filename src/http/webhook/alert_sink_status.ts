/**
 * What a receiver of alerts says about itself: the reply of its `status`, on the tree and over HTTP;
 * and what became of a test.
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

/** The status of a sink. Times are epoch milliseconds UTC. */
export interface AlertSinkStatus extends ReceiverHistory {
  /** Name of its actor. */
  readonly name: string;
  /** See `AlertSinkSpec`. */
  readonly kind: "webhook" | "alertmanager";
  /** What is called, without its query. */
  readonly url: string;
  /** `waiting` says for what in `waiting`. */
  readonly state: "idle" | "delivering" | "waiting";
  /** What it waits for; null when for nothing. */
  readonly waiting: ReceiverWait | null;
  /** Alerts that its receiver has not been told of as they are. */
  readonly alerts: number;
  /** Ends of alerts that were given up for lack of room. */
  readonly dropped: number;
  /** Deliveries that were taken since the start. */
  readonly taken: number;
  /** Deliveries that were not. */
  readonly failed: number;
}

/** Schema of {@linkcode AlertSinkStatus}. */
export const alertSinkStatus: z.ZodType<AlertSinkStatus> = z.strictObject({
  name: z.string(),
  kind: z.enum(["webhook", "alertmanager"]),
  url: z.string().meta({ description: "Without its query" }),
  state: z.enum(["idle", "delivering", "waiting"]),
  waiting: z.strictObject({
    ...receiverWait,
  }).nullable(),
  alerts: z.number().meta({ description: "Alerts that were not told yet as they are" }),
  dropped: z.number().meta({ description: "Ends of alerts given up for lack of room" }),
  taken: z.number().meta({ description: "Deliveries taken since the start" }),
  failed: z.number().meta({ description: "Deliveries that were not" }),
  ...receiverHistory,
}).meta({ id: "AlertSink" });

/** What became of a test alert at one place. */
export interface AlertTestResult {
  /** Name of the sink; `log` and `events` are always there. */
  readonly name: string;
  /** What kind of place it is. */
  readonly kind: "log" | "events" | "webhook" | "alertmanager";
  /** What was called, without its query; null where nothing is. */
  readonly url: string | null;
  /** Whether it was taken. */
  readonly state: "taken" | "failed";
  /** Why not, as `timeout` or `status`; null when it was. */
  readonly code: string | null;
  /** The same in words. */
  readonly message: string | null;
  /** Time to the answer, ms. */
  readonly tookMs: number;
}

/** Schema of {@linkcode AlertTestResult}. */
export const alertTestResult: z.ZodType<AlertTestResult> = z.strictObject({
  name: z.string(),
  kind: z.enum(["log", "events", "webhook", "alertmanager"]),
  url: z.string().nullable().meta({ description: "Without its query" }),
  state: z.enum(["taken", "failed"]),
  code: z.string().nullable(),
  message: z.string().nullable(),
  tookMs: z.number(),
});

/** Sinks and how each is doing. */
export const alertSinksReply = z.strictObject({
  sinks: z.array(z.strictObject({
    name: z.string(),
    kind: z.enum(["webhook", "alertmanager"]),
    url: z.string().meta({ description: "Without its query" }),
    status: alertSinkStatus.nullable().meta({ description: "Null when it does not answer now" }),
  })),
}).meta({ id: "AlertSinks" });

/** What a test came to, everywhere. */
export const alertTestReply = z.strictObject({ sinks: z.array(alertTestResult) })
  .meta({ id: "AlertTest" });
