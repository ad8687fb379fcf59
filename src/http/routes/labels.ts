/**
 * Routes about labels: pages of stored and of computed ones, the stream, what they came to, one
 * series to look at, and webhooks.
 *
 * @module
 */

import type { z } from "zod";
import type { KindColumns } from "../../label/kinds/columns.ts";
import { kindRowsMax } from "../../label/kinds/kind_labeler.ts";
import { parseKinds } from "../../label/kinds/registry.ts";
import { type LabelParams, labelParams, paramHash } from "../../label/params.ts";
import type { LabelBlock } from "../../market/block.ts";
import { isSeries } from "../../market/series.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { LabelFormatter, type RowOrigin } from "../../label/format.ts";
import { parsePlace } from "../label_lines.ts";
import { assertPlace, labelStream } from "../label_stream.ts";
import { FormatterPool } from "../formatter_pool.ts";
import { LabelPieces, TextMemories } from "../label_pieces.ts";
import { type Page, type PageFormat, pageResponse, rowPieces, wantsNdjson } from "../page_body.ts";
import type { DataPort, Gone, LabelTextAnswer } from "../port.ts";
import { goneProblem, HttpProblem, refusedProblem, retryAfter } from "../problem.ts";
import { respond } from "../respond.ts";
import type { labelsQuery } from "../schemas.ts";
import { seriesChart, seriesEnd, shownOverview, shownParams } from "../series_chart.ts";
import { rangeOf } from "./range.ts";

type Query = z.output<typeof labelsQuery>;

type Formatters = Readonly<Record<PageFormat, FormatterPool>>;

/** What a page of labels is made of, wherever they come from. */
interface Found {
  readonly block: LabelBlock;
  /** What the store knows of each row; null = they are not from there. */
  readonly origin: RowOrigin | null;
  /** Kinds asked for. */
  readonly kinds?: { readonly names: readonly string[]; readonly columns: KindColumns };
  readonly about: Readonly<Record<string, unknown>>;
}

type Paths =
  | "/api/labels"
  | "/api/labels/overview"
  | "/api/labels/stream"
  | "/api/series/:series/chart"
  | "/api/series/:series/open-events"
  | "/api/webhooks";

/** See the module's text. */
export function labelRoutes(
  { port, streams, limits, clock }: Surroundings,
): Pick<Handlers, Paths> {
  const { data, log } = port;
  const storedHash = paramHash(data.params);
  const formatters = { json: new FormatterPool("json"), ndjson: new FormatterPool("ndjson") };
  const memories = new TextMemories();
  const shared = { json: new LabelFormatter("json"), ndjson: new LabelFormatter("ndjson") };
  return {
    "/api/labels": {
      get: async ({ query: asked }, call) => {
        const params = paramsOf(asked, data.params);
        const limit = rowsMax(asked, params);
        const query = { ...asked, limit };
        const isStored = paramHash(params) === storedHash && query.kinds === undefined;
        const format = wantsNdjson(call.request.headers.get("accept")) ? "ndjson" : "json";
        if (isStored && data.labelText !== undefined) {
          const found = await data.labelText(rangeOf(query, 0), format, memories.take());
          return await pageResponse(textPage(query, found, memories, shared), call);
        }
        const found = isStored ? await stored(data, query) : await computed(data, query, params);
        return await pageResponse(rowPage(query, found, formatters), call);
      },
    },
    "/api/labels/overview": {
      get: async () => shownOverview(await data.labelsCounted(), data.params),
    },
    "/api/series/:series/chart": {
      get: async ({ param: { series }, query: { bars, after } }) => {
        // A seq above that of the store is of another store. The answer says the same seq again: a
        // commit that the pool has not heard of yet must be news the next time.
        const isSame = after !== undefined && after <= await data.seq() &&
          await data.touchedSeq(series) <= after;
        return isSame
          ? { state: "same", series, seq: after }
          : await seriesChart(data, series, bars);
      },
    },
    "/api/series/:series/open-events": {
      get: async ({ param: { series } }) => {
        const seq = await data.seq();
        const { candles, open } = await seriesEnd(data, series, 1);
        const lastTs = candles.length === 0 ? null : candles.ts[candles.length - 1] as number;
        const params = shownParams(data.params);
        return { series, seq, lastTs, params, open: open === null ? null : [...open] };
      },
    },
    "/api/webhooks": {
      get: async () => ({ webhooks: [...await port.webhooks()] }),
    },
    "/api/labels/stream": {
      get: async ({ query }, { request }) => {
        const isEvents = /text\/event-stream/i.test(request.headers.get("accept") ?? "");
        // Until then nobody knows the last commit, and no place could be told from a wrong one.
        const waitingFor = port.waitingFor();
        if (waitingFor.length > 0) throw notReady(waitingFor);
        const last = request.headers.get("last-event-id");
        const from = last !== null && /^\d{1,16}-\d{1,10}$/.test(last) ? last : query.after;
        const after = from === undefined ? { seq: log.seq(), row: Infinity } : parsePlace(from);
        await assertPlace(log, after);
        const series = seriesOf(query.series);
        const options = { after, series, isEvents, heartbeatMs: limits.heartbeatMs, clock };
        const body = streams.open((signal) => labelStream(log, options, signal));
        const type = isEvents ? "text/event-stream" : "application/x-ndjson";
        return respond(body, type, 200, { vary: "accept", "x-accel-buffering": "no" });
      },
    },
  };
}

/** A page of which the store writes rows. */
function textPage(
  { series }: Query,
  found: LabelTextAnswer | Gone,
  memories: TextMemories,
  shared: Readonly<Record<PageFormat, LabelFormatter>>,
): Page {
  if (found.state === "gone") throw goneProblem(found.oldestSeq);
  const { paramHash, seq, page } = found;
  return {
    pieces: (format) => new LabelPieces(found, memories, shared[format]),
    next: page.next === null ? null : String(page.next),
    about: { series, paramHash, ...storedAt(seq) },
  };
}

/** A page whose rows are written here. */
function rowPage(
  { series, limit }: Query,
  { block, origin, kinds, about }: Found,
  formatters: Formatters,
): Page {
  const length = Math.min(block.length, limit);
  return {
    pieces(format) {
      const pool = formatters[format];
      const formatter = kinds === undefined ? pool.take() : new LabelFormatter(format, kinds.names);
      const write = (from: number, to: number) =>
        formatter.view(block, from, to, origin, kinds?.columns);
      const release = () => kinds === undefined ? pool.give(formatter) : undefined;
      return rowPieces(length, write, release);
    },
    next: block.length > length ? String(block.ts[length]) : null,
    about: { series, paramHash: block.paramHash, ...about },
  };
}

function storedAt(seq: number) {
  return { source: "stored", seq, tookMs: 0, cacheHit: false };
}

function notReady(waitingFor: readonly string[]): HttpProblem {
  const detail = `Cannot stream yet: the service waits for ${waitingFor.join(", ")}`;
  return new HttpProblem(503, "not_ready", detail, {}, retryAfter(1_000));
}

/** The parameters asked for; what is left out is as stored. */
function paramsOf(query: Query, stored: LabelParams): LabelParams {
  const { horizon, up, down, tie, vertical, maxGapMs, volatility } = query;
  return labelParams({ horizon, up, down, tie, vertical, maxGapMs, volatility }, stored);
}

/** Rows of a page: those asked for, or fewer where so many kinds look at so many bars. */
function rowsMax({ limit, kinds }: Query, params: LabelParams): number {
  // One more is read, to see whether there is a next page.
  return kinds === undefined ? limit : Math.min(limit, kindRowsMax(params, parseKinds(kinds)) - 1);
}

async function stored(data: DataPort, query: Query): Promise<Found> {
  const found = await data.labels(rangeOf(query, 1));
  if (found.state === "gone") throw goneProblem(found.oldestSeq);
  const { block, revisions, seqs, seq } = found;
  return { block, origin: { revisions, seqs }, about: storedAt(seq) };
}

async function computed(data: DataPort, query: Query, params: LabelParams): Promise<Found> {
  if (query.asOf !== undefined) {
    throw new HttpProblem(422, "shape", "Cannot answer as of a commit: only stored labels can", {
      issues: [{ path: "query.asOf", message: "expected none beside other parameters or kinds" }],
    });
  }
  const { series, fromTs, toTs, limit } = rangeOf(query, 1);
  const { priority, kinds } = query;
  const asked = { series, fromTs, toTs, limit, params, priority };
  const found = await data.compute(kinds === undefined ? asked : { ...asked, kinds });
  if (found.state === "refused") throw refusedProblem(found);
  const { block, tookMs, cacheHit } = found;
  const about = { source: "computed", seq: null, tookMs, cacheHit };
  if (kinds === undefined) return { block, origin: null, about };
  const parsed = parseKinds(kinds);
  return {
    block,
    origin: null,
    kinds: { names: parsed.map(({ name }) => name), columns: found.kinds ?? [] },
    about: { ...about, kinds: parsed.map(({ text }) => text) },
  };
}

function seriesOf(text: string | undefined): ReadonlySet<string> | null {
  if (text === undefined) return null;
  const keys = text.split(",");
  const wrong = keys.find((key) => !isSeries(key));
  if (wrong === undefined) return new Set(keys);
  throw new HttpProblem(422, "shape", "Cannot read the series", {
    issues: [{ path: "query.series", message: "expected INSTRUMENT:GRANULARITY, by commas" }],
    found: wrong.slice(0, 64),
  });
}
