/**
 * One audit under way: everything is evaluated beside what is stored, and compared.
 *
 * @module
 */

import { auditMismatch } from "./audit.ts";
import { errorText } from "./fallback.ts";
import type { Evaluation, FailedSet, RunEngine, ScoredSet } from "./run_engine.ts";

/** What a slice of an audit led to. */
export type AuditSlice =
  | { readonly state: "more" }
  | { readonly state: "matched"; readonly failed: readonly FailedSet[] }
  | { readonly state: "mismatch"; readonly detail: string };

/** See the head of this file. Never throws: an audit that cannot be made is a mismatch. */
export class RunAudit {
  readonly #engine: RunEngine;
  readonly #live: ScoredSet | null;
  #evaluation: Evaluation | null = null;

  /** Compares with `live` at the engine's present revision. */
  constructor(engine: RunEngine, live: ScoredSet | null) {
    this.#engine = engine;
    this.#live = live;
  }

  /** Compares up to `budgetSets` sets; the last slice checks the structures, too: O(sets). */
  step(budgetSets: number): AuditSlice {
    try {
      this.#evaluation ??= this.#engine.begin("audit");
      if (this.#evaluation.step(budgetSets) === "more") return { state: "more" };
      const outcome = this.#evaluation.outcome();
      const detail = auditMismatch(this.#live, outcome);
      if (detail !== null) return { state: "mismatch", detail };
      this.#engine.invariant();
      return { state: "matched", failed: outcome.failed };
    } catch (error) {
      this.cancel();
      return { state: "mismatch", detail: errorText(error) };
    }
  }

  /** Gives up. */
  cancel(): void {
    try {
      this.#evaluation?.cancel();
    } catch {
      // What an audit leaves behind is thrown away in any case.
    }
    this.#evaluation = null;
  }
}
