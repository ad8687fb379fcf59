/**
 * The figures of the backfill (spec: batch, "Must show"): the limiter, chunks, the cost of a
 * checkpoint, a kill at 94 %, and the sync night, over the library and through the actors. In virtual
 * time where it says so. The kills themselves: `deno task chaos:jobs`.
 *
 * @module
 */

import { checkpointFigures } from "./batch/checkpoint.ts";
import { chunkFigures } from "./batch/chunks.ts";
import { killedFigures } from "./batch/killed.ts";
import { limiterFigures } from "./batch/limiter.ts";
import { nightFigures } from "./batch/night.ts";
import { treeNightFigures } from "./batch/tree_night.ts";
import { benchOptions, Figures, runMeasurements } from "./support/figures.ts";

const measurements = {
  limiter: () => limiterFigures(figures, { quick }),
  chunks: () => chunkFigures(figures, { quick }),
  checkpoint: () =>
    checkpointFigures(
      figures,
      quick ? { rounds: 1, items: 20_000 } : { rounds: 5, items: 200_000 },
    ),
  night: () => nightFigures(figures, { rounds: quick ? 1 : 5, showsReport: !quick }),
  tree: () => treeNightFigures(figures, quick ? 1 : 3),
  killed: () => killedFigures(figures, { rounds: quick ? 1 : 3, items: 5_000 }),
};
const options = benchOptions(
  "Figures of the backfill: deno task bench:batch [--only NAME] [--quick]",
  Object.keys(measurements),
);
const { quick } = options;
const figures = new Figures();
await runMeasurements(figures, options, measurements);
