/**
 * What a monitor does about tuning: it reads each snapshot, lets the tuner decide, has the knobs set by
 * those who have them, tells of every change with its evidence, and keeps the log in the store.
 *
 * Whoever has a knob may be down, or refuse: a change that cannot be made ends as one that did not
 * help, and the value before is set again, since some of several shards may have taken it.
 *
 * As with alerts, what was kept is asked for until the store answers, for {@linkcode RESTORE_MAX_MS}
 * at most; nothing is changed before.
 *
 * @module
 */

import type { DeskSurroundings } from "./desk.ts";
import { RESTORE_MAX_MS, SAVE_EVERY_MS } from "./alert_desk.ts";
import type { Sample } from "./samples.ts";
import type { MetricsSnapshot } from "./snapshot.ts";
import { type Knob, Tuner, TUNING_TIMES, type TuningEntry, type TuningTimes } from "./tuning.ts";
import type { KnobBounds } from "./tuning_bounds.ts";
import { knobValues, type TuningFocus, tuningSamples } from "./tuning_inputs.ts";
import { TUNING_WINDOWS, TuningReadings, type TuningWindows } from "./tuning_readings.ts";
import { type TuningRuleOptions, WickTuningRules } from "./tuning_rules.ts";
import {
  type KeptTuning,
  KNOB_UNITS,
  type KnobAnswer,
  type KnobView,
  type TuningEvent,
  tuningText,
  type TuningView,
} from "./tuning_view.ts";

/** A knob, and who has it. */
export interface KnobPort {
  /** Which one. */
  readonly knob: Knob;
  /** Whether it may be changed. */
  readonly isOn: boolean;
  /** Between which values. */
  readonly bounds: KnobBounds;
  /** Sets it; rejects when whoever has it does not answer. */
  readonly set: (value: number) => Promise<KnobAnswer>;
}

/** Where the log is kept. */
export interface TuningStore {
  /** The record; null = there is none. Rejects when the store does not answer. */
  readonly get: () => Promise<string | null>;
  /** Writes it; rejects when it is not taken. */
  readonly put: (json: string) => Promise<void>;
  /** Checks what was kept; throws for what is none. */
  readonly read: (json: unknown) => KeptTuning;
}

/** How tuning is set up. */
export interface TuningSettings {
  /** Whether anything is changed. */
  readonly isOn: boolean;
  /** Those that there are. */
  readonly knobs: readonly KnobPort[];
  /** How the rules are set. */
  readonly rules: TuningRuleOptions;
  /** Whose figures count. */
  readonly focus: TuningFocus;
  /** Default {@linkcode TUNING_TIMES}. */
  readonly times?: TuningTimes;
  /** Default {@linkcode TUNING_WINDOWS}. */
  readonly windows?: TuningWindows;
  /** Least time between two steps of the tuner, ms; default {@linkcode STEP_MS}. */
  readonly stepMs?: number;
  /** Where the log is kept; null = nowhere. */
  readonly store: TuningStore | null;
  /** Told of every change, after the log; what it throws is logged. */
  readonly onTuning?: (event: TuningEvent) => void;
}

/** What comes back in a turn of its own. */
export type TuningNews =
  /** What the store had kept; `error`: it did not answer. */
  | { readonly type: "kept"; readonly error: string | null; readonly json: string | null }
  /** A knob was set; `error`: it was not, or perhaps not. */
  | {
    readonly type: "set";
    readonly knob: Knob;
    readonly to: number;
    readonly error: string | null;
  };

/** What the monitor lends. */
export interface TuningSurroundings extends DeskSurroundings {
  /** Takes news; they come back to {@linkcode TuningDesk.heard} in a turn of their own. */
  readonly answer: (news: TuningNews) => void;
}

/** As often as the monitor looks unless told otherwise: a watched one looks more often. */
export const STEP_MS = 5_000;
/** A look comes a little early or late. */
const STEP_SLACK = 0.9;
/** Times that a value before is set again when its owner does not answer: a minute of steps. */
const UNDO_TRIES_MAX = 12;

/** A value that is being set, or has to be. */
interface Setting {
  readonly kind: "change" | "undo";
  readonly from: number;
  readonly to: number;
  readonly tries: number;
  /** Its owner was asked and has not answered. */
  isAsked: boolean;
}

/** See the head of this file. */
export class TuningDesk {
  readonly #settings: TuningSettings;
  readonly #around: TuningSurroundings;
  readonly #readings: TuningReadings;
  readonly #startMs: number;
  readonly #setting = new Map<Knob, Setting>();
  #rules: WickTuningRules;
  #tuner: Tuner;
  #values: Partial<Record<Knob, number>> = {};
  #isOpen: boolean;
  #isAsking = false;
  #isSaving = false;
  /** The store refused the last save: told once. */
  #isRefused = false;
  #retryMs = -Infinity;
  #stepMs = -Infinity;
  /** Marks of the log as it was written last. */
  #saved = "";

  /**
   * One that has seen nothing.
   *
   * @throws {RangeError} for bounds or scaling that cannot be.
   */
  constructor(settings: TuningSettings, around: TuningSurroundings) {
    this.#settings = settings;
    this.#around = around;
    this.#readings = new TuningReadings(settings.focus, settings.windows ?? TUNING_WINDOWS);
    this.#startMs = around.clock.now();
    [this.#rules, this.#tuner] = this.#newTuner();
    this.#isOpen = settings.store === null;
  }

  /** Decides, and sets what was decided; gives the measurements of tuning. */
  look(snapshot: MetricsSnapshot): Sample[] {
    const { nowMs } = snapshot;
    const { isOn, focus, stepMs = STEP_MS } = this.#settings;
    this.#values = knobValues(snapshot, focus);
    if (!this.#isOpen) {
      if (nowMs - this.#startMs < RESTORE_MAX_MS) this.#ask();
      else {
        this.#isOpen = true;
        this.#around.log("warn", "tuning begins without its log: the store does not answer");
      }
    }
    if (isOn && this.#isOpen && nowMs - this.#stepMs >= STEP_SLACK * stepMs) this.#step(snapshot);
    if (nowMs >= this.#retryMs) void this.save();
    const own = this.#settings.knobs.map(({ knob }) => [knob, this.#values[knob]] as const);
    const known = own.filter(([, value]) => value !== undefined);
    return tuningSamples(this.#tuner.ended, Object.fromEntries(known));
  }

  /** News have come. */
  heard(news: TuningNews): void {
    if (news.type === "kept") this.#restored(news);
    else this.#answered(news);
  }

  /** How it is. */
  view(): TuningView {
    const { clock } = this.#around;
    const [nowMs, at] = [clock.now(), clock.wallNow()];
    const { isOn, knobs, times = TUNING_TIMES } = this.#settings;
    const { rests } = this.#tuner.snapshot(nowMs);
    const log = this.#tuner.log;
    return {
      isOn,
      knobs: knobs.map(({ knob, isOn: isKnobOn, bounds: { min, max } }): KnobView => {
        const trial = log.find((entry) => entry.knob === knob && entry.outcome === "trial");
        return {
          ...{ knob, unit: KNOB_UNITS[knob], isOn: isOn && isKnobOn, min, max },
          value: this.#values[knob] ?? null,
          trial: trial === undefined
            ? null
            : { id: trial.id, endsAt: trial.at + times.trialMs[knob] },
          resting: rests.filter((rest) => rest.knob === knob && rest.leftMs > 0)
            .map(({ direction, leftMs, failures }) => ({
              direction: direction > 0 ? "up" : "down",
              until: at + Math.round(leftMs),
              failures,
            })),
        };
      }),
      log: log.toReversed(),
    };
  }

  /** Writes the log when it changed; never throws. While one is under way another does nothing. */
  async save(): Promise<void> {
    const { store } = this.#settings;
    const { clock } = this.#around;
    if (store === null || !this.#isOpen || this.#isSaving) return;
    const marks = marksOf(this.#tuner);
    if (marks === this.#saved) return;
    this.#isSaving = true;
    try {
      await store.put(JSON.stringify(this.#snapshot()));
      this.#saved = marks;
      this.#isRefused = false;
    } catch (error) {
      const reason = textOf(error);
      if (!this.#isRefused) {
        this.#around.log("info", "the log of tuning could not be kept", { reason });
      }
      this.#isRefused = true;
      this.#retryMs = clock.now() + SAVE_EVERY_MS;
    } finally {
      this.#isSaving = false;
    }
  }

  // ---- deciding -----------------------------------------------------------------------------------

  #step(snapshot: MetricsSnapshot): void {
    const { nowMs, at } = snapshot;
    this.#stepMs = nowMs;
    const reading = this.#readings.read(snapshot);
    this.#undoAgain();
    const values: Partial<Record<Knob, number>> = {};
    for (const { knob, isOn } of this.#settings.knobs) {
      const value = this.#values[knob];
      // While it is being set nobody knows what it is.
      if (isOn && value !== undefined && !this.#setting.has(knob)) values[knob] = value;
    }
    const trials = this.#trials();
    const actions = this.#tuner.step(nowMs, at, reading, values);
    this.#tellEnded(trials);
    for (const { kind, knob, from, to, entry } of actions) {
      if (kind === "change") this.#tell(entry);
      this.#set(knob, { kind, from, to, tries: 1, isAsked: false });
    }
  }

  #trials(): ReadonlySet<number> {
    const trials = this.#tuner.log.filter(({ outcome }) => outcome === "trial");
    return new Set(trials.map(({ id }) => id));
  }

  #tellEnded(trials: ReadonlySet<number>): void {
    for (const entry of this.#tuner.log) {
      if (trials.has(entry.id) && entry.outcome !== "trial") this.#tell(entry);
    }
  }

  #tell(entry: TuningEntry): void {
    const { id, evidence, expected } = entry;
    this.#around.log("info", `tuning: ${tuningText(entry)}`, { id, evidence, expected });
    try {
      this.#settings.onTuning?.({ at: this.#around.clock.wallNow(), entry });
    } catch (error) {
      this.#around.log("error", "whoever is told of tuning failed", { error: textOf(error) });
    }
  }

  // ---- setting ------------------------------------------------------------------------------------

  #set(knob: Knob, setting: Setting): void {
    const port = this.#settings.knobs.find((one) => one.knob === knob);
    if (port === undefined) return;
    setting.isAsked = true;
    this.#setting.set(knob, setting);
    const { to } = setting;
    const answer = (error: string | null) => this.#around.answer({ type: "set", knob, to, error });
    Promise.try(port.set, to).then(
      (came) => answer(came.state === "set" ? null : came.reason),
      (error) => answer(textOf(error)),
    );
  }

  #answered({ knob, to, error }: Extract<TuningNews, { type: "set" }>): void {
    const setting = this.#setting.get(knob);
    if (setting === undefined || setting.to !== to) return;
    this.#setting.delete(knob);
    if (error === null) return;
    const { kind, from, tries } = setting;
    this.#around.log("warn", `tuning: ${knob} could not be set`, { to, reason: error });
    if (kind === "change") {
      const trials = this.#trials();
      this.#tuner.failed(this.#around.clock.now(), knob, `it could not be set: ${error}`);
      this.#tellEnded(trials);
      this.#set(knob, { kind: "undo", from: to, to: from, tries: 1, isAsked: false });
    } else if (tries < UNDO_TRIES_MAX) {
      this.#setting.set(knob, { kind, from, to, tries: tries + 1, isAsked: false });
    }
  }

  /** A change that did not help has to be undone, also when its owner was down just then. */
  #undoAgain(): void {
    for (const [knob, setting] of [...this.#setting]) {
      if (setting.isAsked) continue;
      if (this.#values[knob] === setting.to) this.#setting.delete(knob);
      else this.#set(knob, setting);
    }
  }

  // ---- what is kept -------------------------------------------------------------------------------

  #newTuner(): [WickTuningRules, Tuner] {
    const { rules: options, knobs, times } = this.#settings;
    const rules = new WickTuningRules(options);
    const bounds = Object.fromEntries(
      knobs.filter(({ isOn }) => isOn).map(({ knob, bounds }) => [knob, bounds]),
    );
    return [rules, new Tuner({ rules, bounds, ...(times === undefined ? {} : { times }) })];
  }

  #snapshot(): KeptTuning {
    const { clock } = this.#around;
    return {
      version: 1,
      at: clock.wallNow(),
      tuner: this.#tuner.snapshot(clock.now()),
      scaling: this.#rules.snapshot(),
    };
  }

  #ask(): void {
    const { store } = this.#settings;
    if (this.#isAsking || store === null) return;
    this.#isAsking = true;
    store.get().then(
      (json) => this.#around.answer({ type: "kept", error: null, json }),
      (error) => this.#around.answer({ type: "kept", error: textOf(error), json: null }),
    );
  }

  #restored({ error, json }: Extract<TuningNews, { type: "kept" }>): void {
    this.#isAsking = false;
    const { store } = this.#settings;
    if (this.#isOpen || error !== null || store === null) return;
    this.#isOpen = true;
    if (json === null) return;
    try {
      this.#restore(store.read(JSON.parse(json)));
    } catch (error) {
      // What cannot be read costs what was known, not the tuning to come.
      [this.#rules, this.#tuner] = this.#newTuner();
      this.#around.log("warn", "the log of tuning cannot be read", { reason: textOf(error) });
    }
  }

  #restore({ at, tuner, scaling }: KeptTuning): void {
    const { clock } = this.#around;
    // A wall clock that was set back makes no rest longer.
    const passedMs = Math.max(0, clock.wallNow() - at);
    const rests = tuner.rests.map(({ leftMs, ...rest }) => ({
      ...rest,
      leftMs: Math.max(0, leftMs - passedMs),
    }));
    this.#tuner.restore(clock.now(), { ...tuner, rests });
    this.#rules.restore(scaling);
  }
}

/** What makes a log worth writing again. */
function marksOf(tuner: Tuner): string {
  return tuner.log.map(({ id, outcome }) => `${id} ${outcome}`).join();
}

const textOf = (error: unknown) => error instanceof Error ? error.message : String(error);
