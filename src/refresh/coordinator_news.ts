/**
 * What runs have to say: kept with the run, logged where it matters, and told to whoever watches.
 *
 * @module
 */

import type { CoordinatedRun } from "./coordinated_run.ts";
import type { RefreshReport, RunEvent } from "./run_types.ts";

/** A thing that happened to a run, for whoever watches. */
export type RunNews =
  | { readonly type: "run"; readonly runId: string; readonly report: RefreshReport }
  | {
    readonly type: "best";
    readonly runId: string;
    readonly setId: string;
    readonly score: number;
  };

/** Where it goes. */
export interface NewsPorts {
  /** Epoch ms. */
  nowMs(): number;
  /** News. */
  news(news: RunNews): void;
  /** Something went wrong. */
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** What is worth a line in the log. */
const WARNINGS: Readonly<Partial<Record<RunEvent["type"], string>>> = {
  audit_failed: "a comparison of a run with a rebuild did not match",
  audit_overdue: "refreshes cut off all comparisons of a run with a rebuild",
  failed: "a refresh failed",
  fallback: "a refresh fell back to a rebuild",
  rejected: "a change of a run could not be applied",
};

/** A run had something to say. */
export function tellEvents(
  run: CoordinatedRun,
  events: readonly RunEvent[],
  ports: NewsPorts,
): void {
  if (events.length === 0) return;
  run.note(events, ports.nowMs());
  for (const event of events) {
    const text = WARNINGS[event.type];
    if (text !== undefined) ports.warn(text, { run: run.runId, ...event });
  }
}

/** A refresh of a run has ended: whoever waited is told, and whoever watches. */
export function tellReport(run: CoordinatedRun, report: RefreshReport, ports: NewsPorts): void {
  run.waiters.done(report);
  ports.news({ type: "run", runId: run.runId, report });
  if (report.publication === null) return;
  const { setId, score } = report.publication.best;
  ports.news({ type: "best", runId: run.runId, setId, score });
}
