/**
 * Pages of labels over HTTP: how long they take, and whether every row is the pure labeler's, byte
 * for byte as the file formatter writes it.
 *
 * @module
 */

import { LabelFormatter } from "../../src/label/format.ts";
import { DEFAULT_PARAMS, type LabelParams, paramHash } from "../../src/label/params.ts";
import { selectRows } from "../../src/label/rows.ts";
import { labelCandles } from "../../src/label/label_candles.ts";
import { verify } from "../support/workload.ts";
import { HELD_SERIES, type HeldService } from "./held.ts";
import { PageClient } from "./page_client.ts";
import { expectedLabels } from "./stored.ts";

/** Rows of a page. */
export const PAGE_ROWS = 10_000;
/** First candles that pages begin at. */
const FROM_BARS_MAX = 1_500;
/** Requests before those that count. */
const WARM_REQUESTS = 100;

/** How a page is asked for. */
export type PageFormat = "json" | "ndjson";

const ACCEPT: Readonly<Record<PageFormat, string>> = {
  json: "application/json",
  ndjson: "application/x-ndjson",
};

/** One answer, whole; its bytes are good until the next one. */
export async function fetchPage(
  client: PageClient,
  url: string,
  format: PageFormat,
): Promise<{ readonly bytes: Uint8Array; readonly tookMs: number }> {
  const { status, bytes, tookMs } = await client.get(url, ACCEPT[format]);
  if (status === 200) return { bytes, tookMs };
  const text = new TextDecoder().decode(bytes.subarray(0, 500));
  throw new Error(`Cannot trust this run: ${status} ${text}`);
}

/**
 * Times of requests one after the other, ms, each for other rows; what comes first is compared, and
 * the length of each after that.
 */
export async function pageTimes(
  held: HeldService,
  format: PageFormat,
  requests: number,
): Promise<number[]> {
  using client = await PageClient.connect(held.url);
  for (let series = 0; series < HELD_SERIES; series++) {
    await checkPage(client, held, format, series);
  }
  const times: number[] = [];
  for (let request = -WARM_REQUESTS; request < requests; request++) {
    const series = (request + WARM_REQUESTS) % HELD_SERIES;
    const bar = fromBar(request + WARM_REQUESTS);
    const { bytes, tookMs } = await fetchPage(client, held.page(series, bar, PAGE_ROWS), format);
    verify("rows of a page", rowsIn(bytes), PAGE_ROWS);
    if (request >= 0) times.push(tookMs);
  }
  return times;
}

/** Pages begin anywhere: a prime step goes through all candles before it repeats. */
function fromBar(request: number): number {
  return 20 + (request * 373) % FROM_BARS_MAX;
}

/** Every row has one `"ts":`; cheaper than reading 5 MB of JSON a few hundred times. */
function rowsIn(bytes: Uint8Array): number {
  let rows = 0;
  for (let at = bytes.indexOf(COLON); at >= 0; at = bytes.indexOf(COLON, at + 1)) {
    if (bytes[at - 1] === 0x22 && bytes[at - 2] === 0x73 && bytes[at - 3] === 0x74) {
      if (bytes[at - 4] === 0x22) rows++;
    }
  }
  return rows;
}

const COLON = 0x3a;

async function checkPage(
  client: PageClient,
  held: HeldService,
  format: PageFormat,
  series: number,
): Promise<void> {
  const bar = fromBar(series);
  const { bytes } = await fetchPage(client, held.page(series, bar, PAGE_ROWS), format);
  const stored = expectedLabels(held.candles(series));
  const fromTs = held.candles(series).ts[bar] as number;
  verifyRows(bytes, format, firstRows(stored, fromTs));
}

function firstRows(labels: ReturnType<typeof expectedLabels>, fromTs: number) {
  const first = labels.ts.findIndex((ts) => ts >= fromTs);
  return selectRows(labels, (row) => row >= first && row < first + PAGE_ROWS);
}

/** What is asked for with other parameters: every candle from `bar` on. */
export function computedRows(held: HeldService, series: number, bar: number, params: LabelParams) {
  const rows = labelCandles(held.candles(series), params, paramHash(params));
  return selectRows(rows, (row) => row >= bar && row < bar + PAGE_ROWS);
}

/** @throws {Error} when a page holds other rows than `labels`. */
export function verifyRows(
  bytes: Uint8Array,
  format: PageFormat,
  labels: ReturnType<typeof expectedLabels>,
): void {
  const text = new TextDecoder().decode(bytes);
  const rows = format === "json"
    ? (JSON.parse(text) as { rows: Record<string, unknown>[] }).rows
    : text.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  verify("rows of a page", rows.length, labels.length);
  const found = rows.map(({ seq: _seq, revision: _revision, ...label }) => JSON.stringify(label));
  const expected = new TextDecoder().decode(new LabelFormatter("ndjson").rows(labels));
  const lines = expected.trimEnd().split("\n");
  verify("first row that differs", lines.findIndex((line, row) => found[row] !== line), -1);
}

/** Parameters that nothing is stored under. */
export const OTHER_PARAMS: LabelParams = { ...DEFAULT_PARAMS, horizon: 12 };
