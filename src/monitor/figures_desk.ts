/**
 * What a monitor does about figures: a point of each look, an hour of them, and whether somebody
 * watches, for whom it then looks more often.
 *
 * @module
 */

import { figurePoint, type FigureTarget, figureTargets } from "./figures.ts";
import type { FigureName } from "./figures.ts";
import { type FigureColumns, FigureHistory } from "./figures_history.ts";
import { RecentWindows } from "./figures_recent.ts";
import type { HealthScore } from "./health_score.ts";
import type { Registry } from "./registry.ts";
import type { MetricsSnapshot } from "./snapshot.ts";
import { type Target, TARGET_MEASURES, type TargetMeasure } from "./targets.ts";

/** Time between two looks while somebody watches. */
export const WATCHED_EVERY_MS = 1_000;
/** Whoever watches says so once a second; after so long without a word nobody does. */
export const WATCHED_FOR_MS = 3_500;
/** Looks that follow sooner make no point of their own: rates over less are noise. */
export const POINT_LEAST_MS = 500;

/** What a desk is made of. */
export interface FigureDeskOptions {
  /** Whose histograms are read. */
  readonly registry: Registry;
  /** Cores of the machine; null = unknown. */
  readonly cores: number | null;
}

/** See the module's text. Times are monotonic ms. */
export class FigureDesk {
  readonly #cores: number | null;
  readonly #recent: RecentWindows;
  readonly #history = new FigureHistory();
  #before: MetricsSnapshot | null = null;
  #score: HealthScore | null = null;
  #watchedMs = -Infinity;

  /** Has seen nothing. */
  constructor({ registry, cores }: FigureDeskOptions) {
    this.#cores = cores;
    this.#recent = new RecentWindows(registry);
  }

  /** Takes the point of a look, unless the last one was only just now. */
  look(snapshot: MetricsSnapshot, score: HealthScore): void {
    const { nowMs } = snapshot;
    this.#score = score;
    if (this.isFresh(nowMs)) return;
    const recent = this.#recent.look(nowMs);
    const options = { recent, score: score.score, cores: this.#cores };
    this.#history.add(figurePoint(this.#before, snapshot, options));
    this.#before = snapshot;
  }

  /** Whether the last point is so new that a look now would make none. */
  isFresh(nowMs: number): boolean {
    return this.#before !== null && nowMs - this.#before.nowMs < POINT_LEAST_MS;
  }

  /** Somebody watches. */
  watched(nowMs: number): void {
    this.#watchedMs = nowMs;
  }

  /** Whether somebody does. */
  isWatched(nowMs: number): boolean {
    return nowMs - this.#watchedMs < WATCHED_FOR_MS;
  }

  /** Points after epoch ms `sinceMs`, the newest `limit`, with the targets that the score judges by. */
  list(
    sinceMs: number,
    limit: number,
  ): FigureColumns & { readonly targets: Partial<Record<FigureName, FigureTarget>> } {
    const targets: Partial<Record<TargetMeasure, Target>> = {};
    for (const { measure, target } of this.#score?.measures ?? []) {
      const known = TARGET_MEASURES.find((name) => name === measure);
      if (known !== undefined) targets[known] = target;
    }
    return { ...this.#history.columns(sinceMs, limit), targets: figureTargets(targets) };
  }
}
