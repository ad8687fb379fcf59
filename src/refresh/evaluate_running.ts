/**
 * An evaluation that is under way: work in slices, and what came of it.
 *
 * @module
 */

import { RefreshError } from "./error.ts";
import type { Work } from "./evaluate_work.ts";
import type { Evaluation, EvaluationOutcome } from "./run_engine.ts";

/** See the head of this file. */
export class Running implements Evaluation {
  readonly #work: Work;
  readonly #revision: number;
  readonly #end: () => void;
  #state: "under way" | "done" | "given up" = "under way";
  #outcome: EvaluationOutcome | null = null;

  /** Work on the inputs of a revision; `end` is called once it is over, however. */
  constructor(work: Work, revision: number, end: () => void) {
    this.#work = work;
    this.#revision = revision;
    this.#end = end;
  }

  /**
   * Looks at up to `budgetSets` sets. What it throws is no fault of the scorer on one set, and ends
   * the evaluation; what was dirty and not evaluated is still dirty.
   *
   * @throws {RefreshError} code `options` (no whole number ≥ 1), `state` (it is over).
   */
  step(budgetSets: number): "more" | "done" {
    if (!(budgetSets >= 1)) {
      throw new RefreshError(
        "options",
        `Cannot evaluate: expected a budget of at least 1 set: current value is ${budgetSets}`,
      );
    }
    if (this.#state === "done") return "done";
    if (this.#state === "given up") throw overError(this.#state);
    let isDone = false, isWell = false;
    try {
      isDone = this.#work.step(budgetSets);
      if (isDone) this.#outcome = this.#finished();
      isWell = true;
    } finally {
      if (!isWell) this.cancel();
    }
    if (!isDone) return "more";
    this.#state = "done";
    this.#end();
    return "done";
  }

  /**
   * What came of it.
   *
   * @throws {RefreshError} code `state`, before it is done.
   */
  outcome(): EvaluationOutcome {
    if (this.#outcome !== null) return this.#outcome;
    throw overError(this.#state);
  }

  /** Gives up: what was dirty and not evaluated is still dirty. Idempotent. */
  cancel(): void {
    if (this.#state !== "under way") return;
    this.#state = "given up";
    this.#end();
  }

  #finished(): EvaluationOutcome {
    const { candidates, tally } = this.#work;
    const { evaluated, changed, failedCount, failed } = tally;
    return {
      best: this.#work.best(),
      revision: this.#revision,
      candidates,
      evaluated,
      skipped: candidates - evaluated - failedCount,
      changed,
      unchanged: evaluated - changed,
      failedCount,
      failed,
    };
  }
}

function overError(state: string): RefreshError {
  return new RefreshError(
    "state",
    `Cannot use an evaluation: expected one that is done: current value is ${state}`,
  );
}
