/**
 * The lines that go to `wick_otp.erl` and come back: integers separated by spaces, described at
 * the head of that file.
 *
 * @module
 */

import { Outcome } from "../simulate/outcome.ts";
import { NodeKind, NODES_MAX, type Schedule, StepKind } from "../simulate/schedule.ts";

/** One schedule as a line without its end; `index` comes back with the outcome. */
export function encodeSchedule(schedule: Schedule, index: number): string {
  const words: number[] = [index, schedule.nodeCount];
  for (let node = 0; node < schedule.nodeCount; node++) {
    words.push(schedule.parent[node] as number, schedule.kind[node] as number);
    words.push(schedule.restart[node] as number, schedule.strategy[node] as number);
    words.push(schedule.intensity[node] as number, schedule.periodMs[node] as number);
    if (schedule.kind[node] === NodeKind.supervisor) assertWholeSeconds(schedule, node);
  }
  words.push(schedule.stepCount);
  for (let step = 0; step < schedule.stepCount; step++) encodeStep(schedule, step, words);
  return words.join(" ");
}

/** OTP takes its periods in seconds, at least one. */
function assertWholeSeconds(schedule: Schedule, node: number): void {
  const periodMs = schedule.periodMs[node] as number;
  if (periodMs >= 1_000 && periodMs % 1_000 === 0) return;
  throw new RangeError(
    `Cannot run a schedule on OTP: expected periods of whole seconds: current value is ` +
      `${periodMs} ms`,
  );
}

function encodeStep(schedule: Schedule, step: number, words: number[]): void {
  const kind = schedule.stepKind[step] as number;
  const arg = schedule.stepArg[step] as number;
  words.push(kind);
  if (kind !== StepKind.advance) words.push(schedule.stepNode[step] as number);
  if (kind !== StepKind.burst) {
    words.push(arg);
    return;
  }
  const count = schedule.burstCount[step] as number;
  words.push(count);
  for (let i = arg; i < arg + count; i++) {
    words.push(schedule.burstNode[i] as number, schedule.burstReason[i] as number);
  }
}

/**
 * Reads the outcomes of a batch, in the order in which the lines are.
 *
 * - nothing is allocated per outcome: the caller hands in the memory
 */
export class OutcomeReader {
  readonly #text: Uint8Array;
  #at = 0;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  /** Whether another line follows. */
  get more(): boolean {
    return this.#at < this.#text.length;
  }

  /**
   * Reads one line into the outcome and returns the index of its schedule; `late` says that the
   * machine was too slow for a schedule whose steps wait, so that it has no outcome.
   */
  read(nodeCount: number, outcome: Outcome): { index: number; late: boolean } {
    const index = this.#word();
    outcome.begin(nodeCount);
    if (this.#text[this.#at] === LETTER_L) {
      this.#at = this.#text.indexOf(NEWLINE, this.#at) + 1;
      return { index, late: true };
    }
    let events = 0;
    do {
      const row = outcome.rows++;
      outcome.alive[row] = this.#word();
      for (let i = 0; i < nodeCount; i++) outcome.starts[row * NODES_MAX + i] = this.#word();
      for (let i = 0; i < nodeCount; i++) outcome.giveUps[row * NODES_MAX + i] = this.#word();
      for (let left = this.#word(); left > 0; left--) outcome.events[events++] = this.#word();
      outcome.eventsTo[row] = events;
    } while (this.#text[this.#at - 1] !== NEWLINE);
    return { index, late: false };
  }

  /** An integer and the one byte behind it. */
  #word(): number {
    let value = 0;
    const from = this.#at;
    for (;;) {
      const digit = (this.#text[this.#at++] as number) - DIGIT_0;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    if (this.#at - from > 1) return value;
    throw new SyntaxError(
      `Cannot read an outcome of OTP: expected an integer at byte ${from}: ` +
        `current value is ${JSON.stringify(this.#context(from))}`,
    );
  }

  #context(at: number): string {
    return new TextDecoder().decode(this.#text.subarray(Math.max(0, at - 20), at + 20));
  }
}

const NEWLINE = 10;
const DIGIT_0 = 48;
const LETTER_L = 108;
