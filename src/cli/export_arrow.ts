/**
 * Arrow IPC files. The format has its metadata in front and one dictionary per column, so a file is
 * made in memory and written at its end.
 *
 * @module
 */

import {
  Column,
  columnFromValues,
  type DataType,
  dictionary,
  field,
  float64,
  int16,
  int32,
  int64,
  int8,
  Table,
  tableToIPC,
  timestamp,
  TimeUnit,
  utf8,
} from "@uwdata/flechette";
import { type ByteSink } from "../feed/file_bytes.ts";
import type { ExportColumn, ExportRows } from "./export_columns.ts";
import type { ExportMetadata, ExportWriter } from "./export_writer.ts";

/** Most rows of a file: with what is made of them they take some 500 MB. */
export const ARROW_ROWS_MAX = 1_000_000;

/** Rows of a record batch. */
const BATCH_ROWS = 65_536;

/** More rows than an Arrow file can take here. */
export class ArrowTooLong extends Error {
  override readonly name = "ArrowTooLong";

  constructor() {
    super(
      `Cannot write Arrow: expected at most ${ARROW_ROWS_MAX} rows, which are held in memory: ` +
        `use parquet, or a shorter range`,
    );
  }
}

/** A writer of Arrow IPC files; times are timestamps in ms, UTC, words dictionaries. */
export function arrowWriter(columns: readonly ExportColumn[], sink: ByteSink): ExportWriter {
  const parts: ExportRows[] = [];
  let rows = 0;
  return {
    // deno-lint-ignore require-await -- too many rows reject the promise
    async write(more) {
      rows += more.length;
      if (rows > ARROW_ROWS_MAX) throw new ArrowTooLong();
      parts.push(more);
    },
    async finish(metadata: ExportMetadata) {
      const made = columns.map((column, at) =>
        rows === 0 ? emptyColumn(column) : columnFromValues(
          (take: (value: unknown) => void) => {
            for (const { values, length } of parts) {
              for (let row = 0; row < length; row++) take(cellOf(column, values[at]?.[row] ?? NaN));
            }
          },
          typeOf(column),
          { maxBatchRows: BATCH_ROWS },
        )
      );
      const bytes = tableToIPC(tableOf(columns, made, metadata), { format: "file" });
      if (bytes !== null) await sink.write(bytes);
    },
  };
}

/** A column with one batch of no rows: some readers refuse a file without a batch. */
function emptyColumn(column: ExportColumn): Column<unknown> {
  const { data: [batch], type } = columnFromValues([cellOf(column, 0)], typeOf(column));
  if (batch !== undefined) batch.length = batch.nullCount = 0;
  return new Column(batch === undefined ? [] : [batch], type);
}

function tableOf(
  columns: readonly ExportColumn[],
  made: Column<unknown>[],
  metadata: ExportMetadata,
): Table {
  const fields = columns.map(({ name, type }, at) =>
    field(name, (made[at] as Column<unknown>).type, type !== "time")
  );
  return new Table({ fields, metadata: new Map(Object.entries(metadata)) }, made);
}

function typeOf({ type }: ExportColumn): DataType {
  switch (type) {
    case "time":
      return timestamp(TimeUnit.MILLISECOND, "UTC");
    case "double":
      return float64();
    case "word":
      return dictionary(utf8(), int32());
    case "int8":
      return int8();
    case "int16":
      return int16();
    case "int32":
      return int32();
    case "int64":
      return int64();
  }
}

function cellOf({ type, words }: ExportColumn, value: number): unknown {
  if (Number.isNaN(value)) return null;
  if (type === "word") return words[value] ?? null;
  return type === "int64" ? BigInt(value) : value;
}
