/**
 * The streaming labeler with further kinds: the same rows, bit for bit, and columns of kinds beside
 * them.
 *
 * A kind is known when the fixed horizon of its event is (R9), so it is worked out at that candle,
 * from a ring of the last H + 1 candles. Nothing later than i+H is in it, and since an event whose
 * horizon is final has its whole path in one segment, nothing from before a break either. Every
 * other row (warm-up, no volatility, pending, broken, barrier half only) has null in every kind
 * (R10).
 *
 * ## Memory A kind looks back further than its event only through the returns over H bars of the W
 * candles before it, W at most `pastBars`. So what is known is a function of the last max(H + 21, H
 * + W) candles ({@linkcode kindHistoryBars}), and a corrected candle k touches kinds of rows k−H …
 * k+max(20, W) only.
 *
 * @module
 */

import { type CandleBlock, LabelStatus } from "../../market/block.ts";
import type { TsRange } from "../correction.ts";
import { Labeler, type LabelerOptions } from "../labeler.ts";
import { type LevelSet, LevelSweep } from "../levels.ts";
import { historyBars, type LabelParams } from "../params.ts";
import type { LabelBuilder } from "../rows.ts";
import { Window } from "../volatility.ts";
import type { KindBuilder } from "./columns.ts";
import type { KindPath } from "./path.ts";
import type { AskedKind } from "./registry.ts";
import { sideAt, type SideColumns } from "./sides.ts";

/** How a {@linkcode KindLabeler} speaks. */
export interface KindLabelerOptions extends LabelerOptions {
  /** Levels that kinds are about. They move no barrier: that is what `levels` are for. */
  readonly kindLevels?: LevelSet;
  /** Sides of a first model, for `meta:side=given`; null without. */
  readonly sides?: SideColumns;
  /** Events whose kinds are wanted; those of others are null and cost nothing. All unless given. */
  readonly kindRange?: TsRange;
}

/** Bars that kinds of one request may look at: a third of a second of work. */
const LOOKS_MAX = 200_000_000;

/**
 * Rows whose kinds may be asked for at once: a kind looks at each bar of its path and window. Above
 * 10,000 but for horizons and windows of thousands of bars.
 */
export function kindRowsMax(params: LabelParams, kinds: readonly AskedKind[]): number {
  const looks = kinds.reduce((sum, { pastBars }) => sum + params.horizon + pastBars, 1);
  return Math.max(1, Math.floor(LOOKS_MAX / looks));
}

/** Bars before the event that the kinds look at; 0 for most. */
export function kindPastBars(kinds: readonly AskedKind[]): number {
  return Math.max(0, ...kinds.map(({ pastBars }) => pastBars));
}

/**
 * How many of the last candles rebuild a {@linkcode KindLabeler} bit for bit; see `historyBars`.
 */
export function kindHistoryBars(params: LabelParams, kinds: readonly AskedKind[]): number {
  return Math.max(historyBars(params), params.horizon + kindPastBars(kinds));
}

/**
 * A {@linkcode Labeler} that works out kinds, too.
 *
 * - The rows are those of a labeler with the same options.
 * - Deterministic: any split of the same candles into pushes gives the same bits.
 * - O(H + W) a candle and kind; 96 bytes a bar of the horizon, 16 a bar of W.
 */
export class KindLabeler {
  readonly #labeler: Labeler;
  readonly #kinds: readonly AskedKind[];
  readonly #levels: LevelSweep | null;
  readonly #horizon: number;
  readonly #maxGapMs: number;
  readonly #range: TsRange | null;
  readonly #sides: SideColumns | null;

  // The last H + 1 candles: when the horizon of an event ends, it is the oldest of them.
  readonly #high: Window;
  readonly #low: Window;
  readonly #close: Window;
  readonly #logReturn: Window;
  readonly #resistance: Window;
  readonly #support: Window;
  readonly #past: Window;
  readonly #path: { -readonly [Name in keyof KindPath]: KindPath[Name] };

  /** Candles of the current segment. */
  #index = 0;
  #lastTs = -Infinity;
  #lastClose = NaN;

  /** At the beginning of a series. @throws {RangeError} when a parameter is out of range. */
  constructor(params: LabelParams, kinds: readonly AskedKind[], options: KindLabelerOptions) {
    this.#labeler = new Labeler(params, options);
    this.#kinds = kinds;
    const needsLevels = kinds.some((kind) => kind.needsLevels);
    this.#levels = needsLevels && options.kindLevels ? new LevelSweep(options.kindLevels) : null;
    this.#horizon = this.#labeler.params.horizon;
    this.#maxGapMs = this.#labeler.params.maxGapMs;
    this.#range = options.kindRange ?? null;
    this.#sides = options.sides ?? null;
    const size = this.#horizon + 1;
    this.#high = new Window(size);
    this.#low = new Window(size);
    this.#close = new Window(size);
    this.#logReturn = new Window(size);
    this.#resistance = new Window(size);
    this.#support = new Window(size);
    this.#past = new Window(Math.max(1, kindPastBars(kinds)));
    this.#path = {
      bars: this.#horizon,
      at: 0,
      high: this.#high.values,
      low: this.#low.values,
      close: this.#close.values,
      logReturn: this.#logReturn.values,
      atr: NaN,
      resistance: Infinity,
      support: -Infinity,
      tbRet: NaN,
      label: 0,
      side: NaN,
      past: this.#past.values,
      pastEnd: 0,
      pastCount: 0,
    };
  }

  /** Count of candles taken since the series began: `baseSeq` of the next push. */
  get position(): number {
    return this.#labeler.position;
  }

  /** As {@linkcode Labeler.push}; one row of `found` for each row of `out`. */
  push(block: CandleBlock, from: number, to: number, out: LabelBuilder, found: KindBuilder): void {
    for (let row = from; row < to; row++) {
      const first = out.length;
      this.#labeler.push(block, row, row + 1, out);
      this.#take(block, row);
      for (let made = first; made < out.length; made++) this.#write(out, made, found);
      this.#keepReturn();
    }
  }

  /** As {@linkcode Labeler.finish}; the kinds of those rows are null. */
  finish(out: LabelBuilder, found: KindBuilder): void {
    const first = out.length;
    this.#labeler.finish(out);
    for (let made = first; made < out.length; made++) this.#write(out, made, found);
  }

  /**
   * As {@linkcode Labeler.hydrate}, from {@linkcode kindHistoryBars} candles or more, or all there
   * are.
   *
   * @throws {RangeError} as it, and when the tail is too short for the kinds.
   */
  hydrate(tail: CandleBlock, position: number): void {
    this.reset();
    const needed = Math.min(position, this.#horizon + kindPastBars(this.#kinds));
    if (tail.length < needed) {
      throw new RangeError(
        `Cannot hydrate labeler of kinds at position ${position}: expected the last ${needed} ` +
          `candles or more: current value is ${tail.length}`,
      );
    }
    this.#labeler.hydrate(tail, position);
    for (let row = 0; row < tail.length; row++) {
      this.#take(tail, row);
      this.#keepReturn();
    }
  }

  /** Back to before the first candle. O(1). */
  reset(): void {
    this.#labeler.reset();
    this.#levels?.reset();
    this.#index = 0;
    this.#lastTs = -Infinity;
  }

  /** A candle that the labeler has taken joins the rings. */
  #take(block: CandleBlock, row: number): void {
    // Rows are inside the block: the labeler has looked.
    const ts = block.ts[row] as number;
    const close = block.close[row] as number;
    if (ts - this.#lastTs > this.#maxGapMs) this.#index = 0;
    this.#lastTs = ts;
    this.#index++;
    this.#high.push(block.high[row] as number);
    this.#low.push(block.low[row] as number);
    this.#close.push(close);
    this.#logReturn.push(Math.log(close / this.#lastClose));
    this.#lastClose = close;
    if (this.#levels === null) return;
    this.#levels.advance(ts);
    this.#resistance.push(this.#levels.above(close));
    this.#support.push(this.#levels.below(close));
  }

  /** The kinds of one row: values where its horizon ended with the last candle, else null. */
  #write(out: LabelBuilder, row: number, found: KindBuilder): void {
    const at = found.next();
    const isWanted = out.columns.fhStatus[row] === LabelStatus.final &&
      (this.#range === null || isInside(this.#range, out.columns.ts[row] as number));
    if (isWanted) this.#show(out, row);
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      // One column a kind, and one kind an index.
      const value = isWanted ? (this.#kinds[kind] as AskedKind).value(this.#path) : NaN;
      (found.columns[kind] as Float64Array)[at] = value;
    }
  }

  /** The path of the event whose horizon has ended. */
  #show({ columns }: LabelBuilder, row: number): void {
    const path = this.#path;
    path.at = this.#close.start;
    path.atr = columns.atr[row] as number;
    path.tbRet = columns.tbRet[row] as number;
    path.label = columns.label[row] as number;
    if (this.#sides !== null) path.side = sideAt(this.#sides, columns.ts[row] as number);
    if (this.#levels !== null) {
      path.resistance = this.#resistance.values[path.at] as number;
      path.support = this.#support.values[path.at] as number;
    }
    path.pastEnd = this.#past.start + this.#past.size;
    path.pastCount = Math.min(this.#past.size, this.#index - 1 - this.#horizon);
  }

  /** The return over H bars that ended with the last candle is a past one from the next on. */
  #keepReturn(): void {
    if (this.#index <= this.#horizon) return;
    const { values, start } = this.#close;
    this.#past.push((values[start + this.#horizon] as number) / (values[start] as number) - 1);
  }
}

function isInside({ fromTs, toTs }: TsRange, ts: number): boolean {
  return fromTs <= ts && ts < toTs;
}
