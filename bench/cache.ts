/**
 * The figures of the cache (spec: cache, "Must show"): hits against Belady's optimum on real traces,
 * speed and memory against lru-cache, one load for many callers, batches, and a day of work.
 *
 * @module
 */

import { batchFigures } from "./cache/batch.ts";
import { dayFigures } from "./cache/day.ts";
import { flightFigures } from "./cache/flights.ts";
import { memoryFigures } from "./cache/memory_figures.ts";
import { routerFigures } from "./cache/router.ts";
import { speedFigures } from "./cache/speed.ts";
import { traceFigures } from "./cache/traces.ts";
import { usersFigures } from "./cache/users.ts";
import { benchOptions, Figures, runMeasurements } from "./support/figures.ts";

const measurements = {
  // First: in a service too, only one policy has been run by the code that is compiled.
  speed: () => speedFigures(figures, { quick }),
  traces: () => traceFigures(figures, { quick }),
  memory: () => memoryFigures(figures, { quick }),
  router: () => routerFigures(figures, { quick }),
  flights: () => flightFigures(figures),
  batch: () => batchFigures(figures, { quick }),
  day: () => dayFigures(figures, { quick }),
  users: () => usersFigures(figures, { quick }),
};
const options = benchOptions(
  "Figures of the cache: deno task bench:cache [--only NAME] [--quick]",
  Object.keys(measurements),
);
const { quick } = options;
const figures = new Figures();
await runMeasurements(figures, options, measurements);
