/**
 * What outlives the process: put together, and checked when it is read.
 *
 * Entries of the cache are not in it: after a restart they are heard of again, or are not there.
 *
 * @module
 */

import { shown, WarmError } from "./error.ts";
import type { Outcomes } from "./outcomes.ts";
import { KINDS_MAX } from "./planner.ts";
import { RELIABILITY_NUMBERS } from "./reliability.ts";
import type { WarmingParts } from "./report.ts";
import type { ThrottleSnapshot } from "./throttle.ts";
import { STRATEGY_NAMES, type StrategyName } from "./types.ts";
import type { WarmingSnapshot } from "./warming_types.ts";

/**
 * A clock that is put back makes what is learned stand still until it has caught up: for longer than
 * this, ms, learning anew is quicker.
 */
const AHEAD_MAX_MS = 86_400_000;

/** Of one strategy. */
interface SavedStrategy {
  readonly warmed: number;
  readonly used: number;
  readonly wasted: number;
  readonly keys: number;
  readonly calls: number;
  readonly throttle: ThrottleSnapshot;
  readonly reliability: readonly number[];
}

/** Of all. */
interface SavedOutcomes {
  readonly sinceMs: number;
  readonly accesses: number;
  readonly hits: number;
  readonly fresh: number;
  readonly reliability: readonly number[];
  readonly byStrategy: Readonly<Partial<Record<StrategyName, SavedStrategy>>>;
  readonly callMs: Readonly<Record<string, number>>;
  /** When calls of the last minute began. */
  readonly callsBeganMs: readonly number[];
}

/** See `Warming.snapshot`. */
export function snapshotOf(parts: WarmingParts, sinceMs: number, nowMs: number): WarmingSnapshot {
  const { outcomes, sources, predictive, planner, budget } = parts;
  const { accesses, hits, fresh, reliability } = outcomes;
  const byStrategy = Object.fromEntries(STRATEGY_NAMES.map((name) => {
    const { totals, throttle, reliability } = outcomes.by[name];
    const { warmed, used, wasted, keys, calls } = totals;
    return [name, {
      // Entries that are open now are never heard of again: they are neither used nor wasted.
      ...{ warmed, used, wasted, keys, calls },
      throttle: throttle.snapshot(),
      reliability: reliability.snapshot(),
    }];
  }));
  const saved: SavedOutcomes = {
    sinceMs,
    accesses,
    hits,
    fresh,
    reliability: reliability.snapshot(),
    byStrategy,
    callMs: planner.callMs,
    callsBeganMs: budget.began(nowMs),
  };
  return {
    version: 1,
    atMs: nowMs,
    parts: {
      statistics: sources.statistics.snapshot(nowMs),
      chance: sources.chance.snapshot(nowMs),
      successors: predictive?.snapshot() ?? null,
      outcomes: saved,
    },
  };
}

/**
 * See `Warming.restore`. Returns since when outcomes are counted.
 *
 * @throws {WarmError} code `snapshot`.
 */
export function restoreParts(
  parts: WarmingParts,
  snapshot: WarmingSnapshot,
  nowMs: number,
): number {
  const { sources, predictive, planner } = parts;
  // Checked from outside: a type says nothing about bytes.
  const { version, atMs, parts: saved } = snapshot as Record<keyof WarmingSnapshot, unknown>;
  if (version !== 1) throw wrong("expected version 1", version);
  if (numberOf("atMs", atMs) > nowMs + AHEAD_MAX_MS) {
    throw wrong(`expected a time up to a day after ${nowMs}`, atMs);
  }
  const given = objectOf("parts", saved);
  const outcomes = checkedOutcomes(given.outcomes);
  const from = sources.statistics.restore(given.statistics, nowMs);
  sources.chance.restore(given.chance, from, nowMs);
  // Rows point to slots: where slots have moved, what follows what is learned again.
  if (from.every((old, slot) => old < 0 || old === slot)) predictive?.restore(given.successors);
  restoreOutcomes(parts.outcomes, outcomes, nowMs);
  parts.budget.restore(outcomes.callsBeganMs, nowMs);
  planner.restoreCallMs(outcomes.callMs);
  return outcomes.sinceMs;
}

function restoreOutcomes(outcomes: Outcomes, saved: SavedOutcomes, nowMs: number): void {
  outcomes.accesses = saved.accesses;
  outcomes.hits = saved.hits;
  outcomes.fresh = saved.fresh;
  outcomes.reliability.restore(saved.reliability);
  for (const name of STRATEGY_NAMES) {
    const one = saved.byStrategy[name];
    if (one === undefined) continue;
    const { throttle, reliability, totals } = outcomes.by[name];
    Object.assign(totals, {
      warmed: one.warmed,
      used: one.used,
      wasted: one.wasted,
      keys: one.keys,
      calls: one.calls,
    });
    throttle.restore(one.throttle, nowMs);
    reliability.restore(one.reliability);
  }
}

function checkedOutcomes(value: unknown): SavedOutcomes {
  const given = objectOf("outcomes", value);
  const byStrategy = objectOf("byStrategy", given.byStrategy);
  const callMs = Object.entries(objectOf("callMs", given.callMs)).slice(0, KINDS_MAX);
  return {
    sinceMs: numberOf("sinceMs", given.sinceMs),
    accesses: numberOf("accesses", given.accesses),
    hits: numberOf("hits", given.hits),
    fresh: numberOf("fresh", given.fresh),
    reliability: reliabilityOf(given.reliability),
    byStrategy: Object.fromEntries(
      STRATEGY_NAMES.filter((name) => Object.hasOwn(byStrategy, name))
        .map((name) => [name, strategyOf(byStrategy[name])]),
    ),
    callMs: Object.fromEntries(callMs.map(([kind, ms]) => [kind, numberOf("callMs", ms)])),
    callsBeganMs: callsOf(given.callsBeganMs),
  };
}

function strategyOf(value: unknown): SavedStrategy {
  const given = objectOf("strategy", value);
  const throttle = objectOf("throttle", given.throttle);
  const { state } = throttle;
  if (state !== "open" && state !== "closed" && state !== "probing") {
    throw wrong("expected a throttle's state", state);
  }
  const of = (name: string) => numberOf(name, given[name]);
  const ofThrottle = (name: string) => numberOf(name, throttle[name]);
  return {
    warmed: of("warmed"),
    used: of("used"),
    wasted: of("wasted"),
    keys: of("keys"),
    calls: of("calls"),
    throttle: {
      used: ofThrottle("used"),
      count: ofThrottle("count"),
      maturedUsed: ofThrottle("maturedUsed"),
      maturedCount: ofThrottle("maturedCount"),
      state,
      sinceMs: ofThrottle("sinceMs"),
      probeAtMs: ofThrottle("probeAtMs"),
      backOffMs: ofThrottle("backOffMs"),
    },
    reliability: reliabilityOf(given.reliability),
  };
}

/** The budget has its own bound. */
function callsOf(value: unknown): readonly number[] {
  if (!Array.isArray(value)) throw wrong("expected times of calls", typeof value);
  return value.map((one) => numberOf("callsBeganMs", one));
}

function reliabilityOf(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length !== RELIABILITY_NUMBERS) {
    throw wrong(`expected ${RELIABILITY_NUMBERS} numbers of reliability`, typeof value);
  }
  return value.map((one) => numberOf("reliability", one));
}

function numberOf(what: string, value: unknown): number {
  if (typeof value === "number" && value >= 0 && Number.isFinite(value)) return value;
  throw wrong(`expected a number from 0 for ${what}`, value);
}

function objectOf(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw wrong(`expected an object for ${what}`, value);
}

const wrong = (expected: string, value: unknown) =>
  new WarmError(
    "snapshot",
    `Cannot restore what warming saved: ${expected}: current value is ${shown(value)}`,
  );
