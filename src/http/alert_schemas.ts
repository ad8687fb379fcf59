/**
 * Shapes of alerts: for the routes, the monitor's messages, and what is kept in the store.
 *
 * @module
 */

import { z } from "zod";
import type { Alert } from "../monitor/alert.ts";
import { type BookState, HISTORY_MAX, NOTE_CHARS_MAX } from "../monitor/alert_book.ts";
import type { EngineState } from "../monitor/rules_engine.ts";

/** Past alerts of an answer unless asked for otherwise. */
export const ALERTS_PAST_DEFAULT = 20;

/** The id of an alert: its rule's name, and a hash. */
export const alertId = z.string()
  .regex(
    /^[a-z][a-z0-9_]{0,80}-[0-9a-f]{16}$/,
    "expected the id of an alert, RULE-0123456789abcdef",
  )
  .meta({ description: "Id of the alert" });

/** One alert. */
export const alert: z.ZodType<Alert> = z.strictObject({
  id: z.string(),
  rule: z.string(),
  type: z.enum(["performance", "resource", "system_health", "business"]),
  severity: z.enum(["page", "ticket", "info"]),
  actor: z.string().meta({ description: "Path below the root; empty = the service" }),
  labels: z.record(z.string(), z.string()),
  state: z.enum(["pending", "firing", "resolved"]),
  summary: z.string(),
  runbook: z.string(),
  value: z.number().nullable(),
  startedAt: z.number(),
  firedAt: z.number().nullable(),
  resolvedAt: z.number().nullable(),
  acknowledged: z.strictObject({ by: z.string(), at: z.number(), note: z.string() }).nullable(),
  mutedBy: z.string().nullable().meta({ description: "Id of the alert that explains it" }),
  notified: z.boolean(),
}).meta({ id: "Alert" });

const past = z.int().min(0).max(HISTORY_MAX);

/** What is asked of alerts. */
export const alertsQuery = z.strictObject({
  past: past.default(ALERTS_PAST_DEFAULT)
    .meta({ description: "Most resolved ones, the latest first" }),
});

/** Alerts: active ones, the most severe first, and past ones, the latest first. */
export const alertsReply = z.strictObject({
  active: z.array(alert),
  past: z.array(alert),
}).meta({ id: "Alerts" });

/** Who acknowledges, and why. */
export const alertAck = z.strictObject({
  by: z.string().min(1).max(NOTE_CHARS_MAX).meta({ description: "Who", examples: ["ann"] }),
  note: z.string().max(NOTE_CHARS_MAX).default(""),
});

/** What an acknowledgement came to; `known`: somebody had done it before. */
export const alertAcked = z.strictObject({
  state: z.enum(["acknowledged", "known"]),
  alert,
}).meta({ id: "AlertAcknowledged" });

/** The same, or that nothing of this id fires. */
export const ackReply = z.union([alertAcked, z.strictObject({ state: z.literal("unknown") })]);

/** What is kept of a book of alerts. */
export const bookState: z.ZodType<BookState> = z.strictObject({
  version: z.literal(1),
  at: z.number(),
  held: z.array(z.strictObject({
    alert,
    isCause: z.boolean(),
    toldAgoMs: z.number().nullable(),
  })),
  history: z.array(alert),
});

const numbers = z.array(z.number());

/** What is kept of what rules know. */
export const engineState: z.ZodType<EngineState> = z.strictObject({
  version: z.literal(1),
  at: z.number(),
  objectives: z.array(z.strictObject({
    rule: z.string(),
    by: z.string(),
    events: z.strictObject({
      slotsAgo: numbers,
      events: numbers,
      bad: numbers,
      watchedMs: z.number(),
    }),
  })),
  patterns: z.array(z.strictObject({
    rule: z.string(),
    pattern: z.strictObject({
      rates: z.array(z.number().nullable()),
      hour: z.number().nullable(),
    }),
  })),
});
