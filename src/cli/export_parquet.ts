/**
 * Parquet files, row group by row group: memory does not grow with the file.
 *
 * @module
 */

import type { ByteSink } from "../feed/file_bytes.ts";
import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { ExportColumn, ExportRows } from "./export_columns.ts";
import type { ExportMetadata, ExportWriter } from "./export_writer.ts";

/**
 * Rows of a group: what readers skip or read at once. 65,536 rows of 27 columns are some 14 MB here
 * and 6 MB in the file.
 */
const GROUP_ROWS = 65_536;

/** Collects what is encoded until it is taken. */
class GroupWriter extends ByteWriter {
  /** What was written since the last time; the memory is used again. */
  taken(): Uint8Array {
    const bytes = this.getBytes().slice();
    this.index = 0;
    return bytes;
  }
}

/** A writer of Parquet; times are timestamps in ms, UTC, words strings by dictionary. */
export function parquetWriter(columns: readonly ExportColumn[], sink: ByteSink): ExportWriter {
  const bytes = new GroupWriter();
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: [{ name: "root", num_children: columns.length }, ...columns.map(elementOf)],
    createdBy: "wick",
  });
  let group: ExportRows[] = [];
  let rows = 0;
  const flush = async () => {
    if (rows > 0) {
      const columnData = columns.map((column, at) => ({
        name: column.name,
        data: joined(column, group.map(({ values, length }) => values[at]?.subarray(0, length))),
      }));
      parquet.write({ columnData, rowGroupSize: rows });
    }
    group = [];
    rows = 0;
    await sink.write(bytes.taken());
  };
  return {
    async write(more) {
      group.push(more);
      rows += more.length;
      if (rows >= GROUP_ROWS) await flush();
    },
    async finish(metadata: ExportMetadata) {
      await flush();
      parquet.kvMetadata = Object.entries(metadata).map(([key, value]) => ({ key, value }));
      parquet.finish();
      const footer = bytes.taken();
      await sink.write(parquet.row_groups.length > 0 ? footer : withoutGroups(footer));
    },
  };
}

/** `num_rows` (0, i64) and the head of the list `row_groups` (0 elements) in Thrift's compact form. */
const NO_GROUPS = [0x16, 0x00, 0x19, 0x00];
/** A list of structs in Thrift's compact form; the library says none where a list is empty. */
const STRUCTS = 0x0c;

/** The footer of a file without rows, with the type of its empty list as readers expect it. */
function withoutGroups(footer: Uint8Array): Uint8Array {
  const at = footer.findIndex((_, from) => NO_GROUPS.every((byte, i) => footer[from + i] === byte));
  if (at >= 0) footer[at + NO_GROUPS.length - 1] = STRUCTS;
  return footer;
}

function elementOf({ name, type }: ExportColumn): SchemaElement {
  const optional = { name, repetition_type: "OPTIONAL" } as const;
  switch (type) {
    case "time":
      return {
        name,
        repetition_type: "REQUIRED",
        type: "INT64",
        converted_type: "TIMESTAMP_MILLIS",
        logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MILLIS" },
      };
    case "double":
      return { ...optional, type: "DOUBLE" };
    case "word":
      return {
        ...optional,
        type: "BYTE_ARRAY",
        converted_type: "UTF8",
        logical_type: { type: "STRING" },
      };
    case "int8":
      // Without a logical type: the library doubles its width, and readers refuse the file.
      return { ...optional, type: "INT32", converted_type: "INT_8" };
    case "int16":
      return { ...optional, type: "INT32", converted_type: "INT_16" };
    case "int32":
      return { ...optional, type: "INT32" };
    case "int64":
      return { ...optional, type: "INT64" };
  }
}

type Cell = number | bigint | string | null;

function joined(column: ExportColumn, parts: readonly (Float64Array | undefined)[]): Cell[] {
  const cells: Cell[] = [];
  for (const part of parts) for (const value of part ?? []) cells.push(cellOf(column, value));
  return cells;
}

function cellOf({ type, words }: ExportColumn, value: number): Cell {
  if (Number.isNaN(value)) return null;
  if (type === "word") return words[value] ?? null;
  return type === "int64" || type === "time" ? BigInt(value) : value;
}
