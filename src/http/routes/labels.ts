/**
 * Routes about labels: pages of stored and of computed ones, and the stream.
 *
 * @module
 */

import type { z } from "zod";
import { type LabelParams, labelParams, paramHash } from "../../label/params.ts";
import type { LabelBlock } from "../../market/block.ts";
import { isSeries } from "../../market/series.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { blankCells, fillCells, type LabelCells } from "../../label/row_cells.ts";
import { assertPlace, labelStream, parsePlace } from "../label_stream.ts";
import { pageResponse } from "../page_body.ts";
import type { DataPort } from "../port.ts";
import { goneProblem, HttpProblem, refusedProblem, retryAfter } from "../problem.ts";
import { respond } from "../respond.ts";
import type { labelsQuery } from "../schemas.ts";
import { rangeOf } from "./range.ts";

type Query = z.output<typeof labelsQuery>;

/** What a page of labels is made of, wherever they come from. */
interface Found {
  readonly block: LabelBlock;
  readonly blank: () => LabelCells;
  readonly fill: (row: LabelCells, i: number) => void;
  readonly about: Readonly<Record<string, unknown>>;
}

/** A stored label. */
interface StoredCells extends LabelCells {
  seq: number;
  revision: number;
}

/** See the module's text. */
export function labelRoutes(
  { port, streams, limits, clock }: Surroundings,
): Pick<Handlers, "/api/labels" | "/api/labels/stream"> {
  const { data, log } = port;
  const storedHash = paramHash(data.params);
  return {
    "/api/labels": {
      get: async ({ query }, { request }) => {
        const params = paramsOf(query, data.params);
        const isStored = paramHash(params) === storedHash;
        const { block, blank, fill, about } = isStored
          ? await stored(data, query)
          : await computed(data, query, params);
        const length = Math.min(block.length, query.limit);
        const next = block.length > length ? String(block.ts[length]) : null;
        const whole = { series: query.series, paramHash: block.paramHash, ...about };
        return pageResponse(
          { length, blank, fill, next, about: whole },
          request.headers.get("accept"),
        );
      },
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

function notReady(waitingFor: readonly string[]): HttpProblem {
  const detail = `Cannot stream yet: the service waits for ${waitingFor.join(", ")}`;
  return new HttpProblem(503, "not_ready", detail, {}, retryAfter(1_000));
}

/** The parameters asked for; what is left out is as stored. */
function paramsOf(query: Query, stored: LabelParams): LabelParams {
  const { horizon, up, down, tie, vertical, maxGapMs, volatility } = query;
  return labelParams({ horizon, up, down, tie, vertical, maxGapMs, volatility }, stored);
}

async function stored(data: DataPort, query: Query): Promise<Found> {
  const found = await data.labels(rangeOf(query, 1));
  if (found.state === "gone") throw goneProblem(found.oldestSeq);
  const { block, revisions, seqs, seq } = found;
  const blank = (): StoredCells => ({ seq: 0, revision: 0, ...blankCells() });
  const fill = (row: LabelCells, i: number) => {
    const cells = row as StoredCells;
    cells.seq = seqs[i] as number;
    cells.revision = revisions[i] as number;
    fillCells(cells, block, i);
  };
  return { block, blank, fill, about: { source: "stored", seq, tookMs: 0, cacheHit: false } };
}

async function computed(data: DataPort, query: Query, params: LabelParams): Promise<Found> {
  if (query.asOf !== undefined) {
    throw new HttpProblem(422, "shape", "Cannot answer as of a commit: only stored labels can", {
      issues: [{ path: "query.asOf", message: "expected none beside other parameters" }],
    });
  }
  const { series, fromTs, toTs, limit } = rangeOf(query, 1);
  const { priority } = query;
  const found = await data.compute({ series, fromTs, toTs, limit, params, priority });
  if (found.state === "refused") throw refusedProblem(found);
  const { block, tookMs, cacheHit } = found;
  const fill = (row: LabelCells, i: number) => fillCells(row, block, i);
  return {
    block,
    blank: blankCells,
    fill,
    about: { source: "computed", seq: null, tookMs, cacheHit },
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
