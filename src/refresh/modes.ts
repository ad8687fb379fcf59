/**
 * In which mode changes are let through: a state machine over load and the health of providers.
 *
 * ```
 * normal ◀──▶ degraded     providers open, refreshing without a pause, failures in a row
 *    ▲            ▲
 *    └──▶ burst ◀─┘        more changes than can be taken one by one; goes before degraded
 * ```
 *
 * Each of the two is a switch with hysteresis: on at once at its upper bound, off when everything
 * stayed at or below the lower one for a while, so that a load at the bound does not flap.
 *
 * @module
 */

import { RefreshError } from "./error.ts";

/** See the head of this file. */
export type ModeName = "normal" | "degraded" | "burst";

/** What the mode follows from. */
export interface LoadFacts {
  /** Changes of edges, per second. */
  readonly changesPerS: number;
  /** Share of the time that refreshes work, 0 to 1. */
  readonly refreshRatio: number;
  /** Share of the providers whose circuit breaker is open, 0 to 1. */
  readonly providersOpenRatio: number;
  /** Refreshes that failed in a row. */
  readonly failuresInRow: number;
}

/** An upper and a lower bound. */
export interface Band {
  /** On from here. */
  readonly on: number;
  /** Off from here down, ≤ on. */
  readonly off: number;
}

/** Bounds of the modes. */
export interface ModeOptions {
  /**
   * Changes per second; 5,000 and 2,500 unless said otherwise: the whole default tree changing at
   * once, and half of it.
   */
  readonly burst?: Band;
  /** Share of the time; 0.8 and 0.5 unless said otherwise: beyond that, waiting times explode. */
  readonly refresh?: Band;
  /** Share of the providers; 0.5 and 0.25 unless said otherwise. */
  readonly providers?: Band;
  /** Failures in a row; 3 and 0 unless said otherwise: as for staleness. */
  readonly failures?: Band;
  /** How long it must be calm, ms; 10,000 unless said otherwise. */
  readonly calmMs?: number;
}

const BURST: Band = { on: 5_000, off: 2_500 };
const REFRESH: Band = { on: 0.8, off: 0.5 };
const PROVIDERS: Band = { on: 0.5, off: 0.25 };
const FAILURES: Band = { on: 3, off: 0 };
const CALM_MS = 10_000;

/** A change of mode. */
export interface ModeChange {
  /** The mode before. */
  readonly from: ModeName;
  /** The mode now. */
  readonly to: ModeName;
  /** When, epoch ms. */
  readonly atMs: number;
}

/** On at once, off after a while of calm. */
class CalmSwitch {
  isOn = false;
  #calmSinceMs: number | null = null;

  /** `level`: whether any figure is at its upper bound, all are at or below the lower, or neither. */
  follow(level: "high" | "middle" | "low", calmMs: number, nowMs: number): void {
    if (level === "high") this.isOn = true;
    if (level !== "low") {
      this.#calmSinceMs = null;
      return;
    }
    // A clock that went backwards begins anew.
    if (this.#calmSinceMs === null || nowMs < this.#calmSinceMs) this.#calmSinceMs = nowMs;
    if (nowMs - this.#calmSinceMs >= calmMs) this.isOn = false;
  }
}

/** See the head of this file. All is O(1). */
export class ModeMachine {
  readonly #options: Required<ModeOptions>;
  readonly #burst = new CalmSwitch();
  readonly #degraded = new CalmSwitch();
  #mode: ModeName = "normal";
  #sinceMs: number;
  #changes = 0;

  /**
   * In normal mode since `nowMs`.
   *
   * @throws {RefreshError} code `options`, when an upper bound is below its lower one.
   */
  constructor(nowMs: number, options: ModeOptions = {}) {
    const { burst = BURST, refresh = REFRESH, providers = PROVIDERS } = options;
    const { failures = FAILURES, calmMs = CALM_MS } = options;
    for (const { on, off } of [burst, refresh, providers, failures]) {
      if (!(on > 0 && off >= 0 && off <= on && calmMs >= 0)) {
        throw new RefreshError(
          "options",
          "Cannot set up modes: expected 0 ≤ off ≤ on, on > 0, calmMs ≥ 0: " +
            `current values are ${off}, ${on}, ${calmMs}`,
        );
      }
    }
    this.#options = { burst, refresh, providers, failures, calmMs };
    this.#sinceMs = nowMs;
  }

  /** The mode. */
  get mode(): ModeName {
    return this.#mode;
  }

  /** Since when, epoch ms. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Changes of mode so far. */
  get changes(): number {
    return this.#changes;
  }

  /** Follows the load; call it about once a second. Returns a change of mode, if there is one. */
  follow(load: LoadFacts, nowMs: number): ModeChange | null {
    const { burst, refresh, providers, failures, calmMs } = this.#options;
    this.#burst.follow(levelOf([[load.changesPerS, burst]]), calmMs, nowMs);
    const level = levelOf([
      [load.refreshRatio, refresh],
      [load.providersOpenRatio, providers],
      [load.failuresInRow, failures],
    ]);
    this.#degraded.follow(level, calmMs, nowMs);
    const from = this.#mode;
    const to = this.#burst.isOn ? "burst" : this.#degraded.isOn ? "degraded" : "normal";
    if (from === to) return null;
    this.#mode = to;
    this.#sinceMs = nowMs;
    this.#changes++;
    return { from, to, atMs: nowMs };
  }
}

/** A figure that is no number says nothing of calm. */
function levelOf(figures: readonly (readonly [number, Band])[]): "high" | "middle" | "low" {
  if (figures.some(([figure, { on }]) => figure >= on)) return "high";
  return figures.every(([figure, { off }]) => figure <= off) ? "low" : "middle";
}
