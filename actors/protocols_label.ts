/**
 * Messages of the label workers. They stand apart, and name types only of what lies outside the
 * actors' runtime, because each thread loads them anew: with the other protocols and the schemas
 * that those are made of, a thread is 5 MB larger.
 *
 * @module
 */

import { z } from "zod";
import { protocol } from "../src/actor/mod.ts";
import type { TsRange } from "../src/label/correction.ts";
import type { Level } from "../src/label/levels.ts";
import type { CandleBlock, LabelBlock } from "../src/market/block.ts";
import type { Window } from "../src/store/port.ts";

const nothing = z.strictObject({});

/**
 * What a part of a batch is accounted with, bytes: its columns were accounted for when they came in.
 */
export const PART_BYTES = 256;

/**
 * Rows of many series in one buffer: column by column `ts, open, high, low, close, volume`, each
 * `rows` long. Run i covers the rows up to `ends[i]` and belongs to `series[i]`.
 */
export interface LabelRequest {
  readonly data: Float64Array;
  readonly series: string[];
  /** Candles of each series before its run. */
  readonly bases: Float64Array;
  readonly ends: Int32Array;
  /** Last committed candles of series whose state has to be built anew; null for the others. */
  readonly tails: (CandleBlock | null)[];
  /** Memory of an earlier reply, to be used again; null when none is at hand. */
  readonly memory: Uint8Array | null;
}

/** Rows of all runs; run i covers the rows up to `ends[i]`. */
export interface LabelReply {
  /** Label columns as `labelsIn` reads them, most often with room for more rows than there are. */
  readonly labels: Uint8Array;
  readonly ends: Int32Array;
  /** Runs that were left out: the worker's state is not at their base. */
  readonly cold: number[];
  /** Time the labelling took, ms. */
  readonly tookMs: number;
  /** The memory of the request's columns, given back for the next one. */
  readonly data: Float64Array;
}

/** The same for a worker in the same isolate: blocks as they are, nothing is packed. */
export interface LabelParts {
  /** One block a series, each in ascending time. */
  readonly blocks: readonly CandleBlock[];
  /** Candles of each series before its block. */
  readonly bases: readonly number[];
  readonly tails: readonly (CandleBlock | null)[];
}

/** Rows of part i are those of `block` from `ends[i - 1]`, or `from`, to `ends[i]`. */
export interface LabelPartsReply {
  readonly block: LabelBlock;
  readonly from: number;
  readonly ends: readonly number[];
  /** Parts that were left out: the worker's state is not at their base. */
  readonly cold: readonly number[];
}

/** Parameters of labels, all of which may be left out. */
export const labelParamsInput = z.strictObject({
  horizon: z.int().min(1).max(10_000).optional(),
  up: z.number().positive().optional(),
  down: z.number().positive().optional(),
  tie: z.enum(["lower", "upper"]).optional(),
  vertical: z.enum(["zero", "sign"]).optional(),
  maxGapMs: z.int().positive().optional(),
  volatility: z.enum(["atr", "parkinson", "garman-klass", "yang-zhang", "ewma"]).optional(),
});

/** Parameters of a request for labels; what is left out has the default. */
export type LabelParamsInput = z.output<typeof labelParamsInput>;

/** Holds the labelers of the series that are routed to it. */
export const LabelWorker = protocol("label_worker", {
  label: {
    payload: z.custom<LabelRequest>(),
    reply: z.custom<LabelReply>(),
    internal: true,
    columns: true,
  },
  labelParts: {
    payload: z.custom<LabelParts>(),
    reply: z.custom<LabelPartsReply>(),
    internal: true,
    bytesOf: ({ blocks }: LabelParts) => PART_BYTES * blocks.length,
  },
  rewrite: {
    payload: z.custom<
      { readonly window: Window; readonly changed: TsRange }
    >(),
    reply: z.custom<
      { readonly labels: Uint8Array; readonly range: TsRange; readonly tookMs: number }
    >(),
    internal: true,
    columns: true,
  },
  compute: {
    payload: z.custom<{
      readonly candles: CandleBlock;
      readonly params: LabelParamsInput;
      /** Further kinds, and the levels that they are about. */
      readonly kinds?: string;
      readonly levels?: readonly Level[];
      /** Rows wanted; the candles reach further on both sides. */
      readonly range: TsRange;
    }>(),
    reply: z.custom<{
      readonly labels: Uint8Array;
      /** Columns of the kinds, as `packKinds`; null without any. */
      readonly kinds: Float64Array | null;
      readonly tookMs: number;
    }>(),
    internal: true,
    columns: true,
  },
  reset: { payload: z.custom<{ readonly series: readonly string[] }>(), internal: true },
  status: {
    about: "Series held and candles labelled since the thread started",
    payload: nothing,
    reply: z.strictObject({ series: z.number(), candles: z.number(), labels: z.number() }),
  },
});
