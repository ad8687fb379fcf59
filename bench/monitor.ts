/**
 * The figures of the monitor (spec: monitor, "Must show" 1, 2, 3 and 5): false pages of simulated days
 * and how soon incidents are found, against the older thresholds; the histogram's percentiles and
 * cost; series of `/metrics` that do not grow with keys and instruments; and what all of it costs.
 *
 * @module
 */

import { costFigures } from "./monitor/cost.ts";
import { dayFigures, incidentFigures, screenNote } from "./monitor/days.ts";
import { percentileFigures, recordFigures } from "./monitor/histograms.ts";
import { seriesFigures } from "./monitor/series.ts";
import { benchOptions, Figures, runMeasurements } from "./support/figures.ts";

/** Simulated days unless said otherwise: a second each. */
const DAYS = 20;
const QUICK_DAYS = 2;

const measurements = {
  days: () => {
    dayFigures(figures, { days });
    screenNote(figures, { quick });
  },
  incidents: () => incidentFigures(figures, { quick }),
  percentiles: () => percentileFigures(figures, { quick }),
  record: () => recordFigures(figures, { quick }),
  series: () => seriesFigures(figures, { quick }),
  cost: () => costFigures(figures, pairs === undefined ? { quick } : { quick, pairs }),
};
const options = benchOptions(
  "Figures of the monitor: deno task bench:monitor [--only NAME] [--quick] [--days N] [--pairs N]",
  Object.keys(measurements),
  {
    days: `simulated days, ${DAYS} by default`,
    pairs: "pairs of rounds with and without monitoring, 20 by default",
  },
);
const { quick, counts } = options;
const days = counts["days"] ?? (quick ? QUICK_DAYS : DAYS);
const pairs = counts["pairs"];
const figures = new Figures();
await runMeasurements(figures, options, measurements);
