/**
 * Learns correlations from stored candles: the last bars of every series that is followed go through a
 * stream of their own, in the order of time, a few bar times a turn. Until it has learned all of them
 * whoever wants correlations goes on with those there are; so there are two streams for that time.
 *
 * Live bars do the same as they come, but only as far as they come in the order of time: a file that
 * holds one series after the other, or a feed that was away, brings most of its bars too late for the
 * stream. Stored candles can be read in any order.
 *
 * @module
 */

import { pairsOf } from "./correlation.ts";
import {
  type ClosedBar,
  CORRELATION_STREAM_DEFAULTS,
  CorrelationStream,
  type CorrelationStreamSettings,
} from "./correlation_stream.ts";

/** Pairs that one turn updates, of one bar time or of several: about 0.7 ms. */
export const PAIRS_PER_TURN = 100_000;

/** Bar times of one turn, where edges are few. */
const TIMES_PER_TURN_MAX = 64;

/** Bar times of a turn for so many edges; at least 1. */
export function timesPerTurn(edges: number): number {
  const times = Math.floor(PAIRS_PER_TURN / Math.max(1, pairsOf(edges)));
  return Math.max(1, Math.min(TIMES_PER_TURN_MAX, times));
}

/**
 * Where the bars of the next turn end in a list that ascends by time: all of `times` bar times. O(them).
 */
export function turnEnd(bars: readonly ClosedBar[], from: number, times: number): number {
  let at = from, seen = 0, ts = NaN;
  for (; at < bars.length; at++) {
    const bar = bars[at] as ClosedBar;
    if (bar.ts === ts) continue;
    if (++seen > times) break;
    ts = bar.ts;
  }
  return at;
}

/**
 * Stored bars that are read for an edge: twice the memory of the stream, after which what came before
 * weighs e⁻² of all, and at least as many as make a correlation known. Some 50 bytes each.
 */
export function replayBars(settings: Partial<CorrelationStreamSettings> = {}): number {
  const { memoryBars, returnsMin } = { ...CORRELATION_STREAM_DEFAULTS, ...settings };
  const memory = Number.isFinite(memoryBars) ? 2 * Math.ceil(memoryBars) : REPLAY_BARS_MAX;
  return Math.min(REPLAY_BARS_MAX, Math.max(memory, returnsMin) + 1);
}

/** Most of them. */
const REPLAY_BARS_MAX = 2_000;

interface Track {
  readonly bars: readonly ClosedBar[];
  at: number;
}

/** See the top of the file. */
export class BarReplay {
  /** What has been learned. */
  readonly stream: CorrelationStream;
  /** Stored bars that are wanted of each edge. */
  readonly barsWanted: number;
  readonly #tracks = new Map<string, Track>();
  /** The stream still has to learn of bars that it was given. */
  #isOwing = false;

  /**
   * Nothing was read yet.
   *
   * @throws {RefreshError} code `options`.
   */
  constructor(settings: Partial<CorrelationStreamSettings> = {}) {
    this.barsWanted = replayBars(settings);
    this.stream = new CorrelationStream(settings);
  }

  /** Bars of an edge, ascending; all edges before the first turn. False when there is no room. */
  add(edgeId: string, bars: readonly ClosedBar[]): boolean {
    if (this.#tracks.size >= this.stream.settings.edgesMax) return false;
    this.#tracks.set(edgeId, { bars, at: 0 });
    return true;
  }

  /** What was read of an edge is of another series than it has now. O(edges). */
  forget(edgeId: string): void {
    this.#tracks.delete(edgeId);
    this.stream.removeEdge(edgeId);
  }

  /**
   * Learns some bar times, or a part of one; false when none are left. About
   * {@linkcode PAIRS_PER_TURN} pairs.
   */
  turn(): boolean {
    // All at once: doubled room would be copied a dozen times within one turn.
    this.stream.reserve(this.#tracks.size);
    if (this.#isOwing) {
      this.#isOwing = this.stream.learn(PAIRS_PER_TURN);
      return true;
    }
    for (let times = timesPerTurn(this.#tracks.size); times > 0; times--) {
      const bars = this.#nextTime();
      if (bars.length === 0) return false;
      this.stream.pushOwing(bars);
    }
    this.#isOwing = this.stream.learn(PAIRS_PER_TURN);
    return true;
  }

  /** All bars of the next time; none when there is none. O(edges). */
  #nextTime(): readonly ClosedBar[] {
    let ts = Infinity;
    for (const { bars, at } of this.#tracks.values()) ts = Math.min(ts, bars[at]?.ts ?? Infinity);
    const next: ClosedBar[] = [];
    for (const track of this.#tracks.values()) {
      const bar = track.bars[track.at];
      if (bar === undefined || bar.ts !== ts) continue;
      track.at++;
      next.push(bar);
    }
    return next;
  }
}
