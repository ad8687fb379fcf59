/**
 * Must show 3, the first half, through the actors: changes are told to the aggregator of a running
 * tree, the coordinator refreshes a run in slices, blocks of correlations are warmed in the cache
 * and read from it, audits are done in idle time.
 *
 * @module
 */

import { startWick, type Wick } from "../../actors/tree.ts";
import { pause, seededRandom, systemClock } from "../../src/actor/mod.ts";
import { pairsOf } from "../../src/refresh/correlation.ts";
import type { RunMetadata } from "../../src/refresh/run_types.ts";
import { PairTable } from "../../src/refresh/scorer_pairs.ts";
import { ProductScorer } from "../../src/refresh/scorer_product.ts";
import { digits, type Figures, percentileOf, spreadOf } from "../support/figures.ts";
import { verify } from "../support/workload.ts";
import { FullRebuild } from "../rivals/refresh_full.ts";
import { GROUPED_EDGES, GROUPS, triangleOf } from "./groups.ts";
import { drawMoves, makeWorld, type World } from "./world.ts";

const RUN_ID = "bench";
const SETS = 20_000;
/** From a change to the tick that folds it, ms: shorter than by default, so that it takes less long. */
const TICK_MS = 5;
/** A refresh of all that was held back, and a comparison with a rebuild, every so many ticks. */
const CHECK_EVERY = 10;
/** One change in ten ticks moves up to all edges; the others a few. */
const SHARE_MIN = 0.001;
const ASK = { timeoutMs: 30_000 } as const;

/** The parts of a tree that refreshes. */
interface Parts {
  readonly wick: Wick;
  readonly aggregator: NonNullable<Wick["aggregator"]>;
  readonly coordinator: NonNullable<Wick["refresh"]>;
}

async function started(): Promise<Parts> {
  const wick = await startWick({
    workers: 1,
    cache: { provider: null },
    refresh: { followsPrices: false, baskets: null, tickMs: TICK_MS },
    system: { log: null },
  });
  const { aggregator, refresh: coordinator } = wick;
  if (aggregator === null || coordinator === null) throw new Error("Cannot measure: no refreshing");
  return { wick, aggregator, coordinator };
}

/** Correlations in groups, as pairs: those within a group. */
function pairsWithin() {
  const { values } = triangleOf(seededRandom(29));
  const pairs: { a: string; b: string; correlation: number }[] = [];
  for (let i = 1; i < GROUPED_EDGES; i++) {
    for (let j = i % GROUPS; j < i; j += GROUPS) {
      pairs.push({ a: `e${i}`, b: `e${j}`, correlation: values[pairsOf(i) + j] as number });
    }
  }
  return pairs;
}

async function prepare({ wick, aggregator }: Parts, world: World): Promise<void> {
  await aggregator.ask("addEdges", { edges: world.edgeIds }, ASK);
  const input = { kind: "pairs" as const, pairs: pairsWithin() };
  const { clusters } = await aggregator.ask("correlations", { correlations: input }, ASK);
  verify("clusters", clusters, GROUPS);
  const { size, members } = world;
  const { state } = await wick.createRun({
    runId: RUN_ID,
    edges: world.edgeIds.map((edgeId, edge) => ({ edgeId, value: world.values[edge] as number })),
    sets: world.setIds.map((setId, set) => ({
      setId,
      members: Array.from(
        members.subarray(set * size, (set + 1) * size),
        (edge) => world.edgeIds[edge] as string,
      ),
    })),
    scorer: { name: "product" },
    options: { mode: "eager", auditEvery: 20 },
  });
  verify("a run that was made", state === "created" ? 1 : 0, 1);
}

/** Blocks of clusters that fired: read until one is there, and counted from then on. */
class BlockReads {
  readonly #warm = new Set<string>();
  reads = 0;
  hits = 0;

  async read({ aggregator }: Parts, clusterId: string): Promise<void> {
    const found = await aggregator.ask("block", { clusterId }, ASK);
    verify("a block", found?.block.members.length ?? 0, GROUPED_EDGES / GROUPS);
    const isHit = found?.cacheHit === true;
    if (this.#warm.has(clusterId)) {
      this.reads++;
      this.hits += Number(isHit);
    } else if (isHit) this.#warm.add(clusterId);
  }
}

/** Throws, through `verify`, when a best is not a rebuild's. */
export async function treeFigures(
  figures: Figures,
  { quick }: { readonly quick: boolean },
): Promise<void> {
  const ticks = quick ? 100 : 2_000, parts = await started();
  const world = makeWorld({ edges: GROUPED_EDGES, sets: SETS }, 23);
  // The run's own scorer knows no correlations, as it was given none.
  const twin = new FullRebuild(world, new ProductScorer(new PairTable()));
  const blocks = new BlockReads(), fired = new Set<string>(), tickMs: number[] = [];
  try {
    await prepare(parts, world);
    for (let tick = 0; tick < ticks; tick++) {
      const share = tick % CHECK_EVERY === 0 ? SHARE_MIN ** world.random.next() : SHARE_MIN;
      const moves = drawMoves(world, share), startMs = performance.now();
      const { impacted } = await parts.aggregator.ask("recordEdgeChanges", {
        changes: moves.handles.map((edge, at) => ({
          edgeId: world.edgeIds[edge] as string,
          type: "custom" as const,
          magnitude: Math.abs((moves.values[at] as number) - (twin.values[edge] as number)),
          value: moves.values[at] as number,
        })),
      }, ASK);
      tickMs.push(performance.now() - startMs);
      moves.handles.forEach((edge, at) => twin.values[edge] = moves.values[at] as number);
      for (const { id } of impacted) fired.add(id);
      const one = [...fired][Math.floor(world.random.next() * fired.size)];
      if (one !== undefined) await blocks.read(parts, one);
      if (tick % CHECK_EVERY === CHECK_EVERY - 1) await check(parts, twin);
    }
    await addFigures(figures, parts, blocks, tickMs);
  } finally {
    await parts.wick.system.stop();
  }
}

/** All that was held back goes in, and the best is a rebuild's. */
async function check({ wick }: Parts, twin: FullRebuild): Promise<void> {
  const answer = await wick.executeOptimizedRefresh({ runId: RUN_ID, kind: "cheapest" });
  verify("a refresh that is done", answer.state === "done" ? 1 : 0, 1);
  if (answer.state !== "done") return;
  const { best } = answer.report, right = twin.best();
  verify("best score", best?.score ?? NaN, right?.score ?? NaN);
  verify("best set", best?.setId === right?.setId ? 1 : 0, 1);
  // Idle time, for audits.
  await pause(systemClock, 20);
}

async function addFigures(
  figures: Figures,
  { coordinator }: Parts,
  { reads, hits }: BlockReads,
  tickMs: readonly number[],
): Promise<void> {
  const stats = await coordinator.ask("stats", {}, ASK);
  const run = await coordinator.ask("get", { runId: RUN_ID }, ASK) as RunMetadata;
  const { counters, audits, partialMs } = run;
  const all = { unit: " %", must: 100, better: "higher" } as const;
  const none = { unit: "", must: 0, better: "lower" } as const;
  const one = (value: number) => spreadOf([value]);
  figures.add(
    "tree: partial of those wanted",
    one(100 * counters.partial / counters.partialWanted),
    all,
  );
  figures.add("tree: fallbacks and failures", one(stats.fallbacks + stats.failed), none);
  figures.add("tree: audits that did not match", one(stats.auditMismatches), none);
  figures.add("tree: blocks found in the cache once warmed", one(100 * hits / reads), all);
  figures.note(
    `${counters.refreshes} refreshes, ${counters.full} by a rebuild that was first, cheaper or a ` +
      `trial; ${audits.audits} audits; ${reads} reads of blocks, ` +
      `${stats.aggregator?.blocks.totals.warmed ?? 0} warmed; mode ${stats.gate.mode}`,
  );
  figures.note(
    `changes answered in ${digits(spreadOf(tickMs).median)} ms, p99 ` +
      `${digits(percentileOf(tickMs, 0.99))} ms, of which ${TICK_MS} ms are the tick; partial ` +
      `refreshes p50 ${digits(partialMs.p50Ms)} ms, p99 ${digits(partialMs.p99Ms)} ms`,
  );
}
