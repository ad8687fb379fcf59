/**
 * Folds changes of edges into impact per cluster of edges that move together, and says which
 * clusters are impacted and which correlation blocks are to be warmed.
 *
 * - Changes wait until {@linkcode Aggregator.tick}; those of one edge are folded into one.
 * - Edges are known from {@linkcode Aggregator.addEdges}, from a change, from correlations, or from
 *   bars; whichever comes first, clusters are the same.
 * - Correlations that were handed in count before those of the stream. A new matrix takes the place
 *   of the old one, whole.
 * - The stream is asked every `regroupBars` bars, and never in between, so that clusters do not
 *   depend on when somebody looks at them. 1,000 edges take 8 ms.
 * - Clusters are made anew when they are next needed after something changed. 1,000 edges take 2 ms.
 * - Where there is no room for an edge that changes, those go of which nothing is known and that have
 *   not changed for the longest time; see `aggregator_room.ts`.
 * - Ids are compared whole: `run_1` has nothing to do with `run_10`.
 *
 * @example
 * ```ts
 * import { Aggregator } from "./aggregator.ts";
 *
 * const aggregator = new Aggregator();
 * aggregator.setCorrelations({
 *   kind: "pairs",
 *   pairs: [{ a: "EUR_USD", b: "GBP_USD", correlation: 0.7 }],
 * });
 * aggregator.recordEdgeChange({ edgeId: "GBP_USD", type: "price_move", magnitude: 1, at: 0 });
 * console.log(aggregator.tick(0).impacted[0]?.members); // ["EUR_USD", "GBP_USD"]
 * ```
 *
 * @module
 */

import { byCodeUnits, checkWhole, isEdgeId } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";
import { explainEdge } from "./aggregator_explain.ts";
import { type FoldedChange, PendingChanges } from "./aggregator_pending.ts";
import { idleEdges } from "./aggregator_room.ts";
import { checkedAggregator } from "./aggregator_snapshot.ts";
import type {
  AggregatorOptions,
  AggregatorSnapshot,
  AggregatorStatus,
  AggregatorTotals,
  ClusterStatus,
  EdgeExplanation,
  RecordedChange,
  RecordedChanges,
  Tick,
} from "./aggregator_types.ts";
import { type BlockJob, BlockSchedule } from "./block_schedule.ts";
import {
  type Cluster,
  Clusters,
  type ClusterSettings,
  clusterSettings,
  clustersOf,
} from "./clusters.ts";
import { type CorrelationInput, type Correlations, correlationsOf } from "./correlation.ts";
import { type ClosedBar, CorrelationStream, type PushedBars } from "./correlation_stream.ts";
import { Impacts, impactSettings } from "./impact.ts";
import { type EdgeChange, magnitudeSettings, refusalOf } from "./magnitude.ts";

export type * from "./aggregator_types.ts";

/** Bar times from one making of clusters out of the stream to the next. */
const REGROUP_BARS = 10;
/** Most of them: a day of minutes and more would be another market. */
const REGROUP_BARS_MAX = 1_440;

/** See the top of the file. */
export class Aggregator {
  readonly #clusterSettings: ClusterSettings;
  readonly #options: AggregatorOptions;
  readonly #regroupBars: number;
  readonly #edges = new Set<string>();
  readonly #pending: PendingChanges;
  readonly #impacts: Impacts;
  readonly #blocks: BlockSchedule;
  #stream: CorrelationStream | null;
  #given: Correlations | null = null;
  /** What the stream said when it was last asked. */
  #streamed: Correlations | null = null;
  /** What clusters are made of now. */
  #used: Correlations | null = null;
  #clusters = new Clusters([]);
  #isGrouped = true;
  /** Whether all edges are in use, as far as is known. */
  #isCrammed = false;
  #totals: Record<keyof AggregatorTotals, number> = {
    ...{ recorded: 0, folded: 0, refused: 0, minor: 0, moderate: 0, major: 0 },
    ...{ ticks: 0, fired: 0, regrouped: 0 },
  };

  /**
   * One that knows no edges.
   *
   * @throws {RefreshError} code `options` for an option out of bounds.
   */
  constructor(options: AggregatorOptions = {}) {
    this.#options = options;
    this.#clusterSettings = clusterSettings(options.clusters);
    this.#regroupBars = options.regroupBars ?? REGROUP_BARS;
    checkWhole("regroupBars", this.#regroupBars, 1, REGROUP_BARS_MAX);
    this.#pending = new PendingChanges(magnitudeSettings(options.magnitude));
    this.#impacts = new Impacts(impactSettings(options.impact));
    this.#blocks = new BlockSchedule(options.blocks);
    const { stream = null } = options;
    this.#stream = stream === null ? null : new CorrelationStream(stream);
  }

  /**
   * Adds edges; those that are there stay as they are. O(edges).
   *
   * @throws {RefreshError} code `edge` when there would be too many, or an id is none: nothing
   * is added then.
   */
  addEdges(edgeIds: Iterable<string>): void {
    const added = new Set<string>();
    for (const edgeId of edgeIds) {
      if (!isEdgeId(edgeId)) throw wrongEdges("ids of 1 to 256 characters", edgeId);
      if (!this.#edges.has(edgeId)) added.add(edgeId);
    }
    const { edgesMax } = this.#clusterSettings;
    const edges = this.#edges.size + added.size;
    if (edges > edgesMax) throw wrongEdges(`at most ${edgesMax} edges`, edges);
    if (added.size === 0) return;
    for (const edgeId of added) this.#edges.add(edgeId);
    this.#isGrouped = false;
  }

  /** Removes edges, with their correlations and what waits of them; others are left. O(pairs). */
  removeEdges(edgeIds: Iterable<string>): void {
    const gone = new Set<string>();
    for (const edgeId of edgeIds) if (this.#edges.delete(edgeId)) gone.add(edgeId);
    if (gone.size === 0) return;
    for (const edgeId of gone) {
      this.#pending.delete(edgeId);
      this.#stream?.removeEdge(edgeId);
    }
    this.#given = this.#given?.without(gone) ?? null;
    this.#streamed = this.#streamed?.without(gone) ?? null;
    this.#isGrouped = false;
    this.#isCrammed = false;
  }

  /**
   * Takes correlations in place of those handed in before; null = there are none, so that those of
   * the stream count. Edges that they name are added. O(edges² or pairs · log pairs).
   *
   * @throws {RefreshError} code `correlation` or `edge`: nothing has changed then.
   */
  setCorrelations(input: CorrelationInput | null): void {
    const given = input === null ? null : correlationsOf(input);
    if (given !== null) this.addEdges(given.edges);
    this.#given = given;
    if (given === null) this.#askStream();
    this.#isGrouped = false;
  }

  /**
   * Takes bars into the stream, whose edges are added. Bars of edges for which there is no room are
   * refused. O(bars), and O(pairs) for each bar time.
   *
   * @throws {RefreshError} code `edge` when there is no stream.
   */
  pushBars(bars: readonly ClosedBar[]): PushedBars {
    const stream = this.#stream;
    if (stream === null) throw wrongEdges("an aggregator with a stream", null);
    for (const { edgeId } of bars) this.#admit(edgeId);
    // One may have made room for another of them.
    const taken = bars.filter(({ edgeId }) => this.#edges.has(edgeId));
    const pushed = stream.push(taken);
    this.#folded(stream, pushed.folded);
    return { ...pushed, refused: pushed.refused + bars.length - taken.length };
  }

  /** Takes waiting bars in, up to a time, epoch ms; returns how many times these were. */
  flushBars(untilTs?: number): number {
    const stream = this.#stream;
    if (stream === null) return 0;
    const folded = stream.flush(untilTs);
    this.#folded(stream, folded);
    return folded;
  }

  /**
   * Forgets the bars of an edge, which stays: those that follow are of another series. Correlations
   * are as they were until the stream is asked again. O(edges).
   */
  forgetBars(edgeId: string): void {
    this.#stream?.removeEdge(edgeId);
  }

  /**
   * Goes on with another stream, that learned from stored bars; its edges are added while there is
   * room. O(pairs).
   *
   * @throws {RefreshError} code `edge` when there is no stream.
   */
  adoptStream(stream: CorrelationStream): void {
    if (this.#stream === null) throw wrongEdges("an aggregator with a stream", null);
    // Before its edges are admitted: none of them makes room for another.
    this.#stream = stream;
    for (const edgeId of stream.edgeIds()) {
      if (!this.#admit(edgeId)) stream.removeEdge(edgeId);
    }
    // Those that were handed in count: then nobody asks.
    if (this.#given === null) this.#askStream();
  }

  /** What was handed in; null without any. O(1). */
  get given(): Correlations | null {
    return this.#given;
  }

  /** What clusters are made of now; null when nothing is known. As {@linkcode clusters}. */
  correlations(): Correlations | null {
    this.clusters();
    return this.#used;
  }

  /** A change of an edge, which waits for the next tick. An edge that is new is added. O(1) on average. */
  recordEdgeChange(change: EdgeChange): RecordedChange {
    const reason = refusalOf(change) ?? (this.#admit(change.edgeId) ? null : "edges");
    if (reason !== null) {
      this.#totals.refused++;
      return { state: "refused", reason };
    }
    const isFolded = this.#pending.of(change.edgeId) !== undefined;
    const own = this.#pending.add(change);
    this.#totals.recorded++;
    this.#totals[own]++;
    if (isFolded) this.#totals.folded++;
    return { state: "recorded", class: own, isFolded };
  }

  /** Many changes: those that are refused do not keep others from being taken. O(changes). */
  recordEdgeChanges(changes: readonly EdgeChange[]): RecordedChanges {
    const refused: RecordedChanges["refused"][number][] = [];
    changes.forEach((change, index) => {
      const recorded = this.recordEdgeChange(change);
      if (recorded.state === "refused") refused.push({ index, reason: recorded.reason });
    });
    return { recorded: changes.length - refused.length, refused };
  }

  /** Takes what waits: impact moves, clusters fire, and blocks begin. O(changes · log changes). */
  tick(nowMs: number): Tick {
    const clusters = this.clusters();
    const changes = this.#pending.take();
    this.#isCrammed = false;
    const fired = new Map<string, Cluster>();
    const byCluster = new Map<string, FoldedChange[]>();
    for (const change of changes) {
      const cluster = clusters.of(change.edgeId);
      if (cluster === undefined) throw broken("a cluster for every edge", change.edgeId);
      const list = byCluster.get(cluster.id);
      if (list === undefined) byCluster.set(cluster.id, [change]);
      else list.push(change);
      if (!this.#impacts.change(cluster.id, change.magnitude, change.at)) continue;
      fired.set(cluster.id, cluster);
      this.#totals.fired++;
    }
    const impacted = [...fired.values()].sort((a, b) => byCodeUnits(a.id, b.id))
      .map((cluster) => ({
        ...cluster,
        impact: this.#impacts.of(cluster.id).impact,
        changes: byCluster.get(cluster.id) ?? [],
      }));
    for (const { id, members } of impacted) this.#blocks.want({ id, members }, nowMs);
    this.#totals.ticks++;
    return { changes, impacted, blocks: this.#blocks.next(nowMs) };
  }

  /** Blocks that may begin now, as others have ended. */
  nextBlocks(nowMs: number): readonly BlockJob[] {
    this.clusters();
    return this.#blocks.next(nowMs);
  }

  /** A block was warmed, or could not be; false when it is not under way. O(1). */
  finishBlock(job: BlockJob, isWarmed: boolean, tookMs: number): boolean {
    return this.#blocks.finish(job, isWarmed, tookMs);
  }

  /** Somebody read a block from the cache, and found it or not. O(1). */
  readBlock(isHit: boolean): void {
    this.#blocks.read(isHit);
  }

  /** Clusters as they are now. O(1), but after something changed: see {@linkcode clustersOf}. */
  clusters(): Clusters {
    if (this.#isGrouped) return this.#clusters;
    this.#used = this.#given ?? this.#streamed;
    const clusters = clustersOf(this.#edges, this.#used, this.#clusterSettings);
    this.#impacts.regroup(this.#clusters, clusters);
    this.#blocks.regroup(clusters);
    this.#clusters = clusters;
    this.#isGrouped = true;
    this.#totals.regrouped++;
    return clusters;
  }

  /** Clusters with their impact, ascending by id; as of `at` when it is given. O(edges). */
  clusterStatus(at?: number): readonly ClusterStatus[] {
    return this.clusters().all
      .map((cluster) => ({ ...cluster, ...this.#impacts.of(cluster.id, at) }));
  }

  /** Why an edge is in its cluster; null when there is no such edge. O(edges · log edges). */
  explain(edgeId: string): EdgeExplanation | null {
    const cluster = this.clusters().of(edgeId);
    if (cluster === undefined) return null;
    return {
      ...explainEdge(edgeId, this.#edges, this.#used, this.#clusterSettings.threshold),
      cluster: { ...cluster, ...this.#impacts.of(cluster.id) },
      source: this.#given !== null ? "given" : this.#stream !== null ? "streamed" : "none",
      pending: this.#pending.of(edgeId) ?? null,
    };
  }

  /** Figures. O(clusters). */
  status(): AggregatorStatus {
    const { all, edges } = this.clusters();
    const stream = this.#stream;
    return {
      edges,
      clusters: all.length,
      largest: all.reduce((most, { members }) => Math.max(most, members.length), 0),
      pending: this.#pending.size,
      knownPairs: this.#used?.known ?? 0,
      totals: { ...this.#totals },
      blocks: this.#blocks.status(),
      stream: stream === null ? null : {
        edges: stream.edges,
        bars: stream.bars,
        late: stream.late,
        bytes: stream.bytes,
      },
    };
  }

  /**
   * What must survive. Without the stream when `isLight`: its pairs take 48 bytes each, and can be
   * learned again from stored candles. O(pairs); O(edges) when it is light and without the
   * correlations that were handed in.
   */
  snapshot(
    { isLight = false, withGiven = true }: {
      readonly isLight?: boolean;
      readonly withGiven?: boolean;
    } = {},
  ): AggregatorSnapshot {
    this.clusters();
    return {
      version: 1,
      edges: [...this.#edges].sort(byCodeUnits),
      correlations: withGiven ? this.#given?.toInput() ?? null : null,
      stream: isLight ? null : this.#stream?.snapshot() ?? null,
      impacts: this.#impacts.snapshot(),
      pending: this.#pending.list(),
      blocks: this.#blocks.snapshot(),
      totals: { ...this.#totals },
    };
  }

  /**
   * An aggregator that goes on from a snapshot. Impacts and changes are none of a time after `nowMs`,
   * epoch ms.
   *
   * @throws {RefreshError} code `snapshot`, or that of what is wrong inside.
   */
  static restore(
    snapshot: unknown,
    options: AggregatorOptions = {},
    nowMs = Infinity,
  ): Aggregator {
    const saved = checkedAggregator(snapshot);
    const aggregator = new Aggregator(options);
    aggregator.addEdges(saved.edges);
    aggregator.setCorrelations(saved.correlations);
    const { stream } = aggregator.#options;
    if ((saved.stream ?? null) !== null && stream !== null && stream !== undefined) {
      aggregator.#stream = CorrelationStream.restore(saved.stream, stream);
      aggregator.#askStream();
    }
    for (const change of saved.pending) {
      if (!aggregator.#edges.has(change.edgeId)) continue;
      aggregator.#pending.put({ ...change, at: Math.min(change.at, nowMs) });
    }
    aggregator.#impacts.restore(saved.impacts, aggregator.clusters(), nowMs);
    aggregator.#blocks.restore(saved.blocks);
    aggregator.#totals = { ...saved.totals };
    return aggregator;
  }

  /**
   * Checks that clusters are what they would be if they were made now, and hold all edges. O(cells).
   *
   * @throws {RefreshError} code `invariant`.
   */
  invariant(): void {
    const clusters = this.clusters();
    clusters.invariant();
    if (clusters.edges !== this.#edges.size) {
      throw broken(`${this.#edges.size} edges in clusters`, clusters.edges);
    }
    const again = clustersOf(this.#edges, this.#given ?? this.#streamed, this.#clusterSettings);
    for (const { id, members } of again.all) {
      const now = clusters.of(id)?.members;
      if (members.length !== now?.length || members.some((member, at) => member !== now[at])) {
        throw broken(`a cluster of ${members.length} edges`, id);
      }
    }
    for (const { edgeId } of this.#pending.list()) {
      if (!this.#edges.has(edgeId)) throw broken("changes of edges that are there", edgeId);
    }
  }

  /** Adds an edge if there is room, or can be. O(1) on average. */
  #admit(edgeId: string): boolean {
    if (this.#edges.has(edgeId)) return true;
    if (!isEdgeId(edgeId)) return false;
    if (this.#edges.size >= this.#clusterSettings.edgesMax) this.#makeRoom();
    if (this.#edges.size >= this.#clusterSettings.edgesMax) return false;
    this.#edges.add(edgeId);
    this.#isGrouped = false;
    return true;
  }

  /** Once a tick at most when there is none to make. O(edges · log edges). */
  #makeRoom(): void {
    if (this.#isCrammed) return;
    const isKnown = (edgeId: string) =>
      [this.#given, this.#streamed, this.#used].some((one) => one?.handleOf(edgeId) !== undefined);
    const gone = idleEdges(this.#edges, {
      isInUse: (edgeId) =>
        this.#pending.of(edgeId) !== undefined || this.#stream?.has(edgeId) === true ||
        isKnown(edgeId),
      changedAt: (edgeId) => this.#impacts.of(edgeId).at ?? -Infinity,
    });
    this.#isCrammed = gone.length === 0;
    for (const edgeId of gone) this.#edges.delete(edgeId);
    this.#isGrouped &&= gone.length === 0;
  }

  /** Asks a stream that has passed another `regroupBars` bars, whoever wants clusters or not. */
  #folded(stream: CorrelationStream, folded: number): void {
    const times = (bars: number) => Math.floor(bars / this.#regroupBars);
    if (this.#given !== null || times(stream.bars) === times(stream.bars - folded)) return;
    this.#askStream();
  }

  #askStream(): void {
    this.#streamed = this.#stream?.correlations() ?? null;
    this.#isGrouped = false;
  }
}

const wrongEdges = (expected: string, value: unknown) =>
  new RefreshError(
    "edge",
    `Cannot take edges: expected ${expected}: current value is ${shown(value)}`,
  );

const broken = (expected: string, value: unknown) =>
  new RefreshError(
    "invariant",
    `Cannot trust the aggregator: expected ${expected}: current value is ${shown(value)}`,
  );
