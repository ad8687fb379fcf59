/**
 * Runs one job of a regime in virtual time, by whatever rule chooses its chunks.
 *
 * @module
 */

import { type Random, seededRandom } from "../../src/actor/clock.ts";
import { Heap } from "../../src/batch/chunk_heap.ts";
import { type Chunk, ChunkPlan } from "../../src/batch/chunk_plan.ts";
import { verify } from "../support/workload.ts";
import { ITEMS, type Regime } from "./chunk_regimes.ts";

/** Chooses chunk sizes: a controller, a rival, or a fixed size. */
export interface ChunkRule {
  next(waiting: number): number;
  record(outcome: { items: number; ok: boolean; tookMs: number }): void;
}

/**
 * What becomes of a failed chunk. `halves`: it is tried again as it is once, as `runBatch` does, then
 * in halves. `whole`: as it is until it gets through, which is better where no item is to blame and
 * endless where one is.
 */
export type AfterFailure = "halves" | "whole";

interface Run {
  readonly chunk: Chunk;
  readonly tookMs: number;
  readonly endMs: number;
  readonly ok: boolean;
}

/** Time of the whole job, ms; throws unless every item was done exactly once. */
export function jobMs(
  regime: Regime,
  rule: ChunkRule,
  seed: number,
  after: AfterFailure = "halves",
): number {
  const random = seededRandom(seed);
  const plan = new ChunkPlan({ items: ITEMS });
  const under = new Heap<Run>((a, b) => a.endMs - b.endMs);
  let nowMs = 0, done = 0;
  while (true) {
    while (under.size < regime.workers) {
      const next = plan.next(rule.next(plan.waiting), nowMs);
      if (next.state !== "chunk") break;
      under.push(begin(regime, next.chunk, plan.settled.size, nowMs, random));
    }
    const run = under.pop();
    if (run === undefined) break;
    const { chunk, tookMs, ok } = run;
    const items = chunk.to - chunk.from;
    nowMs = run.endMs;
    rule.record({ items, ok, tookMs });
    if (ok) {
      plan.settle(chunk);
      done += items;
    } else if (after === "whole" || chunk.isFresh) plan.again(chunk, { atMs: nowMs });
    else plan.failed(chunk, { atMs: nowMs });
  }
  verify("items done", done, ITEMS);
  verify("items settled", plan.settled.size, ITEMS);
  return nowMs;
}

function begin(
  regime: Regime,
  chunk: Chunk,
  settled: number,
  nowMs: number,
  random: Random,
): Run {
  const tookMs = regime.chunkMs(chunk, settled) * Math.exp(regime.scatter * gauss(random));
  const ok = random.next() < (1 - regime.failureRatio(settled)) ** (chunk.to - chunk.from);
  return { chunk, tookMs, endMs: nowMs + tookMs, ok };
}

/** A standard normal number (Box and Muller 1958). */
function gauss(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
