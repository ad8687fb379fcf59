/**
 * Must show 3, the first half: without faults all refreshes are partial where the cost model wants
 * them, and none falls back. An aggregator and a run, without actors; through the actors, and with
 * the cache, see `tree.ts`.
 *
 * @module
 */

import { seededRandom } from "../../src/actor/clock.ts";
import { Aggregator } from "../../src/refresh/aggregator.ts";
import type { BlockJob } from "../../src/refresh/block_schedule.ts";
import { OptimisationRun } from "../../src/refresh/run.ts";
import { digits, type Figures, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import { GROUPED_EDGES, GROUPS, triangleOf } from "./groups.ts";
import { drawMoves, makeEngine, makeScorer, makeWorld } from "./world.ts";

const SETS = 20_000;
/** Time from one tick to the next: blocks are warmed several times in a row of ticks. */
const TICK_MS = 5_000;
const SHARE_MIN = 0.001;
/** A best is held against a rebuild every so many ticks. */
const CHECK_EVERY = 20;

/** Blocks by cluster, as the cache has them; warming takes until the next tick. */
class Blocks {
  readonly #warmed = new Set<string>();
  readonly #jobs: BlockJob[] = [];
  readonly #aggregator: Aggregator;

  constructor(aggregator: Aggregator) {
    this.#aggregator = aggregator;
  }

  /** What was begun is warmed, and the next ones begin. */
  turn(begun: readonly BlockJob[], nowMs: number): void {
    for (const job of this.#jobs.splice(0)) {
      this.#warmed.add(job.clusterId);
      this.#aggregator.finishBlock(job, true, TICK_MS);
    }
    this.#jobs.push(...begun, ...this.#aggregator.nextBlocks(nowMs));
  }

  /** Reads the block of a cluster, which is there once it was warmed. */
  read(clusterId: string): void {
    this.#aggregator.readBlock(this.#warmed.has(clusterId));
  }
}

/** Throws, through `verify`, when a best is not a rebuild's. */
export function faultlessFigures(figures: Figures, { quick }: { readonly quick: boolean }): void {
  const ticks = quick ? 60 : 1_000;
  for (const mode of ["eager", "lazy"] as const) {
    const world = makeWorld({ edges: GROUPED_EDGES, sets: SETS }, 23);
    const scorer = makeScorer("product", world, 0), engine = makeEngine(world, scorer, mode);
    const twin = new FullRebuild(world, scorer), aggregator = new Aggregator();
    const { edges, ...triangle } = triangleOf(seededRandom(29));
    aggregator.addEdges(world.edgeIds);
    aggregator.setCorrelations({ ...triangle, edges: edges.map((_, at) => `e${at}`) });
    verify("clusters", aggregator.clusters().all.length, GROUPS);
    const stopwatchMs = () => performance.now();
    const run = new OptimisationRun("run_1", engine, { stopwatchMs, auditEvery: 20 }, 0);
    const blocks = new Blocks(aggregator);
    let fired = 0;
    for (let tick = 0; tick < ticks; tick++) {
      const nowMs = tick * TICK_MS, moves = drawMoves(world, SHARE_MIN ** world.random.next());
      moves.handles.forEach((edge, at) => {
        const value = moves.values[at] as number, edgeId = world.edgeIds[edge] as string;
        const magnitude = Math.abs(value - (twin.values[edge] as number));
        aggregator.recordEdgeChange({ edgeId, type: "custom", magnitude, value, at: nowMs });
        twin.values[edge] = value;
      });
      const { changes, impacted, blocks: jobs } = aggregator.tick(nowMs);
      for (const { edgeId, value } of changes) {
        if (value !== undefined && value !== null) run.changes.setValue({ edgeId, value }, nowMs);
      }
      for (const { id } of impacted) blocks.read(id);
      fired += impacted.length;
      blocks.turn(jobs, nowMs);
      const best = refreshed(run, nowMs);
      if (tick % CHECK_EVERY === 0 || tick === ticks - 1) {
        const right = twin.best();
        verify("best score", best?.score ?? NaN, right?.score ?? NaN);
        verify("best set", best?.setId === right?.setId ? 1 : 0, 1);
      }
    }
    addFigures(figures, mode, run, aggregator, fired);
  }
}

/** A live refresh to its end, and an audit if one is due. */
function refreshed(run: OptimisationRun, nowMs: number) {
  verify("a refresh that begins", run.begin({ cause: "live" }).state === "begun" ? 1 : 0, 1);
  for (;;) {
    const { report } = run.step(2_000, nowMs);
    if (report === null) continue;
    while (run.wantsAudit) run.stepAudit(2_000);
    return report.best;
  }
}

function addFigures(
  figures: Figures,
  mode: string,
  run: OptimisationRun,
  aggregator: Aggregator,
  fired: number,
): void {
  const { counters, audits } = run.metadata(0), { blocks } = aggregator.status();
  const { refreshes, partial, full, partialWanted, fallbacks, failed } = counters;
  const all = { unit: " %", must: 100, better: "higher" } as const;
  const none = { unit: "", must: 0, better: "lower" } as const;
  const one = (value: number) => spreadOf([value]);
  figures.add(`partial of those wanted, ${mode}`, one(100 * partial / partialWanted), all);
  figures.add(`fallbacks and failures, ${mode}`, one(fallbacks + failed), none);
  figures.add(`audits that did not match, ${mode}`, one(audits.mismatches), none);
  const { hits, misses, warmed } = blocks.totals;
  figures.note(
    `${refreshes} refreshes, ${partial} partial, ${full} by a rebuild that was first, cheaper or a ` +
      `trial; ${audits.audits} audits matched; ${fired} times a cluster fired, ${warmed} blocks ` +
      `warmed, ${hits} reads found one and ${misses} came before the first was warmed ` +
      `(${digits(100 * hits / (hits + misses))} %)`,
  );
}
