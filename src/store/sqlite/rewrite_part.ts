/**
 * The rare part of a commit: candles that come late, change or go, and the labels around them. It
 * reads what it changes from the log and compares row by row; the series' window is given up.
 *
 * @module
 */

import { CANDLE_COLUMNS, type CandleBlock } from "../../market/block.ts";
import type { SeriesCommit } from "../port.ts";
import type { Draft, Outcome } from "./draft.ts";
import type { LabelSets } from "./label_sets.ts";
import { appendCandles } from "./live_part.ts";
import type { Reader } from "./reader.ts";
import type { SeriesState } from "./series_state.ts";
import { type Held, revisionOf } from "./verdict.ts";

const ALL = { limit: Infinity, asOf: Infinity } as const;

/** Applies parts that rewrite. */
export class RewriteParts {
  readonly #reader: Reader;
  readonly #sets: LabelSets;

  /** Reads what is there with `reader`. */
  constructor(reader: Reader, sets: LabelSets) {
    this.#reader = reader;
    this.#sets = sets;
  }

  /** Whether retention gave up the candles around what the part replaces. */
  isTooOld({ replace }: SeriesCommit, state: SeriesState): boolean {
    if (replace === null || state.dropped === 0) return false;
    const wanted = { ...ALL, fromTs: -Infinity, toTs: Infinity, limit: 1 };
    const [firstTs = Infinity] = this.#reader.candles(state, wanted).ts;
    return replace.fromTs <= firstTs;
  }

  /** Writes what the part does into the draft. O(rows in reach). */
  apply(part: SeriesCommit, state: SeriesState, draft: Draft, outcome: Outcome): void {
    const held = new Map<string, Map<number, Held>>();
    for (const [paramHash, range] of rangesOf(part)) {
      held.set(paramHash, this.#heldIn(state, paramHash, range, draft));
    }
    if (part.relabelled !== null) this.#cease(part, state, held, draft, outcome);
    if (part.replace !== null) this.#replace(part.replace, state, draft, outcome);
    if (part.append !== null) appendCandles(part.append, state, draft, outcome);
    for (const { block, from, to } of part.labels) {
      if (from === to) continue;
      const { paramHash } = block;
      const rows = held.get(paramHash) as Map<number, Held>;
      const set = this.#sets.id(paramHash);
      const range = boundsOf(block.ts, from, to);
      const candles = new Set(this.#reader.candles(state, { ...ALL, ...range }, draft).ts);
      for (let row = from; row < to; row++) {
        const ts = block.ts[row] as number;
        if (!candles.has(ts)) continue;
        const revision = revisionOf(rows.get(ts), block, row, outcome);
        if (revision < 0) continue;
        draft.addLabel(state, set, paramHash, block, row, revision, 0, true);
        rows.set(ts, { block, row, revision, removed: false });
      }
    }
    state.dropWindow();
  }

  #heldIn(
    state: SeriesState,
    paramHash: string,
    range: { readonly fromTs: number; readonly toTs: number },
    draft: Draft,
  ): Map<number, Held> {
    const wanted = { ...ALL, ...range, withRemoved: true };
    const set = this.#sets.id(paramHash);
    const found = this.#reader.labels(state, set, paramHash, wanted, draft);
    const rows = new Map<number, Held>();
    for (let row = 0; row < found.labels.length; row++) {
      rows.set(found.labels.ts[row] as number, {
        block: found.labels,
        row,
        revision: found.revisions[row] as number,
        removed: found.removed[row] === 1,
      });
    }
    return rows;
  }

  /** Rows in the relabelled range that the new labels do not name. */
  #cease(
    part: SeriesCommit,
    state: SeriesState,
    held: ReadonlyMap<string, Map<number, Held>>,
    draft: Draft,
    outcome: Outcome,
  ): void {
    const { fromTs, toTs, paramHash } = part.relabelled as NonNullable<SeriesCommit["relabelled"]>;
    const stays = new Set<number>();
    for (const { block, from, to } of part.labels) {
      for (let row = from; row < to; row++) stays.add(block.ts[row] as number);
    }
    const rows = held.get(paramHash) as Map<number, Held>;
    for (const [ts, { block, row, revision, removed }] of rows) {
      if (removed || ts < fromTs || ts >= toTs || stays.has(ts)) continue;
      outcome.revised++;
      const set = this.#sets.id(paramHash);
      draft.addLabel(state, set, paramHash, block, row, revision + 1, 1, true);
      rows.set(ts, { block, row, revision: revision + 1, removed: true });
    }
  }

  #replace(
    replace: NonNullable<SeriesCommit["replace"]>,
    state: SeriesState,
    draft: Draft,
    outcome: Outcome,
  ): void {
    const { fromTs, toTs, candles } = replace;
    const was = this.#reader.candles(state, { ...ALL, fromTs, toTs }, draft);
    draft.touched.push({ state, fromTs, toTs });
    const at = draft.candles.length;
    for (let i = 0, j = 0; i < was.length || j < candles.length;) {
      const before = was.ts[i] ?? Infinity, after = candles.ts[j] ?? Infinity;
      if (before < after) {
        draft.candles.remove(was, i);
        outcome.corrected++;
      } else if (after < before) {
        draft.candles.write(candles, j, j + 1);
        outcome.candles++;
      } else if (!isSame(was, i, candles, j)) {
        draft.candles.write(candles, j, j + 1);
        outcome.corrected++;
      }
      if (before <= after) i++;
      if (after <= before) j++;
    }
    draft.addCandles(state, at, true);
    state.count += candles.length - was.length;
    if (toTs <= state.lastTs) return;
    const last = candles.ts[candles.length - 1] ??
      this.#reader.lastCandles(state, fromTs, 1, draft).ts[0];
    state.lastTs = last ?? -Infinity;
  }
}

function isSame(a: CandleBlock, i: number, b: CandleBlock, j: number): boolean {
  return CANDLE_COLUMNS.every((name) => a[name][i] === b[name][j]);
}

function boundsOf(ts: Float64Array, from: number, to: number): { fromTs: number; toTs: number } {
  let fromTs = Infinity, toTs = -Infinity;
  for (let row = from; row < to; row++) {
    const at = ts[row] as number;
    if (at < fromTs) fromTs = at;
    if (at + 1 > toTs) toTs = at + 1;
  }
  return { fromTs, toTs };
}

/** Times of labels that a part is about, by parameter hash. */
function rangesOf(part: SeriesCommit): Map<string, { fromTs: number; toTs: number }> {
  const ranges = new Map<string, { fromTs: number; toTs: number }>();
  const add = (paramHash: string, { fromTs, toTs }: { fromTs: number; toTs: number }) => {
    const known = ranges.get(paramHash);
    ranges.set(paramHash, {
      fromTs: Math.min(fromTs, known?.fromTs ?? Infinity),
      toTs: Math.max(toTs, known?.toTs ?? -Infinity),
    });
  };
  if (part.relabelled !== null) add(part.relabelled.paramHash, part.relabelled);
  for (const { block, from, to } of part.labels) {
    if (from < to) add(block.paramHash, boundsOf(block.ts, from, to));
  }
  return ranges;
}
