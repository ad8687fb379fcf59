/**
 * A label worker: the labelers of the series that are routed to it. It runs in a thread; its state
 * is a cache of the store's candles, so losing it costs a rehydration and nothing else.
 *
 * @module
 */

import { actor } from "../src/actor/mod.ts";
import { reachOf, recompute } from "../src/label/correction.ts";
import { labelCandles } from "../src/label/label_candles.ts";
import { packKinds } from "../src/label/kinds/columns.ts";
import { labelKinds } from "../src/label/kinds/label_kinds.ts";
import { parseKinds } from "../src/label/kinds/registry.ts";
import { Labeler } from "../src/label/labeler.ts";
import { LevelSet } from "../src/label/levels.ts";
import { type LabelParams, labelParams, paramHash } from "../src/label/params.ts";
import {
  allocateLabels,
  hasFinalHalf,
  LabelBuilder,
  labelsIn,
  selectRows,
} from "../src/label/rows.ts";
import { CANDLE_COLUMNS, type CandleBlock, encodeLabels } from "../src/market/block.ts";
import { LabelWorker } from "./protocols_label.ts";

/** How a worker labels. */
export interface LabelWorkerArgs {
  readonly params: LabelParams;
  /** Series held at a time; those labelled longest ago are rehydrated when they come again. */
  readonly seriesMax?: number;
}

/** 256 partitions of a large universe on a few threads; about 10 KB each at H = 6. */
const SERIES_MAX = 20_000;

/** Rows of a block that parts of the same isolate are labelled into, unless one needs more: 64 KB. */
const PARTS_BLOCK_ROWS = 512;

/** Room for the rows of a request: one a candle, and often another where a barrier is touched first. */
const ROWS_PER_CANDLE = 1.4;
/** Steps of that room, so that memory of one large request fits another. */
const ROOM_STEP_ROWS = 1_024;

/** See {@linkcode LabelWorker}. */
export const labelWorker = actor(LabelWorker, (ctx, args: LabelWorkerArgs) => {
  const params = labelParams(args.params);
  const hash = paramHash(params);
  const seriesMax = args.seriesMax ?? SERIES_MAX;
  const labelers = new Map<string, Labeler>();
  let candles = 0, labels = 0;
  // Handed out as it is: what was written is never written again, and a full one is left alone.
  let shared: LabelBuilder | null = null;

  const labelerAt = (series: string, base: number, tail: CandleBlock | null): Labeler | null => {
    const known = labelers.get(series);
    if (tail === null && known !== undefined && known.position === base) {
      if (labelers.size >= seriesMax) {
        // Full: the order of the map becomes the order of use.
        labelers.delete(series);
        labelers.set(series, known);
      }
      return known;
    }
    if (tail === null && base > 0) return null;
    if (known === undefined && labelers.size >= seriesMax) {
      labelers.delete(labelers.keys().next().value as string);
    }
    const labeler = known ?? new Labeler(params, { emit: "final" });
    if (tail === null || tail.length === 0) labeler.reset();
    else labeler.hydrate(tail, base);
    labelers.set(series, labeler);
    return labeler;
  };

  return {
    label: ({ data, series, bases, ends, tails, memory }) => {
      const startMs = ctx.clock.now();
      const block = blockOf(data);
      const out = builderIn(memory, block.length, hash);
      const rowEnds = new Int32Array(series.length);
      const cold: number[] = [];
      let from = 0;
      for (let run = 0; run < series.length; run++) {
        const key = series[run] as string;
        const to = ends[run] as number;
        const labeler = labelerAt(key, bases[run] as number, tails[run] ?? null);
        if (labeler === null) cold.push(run);
        else labeler.push(block, from, to, out);
        rowEnds[run] = out.length;
        from = to;
      }
      candles += block.length;
      labels += out.length;
      const found = new Uint8Array(out.columns.ts.buffer);
      return { labels: found, ends: rowEnds, cold, tookMs: ctx.clock.now() - startMs, data };
    },

    labelParts: ({ blocks, bases, tails }) => {
      const room = roomFor(blocks.reduce((rows, { length }) => rows + length, 0));
      if (shared === null || shared.length + room > shared.columns.length) {
        shared = new LabelBuilder(Math.max(PARTS_BLOCK_ROWS, room), hash);
      }
      const out = shared;
      const from = out.length, capacity = out.columns.length;
      const ends: number[] = [];
      const cold: number[] = [];
      for (let part = 0; part < blocks.length; part++) {
        const block = blocks[part] as CandleBlock;
        const labeler = labelerAt(block.series, bases[part] as number, tails[part] ?? null);
        if (labeler === null) cold.push(part);
        else labeler.push(block, 0, block.length, out);
        ends.push(out.length);
        candles += block.length;
      }
      labels += out.length - from;
      // One that grew has room for many more, which would make it grow again, without end.
      if (out.columns.length > capacity) shared = null;
      return { block: out.columns, from, ends, cold };
    },

    rewrite: ({ window, changed }) => {
      const startMs = ctx.clock.now();
      const reach = reachOf(window, changed, params);
      const rows = recompute(window, reach, params, hash);
      labelers.delete(window.candles.series);
      return {
        labels: encodeLabels(selectRows(rows, (row) => hasFinalHalf(rows, row))),
        range: reach.ts,
        tookMs: ctx.clock.now() - startMs,
      };
    },

    compute: ({ candles: block, params: given, kinds: text, levels, range }) => {
      const startMs = ctx.clock.now();
      const asked = labelParams(given);
      const hash = paramHash(asked);
      const found = text === undefined ? null : labelKinds(block, asked, hash, parseKinds(text), {
        kindLevels: new LevelSet(levels ?? []),
        kindRange: range,
      });
      const rows = found?.rows ?? labelCandles(block, asked, hash);
      const wanted = selectRows(rows, (row) => {
        const ts = rows.ts[row] as number;
        return ts >= range.fromTs && ts < range.toTs;
      });
      // Row indices are candle indices, and the range is one run of them.
      const from = Math.max(0, rows.ts.findIndex((ts) => ts >= range.fromTs));
      const kinds = found && packKinds(found.kinds, from, from + wanted.length);
      return { labels: encodeLabels(wanted), kinds, tookMs: ctx.clock.now() - startMs };
    },

    reset: ({ series }) => {
      for (const key of series) labelers.delete(key);
    },

    status: () => ({ series: labelers.size, candles, labels }),
  };
});

/** Rows that so many candles most often make. */
function roomFor(candles: number): number {
  return Math.max(1, Math.ceil(candles * ROWS_PER_CANDLE));
}

/** A builder for the rows of so many candles, in `memory` or, if there is too little, its own. */
function builderIn(memory: Uint8Array | null, candles: number, paramHash: string): LabelBuilder {
  const rows = roomFor(candles);
  const given = memory === null ? null : labelsIn(memory, "", paramHash);
  const isLarge = rows > ROOM_STEP_ROWS;
  const room = isLarge ? Math.ceil(rows / ROOM_STEP_ROWS) * ROOM_STEP_ROWS : rows;
  const out = new LabelBuilder(1);
  out.columns = given !== null && given.length >= rows
    ? given
    : allocateLabels("", paramHash, room);
  return out;
}

/** The candles of a request as one block; series are told apart by the runs. */
function blockOf(data: Float64Array): CandleBlock {
  const rows = data.length / CANDLE_COLUMNS.length;
  const column = (at: number) => data.subarray(at * rows, (at + 1) * rows);
  return {
    series: "",
    length: rows,
    ts: column(0),
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(5),
    deleted: null,
  };
}
