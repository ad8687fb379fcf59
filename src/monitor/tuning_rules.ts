/**
 * When which knob should be turned how far, and what is expected of it. Every rule proposes nothing
 * while a figure that it needs is not known.
 *
 * @module
 */

import { type ScalingOptions, type ScalingSnapshot, WorkerScaler } from "./scaling.ts";
import { type Targets, TARGETS_DEFAULT } from "./targets.ts";
import type { Knob } from "./tuning.ts";
import type { TuningReading } from "./tuning_inputs.ts";

/** A bound for the mean of a measure in the second half of a trial. */
export interface ExpectedMeasure {
  /** Which figure. */
  readonly measure: keyof TuningReading;
  /** It shall be at most that; left out when it shall be at least something. */
  readonly atMost?: number;
  /** It shall be at least that. */
  readonly atLeast?: number;
}

/** What a change shall bring. */
export interface Expectation extends ExpectedMeasure {
  /** What does as well. */
  readonly or?: ExpectedMeasure;
}

/** A change that a rule wishes for. */
export interface Proposal {
  /** Value wished for; bounds come later. */
  readonly to: number;
  /** For people. */
  readonly reason: string;
  /** The figures that it was decided by. */
  readonly evidence: Readonly<Record<string, number>>;
  /** What shall come of it. */
  readonly expected: readonly Expectation[];
}

/** Proposes changes. */
export interface TuningRules {
  /** What should be changed about a knob that is set to `value`; null for nothing. */
  propose(knob: Knob, nowMs: number, value: number, reading: TuningReading): Proposal | null;
  /** A change of the knob was begun or ended. */
  changed(knob: Knob, nowMs: number): void;
}

/** How the rules are set. */
export interface TuningRuleOptions {
  /** What is good and what is not; default {@linkcode TARGETS_DEFAULT}. */
  readonly targets?: Targets;
  /** Cores of the machine. */
  readonly cores: number;
  /** Of the number of label workers. */
  readonly scaling?: Partial<ScalingOptions>;
}

/** Share of what more workers could do that they have to do, where all of them are busy. */
const GAIN_SHARE = 0.5;
/** A cache gives up at most this share at a time. */
const CAPACITY_DOWN = 0.8;
/** A cache grows by this. */
const CAPACITY_UP = 1.25;
/** Share of the memory above its good level that a cache gives up at a time. */
const EXCESS_SHARE = 0.5;
/** Least rise of the hit ratio for which more memory or more calls are worth it. */
const HITS_RISE = 0.002;
/** Limits of a provider that are used this far have nothing left to give. */
const LIMIT_FULL = 0.9;
/** Up to here there is room for more. */
const LIMIT_FREE = 0.6;
/** Share of the budget from which on it is what holds warming back. */
const BUDGET_FULL = 0.95;
/** Share of what is warmed that has to be used for more to be worth it. */
const PRECISION_MIN = 0.5;
const BUDGET_UP = 1.25;
const BUDGET_DOWN = 0.7;
/** Calls that are this full gain nothing by waiting longer. */
const CALL_FULL = 0.8;
/** A linger of 0 could not grow by a factor. */
const LINGER_FIRST_MS = 5;
const LINGER_UP = 1.5;
const LINGER_DOWN = 0.6;
/** Calls should become at least this much fuller for the wait that it costs. */
const CALL_RISE = 1.1;

/** The rules of the service. */
export class WickTuningRules implements TuningRules {
  readonly #targets: Targets;
  readonly #cores: number;
  readonly #scaler: WorkerScaler;

  /**
   * Rules that have seen nothing yet.
   *
   * @throws {RangeError} as {@linkcode WorkerScaler}.
   */
  constructor(options: TuningRuleOptions) {
    this.#targets = options.targets ?? TARGETS_DEFAULT;
    this.#cores = options.cores;
    this.#scaler = new WorkerScaler(options.scaling);
  }

  /** See {@linkcode TuningRules.propose}. */
  propose(knob: Knob, nowMs: number, value: number, reading: TuningReading): Proposal | null {
    switch (knob) {
      case "label_workers":
        return this.#workers(nowMs, value, reading);
      case "cache_capacity":
        return this.#fewer(value, reading) ?? this.#more(value, reading);
      case "warming_budget":
        return this.#budget(value, reading);
      case "batch_linger":
        return this.#linger(value, reading);
    }
  }

  /** See {@linkcode TuningRules.changed}. */
  changed(knob: Knob, nowMs: number): void {
    if (knob === "label_workers") this.#scaler.changed(nowMs);
  }

  /** What survives a restart. */
  snapshot(): ScalingSnapshot {
    return this.#scaler.snapshot();
  }

  /** Goes on from another life. */
  restore(snapshot: ScalingSnapshot): void {
    this.#scaler.restore(snapshot);
  }

  #workers(nowMs: number, workers: number, reading: TuningReading): Proposal | null {
    const { workersBusy, delayMs } = reading;
    const advice = this.#scaler.advise(nowMs, {
      workers,
      busyRatio: workersBusy,
      delayMs,
      cores: this.#cores,
    });
    const { load, needed } = advice;
    if (advice.workers === workers || workersBusy === null || delayMs === null || load === null) {
      return null;
    }
    const goodMs = this.#targets.queueTime.good * 1_000;
    const evidence = { load, busyRatio: workersBusy, delayMs, needed };
    if (advice.workers < workers) {
      return {
        to: advice.workers,
        reason: "fewer workers do the work",
        evidence,
        expected: [{ measure: "delayMs", atMost: Math.max(goodMs, delayMs) }],
      };
    }
    const more = advice.workers / workers - 1;
    return {
      to: advice.workers,
      reason: delayMs > goodMs ? "batches wait" : "workers have little time left",
      evidence: {
        ...evidence,
        ...(reading.load === null ? {} : { candlesPerSecond: reading.load }),
      },
      expected: [{
        // Where nothing waits the change keeps it so; where much does, a fifth less is a help.
        ...{ measure: "delayMs", atMost: Math.max(goodMs, 0.8 * delayMs) },
        // Where the door holds more back than there are workers for, the delay stays, and more is done.
        ...(reading.load === null
          ? {}
          : { or: { measure: "load", atLeast: (1 + GAIN_SHARE * more) * reading.load } }),
      }],
    };
  }

  /**
   * Under memory pressure. A runtime gives memory back late or never, so it is enough when it stops
   * growing; when it goes on the cache is not the cause.
   */
  #fewer(bytes: number, { memoryBytes }: TuningReading): Proposal | null {
    const { good, warning } = this.#targets.memory;
    if (memoryBytes === null || memoryBytes < warning) return null;
    return {
      to: Math.max(CAPACITY_DOWN * bytes, bytes - EXCESS_SHARE * (memoryBytes - good)),
      reason: "memory is short",
      evidence: { memoryBytes, warningBytes: warning, capacityBytes: bytes },
      expected: [{ measure: "memoryBytes", atMost: memoryBytes }],
    };
  }

  /** While there is memory, and entries that are missed were evicted for lack of it. */
  #more(bytes: number, reading: TuningReading): Proposal | null {
    const { memoryBytes, cacheHits, cacheEvictions, cacheBytes } = reading;
    const { memory, cacheHits: target } = this.#targets;
    if (memoryBytes === null || cacheHits === null || cacheEvictions === null) return null;
    if (cacheBytes === null || cacheEvictions === 0 || cacheHits >= target.good) return null;
    const to = CAPACITY_UP * bytes;
    if (memoryBytes + (to - bytes) >= memory.good) return null;
    return {
      to,
      reason: "entries are evicted that are asked for",
      evidence: { memoryBytes, cacheHits, cacheEvictions, cacheBytes, capacityBytes: bytes },
      expected: [
        { measure: "cacheHits", atLeast: cacheHits + HITS_RISE },
        { measure: "memoryBytes", atMost: memory.warning },
      ],
    };
  }

  #budget(calls: number, reading: TuningReading): Proposal | null {
    const { limitUsed, limitedCalls, warmCalls, warmPrecision, cacheHits } = reading;
    if (limitUsed === null || limitedCalls === null || warmCalls === null) return null;
    const evidence = { limitUsed, limitedCalls, warmCalls, budget: calls };
    if (warmCalls > 0 && (limitedCalls > 0 || limitUsed >= LIMIT_FULL)) {
      const measured = limitedCalls > 0
        ? { measure: "limitedCalls", atMost: 0.8 * limitedCalls } as const
        : { measure: "limitUsed", atMost: limitUsed - 0.02 } as const;
      return {
        // Of what it uses: a budget that nobody reaches would be lowered for nothing.
        to: BUDGET_DOWN * Math.min(calls, warmCalls),
        reason: "providers have nothing left for warming",
        evidence,
        expected: [measured],
      };
    }
    const isHeldBack = warmCalls >= BUDGET_FULL * calls && limitUsed <= LIMIT_FREE;
    if (!isHeldBack || warmPrecision === null || cacheHits === null) return null;
    if (warmPrecision < PRECISION_MIN || cacheHits >= this.#targets.cacheHits.good) return null;
    return {
      to: BUDGET_UP * calls,
      reason: "warming uses its budget, and what it warms is asked for",
      evidence: { ...evidence, warmPrecision, cacheHits },
      expected: [{ measure: "cacheHits", atLeast: cacheHits + HITS_RISE }],
    };
  }

  /** Longer where limits are short and calls half empty, shorter where they are free and full. */
  #linger(lingerMs: number, reading: TuningReading): Proposal | null {
    const { limitUsed, limitWaiting, callKeys, callKeysMax: keysMax, cacheWaitMs } = reading;
    if (keysMax === null || limitUsed === null || limitWaiting === null || callKeys === null) {
      return null;
    }
    const evidence = { limitUsed, limitWaiting, callKeys, callKeysMax: keysMax, lingerMs };
    if ((limitWaiting > 0 || limitUsed >= LIMIT_FULL) && callKeys < CALL_FULL * keysMax) {
      return {
        to: Math.max(LINGER_FIRST_MS, LINGER_UP * lingerMs),
        reason: "limits are short and calls are not full",
        evidence,
        expected: [{ measure: "callKeys", atLeast: Math.min(keysMax, CALL_RISE * callKeys) }],
      };
    }
    const isFree = limitWaiting === 0 && limitUsed <= LIMIT_FREE;
    const slowMs = this.#targets.latencyMean.warning * 1_000;
    if (!isFree || lingerMs === 0 || cacheWaitMs === null || cacheWaitMs < slowMs) return null;
    return {
      to: LINGER_DOWN * lingerMs,
      reason: "callers wait while limits are free",
      evidence: { ...evidence, cacheWaitMs },
      expected: [{ measure: "cacheWaitMs", atMost: 0.95 * cacheWaitMs }],
    };
  }
}
