/** The label pool between its store and its workers, in the simulator. */

import { assert } from "@std/assert";
import {
  child,
  type Payload,
  type Ref,
  Simulator,
  type SystemOptions,
  type TellRef,
} from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS, type LabelParams } from "../../src/label/params.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { labelPool } from "../../actors/label_pool.ts";
import { labelWorker } from "../../actors/label_worker.ts";
import {
  type Ingest,
  type IngestReply,
  LabelPool,
  type LabelSink,
  LabelWorker,
  type Monitor,
  Store,
} from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import type { SpyStore } from "./spy_store.ts";
import { rowsOf } from "./support.ts";

/** Seed of everything random in a test run; `WICK_SEED=n` repeats a run. */
export const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`label pool tests: WICK_SEED=${SEED}`);

const S = "EUR_USD:M1";

/** What a rig is made of. */
export interface RigOptions {
  readonly params?: LabelParams;
  readonly workers?: number;
  /** Whether series that come a few rows at a time are labelled by a worker of their own. */
  readonly live?: boolean;
  readonly seriesMax?: number;
  readonly sink?: TellRef<typeof LabelSink.definition>;
  readonly monitor?: TellRef<typeof Monitor.definition>;
  /** Somebody else tells of commits, as in a node. */
  readonly isFollowed?: boolean;
  /** How many ms a message is held up on its way. */
  readonly holdUp?: (path: string, type: string) => number;
}

/** A pool with its store and workers in the simulator, and no feeds. */
export class PoolRig {
  readonly simulator: Simulator;
  readonly pool;
  constructor(readonly store: SpyStore, readonly options: RigOptions = {}) {
    const onTheWay = options.holdUp ?? (() => 0);
    this.simulator = new Simulator({
      seed: SEED,
      system: tree(this.store, options),
      faults: { beforeInit() {}, beforeHandle() {}, onTheWay },
    });
    this.pool = this.simulator.system.ref(LabelPool, "pool");
  }

  ingest(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}): Promise<IngestReply> {
    return ingestOf(this.pool, blocks, how);
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return settledIn(this.simulator, promise);
  }

  async commit(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}) {
    const reply = await this.run(this.ingest(blocks, how));
    assert(reply.state === "committed", JSON.stringify(reply));
    return reply;
  }

  async code(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}): Promise<string> {
    const reply = await this.run(this.ingest(blocks, how));
    return reply.state === "committed" ? reply.state : reply.code;
  }

  compute(request: Partial<Payload<typeof LabelPool.definition, "compute">>) {
    return this.run(this.pool.ask("compute", {
      series: S,
      fromTs: -8.64e15,
      toTs: 8.64e15,
      params: {},
      priority: 5,
      limit: 10_000,
      ...request,
    }));
  }

  /** Candles that each worker has labelled since its start. */
  async labelled(): Promise<{ readonly live: number; readonly threads: number }> {
    const of = async (name: string) => {
      const worker = this.simulator.system.ref(LabelWorker, name);
      return (await this.run(worker.ask("status", {}))).candles;
    };
    let threads = 0;
    for (const name of threadNames(this.options)) threads += await of(name);
    return { live: this.options.live === true ? await of("live") : 0, threads };
  }

  async [Symbol.asyncDispose]() {
    this.store.release();
    await this.run(this.simulator.system.stop());
  }
}

function threadNames({ workers = 2 }: RigOptions): string[] {
  return Array.from({ length: workers }, (_, i) => `worker-${i}`);
}

function tree(backend: SpyStore, options: RigOptions): SystemOptions {
  const params = options.params ?? DEFAULT_PARAMS;
  const names = threadNames(options);
  const live = options.live === true ? ["live"] : [];
  const { seriesMax } = options;
  return {
    log: null,
    intensity: 1_000,
    children: [
      child(store, { name: "store", args: { kind: "open", backend } }),
      ...[...live, ...names].map((name) =>
        child(labelWorker, {
          name,
          args: { params, ...(seriesMax === undefined ? {} : { seriesMax }) },
        })
      ),
      child(labelPool, {
        name: "pool",
        args: (refs) => ({
          store: refs.ask(Store, "store"),
          workers: names.map((name) => refs.ask(LabelWorker, name)),
          ...(live.length === 0 ? {} : { live: refs.ask(LabelWorker, "live") }),
          params,
          ...(options.isFollowed === undefined ? {} : { isFollowed: options.isFollowed }),
          ...(options.sink === undefined ? {} : { sinks: [options.sink] }),
          ...(options.monitor === undefined ? {} : { monitor: options.monitor }),
        }),
      }),
    ],
  };
}

/** Asks a pool to take blocks, in bulk unless `how` says otherwise. */
export function ingestOf(
  pool: Ref<typeof LabelPool.definition>,
  blocks: readonly CandleBlock[],
  how: Partial<Ingest> = {},
): Promise<IngestReply> {
  const reply = pool.ask("ingest", {
    feed: null,
    after: null,
    cursor: null,
    blocks: blocks.map((block) => rowsOf(block, 0)),
    priority: 5,
    bulk: true,
    ...how,
  }, { timeoutMs: 600_000 });
  // One that nobody waits for any more must not hide why.
  reply.catch(() => {});
  return reply;
}

/** Runs what can run without time passing, then awaits. */
export async function settledIn<T>(simulator: Simulator, promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = promise.finally(() => settled = true);
  done.catch(() => {});
  for (let i = 0; i < 100 && !settled; i++) await simulator.run();
  assert(settled, "it waits for something that does not come");
  return await done;
}
