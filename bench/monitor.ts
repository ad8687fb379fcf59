/**
 * The figures of the monitor (spec: monitor, "Must show" 1 and 2): false pages of simulated days and
 * how soon incidents are found, against the older thresholds; and the histogram's percentiles and
 * cost.
 *
 * @module
 */

import { dayFigures, incidentFigures, screenNote } from "./monitor/days.ts";
import { percentileFigures, recordFigures } from "./monitor/histograms.ts";
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
};
const options = benchOptions(
  "Figures of the monitor: deno task bench:monitor [--only NAME] [--quick] [--days N]",
  Object.keys(measurements),
  { days: `simulated days, ${DAYS} by default` },
);
const { quick, counts } = options;
const days = counts["days"] ?? (quick ? QUICK_DAYS : DAYS);
const figures = new Figures();
await runMeasurements(figures, options, measurements);
