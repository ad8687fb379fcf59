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
import { benchOptions, Figures } from "./support/figures.ts";

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
const { only, quick } = benchOptions(
  "Figures of the backfill: deno task bench:batch [--only NAME] [--quick]",
  Object.keys(measurements),
);
const figures = new Figures();
if (quick) figures.note("--quick: shows that the bench works; not figures to quote");
for (const [name, measure] of Object.entries(measurements)) {
  if (only.length === 0 || only.includes(name)) await measure();
}
Deno.exit(figures.finish());
