/** The aggregator between a store, a cache and a coordinator that only listens, in the simulator. */

import { assert } from "@std/assert";
import { aggregator } from "../../actors/aggregator.ts";
import { Store } from "../../actors/protocols.ts";
import type { CacheValue } from "../../actors/protocols_cache.ts";
import { Aggregator, type EdgesMoved, RefreshCoordinator } from "../../actors/protocols_refresh.ts";
import { store } from "../../actors/store.ts";
import { cacheChild, treeCacheOf } from "../../actors/tree_cache.ts";
import {
  child,
  type Payload,
  Simulator,
  type TellRef,
  type TellResult,
} from "../../src/actor/mod.ts";
import type { CacheRouter } from "../../src/cache/router.ts";
import type { CandleBlock } from "../../src/market/block.ts";
import { InstrumentRegistry } from "../../src/market/instrument.ts";
import type { Correlations } from "../../src/refresh/correlation.ts";
import type { RefreshSpec } from "../../src/refresh/refresh_spec.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch } from "../../src/store/port.ts";
import { batchOf } from "../refresh/price_rig.ts";
import { SpyStore } from "./spy_store.ts";

/** Seed of everything random in a test run; `WICK_SEED=n` repeats a run. */
export const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));

const AGGREGATOR = "core/aggregator";
const PATHS = { store: "core/store", pool: "core/pool", providers: "core/providers" };

/** A store whose reads can fail. */
export class FailingStore extends SpyStore {
  /** Why reads fail; null = they do not. */
  failure: Error | null = null;
  override tails(series: readonly string[], bars: number) {
    if (this.failure !== null) throw this.failure;
    return super.tails(series, bars);
  }
  override touched(seq: number, limit: number) {
    if (this.failure !== null) throw this.failure;
    return super.touched(seq, limit);
  }
}

/** A coordinator that remembers what it was told. */
class Listener implements TellRef<typeof RefreshCoordinator.definition> {
  readonly path = "/wick/core/listener";
  readonly protocol = RefreshCoordinator;
  readonly moved: EdgesMoved[] = [];
  readonly correlated: Correlations[] = [];
  /** What becomes of a message. */
  result: TellResult = "accepted";

  tell<T extends keyof typeof RefreshCoordinator.definition & string>(
    type: T,
    payload: Payload<typeof RefreshCoordinator.definition, T>,
  ): TellResult {
    if (this.result !== "accepted") return this.result;
    if (type === "moved") this.moved.push(payload as unknown as EdgesMoved);
    if (type === "correlated") {
      this.correlated.push((payload as unknown as { correlations: Correlations }).correlations);
    }
    return this.result;
  }
  offer<T extends keyof typeof RefreshCoordinator.definition & string>(
    type: T,
    payload: Payload<typeof RefreshCoordinator.definition, T>,
  ): Promise<TellResult> {
    return Promise.resolve(this.tell(type, payload));
  }
}

/** What a rig is made of. */
export interface RigOptions {
  readonly spec?: RefreshSpec;
  readonly store?: FailingStore;
  readonly hasCache?: boolean;
}

/** See the top of the file. */
export class AggregatorRig {
  readonly simulator: Simulator;
  readonly listener = new Listener();
  readonly store: FailingStore;
  readonly counts: Map<string, number>;
  readonly router: CacheRouter<CacheValue> | null;
  /** Lines of the log. */
  readonly logged: string[] = [];

  constructor({ spec = {}, store: given, hasCache = false }: RigOptions = {}) {
    this.store = given ?? new FailingStore(new MemoryStore());
    this.counts = new Map(this.store.series().map(({ series, count }) => [series, count]));
    const instruments = new InstrumentRegistry();
    const cache = hasCache
      ? treeCacheOf({ provider: null, shards: 2 }, () => this.simulator.system, instruments)
      : null;
    this.router = cache?.router ?? null;
    this.simulator = new Simulator({
      seed: SEED,
      system: {
        name: "wick",
        log: (_level, _path, message) => void this.logged.push(message),
        children: [{
          name: "core",
          strategy: "rest_for_one",
          intensity: 1_000,
          children: [
            child(store, { name: "store", args: { kind: "open", backend: this.store } }),
            ...(cache === null ? [] : [cacheChild(cache, PATHS)]),
            child(aggregator, {
              name: "aggregator",
              args: (refs) => ({
                spec,
                store: refs.ask(Store, PATHS.store),
                // As from a thread, so that what is packed is read again.
                packed: true,
                coordinator: this.listener,
                router: this.router,
                instruments,
              }),
            }),
          ],
        }],
      },
    });
  }

  get aggregator() {
    return this.simulator.system.ref(Aggregator, AGGREGATOR);
  }

  /** A reply that time has to pass for. */
  async answer<T>(asked: Promise<T>, withinMs = 200): Promise<T> {
    const settled = asked.then((reply) => ({ reply }), (error) => ({ error }));
    await this.simulator.advance(withinMs);
    const found = await Promise.race([settled, Promise.resolve(null)]);
    assert(found !== null, `no reply within ${withinMs} ms`);
    if ("error" in found) throw found.error;
    return found.reply;
  }

  /** Commits candles, and tells the aggregator. */
  commit(blocks: readonly CandleBlock[], isTold = true): number {
    return this.commitBatch(batchOf(blocks, this.counts), isTold);
  }

  commitBatch(batch: CommitBatch, isTold = true): number {
    const result = this.store.memory.commit([batch]);
    assert(result.state === "committed");
    if (isTold) {
      this.aggregator.tell("committed", { seq: result.seq, atMs: this.wallMs, rows: 0 });
    }
    return result.seq;
  }

  get wallMs(): number {
    return this.simulator.clock.wallNow();
  }

  status() {
    return this.answer(this.aggregator.ask("status", {}), 10);
  }

  crash(): void {
    this.simulator.kill(`/wick/${AGGREGATOR}`);
  }

  /** Lets time pass until nothing is left to look at. */
  async settle(ms = 2_000): Promise<void> {
    await this.simulator.advance(ms);
    assert((await this.status()).isCaughtUp, "it is not caught up");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.simulator.system.stop();
    await this.simulator.advance(1_000);
    await stopped;
  }
}
