/**
 * Keeps up with the candles of all instruments: looks after commits, live bars into correlations, and
 * what the stream of correlations missed learned from the store.
 *
 * - One look is under way at most, and the next begins at the earliest {@linkcode LOOK_EVERY_MS} later,
 *   and the later the longer the last one took: however many commits come, the store is asked ten
 *   times a second at most, and looks take a twentieth of the time.
 * - Bars go into the stream a few times of the clock a turn, so that others are answered meanwhile.
 *   What comes faster than it is worth, as in a bulk load, is learned from the store afterwards.
 * - The stream is learned from the store after the first look, and again when many bars came out of
 *   order; see `price_moves_replay.ts`.
 * - A read that fails is made again after a pause that doubles: a store that restarts is waited for.
 *
 * Time and messages are handed in: whoever owns it calls `look` and `work` when they fall due.
 *
 * @module
 */

import { pairsOf } from "./correlation.ts";
import type {
  ClosedBar,
  CorrelationStream,
  CorrelationStreamSettings,
  PushedBars,
} from "./correlation_stream.ts";
import type { PriceMove } from "./price_moves.ts";
import { type CandleReads, PriceLooks } from "./price_moves_look.ts";
import { BarReplay, timesPerTurn, turnEnd } from "./price_moves_replay.ts";

/** Least time from the end of one look to the next. */
export const LOOK_EVERY_MS = 100;

/** The rest after a look as a multiple of the time that it took, … */
const LOOK_REST = 19;
/** … at most, ms: prices are no older than that. */
const LOOK_REST_MAX_MS = 2_000;

/**
 * Most updates of pairs for the bars of one look: some 10 ms. For 1,000 instruments these are three
 * bars of each, which never come within a look where candles are live.
 */
const PUSHED_PAIRS_MAX = 1_700_000;

/**
 * The rest after a turn of learning as a multiple of the time that it took; much longer in a bulk load,
 * which has use for the time, and after which all is learned again.
 */
const LEARN_REST = { live: 20, bulk: 200 } as const;
/** Touched ranges a look and instrument from which on it is a bulk load. */
const BULK_RANGES = 4;

/** First pause after a read that failed, and the longest one: they double. */
const RETRY_MS = { least: 200, most: 10_000 } as const;

/** Series whose stored bars are read at once: some 200 KB of columns, and 4,000 bars. */
const SERIES_AT_ONCE = 8;

/** Bars out of order that are worth learning everything anew; less of them wear off by themselves. */
const RELEARN_BARS = 100;
/** The store is read again when no more of them come for so long, … */
const RELEARN_QUIET_MS = 2_000;
/** … at the latest so long after the first one, … */
const RELEARN_WITHIN_MS = 30_000;
/** … and never sooner after the last time: it takes 1.7 s of turns for 1,000 edges, … */
const RELEARN_APART_MS = { least: 5_000, most: 60_000 } as const;
/** … which have so many pairs; fewer pairs cost less, and may be learned again sooner. */
const RELEARN_PAIRS = 499_500;

/** What falls due later. */
export type FollowTask = "look" | "work" | "relearn";

/** What a follower works with. */
export interface FollowPorts {
  /** The store. */
  readonly reads: CandleReads;
  /** Settings of the stream; null = there is none, and bars are of no use. */
  readonly stream: Partial<CorrelationStreamSettings> | null;
  /** Prices have moved. */
  readonly moved: (moves: readonly PriceMove[]) => void;
  /** Live bars, in the order of time. */
  readonly pushBars: (bars: readonly ClosedBar[]) => PushedBars;
  /** An instrument is followed on another series: its bars begin anew. */
  readonly forgetBars: (edgeId: string) => void;
  /** All has been learned from the store. */
  readonly adopt: (stream: CorrelationStream) => void;
  /** Calls `look` (of "look") or `work` (of the others) after that time; a later word replaces it. */
  readonly later: (task: FollowTask, delayMs: number) => void;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
  /** Whether to go on, asked after everything that was waited for. */
  readonly isLive: () => boolean;
  /** A read failed, for the first time in a row. */
  readonly failed: (error: unknown) => void;
}

/** See the top of the file. */
export class PriceFollower {
  readonly #ports: FollowPorts;
  readonly #looks: PriceLooks;
  #isLooking = false;
  /** Whether the time of the next look stands. */
  #isLookAsked = false;
  #lookedAtMs = -Infinity;
  /** How long the last look took. */
  #lookTookMs = 0;
  /** In a row. */
  #lookFailures = 0;
  #readFailures = 0;
  #queue: readonly ClosedBar[] = [];
  #queueAt = 0;
  #missed = 0;
  #missedSinceMs: number | null = null;
  #relearnAtMs: number | null = null;
  #replay: BarReplay | null = null;
  #hasLearned = false;
  /** Until then nothing is learned anew. */
  #restsToMs = -Infinity;
  /** Instruments that the replay still has to read. */
  #unread: string[] = [];
  #isReading = false;

  /** Nothing was looked at yet: {@linkcode PriceFollower.look} is due. */
  constructor(ports: FollowPorts) {
    this.#ports = ports;
    this.#looks = new PriceLooks(ports.reads, {
      moved: ports.moved,
      switched: (edgeId) => {
        ports.forgetBars(edgeId);
        this.#replay?.forget(edgeId);
        this.#queue = this.#queue.slice(this.#queueAt).filter((bar) => bar.edgeId !== edgeId);
        this.#queueAt = 0;
      },
      wantsBars: () => ports.stream !== null && this.#hasLearned && this.#replay === null,
      isLive: ports.isLive,
    });
  }

  /** The last commit that was looked at; null before the first look. */
  get seq(): number | null {
    return this.#looks.seq;
  }

  /** Instruments that are followed. */
  get instruments(): number {
    return this.#looks.moves.size;
  }

  /** Whether all that was committed has been looked at, and learned from. */
  get isCaughtUp(): boolean {
    const hasLearned = this.#ports.stream === null || this.#hasLearned;
    return !this.#isLooking && !this.#looks.isDue && hasLearned && this.#replay === null &&
      this.#queue.length === 0;
  }

  /** As `PriceMoves.commonGranularity`. */
  commonGranularity(a: string, b: string): ReturnType<PriceLooks["moves"]["commonGranularity"]> {
    return this.#looks.moves.commonGranularity(a, b);
  }

  /** Something was committed. O(1). */
  committed(seq: number): void {
    this.#looks.heard(seq);
    if (!this.#isLooking) this.#askLook();
  }

  /** Looks at what was committed, if something was. Never rejects. */
  async look(): Promise<void> {
    this.#isLookAsked = false;
    if (this.#isLooking || !this.#looks.isDue) return;
    this.#isLooking = true;
    const beganAtMs = this.#ports.nowMs();
    try {
      await this.#looks.look();
      this.#lookFailures = 0;
    } catch (error) {
      this.#noteFailure(this.#lookFailures++, error);
    }
    this.#isLooking = false;
    this.#lookedAtMs = this.#ports.nowMs();
    this.#lookTookMs = this.#lookedAtMs - beganAtMs;
    if (!this.#ports.isLive()) return;
    this.#takeBars();
    const failures = this.#lookFailures;
    if (!this.#hasLearned && this.#replay === null && failures === 0) this.#beginReplay();
    if (this.#looks.isDue) this.#askLook();
  }

  /** A slice of what there is to learn. */
  work(): void {
    if (this.#replay !== null) this.#replayTurn(this.#replay);
    else if (this.#relearnAtMs !== null && this.#ports.nowMs() >= this.#relearnAtMs) {
      this.#beginReplay();
    } else if (this.#queue.length > 0) this.#pushSome();
  }

  #askLook(): void {
    if (this.#isLookAsked) return;
    this.#isLookAsked = true;
    const failures = this.#lookFailures;
    const restMs = Math.min(LOOK_REST_MAX_MS, LOOK_REST * this.#lookTookMs);
    const waitMs = failures === 0 ? Math.max(LOOK_EVERY_MS, restMs) : pauseMs(failures);
    const leftMs = this.#lookedAtMs + waitMs - this.#ports.nowMs();
    this.#ports.later("look", Math.max(0, leftMs));
  }

  #noteFailure(before: number, error: unknown): void {
    if (before === 0 && this.#ports.isLive()) this.#ports.failed(error);
  }

  // ---- live bars ----------------------------------------------------------------------------------

  #takeBars(): void {
    const { bars, missed } = this.#looks.takeBars();
    // Each bar time updates all pairs.
    const pairs = bars.length / Math.max(1, this.instruments) * pairsOf(this.instruments);
    const isBulk = pairs > PUSHED_PAIRS_MAX;
    if (isBulk && this.#replay === null) this.#noteMissed(bars.length);
    if (bars.length > 0 && this.#replay === null && !isBulk) {
      const left = this.#queue.slice(this.#queueAt);
      this.#queue = left.length === 0 ? bars : [...left, ...bars].sort((a, b) => a.ts - b.ts);
      this.#queueAt = 0;
      this.#ports.later("work", 0);
    }
    this.#noteMissed(missed);
  }

  #pushSome(): void {
    const { edgesMax = Infinity } = this.#ports.stream ?? {};
    const times = timesPerTurn(Math.min(edgesMax, this.instruments));
    const end = turnEnd(this.#queue, this.#queueAt, times);
    const { late } = this.#ports.pushBars(this.#queue.slice(this.#queueAt, end));
    this.#queueAt = end;
    if (end < this.#queue.length) this.#ports.later("work", 0);
    else {
      this.#queue = [];
      this.#queueAt = 0;
    }
    this.#noteMissed(late);
  }

  #noteMissed(bars: number): void {
    this.#missed += bars;
    if (bars === 0 || this.#missed < RELEARN_BARS || this.#replay !== null) return;
    const nowMs = this.#ports.nowMs();
    this.#missedSinceMs ??= nowMs;
    const quietMs = Math.min(nowMs + RELEARN_QUIET_MS, this.#missedSinceMs + RELEARN_WITHIN_MS);
    this.#relearnAtMs = Math.max(this.#restsToMs, quietMs);
    this.#ports.later("relearn", Math.max(0, this.#relearnAtMs - nowMs));
  }

  // ---- learning from the store --------------------------------------------------------------------

  #beginReplay(): void {
    const { stream } = this.#ports;
    if (stream === null) return;
    this.#replay = new BarReplay(stream);
    this.#unread = this.#looks.moves.followed().map(({ edgeId }) => edgeId);
    // All of it is read again.
    this.#queue = [];
    this.#queueAt = 0;
    this.#missed = 0;
    this.#missedSinceMs = null;
    this.#relearnAtMs = null;
    this.#ports.later("work", 0);
  }

  #replayTurn(replay: BarReplay): void {
    if (this.#isReading) return;
    if (this.#unread.length > 0) {
      this.#isReading = true;
      void this.#readSome(replay);
      return;
    }
    const beganAtMs = this.#ports.nowMs();
    if (replay.turn()) {
      const isBulk = this.#looks.ranges > BULK_RANGES * this.instruments;
      const rest = isBulk ? LEARN_REST.bulk : LEARN_REST.live;
      this.#ports.later("work", rest * (this.#ports.nowMs() - beganAtMs));
    } else {
      this.#replay = null;
      this.#hasLearned = true;
      this.#restsToMs = this.#ports.nowMs() + restMs(replay.stream.edges);
      this.#ports.adopt(replay.stream);
      // Bars that came meanwhile were left out.
      this.#looks.againAll();
      if (!this.#isLooking) this.#askLook();
    }
  }

  async #readSome(replay: BarReplay): Promise<void> {
    const { moves } = this.#looks;
    const edgeIds = this.#unread.slice(0, SERIES_AT_ONCE);
    const series = edgeIds.map((edgeId) => moves.seriesOf(edgeId) ?? "");
    let delayMs = 0;
    try {
      const tails = await this.#ports.reads.tails(series, replay.barsWanted);
      this.#unread = this.#unread.slice(edgeIds.length);
      edgeIds.forEach((edgeId, at) => {
        const tail = tails[at];
        // One that is followed on another series by now begins with what comes.
        if (tail === undefined || moves.seriesOf(edgeId) !== series[at]) return;
        moves.restartBars(edgeId);
        if (!replay.add(edgeId, moves.barsOf(edgeId, tail).bars)) this.#unread = [];
      });
      this.#readFailures = 0;
    } catch (error) {
      this.#noteFailure(this.#readFailures++, error);
      delayMs = pauseMs(this.#readFailures);
    }
    this.#isReading = false;
    if (this.#ports.isLive()) this.#ports.later("work", delayMs);
  }
}

function pauseMs(failures: number): number {
  return Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** Math.min(16, failures - 1));
}

/** None where there was nothing to learn: the first candles of all are yet to come. */
function restMs(edges: number): number {
  const { least, most } = RELEARN_APART_MS;
  const share = pairsOf(edges) / RELEARN_PAIRS;
  return edges === 0 ? 0 : Math.min(most, Math.max(least, share * most));
}
