/** The label pool says where the time of a batch goes: queue, compute, store. */

import type { TellRef } from "../../src/actor/mod.ts";
import { Histogram } from "../../src/monitor/histogram.ts";
import type { Sample } from "../../src/monitor/samples.ts";
import { Monitor } from "../../actors/protocols.ts";
import { PoolRig, type RigOptions, SEED } from "./pool_rig.ts";
import { SpyStore } from "./spy_store.ts";
import { rowsOf, walkOf } from "./support.ts";
import { assertAlmostEquals, assertEquals } from "@std/assert";

const S = "EUR_USD:M1";
const WARM_MS = 10, LABEL_MS = 40, COMMIT_MS = 70, REPORT_MS = 1_000;

/** Answers on their way back to the pool take so long. */
const ON_THE_WAY: Readonly<Record<string, number>> = {
  warmed: WARM_MS,
  labelled: LABEL_MS,
  labelledParts: LABEL_MS,
  rewritten: LABEL_MS,
  committed: COMMIT_MS,
};

/** A pool whose reports are kept: seconds by stage, `total` for all of it. */
class Rig extends PoolRig {
  constructor(readonly stages: Map<string, Histogram>, options: RigOptions = {}) {
    const tell = (_type: string, payload: unknown) => {
      for (const sample of payload as Sample[]) {
        if (!("merge" in sample)) continue;
        const stage = sample.labels?.stage ?? "total";
        const kept = stages.get(stage) ?? new Histogram();
        kept.merge(Histogram.decode(sample.merge));
        stages.set(stage, kept);
      }
      return "accepted" as const;
    };
    const offer = () => Promise.resolve("accepted" as const);
    super(new SpyStore(), {
      ...options,
      holdUp: (_path, type) => ON_THE_WAY[type] ?? 0,
      monitor: { path: "/monitor", protocol: Monitor, tell, offer } as TellRef<
        typeof Monitor.definition
      >,
    });
  }

  /** The batch committed, and what it took by stage, ms. */
  async took(block: ReturnType<typeof walkOf>): Promise<Record<string, number>> {
    this.stages.clear();
    const reply = this.ingest([block]);
    await this.simulator.advance(REPORT_MS);
    const made = await this.run(reply);
    assertEquals(made.state, "committed");
    return Object.fromEntries(
      [...this.stages].map(([stage, { max }]) => [stage, Math.round(1_000 * max)]),
    );
  }
}

for (const live of [false, true]) {
  Deno.test(`pool measures queue, compute and store of a batch, ${live ? "live" : "in a thread"}`, async () => {
    await using rig = new Rig(new Map(), { live });
    const block = walkOf(SEED, S, 40);
    const [compute, store] = [LABEL_MS, COMMIT_MS];
    // The first one waits until its series is known.
    const cold = await rig.took(rowsOf(block, 0, 20));
    assertEquals(cold, { queue: WARM_MS, compute, store, total: WARM_MS + compute + store });
    const warm = await rig.took(rowsOf(block, 20, 30));
    assertEquals(warm, { queue: 0, compute, store, total: compute + store });
    // A correction: the store is asked for what lies around it, then the worker labels it anew.
    const late = await rig.took(rowsOf(block, 5, 6));
    assertEquals(late, { queue: 0, compute, store, total: compute + store });
  });
}

Deno.test("pool's stages of many batches add up to the whole", async () => {
  await using rig = new Rig(new Map());
  const block = walkOf(SEED, S, 100);
  const replies = Array.from(
    { length: 10 },
    (_, i) => rig.ingest([rowsOf(block, 10 * i, 10 * i + 10)]),
  );
  await rig.simulator.advance(3 * REPORT_MS);
  for (const reply of replies) await rig.run(reply);
  const sum = (stage: string) => rig.stages.get(stage)?.sum ?? NaN;
  assertAlmostEquals(sum("queue") + sum("compute") + sum("store"), sum("total"), 1e-6);
  assertEquals([...rig.stages.values()].map(({ count }) => count), [10, 10, 10, 10]);
});
