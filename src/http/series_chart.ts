/**
 * One series to look at: its last candles, their labels, and the events that are open.
 *
 * @module
 */

import { type OpenEvent, openEvents } from "../label/open_events.ts";
import { historyBars, type LabelParams } from "../label/params.ts";
import {
  type CandleBlock,
  LABEL_HIT_NAMES,
  type LabelBlock,
  LabelStatus,
  sliceCandles,
} from "../market/block.ts";
import type { LabelsOverview, SeriesChart } from "./label_schemas.ts";
import type { DataPort, LabelsAnswer, LabelsCounted } from "./port.ts";
import { goneProblem } from "./problem.ts";

/** Candles that are read for one answer: enough for the longest horizon, 0.6 MB. */
const TAIL_BARS_MAX = 12_000;
/** Digits of prices in the overview, which is sent every second. */
const PRICE_DIGITS = 10;

/** The end of a series with its open events; null = it is too long to know them. */
export interface SeriesEnd {
  /** Candles that the series has. */
  readonly count: number;
  /** The last of them, at least as many as asked for if there are. */
  readonly candles: CandleBlock;
  readonly open: readonly OpenEvent[] | null;
}

/** Reads the end of a series. O(bars + H). */
export async function seriesEnd(data: DataPort, series: string, bars: number): Promise<SeriesEnd> {
  const history = Math.min(TAIL_BARS_MAX, historyBars(data.params));
  const { count, candles } = await data.tail(series, Math.max(bars, history));
  const isEnough = count === candles.length || candles.length >= historyBars(data.params);
  return { count, candles, open: isEnough ? openEvents(candles, data.params) : null };
}

/**
 * The last `bars` candles of a series with all that is known of them.
 *
 * @throws {HttpProblem} code `gone`.
 */
export async function seriesChart(
  data: DataPort,
  series: string,
  bars: number,
): Promise<SeriesChart> {
  // First: what is committed while it reads may be missing, and must be news the next time.
  const seq = await data.seq();
  const end = await seriesEnd(data, series, bars);
  const { length } = end.candles;
  const candles = sliceCandles(end.candles, Math.max(0, length - bars), length);
  const fromTs = candles.length === 0 ? Infinity : candles.ts[0] as number;
  const lastTs = candles.length === 0 ? -Infinity : candles.ts[candles.length - 1] as number;
  const range = { series, fromTs, toTs: lastTs + 1, limit: Math.max(1, candles.length) };
  const labels = candles.length === 0 ? null : await data.labels({ ...range, asOf: null });
  if (labels?.state === "gone") throw goneProblem(labels.oldestSeq);
  const rows = labels === null ? emptyColumns() : labelColumns(labels);
  const decided = new Set(rows.ts);
  return {
    state: "ok",
    series,
    seq,
    count: end.count,
    params: shownParams(data.params),
    candles: {
      ts: [...candles.ts],
      open: [...candles.open],
      high: [...candles.high],
      low: [...candles.low],
      close: [...candles.close],
      volume: [...candles.volume],
    },
    labels: rows,
    // A commit between the two reads may have decided some.
    open: end.open?.filter(({ ts }) => ts >= fromTs && !decided.has(ts)) ?? null,
  };
}

type Columns = SeriesChart["labels"];

function emptyColumns(): Columns {
  return {
    ts: [],
    up: [],
    dn: [],
    label: [],
    hit: [],
    bars: [],
    exit: [],
    ret: [],
    horizon: [],
    revision: [],
  };
}

/** Rows whose barrier half is final. */
function labelColumns({ block, revisions }: LabelsAnswer): Columns {
  const columns = emptyColumns();
  for (let row = 0; row < block.length; row++) {
    if (block.tbStatus[row] === LabelStatus.final) addRow(columns, block, row, revisions[row] ?? 0);
  }
  return columns;
}

function addRow(columns: Columns, block: LabelBlock, row: number, revision: number): void {
  columns.ts.push(block.ts[row] as number);
  columns.up.push(block.up[row] as number);
  columns.dn.push(block.dn[row] as number);
  columns.label.push(block.label[row] as number);
  columns.hit.push(LABEL_HIT_NAMES[block.hit[row] as number] ?? "");
  columns.bars.push(block.bars[row] as number);
  columns.exit.push(block.exit[row] as number);
  columns.ret.push(block.tbRet[row] as number);
  columns.horizon.push(block.fhStatus[row] === LabelStatus.final);
  columns.revision.push(revision);
}

/** What the labels came to, as it is shown. */
export function shownOverview(counted: LabelsCounted, params: LabelParams): LabelsOverview {
  const { atMs, seq, forMs, minuteMs, kinds, corrections, latest } = counted;
  return {
    atMs,
    seq,
    params: shownParams(params),
    forMs,
    minuteMs,
    kinds: kinds.map(({ kind, total, perSecond, outcomes }) => ({
      kind,
      total,
      perSecond,
      outcomes: outcomes.map((one) => ({ ...one })),
    })),
    corrections: { ...corrections },
    latest: latest.map(({ close, up, dn, exit, ret, ...label }) => ({
      ...label,
      close: rounded(close),
      up: rounded(up),
      dn: rounded(dn),
      exit: rounded(exit),
      ret: Number(ret.toPrecision(6)),
    })),
  };
}

function rounded(price: number): number {
  return Number(price.toPrecision(PRICE_DIGITS));
}

/** Parameters of labels as a plain object. */
export function shownParams(
  { horizon, up, down, tie, vertical, maxGapMs, volatility }: LabelParams,
): LabelsOverview["params"] {
  return { horizon, up, down, tie, vertical, maxGapMs, volatility };
}
