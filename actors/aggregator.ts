/**
 * The aggregator as an actor: it hears of commits and of changes of edges, folds them into impact per
 * cluster, and tells the coordinator what has moved. What it decides stands in `src/refresh`.
 *
 * ## Prices
 * Each instrument is an edge. News of commits is all that it is told; what was committed it reads from
 * the store, see `price_moves_follow.ts`. The same bars teach it which edges move together.
 *
 * ## Ticks
 * A tick comes `tickMs` after the first change that waits. Whoever recorded a change is answered after
 * it, with the clusters that fired; the coordinator is told of the changes at the same time.
 *
 * ## Blocks
 * Correlations within an impacted cluster are worked out and put into the cache, beside all else. Whoever
 * asks for a block that is not there waits for it, and puts it there.
 *
 * ## Restart
 * Edges, impacts, counts and the correlations that were handed in are saved every minute and at the
 * stop; after a crash they are those of the last save. Correlations of bars are learned again from the
 * store. Changes that were recorded and not saved are lost with a crash; those of prices are not, since
 * the first look after it gives every instrument its value.
 *
 * @module
 */

import {
  actor,
  ActorError,
  type Context,
  pause,
  type Ref,
  type TellRef,
  textOf,
} from "../src/actor/mod.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import { SteadyWall } from "../src/cache/shard_tier.ts";
import type { CheckedEdgeChange } from "../src/http/refresh_input.ts";
import type { InstrumentRegistry } from "../src/market/instrument.ts";
import { Aggregator as Edges } from "../src/refresh/aggregator.ts";
import { type FoldedChange, PendingChanges } from "../src/refresh/aggregator_pending.ts";
import { AggregatorRecords } from "../src/refresh/aggregator_records.ts";
import type {
  AggregatorOptions,
  ClusterStatus,
  ImpactedCluster,
  RecordedChanges,
} from "../src/refresh/aggregator_types.ts";
import { BlockKeeper } from "../src/refresh/block_keeper.ts";
import { BLOCK_CLUSTERS_MAX } from "../src/refresh/block_schedule.ts";
import { ChangeRate } from "../src/refresh/change_rate.ts";
import { ChangeWaiters } from "../src/refresh/change_waiters.ts";
import type { Clusters } from "../src/refresh/clusters.ts";
import {
  type CorrelationInput,
  type Correlations,
  correlationsOf,
} from "../src/refresh/correlation.ts";
import { type EdgeChange, magnitudeSettings } from "../src/refresh/magnitude.ts";
import type { PriceMove } from "../src/refresh/price_moves.ts";
import { type FollowTask, PriceFollower } from "../src/refresh/price_moves_follow.ts";
import type { RefreshSpec } from "../src/refresh/refresh_spec.ts";
import type { ChangesTaken, ServedAggregator, ServedBlock } from "../src/refresh/service_types.ts";
import { unpackTails } from "../src/store/commit_codec.ts";
import { recordStored } from "../src/store/record_stored.ts";
import type { Store } from "./protocols.ts";
import type { CacheValue } from "./protocols_cache.ts";
import { Aggregator, type EdgesMoved, type RefreshCoordinator } from "./protocols_refresh.ts";

/** What the aggregator is made of. */
export interface AggregatorArgs {
  readonly spec: RefreshSpec;
  readonly store: Ref<typeof Store.definition>;
  /** The store is in a thread: tails travel as one buffer each. */
  readonly packed: boolean;
  /** Told of what has moved. */
  readonly coordinator: TellRef<typeof RefreshCoordinator.definition>;
  /** Where blocks of correlations go; null = nowhere: they are worked out for whoever asks. */
  readonly router: CacheRouter<CacheValue> | null;
  /** What instruments are, for the metadata of their changes. */
  readonly instruments: InstrumentRegistry;
}

/** From a change to the tick that takes it. */
const TICK_MS = 50;
/** Between two saves of what has changed. */
const SAVE_EVERY_MS = 60_000;
/** Until the coordinator is told again what it could not be told: it starts, or has too much to do. */
const TELL_AGAIN_MS = 1_000;
/** Least time between two tellings of correlations: runs that follow them evaluate every set anew. */
const CORRELATED_APART_MS = 1_000;

/**
 * Half-life of impact unless set: half a bar of the finest granularity. A cluster that fired by one
 * whole ATR is armed again half a minute later, and what one busy bar leaves behind is a quarter at the
 * next. Without fading it would stay fired for as long as there are small changes; with minutes of it
 * a cluster of ten members that move by half an ATR each would never be armed again.
 */
const HALF_LIFE_MS = 30_000;

/** Reads of what was saved, and the pause before the second one, which grows by as much each time. */
const RESTORE_TRIES = 4;
const RESTORE_PAUSE_MS = 200;

const READ = { timeoutMs: 10_000 } as const;
const WRITE = { timeoutMs: 10_000 } as const;

/** See {@linkcode Aggregator}. */
export const aggregator = actor(Aggregator, async (ctx, args: AggregatorArgs) => {
  const run = new AggregatorRun(ctx, args);
  await run.start();
  ctx.onStop((reason) => run.stop(reason === "crash"));
  /** Not awaited in the message, and what is refused fails its asker, not all who wait. */
  const answered = <T>(work: () => T | Promise<T>) => {
    const reply = ctx.defer<T>();
    Promise.try(work).then((found) => reply.resolve(found), (error) => reply.reject(error));
    return reply;
  };
  return {
    recordEdgeChanges: ({ changes }) => run.record(changes),
    recordEdgeChange: (change) => run.record([change]),
    correlations: ({ correlations }) => answered(() => run.setCorrelations(correlations)),
    clusters: ({ sizeMin, limit }) => run.clusters(sizeMin, limit),
    edge: ({ edgeId }) => run.edges.explain(edgeId),
    addEdges: ({ edges }) => answered(() => run.addEdges(edges)),
    removeEdges: ({ edges }) => run.removeEdges(edges),
    block: ({ clusterId }) => answered(() => run.block(clusterId)),
    status: () => run.status(),
    save: () => answered(() => run.save().then(() => null)),
    committed: ({ seq }) => run.committed(seq),
    tick: () => run.tick(),
    look: () => run.look(),
    replay: () => run.work(),
    blocks: () => run.nextBlocks(),
    // Not awaited in the message: the store may be busy.
    autosave: () => void run.autosave(),
  };
});

class AggregatorRun {
  edges: Edges;
  readonly #ctx: Context<typeof Aggregator.definition>;
  readonly #args: AggregatorArgs;
  readonly #options: AggregatorOptions;
  readonly #wall: SteadyWall;
  /** Null where prices are not followed. */
  readonly #follower: PriceFollower | null;
  readonly #waiters = new ChangeWaiters();
  readonly #rate = new ChangeRate();
  readonly #untold: Untold;
  readonly #blocks: BlockKeeper;
  readonly #records: AggregatorRecords;
  #isTickDue = false;
  #isWorkAsked = false;
  #isSaveAsked = false;
  #ticks = 0;
  #firedTicks = 0;
  #clusters: Clusters;
  #told: Correlations | null = null;
  #toldAtMs = -Infinity;

  constructor(ctx: Context<typeof Aggregator.definition>, args: AggregatorArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.#wall = new SteadyWall(ctx.clock);
    this.#options = optionsOf(args);
    this.edges = new Edges(this.#options);
    this.#clusters = this.edges.clusters();
    this.#untold = new Untold(args.coordinator);
    this.#records = this.#recordsOf();
    this.#follower = args.spec.followsPrices === false ? null : this.#followerOf();
    this.#blocks = this.#blocksOf();
  }

  // ---- what outlives it ---------------------------------------------------------------------------

  /** Goes on with what a former one has saved. */
  async start(): Promise<void> {
    await this.#restore(1);
    this.#clusters = this.edges.clusters();
    if (this.edges.status().pending > 0) this.#askTick();
    // The coordinator starts later, and finds it in its mailbox then.
    this.#workLater(CORRELATED_APART_MS);
    if (this.#follower !== null) this.#ctx.timer("look", { delayMs: 0 }, "look", {});
  }

  async #restore(tries: number): Promise<void> {
    try {
      const nowMs = this.#wall.now();
      this.edges = await this.#records.restore(this.#options, nowMs) ?? this.edges;
    } catch (error) {
      if (error instanceof ActorError) {
        // A store that does not answer for so long is a reason to be started again later.
        if (tries >= RESTORE_TRIES) throw error;
        await pause(this.#ctx.clock, RESTORE_PAUSE_MS * tries);
        return await this.#restore(tries + 1);
      }
      // What cannot be read costs what was learned, not the service.
      const fields = { reason: textOf(error) };
      this.#ctx.log("warn", "what the aggregator had saved cannot be read", fields);
    }
  }

  async save(): Promise<void> {
    await this.#records.save(this.edges);
  }

  /** Saves what has changed; a store that is full or busy is tried again at the next time. */
  async autosave(): Promise<void> {
    this.#isSaveAsked = false;
    if (!this.#records.isDue) return;
    try {
      await this.save();
    } catch (error) {
      this.#ctx.log("warn", "the aggregator is not saved", { reason: textOf(error) });
      this.#changed();
    }
  }

  /** After a crash nothing is saved: what is in memory may be what crashed it. */
  async stop(isCrash: boolean): Promise<void> {
    if (isCrash) return;
    // What was recorded is saved, and is taken by the first tick after the start.
    this.#waiters.settle([]);
    await this.autosave();
  }

  /** Something must be saved. */
  #changed(): void {
    this.#records.changed();
    if (this.#isSaveAsked) return;
    this.#isSaveAsked = true;
    this.#ctx.timer("autosave", { delayMs: SAVE_EVERY_MS }, "autosave", {});
  }

  // ---- changes ------------------------------------------------------------------------------------

  /** The reply comes with the tick, see {@linkcode ChangeWaiters}. */
  record(given: readonly CheckedEdgeChange[]) {
    const nowMs = this.#wall.now();
    const changes = given.map((change) => stamped(change, nowMs));
    const recorded = this.#take(changes);
    const answered: ChangesTaken = { ...recorded, impacted: [] };
    if (recorded.recorded === 0 || !this.#waiters.hasRoom(changes.length)) return answered;
    const refused = new Set(recorded.refused.map(({ index }) => index));
    const edgeIds = changes.filter((_, at) => !refused.has(at)).map(({ edgeId }) => edgeId);
    const reply = this.#ctx.defer<ChangesTaken>();
    this.#waiters.add({ recorded, edgeIds, reply: (taken) => reply.resolve(taken) });
    return reply;
  }

  #take(changes: readonly EdgeChange[]): RecordedChanges {
    const recorded = this.edges.recordEdgeChanges(changes);
    if (recorded.recorded === 0) return recorded;
    this.#rate.add(recorded.recorded, this.#ctx.clock.now());
    this.#askTick();
    this.#changed();
    return recorded;
  }

  #askTick(): void {
    if (this.#isTickDue) return;
    this.#isTickDue = true;
    const delayMs = this.#args.spec.tickMs ?? TICK_MS;
    this.#ctx.timer("tick", { delayMs }, "tick", {});
  }

  tick(): void {
    this.#isTickDue = false;
    const { changes, impacted, blocks } = this.edges.tick(this.#wall.now());
    if (changes.length > 0) this.#ticks++;
    if (impacted.length > 0) this.#firedTicks++;
    this.#waiters.settle(impacted);
    if (!this.#untold.tell(changes, impacted)) {
      this.#ctx.timer("tell", { delayMs: TELL_AGAIN_MS }, "tick", {});
    }
    this.#blocks.start(blocks);
    this.#regrouped();
  }

  // ---- edges and clusters -------------------------------------------------------------------------

  setCorrelations(input: CorrelationInput | null) {
    this.edges.setCorrelations(input);
    this.#blocks.endAll();
    this.#records.givenChanged();
    return { ...this.#edgesChanged(), clusters: this.edges.clusters().all.length };
  }

  addEdges(edgeIds: readonly string[]) {
    this.edges.addEdges(edgeIds);
    return this.#edgesChanged();
  }

  removeEdges(edgeIds: readonly string[]) {
    const before = this.edges.given;
    this.edges.removeEdges(edgeIds);
    if (before !== null) this.#records.givenChanged();
    return this.#edgesChanged();
  }

  #edgesChanged(): { readonly edges: number } {
    this.#changed();
    this.#regrouped();
    return { edges: this.edges.clusters().edges };
  }

  clusters(sizeMin: number, limit: number): readonly ClusterStatus[] {
    return this.edges.clusterStatus(this.#wall.now())
      .filter(({ members }) => members.length >= sizeMin)
      .sort((a, b) => b.members.length - a.members.length)
      .slice(0, limit);
  }

  /** Clusters may be others than they were: blocks end, and the coordinator learns of correlations. */
  #regrouped(): void {
    const clusters = this.edges.clusters();
    if (clusters !== this.#clusters) {
      this.#clusters = clusters;
      this.#blocks.endChanged(clusters);
    }
    const correlations = this.edges.correlations();
    if (correlations === this.#told) return;
    const nowMs = this.#ctx.clock.now();
    const waitMs = this.#toldAtMs + CORRELATED_APART_MS - nowMs;
    if (waitMs > 0) return this.#workLater(waitMs);
    // Taken back: runs are told that nothing is known any more.
    const told = correlations ?? correlationsOf({ kind: "pairs", pairs: [] });
    this.#toldAtMs = nowMs;
    const result = this.#args.coordinator.tell("correlated", { correlations: told });
    if (result === "accepted") this.#told = correlations;
    else this.#workLater(TELL_AGAIN_MS);
  }

  block(clusterId: string): ServedBlock | null | Promise<ServedBlock> {
    const cluster = this.edges.clusters().of(clusterId);
    return cluster?.id === clusterId ? this.#blocks.get(cluster) : null;
  }

  nextBlocks(): void {
    this.#changed();
    this.#blocks.start(this.edges.nextBlocks(this.#wall.now()));
  }

  status(): ServedAggregator {
    const follower = this.#follower;
    return {
      ...this.edges.status(),
      seq: follower?.seq ?? null,
      instruments: follower?.instruments ?? 0,
      isCaughtUp: follower?.isCaughtUp ?? true,
      changesPerS: this.#rate.perS(this.#ctx.clock.now()),
      firedRatio: this.#ticks === 0 ? null : this.#firedTicks / this.#ticks,
    };
  }

  // ---- prices -------------------------------------------------------------------------------------

  committed(seq: number): void {
    this.#follower?.committed(seq);
  }

  /** Not awaited in the message: others are answered meanwhile. */
  look(): void {
    void this.#follower?.look();
  }

  work(): void {
    this.#isWorkAsked = false;
    this.#follower?.work();
    this.#regrouped();
  }

  #recordsOf(): AggregatorRecords {
    const { store } = this.#args;
    return new AggregatorRecords({
      record: (kind, key) => store.ask("record", { kind, key }, READ),
      records: (kind) => store.ask("records", { kind }, READ),
      put: (kind, key, json) => recordStored(store.ask("putRecord", { kind, key, json }, WRITE)),
      drop: (kind, key) => recordStored(store.ask("dropRecord", { kind, key }, WRITE)),
    }, () => `${this.#wall.now()}-${Math.floor(this.#ctx.random.next() * 2 ** 32)}`);
  }

  #blocksOf(): BlockKeeper {
    const { clock } = this.#ctx;
    return new BlockKeeper({
      aggregator: () => this.edges,
      cache: this.#args.router,
      granularityOf: (a, b) => this.#follower?.commonGranularity(a, b) ?? null,
      turn: () => pause(clock, 0),
      nowMs: () => clock.now(),
      wallMs: () => this.#wall.now(),
      isLive: () => this.#ctx.live,
      finished: () => void this.#ctx.self.tell("blocks", {}),
      failed: (clusterId, error) =>
        this.#ctx.log("warn", "a block of correlations cannot be made", {
          clusterId,
          reason: textOf(error),
        }),
    });
  }

  #followerOf(): PriceFollower {
    const { store, packed } = this.#args;
    return new PriceFollower({
      reads: {
        touched: (seq, limit) => store.ask("touchedSeries", { seq, limit }, READ),
        series: () => store.ask("series", {}, READ),
        info: () => store.ask("info", {}, READ),
        tails: async (series, bars) =>
          packed
            ? unpackTails(await store.ask("tailsPacked", { series, bars }, READ))
            : await store.ask("tails", { series, bars }, READ),
      },
      stream: this.#options.stream ?? null,
      moved: (moves) => void this.#take(moves.map((move) => this.#changeOf(move))),
      pushBars: (bars) => this.edges.pushBars(bars),
      forgetBars: (edgeId) => this.edges.forgetBars(edgeId),
      adopt: (stream) => this.edges.adoptStream(stream),
      later: (task, delayMs) => this.#later(task, delayMs),
      nowMs: () => this.#ctx.clock.now(),
      isLive: () => this.#ctx.live,
      failed: (error) =>
        this.#ctx.log("warn", "candles cannot be read; trying again", { reason: textOf(error) }),
    });
  }

  #changeOf({ edgeId, magnitude, value, ts, close }: PriceMove): EdgeChange {
    const { assetClass } = this.#args.instruments.get(edgeId);
    const metadata = { assetClass, ts, close };
    return { edgeId, type: "price_move", magnitude, value, at: this.#wall.now(), metadata };
  }

  #later(task: FollowTask, delayMs: number): void {
    if (task === "look") this.#ctx.timer("look", { delayMs }, "look", {});
    else if (delayMs > 0) this.#ctx.timer(task, { delayMs }, "replay", {});
    else this.#workNow();
  }

  /** In the low lane, behind all who wait for an answer. */
  #workNow(): void {
    if (this.#isWorkAsked) return;
    this.#isWorkAsked = this.#ctx.self.tell("replay", {}) === "accepted";
    if (!this.#isWorkAsked) this.#workLater(TELL_AGAIN_MS);
  }

  #workLater(delayMs: number): void {
    this.#ctx.timer("later", { delayMs }, "replay", {});
  }
}

/** What holds unless it is set. */
function optionsOf({ spec, router }: AggregatorArgs): AggregatorOptions {
  const { aggregator: given = {}, followsPrices = true } = spec;
  const { stream = followsPrices ? {} : null } = given;
  return {
    ...given,
    stream,
    impact: { halfLifeMs: HALF_LIFE_MS, ...given.impact },
    // Without a cache there is nowhere to warm them: no cluster is large enough.
    ...(router === null ? { blocks: { ...given.blocks, membersMin: BLOCK_CLUSTERS_MAX } } : {}),
  };
}

/** Never later than now: a clock that is ahead would hold impact up. */
function stamped(change: CheckedEdgeChange, nowMs: number): EdgeChange {
  const { edgeId, type, magnitude, value, at, metadata } = change;
  return {
    edgeId,
    type,
    magnitude,
    at: Math.min(nowMs, at ?? nowMs),
    ...(value === undefined ? {} : { value }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** What the coordinator is to be told: what it could not be told is told with the next. */
class Untold {
  readonly #coordinator: TellRef<typeof RefreshCoordinator.definition>;
  /** One an edge. */
  readonly #changes = new PendingChanges(magnitudeSettings());
  readonly #impacted = new Map<string, ImpactedCluster>();

  constructor(coordinator: TellRef<typeof RefreshCoordinator.definition>) {
    this.#coordinator = coordinator;
  }

  /** False when it is to be called again. */
  tell(changes: readonly FoldedChange[], impacted: readonly ImpactedCluster[]): boolean {
    if (this.#changes.size === 0 && changes.length === 0) return true;
    for (const change of changes) this.#changes.put(change);
    for (const cluster of impacted) this.#impacted.set(cluster.id, cluster);
    const moved: EdgesMoved = {
      changes: this.#changes.list(),
      impacted: [...this.#impacted.values()],
    };
    if (this.#coordinator.tell("moved", moved) !== "accepted") return false;
    this.#changes.take();
    this.#impacted.clear();
    return true;
  }
}
