/**
 * Alerts as plain data: what a rule says of a thing, what is kept of it, and what is told of it.
 *
 * @module
 */

import type { AlertPhase } from "./level_rule.ts";
import { LABEL_CHARS_MAX, LABELS_MAX } from "./metric_spec.ts";
import type { LabelValues } from "./snapshot.ts";

/** `page`: somebody is woken. `ticket`: it waits for working hours. `info`: worth knowing. */
export type AlertSeverity = "page" | "ticket" | "info";

/** What kind of thing is wrong. */
export type AlertType = "performance" | "resource" | "system_health" | "business";

/** The more severe, the larger. */
export const SEVERITY_RANK: Readonly<Record<AlertSeverity, number>> = {
  info: 0,
  ticket: 1,
  page: 2,
};

/** Longest summary in characters: a line of a log. */
export const SUMMARY_CHARS_MAX = 300;

/** What a rule says of one thing at one look. */
export interface AlertReading {
  /** Name of the rule. */
  readonly rule: string;
  /** Type of the rule. */
  readonly type: AlertType;
  /** Severity of the rule. */
  readonly severity: AlertSeverity;
  /** Path below the root of the component that it is about: `core/store`; `""` = the service. */
  readonly actor: string;
  /** What tells it from others of the rule and actor. */
  readonly labels: LabelValues;
  /** `clear`: nothing is wrong. */
  readonly phase: AlertPhase;
  /** The value judged; null when there is none. */
  readonly value: number | null;
  /** One line for people. */
  readonly summary: string;
  /** What to do about it: a line, or where one is. */
  readonly runbook: string;
  /** It explains what is wrong below and behind its actor, so it mutes those; default false. */
  readonly isCause?: boolean;
}

/** Who has said that they care, and when. */
export interface Acknowledgement {
  /** Who. */
  readonly by: string;
  /** Epoch ms. */
  readonly at: number;
  /** What they had to say. */
  readonly note: string;
}

/** An alert as it is shown. */
export interface Alert {
  /** Identity of rule, actor and labels; the same for the same, in any process. */
  readonly id: string;
  /** Name of the rule. */
  readonly rule: string;
  /** See {@linkcode AlertType}. */
  readonly type: AlertType;
  /** See {@linkcode AlertSeverity}. */
  readonly severity: AlertSeverity;
  /** See {@linkcode AlertReading.actor}. */
  readonly actor: string;
  /** See {@linkcode AlertReading.labels}. */
  readonly labels: LabelValues;
  /** `pending`: not long enough to be told. */
  readonly state: "pending" | "firing" | "resolved";
  /** The last one while it was wrong. */
  readonly summary: string;
  /** See {@linkcode AlertReading.runbook}. */
  readonly runbook: string;
  /** The last value; null when there is none. */
  readonly value: number | null;
  /** When it became pending or firing, epoch ms. */
  readonly startedAt: number;
  /** When it began to fire, epoch ms; null while it has not. */
  readonly firedAt: number | null;
  /** When it ended, epoch ms; null while it has not. */
  readonly resolvedAt: number | null;
  /** Null = by nobody yet. */
  readonly acknowledged: Acknowledgement | null;
  /** Id of the alert that explains it; null = none. */
  readonly mutedBy: string | null;
  /** Whether its firing was told; false while it is muted or cools down. */
  readonly notified: boolean;
}

/** Why a firing alert was not told. */
export type SuppressReason = "cause" | "cooldown" | "group";

/** Most alerts of a `fired` or `resolved` event; `count` says how many there are. */
export const EVENT_ALERTS_MAX = 20;

/** What is to be told, to the log, to watchers, to whoever is on duty. */
export type AlertEvent =
  /** Alerts of one rule that began or ended together, the most severe first. */
  | {
    readonly type: "fired" | "resolved";
    readonly at: number;
    readonly rule: string;
    readonly severity: AlertSeverity;
    readonly alerts: readonly Alert[];
    readonly count: number;
  }
  | { readonly type: "acknowledged"; readonly at: number; readonly alert: Alert }
  /** Once for each time that an alert begins to be held back for this reason. */
  | {
    readonly type: "suppressed";
    readonly at: number;
    readonly alert: Alert;
    readonly reason: SuppressReason;
  };

/**
 * The identity of an alert: its rule's name and a hash of 64 bits of rule, actor and labels. Order
 * of the labels does not matter. Among 10,000 alerts two share an id with a chance of 3 in 10^12.
 */
export function alertId(rule: string, actor: string, labels: LabelValues): string {
  const sorted = Object.keys(labels).sort().map((name) => [name, labels[name]]);
  return `${rule}-${hash64(JSON.stringify([rule, actor, sorted]))}`;
}

/** Labels within bounds: the first few by name, each value cut as those of metrics are. */
export function boundedLabels(labels: LabelValues): LabelValues {
  const names = Object.keys(labels);
  const isWithin = names.length <= LABELS_MAX &&
    names.every((name) => (labels[name] ?? "").length <= LABEL_CHARS_MAX);
  if (isWithin) return labels;
  return Object.fromEntries(
    names.sort().slice(0, LABELS_MAX)
      .map((name) => [name, (labels[name] ?? "").slice(0, LABEL_CHARS_MAX)]),
  );
}

/** Two FNV-1a hashes of 32 bits with different starts, finished as in MurmurHash3 (A. Appleby). */
function hash64(text: string): string {
  let a = 0x811c9dc5, b = 0xc2b2ae35;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b);
  }
  return hex(finish(a ^ b >>> 15)) + hex(finish(b ^ a >>> 13));
}

function finish(hash: number): number {
  let h = hash ^ hash >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ h >>> 16;
}

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
