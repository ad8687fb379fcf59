import { assertEquals } from "@std/assert";
import {
  PARTITION_METRICS,
  partitionFinding,
  type PartitionReaderFigures,
  type PartitionWriterFigures,
} from "../../src/monitor/collect_partitions.ts";

const reader: PartitionReaderFigures = {
  state: "ok",
  partitions: 128,
  rows: 1_000,
  retries: 1,
  damaged: 2,
  underWayRows: 30,
  waitingEntries: 4,
  waitingBytes: 5_000,
  oldestMs: 250,
  lastError: null,
};
const writer: PartitionWriterFigures = {
  state: "ok",
  rows: 900,
  refused: 6,
  failed: 7,
  underWayBytes: 0,
  fullPartitions: [],
  lastError: null,
};

Deno.test("partitionFinding() measures every metric that is declared, and no other", () => {
  const { samples } = partitionFinding("work/ingest/partitions", reader, writer);
  assertEquals(samples.map(({ name }) => name), PARTITION_METRICS.map(({ name }) => name));
  const values = Object.fromEntries(
    samples.map((sample) => [sample.name, "value" in sample ? sample.value : null]),
  );
  assertEquals(values["wick_partitions_lag_seconds"], 0.25);
  assertEquals(values["wick_streams_reachable"], 1);
});

Deno.test("partitionFinding() is down without streams, and degraded when late or full", () => {
  const state = (
    more: Partial<PartitionReaderFigures>,
    less: Partial<PartitionWriterFigures> = {},
  ) => partitionFinding("p", { ...reader, ...more }, { ...writer, ...less }).parts?.[0]?.state;
  assertEquals(state({}), "ok");
  assertEquals(state({ state: "away" }), "down");
  assertEquals(state({}, { state: "away" }), "down");
  assertEquals(state({ oldestMs: 11_000 }), "degraded");
  assertEquals(state({ oldestMs: null }), "ok");
  assertEquals(state({}, { fullPartitions: [3] }), "degraded");
});
