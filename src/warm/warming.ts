/**
 * Warming: loads keys into the cache before they are asked for. One object, pure: it hears of
 * accesses and stored entries, is told the time, and loads through its ports.
 *
 * ```
 * accessed ─▶ statistics, chances, successors      stored ─▶ credit, timers
 *                   │                                          │
 * tick ─▶ cycles ───┤                                          │ where an entry ends
 *                   ▼                                          ▼
 *               strategies ──▶ wishes (chance ≥ floor?) ◀── renewal
 *                                  │
 *                                  ▼
 *                planner: lanes by kind, one budget ──▶ ports.load ──▶ stored …
 *
 * credit ─▶ outcomes: totals, precision ─▶ throttle, reliability ─▶ correction of chances
 * ```
 *
 * ## Cost
 * `accessed` and `stored` are O(1). `tick` is O(what is due); a cycle ranks all tracked keys, some
 * 5 ms for 20,000. Memory is bounded by `keysMax` and the bounds of each part.
 *
 * @module
 */

import { kindOfKey } from "../cache/key.ts";
import { Budget } from "./budget.ts";
import { Credit } from "./credit.ts";
import { Cycles, reportOf } from "./cycles.ts";
import { Experiment } from "./experiment.ts";
import { keyOfId, Outcomes } from "./outcomes.ts";
import { Planner, type PlannerListener, type Wanted } from "./planner.ts";
import { Predictive } from "./predictive.ts";
import { Renewal } from "./renewal.ts";
import { patternsOf, statsOf, statusOf, type WarmingParts } from "./report.ts";
import { type WarmingSettings, warmingSettings } from "./settings.ts";
import { restoreParts, snapshotOf } from "./snapshot.ts";
import type { WarmingSources } from "./sources.ts";
import { accessSources } from "./sources_real.ts";
import { isCycleStrategy } from "./strategies.ts";
import type { Access, StoredEntry, StrategyName, WarmOutcome } from "./types.ts";
import type {
  RunResult,
  WarmingOptions,
  WarmingPatterns,
  WarmingPause,
  WarmingPorts,
  WarmingSnapshot,
  WarmingStats,
  WarmingStatus,
} from "./warming_types.ts";
import { strategyView } from "./view.ts";
import { Wishes, type WishResult } from "./wishes.ts";

export * from "./warming_types.ts";
export * from "./settings.ts";

/** A key that does not exist upstream is not asked for again so soon, ms. */
const MISSING_PAUSE_MS = 3_600_000;

/** Entries that are looked for in the cache at a tick, as long as there is no room: some 0.3 ms. */
const RECOUNTED_PER_TICK = 1_024;
/** Of what ends so soon nobody can say whether it has ended or was evicted, ms. */
const RECOUNT_LEFT_MIN_MS = 1_000;

/** See the head of this file. */
export class Warming {
  readonly #ports: WarmingPorts;
  readonly #settings: WarmingSettings;
  readonly #sources: WarmingSources;
  readonly #outcomes: Outcomes;
  readonly #credit: Credit;
  readonly #experiment: Experiment | null;
  readonly #planner: Planner;
  readonly #wishes: Wishes;
  readonly #renewal: Renewal;
  readonly #cycles: Cycles;
  readonly #parts: WarmingParts;
  /** Null: no variant guesses what is read next. */
  readonly #predictive: Predictive | null;
  /** The id that is recounted next. */
  #recountAt = 0;
  /** The latest time that was heard of. */
  #nowMs: number;
  /** Since when outcomes are counted. */
  #sinceMs: number;
  #paused: WarmingPause | null = null;
  #isStopped = false;

  /**
   * Knows nothing yet.
   *
   * @throws {WarmError} code `settings` for a value out of bounds.
   */
  constructor(options: WarmingOptions) {
    const { ports, nowMs } = options;
    const settings = warmingSettings(options.settings);
    const { keysMax } = settings;
    this.#ports = ports;
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs;
    this.#experiment = settings.experiment === null
      ? null
      : new Experiment(settings.experiment, keysMax);
    const makeSources = options.sources ?? accessSources;
    this.#sources = makeSources({
      keysMax,
      hasUserPatterns: settings.hasUserPatterns,
      nowMs,
      random: options.random,
      marketOf: (key) => ports.marketOf(key),
      onTracked: (slot, key) => this.#tracked(slot, key),
      onReplaced: (slot) => this.#replaced(slot),
    });
    const { statistics, chance } = this.#sources;
    this.#outcomes = new Outcomes({
      experiment: this.#experiment,
      floorOf: (by) => settings.strategies[by].floor,
      keyOf: (id) => this.#keyOf(id),
    });
    const outcomes = this.#outcomes;
    this.#credit = new Credit({ slots: keysMax, startMs: nowMs, listener: outcomes });
    const credit = this.#credit;
    const budget = new Budget(settings);
    budget.restore(options.callsBeganMs ?? [], nowMs);
    this.#planner = new Planner({
      ports,
      budget,
      listener: this.#plannerListener(),
      timeoutMs: settings.timeoutMs,
    });
    const planner = this.#planner;
    this.#wishes = new Wishes({
      settings,
      ports,
      planner,
      credit,
      outcomes,
      experiment: this.#experiment,
      chance,
      slots: keysMax,
    });
    const wishes = this.#wishes;
    const isPredictive = settings.strategies.predictive.isEnabled ||
      settings.experiment !== null;
    this.#predictive = settings.isEnabled && isPredictive
      ? new Predictive({ settings, ports, statistics, credit, wishes, outcomes })
      : null;
    this.#renewal = new Renewal({
      settings,
      ports,
      sources: this.#sources,
      credit,
      wishes,
      throttle: outcomes.by.renewal.throttle,
      nowMs,
    });
    this.#cycles = new Cycles({
      settings,
      ports,
      statistics,
      view: strategyView({ sources: this.#sources, ports, wishes }),
      wishes,
      outcomes,
      nowMs,
    });
    this.#parts = {
      settings,
      ports,
      sources: this.#sources,
      outcomes,
      credit,
      budget,
      planner,
      cycles: this.#cycles,
      experiment: this.#experiment,
      predictive: this.#predictive,
      chanceWithinTtl: (slot, key, atMs) =>
        wishes.corrected("renewal", chance.chance(slot, atMs, ports.ttlMs(key, atMs).freshMs)),
    };
  }

  /** Hears of an access. O(1). */
  accessed(access: Access): void {
    const { answer } = access;
    if (access.atMs > this.#nowMs) this.#nowMs = access.atMs;
    // Of accesses made elsewhere it is told late: decayed sums that went back in time would swell.
    const atMs = this.#nowMs;
    const slot = this.#sources.statistics.record(access);
    const isHit = answer === "fresh" || answer === "stale";
    if (answer !== "elsewhere") {
      this.#outcomes.accesses++;
      if (isHit) this.#outcomes.hits++;
      if (answer === "fresh") this.#outcomes.fresh++;
    }
    if (slot < 0) return;
    this.#sources.chance.accessed(slot, atMs);
    this.#credit.accessed(slot, answer, atMs);
    if (answer !== "elsewhere") this.#experiment?.accessed(slot, isHit ? 1 : 0);
    this.#predictive?.accessed(access.user, slot, atMs, isHit);
    if (answer === "waited" && !this.#isStopped) this.#renewal.companions(access.key, atMs);
  }

  /** Hears that an entry was stored. O(1). */
  stored(entry: StoredEntry): void {
    const { key, atMs, weightBytes, strategy } = entry;
    if (atMs > this.#nowMs) this.#nowMs = atMs;
    const slot = this.#sources.statistics.slotOf(key);
    const id = this.#credit.stored(slot, entry);
    this.#planner.stored(key, kindOfKey(key), weightBytes, strategy !== null, atMs);
    if (id >= 0) this.#renewal.stored(id, atMs);
    if (slot < 0) return;
    this.#sources.statistics.stored(slot, strategy !== null);
    if (strategy === "predictive") this.#predictive?.fetched(slot);
  }

  /** Runs what is due and starts loads; every second and after each batch of accesses. */
  tick(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    this.#renewal.tick(nowMs);
    if (this.#isStopped || !this.#settings.isEnabled) return;
    this.#cycles.runDue(nowMs);
    this.#paused = this.#planner.pump(nowMs);
    if (this.#paused === "memory") this.#recount(nowMs);
  }

  /** Nobody tells of what was evicted: before its time is over, its room is found only by looking. */
  #recount(nowMs: number): void {
    const credit = this.#credit;
    for (let left = Math.min(RECOUNTED_PER_TICK, credit.ids); left > 0; left--) {
      const id = this.#recountAt;
      this.#recountAt = (id + 1) % credit.ids;
      if (!credit.isWarmed(id) || credit.softMs(id) < nowMs + RECOUNT_LEFT_MIN_MS) continue;
      if (this.#ports.freshLeftMs(this.#keyOf(id)) <= 0) credit.gone(id, nowMs);
    }
  }

  #keyOf(id: number): string {
    const { statistics } = this.#sources;
    return keyOfId(this.#credit, (slot) => statistics.keyAt(slot), id, this.#settings.keysMax);
  }

  /** Runs a strategy by hand, also one that is disabled or throttled. */
  run(strategy: StrategyName, nowMs: number): RunResult {
    const refused = (reason: "stopped" | "down" | "running"): RunResult => ({
      state: "refused",
      strategy,
      reason,
    });
    if (this.#isStopped) return refused("stopped");
    if (this.#ports.isDown()) return refused("down");
    if (this.#cycles.isRunning(strategy)) return refused("running");
    if (isCycleStrategy(strategy)) {
      const report = this.#cycles.run(strategy, "hand", nowMs);
      this.#paused = this.#planner.pump(nowMs);
      return { state: "started", report };
    }
    const results = strategy === "renewal"
      ? this.#lookAtAll(nowMs)
      : this.#predictive?.again(nowMs) ?? [];
    const report = reportOf(strategy, nowMs, "hand", results);
    this.#cycles.noted(report);
    this.#paused = this.#planner.pump(nowMs);
    return { state: "started", report };
  }

  #lookAtAll(nowMs: number): readonly WishResult[] {
    const results: WishResult[] = [];
    for (let slot = 0; slot < this.#settings.keysMax; slot++) {
      if (this.#credit.isFresh(slot, nowMs)) continue;
      const result = this.#renewal.look(slot, nowMs, true);
      if (result !== null) results.push(result);
    }
    return results;
  }

  /** No new loads from now on; those under way end by themselves. Idempotent. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#paused = "stopped";
    this.#predictive?.stop();
    this.#planner.stop(this.#nowMs);
  }

  /** Sectors of symbols, for those that the ports do not know; they replace those given before. */
  setSectors(sectors: Readonly<Record<string, string>>): void {
    this.#sources.statistics.setSectors(sectors);
  }

  /** What it did. */
  stats(nowMs: number): WarmingStats {
    return statsOf(this.#parts, this.#sinceMs, nowMs);
  }

  /**
   * Another number of provider calls a minute; those of the last one still count.
   *
   * @throws {WarmError} code `settings` for one out of bounds.
   */
  setCallsPerMinute(callsPerMinute: number, nowMs: number): void {
    warmingSettings({ callsPerMinute });
    this.#parts.budget.setCallsPerMinute(callsPerMinute, nowMs);
  }

  /** What it is doing. */
  status(nowMs: number): WarmingStatus {
    const paused = this.#settings.isEnabled || this.#isStopped ? this.#paused : "disabled";
    return statusOf(this.#parts, paused, nowMs);
  }

  /** What is asked for. O(keysMax). */
  patterns(nowMs: number): WarmingPatterns {
    return patternsOf(this.#parts, nowMs);
  }

  /** What is to be saved, every 15 minutes and at the stop. O(keysMax). */
  snapshot(nowMs: number): WarmingSnapshot {
    return snapshotOf(this.#parts, this.#sinceMs, nowMs);
  }

  /**
   * Goes on from a snapshot, decayed by the time that has passed; once, before anything else. What is
   * worth it is loaded from the first tick on.
   *
   * @throws {WarmError} code `snapshot` for one that is none. Parts that were good until then stay
   * restored; what is not there is learned again.
   */
  restore(snapshot: WarmingSnapshot, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#sinceMs = restoreParts(this.#parts, snapshot, nowMs);
    this.#renewal.restart(nowMs);
  }

  /** The clean-up at midnight: forgets what has faded. O(keysMax). */
  daily(nowMs: number): void {
    this.#sources.statistics.daily(nowMs);
    this.#outcomes.daily();
  }

  #tracked(slot: number, key: string): void {
    this.#sources.chance.tracked(slot, key, this.#nowMs);
    this.#experiment?.tracked(slot, key);
    const id = this.#credit.tracked(slot, key);
    if (id < 0) this.#renewal.tracked(slot, this.#nowMs);
    else {
      this.#renewal.forget(id);
      this.#renewal.stored(slot, this.#nowMs);
    }
  }

  #replaced(slot: number): void {
    const nowMs = this.#nowMs;
    const { statistics } = this.#sources;
    const id = this.#credit.replaced(slot, () => statistics.keyAt(slot), nowMs);
    this.#renewal.forget(slot);
    if (id >= 0) this.#renewal.stored(id, nowMs);
    this.#predictive?.forget(slot);
    this.#wishes.forget(slot);
  }

  #plannerListener(): PlannerListener {
    return {
      bytes: () => this.#credit.bytes,
      // The new value takes the room of the old one.
      hasRoom: (wanted) => {
        const slot = this.#slotOf(wanted);
        return slot >= 0 && this.#credit.isWarmed(slot);
      },
      asked: (wanted) => this.#credit.asked(this.#slotOf(wanted), wanted.key, wanted),
      called: (keys) => {
        const [first] = keys;
        if (first !== undefined) this.#outcomes.by[first.strategy].totals.calls++;
      },
      settled: (wanted, outcome, nowMs) => this.#settled(wanted, outcome, nowMs),
    };
  }

  #settled(wanted: Wanted, outcome: WarmOutcome | "late", nowMs: number): void {
    const { strategy, key } = wanted;
    const slot = this.#slotOf(wanted);
    this.#wishes.forget(slot);
    if (wanted.isOfCycle) this.#cycles.settled(strategy);
    if (outcome === "loaded" || outcome === "missing") {
      this.#outcomes.by[strategy].totals.keys++;
      this.#experiment?.counted(key, "keys", 1);
    }
    if (slot < 0) {
      if (outcome === "missing") this.#wishes.missing(key, nowMs + MISSING_PAUSE_MS);
      return;
    }
    if (outcome === "missing") this.#renewal.again(slot, nowMs + MISSING_PAUSE_MS);
    else if (outcome === "fresh" && !this.#credit.isFresh(slot, nowMs)) {
      // The cache knew better: it was stored before this began, or the note of it was lost.
      this.#renewal.again(slot, nowMs + this.#ports.freshLeftMs(key));
    }
  }

  /** The slot of a key that was wanted: it may have got one, or another one, since. */
  #slotOf({ key }: Wanted): number {
    return this.#sources.statistics.slotOf(key);
  }
}
