/**
 * The port behind which every file format of an export stands, and the two that are text.
 *
 * @module
 */

import type { ByteSink } from "../feed/file_bytes.ts";
import { csvText, type ExportColumn, type ExportRows, ndjsonText } from "./export_columns.ts";

/** What a file says about itself: keys begin with `wick.`. */
export type ExportMetadata = Readonly<Record<string, string>>;

/** Writes rows into a sink, which stays the caller's to finish or discard. */
export interface ExportWriter {
  /** Adds rows; one call at a time. */
  write(rows: ExportRows): Promise<void>;
  /** Writes what is left, and the metadata where the format has a place for it. */
  finish(metadata: ExportMetadata): Promise<void>;
}

/** Names of the formats. */
export const EXPORT_FORMATS = ["parquet", "arrow", "csv", "ndjson"] as const;

/** One of {@linkcode EXPORT_FORMATS}. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Whether a file of the format can say something about itself. */
export function holdsMetadata(format: ExportFormat): boolean {
  return format === "parquet" || format === "arrow";
}

/** The writer of a format. Those of Parquet and Arrow are loaded when they are asked for. */
export async function exportWriter(
  format: ExportFormat,
  columns: readonly ExportColumn[],
  sink: ByteSink,
): Promise<ExportWriter> {
  switch (format) {
    case "csv":
      return textWriter(`${columns.map(({ name }) => name).join(",")}\n`, csvText(columns), sink);
    case "ndjson":
      return textWriter("", ndjsonText(columns), sink);
    case "parquet":
      return (await import("./export_parquet.ts")).parquetWriter(columns, sink);
    case "arrow":
      return (await import("./export_arrow.ts")).arrowWriter(columns, sink);
  }
}

function textWriter(
  header: string,
  text: (rows: ExportRows) => string,
  sink: ByteSink,
): ExportWriter {
  const encoder = new TextEncoder();
  let isBegun = false;
  const begin = async () => {
    if (!isBegun && header !== "") await sink.write(encoder.encode(header));
    isBegun = true;
  };
  return {
    async write(rows) {
      await begin();
      await sink.write(encoder.encode(text(rows)));
    },
    finish: begin,
  };
}
