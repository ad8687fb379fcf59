/**
 * What histograms recorded lately: since the last look, or, while looks are frequent, since the last
 * but a few, so that a window is never shorter than the time between two reports of who records.
 *
 * @module
 */

import { FIGURE_HISTOGRAMS, type RecentHistograms } from "./figures.ts";
import { Histogram } from "./histogram.ts";
import type { Registry } from "./registry.ts";

/**
 * Shortest window, ms. Actors report once a second, so a window of a second would at times hold no
 * report and at times two; a little less than two seconds always holds one.
 */
export const RECENT_LEAST_MS = 1_900;

/** Looks remembered; what is beyond comes from a clock that hardly moves. 110 kB each. */
const LOOKS_MAX = 8;

type Copies = Readonly<Record<keyof typeof FIGURE_HISTOGRAMS, Histogram | null>>;

const NAMES = Object.keys(FIGURE_HISTOGRAMS) as (keyof typeof FIGURE_HISTOGRAMS)[];

/** Remembers the last looks at the histograms of a registry. */
export class RecentWindows {
  readonly #registry: Registry;
  readonly #looks: { readonly nowMs: number; readonly copies: Copies }[] = [];

  /** Has seen nothing. */
  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** What came within the window before monotonic `nowMs`. O(buckets) for each histogram. */
  look(nowMs: number): RecentHistograms {
    const copies = byName((name) => this.#copyOf(name));
    const looks = this.#looks;
    // The latest that is old enough; without one, the oldest there is.
    while (looks.length > 1 && nowMs - (looks[1]?.nowMs ?? 0) >= RECENT_LEAST_MS) looks.shift();
    const before = looks[0]?.copies;
    if (looks.length >= LOOKS_MAX) looks.pop();
    looks.push({ nowMs, copies });
    return byName((name) => {
      const now = copies[name], was = before?.[name];
      if (now === null || was === undefined) return null;
      return was === null ? now : now.since(was);
    });
  }

  #copyOf(name: keyof typeof FIGURE_HISTOGRAMS): Histogram | null {
    const { name: metric, labels } = FIGURE_HISTOGRAMS[name];
    const series = this.#registry.familyOf(metric, "histogram")?.find(labels) ?? null;
    return series === null ? null : Histogram.decode(series.encode());
  }
}

function byName(make: (name: keyof typeof FIGURE_HISTOGRAMS) => Histogram | null): Copies {
  return Object.fromEntries(NAMES.map((name) => [name, make(name)])) as Copies;
}
