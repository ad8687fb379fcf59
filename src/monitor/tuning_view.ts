/**
 * Tuning as it is shown, told and kept.
 *
 * @module
 */

import type { ScalingSnapshot } from "./scaling.ts";
import type { Knob, TuningEntry, TuningSnapshot } from "./tuning.ts";

/** What the values of knobs count. */
export const KNOB_UNITS = {
  label_workers: "threads",
  cache_capacity: "bytes",
  warming_budget: "calls_per_minute",
  batch_linger: "ms",
} as const satisfies Record<Knob, string>;

/** What came of setting a knob. */
export type KnobAnswer =
  | { readonly state: "set" }
  /** The value is beyond what can be, and nothing was changed. */
  | { readonly state: "refused"; readonly reason: string };

/** A direction that did not help. */
export interface RestView {
  /** Which one. */
  readonly direction: "up" | "down";
  /** Until when it is not tried again, epoch ms. */
  readonly until: number;
  /** Times in a row that it did not help. */
  readonly failures: number;
}

/** A knob as it is. */
export interface KnobView {
  /** Which one. */
  readonly knob: Knob;
  /** What its value counts. */
  readonly unit: (typeof KNOB_UNITS)[Knob];
  /** Whether it may be changed. */
  readonly isOn: boolean;
  /** Null while it is not known. */
  readonly value: number | null;
  /** Lowest value that it is set to. */
  readonly min: number;
  /** Highest value that it is set to. */
  readonly max: number;
  /** The change that is being judged, and when that ends, epoch ms; null for none. */
  readonly trial: { readonly id: number; readonly endsAt: number } | null;
  /** Directions that rest. */
  readonly resting: readonly RestView[];
}

/** What the monitor changes by itself. */
export interface TuningView {
  /** Whether it changes anything. */
  readonly isOn: boolean;
  /** Those that there are in this tree. */
  readonly knobs: readonly KnobView[];
  /** Changes, the latest first. */
  readonly log: readonly TuningEntry[];
}

/** A change was made, or came out in some way. */
export interface TuningEvent {
  /** Epoch ms. */
  readonly at: number;
  /** As it stands in the log now. */
  readonly entry: TuningEntry;
}

/** What is kept of tuning in the store. */
export interface KeptTuning {
  /** Form of the record. */
  readonly version: 1;
  /** When it was written, epoch ms: rests go on while nobody runs. */
  readonly at: number;
  /** The changes, and what rests. */
  readonly tuner: TuningSnapshot;
  /** What the scaling of workers knows. */
  readonly scaling: ScalingSnapshot;
}

/** A change in a line, as `label_workers 2 → 3 (trial): batches wait`. */
export function tuningText({ knob, from, to, outcome, reason, judged }: TuningEntry): string {
  const why = judged === "" ? reason : `${reason}; ${judged}`;
  return `${knob} ${from} → ${to} (${outcome}): ${why}`;
}
