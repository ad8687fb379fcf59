/**
 * The figures of warming (spec: warming, "Must show"): successors on real traces, the chance of use
 * against a simple predictor's frontiers, what recording costs, a day and a week of work in the full
 * rig, a cold start, memory and processor, and a provider that is down.
 *
 * @module
 */

import { benchOptions, Figures, runMeasurements } from "./support/figures.ts";
import { coldFigures } from "./warm/cold.ts";
import { dayFigures } from "./warm/day.ts";
import { downFigures } from "./warm/down.ts";
import { frontierFigures } from "./warm/frontier.ts";
import { frontierChecks } from "./warm/frontier_check.ts";
import { memoryFigures } from "./warm/memory_figures.ts";
import { recordFigures } from "./warm/record.ts";
import { warmTraceFigures } from "./warm/traces.ts";
import { weekFigures } from "./warm/week.ts";

const measurements = {
  traces: () => warmTraceFigures(figures, { quick }),
  frontier: () => frontierFigures(figures, { quick }),
  record: () => recordFigures(figures, { quick }),
  day: () => dayFigures(figures, { quick }),
  "day-lines": () => frontierChecks(figures, "day1", { quick }),
  week: () => weekFigures(figures, { quick }),
  "week-lines": () => frontierChecks(figures, "week1", { quick }),
  cold: () => coldFigures(figures, { quick }),
  memory: () => memoryFigures(figures, { quick }),
  down: () => downFigures(figures, { quick }),
};
const options = benchOptions(
  "Figures of warming: deno task bench:warm [--only NAME] [--quick]",
  Object.keys(measurements),
);
const { quick } = options;
const figures = new Figures();
await runMeasurements(figures, options, measurements);
