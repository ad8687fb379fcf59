/**
 * From the configuration to what the monitor may change by itself.
 *
 * @module
 */

import type { Knob } from "../monitor/tuning.ts";
import type { WickConfig } from "./config_schema.ts";
import { UsageError } from "./exit_code.ts";

/** One knob, as the tree takes it. */
export interface ServedKnob {
  readonly isOn: boolean;
  readonly min: number | null;
  readonly max: number | null;
}

/** Tuning of a configuration, as the tree takes it. */
export interface ServedTuning {
  readonly isOn: boolean;
  readonly knobs: Readonly<Record<Knob, ServedKnob>>;
}

/**
 * Tuning of a configuration.
 *
 * @throws {UsageError} for a lower bound above the upper one, given or by default.
 */
export function tuningOf(config: WickConfig): ServedTuning {
  const knob = (
    name: Knob,
    min: number | null,
    max: number | null,
    maxByDefault: number | null,
  ) => {
    const most = max ?? maxByDefault;
    if (min === null || most === null || min <= most) {
      return { isOn: config.tuningKnobs.includes(name), min, max };
    }
    throw new UsageError(
      `Cannot tune ${name}: expected its least value up to its most: ` +
        `current values are ${min} and ${most}`,
    );
  };
  const { tuningWorkersMin, tuningWorkersMax, tuningCacheBytesMin, tuningCacheBytesMax } = config;
  const { tuningWarmingRateMin, tuningWarmingRateMax } = config;
  const rateMax = Math.round(config.warmingRatePerMinute);
  return {
    isOn: config.tuningEnabled,
    knobs: {
      // How many threads there are is known to the tree alone where it is not set.
      label_workers: knob("label_workers", tuningWorkersMin, tuningWorkersMax, config.workers),
      cache_capacity: knob(
        "cache_capacity",
        tuningCacheBytesMin,
        tuningCacheBytesMax,
        config.cacheBytesMax,
      ),
      warming_budget: knob("warming_budget", tuningWarmingRateMin, tuningWarmingRateMax, rateMax),
      batch_linger: knob("batch_linger", config.tuningLingerMinMs, config.tuningLingerMaxMs, null),
    },
  };
}
