/**
 * Warming as it is deployed in the rig: fed from the log, ticked every second, saved every 15 minutes,
 * cleaned up at midnight in New York.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { calendarDay } from "../../src/market/calendar.ts";
import type { Access, StoredEntry, StrategyName } from "../../src/warm/types.ts";
import { STRATEGY_NAMES } from "../../src/warm/types.ts";
import {
  type ReliabilityBucket,
  type StrategySettings,
  Warming,
  WARMING_DEFAULTS,
  type WarmingOverrides,
  type WarmingPorts,
  type WarmingSnapshot,
  type WarmingStats,
} from "../../src/warm/warming.ts";
import { verify } from "../support/workload.ts";
import { CalibrationLooks } from "./calibration_figures.ts";
import { playRig, type RigOptions, type RigResult, type Warmer } from "./rig.ts";
import type { Workload } from "./workloads.ts";

const SNAPSHOT_EVERY_MS = 15 * 60_000;

/** A play, and what warming says of itself. */
export interface WarmingResult extends RigResult {
  readonly stats: WarmingStats;
  /** How chances came true, over all of it. */
  readonly reliability: readonly ReliabilityBucket[];
  /** As of its end. */
  readonly snapshot: WarmingSnapshot;
}

/** What warming is set to, and what it knows at the beginning. */
export interface WarmingStart {
  readonly settings?: WarmingOverrides;
  readonly snapshot?: WarmingSnapshot;
}

/** A {@linkcode Warmer} around `Warming`. */
export class WarmingSide implements Warmer {
  readonly warming: Warming;
  /** What it said of itself at the beginning: what another process had done, whose snapshot it has. */
  readonly before: WarmingStats;
  /** How chances came true. */
  readonly looks = new CalibrationLooks();
  #day: number;
  #snapshotAtMs: number;

  /** Begins at `ports.nowMs()`. */
  constructor(ports: WarmingPorts, seed: number, { settings, snapshot }: WarmingStart) {
    const nowMs = ports.nowMs();
    this.warming = new Warming({
      ports,
      random: seededRandom(seed),
      nowMs,
      ...(settings === undefined ? {} : { settings }),
    });
    if (snapshot !== undefined) this.warming.restore(snapshot, nowMs);
    this.before = this.warming.stats(nowMs);
    this.#day = calendarDay("nyse", nowMs);
    this.#snapshotAtMs = nowMs + SNAPSHOT_EVERY_MS;
  }

  accessed(access: Access): void {
    this.warming.accessed(access);
  }

  stored(entry: StoredEntry): void {
    this.warming.stored(entry);
  }

  tick(nowMs: number): void {
    const day = calendarDay("nyse", nowMs);
    if (day !== this.#day) this.warming.daily(nowMs);
    this.#day = day;
    if (nowMs >= this.#snapshotAtMs) {
      this.#snapshotAtMs += SNAPSHOT_EVERY_MS;
      this.warming.snapshot(nowMs);
      const { reliability, totalWarmed } = this.warming.stats(nowMs);
      this.looks.add(reliability, totalWarmed - this.before.totalWarmed);
    }
    this.warming.tick(nowMs);
  }
}

/**
 * Plays a workload with warming.
 *
 * @throws {Error} as `playRig`, and when warming counts otherwise than the bench.
 */
export async function playWarming(
  workload: Workload,
  options: Omit<RigOptions, "warmer">,
  start: WarmingStart = {},
): Promise<WarmingResult> {
  let side: WarmingSide | null = null;
  const warmer = (ports: WarmingPorts) => side = new WarmingSide(ports, options.seed, start);
  const result = await playRig(workload, { ...options, warmer });
  if (side === null) throw new Error("Cannot play: expected a warmer");
  const { warming, before, looks }: WarmingSide = side;
  const nowMs = result.endMs;
  const stats = warming.stats(nowMs);
  const since = (of: (one: WarmingStats) => number) => of(stats) - of(before);
  verify("entries warmed, by warming", since((one) => one.totalWarmed), result.credit.warmed);
  verify("accesses, by warming", since((one) => one.accesses), result.seen.requests);
  verify("hits, by warming", since((one) => one.hits), result.seen.served);
  return { ...result, stats, reliability: looks.buckets(), snapshot: warming.snapshot(nowMs) };
}

/** Settings with one strategy alone. */
export function alone(name: StrategyName): WarmingOverrides {
  return strategies((one) => ({ isEnabled: one === name }));
}

/** Settings with all strategies, none of them below a floor of its own or this one. */
export function atFloor(floor: number): WarmingOverrides {
  return strategies((one) => ({ floor: Math.max(floor, WARMING_DEFAULTS.strategies[one].floor) }));
}

/** Settings with renewal at this floor, and others as by default. */
export function renewalAt(floor: number): WarmingOverrides {
  return { strategies: { renewal: { floor } } };
}

function strategies(
  of: (name: StrategyName) => Partial<StrategySettings>,
): WarmingOverrides {
  return { strategies: Object.fromEntries(STRATEGY_NAMES.map((name) => [name, of(name)])) };
}
