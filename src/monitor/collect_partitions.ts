/**
 * What a node's ends of the partitions' streams say about themselves: writer and reader.
 *
 * @module
 */

import type { Finding, PartState } from "./finding.ts";
import type { MetricSpec } from "./metric_spec.ts";

/** Answer of the partition reader to `status`, as far as it is looked at. */
export interface PartitionReaderFigures {
  /** `away`: the streams cannot be reached. */
  readonly state: "ok" | "away";
  /** Partitions that it reads. */
  readonly partitions: number;
  /** Candles committed. */
  readonly rows: number;
  /** Times that a partition was read again from its committed cursor. */
  readonly retries: number;
  /** Entries that could not be read. */
  readonly damaged: number;
  /** Candles with the label pool. */
  readonly underWayRows: number;
  /** Entries that wait in its partitions. */
  readonly waitingEntries: number;
  /** Bytes of them. */
  readonly waitingBytes: number;
  /** Age of the oldest, ms; null when none waits. */
  readonly oldestMs: number | null;
  /** What went wrong last. */
  readonly lastError: string | null;
}

/** Answer of the partition writer to `status`, as far as it is looked at. */
export interface PartitionWriterFigures {
  /** `away`: the streams cannot be reached. */
  readonly state: "ok" | "away";
  /** Candles appended. */
  readonly rows: number;
  /** Batches refused for lack of room, or since the streams were away. */
  readonly refused: number;
  /** Batches that failed. */
  readonly failed: number;
  /** Bytes on their way. */
  readonly underWayBytes: number;
  /** Some of the partitions that had no room lately. */
  readonly fullPartitions: readonly number[];
  /** What went wrong last. */
  readonly lastError: string | null;
}

/** Candles that wait longer are a node that does not keep up: labels are due within a second. */
const LATE_MS = 10_000;

const gauge = (name: string, help: string) => ({ name, kind: "gauge", help }) as const;
const counter = (name: string, help: string) => ({ name, kind: "counter", help }) as const;

/** Metrics of a node's partitions. */
export const PARTITION_METRICS: readonly MetricSpec[] = [
  gauge("wick_streams_reachable", "1 while the partitions' streams can be reached, else 0"),
  gauge("wick_partitions_owned", "Partitions that this node reads"),
  gauge("wick_partitions_waiting_entries", "Entries that wait in this node's partitions"),
  gauge("wick_partitions_waiting_bytes", "Bytes of them"),
  gauge("wick_partitions_lag_seconds", "Age of the oldest of them"),
  gauge("wick_partitions_under_way_rows", "Candles with the label pool"),
  gauge("wick_partitions_full", "Partitions without room, as far as this node appended to them"),
  counter("wick_partitions_read_rows_total", "Candles read and committed"),
  counter("wick_partitions_retries_total", "Times that one was read again from its cursor"),
  counter("wick_partitions_damaged_total", "Entries that could not be read, each a dead letter"),
  counter("wick_partitions_appended_rows_total", "Candles appended"),
  counter("wick_partitions_refused_total", "Batches refused: no room, or no streams"),
  counter("wick_partitions_failed_total", "Batches that failed"),
];

/**
 * Measurements of a node's reader and writer; `part` is the name of both. Without the streams it is
 * down; one that is late, or refuses for lack of room, is degraded.
 */
export function partitionFinding(
  part: string,
  reader: PartitionReaderFigures,
  writer: PartitionWriterFigures,
): Finding {
  const isAway = reader.state === "away" || writer.state === "away";
  const { partitions, waitingEntries, oldestMs } = reader;
  const full = writer.fullPartitions;
  return {
    samples: [
      { name: "wick_streams_reachable", value: isAway ? 0 : 1 },
      { name: "wick_partitions_owned", value: partitions },
      { name: "wick_partitions_waiting_entries", value: waitingEntries },
      { name: "wick_partitions_waiting_bytes", value: reader.waitingBytes },
      { name: "wick_partitions_lag_seconds", value: (oldestMs ?? 0) / 1_000 },
      { name: "wick_partitions_under_way_rows", value: reader.underWayRows },
      { name: "wick_partitions_full", value: full.length },
      { name: "wick_partitions_read_rows_total", total: reader.rows },
      { name: "wick_partitions_retries_total", total: reader.retries },
      { name: "wick_partitions_damaged_total", total: reader.damaged },
      { name: "wick_partitions_appended_rows_total", total: writer.rows },
      { name: "wick_partitions_refused_total", total: writer.refused },
      { name: "wick_partitions_failed_total", total: writer.failed },
    ],
    parts: [{
      name: part,
      state: stateOf(isAway, (oldestMs ?? 0) > LATE_MS || full.length > 0),
      detail: {
        ...{ partitions, waitingEntries, oldestMs, fullPartitions: full },
        lastError: writer.lastError ?? reader.lastError,
      },
    }],
  };
}

function stateOf(isAway: boolean, isLate: boolean): PartState {
  if (isAway) return "down";
  return isLate ? "degraded" : "ok";
}
