/**
 * The optimisation run of the demo: the best basket of currency pairs, kept while their prices move,
 * and at the end compared with one that is worked out anew.
 *
 * @module
 */

import type { RefreshAnswer } from "../refresh/service_types.ts";
import type { RefreshReport, RunMetadata } from "../refresh/run_types.ts";

/** What the demo asks of the run. */
export interface DemoRun {
  get(): Promise<RunMetadata | null>;
  refresh(): Promise<RefreshAnswer>;
  rebuild(): Promise<RefreshAnswer>;
}

/** What came of it. */
export interface BasketFigures {
  readonly baskets: number;
  /** Refreshes by what gave their result, and those that fell back to a rebuild. */
  readonly partial: number;
  readonly full: number;
  readonly fallbacks: number;
  /** Times that another best basket, or score, was published. */
  readonly publications: number;
  /** The best basket now, and its score; null before there is one. */
  readonly best: { readonly setId: string; readonly score: number } | null;
  /** Whether it is that of a rebuild, bit for bit; null when that is not known. */
  readonly isExact: boolean | null;
}

/** Figures of the run, once nothing moves any more; null when there is no run. */
export async function basketFigures(run: DemoRun): Promise<BasketFigures | null> {
  const metadata = await run.get();
  if (metadata === null) return null;
  const { counters, sets } = metadata;
  const kept = reportOf(await run.refresh());
  const anew = reportOf(await run.rebuild());
  const best = kept?.best ?? null;
  return {
    baskets: sets,
    partial: counters.partial,
    full: counters.full,
    fallbacks: counters.fallbacks,
    publications: counters.publications,
    best: best === null ? null : { setId: best.setId, score: best.score },
    isExact: kept === null || anew === null || kept.revision !== anew.revision
      ? null
      : best?.setId === anew.best?.setId && Object.is(best?.score, anew.best?.score),
  };
}

function reportOf(answer: RefreshAnswer): RefreshReport | null {
  return answer.state === "done" ? answer.report : null;
}
