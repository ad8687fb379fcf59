/**
 * Shapes of what the page about labels shows: what labels came to, and one series with its labels
 * and open events.
 *
 * @module
 */

import { z } from "zod";
import { LATEST_LABELS_MAX, OUTCOME_KINDS, OUTCOMES } from "../label/label_tally.ts";
import { HORIZON_MAX, VOLATILITIES } from "../label/params.ts";
import { seq, series } from "./schemas.ts";

/** Most candles of a chart: more than a screen has room for. */
export const CHART_BARS_MAX = 500;
/** Candles of a chart unless asked for otherwise. */
export const CHART_BARS_DEFAULT = 250;

const total = z.int().min(0);
const outcomes = [...new Set(OUTCOMES.map(({ outcome }) => outcome))];
const barrierOutcomes = OUTCOMES.filter(({ kind }) => kind === "barrier")
  .map(({ outcome }) => outcome);
const atMs = z.number().meta({ description: "Epoch ms" });

/** The parameters under which labels are stored. */
export const labelParameters = z.strictObject({
  horizon: z.int().min(1).max(HORIZON_MAX),
  up: z.number(),
  down: z.number(),
  tie: z.enum(["lower", "upper"]),
  vertical: z.enum(["zero", "sign"]),
  maxGapMs: z.int(),
  volatility: z.enum(VOLATILITIES),
}).meta({ id: "LabelParameters" });

/** A label that became final, or was corrected. */
export const latestLabel = z.strictObject({
  seq: seq.meta({ description: "Commit that wrote it" }),
  atMs: z.number().meta({ description: "Epoch ms of that commit" }),
  series,
  ts: z.number(),
  outcome: z.enum(barrierOutcomes),
  label: z.int().min(-1).max(1),
  close: z.number().meta({ description: "Prices to ten digits; /api/labels has all of them" }),
  up: z.number(),
  dn: z.number(),
  exit: z.number(),
  ret: z.number(),
  bars: z.int(),
  revision: z.int().min(0).meta({ description: "0 = never corrected" }),
  removed: z.boolean().meta({ description: "The label has ceased to be" }),
}).meta({ id: "LatestLabel" });

/** What the labels of all series came to. */
export const labelsOverview = z.strictObject({
  atMs,
  seq: seq.meta({ description: "Last commit that is counted" }),
  params: labelParameters,
  forMs: z.number().meta({ description: "Time that it counts for: since the label pool started" }),
  minuteMs: z.number().meta({ description: "Time that the last minute is over" }),
  kinds: z.array(z.strictObject({
    kind: z.enum(OUTCOME_KINDS),
    total,
    perSecond: z.number().min(0).meta({ description: "Over the last minute" }),
    outcomes: z.array(z.strictObject({ outcome: z.enum(outcomes), total, lastMinute: total })),
  })),
  corrections: z.strictObject({ total, lastMinute: total }),
  latest: z.array(latestLabel).max(LATEST_LABELS_MAX)
    .meta({ description: "The latest first" }),
}).meta({ id: "LabelsOverview" });

/** Query of a chart. */
export const chartQuery = z.strictObject({
  bars: z.int().min(1).max(CHART_BARS_MAX).default(CHART_BARS_DEFAULT)
    .meta({ description: "The last so many candles" }),
  after: seq.optional().meta({
    description: "`seq` of the answer before: nothing but the news that nothing came is sent",
  }),
});

/** An event that is not decided. */
export const openEvent = z.strictObject({
  ts: z.number(),
  close: z.number(),
  atr: z.number(),
  up: z.number(),
  dn: z.number(),
  barsElapsed: z.int().min(0),
  barsLeft: z.int().min(1).meta({ description: "Candles until its horizon ends" }),
}).meta({ id: "OpenEvent" });

const open = z.array(openEvent).nullable().meta({
  description: "Null with `ewma`, when a series is too long to be labelled anew for this",
});

/** Open events of a series. */
export const openEventsReply = z.strictObject({
  series,
  seq,
  lastTs: z.number().nullable(),
  params: labelParameters,
  open,
}).meta({ id: "OpenEvents" });

const numbers = z.array(z.number());

/** The last candles of a series, their labels and its open events, as columns. */
export const chartReply = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("same"), series, seq }),
  z.strictObject({
    state: z.literal("ok"),
    series,
    seq,
    count: z.int().meta({ description: "Candles that the series has" }),
    params: labelParameters,
    candles: z.strictObject({
      ts: numbers,
      open: numbers,
      high: numbers,
      low: numbers,
      close: numbers,
      volume: numbers,
    }),
    labels: z.strictObject({
      ts: numbers,
      up: numbers,
      dn: numbers,
      label: z.array(z.int()),
      hit: z.array(z.enum(barrierOutcomes)),
      bars: z.array(z.int()).meta({ description: "Candles from the event to its exit" }),
      exit: numbers,
      ret: numbers,
      horizon: z.array(z.boolean()).meta({ description: "Its horizon has ended, too" }),
      revision: z.array(z.int()),
    }).meta({ description: "Labels of these candles whose barrier half is final" }),
    open,
  }),
]).meta({ id: "SeriesChart" });

/** What the labels of all series came to. */
export type LabelsOverview = z.output<typeof labelsOverview>;

/** The last candles of a series, with what is known of them. */
export type SeriesChart = Extract<z.output<typeof chartReply>, { state: "ok" }>;
