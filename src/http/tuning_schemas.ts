/**
 * Shapes of tuning: for the route, the messages of those who have a knob, and what is kept in the
 * store.
 *
 * @module
 */

import { z } from "zod";
import { KNOBS, type TuningEntry } from "../monitor/tuning.ts";
import { EXPECTABLE } from "../monitor/tuning_inputs.ts";
import {
  type KeptTuning,
  KNOB_UNITS,
  type KnobAnswer,
  type KnobView,
  type TuningView,
} from "../monitor/tuning_view.ts";

const knob = z.enum(KNOBS);
const epochMs = z.number();

/** Answer of whoever has a knob. */
export const knobAnswer: z.ZodType<KnobAnswer> = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("set") }),
  z.strictObject({ state: z.literal("refused"), reason: z.string() }),
]);

const expected = {
  measure: z.enum(EXPECTABLE),
  atMost: z.number().exactOptional(),
  atLeast: z.number().exactOptional(),
};
const expectation = z.strictObject({
  ...expected,
  or: z.strictObject(expected).exactOptional().meta({ description: "What does as well" }),
});

/** A change, why it was made, and how it came out. */
export const tuningEntry: z.ZodType<TuningEntry> = z.strictObject({
  id: z.int(),
  at: epochMs,
  knob,
  from: z.number(),
  to: z.number(),
  reason: z.string(),
  evidence: z.record(z.string(), z.number()).meta({ description: "Figures it was decided by" }),
  expected: z.array(expectation).meta({ description: "What it has to bring to be kept" }),
  outcome: z.enum(["trial", "kept", "undone", "unjudged"])
    .meta({ description: "unjudged: kept, without knowing whether it helped" }),
  judged: z.string().meta({ description: "What was measured; empty while on trial" }),
}).meta({ id: "TuningEntry" });

const knobView: z.ZodType<KnobView> = z.strictObject({
  knob,
  unit: z.enum(Object.values(KNOB_UNITS)),
  isOn: z.boolean().meta({ description: "Whether it may be changed" }),
  value: z.number().nullable().meta({ description: "Null while it is not known" }),
  min: z.number(),
  max: z.number(),
  trial: z.strictObject({ id: z.int(), endsAt: epochMs }).nullable()
    .meta({ description: "The change that is being judged" }),
  resting: z.array(z.strictObject({
    direction: z.enum(["up", "down"]),
    until: epochMs,
    failures: z.int(),
  })).meta({ description: "Directions that did not help, and until when they are not tried" }),
});

/** What the monitor changes by itself. */
export const tuningReply: z.ZodType<TuningView> = z.strictObject({
  isOn: z.boolean(),
  knobs: z.array(knobView),
  log: z.array(tuningEntry).meta({ description: "Changes, the latest first" }),
}).meta({ id: "Tuning" });

/** What is kept of tuning. */
export const tuningState: z.ZodType<KeptTuning> = z.strictObject({
  version: z.literal(1),
  at: epochMs,
  tuner: z.strictObject({
    log: z.array(tuningEntry),
    lastId: z.int().min(0),
    rests: z.array(z.strictObject({
      knob,
      direction: z.union([z.literal(1), z.literal(-1)]),
      leftMs: z.number().min(0),
      failures: z.int().min(0),
    })),
  }),
  scaling: z.strictObject({ load: z.number().nullable() }),
});
