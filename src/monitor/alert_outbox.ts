/**
 * What one receiver of alerts still has to be told: it looks at the alerts as they are, remembers
 * what the receiver has taken, and gives the difference, one group at a time.
 *
 * So nothing is queued that could run over or be lost: a receiver that was away is told how things
 * are now, and an outbox that knows nothing, after a restart, tells the present state again (with
 * what ended within {@linkcode RECENT_MS}). Delivery is at least once.
 *
 * - **Grouped**: by rule, or all together; a group is told {@linkcode OutboxOptions.groupWaitMs}
 *   after its first change, with everything that changed until then.
 * - **Cooled down, muted, de-duplicated**: by the book of alerts; only what it has told comes here.
 * - **Held**: with {@linkcode OutboxOptions.resendMs} what fires is told again in that time, for
 *   receivers that take silence for the end.
 * - **Once**: an end that was taken is not told again.
 *
 * @module
 */

import { type Alert, type AlertSeverity, SEVERITY_RANK } from "./alert.ts";

/** Alerts as a book has them now. */
export interface ToldAlerts {
  /** Those that fire and were told. */
  readonly firing: readonly Alert[];
  /** Those that were told and have ended. */
  readonly ended: readonly Alert[];
}

/** How an outbox is set up. */
export interface OutboxOptions {
  /** Alerts of these only; default: of all. */
  readonly severities?: readonly AlertSeverity[] | null;
  /** `rule`: a delivery is of one rule; `all`: of any. Default `rule`. */
  readonly groupBy?: "rule" | "all";
  /** From the first change of a group to its delivery, ms; default {@linkcode GROUP_WAIT_MS}. */
  readonly groupWaitMs?: number;
  /** What fires is told again so long after it was taken last, ms; null, the default: it is not. */
  readonly resendMs?: number | null;
  /**
   * `episode`, the default: an identity that fires again is another alert. `identity`: it is the
   * same one, for alerts that several nodes see begin at different times.
   */
  readonly by?: "episode" | "identity";
}

/** What a receiver was told of an alert, as all nodes know it that may tell it. */
export interface ToldMark {
  /** What it has taken. */
  readonly mark: string;
  /** The alert as it was then. */
  readonly alert: Alert;
}

/** Alerts that are told together. */
export interface AlertGroup {
  /** Name of their rule; null when they are of any. */
  readonly rule: string | null;
  /** Firing ones first, the most severe first, then the oldest. */
  readonly alerts: readonly Alert[];
  /** Alerts of the group that found no room. */
  readonly truncated: number;
  /** What the receiver will have been told. */
  readonly marks: ReadonlyMap<string, string>;
}

/** Alerts that begin together are mostly of one reason: so long they are waited for. */
export const GROUP_WAIT_MS = 5_000;
/** How long after its end an alert is still told to somebody who has not heard of it. */
export const RECENT_MS = 600_000;
/** Alerts of an outbox: all that a book holds and as many that have ended; 1 kB each. */
export const OUTBOX_ALERTS_MAX = 2_048;

interface Entry {
  alert: Alert;
  /** What the receiver has taken of it; null = nothing. */
  taken: string | null;
  /** When that was, monotonic ms. */
  takenMs: number;
  /** Since when there is something to tell, monotonic ms; null = there is nothing. */
  sinceMs: number | null;
  /** When it was last part of a delivery that failed, monotonic ms. */
  failedMs: number;
}

/** See the module. */
export class AlertOutbox {
  readonly #severities: ReadonlySet<AlertSeverity> | null;
  readonly #groupBy: "rule" | "all";
  readonly #groupWaitMs: number;
  readonly #resendMs: number | null;
  readonly #keyOf: (alert: Alert) => string;
  readonly #entries = new Map<string, Entry>();
  #dropped = 0;

  /** One that knows of nothing. */
  constructor(options: OutboxOptions = {}) {
    const { severities = null } = options;
    this.#severities = severities === null ? null : new Set(severities);
    this.#groupBy = options.groupBy ?? "rule";
    this.#groupWaitMs = options.groupWaitMs ?? GROUP_WAIT_MS;
    this.#resendMs = options.resendMs ?? null;
    this.#keyOf = options.by === "identity" ? ({ id }) => id : episodeOf;
  }

  /** Forgets those that somebody else tells from now on. O(alerts). */
  keep(isMine: (id: string) => boolean): void {
    for (const [key, { alert }] of this.#entries) if (!isMine(alert.id)) this.#entries.delete(key);
  }

  /** What the receiver has been told by whichever node. */
  seed({ mark, alert }: ToldMark, nowMs: number): void {
    const key = this.#keyOf(alert);
    const known = this.#entries.get(key);
    if (known === undefined) {
      const entry = { alert, taken: mark, takenMs: nowMs, sinceMs: null, failedMs: -Infinity };
      this.#entries.set(key, entry);
    } else if (known.taken !== mark) {
      known.taken = mark;
      known.takenMs = nowMs;
      known.sinceMs = markOf(known.alert) === mark ? null : known.sinceMs ?? nowMs;
    }
  }

  /** Alerts that the receiver has not been told of as they are. O(alerts). */
  get waiting(): number {
    let count = 0;
    for (const { sinceMs } of this.#entries.values()) if (sinceMs !== null) count++;
    return count;
  }

  /** Ends that were given up for lack of room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes how the alerts are, at monotonic `nowMs` and epoch `at`. O(alerts). */
  look({ firing, ended }: ToldAlerts, nowMs: number, at: number): void {
    const present = new Set<string>();
    for (const alert of firing) this.#take(alert, nowMs, present);
    for (const alert of ended) {
      const isRecent = at - (alert.resolvedAt ?? at) < RECENT_MS;
      if (isRecent || this.#entries.has(this.#keyOf(alert))) this.#take(alert, nowMs, present);
    }
    for (const [key, entry] of this.#entries) {
      if (present.has(key)) continue;
      // Whoever kept it has given it up: nobody will say that it is over.
      if (entry.alert.state === "firing") {
        this.#put(key, { ...entry.alert, state: "resolved", resolvedAt: at }, nowMs);
      } else if (entry.sinceMs === null) this.#entries.delete(key);
    }
    this.#forget(at);
  }

  #take(alert: Alert, nowMs: number, present: Set<string>): void {
    if (this.#severities !== null && !this.#severities.has(alert.severity)) return;
    const key = this.#keyOf(alert);
    present.add(key);
    this.#put(key, alert, nowMs);
  }

  #put(key: string, alert: Alert, nowMs: number): void {
    const entry = this.#entries.get(key) ??
      { alert, taken: null, takenMs: -Infinity, sinceMs: null, failedMs: -Infinity };
    entry.alert = alert;
    entry.sinceMs = markOf(alert) === entry.taken ? null : entry.sinceMs ?? nowMs;
    this.#entries.set(key, entry);
  }

  /** Takes out what is over and was told long ago, and what is beyond the bound. */
  #forget(at: number): void {
    const over: [key: string, endedAt: number][] = [];
    for (const [key, { alert, sinceMs }] of this.#entries) {
      if (alert.state !== "resolved") continue;
      const endedAt = alert.resolvedAt ?? at;
      if (sinceMs === null && at - endedAt >= RECENT_MS) this.#entries.delete(key);
      else over.push([key, endedAt]);
    }
    const beyond = this.#entries.size - OUTBOX_ALERTS_MAX;
    if (beyond <= 0) return;
    over.sort(([, a], [, b]) => a - b);
    for (const [key] of over.slice(0, beyond)) {
      if (this.#entries.get(key)?.sinceMs !== null) this.#dropped++;
      this.#entries.delete(key);
    }
  }

  /** When there is something to be told, monotonic ms; null = when something happens. O(alerts). */
  dueMs(): number | null {
    let dueMs = Infinity;
    for (const entry of this.#entries.values()) dueMs = Math.min(dueMs, this.#dueOf(entry));
    return dueMs === Infinity ? null : dueMs;
  }

  #dueOf({ alert, sinceMs, takenMs }: Entry): number {
    if (sinceMs !== null) return sinceMs + this.#groupWaitMs;
    return this.#resendMs === null || alert.state !== "firing"
      ? Infinity
      : takenMs + this.#resendMs;
  }

  /**
   * The group to be told now, of at most `alertsMax` alerts; null when none is due. The one that
   * has failed least lately comes first, so that a group that is never taken holds up no other;
   * then the most severe. O(alerts).
   */
  next(nowMs: number, alertsMax: number): AlertGroup | null {
    const groups = Map.groupBy(
      this.#entries.values(),
      ({ alert }) => this.#groupBy === "rule" ? alert.rule : "",
    );
    const due = [...groups].filter(([, members]) =>
      members.some((entry) => this.#dueOf(entry) <= nowMs)
    ).sort(([, a], [, b]) => failedOf(a) - failedOf(b) || severityOf(b) - severityOf(a));
    const [first] = due;
    if (first === undefined) return null;
    const [rule, members] = first;
    return this.#groupOf(this.#groupBy === "rule" ? rule : null, members, nowMs, alertsMax);
  }

  /** What changed, and with it what fires: all of a rule, else what would soon be due again. */
  #groupOf(
    rule: string | null,
    members: readonly Entry[],
    nowMs: number,
    alertsMax: number,
  ): AlertGroup {
    const changed = members.filter(({ sinceMs }) => sinceMs !== null);
    const held = members.filter(({ alert, sinceMs, takenMs }) => {
      if (sinceMs !== null || alert.state !== "firing") return false;
      return rule !== null || (this.#resendMs !== null && nowMs - takenMs >= this.#resendMs / 2);
    });
    const all = [...changed.sort(byWeight), ...held.sort(byWeight)];
    const told = all.slice(0, alertsMax).sort(byWeight);
    return {
      rule,
      alerts: told.map(({ alert }) => alert),
      truncated: all.length - told.length,
      marks: new Map(told.map(({ alert }) => [this.#keyOf(alert), markOf(alert)])),
    };
  }

  /** The receiver took a group. O(alerts of it). */
  taken({ marks }: AlertGroup, nowMs: number): void {
    for (const [key, mark] of marks) {
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      entry.taken = mark;
      entry.takenMs = nowMs;
      entry.failedMs = -Infinity;
      // It may have gone on meanwhile.
      entry.sinceMs = markOf(entry.alert) === mark ? null : nowMs;
    }
  }

  /** The receiver did not take a group. O(alerts of it). */
  failed({ marks }: AlertGroup, nowMs: number): void {
    for (const key of marks.keys()) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) entry.failedMs = nowMs;
    }
  }
}

/** An identity that fires again is another alert. */
const episodeOf = ({ id, startedAt }: Alert) => `${id} ${startedAt}`;

/** What makes an alert worth telling again; its value and summary move at every look. */
const markOf = ({ state, acknowledged }: Alert) =>
  state === "firing" ? `firing ${acknowledged?.at ?? ""}` : state;

const failedOf = (members: readonly Entry[]) =>
  Math.max(...members.map(({ failedMs }) => failedMs));

const severityOf = (members: readonly Entry[]) =>
  Math.max(...members.map(({ alert }) => SEVERITY_RANK[alert.severity]));

function byWeight({ alert: a }: Entry, { alert: b }: Entry): number {
  const firing = Number(b.state === "firing") - Number(a.state === "firing");
  return firing || SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity] ||
    a.startedAt - b.startedAt;
}
