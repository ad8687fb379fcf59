/**
 * A commit while it is being worked out: what it writes to the logs, and what has to be put back when
 * it is not made after all.
 *
 * @module
 */

import type { LabelBlock } from "../../market/block.ts";
import { LoggedBuilder } from "../logged.ts";
import type { BatchOutcome } from "../port.ts";
import { CandleRowsBuilder } from "../candle_rows.ts";
import type { CandlePiece, LabelPiece } from "./pieces.ts";
import type { SeriesState } from "./series_state.ts";

/** Counts of one batch that go on changing. */
export type Outcome = { -readonly [Name in keyof BatchOutcome]: BatchOutcome[Name] };

/** Rows of one series in the draft's columns. */
export interface DraftRun {
  /** Whose rows. */
  readonly state: SeriesState;
  /** Parameter set; of candles 0. */
  readonly set: number;
  /** First row. */
  readonly from: number;
  /** Row after the last one. */
  to: number;
  /** See `TailPiece`. */
  readonly late: boolean;
}

/** See the module's text. */
export class Draft {
  /** Candle rows so far. */
  readonly candles: CandleRowsBuilder;
  /** Label rows so far. */
  readonly logged: LoggedBuilder;
  /** Whose candle rows they are, in order. */
  readonly candleRuns: DraftRun[] = [];
  /** Whose label rows they are, in order. */
  readonly labelRuns: DraftRun[] = [];
  /** Ranges of candles that were touched. */
  readonly touched: { state: SeriesState; fromTs: number; toTs: number }[] = [];
  /** Series touched, and where they stood before. */
  readonly before = new Map<SeriesState, { count: number; lastTs: number }>();
  /** Series that did not exist before. */
  readonly created: SeriesState[] = [];
  /** Cursors that move. */
  readonly cursors = new Map<string, string>();

  /** Empty, with room for the rows that are expected. */
  constructor(readonly seq: number, rows: { readonly candles: number; readonly labels: number }) {
    this.candles = new CandleRowsBuilder(rows.candles);
    this.logged = new LoggedBuilder(rows.labels);
  }

  /** To be called before a series is changed. */
  enter(state: SeriesState): void {
    if (this.before.has(state)) return;
    this.before.set(state, { count: state.count, lastTs: state.lastTs });
  }

  /** The candle rows written since `from` belong to a series. */
  addCandles(state: SeriesState, from: number, late: boolean): void {
    const to = this.candles.length;
    if (from < to) this.candleRuns.push({ state, set: 0, from, to, late });
  }

  /** Writes one label row. */
  addLabel(
    state: SeriesState,
    set: number,
    paramHash: string,
    block: LabelBlock,
    row: number,
    revision: number,
    removed: 0 | 1,
    late: boolean,
  ): void {
    const at = this.logged.length;
    this.logged.write(state.key, paramHash, block, row, revision, removed);
    const last = this.labelRuns[this.labelRuns.length - 1];
    if (last !== undefined && last.state === state && last.set === set && last.late === late) {
      last.to = at + 1;
    } else {
      this.labelRuns.push({ state, set, from: at, to: at + 1, late });
    }
  }

  /** The draft's candle rows of a series. O(runs). */
  candlePieces(state: SeriesState): CandlePiece[] {
    const columns = this.candles.rows;
    return this.candleRuns.filter((run) => run.state === state)
      .map(({ from, to }) => ({ columns, from, to, seq: this.seq }));
  }

  /** The draft's label rows of a series under a parameter set. O(runs). */
  labelPieces(state: SeriesState, set: number): LabelPiece[] {
    const { columns } = this.logged;
    return this.labelRuns.filter((run) => run.state === state && run.set === set)
      .map(({ from, to }) => ({ columns, from, to, seq: this.seq }));
  }

  /** Puts back where every series stood. */
  undo(): void {
    for (const [state, { count, lastTs }] of this.before) {
      state.count = count;
      state.lastTs = lastTs;
      state.dropWindow();
    }
  }
}
