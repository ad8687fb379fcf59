/**
 * Tuning in a line for people.
 *
 * @module
 */

import type { TuningEntry } from "../monitor/tuning.ts";
import { KNOB_UNITS, type KnobView, type TuningView } from "../monitor/tuning_view.ts";
import { bytesText, countText } from "./text.ts";

const VALUE_TEXTS: Readonly<Record<KnobView["unit"], (value: number) => string>> = {
  threads: countText,
  bytes: bytesText,
  calls_per_minute: (calls) => `${countText(calls)}/min`,
  ms: (ms) => `${countText(ms)} ms`,
};

/**
 * One line, as `tuning on: label_workers 2 of 1 to 4, on trial; …`, with its end; empty where there is
 * nothing to tune.
 */
export function tuningLine({ isOn, knobs, log }: TuningView): string {
  if (knobs.length === 0) return "";
  const [last] = log;
  const parts = knobs.map(knobText);
  if (last !== undefined) parts.push(lastText(last));
  return `tuning ${isOn ? "on" : "off"}: ${parts.join("; ")}\n`;
}

function knobText({ knob, unit, value, min, max, isOn, trial, resting }: KnobView): string {
  const text = VALUE_TEXTS[unit];
  const is = value === null ? "not known" : text(value);
  const range = isOn ? ` of ${text(min)} to ${text(max)}` : ", left alone";
  const rests = resting.map(({ direction }) => `, rests ${direction}`).join("");
  return `${knob} ${is}${range}${trial === null ? "" : ", on trial"}${rests}`;
}

function lastText({ id, knob, from, to, outcome }: TuningEntry): string {
  const text = VALUE_TEXTS[KNOB_UNITS[knob]];
  return `last change #${id} ${knob} ${text(from)} to ${text(to)}, ${outcome}`;
}
