/**
 * The book of alerts: takes what rules say at each look, keeps what is wrong, and tells what is new.
 *
 * ```
 *   (none) ──pending──► pending ──firing──► firing ──clear, or gone──► resolved ──► history
 *                          └──clear──► (none)   ▲                          │
 *                                               └──firing within cooldown──┘
 * ```
 * What keeps it quiet, in this order; what is held back is told later if it still fires then:
 * - **De-duplicated**: an identity (rule, actor, labels) is told once for as long as it fires.
 * - **Inhibited**: while a cause fires (see `alert_causes.ts`) that is at least as severe, what it
 *   explains is muted, and for {@linkcode BookOptions.graceMs} after, the time to recover.
 * - **Cooled down**: what was told is told again after {@linkcode BookOptions.cooldownMs} at the
 *   earliest, so that one that comes and goes rings once in that time.
 * - **Grouped**: alerts of one rule that come together are one event, and those that follow it within
 *   {@linkcode BookOptions.groupMs} are one more.
 *
 * Time is handed in: monotonic ms for spans, epoch ms for what is shown. While the monotonic time
 * stands still or goes backwards no span passes. Nothing here is I/O; what it gives is to be sent.
 *
 * @module
 */

import {
  type Acknowledgement,
  type Alert,
  type AlertEvent,
  alertId,
  type AlertReading,
  boundedLabels,
  EVENT_ALERTS_MAX,
  SEVERITY_RANK,
  SUMMARY_CHARS_MAX,
  type SuppressReason,
} from "./alert.ts";
import {
  type AckResult,
  ALERTS_MAX,
  type BookCounts,
  type BookOptions,
  type BookState,
  HISTORY_MAX,
  NOTE_CHARS_MAX,
} from "./alert_book.ts";
import { Causes } from "./alert_causes.ts";

interface Held {
  alert: Alert;
  isCause: boolean;
  /** When a rule last said anything of it, monotonic ms. */
  seenMs: number;
  /** When it was last told as fired, monotonic ms. */
  toldMs: number;
  /** When its cause ended, monotonic ms. */
  unmutedMs: number;
  heldBy: SuppressReason | null;
}

/** See the module. */
export class AlertBook {
  readonly #cooldownMs: number;
  readonly #groupMs: number;
  readonly #graceMs: number;
  readonly #absentMs: number;
  readonly #alertsMax: number;
  readonly #historyMax: number;
  readonly #causes: Causes;
  readonly #held = new Map<string, Held>();
  /** When a rule was last told of, monotonic ms; those whose interval is over are taken out. */
  readonly #groups = new Map<string, number>();
  #history: Alert[] = [];
  #nowMs = -Infinity;
  #fired = 0;
  #suppressed = 0;
  #refused = 0;
  /** No alert held weighs less, as far as this look knows: who weighs no more need not search. */
  #leastWeight = -Infinity;

  /** An empty one. */
  constructor(options: BookOptions = {}) {
    this.#cooldownMs = options.cooldownMs ?? 300_000;
    this.#groupMs = options.groupMs ?? 30_000;
    this.#graceMs = options.graceMs ?? 60_000;
    this.#absentMs = options.absentMs ?? 300_000;
    this.#alertsMax = options.alertsMax ?? ALERTS_MAX;
    this.#historyMax = options.historyMax ?? HISTORY_MAX;
    this.#causes = options.causes ?? new Causes();
  }

  /** What it has done so far. O(alerts). */
  get counts(): BookCounts {
    let pending = 0, firing = 0;
    for (const { alert: { state } } of this.#held.values()) {
      if (state === "pending") pending++;
      else if (state === "firing") firing++;
    }
    const [fired, suppressed, refused] = [this.#fired, this.#suppressed, this.#refused];
    return { pending, firing, fired, suppressed, refused };
  }

  /**
   * Takes what the rules said at one look, at monotonic `nowMs` and epoch `at`; gives what is to be
   * told. Call it at every look, with nothing too. O(readings + alerts).
   */
  take(readings: Iterable<AlertReading>, nowMs: number, at: number): AlertEvent[] {
    this.#nowMs = nowMs > this.#nowMs ? nowMs : this.#nowMs;
    this.#leastWeight = -Infinity;
    const ended: Held[] = [];
    for (const reading of readings) this.#read(reading, at, ended);
    for (const held of this.#held.values()) {
      if (held.alert.state === "resolved") continue;
      if (this.#nowMs - held.seenMs > this.#absentMs) this.#end(held, at, ended);
    }
    this.#mute();
    const events: AlertEvent[] = [];
    const told = this.#told(at, events);
    events.push(...eventsOf("fired", told, at), ...eventsOf("resolved", ended, at));
    this.#forget();
    return events;
  }

  #read(reading: AlertReading, at: number, ended: Held[]): void {
    const labels = boundedLabels(reading.labels);
    const id = alertId(reading.rule, reading.actor, labels);
    const known = this.#held.get(id);
    if (reading.phase === "clear") {
      if (known !== undefined && known.alert.state !== "resolved") this.#end(known, at, ended);
      return;
    }
    const held = known ?? this.#open(id, { ...reading, labels }, at);
    if (held === null) return;
    held.seenMs = this.#nowMs;
    held.isCause = reading.isCause ?? false;
    const { alert } = held;
    const summary = reading.summary.slice(0, SUMMARY_CHARS_MAX);
    const { value } = reading;
    if (alert.state === "resolved") {
      held.heldBy = null;
      const state = reading.phase;
      const times = {
        startedAt: at,
        firedAt: state === "firing" ? at : null,
        resolvedAt: null,
        notified: false,
        acknowledged: this.#isCooling(held) ? alert.acknowledged : null,
      };
      held.alert = { ...alert, ...times, state, summary, value };
    } else if (alert.state === "pending" && reading.phase === "firing") {
      held.alert = { ...alert, state: "firing", firedAt: at, summary, value };
    } else held.alert = { ...alert, summary, value };
  }

  /** A place for a new identity; null = there is none. */
  #open(id: string, reading: AlertReading, at: number): Held | null {
    if (this.#held.size >= this.#alertsMax && !this.#makeRoom(reading)) {
      this.#refused++;
      return null;
    }
    const { rule, type, severity, actor, labels, phase, value, runbook } = reading;
    const held: Held = {
      alert: {
        id,
        rule,
        type,
        severity,
        actor,
        labels,
        state: phase === "firing" ? "firing" : "pending",
        summary: "",
        runbook,
        value,
        startedAt: at,
        firedAt: phase === "firing" ? at : null,
        resolvedAt: null,
        acknowledged: null,
        mutedBy: null,
        notified: false,
      },
      isCause: false,
      seenMs: this.#nowMs,
      toldMs: -Infinity,
      unmutedMs: -Infinity,
      heldBy: null,
    };
    this.#held.set(id, held);
    return held;
  }

  /** One that is over gives its place, then one that is pending, then one less severe. */
  #makeRoom({ phase, severity }: AlertReading): boolean {
    const weight = phase === "firing" ? WEIGHT_FIRING + SEVERITY_RANK[severity] : WEIGHT_PENDING;
    if (weight <= this.#leastWeight) return false;
    let least: Held | null = null;
    for (const held of this.#held.values()) {
      if (least === null || weightOf(held.alert) < weightOf(least.alert)) least = held;
    }
    if (least === null) return false;
    this.#leastWeight = weightOf(least.alert);
    if (weight <= this.#leastWeight) return false;
    if (least.alert.state !== "resolved") this.#refused++;
    this.#held.delete(least.alert.id);
    return true;
  }

  /** It is over: told if its beginning was. */
  #end(held: Held, at: number, ended: Held[]): void {
    const { alert } = held;
    if (alert.state === "pending") {
      // It was never told and is no history; it stays only as long as what was told before cools.
      held.alert = { ...alert, state: "resolved", resolvedAt: at };
      return;
    }
    held.alert = { ...alert, state: "resolved", resolvedAt: at, mutedBy: null };
    held.heldBy = null;
    this.#history.push(held.alert);
    if (this.#history.length > this.#historyMax) this.#history.shift();
    if (alert.notified) ended.push(held);
  }

  /** Finds for every alert the one that explains it. */
  #mute(): void {
    const causes = new Map<string, Held>();
    for (const held of this.#held.values()) {
      if (!held.isCause || held.alert.state !== "firing") continue;
      const known = causes.get(held.alert.actor);
      if (known === undefined || rankOf(held) > rankOf(known)) causes.set(held.alert.actor, held);
    }
    for (const held of this.#held.values()) {
      const { alert } = held;
      if (alert.state !== "firing") continue;
      const by = causes.size === 0 ? null : this.#causeOf(held, causes);
      if (by === null && alert.mutedBy !== null) held.unmutedMs = this.#nowMs;
      if (by !== alert.mutedBy) held.alert = { ...alert, mutedBy: by };
    }
  }

  #causeOf(held: Held, causes: ReadonlyMap<string, Held>): string | null {
    const { actor } = held.alert;
    // A cause is not explained by another of the same component: which came first is not known.
    const candidates = held.isCause ? [] : [actor];
    candidates.push(...this.#causes.of(actor));
    for (const component of candidates) {
      const cause = causes.get(component);
      if (cause !== undefined && rankOf(cause) >= rankOf(held)) return cause.alert.id;
    }
    return null;
  }

  /** Those to be told now; what is held back for a new reason goes to `events`. */
  #told(at: number, events: AlertEvent[]): Held[] {
    const told: Held[] = [];
    for (const held of this.#held.values()) {
      if (held.alert.state !== "firing" || held.alert.notified) continue;
      const reason = this.#reasonToHold(held);
      if (reason === null) {
        told.push(held);
      } else if (reason !== held.heldBy) {
        held.heldBy = reason;
        this.#suppressed++;
        events.push({ type: "suppressed", at, alert: held.alert, reason });
      }
    }
    for (const held of told) {
      held.alert = { ...held.alert, notified: true };
      held.heldBy = null;
      held.toldMs = this.#nowMs;
      this.#groups.set(held.alert.rule, this.#nowMs);
    }
    this.#fired += told.length;
    return told;
  }

  #reasonToHold(held: Held): SuppressReason | null {
    if (held.alert.mutedBy !== null || this.#nowMs - held.unmutedMs < this.#graceMs) return "cause";
    if (this.#isCooling(held)) return "cooldown";
    const groupMs = this.#groups.get(held.alert.rule) ?? -Infinity;
    return this.#nowMs - groupMs < this.#groupMs ? "group" : null;
  }

  #isCooling(held: Held): boolean {
    return this.#nowMs - held.toldMs < this.#cooldownMs;
  }

  /** Takes out what is over and has cooled down. */
  #forget(): void {
    for (const [id, held] of this.#held) {
      if (held.alert.state === "resolved" && !this.#isCooling(held)) this.#held.delete(id);
    }
    for (const [rule, toldMs] of this.#groups) {
      if (this.#nowMs - toldMs >= this.#groupMs) this.#groups.delete(rule);
    }
  }

  /** Somebody cares about a firing alert; idempotent. Ends with the alert. O(1). */
  acknowledge(id: string, by: string, at: number, note = ""): AckResult {
    const held = this.#held.get(id);
    if (held === undefined || held.alert.state !== "firing") return { state: "unknown" };
    if (held.alert.acknowledged !== null) return { state: "known", alert: held.alert };
    const acknowledged: Acknowledgement = {
      by: by.slice(0, NOTE_CHARS_MAX),
      at,
      note: note.slice(0, NOTE_CHARS_MAX),
    };
    held.alert = { ...held.alert, acknowledged };
    return { state: "acknowledged", event: { type: "acknowledged", at, alert: held.alert } };
  }

  /** Firing and pending, the most severe first, then the oldest. O(alerts · log alerts). */
  active(): Alert[] {
    return [...this.#held.values()].map(({ alert }) => alert)
      .filter(({ state }) => state !== "resolved")
      .sort((a, b) => weightOf(b) - weightOf(a) || a.startedAt - b.startedAt);
  }

  /** Resolved ones, the latest first; at most `count`. */
  past(count: number = HISTORY_MAX): Alert[] {
    return this.#history.slice(-Math.max(1, count)).reverse();
  }

  /** State for a restart, taken at epoch `at`. O(alerts). */
  snapshot(at: number): BookState {
    return {
      version: 1,
      at,
      held: [...this.#held.values()].map(({ alert, isCause, toldMs }) => ({
        alert,
        isCause,
        toldAgoMs: toldMs === -Infinity ? null : this.#nowMs - toldMs,
      })),
      history: [...this.#history],
    };
  }

  /**
   * Goes on from a snapshot, at monotonic `nowMs` and epoch `at`: what fired then fires on without
   * being told again, until a rule says that it is over, or none says anything. Beyond the bounds
   * the first ones are kept of what is active, and the last ones of the past.
   *
   * @throws {RangeError} when it is of another layout, or the book was used already.
   */
  restore(state: BookState, nowMs: number, at: number): void {
    if (state.version !== 1 || this.#held.size > 0 || this.#history.length > 0) {
      throw new RangeError(
        `Cannot restore alerts: expected version 1 and an empty book: current values are ` +
          `${state.version} and ${this.#held.size} alerts`,
      );
    }
    this.#nowMs = nowMs;
    // The wall clock may have been set back meanwhile: then no time has passed.
    const awayMs = Math.max(0, at - state.at);
    for (const { alert, isCause, toldAgoMs } of state.held.slice(0, this.#alertsMax)) {
      const toldMs = toldAgoMs === null ? -Infinity : nowMs - toldAgoMs - awayMs;
      const rest = { unmutedMs: -Infinity, heldBy: null };
      this.#held.set(alert.id, { alert, isCause, seenMs: nowMs, toldMs, ...rest });
    }
    this.#history = state.history.slice(-this.#historyMax);
  }
}

const WEIGHT_PENDING = 1;
const WEIGHT_FIRING = 2;

/** What is more worth its place weighs more. */
function weightOf({ state, severity }: Alert): number {
  if (state === "resolved") return 0;
  return state === "pending" ? WEIGHT_PENDING : WEIGHT_FIRING + SEVERITY_RANK[severity];
}

const rankOf = ({ alert }: Held) => SEVERITY_RANK[alert.severity];

/** One event for each rule, pages first. */
function eventsOf(type: "fired" | "resolved", held: readonly Held[], at: number): AlertEvent[] {
  const groups = Map.groupBy(held, ({ alert }) => alert.rule);
  return [...groups].map(([rule, members]) => {
    const alerts = members.map(({ alert }) => alert)
      .sort((a, b) => weightOf(b) - weightOf(a) || a.startedAt - b.startedAt);
    const severity = alerts[0]?.severity ?? "info";
    return {
      type,
      at,
      rule,
      severity,
      alerts: alerts.slice(0, EVENT_ALERTS_MAX),
      count: members.length,
    };
  }).sort((a, b) => SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity]);
}
