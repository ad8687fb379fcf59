/** Whole trees that share the work: several nodes of one process, on ways that can be cut. */

import { startWick, type Wick, type WickOptions } from "../../actors/tree.ts";
import type { NodesSpec } from "../../actors/tree_nodes.ts";
import { NodeMember } from "../../actors/protocols_nodes.ts";
import { pause, systemClock, systemRandom } from "../../src/actor/mod.ts";
import { DEFAULT_PARAMS, type LabelParams } from "../../src/label/params.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { memoryHome } from "../../src/store/log/copy.ts";
import { MemoryLog, MemoryLogServer } from "../../src/store/log/memory_log.ts";
import { ReplicatedStore } from "../../src/store/log/replicated_store.ts";
import { type GroupView, LogError, type SharedLog } from "../../src/store/log/port.ts";
import { RedisLog } from "../../src/store/log/redis_log.ts";
import { StreamsMemory } from "../../src/store/partitions/memory_streams.ts";
import { RedisStreams } from "../../src/store/partitions/redis_streams.ts";
import type { PartitionStreams } from "../../src/store/partitions/port.ts";
import { assert } from "@std/assert";
import { assertStoreHolds, expectedOf } from "./support.ts";

export const LEASE_MS = 600;

/** What every call of goes through; once it is cut none gets there. */
function cuttable<T extends object>(way: T): { readonly way: T; cut(): void } {
  let isCut = false;
  const away = () => Promise.reject(new LogError("away", "Cannot reach it: it was cut"));
  const proxy = new Proxy(way, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (isCut && name !== "close" && name !== "onGroupChange") return away;
      return value.bind(target);
    },
  });
  return { way: proxy, cut: () => void (isCut = true) };
}

/** How nodes reach what they share. */
export interface Ways {
  log(): SharedLog;
  streams(session?: string): PartitionStreams;
}

/** Within this process. */
export function memoryWays(): Ways {
  const memory = new MemoryLogServer({ clock: systemClock });
  const streams = new StreamsMemory(systemClock);
  return { log: () => new MemoryLog(memory), streams: () => streams.connect() };
}

/** Over Redis, as `redisPlace` reads it. */
export function redisWays(redis: string): Ways {
  const options = { redis, clock: systemClock, random: systemRandom, prefix: "test" };
  return {
    log: () => new RedisLog(options),
    streams: (session = "some") => new RedisStreams({ ...options, session }),
  };
}

/** What nodes share. */
export class NodesRig {
  readonly nodes: RigNode[] = [];
  readonly #ways: Ways;
  readonly #log: SharedLog;
  readonly #streams: PartitionStreams;
  #lives = 0;

  constructor(ways: Ways = memoryWays()) {
    this.#ways = ways;
    this.#log = ways.log();
    this.#streams = ways.streams("looks");
  }

  /** How another node gets there. */
  ways(): Ways {
    return this.#ways;
  }

  view(): Promise<GroupView> {
    return this.#log.view();
  }

  async join(
    name: string,
    options: Partial<WickOptions> = {},
    spec: Partial<NodesSpec> = {},
  ): Promise<RigNode> {
    const session = `${name}:${++this.#lives}`;
    const ways = this.#ways;
    const cuts: (() => void)[] = [];
    const cut = <T extends object>(way: T) => {
      const made = cuttable(way);
      cuts.push(made.cut);
      return made.way;
    };
    const log = cut(ways.log());
    const store = await ReplicatedStore.open({
      ...{ log, session, instance: "1", clock: systemClock, copy: memoryHome() },
    });
    const wick = await startWick({
      workers: 1,
      store: { kind: "open", backend: store },
      nodes: {
        node: name,
        session,
        leaseMs: LEASE_MS,
        way: {
          kind: "open",
          log: () => cut(ways.log()),
          streams: () => cut(ways.streams(session)),
        },
        ...spec,
      },
      ...options,
      system: { log: null, ...options.system },
    });
    const node = new RigNode(name, wick, store, log, () => cuts.forEach((run) => run()));
    this.nodes.push(node);
    return node;
  }

  async ownersOf(name: string): Promise<number> {
    return (await this.view()).owners.filter((owner) => owner.node === name).length;
  }

  /** Until all copies hold exactly what a batch run over all batches gives. */
  async settled(
    batches: readonly (readonly CandleBlock[])[],
    params: LabelParams = DEFAULT_PARAMS,
  ) {
    const expected = expectedOf(batches, params);
    const candles = expected.reduce((sum, { candles }) => sum + candles.length, 0);
    const living = this.nodes.filter(({ isGone }) => !isGone);
    await until(async () => {
      for (const { store } of living) {
        if ((await store.info()).candles !== candles) return false;
        if (store.applied !== (await this.view()).position) return false;
      }
      const all = Array.from({ length: 256 }, (_, i) => i);
      // The first look into a Cluster may find that slots have moved.
      const backlog = await this.#streams.backlog(all).catch(() => null);
      return backlog?.every(({ entries }) => entries === 0) ?? false;
    }, 20_000);
    for (const { store } of living) await assertStoreHolds(store, batches, params);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes.toReversed()) await (node.isGone ? node.bury() : node.stop());
    await this.#streams.close();
    await this.#log.close();
  }
}

/** One of them. */
export class RigNode {
  isGone = false;
  readonly #cut: () => void;
  #ended: Promise<void> | null = null;

  constructor(
    readonly name: string,
    readonly wick: Wick,
    readonly store: ReplicatedStore,
    readonly log: SharedLog,
    cut: () => void,
  ) {
    this.#cut = cut;
  }

  get member() {
    return this.wick.system.ref(NodeMember, "core/work/ingest/node");
  }

  async owned(): Promise<number> {
    return (await this.member.ask("status", {})).owned;
  }

  async stop(): Promise<void> {
    this.isGone = true;
    await this.wick.system.stop({ deadlineMs: 10_000 });
    await this.store.close();
    await this.log.close();
  }

  /** It is gone from one moment to the next: nothing of it reaches anybody from here on. */
  async kill(): Promise<void> {
    this.isGone = true;
    this.#cut();
    this.#ended = this.wick.system.stop({ drain: false, deadlineMs: 1 });
    await pause(systemClock, 0);
  }

  /** What is left of one that was killed, for tests that look for leaks. */
  async bury(): Promise<void> {
    if (this.#ended === null) return;
    await this.#ended;
    await this.store.close();
    await this.log.close();
  }
}

/** A look and the pause before the next, ms; what one takes longer, somebody else had the processor. */
const LOOK_MS = 5;

/**
 * Looks until it is so; says how many ms that took, but for those in which this process had to wait
 * for its turn: bounds are those of a machine that has nothing else to do.
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<number> {
  const fromMs = systemClock.now();
  let lookMs = fromMs, lateMs = 0;
  while (!await isSo()) {
    assert(systemClock.now() - fromMs < limitMs, "it does not come");
    await pause(systemClock, 2);
    const nowMs = systemClock.now();
    lateMs += Math.max(0, nowMs - lookMs - LOOK_MS);
    lookMs = nowMs;
  }
  return systemClock.now() - fromMs - lateMs;
}
