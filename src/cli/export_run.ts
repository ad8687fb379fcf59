/**
 * An export from its first page to the finished file, and the fingerprint of what is in it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ByteSink } from "../feed/file_bytes.ts";
import {
  csvText,
  dataColumns,
  type ExportColumn,
  rowsOf,
  seriesColumn,
  VERSION_COLUMNS,
} from "./export_columns.ts";
import { type ExportPage, exportPages, type ExportQuery } from "./export_pages.ts";
import {
  type ExportFormat,
  type ExportMetadata,
  type ExportWriter,
  exportWriter,
  holdsMetadata,
} from "./export_writer.ts";
import type { ServiceClient } from "./service_client.ts";

/** What was exported. */
export interface Exported {
  readonly rows: number;
  readonly bytes: number;
  /** What the file says about itself. */
  readonly metadata: ExportMetadata;
}

/** How an export is made. */
export interface ExportJob {
  readonly query: ExportQuery;
  readonly format: ExportFormat;
  /** Text formats hold revision and seq only when asked to; the others always do. */
  readonly withVersions: boolean;
  readonly sink: ByteSink;
  /** Told of the rows so far. */
  readonly onRows: (rows: number) => void;
}

/**
 * Reads everything and writes it into the sink, which is finished here; after an error it is the
 * caller's to discard.
 */
export async function runExport(client: ServiceClient, job: ExportJob): Promise<Exported> {
  const { query, format, withVersions } = job;
  const counted = countingSink(job.sink);
  let columns: readonly ExportColumn[] = [];
  let writer: ExportWriter | null = null;
  let print: Fingerprint | null = null;
  let rows = 0;
  let last: ExportPage | null = null;
  for await (const page of exportPages(client, query)) {
    if (writer === null || print === null) {
      // Whether labels have versions shows in the first answer.
      columns = columnsOf(query, format, withVersions && !page.isComputed);
      writer = await exportWriter(format, columns, counted.sink);
      print = new Fingerprint(query, page.paramHash);
    }
    const batch = rowsOf(columns, page.rows, page.series);
    print.add(page);
    await writer.write(batch);
    rows += batch.length;
    last = page;
    job.onRows(rows);
  }
  const metadata = metadataOf(job, last, rows, print?.text() ?? "");
  await writer?.finish(metadata);
  await job.sink.finish();
  return { rows, bytes: counted.bytes(), metadata };
}

function columnsOf(
  { kind, series, params }: ExportQuery,
  format: ExportFormat,
  withVersions: boolean,
): readonly ExportColumn[] {
  const isText = !holdsMetadata(format);
  // One series as text has the very columns of `wick label`; its name goes into the metadata.
  const withSeries = !isText || series.length > 1;
  return [
    ...(withSeries ? [seriesColumn(series)] : []),
    ...dataColumns(kind, kindsIn(params)),
    ...(kind === "labels" && withVersions ? VERSION_COLUMNS : []),
  ];
}

/** Further kinds that a request is for. */
function kindsIn({ kinds }: ExportQuery["params"]): string | undefined {
  return kinds === undefined ? undefined : String(kinds);
}

function metadataOf(
  { query, format }: ExportJob,
  last: ExportPage | null,
  rows: number,
  fingerprint: string,
): ExportMetadata {
  const asOf = last?.asOf ?? null;
  const paramHash = last?.paramHash ?? null;
  return {
    "wick.kind": query.kind,
    "wick.series": query.series.join(","),
    "wick.format": format,
    "wick.rows": String(rows),
    ...(query.from === undefined ? {} : { "wick.from": String(query.from) }),
    ...(query.to === undefined ? {} : { "wick.to": String(query.to) }),
    ...(asOf === null ? {} : { "wick.as_of": String(asOf) }),
    ...(paramHash === null ? {} : { "wick.param_hash": paramHash }),
    ...(Object.keys(query.params).length === 0
      ? {}
      : { "wick.params": JSON.stringify(query.params) }),
    "wick.fingerprint": fingerprint,
  };
}

/**
 * SHA-256 over what was asked for and the rows, the same in every format and however they came in
 * pages: a line of JSON `{"from","kind","paramHash","to"}`, then per series its name on a line and
 * its rows as CSV lines as `wick label` writes them, without a header. Revisions are no part of it.
 * With kinds the first line has them, too, at its end: `"kinds":"drawdown,flip"`.
 */
export class Fingerprint {
  readonly #hash = createHash("sha256");
  readonly #columns: readonly ExportColumn[];
  #series: string | null = null;

  constructor({ kind, from, to, params }: ExportQuery, paramHash: string | null) {
    const kinds = kindsIn(params);
    this.#columns = dataColumns(kind, kinds);
    const without = { from: from ?? null, kind, paramHash, to: to ?? null };
    const asked = kinds === undefined ? without : { ...without, kinds };
    this.#hash.update(`${JSON.stringify(asked)}\n`);
  }

  /** Adds the rows of a page. */
  add({ series, rows }: Pick<ExportPage, "series" | "rows">): void {
    if (series !== this.#series) this.#hash.update(`${series}\n`);
    this.#series = series;
    this.#hash.update(csvText(this.#columns)(rowsOf(this.#columns, rows, series)));
  }

  /** `sha256:` and 64 hex digits. Ends it. */
  text(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}

function countingSink(sink: ByteSink): { readonly sink: ByteSink; bytes(): number } {
  let bytes = 0;
  return {
    sink: {
      write(chunk) {
        bytes += chunk.length;
        return sink.write(chunk);
      },
      finish: () => sink.finish(),
      discard: () => sink.discard(),
    },
    bytes: () => bytes,
  };
}
