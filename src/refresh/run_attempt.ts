/**
 * One evaluation of a run, watched: slices are timed, and what comes out is checked before anyone
 * sees it.
 *
 * @module
 */

import { type Expected, type Fault, faultIn, faultOf } from "./fallback.ts";
import type { Evaluation, EvaluationOutcome, RunEngine } from "./run_engine.ts";

/** How an attempt is set up. */
export interface AttemptOptions {
  /** The structures. */
  readonly engine: RunEngine;
  /** What is evaluated. */
  readonly kind: "partial" | "full";
  /** What the result is judged by. */
  readonly expected: Expected;
  /** Longest that it may work, ms. */
  readonly timeoutMs: number;
  /** Monotonic milliseconds. */
  readonly stopwatchMs: () => number;
  /** What it throws is a failed invariant. */
  readonly check: (() => void) | undefined;
}

/** What a slice led to. */
export type AttemptStep =
  | { readonly state: "more" }
  | { readonly state: "done"; readonly outcome: EvaluationOutcome }
  /** `outcome` when the evaluation came to its end all the same. */
  | { readonly state: "fault"; readonly fault: Fault; readonly outcome: EvaluationOutcome | null };

/** See the head of this file. Never throws. */
export class Attempt {
  readonly #options: AttemptOptions;
  #evaluation: Evaluation | null = null;
  #busyMs = 0;

  /** Nothing is evaluated before the first slice. */
  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** What is evaluated. */
  get kind(): "partial" | "full" {
    return this.#options.kind;
  }

  /** What the result is judged by. */
  get expected(): Expected {
    return this.#options.expected;
  }

  /** Time it worked, ms. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /**
   * Works on up to `budgetSets` sets. Only time at work counts for the timeout, since pauses say
   * nothing of the scorer; a result that is there is taken, even if it came late.
   */
  step(budgetSets: number): AttemptStep {
    const { stopwatchMs } = this.#options;
    const fromMs = stopwatchMs();
    const step = this.#slice(budgetSets);
    this.#busyMs += Math.max(0, stopwatchMs() - fromMs);
    if (step.state !== "more" || this.#busyMs <= this.#options.timeoutMs) return step;
    this.cancel();
    const detail = `expected at most ${this.#options.timeoutMs} ms: ` +
      `current value is ${this.#busyMs} ms`;
    return { state: "fault", fault: faultOf("timeout", detail), outcome: null };
  }

  /** Gives up. */
  cancel(): void {
    try {
      this.#evaluation?.cancel();
    } catch {
      // It is given up either way, and everything is evaluated anew after it.
    }
    this.#evaluation = null;
  }

  #slice(budgetSets: number): AttemptStep {
    const { engine, kind } = this.#options;
    try {
      this.#evaluation ??= engine.begin(kind);
      if (this.#evaluation.step(budgetSets) === "more") return { state: "more" };
      return this.#judge(this.#evaluation.outcome());
    } catch (error) {
      this.cancel();
      return { state: "fault", fault: faultOf("error", error), outcome: null };
    }
  }

  #judge(outcome: EvaluationOutcome): AttemptStep {
    const fault = faultIn(outcome, this.#options.expected, this.#options.engine.failedSets);
    if (fault !== null && fault.reason !== "scorer") {
      return { state: "fault", fault, outcome: null };
    }
    const broken = this.#contradiction(outcome);
    if (broken !== null) return { state: "fault", fault: broken, outcome: null };
    return fault === null ? { state: "done", outcome } : { state: "fault", fault, outcome };
  }

  /** The best set's score is taken once more from the inputs: one score, and it is no stale one. */
  #contradiction({ best }: EvaluationOutcome): Fault | null {
    const { engine, check } = this.#options;
    try {
      check?.();
    } catch (error) {
      return faultOf("invariant", error);
    }
    if (best === null) return null;
    const again = engine.scoreOf(best.setId);
    if (again.state === "scored" && Object.is(again.score, best.score)) return null;
    const found = again.state === "scored" ? String(again.score) : again.error;
    return faultOf("invariant", `expected ${best.setId} to score ${best.score}: found ${found}`);
  }
}
