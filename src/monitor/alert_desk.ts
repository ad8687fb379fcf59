/**
 * What a monitor does about alerts: rules are applied to each snapshot, the book says what is new,
 * and both are kept in the store.
 *
 * The monitor runs before the store does and while it is down. So what was kept is asked for at
 * each look until the store answers; until then, or for {@linkcode RESTORE_MAX_MS}, no rule is
 * applied, for the first look decides what is new. What cannot be written is tried again at the
 * next save.
 *
 * @module
 */

import type { DeskSurroundings } from "./desk.ts";
import type { AckResult, BookState } from "./alert_book.ts";
import type { Alert, AlertEvent } from "./alert.ts";
import { BOOK_EVERY_MS, ofNode } from "./alert_group.ts";
import type { ToldAlerts } from "./alert_outbox.ts";
import { eventText } from "./alert_payload.ts";
import { AlertBook } from "./alerts.ts";
import { type EngineState, RuleEngine } from "./rules_engine.ts";
import { alertSamples } from "./rules_metrics.ts";
import type { Rule } from "./rules_types.ts";
import type { Sample } from "./samples.ts";
import type { MetricsSnapshot } from "./snapshot.ts";

/** Records that alerts are kept as. */
export type AlertRecord = "alerts" | "rules";

/** Records of alerts, as JSON; null = there is none. `error`: the store did not answer. */
export type KeptAlerts =
  | { readonly error: string }
  | { readonly error: null; readonly alerts: string | null; readonly rules: string | null };

/** Where alerts are kept. */
export interface AlertStore {
  /** A record; null = there is none. Rejects when the store does not answer. */
  readonly get: (record: AlertRecord) => Promise<string | null>;
  /** Writes a record; rejects when it is not taken. */
  readonly put: (record: AlertRecord, json: string) => Promise<void>;
  /** Checks what was kept; throws for what is none. */
  readonly readBook: (json: unknown) => BookState;
  /** The same of what rules know; what it holds is checked by whoever restores it. */
  readonly readRules: (json: unknown) => EngineState;
}

/** What alerts are made of. */
export interface AlertSettings {
  /** Rules over the metrics. */
  readonly rules: readonly Rule[];
  /** Least time between two tellings of one alert, ms; default 5 min. */
  readonly cooldownMs?: number;
  /** Where they are kept; null = nowhere. */
  readonly store: AlertStore | null;
  /** Told of every event, after the log; what it throws is logged. */
  readonly onAlert?: (event: AlertEvent) => void;
  /** Name of this node, where several are judged together; see `alert_group.ts`. */
  readonly node?: string;
}

/** What the monitor lends. */
export interface AlertSurroundings extends DeskSurroundings {
  /**
   * Takes the store's answer; it comes back to {@linkcode AlertDesk.restored} in a turn of its own.
   */
  readonly answer: (kept: KeptAlerts) => void;
}

/** A store that is not up after so long is itself what has to be told. */
export const RESTORE_MAX_MS = 30_000;
/** Between two saves of what rules know: a crash of the process costs that. */
export const SAVE_EVERY_MS = 60_000;

/** See the module. */
export class AlertDesk {
  readonly #settings: AlertSettings;
  readonly #around: AlertSurroundings;
  readonly #startMs: number;
  #engine: RuleEngine;
  #book: AlertBook;
  #isOpen: boolean;
  #isAsking = false;
  #isSaving = false;
  /** The store refused the last save: told once. */
  #isRefused = false;
  #retryMs = -Infinity;
  /** When what rules know was written last. */
  #savedMs: number;
  /** Marks of the book as it was written last. */
  #saved = "";
  /** When the book was written last. */
  #bookMs = -Infinity;

  /**
   * One that has seen nothing.
   *
   * @throws {TypeError | RangeError} for rules that cannot be.
   */
  constructor(settings: AlertSettings, around: AlertSurroundings) {
    this.#settings = settings;
    this.#around = around;
    this.#engine = new RuleEngine(settings.rules);
    this.#book = this.#newBook();
    this.#startMs = around.clock.now();
    this.#savedMs = this.#startMs;
    this.#isOpen = settings.store === null;
  }

  /**
   * Applies the rules; gives the measurements of the alerts. None before it knows what was kept.
   */
  look(snapshot: MetricsSnapshot): Sample[] {
    const { nowMs, at } = snapshot;
    if (!this.#isOpen) {
      if (nowMs - this.#startMs < RESTORE_MAX_MS) {
        this.#ask();
        return [];
      }
      this.#isOpen = true;
      this.#around.log("warn", "alerts begin without those of before: the store does not answer");
    }
    const { node } = this.#settings;
    const readings = this.#engine.look(snapshot);
    const said = node === undefined ? readings : readings.map((one) => ofNode(one, node));
    const events = this.#book.take(said, nowMs, at);
    for (const event of events) this.#tell(event);
    if (nowMs >= this.#retryMs) void this.save();
    return alertSamples(this.#book.counts);
  }

  /** Goes on from what the store had kept. */
  restored(kept: KeptAlerts): void {
    this.#isAsking = false;
    if (this.#isOpen || kept.error !== null) return;
    this.#isOpen = true;
    const { clock } = this.#around;
    const [nowMs, at] = [clock.now(), clock.wallNow()];
    const { store, rules } = this.#settings;
    if (store === null) return;
    this.#read("rules", kept.rules, (json) => {
      this.#engine.restore(store.readRules(json), nowMs, at);
    }, () => this.#engine = new RuleEngine(rules));
    this.#read("alerts", kept.alerts, (json) => {
      this.#book.restore(store.readBook(json), nowMs, at);
    }, () => this.#book = this.#newBook());
  }

  /** Active and past ones. */
  list(past: number): { readonly active: Alert[]; readonly past: Alert[] } {
    return { active: this.#book.active(), past: past === 0 ? [] : this.#book.past(past) };
  }

  /**
   * Those that were told, and those that ended since epoch ms; null before it knows what was kept.
   */
  told(endedSince: number): ToldAlerts | null {
    if (!this.#isOpen) return null;
    return {
      firing: this.#book.active().filter(({ state, notified }) => state === "firing" && notified),
      ended: this.#book.past().filter(({ notified, resolvedAt }) =>
        notified && (resolvedAt ?? 0) >= endedSince
      ),
    };
  }

  /** Somebody cares. */
  acknowledge(
    id: string,
    by: string,
    note: string,
    at: number = this.#around.clock.wallNow(),
  ): AckResult {
    const done = this.#book.acknowledge(id, by, at, note);
    if (done.state === "acknowledged") {
      this.#tell(done.event);
      void this.save();
    }
    return done;
  }

  /**
   * Writes the book when it changed, and every minute what rules know; never throws. While one is
   * under way another does nothing: the next look sees to what changed meanwhile.
   */
  async save(): Promise<void> {
    const { clock } = this.#around;
    const { store } = this.#settings;
    if (!this.#isOpen || this.#isSaving || store === null) return;
    this.#isSaving = true;
    const at = clock.wallNow();
    try {
      const marks = marksOf(this.#book);
      if (marks !== this.#saved || this.#isAwaited()) {
        this.#bookMs = clock.now();
        await store.put("alerts", JSON.stringify(this.#book.snapshot(at)));
        this.#saved = marks;
      }
      if (clock.now() - this.#savedMs >= SAVE_EVERY_MS) {
        this.#savedMs = clock.now();
        await store.put("rules", JSON.stringify(this.#engine.snapshot(at)));
      }
      this.#isRefused = false;
    } catch (error) {
      const reason = textOf(error);
      if (!this.#isRefused) this.#around.log("info", "alerts could not be kept", { reason });
      this.#isRefused = true;
      this.#retryMs = clock.now() + SAVE_EVERY_MS;
    } finally {
      this.#isSaving = false;
    }
  }

  /** Other nodes take silence for the end of what fires here. */
  #isAwaited(): boolean {
    const { node } = this.#settings;
    const isLate = this.#around.clock.now() - this.#bookMs >= BOOK_EVERY_MS;
    return node !== undefined && isLate && this.#book.active().length > 0;
  }

  #newBook(): AlertBook {
    const { cooldownMs } = this.#settings;
    return new AlertBook(cooldownMs === undefined ? {} : { cooldownMs });
  }

  #ask(): void {
    const { store } = this.#settings;
    if (this.#isAsking || store === null) return;
    this.#isAsking = true;
    Promise.all([store.get("alerts"), store.get("rules")]).then(
      ([alerts, rules]) => this.#around.answer({ error: null, alerts, rules }),
      (error) => this.#around.answer({ error: textOf(error) }),
    );
  }

  /** What cannot be read costs what was known, not the alerts to come. */
  #read(key: string, json: string | null, restore: (value: unknown) => void, anew: () => void) {
    if (json === null) return;
    try {
      restore(JSON.parse(json));
    } catch (error) {
      anew();
      this.#around.log("warn", "what alerts had saved cannot be read", {
        key,
        reason: textOf(error),
      });
    }
  }

  #tell(event: AlertEvent): void {
    this.#around.log(levelOf(event), eventText(event));
    try {
      this.#settings.onAlert?.(event);
    } catch (error) {
      this.#around.log("error", "whoever is told of alerts failed", { error: textOf(error) });
    }
  }
}

function levelOf(event: AlertEvent): "debug" | "info" | "warn" | "error" {
  if (event.type === "suppressed") return "debug";
  if (event.type !== "fired") return "info";
  return event.severity === "page" ? "error" : event.severity === "ticket" ? "warn" : "info";
}

/** What makes a book worth writing again: values and summaries move at every look, these do not. */
function marksOf(book: AlertBook): string {
  const marks = ({ id, state, startedAt, notified, acknowledged, mutedBy }: Alert) =>
    [id, state, startedAt, notified, acknowledged?.at, mutedBy].join();
  const [last] = book.past(1);
  return [...book.active(), ...last === undefined ? [] : [last]].map(marks).join(";");
}

const textOf = (error: unknown) => error instanceof Error ? error.message : String(error);
