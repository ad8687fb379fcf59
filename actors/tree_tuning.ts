/**
 * Tuning of a tree: its knobs, who has them, and between which values they may be turned.
 *
 * Unless told otherwise no knob is turned beyond what was set: the monitor takes back what is not
 * needed or there is no room for, and gives it again.
 *
 * @module
 */

import type { Ref } from "../src/actor/mod.ts";
import type { CacheSpec } from "../src/cache/spec.ts";
import type { ScalingOptions } from "../src/monitor/scaling.ts";
import type { Targets } from "../src/monitor/targets.ts";
import { type Knob, TUNING_TIMES, type TuningTimes } from "../src/monitor/tuning.ts";
import type { KnobBounds } from "../src/monitor/tuning_bounds.ts";
import type { KnobPort } from "../src/monitor/tuning_desk.ts";
import type { TuningWindows } from "../src/monitor/tuning_readings.ts";
import type { TuningEvent } from "../src/monitor/tuning_view.ts";
import { LINGER_TUNED_MAX_MS } from "../src/provider/batch_status.ts";
import { WARMING_DEFAULTS } from "../src/warm/settings.ts";
import type { MonitorTuning } from "./monitor.ts";
import type { LabelPool, Store } from "./protocols.ts";
import type { Provider } from "./protocols_batch.ts";
import type { CacheShard } from "./protocols_cache.ts";
import type { Warmer } from "./protocols_warm.ts";
import { shardBounds } from "./tree_cache.ts";
import type { WarmingSpec } from "./warmer.ts";

/** A knob as it is set up; what is left out is as by default. */
export interface KnobSpec {
  /** Whether it may be turned; default yes. */
  readonly isOn?: boolean;
  /** Lowest value. */
  readonly min?: number | null;
  /** Highest value; of label workers not above the threads that there are. */
  readonly max?: number | null;
}

/** What the monitor may change by itself. */
export interface TuningSpec {
  /** Whether it changes anything; default yes. */
  readonly isOn?: boolean;
  /** By knob, in their units: threads, bytes of all shards, calls a minute, ms. */
  readonly knobs?: Readonly<Partial<Record<Knob, KnobSpec>>>;
  /** How label workers are scaled. */
  readonly scaling?: Partial<ScalingOptions>;
  /** Lengths of trials and pauses. */
  readonly times?: Partial<TuningTimes>;
  /** Over which times figures are read. */
  readonly windows?: TuningWindows;
  /** Least time between two decisions, ms; default 5,000. */
  readonly stepMs?: number;
}

/** The tree, as far as it has knobs. */
export interface TunedTree {
  /** Cores of the machine. */
  readonly cores: number;
  /** What is good and what is not. */
  readonly targets: Targets;
  /** Most label workers. */
  readonly workers: number;
  /** The cache; null for none. */
  readonly cache: { readonly spec: CacheSpec; readonly shards: number } | null;
  /** Warming; null for none. */
  readonly warming: WarmingSpec | null;
  /** Those who have the knobs. */
  readonly refs: {
    readonly store: Ref<typeof Store.definition>;
    readonly pool: Ref<typeof LabelPool.definition>;
    readonly shard: (index: number) => Ref<typeof CacheShard.definition>;
    readonly provider: (name: string) => Ref<typeof Provider.definition>;
    readonly warmer: Ref<typeof Warmer.definition>;
  };
}

/** Starting a thread takes some 50 ms, a move of series as long as their batches under way. */
const WORKERS = { timeoutMs: 30_000 } as const;
const ANSWER = { timeoutMs: 5_000 } as const;
/** As many workers are kept: a sudden load has half of its speed at once. */
const KEPT_WORKERS = 0.5;
/** Cache and warming keep this share of what was set. */
const KEPT_SHARE = 0.25;

/** What the monitor of a tree is given. */
export function tuningOf(
  spec: TuningSpec,
  tree: TunedTree,
  onTuning: (event: TuningEvent) => void,
): MonitorTuning {
  const { isOn = true, scaling, times, windows, stepMs } = spec;
  const { cores, targets, cache, refs: { store } } = tree;
  return {
    isOn,
    knobs: knobsOf(spec, tree),
    rules: {
      ...{ cores, targets },
      ...(scaling === undefined ? {} : { scaling }),
    },
    focus: { provider: cache?.spec.provider ?? null },
    ...(times === undefined ? {} : { times: { ...TUNING_TIMES, ...times } }),
    ...(windows === undefined ? {} : { windows }),
    ...(stepMs === undefined ? {} : { stepMs }),
    store,
    onTuning,
  };
}

function knobsOf({ knobs = {} }: TuningSpec, tree: TunedTree): KnobPort[] {
  const { workers, cache, warming, refs } = tree;
  const provider = cache?.spec.provider ?? null;
  const all: KnobPort[] = [];
  const add = (knob: Knob, byDefault: KnobBounds, set: KnobPort["set"], most = Infinity) => {
    const given = knobs[knob] ?? {};
    all.push({ knob, isOn: given.isOn ?? true, bounds: boundsOf(byDefault, given, most), set });
  };
  if (workers > 0) {
    add(
      "label_workers",
      { min: Math.ceil(KEPT_WORKERS * workers), max: workers },
      async (count) => {
        const answer = await refs.pool.ask("setWorkers", { count }, WORKERS);
        if (answer.state === "refused") return { state: "refused", reason: answer.reason };
        return { state: "set" };
      },
      workers,
    );
  }
  if (cache !== null) {
    const { spec, shards } = cache;
    const bytes = shards * shardBounds(spec, shards).weightMaxBytes;
    const min = shards * Math.ceil(KEPT_SHARE * bytes / shards);
    add("cache_capacity", { min, max: bytes, step: shards }, async (wished) => {
      const bounds = shardBounds(spec, shards, wished);
      const answers = await Promise.all(Array.from(
        { length: shards },
        (_, shard) => refs.shard(shard).ask("resize", bounds, ANSWER),
      ));
      return answers.find(({ state }) => state === "refused") ?? { state: "set" };
    });
  }
  if (warming !== null) {
    const { callsPerMinute = WARMING_DEFAULTS.callsPerMinute } = warming.settings ?? {};
    const min = Math.ceil(KEPT_SHARE * callsPerMinute);
    add(
      "warming_budget",
      { min, max: callsPerMinute },
      (wished) => refs.warmer.ask("setBudget", { callsPerMinute: wished }, ANSWER),
    );
  }
  if (provider !== null) {
    add(
      "batch_linger",
      { min: 0, max: LINGER_TUNED_MAX_MS },
      (lingerMs) => refs.provider(provider).ask("setLinger", { lingerMs }, ANSWER),
    );
  }
  return all;
}

/**
 * A bound that is given moves the other one where that is left to the default. Neither is beyond
 * `most`: a change that whoever has the knob refuses would rest as one that did not help.
 */
function boundsOf(byDefault: KnobBounds, { min, max }: KnobSpec, most: number): KnobBounds {
  const { step = 1 } = byDefault;
  const highest = Math.min(most, max ?? Math.max(byDefault.max, min ?? 0));
  const lowest = Math.min(most, min ?? Math.min(byDefault.min, highest));
  return { min: Math.ceil(lowest / step) * step, max: Math.floor(highest / step) * step, step };
}
