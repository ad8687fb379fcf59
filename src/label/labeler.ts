/**
 * The streaming labeler: candles of one series in, label rows out, each as soon as it is known.
 *
 * ## What has to be found
 * Every candle i of a segment (a run without a hole longer than `maxGapMs`, R3) with 14 true
 * ranges behind it opens an event at its close P, with an upper barrier U and a lower barrier D
 * (R5, R6). Two questions are open from then on: which barrier the candles i+1 … i+H touch first
 * (R7), and how far the price ran for and against up to i+H, whatever the barriers did (R9). The
 * reference answers both by looking at all H candles of every event. Here each candle is looked at
 * once when it comes, and the work it causes is nearly independent of H.
 *
 * ## Barriers: who is touched?
 * Events that no candle has touched yet are *live*. Their barriers stand in two rings, by event
 * index; a dead event's barriers are +∞ and −∞, which nothing touches. A candle can end a live
 * event only if its high reaches the lowest U or its low the highest D of them all: that is the
 * *guard*, two comparisons, false for most candles. When it is true the ring is scanned, oldest
 * event first. The ring is cut into chunks of about √H events with a guard each, so that a scan
 * reads the guards of all chunks and the events of only those that were touched; afterwards the
 * guards of these chunks and the guard of all are exact again. An event that leaves the horizon
 * unresolved does not touch the guards: they are then too cautious (they let a needless scan
 * through, once), never too strict. (`live_barriers.ts`)
 *
 * ## Horizon: how far did it run?
 * The highest high of the last H candles comes from a *monotone deque*: candidates in descending
 * order, the front is the maximum. A new high removes from the back all candidates strictly
 * smaller (an equal one stays: it attained the extremum first, and R9 asks for the first bar that
 * did), then joins. A candidate leaves at the front when it is H candles old. Lows likewise. Each
 * candle joins and leaves once: O(1) amortised. (`extremes.ts`; D. Lemire, "Streaming
 * Maximum-Minimum Filter Using No More than Three Comparisons per Element", *Nordic Journal of
 * Computing* 13, 2006.)
 *
 * ## Volatility
 * ATR and RV are summed over their windows afresh at each candle, oldest term first. A running sum
 * would be cheaper and would remember every candle it ever saw in its rounding; this way a value
 * is a function of the last 15 (21) candles, and that is why a restart, a split or a correction
 * gives the same bits. (`volatility.ts`)
 *
 * ## One candle, in order
 * 1. A hole longer than maxGapMs: what is unresolved is broken, and everything starts anew.
 * 2. High and low join their deques.
 * 3. Event j−H reaches its horizon: it is touched by this candle, or ended before, or vertical.
 *    Its row is now complete. It is the oldest open event, so rows come out in ts order.
 * 4. The other live events: the guard, and perhaps a scan.
 * 5. Volatility of this candle; it opens an event of its own, which **only later candles** can
 *    touch: candle i is never on its own path.
 *
 * ## Memory
 * State is numbers in typed arrays, allocated once; a candle allocates nothing. What a labeler
 * knows is a function of the last H + 21 candles and `position`, the count of candles taken:
 * {@linkcode Labeler.hydrate} rebuilds it from those. (With `ewma` it needs the whole segment.)
 *
 * @module
 */

import { type CandleBlock, LabelHit, LabelStatus } from "../market/block.ts";
import { Touch, touch } from "./barriers.ts";
import { EventRing } from "./event_ring.ts";
import { SlidingMaximum } from "./extremes.ts";
import type { FinerCandles } from "./finer.ts";
import { type LevelSet, LevelSweep } from "./levels.ts";
import { LiveBarriers } from "./live_barriers.ts";
import { historyBars, type LabelParams, labelParams, RV_BARS, WARMUP_BARS } from "./params.ts";
import type { LabelBuilder } from "./rows.ts";
import { createVolatility, RealisedVolatility, type Volatility } from "./volatility.ts";

/** How a {@linkcode Labeler} speaks. */
export interface LabelerOptions {
  /**
   * - `rows`: every candle's row once, in ts order, when nothing about it can change any more.
   * - `final`: a row when its barrier half becomes final, and again, in full, when its horizon
   *   half does; once when both do at the same candle. Never a row without a final half.
   */
  readonly emit: "rows" | "final";
  /** Levels that pull barriers in (R6). */
  readonly levels?: LevelSet;
  /** Finer candles that decide ambiguous ones (R7). */
  readonly finer?: FinerCandles;
}

/**
 * The streaming labeler of one series under one parameter set (R3 to R10).
 *
 * - Deterministic: any split of the same candles into pushes gives the same rows bit for bit.
 * - No look-ahead: what was emitted up to a candle does not depend on later ones.
 * - O(1) amortised per candle plus a scan of at most H events when a barrier is touched; nothing
 *   is allocated but the builder's growth.
 *
 * @example
 * ```ts ignore
 * const labeler = new Labeler(labelParams(), { emit: "rows" });
 * const out = new LabelBuilder();
 * labeler.push(candles, 0, candles.length, out);
 * labeler.finish(out);
 * ```
 */
export class Labeler {
  /** The parameters, complete. */
  readonly params: LabelParams;
  /** When rows are given out. */
  readonly emit: "rows" | "final";

  readonly #horizon: number;
  readonly #rootHorizon: number;
  readonly #allRows: boolean;
  readonly #volatility: Volatility;
  readonly #realised = new RealisedVolatility();
  readonly #levels: LevelSweep | null;
  readonly #finer: FinerCandles | null;

  readonly #events: EventRing;
  readonly #live: LiveBarriers;
  readonly #highs: SlidingMaximum;
  /** Lows, negated: their largest is the lowest low. */
  readonly #lows: SlidingMaximum;

  /** Candles of the current segment taken so far: the index of the next one (R3). */
  #index = 0;
  #position = 0;
  #lastTs = -Infinity;
  #muted = false;

  /**
   * At the beginning of a series. Memory: about 150 bytes per bar of the horizon.
   *
   * @throws {RangeError} when a parameter is out of range.
   */
  constructor(params: LabelParams, options: LabelerOptions) {
    this.params = labelParams(params);
    this.emit = options.emit;
    this.#allRows = options.emit === "rows";
    this.#horizon = this.params.horizon;
    this.#rootHorizon = Math.sqrt(this.#horizon);
    this.#volatility = createVolatility(this.params.volatility);
    this.#levels = options.levels ? new LevelSweep(options.levels) : null;
    this.#finer = options.finer ?? null;

    // Each ring keeps the last H candles and the new one.
    const size = 1 << Math.ceil(Math.log2(this.#horizon + 1));
    this.#events = new EventRing(size);
    this.#live = new LiveBarriers(this.#horizon);
    this.#highs = new SlidingMaximum(size);
    this.#lows = new SlidingMaximum(size);
  }

  /** Count of candles taken since the series began: `baseSeq` of the next push. */
  get position(): number {
    return this.#position;
  }

  /** Open time of the last candle taken, −Infinity before the first. */
  get lastTs(): number {
    return this.#lastTs;
  }

  /**
   * Takes rows `from` ≤ row < `to` of a block and adds what became known to `out`.
   *
   * The candles must be canonical: valid (R2), strictly ascending in ts within and across pushes.
   * Candles before a refused one stay taken, as `position` tells.
   *
   * @throws {RangeError} when a ts is not above the last one, a row deletes, or the rows are
   * outside the block.
   */
  push(block: CandleBlock, from: number, to: number, out: LabelBuilder): void {
    if (!(from >= 0 && to <= block.length)) {
      throw new RangeError(
        `Cannot push candles: expected rows inside 0 to ${block.length}: ` +
          `current value is ${from} to ${to}`,
      );
    }
    const { ts, open, high, low, close, deleted } = block;
    const maxGapMs = this.params.maxGapMs;
    for (let row = from; row < to; row++) {
      // Rows are inside the block's length, where typed arrays give numbers.
      const t = ts[row] as number;
      if (!(t > this.#lastTs) || (deleted !== null && deleted[row] === 1)) {
        throw this.#refusal(t, row, deleted !== null && deleted[row] === 1);
      }
      if (t - this.#lastTs > maxGapMs && this.#index > 0) this.#break(out);
      this.#step(
        t,
        open[row] as number,
        high[row] as number,
        low[row] as number,
        close[row] as number,
        out,
      );
      this.#lastTs = t;
      this.#position++;
    }
  }

  /**
   * Mode `rows`: adds the rows not yet complete, as pending, in ts order. Mode `final`: nothing.
   * Changes no state; a row shown as pending comes again when it is complete.
   */
  finish(out: LabelBuilder): void {
    if (this.#allRows) this.#writeOpenRows(LabelStatus.pending, out);
  }

  /**
   * Takes the state a labeler has after `position` candles, the last of which are `tail`, without
   * emitting: from here on it answers bit for bit as one that saw everything.
   *
   * `tail` must hold the last H + 21 candles or more, or all there are. With `ewma`, whose memory
   * is infinite, it must reach back to the start of the current segment.
   *
   * @throws {RangeError} when the tail is too short, longer than `position`, or not canonical; the
   * labeler is then as after {@linkcode Labeler.reset}. O(tail).
   */
  hydrate(tail: CandleBlock, position: number): void {
    this.reset();
    const needed = Math.min(position, this.params.horizon + RV_BARS + 1);
    if (!Number.isSafeInteger(position) || tail.length > position || tail.length < needed) {
      throw new RangeError(
        `Cannot hydrate labeler at position ${position}: expected the last ` +
          `${needed} to ${position} candles: current value is ${tail.length}`,
      );
    }
    this.#muted = true;
    try {
      // Muted, so the builder is never touched.
      this.push(tail, 0, tail.length, NO_BUILDER);
    } catch (error) {
      this.reset();
      throw error;
    } finally {
      this.#muted = false;
    }
    const wholeSegment = tail.length === position || this.#index < tail.length;
    if (!Number.isFinite(historyBars(this.params)) && !wholeSegment) {
      this.reset();
      throw new RangeError(
        `Cannot hydrate labeler: expected candles since the segment began, because ` +
          `${this.params.volatility} forgets nothing: current value is the last ${tail.length}`,
      );
    }
    this.#position = position;
  }

  /** Back to before the first candle. O(1) and no allocation. */
  reset(): void {
    this.#startSegment();
    this.#levels?.reset();
    this.#position = 0;
    this.#lastTs = -Infinity;
  }

  /**
   * Checks the structure, for tests: guards no stricter than the live events they guard, deques
   * monotone and inside the horizon, live exactly the events without an outcome. O(H).
   *
   * @throws {Error} naming what is broken.
   */
  invariant(): void {
    const oldest = this.#oldestOpen();
    for (let event = oldest; event < this.#index; event++) {
      const isPending = this.#events.status(event) === LabelStatus.pending;
      check(this.#live.isLive(event) === isPending, `event ${event} live and decided`);
    }
    this.#live.invariant(oldest, this.#index);
    const first = Math.max(0, this.#index - this.#horizon);
    this.#highs.invariant(first, this.#index);
    this.#lows.invariant(first, this.#index);
    check(this.#index <= this.#position, "segment longer than the series");
  }

  #refusal(ts: number, row: number, isDeletion: boolean): RangeError {
    return new RangeError(
      isDeletion
        ? `Cannot push candle at row ${row}: expected a candle, not a deletion (recompute instead)`
        : `Cannot push candle at row ${row}: expected ts above ${this.#lastTs}: ` +
          `current value is ${ts}`,
    );
  }

  /** The oldest event whose row is not complete: the first of the last H, warm-up left out. */
  #oldestOpen(): number {
    const first = this.#index - this.#horizon;
    return first > WARMUP_BARS ? first : WARMUP_BARS;
  }

  #startSegment(): void {
    this.#index = 0;
    this.#live.clear();
    this.#highs.clear();
    this.#lows.clear();
    this.#volatility.reset();
    this.#realised.reset();
  }

  #break(out: LabelBuilder): void {
    if (this.#allRows) this.#writeOpenRows(LabelStatus.broken, out);
    this.#startSegment();
  }

  #step(
    ts: number,
    open: number,
    high: number,
    low: number,
    close: number,
    out: LabelBuilder,
  ): void {
    const index = this.#index;
    const ending = index - this.#horizon;
    this.#highs.push(index, high, ending);
    this.#lows.push(index, -low, ending);
    if (ending >= WARMUP_BARS) this.#complete(ending, ts, open, high, low, close, out);
    if (high >= this.#live.guardUp || low <= this.#live.guardDown) {
      this.#touch(index, ts, open, high, low, out);
    }
    this.#open(index, ts, close, this.#volatility.push(open, high, low, close));
    this.#index = index + 1;
    if (index < WARMUP_BARS && this.#allRows && !this.#muted) {
      this.#events.writeOpen(index, LabelStatus.warmup, LabelStatus.warmup, out);
    }
  }

  /** Candle `index` becomes a row: an event where R5 allows one. */
  #open(index: number, ts: number, close: number, atr: number): void {
    const rv = this.#realised.push(close);
    if (!(atr > 0)) {
      const status = index < WARMUP_BARS ? LabelStatus.warmup : LabelStatus.novol;
      this.#events.open(index, status, ts, close, atr, rv, NaN, NaN, 0);
      this.#live.skip(index);
      return;
    }
    let up = close + this.params.up * atr;
    let down = close - this.params.down * atr;
    let adj: 0 | 1 = 0;
    if (this.#levels !== null) {
      this.#levels.advance(ts);
      const resistance = this.#levels.above(close);
      const support = this.#levels.below(close);
      if (resistance < up) {
        up = resistance - Math.min(0.1 * atr, 0.5 * (resistance - close));
        adj = 1;
      }
      if (support > down) {
        down = support + Math.min(0.1 * atr, 0.5 * (close - support));
        adj = 1;
      }
    }
    this.#events.open(index, LabelStatus.pending, ts, close, atr, rv, up, down, adj);
    this.#live.add(index, up, down);
  }

  /** The horizon of an event ends with this candle: both halves are final now. */
  #complete(
    event: number,
    ts: number,
    open: number,
    high: number,
    low: number,
    close: number,
    out: LabelBuilder,
  ): void {
    const status = this.#events.status(event);
    if (status === LabelStatus.novol) {
      if (this.#allRows && !this.#muted) {
        this.#events.writeOpen(event, LabelStatus.novol, LabelStatus.novol, out);
      }
      return;
    }
    if (status === LabelStatus.pending) {
      const isTouched = this.#live.end(event, high, low);
      if (isTouched) this.#resolve(event, this.#horizon, ts, open, high, low);
      else this.#expire(event, close);
    }
    if (!this.#muted) this.#writeFull(event, close, out);
  }

  /** No barrier was touched on the whole path: the vertical one ends it (R7). */
  #expire(event: number, close: number): void {
    const price = this.#events.close(event);
    let label = 0;
    if (this.params.vertical === "sign") label = close > price ? 1 : close < price ? -1 : 0;
    this.#events.settle(event, label, LabelHit.vertical, this.#horizon, 0, 0, close);
  }

  /** Settles the live events that candle `index` touches, oldest first. */
  #touch(
    index: number,
    ts: number,
    open: number,
    high: number,
    low: number,
    out: LabelBuilder,
  ): void {
    const oldest = Math.max(WARMUP_BARS, index - this.#horizon + 1);
    const count = this.#live.take(oldest, index, high, low);
    const isHeard = !this.#allRows && !this.#muted;
    for (let i = 0; i < count; i++) {
      const event = this.#live.taken[i] as number;
      this.#resolve(event, index - event, ts, open, high, low);
      if (isHeard) {
        this.#events.writeOpen(event, LabelStatus.pending, LabelStatus.pending, out);
      }
    }
  }

  /** A live event is touched by this candle: the barrier half of its row becomes final (R7). */
  #resolve(
    event: number,
    bars: number,
    ts: number,
    open: number,
    high: number,
    low: number,
  ): void {
    const up = this.#events.up(event);
    const down = this.#events.down(event);
    let code = touch(open, high, low, up, down);
    let opened = open;
    let amb: 0 | 1 = 0;
    if (code === Touch.both) {
      amb = 1;
      const finer = this.#finer;
      const inner = finer === null ? -1 : finer.find(ts, up, down);
      if (finer !== null && inner >= 0) {
        // `find` answers with an index inside the finer columns.
        opened = finer.open[inner] as number;
        code = touch(opened, finer.high[inner] as number, finer.low[inner] as number, up, down);
      }
      if (code === Touch.both) code = this.params.tie === "lower" ? Touch.down : Touch.up;
    }
    const isUp = code === Touch.gapUp || code === Touch.up;
    const isGap = code === Touch.gapUp || code === Touch.gapDown;
    const hit = isUp ? LabelHit.upper : LabelHit.lower;
    const exit = isGap ? opened : isUp ? up : down;
    this.#events.settle(event, isUp ? 1 : -1, hit, bars, isGap ? 1 : 0, amb, exit);
  }

  /** The last H rows of the segment, whose horizon has not ended and perhaps never will. */
  #writeOpenRows(status: number, out: LabelBuilder): void {
    if (this.#muted) return;
    for (let event = this.#oldestOpen(); event < this.#index; event++) {
      const isNovol = this.#events.status(event) === LabelStatus.novol;
      this.#events.writeOpen(event, status, isNovol ? LabelStatus.novol : status, out);
    }
  }

  /** A row with both halves final, its horizon ending at `close` (R9). */
  #writeFull(event: number, close: number, out: LabelBuilder): void {
    const row = this.#events.write(event, out);
    const columns = out.columns;
    const price = this.#events.close(event);
    const rv = this.#events.rv(event);
    const rise = this.#highs.value() / price - 1;
    const fall = -this.#lows.value() / price - 1;
    columns.fhStatus[row] = LabelStatus.final;
    columns.fwdRet[row] = close / price - 1;
    columns.vsr[row] = (close - price) / this.#events.atr(event);
    columns.zret[row] = rv > 0 ? Math.log(close / price) / (rv * this.#rootHorizon) : NaN;
    columns.mfe[row] = rise > 0 ? rise : 0;
    columns.tMfe[row] = rise > 0 ? this.#highs.index() - event : 0;
    columns.mae[row] = fall < 0 ? fall : 0;
    columns.tMae[row] = fall < 0 ? this.#lows.index() - event : 0;
    columns.pf[row] = fall < 0 ? (rise > 0 ? rise : 0) / -fall : NaN;
  }
}

/** The builder of a muted labeler, which writes nothing. */
const NO_BUILDER = Object.freeze({}) as LabelBuilder;

function check(holds: boolean, broken: string): void {
  if (!holds) throw new Error(`Broken labeler: ${broken}`);
}
