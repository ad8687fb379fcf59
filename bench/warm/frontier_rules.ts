/**
 * The two rules that are compared by counting: the simple predictor of the README of the workloads,
 * and the chance of use.
 *
 * @module
 */

import { ChanceOfUse } from "../../src/warm/chance.ts";
import type { FrontierCount, FrontierRule, MakeRule, ValueEnd } from "./frontier_count.ts";
import { CALENDAR_OF, symbolOf } from "./workloads.ts";

const HALF_HOUR_MS = 30 * 60_000;

/** At expiry, refresh when 1 − exp(−rate · TTL) ≥ floor; rate decays over 30 min. */
export function simpleRule(floor: number): MakeRule {
  return (count) => {
    const rates = new Float64Array(count.keys.length);
    const lastMs = new Float64Array(count.keys.length);
    const rateAt = (id: number, atMs: number) =>
      (rates[id] as number) * Math.exp(-(atMs - (lastMs[id] as number)) / HALF_HOUR_MS);
    return {
      accessed(id, atMs) {
        rates[id] = rateAt(id, atMs) + 1 / HALF_HOUR_MS;
        lastMs[id] = atMs;
      },
      ended(id, atMs, end) {
        if (end === "hard") return;
        const windowMs = count.ttlMs(id, atMs);
        const chance = 1 - Math.exp(-rateAt(id, atMs) * windowMs);
        if (chance >= floor) count.warm(id, atMs, chance, windowMs);
      },
    };
  };
}

/**
 * One floor at both ends of a value, each time for the window that a new one would stand for:
 *
 * - when it is not fresh any more: asked for within the TTL
 * - when it is not served any more: asked for within twice the TTL, as long as the new one is
 *   served. It costs less and helps more: a renewal at the soft end is for those only who would
 *   have been answered with the stale value, one at the hard end is for those who would have waited
 * - and when another kind of its symbol is asked for and it is not fresh, or was never there.
 */
export class ChanceRule implements FrontierRule {
  readonly chances: ChanceOfUse;
  readonly #count: FrontierCount;
  readonly #floor: number;
  readonly #softFloor: number;
  readonly #isTracked: Uint8Array;

  /** Learns from nothing but what it is told. The soft end may have a floor of its own. */
  constructor(count: FrontierCount, floor: number, softFloor = floor) {
    const { universe } = count.workload;
    this.#count = count;
    this.#floor = floor;
    this.#softFloor = softFloor;
    this.#isTracked = new Uint8Array(count.keys.length);
    this.chances = new ChanceOfUse({
      keysMax: count.keys.length,
      marketOf(key) {
        const found = universe.get(symbolOf(key));
        if (found === undefined) return null;
        return { calendar: CALENDAR_OF[found.asset], sector: found.sector };
      },
    });
  }

  accessed(id: number, atMs: number): void {
    const key = this.#count.keys[id] ?? "";
    if (this.#isTracked[id] === 0) {
      this.#isTracked[id] = 1;
      this.chances.tracked(id, key, atMs);
    }
    this.chances.accessed(id, atMs);
    for (const other of this.#companionsOf(key)) {
      if (other === id || this.#count.isFresh(other, atMs)) continue;
      this.#consider(other, atMs, this.#count.ttlMs(other, atMs), this.#floor);
    }
  }

  ended(id: number, atMs: number, end: ValueEnd): void {
    const ttlMs = this.#count.ttlMs(id, atMs);
    if (end === "soft") this.#consider(id, atMs, ttlMs, this.#softFloor);
    else this.#consider(id, atMs, 2 * ttlMs, this.#floor);
  }

  #consider(id: number, atMs: number, windowMs: number, floor: number): void {
    const chance = this.#isTracked[id] === 1
      ? this.chances.chance(id, atMs, windowMs)
      : this.chances.chanceOfKey(this.#count.keys[id] ?? "", atMs, windowMs);
    if (chance >= floor) this.#count.warm(id, atMs, chance, windowMs);
  }

  #companionsOf(key: string): readonly number[] {
    return this.chances.companions(key).map((other) => this.#count.idOf(other));
  }
}

/** See {@linkcode ChanceRule}. */
export function chanceRule(floor: number, softFloor = floor): MakeRule {
  return (count) => new ChanceRule(count, floor, softFloor);
}
