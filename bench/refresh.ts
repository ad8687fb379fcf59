/**
 * The figures of refreshes (spec: refresh, "Must show"): exactness against a rebuild, evaluations
 * and speed of eager and lazy refreshes, one edge, libraries of signals, and clustering.
 *
 * @module
 */

import { clusterFigures } from "./refresh/clusters.ts";
import { exactFigures } from "./refresh/exact.ts";
import { signalFigures } from "./refresh/signals.ts";
import { singleFigures } from "./refresh/single.ts";
import { speedFigures } from "./refresh/speed.ts";
import { benchOptions, Figures, runMeasurements } from "./support/figures.ts";

const measurements = {
  speed: () => speedFigures(figures, { quick }),
  single: () => singleFigures(figures, { quick }),
  signals: () => signalFigures(figures, { quick }),
  clusters: () => clusterFigures(figures, { quick }),
  exact: () => exactFigures(figures, { quick }),
};
const options = benchOptions(
  "Figures of refreshes: deno task bench:refresh [--only NAME] [--quick]",
  Object.keys(measurements),
);
const { quick } = options;
const figures = new Figures();
await runMeasurements(figures, options, measurements);
