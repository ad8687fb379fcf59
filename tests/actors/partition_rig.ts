/** Partition writer and reader between streams in memory, a store and a label pool, in the simulator. */

import { assert } from "@std/assert";
import { child, type Clock, Simulator, type SystemOptions } from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { PARTITIONS } from "../../src/market/partition.ts";
import { MemoryStreams, StreamsMemory } from "../../src/store/partitions/memory_streams.ts";
import { labelPool } from "../../actors/label_pool.ts";
import { labelWorker } from "../../actors/label_worker.ts";
import { partitionReader } from "../../actors/partition_reader.ts";
import { partitionWriter } from "../../actors/partition_writer.ts";
import {
  type Ingest,
  type IngestReply,
  LabelPool,
  LabelWorker,
  Store,
} from "../../actors/protocols.ts";
import {
  type Drained,
  type IngestRef,
  PartitionReader,
  PartitionWriter,
} from "../../actors/protocols_nodes.ts";
import { store } from "../../actors/store.ts";
import { rowsOf } from "./support.ts";
import { SpyStore } from "./spy_store.ts";

/** Seed of everything random in a test run; `WICK_SEED=n` repeats a run. */
export const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`partition tests: WICK_SEED=${SEED}`);

/** What a rig is made of. */
export interface PartitionRigOptions {
  readonly waitingBytes?: number;
  /** Instead of the real pool. */
  readonly pool?: (backend: SpyStore) => IngestRef;
  /** Store and streams of a rig that stands for another node. */
  readonly shared?: PartitionRig;
}

/** A node without the log: a store that all nodes have, and streams. */
export class PartitionRig {
  readonly backend: SpyStore;
  readonly memory: StreamsMemory;
  readonly streams: MemoryStreams;
  readonly simulator: Simulator;
  readonly writer;
  readonly reader;

  constructor(options: PartitionRigOptions = {}) {
    const { shared, waitingBytes } = options;
    this.backend = shared?.backend ?? new SpyStore();
    // The simulator is made with the tree, which is made with the streams.
    const clock: Clock = {
      now: () => this.simulator.clock.now(),
      wallNow: () => this.simulator.clock.wallNow(),
      setTimer: (delayMs, fire) => this.simulator.clock.setTimer(delayMs, fire),
    };
    this.memory = shared?.memory ??
      new StreamsMemory(clock, waitingBytes === undefined ? {} : { waitingBytes });
    this.streams = new MemoryStreams(this.memory, clock);
    this.simulator = new Simulator({ seed: SEED, system: this.#tree(options) });
    this.writer = this.simulator.system.ref(PartitionWriter, "writer");
    this.reader = this.simulator.system.ref(PartitionReader, "reader");
  }

  #tree({ pool }: PartitionRigOptions): SystemOptions {
    const { backend, streams } = this;
    const fake = pool?.(backend);
    const owned = new Set<number>();
    const params = DEFAULT_PARAMS;
    return {
      log: null,
      intensity: 1_000,
      children: [
        child(store, { name: "store", args: { kind: "open", backend } }),
        child(labelWorker, { name: "worker", args: { params } }),
        child(labelPool, {
          name: "pool",
          args: (refs) => ({
            store: refs.ask(Store, "store"),
            workers: [refs.ask(LabelWorker, "worker")],
            params,
          }),
        }),
        child(partitionWriter, {
          name: "writer",
          args: (refs) => ({ store: refs.ask(Store, "store"), streams }),
        }),
        child(partitionReader, {
          name: "reader",
          args: (refs) => ({
            store: refs.ask(Store, "store"),
            pool: fake ?? refs.ask(LabelPool, "pool"),
            streams,
            owned,
          }),
        }),
      ],
    };
  }

  /** The reader owns these; default all. */
  own(partitions: Iterable<number> = Array.from({ length: PARTITIONS }, (_, i) => i)): void {
    this.reader.tell("own", { partitions: [...partitions] });
  }

  ingest(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}): Promise<IngestReply> {
    const reply = this.writer.ask("ingest", {
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

  /** The answer, which comes without much time passing. */
  async answer<T>(asked: Promise<T>, withinMs = 0): Promise<T> {
    let isSettled = false;
    const done = asked.finally(() => isSettled = true);
    done.catch(() => {});
    await this.simulator.run();
    for (let ms = 0; ms < withinMs && !isSettled; ms += 10) await this.simulator.advance(10);
    assert(isSettled, "it waits for something that does not come");
    return await done;
  }

  /** The code of the answer to a batch. */
  async code(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}): Promise<string> {
    const reply = await this.answer(this.ingest(blocks, how));
    return reply.state === "committed" ? reply.state : reply.code;
  }

  async commit(blocks: readonly CandleBlock[], how: Partial<Ingest> = {}) {
    const reply = await this.answer(this.ingest(blocks, how));
    assert(reply.state === "committed", JSON.stringify(reply));
    return reply;
  }

  drain(partition: number): Promise<Drained> {
    return this.answer(this.reader.ask("drain", { partition }), 10_000);
  }

  status() {
    return this.answer(this.reader.ask("status", {}));
  }

  async [Symbol.asyncDispose]() {
    this.backend.release();
    const stopped = this.simulator.system.stop();
    await this.simulator.advance(60_000);
    await stopped;
  }
}
