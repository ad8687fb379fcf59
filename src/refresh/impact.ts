/**
 * Impact of changes on clusters: an exponential moving average of magnitudes that fires once.
 *
 * ```
 * impact ← α · magnitude + (1 − α) · impact
 *
 * armed ── impact ≥ threshold: fires ──▶ fired ── impact < rearmBelow ──▶ armed
 * ```
 *
 * With α and the threshold at 0.3 one change of magnitude 1 fires a cluster that was at rest. When
 * clusters are made anew, each goes on from the highest impact of the ones its members were in, so
 * that nobody fires, or is armed, because of where a border runs.
 *
 * @module
 */

import { checkWithin } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";
import type { Cluster, Clusters } from "./clusters.ts";

/** What one may set of impact. */
export interface ImpactSettings {
  /** Share of a new change, above 0, at most 1. */
  readonly alpha: number;
  /** Impact at which a cluster fires. */
  readonly threshold: number;
  /** Impact below which it may fire again; not above the threshold. */
  readonly rearmBelow: number;
  /** Time without changes in which impact halves, ms; null = it is as it was. */
  readonly halfLifeMs: number | null;
}

/** What holds unless told otherwise. */
export const IMPACT_DEFAULTS: ImpactSettings = {
  alpha: 0.3,
  threshold: 0.3,
  rearmBelow: 0.15,
  halfLifeMs: null,
};

/** Impact of one cluster. */
export interface ImpactState {
  /** As of `at`. */
  readonly impact: number;
  /** Whether it has fired and is not armed again. */
  readonly isFired: boolean;
  /** Time of its latest change, epoch ms; null when it is at rest. */
  readonly at: number | null;
}

/** {@linkcode ImpactState} by cluster, as it is saved. */
export interface SavedImpact extends ImpactState {
  /** Time of its latest change, epoch ms. */
  readonly at: number;
  /** Of the cluster at that time. */
  readonly clusterId: string;
}

/** A cluster that has changed. */
type Moved = Omit<SavedImpact, "clusterId">;

const AT_REST: ImpactState = { impact: 0, isFired: false, at: null };

/**
 * Whole settings from what is set.
 *
 * @throws {RefreshError} code `options` for a value out of bounds.
 */
export function impactSettings(overrides: Partial<ImpactSettings> = {}): ImpactSettings {
  const settings = { ...IMPACT_DEFAULTS, ...overrides };
  const { alpha, threshold, rearmBelow, halfLifeMs } = settings;
  checkWithin("alpha", alpha, Number.EPSILON, 1);
  checkWithin("threshold", threshold, Number.EPSILON, Number.MAX_VALUE);
  checkWithin("rearmBelow", rearmBelow, 0, threshold);
  if (halfLifeMs !== null) checkWithin("halfLifeMs", halfLifeMs, 1, Number.MAX_VALUE);
  return settings;
}

/** See the top of the file. One entry for each cluster that has changed: at most one per edge. */
export class Impacts {
  readonly #settings: ImpactSettings;
  #byCluster = new Map<string, Moved>();

  /** All clusters are at rest. */
  constructor(settings: ImpactSettings = IMPACT_DEFAULTS) {
    this.#settings = settings;
  }

  /** Impact of a cluster as of its latest change, or as of `at`. O(1). */
  of(clusterId: string, at?: number): ImpactState {
    const state = this.#byCluster.get(clusterId) ?? AT_REST;
    return at === undefined ? state : this.#fade(state, at);
  }

  /** A change of a member, epoch ms; whether the cluster fires. Changes come by time. O(1). */
  change(clusterId: string, magnitude: number, at: number): boolean {
    const { alpha, threshold } = this.#settings;
    const before = this.#fade(this.of(clusterId), at);
    const impact = alpha * magnitude + (1 - alpha) * before.impact;
    const wasFired = before.isFired && impact >= this.#settings.rearmBelow;
    const fires = !wasFired && impact >= threshold;
    this.#byCluster.set(clusterId, {
      impact,
      isFired: wasFired || fires,
      at: Math.max(before.at ?? at, at),
    });
    return fires;
  }

  /** Clusters are others than they were. O(edges). */
  regroup(before: Clusters, after: Clusters): void {
    const states = this.#byCluster;
    if (states.size === 0) return;
    // Impacts of one time can be compared.
    const at = Math.max(...Array.from(states.values(), (state) => state.at));
    const moved = new Map<string, Moved>();
    for (const { id, members } of after.all) {
      let top: Moved | undefined;
      for (const member of members) {
        const old = before.of(member);
        const state = old === undefined ? undefined : states.get(old.id);
        if (state !== undefined) top = this.#higher(top, state, at);
      }
      if (top !== undefined) moved.set(id, top);
    }
    this.#byCluster = moved;
  }

  /** All that is not at rest, in the order of cluster ids. */
  snapshot(): readonly SavedImpact[] {
    return [...this.#byCluster].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([clusterId, state]) => ({ clusterId, ...state }));
  }

  /**
   * Takes the place of what was saved, each in the cluster that its lowest member is in now. None is
   * later than `nowMs`: the machine's clock may have been set back, and impact would not fade until
   * it is there again.
   *
   * @throws {RefreshError} code `snapshot`.
   */
  restore(saved: unknown, clusters: Clusters, nowMs = Infinity): void {
    if (!Array.isArray(saved)) throw wrong("expected a list", saved);
    const checked = saved.map(checkedImpact)
      .map((state) => ({ ...state, at: Math.min(state.at, nowMs) }));
    const at = checked.reduce((latest, state) => Math.max(latest, state.at), -Infinity);
    this.#byCluster = new Map();
    for (const { clusterId, ...state } of checked) {
      const cluster: Cluster | undefined = clusters.of(clusterId);
      if (cluster === undefined) continue;
      const before = this.#byCluster.get(cluster.id);
      this.#byCluster.set(cluster.id, this.#higher(before, state, at));
    }
  }

  #higher(a: Moved | undefined, b: Moved, at: number): Moved {
    if (a === undefined) return b;
    const one = this.#fade(a, at), other = this.#fade(b, at);
    if (one.impact !== other.impact) return one.impact > other.impact ? a : b;
    return a.isFired ? a : b;
  }

  #fade(state: ImpactState, at: number): ImpactState {
    const { halfLifeMs, rearmBelow } = this.#settings;
    if (halfLifeMs === null || state.at === null || !(at > state.at)) return state;
    const impact = state.impact * 2 ** ((state.at - at) / halfLifeMs);
    return { impact, isFired: state.isFired && impact >= rearmBelow, at };
  }
}

function checkedImpact(value: unknown): SavedImpact {
  const given = (value ?? {}) as Partial<Record<keyof SavedImpact, unknown>>;
  const { clusterId, impact, isFired, at } = given;
  const isRight = typeof clusterId === "string" && typeof isFired === "boolean" &&
    typeof impact === "number" && impact >= 0 && Number.isFinite(impact) &&
    typeof at === "number" && Number.isFinite(at);
  if (!isRight) throw wrong("expected an impact of a cluster", value);
  return { clusterId, impact, isFired, at };
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "snapshot",
    `Cannot restore impacts: ${expected}: current value is ${shown(value)}`,
  );
