/**
 * The figures of refreshes (spec: refresh, "Must show"): evaluations and speed of eager and lazy
 * refreshes, one edge, libraries of signals, clustering, how a run goes without faults, how long
 * its slices are, and exactness against a look at all sets.
 *
 * @module
 */

import { clusterFigures } from "./refresh/clusters.ts";
import { exactFigures } from "./refresh/exact.ts";
import { faultlessFigures } from "./refresh/faultless.ts";
import { signalFigures } from "./refresh/signals.ts";
import { singleFigures } from "./refresh/single.ts";
import { sliceFigures } from "./refresh/slices.ts";
import { speedFigures } from "./refresh/speed.ts";
import { treeFigures } from "./refresh/tree.ts";
import { benchOptions, Figures, runMeasurements } from "./support/figures.ts";

/** Random refreshes of each scorer unless said otherwise: some two minutes each. */
const EXACT_REFRESHES = 10_000;
const QUICK_REFRESHES = 100;

const measurements = {
  speed: () => speedFigures(figures, { quick }),
  single: () => singleFigures(figures, { quick }),
  signals: () => signalFigures(figures, { quick }),
  clusters: () => clusterFigures(figures, { quick }),
  slices: () => sliceFigures(figures, { quick }),
  faultless: () => faultlessFigures(figures, { quick }),
  tree: () => treeFigures(figures, { quick }),
  exact_product: () => exactFigures(figures, "product", { refreshes }),
  exact_mean_variance: () => exactFigures(figures, "mean_variance", { refreshes }),
};
const options = benchOptions(
  "Figures of refreshes: deno task bench:refresh [--only NAME] [--quick] [--refreshes N]",
  Object.keys(measurements),
  { refreshes: `random refreshes of each scorer, ${EXACT_REFRESHES} by default` },
);
const { quick, counts } = options;
const refreshes = counts["refreshes"] ?? (quick ? QUICK_REFRESHES : EXACT_REFRESHES);
const figures = new Figures();
await runMeasurements(figures, options, measurements);
