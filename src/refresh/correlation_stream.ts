/**
 * Correlations of log returns, kept up to date one bar at a time.
 *
 * ## Formula
 * Exponentially weighted means, variances and covariances (T. Finch, "Incremental calculation of
 * weighted mean and variance", University of Cambridge, 2009, section 9), with the share of a new
 * return worked out from the sum of weights, so that the first returns count in full:
 *
 *     w ← λw + 1,  a = 1/w,  dx = x − mx,  mx ← mx + a·dx,
 *     vx ← (1−a)(vx + a·dx²),  c ← (1−a)(c + a·(dx·dy)),  correlation = c / √(vx·vy)
 *
 * λ = 1 − 1/memory: weights sum up to `memoryBars`, and the mean has the error of one over
 * 2 · memory − 1 equal returns (L. Kish, *Survey Sampling*, 1965, section 11.7). Short memories chain
 * groups that have nothing in common: of half a million unrelated pairs, 15 are above 0.4 by chance
 * over 100 returns, and 10⁻⁵ over 250 (R. A. Fisher's z).
 *
 * ## Bars that are missing
 * Each pair has its own six numbers, made of those returns alone that both edges have over the same
 * span: from the same bar to the same bar. Statistics per edge would be less work, but an edge that
 * trades all day would bring the variance of its nights to pairs with one that does not. Where one of
 * two misses a bar, the pair leaves out the returns across it; where both miss it, none.
 *
 * ## Cost
 * 48 bytes a pair, as one row of a triangle of 64-bit floats: 24 MB for 1,000 edges (499,500 pairs).
 * A bar of all of them updates all pairs, in 3 ms; reading all takes 6 ms. As 32-bit floats it would
 * be half, and at a memory of 250 bars wrong in the fifth digit. Another edge costs its own pairs;
 * room is doubled as it fills.
 *
 * Bars may come in any order as long as not more than `openBarsMax` times are open at once.
 *
 * @module
 */

import { checkWhole, checkWithin, isEdgeId } from "./aggregator_checks.ts";
import { RefreshError, shown } from "./error.ts";
import { Correlations, pairsOf } from "./correlation.ts";
import {
  type CorrelationStreamSnapshot,
  packPairs,
  PAIR_NUMBERS,
  unpackPairs,
} from "./correlation_stream_snapshot.ts";

export type { CorrelationStreamSnapshot } from "./correlation_stream_snapshot.ts";

/** What one may set of a {@linkcode CorrelationStream}. */
export interface CorrelationStreamSettings {
  /** Sum of the weights of all returns, bars; Infinity = all count the same. */
  readonly memoryBars: number;
  /** Returns before a correlation is known. */
  readonly returnsMin: number;
  /** Most edges. */
  readonly edgesMax: number;
  /** Most bar times that wait for more edges; beyond, the oldest is taken in. */
  readonly openBarsMax: number;
}

/** What holds unless told otherwise. */
export const CORRELATION_STREAM_DEFAULTS: CorrelationStreamSettings = {
  memoryBars: 250,
  returnsMin: 250,
  edgesMax: 1_000,
  openBarsMax: 2,
};

/** Bounds of {@linkcode CorrelationStreamSettings}. */
export const CORRELATION_STREAM_BOUNDS = {
  /** Weights of fewer bars say nothing; the default is what one should not go below. */
  memoryBarsMin: 10,
  /** Two returns always lie on a line. */
  returnsMin: 3,
  /** Longer than any history of bars that is kept live. */
  returnsMax: 1_000_000,
  /** 96 MB of pairs. */
  edgesMax: 2_000,
  /** Each takes 8 bytes an edge. */
  openBarsMax: 64,
} as const;

/** The end of one bar of one edge. */
export interface ClosedBar {
  /** Whose bar it is. */
  readonly edgeId: string;
  /** Open time, epoch ms UTC. */
  readonly ts: number;
  /** Last price; without a logarithm (NaN, 0 or less) the bar counts as missing. */
  readonly close: number;
}

/** What became of bars that were pushed. */
export interface PushedBars {
  /** Bars that wait or were taken in. */
  readonly taken: number;
  /** Bars of a time that was taken in before. */
  readonly late: number;
  /** Bars of edges for which there was no room. */
  readonly refused: number;
  /** Bar times that were taken in. */
  readonly folded: number;
}

/** Updates of pairs that a bar time owes. */
interface Owed {
  /** Handles of edges that have a return of the same span, ascending. */
  readonly group: Int32Array;
  /** By handle. */
  readonly returns: Float64Array;
  /** The next of the group whose pairs with those before it are to be updated. */
  at: number;
}

interface OpenBar {
  readonly ts: number;
  readonly closes: Map<number, number>;
}

/** See the top of the file. */
export class CorrelationStream {
  /** What was set. */
  readonly settings: CorrelationStreamSettings;
  readonly #handles = new Map<string, number>();
  /** By handle; null where an edge was removed. */
  readonly #edges: (string | null)[] = [];
  readonly #free: number[] = [];
  readonly #decay: number;
  readonly #weightMin: number;
  #pairs: Float64Array<ArrayBuffer> = new Float64Array(0);
  readonly #lastTs: Float64Array<ArrayBuffer>;
  readonly #lastLog: Float64Array<ArrayBuffer>;
  /** Ascending by time. */
  #open: OpenBar[] = [];
  /** In the order of time; none but between {@linkcode CorrelationStream.pushOwing} and its work. */
  #owed: Owed[] = [];
  #foldedTs = -Infinity;
  #bars = 0;
  #late = 0;

  /**
   * Nothing is known.
   *
   * @throws {RefreshError} code `options`.
   */
  constructor(overrides: Partial<CorrelationStreamSettings> = {}) {
    const settings = { ...CORRELATION_STREAM_DEFAULTS, ...overrides };
    const b = CORRELATION_STREAM_BOUNDS;
    checkWithin("memoryBars", settings.memoryBars, b.memoryBarsMin, Infinity);
    checkWhole("returnsMin", settings.returnsMin, b.returnsMin, b.returnsMax);
    checkWhole("edgesMax", settings.edgesMax, 2, b.edgesMax);
    checkWhole("openBarsMax", settings.openBarsMax, 1, b.openBarsMax);
    this.settings = settings;
    this.#decay = 1 - 1 / settings.memoryBars;
    let weight = 0;
    for (let i = 0; i < settings.returnsMin; i++) weight = weight * this.#decay + 1;
    this.#weightMin = weight;
    this.#lastTs = new Float64Array(settings.edgesMax).fill(NaN);
    this.#lastLog = new Float64Array(settings.edgesMax);
  }

  /** Edges there are. */
  get edges(): number {
    return this.#handles.size;
  }

  /** Their ids, in the order in which they were added. O(edges). */
  edgeIds(): readonly string[] {
    return [...this.#handles.keys()];
  }

  /** Bar times that were taken in. */
  get bars(): number {
    return this.#bars;
  }

  /** Bars that came after their time had been taken in. */
  get late(): number {
    return this.#late;
  }

  /** Bytes of the pairs. */
  get bytes(): number {
    return this.#pairs.byteLength;
  }

  /** Whether an edge is there. */
  has(edgeId: string): boolean {
    return this.#handles.has(edgeId);
  }

  /** Adds an edge; false when there is no room. Idempotent. O(edges) but when room is doubled. */
  addEdge(edgeId: string): boolean {
    if (this.#handles.has(edgeId)) return true;
    if (!isEdgeId(edgeId)) {
      throw new RefreshError(
        "edge",
        `Cannot add an edge: expected an id: current value is ${shown(edgeId)}`,
      );
    }
    if (this.#handles.size >= this.settings.edgesMax) return false;
    const handle = this.#free.pop() ?? this.#edges.length;
    this.#handles.set(edgeId, handle);
    this.#edges[handle] = edgeId;
    this.#grow(pairsOf(this.#edges.length) * PAIR_NUMBERS);
    return true;
  }

  /** Makes room for so many edges at once, as far as there may be as many; O(pairs) of them. */
  reserve(edges: number): void {
    this.#grow(pairsOf(Math.min(edges, this.settings.edgesMax)) * PAIR_NUMBERS);
  }

  /** Removes an edge and all its pairs. Idempotent. O(edges). */
  removeEdge(edgeId: string): void {
    const handle = this.#handles.get(edgeId);
    if (handle === undefined) return;
    this.learn();
    this.#handles.delete(edgeId);
    this.#edges[handle] = null;
    this.#free.push(handle);
    this.#lastTs[handle] = NaN;
    for (const { closes } of this.#open) closes.delete(handle);
    for (let other = 0; other < this.#edges.length; other++) {
      if (other === handle) continue;
      const at = pairAt(Math.max(handle, other), Math.min(handle, other));
      this.#pairs.fill(0, at, at + PAIR_NUMBERS);
    }
  }

  /**
   * Takes bars, in any order; of two of an edge and a time the later one counts. O(bars), and
   * O(pairs) for each time that is taken in. Edges that are new are added while there is room.
   */
  push(bars: readonly ClosedBar[]): PushedBars {
    const pushed = this.pushOwing(bars);
    this.learn();
    return pushed;
  }

  /**
   * As `push`, but pairs are updated by {@linkcode CorrelationStream.learn}, for who has to answer others meanwhile, or
   * by the first call that needs them. What is owed is not bounded here: learn before more is pushed.
   */
  pushOwing(bars: readonly ClosedBar[]): PushedBars {
    // By time, so that what one series is ahead of others makes no bar of theirs late.
    const sorted = bars.filter(({ ts }) => Number.isFinite(ts)).sort((a, b) => a.ts - b.ts);
    let taken = 0, late = 0, refused = bars.length - sorted.length, folded = 0;
    for (const { edgeId, ts, close } of sorted) {
      if (!this.addEdge(edgeId)) refused++;
      else if (ts <= this.#foldedTs) late++;
      else {
        taken++;
        this.#openAt(ts).closes.set(this.#handles.get(edgeId) as number, close);
        while (this.#open.length > this.settings.openBarsMax) folded += this.#foldFirst();
      }
    }
    this.#late += late;
    return { taken, late, refused, folded };
  }

  /**
   * Updates pairs that are owed: at least so many if there are, and at most those of one edge more.
   * False when none are left.
   */
  learn(pairsMin = Infinity): boolean {
    let left = pairsMin;
    for (let owed = this.#owed[0]; owed !== undefined; owed = this.#owed[0]) {
      for (; owed.at < owed.group.length; owed.at++) {
        if (left <= 0) return true;
        this.#learnRow(owed.group, owed.at, owed.returns);
        left -= owed.at;
      }
      this.#owed.shift();
    }
    return false;
  }

  /** Takes in all bars up to a time, that included; returns how many times these were. */
  flush(untilTs = Infinity): number {
    let folded = 0;
    while ((this.#open[0]?.ts ?? Infinity) <= untilTs && this.#open.length > 0) {
      folded += this.#foldFirst();
    }
    this.learn();
    return folded;
  }

  /** The correlation of two edges; NaN while unknown. O(1). */
  correlation(a: string, b: string): number {
    const i = this.#handles.get(a), j = this.#handles.get(b);
    if (i === undefined || j === undefined) return NaN;
    if (i === j) return 1;
    this.learn();
    return coefficient(this.#pairs, pairAt(Math.max(i, j), Math.min(i, j)), this.#weightMin);
  }

  /** All of them, as they are now. O(pairs). */
  correlations(): Correlations {
    this.learn();
    const from: number[] = [];
    const handles = new Map<string, number>();
    this.#edges.forEach((edge, handle) => {
      if (edge === null) return;
      handles.set(edge, from.length);
      from.push(handle);
    });
    const values = new Float64Array(pairsOf(from.length));
    const pairs = this.#pairs, weightMin = this.#weightMin;
    let known = 0;
    for (let i = 1, to = 0; i < from.length; i++) {
      // Handles ascend, so the row of the higher one is the row of the pair.
      const row = pairAt(from[i] as number, 0);
      for (let j = 0; j < i; j++, to++) {
        const value = coefficient(pairs, row + (from[j] as number) * PAIR_NUMBERS, weightMin);
        values[to] = value;
        if (value === value) known++;
      }
    }
    return new Correlations(handles, values, null, known);
  }

  /** A copy of all that is known; bars that wait included. O(pairs). */
  snapshot(): CorrelationStreamSnapshot {
    this.learn();
    const edges = [...this.#handles.keys()];
    const from = Int32Array.from(this.#handles.values());
    return {
      version: 1,
      decay: this.#decay,
      edges,
      lastTs: Float64Array.from(from, (handle) => this.#lastTs[handle] as number),
      lastLog: Float64Array.from(from, (handle) => this.#lastLog[handle] as number),
      pairs: packPairs(this.#pairs, from),
      open: this.#open.flatMap(({ ts, closes }) =>
        [...closes].filter(([, close]) => close > 0).map(([handle, close]) => ({
          edgeId: this.#edges[handle] as string,
          ts,
          close,
        }))
      ),
      foldedTs: this.#bars === 0 ? null : this.#foldedTs,
      bars: this.#bars,
      late: this.#late,
    };
  }

  /**
   * A stream that goes on from a snapshot.
   *
   * @throws {RefreshError} code `snapshot` when it is not one, or was made with another memory.
   */
  static restore(
    snapshot: unknown,
    overrides: Partial<CorrelationStreamSettings> = {},
  ): CorrelationStream {
    const stream = new CorrelationStream(overrides);
    const saved = unpackPairs(snapshot, stream.settings);
    for (const edge of saved.edges) stream.addEdge(edge);
    stream.#pairs.set(saved.pairs);
    stream.#lastTs.set(saved.lastTs);
    stream.#lastLog.set(saved.lastLog);
    stream.#foldedTs = saved.foldedTs ?? -Infinity;
    stream.#bars = saved.bars;
    stream.#late = saved.late;
    stream.push(saved.open);
    return stream;
  }

  #openAt(ts: number): OpenBar {
    const open = this.#open;
    let at = open.length;
    while (at > 0 && (open[at - 1] as OpenBar).ts > ts) at--;
    const before = open[at - 1];
    if (before?.ts === ts) return before;
    const bar = { ts, closes: new Map<number, number>() };
    open.splice(at, 0, bar);
    return bar;
  }

  #foldFirst(): number {
    const bar = this.#open.shift();
    if (bar === undefined) return 0;
    const groups = new Map<number, number[]>();
    const returns = new Float64Array(this.#edges.length);
    for (const [handle, close] of bar.closes) {
      const log = close > 0 ? Math.log(close) : NaN;
      if (!Number.isFinite(log)) continue;
      const lastTs = this.#lastTs[handle] as number;
      if (lastTs === lastTs) {
        returns[handle] = log - (this.#lastLog[handle] as number);
        const group = groups.get(lastTs);
        if (group === undefined) groups.set(lastTs, [handle]);
        else group.push(handle);
      }
      this.#lastTs[handle] = bar.ts;
      this.#lastLog[handle] = log;
    }
    for (const group of groups.values()) {
      this.#owed.push({ group: Int32Array.from(group).sort(), returns, at: 1 });
    }
    this.#foldedTs = bar.ts;
    this.#bars++;
    return 1;
  }

  /** Pairs of the edge at `g` of a group with those before it. */
  #learnRow(group: Int32Array, g: number, returns: Float64Array): void {
    const pairs = this.#pairs, decay = this.#decay;
    const i = group[g] as number;
    const y = returns[i] as number;
    for (let h = 0; h < g; h++) {
      const j = group[h] as number;
      const at = pairAt(i, j);
      const weight = (pairs[at] as number) * decay + 1;
      const a = 1 / weight, keep = 1 - a;
      const dx = (returns[j] as number) - (pairs[at + 1] as number);
      const dy = y - (pairs[at + 2] as number);
      pairs[at] = weight;
      pairs[at + 1] = (pairs[at + 1] as number) + a * dx;
      pairs[at + 2] = (pairs[at + 2] as number) + a * dy;
      pairs[at + 3] = keep * ((pairs[at + 3] as number) + a * dx * dx);
      pairs[at + 4] = keep * ((pairs[at + 4] as number) + a * dy * dy);
      // The product first: so it is the same to the bit whichever of the two edges comes first.
      pairs[at + 5] = keep * ((pairs[at + 5] as number) + a * (dx * dy));
    }
  }

  #grow(numbers: number): void {
    if (this.#pairs.length >= numbers) return;
    const most = pairsOf(this.settings.edgesMax) * PAIR_NUMBERS;
    const pairs = new Float64Array(Math.min(most, Math.max(numbers, 2 * this.#pairs.length)));
    pairs.set(this.#pairs);
    this.#pairs = pairs;
  }
}

/** Correlation of the pair whose numbers begin there; NaN while unknown. */
function coefficient(pairs: Float64Array, at: number, weightMin: number): number {
  if ((pairs[at] as number) < weightMin) return NaN;
  const scale = Math.sqrt((pairs[at + 3] as number) * (pairs[at + 4] as number));
  // One that does not move has no correlation with anything.
  if (!(scale > 0)) return NaN;
  const value = (pairs[at + 5] as number) / scale;
  // Rounding may lift it above 1.
  return value > 1 ? 1 : value < -1 ? -1 : value;
}

/** Where the numbers of a pair begin; j < i. */
function pairAt(i: number, j: number): number {
  return (i * (i - 1) / 2 + j) * PAIR_NUMBERS;
}
