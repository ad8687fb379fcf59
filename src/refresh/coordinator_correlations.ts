/**
 * The correlations that the aggregator knows, for the scorers of the runs that follow them.
 *
 * @module
 */

import { type CoordinatedRun, LIVE_AFTER_MS } from "./coordinated_run.ts";
import type { Correlations } from "./correlation.ts";
import { NamedCorrelations } from "./named_correlations.ts";

/** See the head of this file. */
export class FollowedCorrelations {
  #newest: Correlations | null = null;

  /**
   * New ones. Each run gets them with its next refresh, or what is newer by then; all its sets are
   * scored anew.
   */
  came(correlations: Correlations, runs: Iterable<CoordinatedRun>, nowMs: number): void {
    this.#newest = correlations;
    for (const run of runs) {
      if (!run.input.options.followsCorrelations) continue;
      run.release(nowMs);
      if (run.areCorrelationsWaiting || run.scorer.setCorrelations === undefined) continue;
      run.areCorrelationsWaiting = true;
      run.run.changes.scorerChanges("all", () => this.#give(run), nowMs);
      run.wake(nowMs + LIVE_AFTER_MS);
    }
  }

  /** A run was made, and nothing of it is evaluated yet. @throws what its scorer does. */
  begin(run: CoordinatedRun): void {
    if (run.input.options.followsCorrelations) this.#give(run);
  }

  #give(run: CoordinatedRun): void {
    if (this.#newest === null) return;
    run.scorer.setCorrelations?.(new NamedCorrelations(this.#newest, run.engine.edgeNames));
    run.hasCorrelations = run.scorer.setCorrelations !== undefined;
  }
}
