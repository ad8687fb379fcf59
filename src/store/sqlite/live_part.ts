/**
 * The usual part of a commit: new candles at the end of a series, and labels that became final. It
 * looks at the series' window only, and into the log for labels that the window does not know.
 *
 * @module
 */

import { sameBarrierHalf, sameRow } from "../../label/correction.ts";
import { type LabelBlock, LabelStatus } from "../../market/block.ts";
import type { SeriesCommit } from "../port.ts";
import { RowPool } from "../row_pool.ts";
import type { Draft, Outcome } from "./draft.ts";
import { ABSENT, HotWindow, LOGGED, WINDOW_BARS_MAX } from "./hot_window.ts";
import type { LabelSets } from "./label_sets.ts";
import type { Reader } from "./reader.ts";
import type { SeriesState } from "./series_state.ts";
import { type Held, revisionOf } from "./verdict.ts";

/** Labels that wait for their second half, kept at hand: 65 MB. Others are looked up in the log. */
const OPEN_ROWS_MAX = 500_000;

const ALL = { fromTs: -Infinity, toTs: Infinity, limit: Infinity, asOf: Infinity } as const;

/** Applies live parts, and owns what windows know. */
export class LiveParts {
  readonly #reader: Reader;
  readonly #sets: LabelSets;
  readonly #open = new RowPool();
  /** Revision of each open row, by slot. */
  readonly #revisions: number[] = [];
  readonly #release = (slot: number): void => this.#open.free(slot);
  #keep: number;
  /** A label of the part was from before the window. */
  #isTooShort = false;

  /** Reads what windows do not know with `reader`. */
  constructor(reader: Reader, sets: LabelSets, windowBars: number) {
    this.#keep = windowBars;
    this.#reader = reader;
    this.#sets = sets;
  }

  /** Writes what the part does into the draft. O(rows), and a look into the log for odd labels. */
  apply(part: SeriesCommit, state: SeriesState, draft: Draft, outcome: Outcome): void {
    const window = state.window ??= this.#windowOf(state, draft);
    if (part.append !== null) {
      const { block, from, to } = part.append;
      appendCandles(part.append, state, draft, outcome);
      window.append(block.ts, from, to, this.#keep);
    }
    this.#isTooShort = false;
    for (const { block, from, to } of part.labels) {
      if (from < to) this.#labels(block, from, to, state, window, draft, outcome);
    }
    if (this.#isTooShort) state.dropWindow();
    else window.trim(this.#keep);
  }

  #labels(
    block: LabelBlock,
    from: number,
    to: number,
    state: SeriesState,
    window: HotWindow,
    draft: Draft,
    outcome: Outcome,
  ): void {
    const { paramHash } = block;
    const set = this.#sets.id(paramHash);
    const states = window.states(set) ?? this.#statesOf(state, window, set, draft);
    const open = this.#open;
    let next = 0;
    for (let row = from; row < to; row++) {
      const at = window.find(block.ts[row] as number, next);
      next = at + 1;
      const was = at < 0 ? LOGGED : states[at] as number;
      let revision = 0;
      if (was === LOGGED) {
        if (at < 0 && (window.isWhole || (block.ts[row] as number) > window.firstTs)) continue;
        revision = this.#lookUp(block, row, state, set, at >= 0, draft, outcome);
        if (revision < 0) continue;
        if (at < 0 && !this.#isTooShort) this.#widen(state, window, block.ts[row] as number);
      } else if (was === ABSENT) {
        outcome.labels++;
      } else {
        if (sameRow(open.columns, was, block, row)) continue;
        revision = this.#revisions[was] as number;
        if (sameBarrierHalf(open.columns, was, block, row)) outcome.labels++;
        else {
          revision++;
          outcome.revised++;
        }
        open.free(was);
      }
      draft.addLabel(state, set, paramHash, block, row, revision, 0, false);
      if (at >= 0) states[at] = this.#stateOf(block, row, revision);
    }
  }

  /** What a window knows of a row that stands: only pending ones are worth keeping. */
  #stateOf(block: LabelBlock, row: number, revision: number): number {
    if (block.fhStatus[row] !== LabelStatus.pending) return LOGGED;
    if (this.#open.length >= OPEN_ROWS_MAX) return LOGGED;
    const slot = this.#open.put(block, row);
    this.#revisions[slot] = revision;
    return slot;
  }

  /** Revision for a row of which only the log knows; −1 when there is nothing to write. */
  #lookUp(
    block: LabelBlock,
    row: number,
    state: SeriesState,
    set: number,
    hasCandle: boolean,
    draft: Draft,
    outcome: Outcome,
  ): number {
    const ts = block.ts[row] as number;
    const here = { ...ALL, fromTs: ts, toTs: ts + 1, limit: 1 };
    if (!hasCandle && this.#reader.candles(state, here, draft).ts[0] !== ts) return -1;
    const wanted = { ...here, withRemoved: true };
    const found = this.#reader.labels(state, set, block.paramHash, wanted, draft);
    const held: Held | undefined = found.labels.ts[0] !== ts ? undefined : {
      block: found.labels,
      row: 0,
      revision: found.revisions[0] as number,
      removed: found.removed[0] === 1,
    };
    return revisionOf(held, block, row, outcome);
  }

  /** Labels reach further back than this window does: the next one reaches as far. */
  #widen(state: SeriesState, window: HotWindow, ts: number): void {
    this.#isTooShort = true;
    if (window.length < this.#keep) return;
    const wanted = { ...ALL, fromTs: ts, limit: WINDOW_BARS_MAX };
    const reach = this.#reader.candles(state, wanted).length;
    while (this.#keep < reach && this.#keep < WINDOW_BARS_MAX) this.#keep *= 2;
  }

  #windowOf(state: SeriesState, draft: Draft): HotWindow {
    if (state.length === 0) return new HotWindow(new Float64Array(0), true, this.#release);
    const { ts } = this.#reader.lastCandles(state, Infinity, this.#keep, draft);
    return new HotWindow(ts, ts.length < this.#keep, this.#release);
  }

  #statesOf(state: SeriesState, window: HotWindow, set: number, draft: Draft): Int32Array {
    const states = window.addSet(set);
    if (window.length === 0) return states;
    const wanted = { ...ALL, fromTs: window.firstTs, withRemoved: true };
    const found = this.#reader.labels(state, set, "", wanted, draft);
    for (let row = 0, next = 0; row < found.labels.length; row++) {
      const at = window.find(found.labels.ts[row] as number, next);
      next = at + 1;
      if (at < 0) continue;
      const removed = found.removed[row] === 1;
      states[at] = removed
        ? LOGGED
        : this.#stateOf(found.labels, row, found.revisions[row] as number);
    }
    return states;
  }
}

/** New candles at the end of a series. */
export function appendCandles(
  { block, from, to }: NonNullable<SeriesCommit["append"]>,
  state: SeriesState,
  draft: Draft,
  outcome: Outcome,
): void {
  if (from === to) return;
  const at = draft.candles.length;
  draft.candles.write(block, from, to);
  draft.addCandles(state, at, false);
  state.count += to - from;
  state.lastTs = block.ts[to - 1] as number;
  outcome.candles += to - from;
  draft.touched.push({ state, fromTs: block.ts[from] as number, toTs: state.lastTs + 1 });
}
