/**
 * What came of warming, strategy by strategy: totals, precision and its throttle, and whether the
 * chances came true.
 *
 * @module
 */

import type { Credit, CreditListener } from "./credit.ts";
import type { Experiment } from "./experiment.ts";
import { Reliability } from "./reliability.ts";
import { Throttle } from "./throttle.ts";
import { STRATEGY_NAMES, type StrategyName } from "./types.ts";

/** Sums of one strategy, since the statistics began. */
export class StrategyTotals {
  warmed = 0;
  used = 0;
  wasted = 0;
  keys = 0;
  calls = 0;
}

/** One strategy's outcomes. */
export interface StrategyOutcomes {
  readonly totals: StrategyTotals;
  readonly throttle: Throttle;
  readonly reliability: Reliability;
}

/** What {@linkcode Outcomes} is made of. */
export interface OutcomesOptions {
  readonly experiment: Experiment | null;
  /** A strategy's floor. */
  floorOf(by: StrategyName): number;
  /** Key of an id of `Credit`. */
  keyOf(id: number): string;
}

/** See the head of this file; all O(1). */
export class Outcomes implements CreditListener {
  /** By strategy. */
  readonly by: Readonly<Record<StrategyName, StrategyOutcomes>>;
  /** By the chance at which entries were warmed, all strategies together. */
  readonly reliability = new Reliability();
  /** Accesses to the cache, those answered without a wait, and those answered fresh. */
  accesses = 0;
  hits = 0;
  fresh = 0;
  readonly #options: OutcomesOptions;

  /** Nothing counted. */
  constructor(options: OutcomesOptions) {
    this.#options = options;
    this.by = Object.fromEntries(STRATEGY_NAMES.map((name) => [name, {
      totals: new StrategyTotals(),
      throttle: new Throttle(),
      reliability: new Reliability(),
    }])) as unknown as Record<StrategyName, StrategyOutcomes>;
  }

  warmed(id: number, by: StrategyName): void {
    this.by[by].totals.warmed++;
    this.#experiment(id, "warmed");
  }

  used(id: number, by: StrategyName): void {
    this.by[by].totals.used++;
    this.#experiment(id, "used");
  }

  wasted(id: number, by: StrategyName): void {
    this.by[by].totals.wasted++;
    this.#experiment(id, "wasted");
  }

  judged(by: StrategyName, isUsed: boolean, atMs: number): void {
    const { throttle, reliability } = this.by[by];
    const before = throttle.state;
    throttle.outcome(isUsed, this.#options.floorOf(by), atMs);
    // A probe has shown that it is otherwise now: its chances are not to be corrected by what was.
    if (before === "probing" && throttle.state === "open") reliability.forget();
  }

  amended(by: StrategyName): void {
    this.by[by].throttle.amend();
  }

  matured(by: StrategyName, chance: number, saidChance: number, isUsed: boolean): void {
    // The one corrects what strategies say, the other tells how well that worked.
    this.by[by].reliability.add(saidChance, isUsed);
    this.by[by].throttle.matured(isUsed);
    this.reliability.add(chance, isUsed);
  }

  #experiment(id: number, what: Parameters<Experiment["counted"]>[1]): void {
    const { experiment, keyOf } = this.#options;
    experiment?.counted(keyOf(id), what, 1);
  }

  /** Half of what is known of chances is forgotten. */
  daily(): void {
    this.reliability.decay();
    for (const name of STRATEGY_NAMES) this.by[name].reliability.decay();
  }
}

/** Key of an id. */
export function keyOfId(
  credit: Credit,
  keyAt: (slot: number) => string,
  id: number,
  slots: number,
) {
  return id < slots ? keyAt(id) : credit.extraKey(id);
}
